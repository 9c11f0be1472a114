"""Kinds of images: what the program was made for, and what comes to it all the same.

A kind changes one thing between the scene and the file: the blur, the light, the camera, what happened to the pixels
afterwards, or what is believed about the optics.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import skimage.restoration
import skimage.transform
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.signal import oaconvolve

from benchmarks.simulation.geometry import Box
from benchmarks.simulation.thick import ThickCamera
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.training.scenes.volumes import draw_volumes

Array = NDArray[np.float64]

_REACH = 64
"""Pixels by which scenes are larger than images: the widest PSF, enlarged."""

_OBJECTIVES = ((0.5, 1.0), (0.75, 1.0), (0.95, 1.0), (1.2, 1.33), (1.27, 1.33), (1.4, 1.515))


@dataclass
class Shot:
    """An image in the making: each kind changes what it is about.

    Attributes
    ----------
    microscope
        What is believed about the optics.
    psf
        What blurs, sum 1.
    scene
        Sharp scene, larger than the image by `margin` at each side.
    image
        Empty until the light has gone through the optics; then blurred light, and last what the camera gave.
    modes, theta
        The aberrations of that PSF.
    alpha, beta
        Noise, for images of peak one.
    rng
        Source of random numbers.
    """

    microscope: Microscope
    psf: Array
    scene: Array
    image: Array
    modes: tuple[int, ...]
    theta: NDArray[np.float32]
    alpha: float
    beta: float
    rng: np.random.Generator


Change = Callable[[Shot], None]


@dataclass(frozen=True)
class Kind:
    """One kind of images.

    Attributes
    ----------
    name
        In the table.
    in_domain
        Whether the program is made for it.
    before
        Changes the shot before the light goes through the optics.
    light
        Changes the light on the camera.
    after
        Changes the picture that the camera gave.
    """

    name: str
    in_domain: bool = False
    before: Change | None = None
    light: Change | None = None
    after: Change | None = None


@dataclass(frozen=True)
class Example:
    """An image of a kind, with its truth.

    Attributes
    ----------
    kind
        Name.
    image
        As a user would have it, float32.
    psf
        What blurred it, sum 1, odd sides.
    scene
        Sharp scene on the pixels of the image; None where a kind moves the pixels.
    microscope, modes, amplitude
        What is believed; the amplitude is None where nobody states it.
    """

    kind: str
    image: NDArray[np.float32]
    psf: Array
    scene: Array
    microscope: Microscope
    modes: tuple[int, ...]
    amplitude: float | None


def draw_example(kind: Kind, scene: Array, side: int, seed: int) -> Example:
    """Make an image of a kind from a sharp scene in [0, 1], at least `side` + 128 pixels a side."""
    rng = np.random.default_rng(seed)
    na, index = _OBJECTIVES[rng.integers(len(_OBJECTIVES))]
    wavelength = 0.525
    light = "scalar" if rng.random() < 0.15 else "vectorial"
    microscope = Microscope(na, wavelength, float(rng.uniform(0.1, 0.25)) * wavelength / na, index, light=light)  # type: ignore[arg-type]
    modes = tuple(range(4, (11, 12, 16)[rng.integers(3)]))
    amplitude = float(np.exp(rng.uniform(math.log(0.03), math.log(0.25))))
    stated = rng.random() < 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        family = ZernikeFamily(microscope, modes, max_amplitude=amplitude)
        theta = rng.uniform(-amplitude, amplitude, len(modes)).astype(np.float32)
        psf = family.psf(theta).astype(np.float64)
    size = side + 2 * _REACH
    scene = scene[:size, :size]
    none = rng.random() < 0.15
    alpha, beta = (0.0, 0.0) if none else (10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-4, -1.7))
    shot = Shot(microscope, psf, scene, np.zeros((side, side)), modes, theta, alpha, beta, rng)
    if kind.before is not None:
        kind.before(shot)
    blurred = oaconvolve(shot.scene, shot.psf, mode="same")[_REACH:-_REACH, _REACH:-_REACH]
    shot.image = np.maximum(blurred, 0)
    shot.image /= max(shot.image.max(), 0.02)
    if kind.light is not None:
        kind.light(shot)
    if shot.alpha > 0 or shot.beta > 0:
        noisy = PoissonGaussianNoise(shot.alpha, shot.beta).sample(shot.image, int(rng.integers(2**31)))
        shot.image = np.asarray(noisy, dtype=np.float64)
    if kind.after is not None:
        kind.after(shot)
    inner = shot.scene[_REACH:-_REACH, _REACH:-_REACH]
    return Example(
        kind.name,
        shot.image.astype(np.float32),
        shot.psf,
        inner,
        shot.microscope,
        modes,
        amplitude if stated else None,
    )


def _line(length: float, angle: float) -> Array:
    side = 2 * math.ceil(length / 2) + 3
    y, x = np.mgrid[:side, :side] - side // 2
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    line = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return np.asarray(line / line.sum())


def _joined(a: Array, b: Array) -> Array:
    joined = oaconvolve(a, b, mode="full")
    return np.asarray(joined / joined.sum())


def _gaussian(sigma: float) -> Array:
    reach = math.ceil(4 * sigma)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    psf = np.outer(line, line)
    return np.asarray(psf / psf.sum())


def _psf(shot: Shot, modes: tuple[int, ...], theta: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        psf = ZernikeFamily(shot.microscope, modes, psf_size=_odd_size(shot)).psf(theta.astype(np.float32))
    return np.asarray(psf, dtype=np.float64)


def _odd_size(shot: Shot) -> int:
    return min(int(2 * round(12 / shot.microscope.cutoff / 2) + 1), 2 * _REACH - 1)


def far_defocus(shot: Shot) -> None:
    """Three times the defocus that networks were trained for."""
    sign = shot.rng.choice([-1, 1])
    shot.psf = _psf(shot, (4,), np.array([sign * shot.rng.uniform(0.45, 0.9)]))


def strong_aberrations(shot: Shot) -> None:
    """Twice to three times the largest amplitude."""
    modes = tuple(range(4, 12))
    shot.psf = _psf(shot, modes, shot.rng.uniform(-1, 1, len(modes)) * shot.rng.uniform(0.4, 0.7))


def higher_modes(shot: Shot) -> None:
    """Aberrations of modes that nobody looks for."""
    modes = tuple(range(16, 29))
    shot.psf = _psf(shot, modes, shot.rng.uniform(-0.12, 0.12, len(modes)))


def other_sampling(low: float, high: float) -> Change:
    """Believe that pixels are larger than they are, by a factor."""

    def change(shot: Shot) -> None:
        factor = math.exp(shot.rng.uniform(math.log(low), math.log(high)))
        pixel = shot.microscope.pixel_size_um * factor
        largest = 0.3 * shot.microscope.wavelength_um / shot.microscope.na
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndersamplingWarning)
            shot.microscope = replace(shot.microscope, pixel_size_um=min(pixel, largest))

    return change


def confocal(shot: Shot) -> None:
    """Square the PSF: excitation times detection."""
    shot.psf = shot.psf**2 / np.sum(shot.psf**2)


def no_blur(shot: Shot) -> None:
    """Nothing blurs."""
    shot.psf = np.zeros((3, 3))
    shot.psf[1, 1] = 1


def motion(shot: Shot) -> None:
    """Move the specimen during the exposure."""
    shot.psf = _joined(shot.psf, _line(shot.rng.uniform(5, 16), shot.rng.uniform(0, math.pi)))


def ghost(shot: Shot) -> None:
    """Show everything twice."""
    ghosted = np.zeros((31, 31))
    ghosted[15, 15] = 1
    ghosted[tuple(shot.rng.integers(3, 28, 2))] += shot.rng.uniform(0.4, 1)
    shot.psf = _joined(shot.psf, ghosted / ghosted.sum())


def gaussian_blur(shot: Shot) -> None:
    """Blur that no optics make."""
    shot.psf = _gaussian(shot.rng.uniform(1.5, 4))


def phase_contrast(shot: Shot) -> None:
    """Give the PSF a negative ring, a halo."""
    wide = _gaussian(shot.rng.uniform(4, 7))
    narrow = np.zeros_like(wide)
    size = shot.psf.shape[0]
    if size > wide.shape[0]:
        narrow, wide = shot.psf, np.pad(wide, (size - wide.shape[0]) // 2)
    else:
        narrow = np.pad(shot.psf, (wide.shape[0] - size) // 2)
    shot.psf = (narrow - 0.7 * wide) / 0.3
    shot.scene = 0.2 + 0.3 * shot.scene


def text(shot: Shot) -> None:
    """Print a page of text in the place of a specimen."""
    page = Image.new("L", shot.scene.shape[::-1], 255)
    pen = ImageDraw.Draw(page)
    letters = "".join(chr(c) for c in shot.rng.integers(97, 123, 40))
    for row in range(0, shot.scene.shape[0], int(shot.rng.integers(12, 22))):
        pen.text((0, row), "".join(shot.rng.permutation(list(letters + " " * 12)).tolist()) * 3, fill=0)
    shot.scene = np.asarray(page, dtype=np.float64) / 255


def nearly_empty(shot: Shot) -> None:
    """Show a few dim points in much noise."""
    shot.scene = np.full_like(shot.scene, 0.3)
    for _ in range(int(shot.rng.integers(1, 5))):
        shot.scene[tuple(shot.rng.integers(0, n) for n in shot.scene.shape)] = shot.rng.uniform(1, 6)
    shot.alpha, shot.beta = 2e-3, 2e-2


def haze(shot: Shot) -> None:
    """Much more light from elsewhere, smooth."""
    smooth = ndimage.gaussian_filter(shot.rng.standard_normal(shot.image.shape), 25)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    shot.image = (shot.image + shot.rng.uniform(2, 5) * (0.5 + smooth)) / 6


def thick(draw: Callable[[Box, int], NDArray[np.float32]]) -> Change:
    """Take one plane of a specimen with depth, 3 to 25 planes at the depth of focus."""

    def change(shot: Shot) -> None:
        optics, side = shot.microscope, shot.image.shape[0]
        spacing = 0.7 * optics.n_immersion * optics.wavelength_um / optics.na**2
        planes = 2 * int(shot.rng.integers(1, 13)) + 1
        camera = ThickCamera(optics, shot.modes, planes, spacing, side)
        volume = draw(camera.box, int(shot.rng.integers(2**31)))
        light = camera.planes(volume, shot.theta).double().sum(0).numpy()
        shot.image = light / light.max()
        spare = (volume.shape[-1] - side) // 2 - _REACH
        middle = volume[len(volume) // 2].astype(np.float64)
        shot.scene = middle[spare:-spare, spare:-spare] if spare > 0 else np.pad(middle, -spare)

    return change


def training_volume(box: Box, seed: int) -> NDArray[np.float32]:
    """Draw a volume of the kinds that networks are trained with."""
    generator = torch.Generator().manual_seed(seed)
    z = (torch.arange(box.shape[0]) - box.shape[0] // 2) * box.voxel_um[0] / box.voxel_um[1]
    volume = draw_volumes(1, box.shape[1], z, generator, torch.device("cpu"))[0]
    return np.asarray(volume / volume.mean().clamp_min(1e-6), dtype=np.float32)


def vignetting(shot: Shot) -> None:
    """Light that falls off to the corners."""
    y, x = (np.linspace(-1, 1, n) for n in shot.image.shape)
    shot.image = shot.image * np.exp(-1.2 * (y[:, None] ** 2 + x[None, :] ** 2))


def two_blurs(shot: Shot) -> None:
    """Half of the field is far out of focus."""
    other = _psf(shot, (4,), np.array([shot.rng.uniform(0.3, 0.6)]))
    blurred = oaconvolve(shot.scene, other, mode="same")[_REACH:-_REACH, _REACH:-_REACH]
    half = shot.image.shape[1] // 2
    shot.image[:, half:] = np.maximum(blurred, 0)[:, half:] / max(blurred.max(), 0.02)


def jpeg(low: int, high: int) -> Change:
    """Compress."""

    def change(shot: Shot) -> None:
        buffer = io.BytesIO()
        Image.fromarray(_bytes(shot.image)).save(buffer, "JPEG", quality=int(shot.rng.integers(low, high + 1)))
        shot.image = np.asarray(Image.open(buffer), dtype=np.float64)

    return change


def _bytes(image: Array) -> NDArray[np.uint8]:
    scaled = np.clip(255 * (image - image.min()) / max(np.ptp(image), 1e-9), 0, 255)
    return np.asarray(scaled.round(), dtype=np.uint8)


def smoothed(shot: Shot) -> None:
    """Smooth after the camera: Gaussian or median filter."""
    if shot.rng.random() < 0.5:
        shot.image = ndimage.gaussian_filter(shot.image, shot.rng.uniform(0.6, 1.5))
    else:
        shot.image = ndimage.median_filter(shot.image, int(shot.rng.choice([3, 5])))


def denoised(shot: Shot) -> None:
    """Remove noise that is there, by total variation or wavelets."""
    shot.alpha, shot.beta = max(shot.alpha, 1e-3), max(shot.beta, 3e-3)
    sigma = float(np.std(shot.image - ndimage.median_filter(shot.image, 3)))
    if shot.rng.random() < 0.5:
        shot.image = skimage.restoration.denoise_tv_chambolle(shot.image, weight=2 * sigma)
    else:
        shot.image = skimage.restoration.denoise_bilateral(
            np.clip(shot.image, 0, None), win_size=5, sigma_color=3 * sigma
        )


def with_noise(shot: Shot) -> None:
    """Make sure that there is noise."""
    shot.alpha, shot.beta = max(shot.alpha, 3e-4), max(shot.beta, 2e-3)


def upsampled(shot: Shot) -> None:
    """Enlarge after the camera; what is believed is the original sampling."""
    factor = float(shot.rng.choice([1.5, 2.0]))
    height, width = shot.image.shape
    whole = ndimage.zoom(shot.image, factor, order=int(shot.rng.choice([1, 3])))
    shot.image = whole[:height, :width]
    larger = ndimage.zoom(shot.psf, factor, order=3)
    side = larger.shape[0] - (1 - larger.shape[0] % 2)
    shot.psf = skimage.transform.resize(larger, (side, side), order=1) / larger.sum()
    shot.psf /= shot.psf.sum()


def rotated(shot: Shot) -> None:
    """Turn by an angle, with linear interpolation."""
    angle = float(shot.rng.uniform(5, 40))
    shot.image = ndimage.rotate(shot.image, angle, reshape=False, order=1, mode="reflect")
    shot.psf = ndimage.rotate(shot.psf, angle, reshape=False, order=1)
    shot.psf /= shot.psf.sum()


def hot_pixels(shot: Shot) -> None:
    """Set a few pixels to the top."""
    hot = shot.rng.random(shot.image.shape) < 10 ** shot.rng.uniform(-5, -2.5)
    shot.image[hot] = shot.image.max() * shot.rng.uniform(1, 5)


def few_levels(shot: Shot) -> None:
    """Round to 3 to 5 bits."""
    levels = 2 ** int(shot.rng.integers(3, 6)) - 1
    shot.image = np.round(_bytes(shot.image) / 255 * levels)


def saturated(shot: Shot) -> None:
    """Clip the brightest fifth of the range of intensities."""
    shot.image = np.minimum(shot.image, np.quantile(shot.image, shot.rng.uniform(0.7, 0.95)))


def interlaced(shot: Shot) -> None:
    """Take every second row from another moment."""
    shift = int(shot.rng.integers(2, 7))
    shot.image[1::2] = np.roll(shot.image, shift, axis=1)[1::2]


def sharpened(shot: Shot) -> None:
    """Unsharp mask."""
    shot.image = shot.image + shot.rng.uniform(0.8, 3) * (shot.image - ndimage.gaussian_filter(shot.image, 2))


def gamma(shot: Shot) -> None:
    """Square root of the intensities."""
    shot.image = np.sqrt(np.maximum(shot.image, 0))


def clipped_background(shot: Shot) -> None:
    """Subtract a background, and cut at zero."""
    shot.image = np.maximum(shot.image - np.quantile(shot.image, shot.rng.uniform(0.4, 0.7)), 0)


def striped(shot: Shot) -> None:
    """Columns of a sensor that differ."""
    shot.image = shot.image + 0.03 * shot.rng.standard_normal(shot.image.shape[1])


def smooth_noise(shot: Shot) -> None:
    """Noise that is not independent from pixel to pixel."""
    noise = ndimage.gaussian_filter(shot.rng.standard_normal(shot.image.shape), shot.rng.uniform(0.6, 1.5))
    shot.image = shot.image + shot.rng.uniform(0.01, 0.05) * noise / noise.std()


def annotated(shot: Shot) -> None:
    """Burn in a scale bar and letters."""
    picture = Image.fromarray(_bytes(shot.image))
    pen = ImageDraw.Draw(picture)
    height, width = shot.image.shape
    pen.rectangle((width - 90, height - 20, width - 20, height - 14), fill=255)
    pen.text((10, 10), "control 10 um", fill=255)
    shot.image = np.asarray(picture, dtype=np.float64)


def deconvolved(shot: Shot) -> None:
    """Deconvolve before: Richardson-Lucy with the PSF without aberrations."""
    psf = _psf(shot, (4,), np.zeros(1))
    image = np.clip(shot.image / max(shot.image.max(), 1e-9), 1e-4, 1)
    shot.image = skimage.restoration.richardson_lucy(image, psf, num_iter=int(shot.rng.integers(8, 25)))


KINDS = (
    Kind("blurred", in_domain=True),
    Kind("thick specimen", in_domain=True, light=thick(training_volume)),
    Kind("far out of focus", before=far_defocus),
    Kind("strong aberrations", before=strong_aberrations),
    Kind("higher modes", before=higher_modes),
    Kind("pixels believed larger", before=other_sampling(1.4, 2.2)),
    Kind("pixels believed smaller", before=other_sampling(0.45, 0.7)),
    Kind("confocal", before=confocal),
    Kind("no blur", before=no_blur),
    Kind("motion", before=motion),
    Kind("double image", before=ghost),
    Kind("Gaussian blur", before=gaussian_blur),
    Kind("phase contrast", before=phase_contrast),
    Kind("text", before=text),
    Kind("nearly empty", before=nearly_empty),
    Kind("haze", light=haze),
    Kind("vignetting", light=vignetting),
    Kind("half out of focus", light=two_blurs),
    Kind("JPEG 60 to 90", after=jpeg(60, 90)),
    Kind("JPEG 15 to 40", after=jpeg(15, 40)),
    Kind("smoothed", light=with_noise, after=smoothed),
    Kind("denoised", light=with_noise, after=denoised),
    Kind("enlarged", after=upsampled),
    Kind("rotated", after=rotated),
    Kind("hot pixels", after=hot_pixels),
    Kind("few levels", after=few_levels),
    Kind("saturated", after=saturated),
    Kind("interlaced", after=interlaced),
    Kind("sharpened", after=sharpened),
    Kind("gamma", after=gamma),
    Kind("background cut off", after=clipped_background),
    Kind("striped", after=striped),
    Kind("noise not independent", after=smooth_noise),
    Kind("annotated", after=annotated),
    Kind("deconvolved before", after=deconvolved),
)
"""The first is what the program is made for."""
