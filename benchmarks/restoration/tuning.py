"""Parameters of the classical methods, chosen on images that are not in the test, and then frozen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm

from benchmarks.restoration.blurs import Observed
from benchmarks.restoration.restored import restore_at, score
from napari_deepblur.restoration.restorers import SolverRestorer

STRENGTHS = {
    "richardson-lucy": (0.0, 0.01, 0.03, 0.1, 0.3, 1.0),
    "total-variation": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    "wiener": (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e3, 1e4, 1e5),
}
"""Weights of the regularisation that are tried, in the units of each solver: a wrong PSF may need a lot."""

ITERATIONS = {"richardson-lucy": (10, 30, 100, 300), "total-variation": (100,), "wiener": (100,)}
"""Numbers of iterations that are tried; only Richardson-Lucy is stopped before it converges."""


class Choice(NamedTuple):
    """The best parameters of one method with one kind of blur.

    Attributes
    ----------
    method, kind
        Solver, and the kind of blur it is given.
    iterations, strength
        Its parameters.
    ssim
        Mean SSIM on the images that they were chosen on.
    """

    method: str
    kind: str
    iterations: int
    strength: float
    ssim: float

    def restorer(self) -> SolverRestorer:
        """Make the solver."""
        return SolverRestorer(self.method, self.iterations, self.strength)


def tune(method: str, kind: str, examples: Sequence[Observed], device: torch.device) -> Choice:
    """Choose iterations and strength by the mean SSIM over examples, all of one noise level.

    Every kind of blur is tuned by itself: a wrong PSF needs more regularisation than a true one.

    Parameters
    ----------
    method
        A key of `STRENGTHS`.
    kind
        A kind of blur that the examples have.
    examples
        Images of the training split.
    device
        Where to compute.

    Returns
    -------
    Choice
        The best of the grid, found uphill from its middle.
    """
    strengths = STRENGTHS[method]
    counts = ITERATIONS[method]

    def best_at(index: int) -> Choice:
        totals: dict[int, float] = defaultdict(float)
        restorer = SolverRestorer(method, max(counts), strengths[index])
        for example in examples:
            runs = restore_at(example.image, example.blurs[kind], example.noise, restorer, device, counts)
            for count, restored in runs.items():
                totals[count] += score(restored, example.sharp).ssim / len(examples)
        iterations, ssim = max(totals.items(), key=lambda item: item[1])
        return Choice(method, kind, iterations, strengths[index], ssim)

    # SSIM has one maximum in the strength: from the middle uphill, half of the grid need not be looked at.
    index = len(strengths) // 2
    best = best_at(index)
    for direction in (-1, 1):
        here = index + direction
        while 0 <= here < len(strengths):
            other = best_at(here)
            if other.ssim <= best.ssim:
                break
            best, here = other, here + direction
    return best


def tune_all(pairs: Sequence[tuple[str, str]], examples: Sequence[Observed], device: torch.device) -> list[Choice]:
    """Tune each pair of method and kind of blur."""
    return [tune(method, kind, examples, device) for method, kind in tqdm(pairs, desc="Tuning", unit="method")]
