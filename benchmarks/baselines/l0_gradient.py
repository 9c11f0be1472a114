"""The l0-gradient prior: alternate a scene of few edges and the kernel that explains it, from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from skimage.transform import resize

from benchmarks.baselines.kernels import Array, centred, checked_image, pruned, scaled_noise
from benchmarks.baselines.periodic import (
    differences_adjoint,
    extended,
    forward_differences,
    stiffness,
    wrapped,
)

_RATIO = np.sqrt(0.5)
_SMALLEST_SIZE = 3
_STEEPEST = 1e5
"""Weight of the split variable where the half-quadratic iterations stop."""
_CONJUGATE_STEPS = 15
_NOISE_FACTOR = 4.0
"""An edge must explain more than this many variances of the noise."""


class L0Parameters(NamedTuple):
    """Numbers of the method; the defaults are Pan's, for images in [0, 1].

    Attributes
    ----------
    edge_weight
        lambda of the first iteration at each scale, and its smallest value.
    decay
        Factor by which it falls with each iteration.
    rounds
        Alternations at each scale.
    kernel_weight
        gamma.
    cut
        Values of the kernel below this share of the largest are removed.
    smallest_part
        Islands of the kernel below this share of its sum are removed.
    """

    edge_weight: float = 4e-3
    least_edge_weight: float = 1e-4
    decay: float = 1 / 1.1
    rounds: int = 5
    kernel_weight: float = 2.0
    cut: float = 0.05
    smallest_part: float = 0.1


def estimate_kernel_l0(
    image: NDArray[np.floating], size: int, *, noise_std: float = 0.0, parameters: L0Parameters | None = None
) -> Array:
    """Estimate a blur kernel by the l0-gradient prior.

    min over u and h of |h * u - v|^2 + lambda |grad u|_0 + gamma |h|^2, alternately, from coarse to fine scales.

    Parameters
    ----------
    image
        Blurred image v, shape (H, W), any unit.
    size
        Side k of the kernel in pixels, odd.
    noise_std
        Standard deviation of the noise in the image's unit: lambda does not fall below what keeps differences of
        noise from being taken for edges.
    parameters
        Of the method.

    Returns
    -------
    ndarray
        Kernel h, shape (k, k), not negative, sum 1, centre of mass on the centre pixel.

    Raises
    ------
    ImageError, SettingsError
        If the arguments cannot be used.

    Notes
    -----
    Sources: J. Pan, Z. Hu, Z. Su and M.-H. Yang, Deblurring text images via L0-regularized intensity and gradient
    prior, CVPR 2014; J. Anger, G. Facciolo and M. Delbracio, Blind image deblurring using the l0 gradient prior, Image
    Processing On Line 9 (2019). The kernel step is solved on the kernel's own pixels by conjugate gradient instead of
    on the whole image, and leaves a margin of half a kernel out.
    """
    chosen = parameters or L0Parameters()
    pixels = checked_image(image, size)
    noise = scaled_noise(noise_std, image)
    kernel = np.full((_SMALLEST_SIZE, _SMALLEST_SIZE), 1 / _SMALLEST_SIZE**2)
    for scale in _scales(size):
        shape = tuple(int(np.ceil(side * scale)) for side in pixels.shape)
        small = pixels if scale == 1 else resize(pixels, shape, order=1, mode="reflect", anti_aliasing=True)
        kernel = _enlarged(kernel, max(_SMALLEST_SIZE, 2 * int(size * scale / 2) + 1))
        kernel = _alternate(small, kernel, noise * scale, chosen)
    return centred(pruned(kernel, chosen.cut, chosen.smallest_part))


def _scales(size: int) -> list[float]:
    count = max(0, int(np.floor(np.log(_SMALLEST_SIZE / size) / np.log(_RATIO))))
    return [float(_RATIO**i) for i in range(count, -1, -1)]


def _enlarged(kernel: Array, size: int) -> Array:
    if kernel.shape[0] == size:
        return kernel
    larger = resize(kernel, (size, size), order=1, mode="constant", anti_aliasing=False)
    return centred(pruned(larger, 0.0))


def _alternate(image: Array, kernel: Array, noise_std: float, chosen: L0Parameters) -> Array:
    size = kernel.shape[0]
    whole = extended(image, size)
    image = whole[: image.shape[0], : image.shape[1]]
    floor = max(chosen.least_edge_weight, _NOISE_FACTOR * noise_std**2)
    weight = max(chosen.edge_weight, floor)
    for _ in range(chosen.rounds):
        kernel = kernel.astype(np.float32)
        scene = few_edges(whole, kernel, weight)[: image.shape[0], : image.shape[1]]
        kernel = fit_kernel(differences(scene), differences(image), size, chosen.kernel_weight, kernel)
        kernel = centred(pruned(kernel, 0.0, chosen.smallest_part))
        weight = max(weight * chosen.decay, floor)
    return kernel


def few_edges(image: Array, kernel: Array, weight: float) -> Array:
    """Find a scene of few edges that the kernel blurs to the image: the sharp-image step.

    u = argmin |h * u - v|^2 + lambda |grad u|_0 by half-quadratic splitting: differences whose squared magnitude is
    below lambda / beta are set to zero, u is refitted with weight beta on them, and beta doubles.

    Parameters
    ----------
    image
        v, periodic, shape (H, W).
    kernel
        h, shape (k, k).
    weight
        lambda.

    Returns
    -------
    ndarray
        u, shape (H, W).
    """
    shape = image.shape
    blur, stiff = rfft2(wrapped(kernel, shape)), stiffness(shape)
    data, power = np.conj(blur) * rfft2(image), np.abs(blur) ** 2
    scene, beta = image, 2 * weight
    while beta < _STEEPEST:
        along_x, along_y = forward_differences(scene)
        flat = along_x**2 + along_y**2 < weight / beta
        along_x[flat] = along_y[flat] = 0.0
        pull = differences_adjoint(along_x, along_y)
        scene = irfft2((data + beta * rfft2(pull)) / (power + beta * stiff), shape)
        beta *= 2
    return np.asarray(scene)


def differences(image: Array) -> tuple[Array, Array]:
    """Differences between neighbours along columns and rows, each of shape (H - 1, W - 1)."""
    return image[:-1, 1:] - image[:-1, :-1], image[1:, :-1] - image[:-1, :-1]


def fit_kernel(scene: tuple[Array, Array], image: tuple[Array, Array], size: int, weight: float, start: Array) -> Array:
    """Fit the kernel that blurs the differences of the scene to those of the image: the kernel step.

    h = argmin sum_x |h * d_x u - d_x v|^2 + gamma |h|^2, with the sum over pixels half a kernel from the border.

    Parameters
    ----------
    scene, image
        Differences of u and v, shape (H, W) each.
    size
        Side k of the kernel.
    weight
        gamma.
    start
        First kernel of the conjugate gradient, shape (k, k).

    Returns
    -------
    ndarray
        h, shape (k, k); values may be negative.
    """
    border = size // 2
    inside = np.zeros(scene[0].shape, dtype=scene[0].dtype)
    inside[border:-border, border:-border] = 1.0
    rows, columns = scene[0].shape[0], scene[0].shape[1]
    shape = next_fast_len(rows + size, real=True), next_fast_len(columns + size, real=True)
    spectra = [rfft2(part, shape) for part in scene]

    def blurred(kernel: Array) -> list[Array]:
        response = rfft2(wrapped(kernel, shape))
        return [inside * irfft2(s * response, shape)[:rows, :columns] for s in spectra]

    def correlated(parts: list[Array]) -> Array:
        total = sum(np.conj(s) * rfft2(part, shape) for s, part in zip(spectra, parts, strict=True))
        whole = np.roll(irfft2(total, shape), (border, border), (0, 1))
        return np.asarray(whole[:size, :size])

    def normal(kernel: Array) -> Array:
        return correlated(blurred(kernel)) + weight * kernel

    return _conjugate_gradient(normal, correlated([inside * part for part in image]), start)


def _conjugate_gradient(normal: Callable[[Array], Array], right_side: Array, start: Array) -> Array:
    solution = start
    residual = right_side - normal(start)
    direction, energy = residual, float((residual**2).sum())
    enough = 1e-8 * float((right_side**2).sum())
    for _ in range(_CONJUGATE_STEPS):
        if energy <= enough:
            break
        image = normal(direction)
        step = energy / float((direction * image).sum())
        solution = solution + step * direction
        residual = residual - step * image
        energy, before = float((residual**2).sum()), energy
        direction = residual + energy / before * direction
    return solution
