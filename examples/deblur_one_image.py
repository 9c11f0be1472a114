"""Deblur one image without knowing its blur, and save the result.

python examples/deblur_one_image.py                       # the sample image that comes with the package
python examples/deblur_one_image.py --out sharp.tif
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tifffile

from napari_deepblur import ZernikeFamily, deblur
from napari_deepblur.samples import sample_microscope, sample_path


def main() -> None:
    """Read, deblur, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("sharp.tif"), help="the result, 32-bit TIFF (sharp.tif)")
    out = parser.parse_args().out

    image = tifffile.imread(sample_path())
    # For an image of your own: Microscope(na=1.4, wavelength_um=0.525, pixel_size_um=0.065, n_immersion=1.515).
    family = ZernikeFamily(sample_microscope(), psf_size=39)
    result = deblur(image, family)

    tifffile.imwrite(out, result.image)
    found = result.identification
    assert found is not None
    print(f"{out}: {result.image.shape}, {result.image.dtype}, in the units of the image")
    print(f"noise: variance {found.noise.alpha:.3g} per intensity, standard deviation {found.noise.beta:.3g}")
    print(f"largest aberration: {found.parameter_names[abs(found.theta).argmax()]}, {abs(found.theta).max():.3f} waves")


if __name__ == "__main__":
    main()
