"""Classical restoration for any blur operator: one generator a method, all with the same first arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari_deepblur.solvers.accelerated_richardson_lucy import accelerated_richardson_lucy
from napari_deepblur.solvers.richardson_lucy import richardson_lucy
from napari_deepblur.solvers.state import SolverState
from napari_deepblur.solvers.stopping import Discrepancy, HeldOut
from napari_deepblur.solvers.total_variation import total_variation
from napari_deepblur.solvers.wiener import wiener

SOLVERS: dict[str, Callable[..., Iterator[SolverState]]] = {
    "richardson-lucy": richardson_lucy,
    "total-variation": total_variation,
    "wiener": wiener,
}
"""All methods for an image, by the names that users know."""

__all__ = [
    "SOLVERS",
    "Discrepancy",
    "HeldOut",
    "SolverState",
    "accelerated_richardson_lucy",
    "richardson_lucy",
    "total_variation",
    "wiener",
]
