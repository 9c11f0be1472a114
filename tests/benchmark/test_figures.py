"""Figures: what is drawn, not how it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.reports import figures

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
