"""What a blur operator is: a linear map from a scene to the smaller image that it explains."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.errors import ImageError


class LinearOperator(ABC):
    """A linear blur A from scenes of shape (..., H + k - 1, W + k - 1) to images of shape (..., H, W).

    The scene is larger than the image by half the PSF on each side, because the world does not end at the border
    of the camera. Leading dimensions are a batch and broadcast against those of the operator's parameters. The scenes
    and images of a `VolumeOperator` have three axes, whose shapes stand in place of these.
    """

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of one image, (-2, -1), or (-3, -2, -1) of a volume: what sums over an image run over."""
        return tuple(range(-len(self.image_shape), 0))

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, ...]:
        """Shape (H, W) of the image."""

    @property
    @abstractmethod
    def scene_shape(self) -> tuple[int, ...]:
        """Shape (H + k - 1, W + k - 1) of the scene."""

    @abstractmethod
    def forward(self, scene: Tensor) -> Tensor:
        """Blur: A x, from (..., H + k - 1, W + k - 1) to (..., H, W)."""

    @abstractmethod
    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of the blur: A' y, from (..., H, W) to (..., H + k - 1, W + k - 1)."""

    @abstractmethod
    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """Apply a cheap, symmetric positive approximation of (A'A + regularization I)^-1 to a scene."""


class ArrayOperator:
    """The same operator for NumPy arrays: one image at a time, computed in float32.

    Parameters
    ----------
    operator
        The tensor operator, without batch dimensions.
    """

    def __init__(self, operator: LinearOperator) -> None:
        self.tensor_operator = operator

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape (H, W) of the image."""
        return self.tensor_operator.image_shape

    @property
    def scene_shape(self) -> tuple[int, ...]:
        """Shape (H + k - 1, W + k - 1) of the scene."""
        return self.tensor_operator.scene_shape

    def forward(self, scene: ArrayLike) -> NDArray[np.float32]:
        """Blur a scene of shape (H + k - 1, W + k - 1) into an image of shape (H, W), float32.

        Raises
        ------
        ImageError
            If the scene has another shape.
        """
        return _to_array(self.tensor_operator.forward(_to_tensor(scene, self.scene_shape, "scene")))

    def adjoint(self, image: ArrayLike) -> NDArray[np.float32]:
        """Apply the transpose to an image of shape (H, W), giving (H + k - 1, W + k - 1), float32.

        Raises
        ------
        ImageError
            If the image has another shape.
        """
        return _to_array(self.tensor_operator.adjoint(_to_tensor(image, self.image_shape, "image")))


def _to_tensor(array: ArrayLike, shape: tuple[int, ...], name: str) -> Tensor:
    values = np.ascontiguousarray(array, dtype=np.float32)
    if values.shape != shape:
        raise ImageError(
            f"The {name} has shape {values.shape}, expected {shape} for this operator. "
            "A scene is larger than its image by the PSF's size minus one."
        )
    return torch.from_numpy(values)


def _to_array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy()
    return array
