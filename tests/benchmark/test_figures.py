"""Figures: what is drawn, not how it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.reports import figures, odds_figure

ROWS = tuple(
    {"noise": noise, "side": side, "ours": 10.0 + side + shift, "mean": float(side)}
    for noise, shift in (("none", 5.0), ("high", 0.0))
    for side in (1, 2, 3)
)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep the figures that would have been written."""
    kept: list[Any] = []
    monkeypatch.setattr(figures, "save", lambda figure, path: kept.append(figure))
    return kept


def test_a_column_that_no_group_changes_is_drawn_once(drawn: list[Any]) -> None:
    figures.draw_curves(Path("unused.png"), ROWS, "side", {"ours": "ours", "mean": "mean PSF"}, "title", "dB")
    lines = {str(line.get_label()): list(line.get_ydata()) for line in drawn[0].axes[0].lines}
    assert lines == {
        "ours, noise none": [16.0, 17.0, 18.0],
        "ours, noise high": [11.0, 12.0, 13.0],
        "mean PSF": [1.0, 2.0, 3.0],
    }


def test_bars_carry_their_numbers_and_the_reference_its_line(drawn: list[Any]) -> None:
    rows = ({"noise": "none", "method": "network", "SSIM": 0.9}, {"noise": "none", "method": "floor", "SSIM": 0.71234})
    figures.draw_bars(Path("unused.png"), rows, "method", "SSIM", "SSIM", reference="floor")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == ["0.900", "0.712"]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.71234, 0.71234]]


def test_odds_are_drawn_where_they_are_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(odds_figure, "save", lambda figure, path: kept.append(figure))
    odds_figure.draw_odds(Path("unused.png"), [0.02, 0.03, 0.7, 0.9], [False, False, True, False], [True] * 4, 0.08)
    left, right = kept[0].axes
    assert [text.get_text() for text in left.texts] == ["2", "2"]
    found = {
        round(float(line.get_xdata()[0]), 3): line.get_ydata()[0] for line in left.lines if len(line.get_xdata()) == 1
    }
    assert found == {0.025: 0.0, 0.8: 0.5}
    good = next(line for line in right.lines if line.get_label() == "good")
    assert good.get_ydata()[-1] == 0.5 and list(right.lines[-1].get_xdata()) == [0.08, 0.08]
