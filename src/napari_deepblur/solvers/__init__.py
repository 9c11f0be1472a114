"""Classical restoration for any blur operator: one generator a method, all with the same first arguments."""

from napari_deepblur.solvers.richardson_lucy import richardson_lucy
from napari_deepblur.solvers.state import SolverState
from napari_deepblur.solvers.total_variation import total_variation
from napari_deepblur.solvers.wiener import wiener

__all__ = ["SolverState", "richardson_lucy", "total_variation", "wiener"]
