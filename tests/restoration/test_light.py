"""A restoration that holds more or less light than its image says so, and how much."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.light import light_note
from napari_deepblur.restoration.residual import residual_of

DARK = 100.0


def said(
    image: NDArray[np.float32],
    restored: NDArray[np.float32],
    blur: ConvolutionBlur,
    dark: float,
    hidden: NDArray[np.bool_] | None = None,
    background: NDArray[np.float32] | None = None,
) -> str | None:
    return light_note(residual_of(image, restored, blur, hidden, background), dark)


@pytest.fixture(scope="module")
def blur() -> ConvolutionBlur:
    grid = torch.arange(-4, 5).float()
    psf = torch.exp(-(grid[:, None] ** 2 + grid**2) / 4)
    return ConvolutionBlur(psf / psf.sum())


@pytest.fixture(scope="module")
def light() -> NDArray[np.float32]:
    rows, columns = np.mgrid[:64, :70]
    return (500 * np.exp(-((rows - 30) ** 2 + (columns - 35) ** 2) / 200)).astype(np.float32)


def test_nothing_is_said_where_the_light_is_the_same(blur: ConvolutionBlur, light: NDArray[np.float32]) -> None:
    assert said(light + DARK, light + DARK, blur, DARK) is None
    assert said(light + DARK, 1.03 * light + DARK, blur, DARK) is None


@pytest.mark.parametrize(("factor", "words"), [(1.3, "30% more light"), (0.8, "20% less light")])
def test_the_difference_is_said(blur: ConvolutionBlur, light: NDArray[np.float32], factor: float, words: str) -> None:
    # Blurred in advance, so that only the factor differs.
    image = (
        blur.operator((64, 70), (0, 0), torch.device("cpu"))
        .forward(torch.nn.functional.pad(torch.from_numpy(light)[None, None], (4, 4, 4, 4), mode="replicate"))[0, 0]
        .numpy()
    )
    found = said(image + DARK, factor * light + DARK, blur, DARK)
    assert found is not None and words in found and "Do not measure intensities" in found


def test_what_is_hidden_or_set_apart_does_not_count(blur: ConvolutionBlur, light: NDArray[np.float32]) -> None:
    background = np.full_like(light, 200)
    assert said(light + background + DARK, light + DARK, blur, DARK, background=background) is None
    spoilt, hidden = light + DARK, np.zeros(light.shape, bool)
    spoilt[40:45, 20:60], hidden[40:45, 20:60] = 5000, True
    assert said(spoilt, light + DARK, blur, DARK) is not None
    assert said(spoilt, light + DARK, blur, DARK, hidden) is None


def test_nothing_is_said_of_images_smaller_than_the_psf_or_without_light(
    blur: ConvolutionBlur, light: NDArray[np.float32]
) -> None:
    small = light[:8, :8] + DARK
    assert said(small, 2 * small, blur, DARK) is None
    assert said(light, light, blur, 1000.0) is None
