"""DRUNet, the denoising U-net that serves as learned proximal operator.

Source: K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE TPAMI 44, 6360 (2022).
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class DRUNet(nn.Module):
    """Residual U-net without biases, so that scaling the input scales the output.

    Each level holds `blocks` residual blocks on the way down and as many on the way up; levels are joined by strided
    convolutions and summed skip connections.

    Parameters
    ----------
    inputs
        Input channels: the image and its noise maps.
    channels
        Channels of each level, finest first.
    blocks
        Residual blocks of each level, on each way.
    """

    def __init__(self, inputs: int, channels: tuple[int, ...] = (32, 64, 128, 256), blocks: int = 4) -> None:
        super().__init__()
        finest, *_, deepest = channels
        steps = list(pairwise(channels))
        self.head = nn.Conv2d(inputs, finest, 3, padding=1, bias=False)
        self.down = nn.ModuleList(
            nn.Sequential(*_residual_blocks(fine, blocks), nn.Conv2d(fine, coarse, 2, 2, bias=False))
            for fine, coarse in steps
        )
        self.body = nn.Sequential(*_residual_blocks(deepest, blocks))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(coarse, fine, 2, 2, bias=False), *_residual_blocks(fine, blocks))
            for fine, coarse in reversed(steps)
        )
        self.tail = nn.Conv2d(finest, 1, 3, padding=1, bias=False)
        self.multiple = 2 ** len(steps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, 1, H, W), for any H and W."""
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        skips = [self.head(x)]
        for step in self.down:
            skips.append(step(skips[-1]))
        y = self.body(skips[-1])
        for step, skip in zip(self.up, reversed(skips[1:]), strict=True):
            y = step(y + skip)
        restored: Tensor = self.tail(y + skips[0])[..., :height, :width]
        return restored


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        # Into the memory that the convolution has just written: a fresh array would cost as much as the convolution.
        y: Tensor = self.body(x).add_(x)
        return y


def _residual_blocks(channels: int, count: int) -> list[nn.Module]:
    return [_ResidualBlock(channels) for _ in range(count)]
