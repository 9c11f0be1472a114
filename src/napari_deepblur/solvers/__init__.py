"""Classical restoration for any blur operator: one generator a method, all with the same first arguments."""

from napari_deepblur.solvers.accelerated_richardson_lucy import accelerated_richardson_lucy
from napari_deepblur.solvers.richardson_lucy import richardson_lucy
from napari_deepblur.solvers.state import SolverState
from napari_deepblur.solvers.stopping import Discrepancy, HeldOut
from napari_deepblur.solvers.total_variation import total_variation
from napari_deepblur.solvers.volume_total_variation import volume_total_variation
from napari_deepblur.solvers.wiener import wiener

__all__ = [
    "Discrepancy",
    "HeldOut",
    "SolverState",
    "accelerated_richardson_lucy",
    "richardson_lucy",
    "total_variation",
    "volume_total_variation",
    "wiener",
]
