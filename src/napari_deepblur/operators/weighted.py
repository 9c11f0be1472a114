"""A blur of which only some pixels are observed."""

from __future__ import annotations

from torch import Tensor

from napari_deepblur.operators.linear import LinearOperator


class WeightedOperator(LinearOperator):
    """W A: the blur A, and then a weight for each pixel of the image, 0 for those that do not count.

    Parameters
    ----------
    operator
        A.
    weights
        W, 0 or 1, shape (..., H, W).
    """

    def __init__(self, operator: LinearOperator, weights: Tensor) -> None:
        self._operator = operator
        self._weights = weights

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape (H, W) of the image."""
        return self._operator.image_shape

    @property
    def scene_shape(self) -> tuple[int, int]:
        """Shape (H + k - 1, W + k - 1) of the scene."""
        return self._operator.scene_shape

    def forward(self, scene: Tensor) -> Tensor:
        """Blur and weigh: W A x."""
        return self._weights * self._operator.forward(scene)

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose: A' W y."""
        return self._operator.adjoint(self._weights * image)

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """Apply that of A, which is right where pixels count."""
        return self._operator.precondition(scene, regularization)
