"""One way to say how far a computation has come, to run it to its end, and to make it a part of another."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.progress import Progress, changed, finished, within


class _Part:
    """A computation that says whether it was left in order."""

    def __init__(self, *done: int, total: int = 4, detail: str = "") -> None:
        self.done, self.total, self.detail = done, total, detail
        self.left = False

    def steps(self) -> Generator[Progress, None, str]:
        try:
            for done in self.done:
                yield Progress("deblur", done, self.total, self.detail)
        finally:
            self.left = True
        return "value"


def test_a_computation_runs_to_its_end_and_gives_its_value() -> None:
    seen: list[Progress] = []
    assert finished(_Part(0, 1, 4).steps()) == "value"
    assert finished(_Part(0, 1, 4).steps(), seen.append) == "value"
    assert [step.done for step in seen] == [0, 1, 4]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_interrupted_computation_is_closed(error: BaseException) -> None:
    part = _Part(0, 1)

    def refuse(step: Progress) -> None:
        raise error

    with pytest.raises(type(error)):
        finished(part.steps(), refuse)
    assert part.left


def test_closing_the_whole_closes_the_part() -> None:
    part = _Part(0, 1)
    whole = changed(part.steps(), lambda step: step.done)
    assert next(whole) == 0
    whole.close()
    assert part.left


def test_a_part_takes_its_share_of_the_whole() -> None:
    seen: list[Progress] = []
    assert finished(within(_Part(0, 1, 2, 4).steps(), 100, 200, 300, "2/3"), seen.append) == "value"
    assert seen == [Progress("deblur", done, 300, "2/3") for done in (100, 125, 150, 200)]
    # A part that knows better is believed, and a part without any work is not divided by.
    assert finished(within(_Part(0, detail="plane 1").steps(), 0, 1, 1, "1/1"), seen.append) == "value"
    assert seen[-1].detail == "plane 1"
    assert finished(within(_Part(0, total=0).steps(), 5, 6, 7), seen.append) == "value"
    assert seen[-1] == Progress("deblur", 5, 7)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(0, 9), st.integers(1, 9))
def test_progress_in_the_whole_never_goes_back(done: list[int], start: int, share: int) -> None:
    seen: list[Progress] = []
    finished(within(_Part(*done, total=50).steps(), start, start + share, 20), seen.append)
    places = [step.done for step in seen]
    assert places == sorted(places)
    assert start <= places[0] and places[-1] == start + share * max(done) // 50
