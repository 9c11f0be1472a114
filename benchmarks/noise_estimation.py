"""How well the noise of one blurred image is estimated: bias of its standard deviation, as a Markdown table.

    python -m benchmarks.noise_estimation --output benchmarks/results/noise_estimation.md

Scenes: images that come with scikit-image and procedural ones, blurred by Zernike PSFs of the default family and by
a Gaussian of 1 pixel, scaled to [0, 1]. The relative error of the standard deviation, sqrt(variance(u)), is read at
the 5th, 50th and 95th percentile of the noiseless intensities, where it is at least a tenth of its maximum: an image
without any noise in the dark (beta = 0 and no light) has no relative error there, and the last column gives the
largest absolute error there instead.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2gray
from tqdm import tqdm

from napari_deepblur import Microscope, PoissonGaussianNoise, ZernikeFamily, estimate_noise
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.training.scenes import draw_procedural

Image = NDArray[np.float64]

# Only those that scikit-image ships: no download.
PHOTOGRAPHS = ("camera", "coins", "moon", "brick", "grass", "gravel", "text", "page", "cell", "astronaut")
PROCEDURAL = 14
LEVELS = (
    (0.0, 0.0),
    (0.0, 0.001),
    (0.0002, 0.001),
    (0.001, 0.003),
    (0.0, 0.01),
    (0.01, 0.0),
    (0.01, 0.01),
    (0.0, 0.05),
    (0.05, 0.0),
    (0.05, 0.05),
)
PERCENTILES = (5, 50, 95)


def sharp_scenes() -> Iterator[Image]:
    """Yield the scenes, each scaled to [0, 1]."""
    for name in PHOTOGRAPHS:
        picture = getattr(skimage.data, name)()
        gray = rgb2gray(picture) if picture.ndim == 3 else picture.astype(np.float64)
        yield (gray[:512, :512] - gray.min()) / (gray.max() - gray.min())
    drawn = draw_procedural(PROCEDURAL, 256, torch.Generator().manual_seed(1), "cpu")
    yield from drawn[:, 0].double().numpy()


def blurred_images(family: ZernikeFamily) -> Iterator[Image]:
    """Yield each scene twice: through a random aberrated PSF, and through a Gaussian of 1 pixel."""
    scenes = list(sharp_scenes())
    for scene, theta in zip(scenes, family.sample(len(scenes), seed=1), strict=True):
        grow = family.psf_size - 1
        shape = (scene.shape[0] - grow, scene.shape[1] - grow)
        yield family.operator(theta, shape).forward(scene).astype(np.float64).clip(0.0)
        yield gaussian_filter(scene, 1.0)[4:-4, 4:-4]


def errors(image: Image, true: PoissonGaussianNoise, found: PoissonGaussianNoise) -> tuple[Image, float]:
    """Return relative errors of the standard deviation in percent (NaN where undefined), and the largest absolute."""
    u = np.percentile(image, PERCENTILES)
    expected, estimated = np.sqrt(true.variance(u)), np.sqrt(found.variance(u))
    defined = expected >= 0.1 * np.sqrt(true.variance(image.max()))
    relative = np.full(u.shape, np.nan)
    if expected.max() > 0:
        relative[defined] = 100 * (estimated[defined] / expected[defined] - 1)
    dark = np.isnan(relative)
    return relative, float(np.abs(estimated - expected)[dark].max()) if dark.any() else 0.0


def table(images: list[Image], microscope: Microscope | None) -> Iterator[str]:
    """Yield the rows of one Markdown table."""
    yield "| alpha | beta | bias % (5th / 50th / 95th) | RMS error % | largest error % | absolute error elsewhere |"
    yield "|---|---|---|---|---|---|"
    for alpha, beta in tqdm(LEVELS, leave=False):
        true = PoissonGaussianNoise(alpha, beta)
        found = [
            errors(u, true, estimate_noise(true.sample(u, seed), microscope).referred_to(0.0))
            for seed, u in enumerate(images)
        ]
        relative = np.array([one[0] for one in found])
        absolute = max(one[1] for one in found)
        if alpha == beta == 0:
            yield f"| 0 | 0 | - | - | - | {absolute:.1e} |"
            continue
        bias, rms, worst = np.nanmean(relative, 0), np.sqrt(np.nanmean(relative**2, 0)), np.nanmax(np.abs(relative), 0)
        columns = (
            " / ".join(f"{x:{style}}" for x in xs) for xs, style in ((bias, "+.1f"), (rms, ".1f"), (worst, ".0f"))
        )
        yield f"| {alpha:g} | {beta:g} | {' | '.join(columns)} | {f'{absolute:.1e}' if absolute else '-'} |"


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        microscope = Microscope()
    images = list(blurred_images(ZernikeFamily(microscope)))
    lines = [
        "# Noise estimation",
        "",
        f"Printed by `python -m benchmarks.noise_estimation` on {len(images)} blurred images in [0, 1]; errors of the",
        "standard deviation sqrt(alpha u + beta^2) at the 5th, 50th and 95th percentile of the noiseless image, where",
        "it is at least a tenth of its maximum in the image. The last column has the largest at the other percentiles.",
        "",
        "## Microscope known",
        "",
        *table(images, microscope),
        "",
        "## Microscope unknown",
        "",
        *table(images, None),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
