"""The figure of predicted odds: whether they are right, and what a limit lets through."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.reports.figures import COLOURS, FAINT, new_figure, save, titled

_ODDS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 1.01)
"""Ends of the ranges of odds whose images are counted together."""


def draw_odds(path: Path, odds: Sequence[float], wrong: Sequence[bool], good: Sequence[bool], limit: float) -> None:
    """Draw predicted odds against how often estimates were wrong, and what each limit of the odds lets through.

    Parameters
    ----------
    path
        The PNG file.
    odds
        Predicted probability of a wrong estimate, of each image.
    wrong, good
        Which estimates were wrong, and which good.
    limit
        Odds below which an estimate can be green.
    """
    said, bad, fine = np.asarray(odds), np.asarray(wrong), np.asarray(good)
    figure = new_figure(9.0, 4.2)
    left, right = figure.subplots(1, 2)
    for low, high in pairwise(_ODDS):
        there = (said >= low) & (said < high)
        n = int(there.sum())
        if not n:
            continue
        share, z = float(bad[there].mean()), 1.96
        # Wilson's interval, which holds for few images and for none that is wrong.
        middle, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        ends = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
        left.plot([said[there].mean()] * 2, ends, color=COLOURS[0], linewidth=1.5)
        left.plot([said[there].mean()], [share], "o", color=COLOURS[0])
        left.annotate(str(n), (float(said[there].mean()), ends[1]), ha="center", va="bottom", color=FAINT)
    left.plot([0, 1], [0, 1], ":", color=FAINT)
    left.set(
        xlim=(-0.04, 1), ylim=(0, 1.08), xlabel="predicted odds of a wrong blur", ylabel="share that is wrong (95 %)"
    )
    titled(left, "Predicted and found; numbers of images")
    limits = np.linspace(0, 0.5, 101)
    for mask, words, colour in ((fine, "good", COLOURS[2]), (bad, "wrong", COLOURS[4])):
        if mask.any():
            right.plot(limits, [float((said[mask] < one).mean()) for one in limits], color=colour, label=words)
    right.axvline(limit, color=FAINT, linestyle=":")
    right.set(xlim=(0, 0.5), ylim=(0, 1), xlabel="limit of the odds", ylabel="share of the estimates below it")
    right.legend(frameon=False)
    titled(right, "What is below a limit; dotted: green")
    save(figure, path)
