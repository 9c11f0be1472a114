"""The paper's deblurring network as one writes it first: float32, and the blur as spatial convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_deepblur.networks import deblurring
from napari_deepblur.networks.drunet import DRUNet

FIRST_STEPS, STEPS = 10, 5
"""Conjugate gradient steps of the first data step and of each later one, where the paper takes 20 at first."""

REGULARIZATION = 0.03


class SpatialReference:
    """Unrolled Douglas-Rachford of the paper's size: four DRUNet passes, conjugate gradient with torch's conv2d.

    Parameters
    ----------
    psf
        Shape (k, k); decides the device.
    """

    def __init__(self, psf: Tensor) -> None:
        config = deblurring.PAPER
        self.networks = [
            DRUNet(4, config.channels, config.blocks).eval().to(psf.device) for _ in range(config.iterations)
        ]
        # conv2d correlates: the PSF is turned round once.
        self.kernel = psf.flip(0, 1)[None, None].contiguous()

    def forward(self, scene: Tensor) -> Tensor:
        """Blur: A x."""
        return F.conv2d(scene, self.kernel)

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of the blur: A' y."""
        return F.conv_transpose2d(image, self.kernel)

    def solve(self, right_side: Tensor, start: Tensor, steps: int) -> Tensor:
        """Conjugate gradient on (A'A + lambda I) x = b."""

        def normal(x: Tensor) -> Tensor:
            return self.adjoint(self.forward(x)) + REGULARIZATION * x

        x, r = start, right_side - normal(start)
        p, rr = r, r.square().sum()
        for _ in range(steps):
            q = normal(p)
            alpha = rr / (p * q).sum()
            x, r = x + alpha * p, r - alpha * q
            rr, before = r.square().sum(), rr
            p = r + rr / before * p
        return x

    def restore(self, image: Tensor, noise: tuple[float, float]) -> Tensor:
        """Restore an image (1, 1, H, W) in [0, 1] on its scene (1, 1, H + k - 1, W + k - 1)."""
        adjoint_image = self.adjoint(image)
        x = self.solve(adjoint_image, torch.zeros_like(adjoint_image), FIRST_STEPS)
        z = x
        for k, network in enumerate(self.networks):
            maps = [torch.full_like(x, value) for value in (*noise, k / len(self.networks))]
            z = network(torch.cat((x, *maps), dim=1))
            if k + 1 < len(self.networks):
                anchor = 2 * z - x
                x = x - z + self.solve(adjoint_image + REGULARIZATION * anchor, anchor, STEPS)
        return z
