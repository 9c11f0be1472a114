"""Parameters of the classical methods, chosen on images that are not in the test, and then frozen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm

from napari_deepblur.benchmark.blurs import Observed
from napari_deepblur.benchmark.restored import restore_at, score
from napari_deepblur.pipeline.restorers import SolverRestorer

STRENGTHS = {
    "richardson-lucy": (0.0, 0.03, 0.1, 0.3, 1.0),
    "total-variation": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "wiener": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
}
"""Weights of the regularisation that are tried, in the units of each solver."""

ITERATIONS = {"richardson-lucy": (10, 30, 100), "total-variation": (30, 100), "wiener": (30, 100)}
"""Numbers of iterations that are tried; the last is the solver's own."""


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
        The best of the grid.
    """
    totals: dict[tuple[int, float], float] = defaultdict(float)
    for strength in STRENGTHS[method]:
        restorer = SolverRestorer(method, max(ITERATIONS[method]), strength)
        for example in examples:
            blur = example.blurs[kind]
            for count, restored in restore_at(
                example.image, blur, example.noise, restorer, device, ITERATIONS[method]
            ).items():
                totals[count, strength] += score(restored, example.sharp).ssim / len(examples)
    (iterations, strength), best = max(totals.items(), key=lambda item: item[1])
    return Choice(method, kind, iterations, strength, best)


def tune_all(pairs: Sequence[tuple[str, str]], examples: Sequence[Observed], device: torch.device) -> list[Choice]:
    """Tune each pair of method and kind of blur."""
    return [tune(method, kind, examples, device) for method, kind in tqdm(pairs, desc="Tuning", unit="method")]
