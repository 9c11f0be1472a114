"""How words on the command line become numbers."""

from __future__ import annotations

import argparse

import pytest

from napari_deepblur.cli.arguments import noll_modes, reader


@pytest.mark.parametrize(
    "text, modes", [("4-11", tuple(range(4, 12))), ("4,7,8", (4, 7, 8)), ("4-6,11", (4, 5, 6, 11)), ("5", (5,))]
)
def test_modes(text: str, modes: tuple[int, ...]):
    assert noll_modes(text) == modes


@pytest.mark.parametrize("text", ["", "coma", "4-", "4;5", "4.5", "11-4"])
def test_words_are_no_modes(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="expected such as 4-11"):
        noll_modes(text)


@pytest.mark.parametrize("text", ["4-1000000000000", "1000000000000", "4,5-20000"])
def test_no_list_of_modes_takes_all_memory(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="beyond Noll 10000"):
        noll_modes(text)


def test_a_number_or_a_word():
    side = reader({"count": None, "kind": "int", "words": ["auto", "none"]})
    assert [side(text) for text in ("auto", "none", "256")] == ["auto", "none", 256]
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number or auto or none"):
        side("half")
