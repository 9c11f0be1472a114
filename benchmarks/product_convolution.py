"""Space-varying blur against a single convolution: cost of forward plus adjoint, and agreement with the direct sum.

    python -m benchmarks.product_convolution --side 1024 --terms 6

The direct sum spreads points of the scene with their exact local PSFs, sum_ij theta_ij w_j(z) e_i, in float64 and
without any transform, at image pixels drawn at random.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator, ProductConvolutionOperator


def parts(side: int, terms: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigen-PSFs, Gaussians of several widths; maps, polynomials of the position; and theta."""
    grid = torch.linspace(-3, 3, size)
    radius = grid[:, None].square() + grid.square()
    psfs = torch.stack([torch.exp(-radius / (0.2 + 0.5 * i)) for i in range(terms)])
    psfs = psfs / psfs.sum((-2, -1), keepdim=True)
    axis = torch.linspace(-1, 1, side + size - 1)
    powers = [(a, n - a) for n in range(terms) for a in range(n + 1)][:terms]
    maps = torch.stack([axis[:, None] ** a * axis**b for a, b in powers])
    theta = torch.randn(terms, terms, generator=torch.Generator().manual_seed(0)) / terms
    return psfs, maps, theta + torch.eye(terms)


def direct(scene: Tensor, psfs: Tensor, maps: Tensor, theta: Tensor, pixels: Tensor) -> Tensor:
    """Sum directly at some pixels (row, column) of the image, shape (N, 2), one pixel after the other."""
    psfs, maps, theta = psfs.double(), maps.double(), theta.double()
    size = psfs.shape[-1]
    values = []
    for row, column in pixels.tolist():
        rows, columns = slice(row, row + size), slice(column, column + size)
        # The image pixel collects h_z at its distance from z: the PSF of each source, turned round.
        local = torch.einsum("ij,jab,iab->ab", theta, maps[:, rows, columns], psfs.flip(-2, -1))
        values.append((local * scene[rows, columns].double()).sum())
    return torch.stack(values)


def seconds(operator: LinearOperator, scene: Tensor) -> float:
    """Time of one forward plus adjoint."""
    before = time.perf_counter()
    operator.adjoint(operator.forward(scene))
    return time.perf_counter() - before


def main() -> None:
    """Print the ratio of the times and the relative error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--terms", type=int, default=6)
    parser.add_argument("--psf", type=int, default=31)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--pixels", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    psfs, maps, theta = parts(arguments.side, arguments.terms, arguments.psf)
    varying = ProductConvolutionOperator(psfs, maps, theta)
    plain = ConvolutionOperator(torch.rand(arguments.psf, arguments.psf), varying.image_shape)
    scene = torch.rand(varying.scene_shape, generator=torch.Generator().manual_seed(1))
    turns: list[Callable[[], float]] = [lambda: seconds(plain, scene), lambda: seconds(varying, scene)]
    # In turns, so that whatever else the machine does slows both; the fastest is the least disturbed.
    times = torch.tensor([[turn() for turn in turns] for _ in range(arguments.repeats)])
    single, several = times.min(0).values.tolist()
    print(
        f"{arguments.side} x {arguments.side} pixels, I = J = {arguments.terms}, PSF of {arguments.psf} pixels a side"
    )
    print(f"one convolution {single * 1e3:.0f} ms, product-convolution {several * 1e3:.0f} ms: {several / single:.2f}")
    print(f"median of the ratios {(times[:, 1] / times[:, 0]).median():.2f}")
    last = arguments.side - 1
    corners = torch.tensor([[0, 0], [0, last], [last, 0], [last, last]])
    inside = torch.randint(arguments.side, (arguments.pixels, 2), generator=torch.Generator().manual_seed(2))
    pixels = torch.cat([corners, inside])
    expected = direct(scene, psfs, maps, theta, pixels)
    error = varying.forward(scene)[pixels[:, 0], pixels[:, 1]].double() - expected
    print(
        f"relative error at {len(pixels)} pixels {error.norm() / expected.norm():.1e}, largest {error.abs().max():.1e}"
    )


if __name__ == "__main__":
    main()
