"""A blur of which some pixels are not seen: saturated ones, and planes that are empty."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_deepblur.errors import ImageError
from napari_deepblur.operators.linear import LinearOperator


class MaskedOperator(LinearOperator):
    """The operator M A, with the mask M that is 0 for pixels that say nothing and 1 for all others.

    With the image M y the data terms of all methods leave these pixels out: |M A x - M y|^2, and the likelihood of
    Poisson counts, whose sums over them are constant.

    Parameters
    ----------
    operator
        A.
    mask
        M, values in [0, 1], of a shape that broadcasts to the images.

    Raises
    ------
    ImageError
        If it does not.
    """

    def __init__(self, operator: LinearOperator, mask: Tensor) -> None:
        try:
            torch.broadcast_shapes(mask.shape, operator.image_shape)
        except RuntimeError as error:
            raise ImageError(
                f"The mask has the shape {tuple(mask.shape)}, the images {operator.image_shape}."
            ) from error
        self._operator, self._mask = operator, mask.float()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """That of A."""
        return self._operator.image_shape

    @property
    def scene_shape(self) -> tuple[int, ...]:
        """That of A."""
        return self._operator.scene_shape

    def forward(self, scene: Tensor) -> Tensor:
        """Blur and mask: M A x."""
        return self._operator.forward(scene) * self._mask

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of that: A' M y."""
        return self._operator.adjoint(image * self._mask)

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """As A: where few pixels are left out, that is near enough."""
        return self._operator.precondition(scene, regularization)
