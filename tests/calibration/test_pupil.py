"""Phase retrieval: the pupil of simulated beads comes back with honest error bars; what cannot be used is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur import PupilRetrieval, retrieve_pupil
from napari_deepblur.calibration import PupilChoice, retrieve_pupil_steps
from napari_deepblur.calibration.pupil.figure import sections_png
from napari_deepblur.calibration.pupil.joined import joined_psf
from napari_deepblur.calibration.pupil.likelihood import Levels, deviance, explained
from napari_deepblur.calibration.pupil.model import bead_model
from napari_deepblur.calibration.pupil.page import pupil_html
from napari_deepblur.calibration.pupil.verdict import judge_pupil, pupil_widths
from napari_deepblur.errors import CalibrationError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import KnownPupil, Microscope, psf_model, zernike_psf
from napari_deepblur.progress import Progress, finished

OPTICS = Microscope(0.9, 0.5, 0.12, 1.0)
MODES = (5, 6, 7, 8, 11)
THETA = (0.08, -0.06, 0.05, -0.09, 0.1)
SPACING_UM = 0.5
PLANES, PATCH, PHOTONS = 9, 25, 2000.0
NOISE = PoissonGaussianNoise(1.0, 1.5, 100.0)


class Stack(NamedTuple):
    counts: NDArray[np.float64]
    places: list[tuple[float, float, float]]


def psfs(row: float, column: float, plane: float, size: int, optics: KnownPupil) -> NDArray[np.float32]:
    """PSFs of all planes of a bead that lies beside the middle pixel by parts of a pixel."""
    model = psf_model(optics.pupil, (2, 3, *optics.modes), size, 40.0)
    tilts = torch.tensor([column, row]) * -0.5 * optics.microscope.cutoff
    z = SPACING_UM / optics.microscope.pixel_size_um * (torch.arange(PLANES) - plane)
    return zernike_psf(torch.cat([tilts, optics.coefficients]).expand(PLANES, -1), model, z).numpy()


def simulated(places: list[tuple[float, float, float]], optics: KnownPupil, photons: float = PHOTONS) -> Stack:
    """Beads of that many photons in each plane, of which the wings lie beyond the patch, on a dark background."""
    clean = np.full((PLANES, 64 + 60, 64 + 60), 5.0)
    for row, column, plane in places:
        r, c = round(row), round(column)
        clean[:, r : r + 61, c : c + 61] += photons * psfs(row - r, column - c, plane, 61, optics)
    rng = np.random.default_rng(0)
    clean = clean[:, 30:-30, 30:-30]
    return Stack(rng.poisson(clean) + rng.normal(0, 1.5, clean.shape) + 100, places)


PUPIL = KnownPupil(OPTICS, MODES, THETA)
PLACES = [(18.3, 17.8, 4.2), (44.7, 45.4, 3.5)]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return simulated(PLACES, PUPIL)


def retrieved(stack: Any, **options: Any) -> PupilRetrieval:
    values = {"plane_spacing_um": SPACING_UM, "modes": MODES, "patch_size": PATCH, "noise": NOISE}
    return retrieve_pupil(stack, OPTICS, **{**values, **options})


@pytest.fixture(scope="module")
def found(stack: Stack) -> PupilRetrieval:
    return retrieved(stack.counts)


def test_coefficients_come_back_with_their_signs_within_their_error_bars(found: PupilRetrieval) -> None:
    assert np.abs(found.theta - THETA).max() < 0.012
    pulls = (found.theta - THETA) / found.theta_std
    assert np.abs(pulls).max() < 4 and found.theta_std.max() < 0.006
    assert found.misfit == pytest.approx(1, abs=0.05) and found.notes == ()
    assert found.rms == pytest.approx(np.sqrt(np.square(THETA).sum()), abs=0.01)


def test_the_modelled_psf_is_the_true_one_in_all_planes(found: PupilRetrieval) -> None:
    plane = PLACES[[abs(row - found.places[0, 0]) < 2 for row, *_ in PLACES].index(True)][2]
    true = psfs(0, 0, plane, PATCH, PUPIL)
    error = np.square(found.modelled - true).sum((1, 2)) / np.square(true).sum((1, 2))
    assert -10 * np.log10(error.max()) > 20
    # What is measured is as far from it as its noise says, and as background and light of each plane are uncertain.
    assert found.psf_snr == pytest.approx(found.noise_snr, abs=1)
    measured = np.square(found.measured - true).sum() / np.square(true).sum()
    assert -10 * np.log10(measured) == pytest.approx(found.noise_snr, abs=2)


def test_every_bead_has_its_own_place_and_light(found: PupilRetrieval) -> None:
    order = np.argsort(found.places[:, 0])
    np.testing.assert_allclose(found.places[order], PLACES, atol=0.1)
    inside = psfs(0, 0, 4, 61, PUPIL)[:, 18:-18, 18:-18].sum((1, 2))
    assert found.photons[:, 2:7].mean() == pytest.approx(PHOTONS * inside[2:7].mean(), rel=0.08)
    assert found.offsets_um[1] - found.offsets_um[0] == pytest.approx(SPACING_UM)


def test_the_other_order_of_planes_turns_the_even_modes_over(stack: Stack, found: PupilRetrieval) -> None:
    turned = retrieved(stack.counts, plane_spacing_um=-SPACING_UM)
    signs = np.array([-1, -1, 1, 1, -1])
    np.testing.assert_allclose(turned.theta, signs * found.theta, atol=2e-3)


def test_transmission_and_noise_are_found_as_well(stack: Stack) -> None:
    dark = KnownPupil(OPTICS, MODES, THETA, ((4, -0.2),))
    found = retrieved(simulated(PLACES[:1], dark, 20000.0).counts, amplitude=(4,))
    assert found.amplitude == pytest.approx([-0.2], abs=5 * float(found.amplitude_std[0]))
    assert found.amplitude_std[0] < 0.02 and found.pupil.amplitude == ((4, float(found.amplitude[0])),)
    estimated = retrieved(stack.counts, noise=None, most_beads=1)
    assert estimated.noise.alpha == pytest.approx(1, rel=0.4) and len(estimated.places) == 1
    assert np.abs(estimated.theta - THETA).max() < 0.02


def test_slopes_are_those_of_differences() -> None:
    model = bead_model(OPTICS, (5, 11), (4,), (5, 15), 4.0, 0.15)
    at = torch.tensor([0.3, -0.2, 9.0, 0.1, -0.08, 0.2])
    slopes = model.jacobian(at)
    for index in range(len(at)):
        step = torch.zeros(len(at))
        step[index] = 0.01
        by_difference = (model.psfs(at + step) - model.psfs(at - step)) / 0.02
        assert (slopes[index] - by_difference).norm() < 0.01 * by_difference.norm()


def test_light_and_background_are_the_likeliest() -> None:
    psf = torch.rand(2, 7, 7, generator=torch.Generator().manual_seed(0))
    noise = Levels(0.5, 2.0)
    counts = 300 * psf + 7 + torch.randn(psf.shape, generator=torch.Generator().manual_seed(1))
    fit = explained(psf, counts, noise)
    assert fit.light.tolist() == pytest.approx([300, 300], rel=0.02)
    for change in (1.01, 0.99):
        other = change * fit.light[:, None, None] * psf + fit.background[:, None, None]
        assert deviance(other, counts, noise) > fit.deviance


def test_beads_are_joined_at_one_place() -> None:
    places = [(0.4, -0.3, 0.0), (-0.2, 0.1, 1.0)]
    both = np.stack([psfs(y, x, 4 + z, PATCH, PUPIL) for x, y, z in places]).astype(float)
    joined = joined_psf(both, np.ones((2, PLANES)), np.ones((2, PLANES)), np.array(places))
    alone = psfs(0, 0, 4, PATCH, PUPIL)
    error = np.square(joined - alone)[2:-2].sum() / np.square(alone)[2:-2].sum()
    assert -10 * np.log10(error) > 25


def test_progress_rises_and_closing_stops_it(stack: Stack) -> None:
    options: dict[str, Any] = {"plane_spacing_um": SPACING_UM, "modes": MODES, "patch_size": PATCH, "noise": NOISE}
    seen: list[Progress] = []
    finished(retrieve_pupil_steps(stack.counts, OPTICS, PupilChoice(most_beads=1, **options)), seen.append)
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares) and shares[-1] == 1
    steps = retrieve_pupil_steps(stack.counts, OPTICS, PupilChoice(**options))
    next(steps)
    steps.close()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"plane_spacing_um": 0.0}, "other than zero"),
        ({"modes": (4, 5)}, "place of a bead"),
        ({"modes": (5, 5)}, "different Noll"),
        ({"amplitude": (1,)}, "from 2 on"),
        ({"patch_size": 24}, "odd number"),
        ({"patch_size": 81}, "smaller patch size"),
        ({"bead_diameter_um": -1.0}, "positive number"),
        ({"most_beads": 0}, "at least 1"),
        ({"threshold": 1e6}, "No bead can be used of 0"),
        ({"threshold": 1e6}, "bright beads on a dark background"),
        ({"threshold": -1.0}, "more than 0"),
        ({"saturation": 110.0}, "Expose more briefly"),
        ({"saturation": np.nan}, "saturation is nan"),
        ({"plane_spacing_um": 500.0}, "Is it in nanometres"),
        ({"plane_spacing_um": "0.5"}, "plane spacing is '0.5'"),
        ({"modes": (5, 500)}, "at most 496"),
        ({"modes": tuple(range(5, 100000))}, r"modes are 5, 6, 7, 8, 9, 10, 11, 12, \.\.\., up to"),
        ({"modes": 5}, "several Noll indices"),
        ({"modes": np.array([4, 5])}, "place of a bead"),
        ({"amplitude": (1,)}, "brightness of a bead"),
        ({"amplitude": (100000,)}, "at most 496"),
        ({"patch_size": 25.0}, "odd number"),
        ({"bead_diameter_um": 50.0}, "Is it in nanometres"),
        ({"bead_diameter_um": 4.0}, "does not fit"),
        ({"most_beads": 2.5}, "whole number"),
        ({"seed": "a"}, "seed is 'a'"),
        ({"noise": (1.0, 2.0)}, "noise is a tuple"),
    ],
)
def test_what_cannot_be_used_is_refused(stack: Stack, options: dict[str, Any], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        retrieved(stack.counts, **options)


def test_stacks_that_show_no_focus_are_refused_or_doubted(stack: Stack) -> None:
    counts = stack.counts
    for bad, words in ((counts[0], "planes, rows"), (counts[:2], "at least 3"), (counts * np.nan, "NaN")):
        with pytest.raises(CalibrationError, match=words):
            retrieved(bad)
    half = retrieved(stack.counts[5:], most_beads=1)
    assert any("does not go through their focus" in note for note in half.notes)


def test_a_pupil_is_judged_and_drawn(found: PupilRetrieval) -> None:
    levels = {one.title: one.level for one in judge_pupil(found, pupil_widths(found))}
    assert levels == {"Beads": "good", "Residual": "good", "Misfit": "good", "Width": "good"}
    widths = pupil_widths(found)
    assert pupil_widths(replace(found, measured=found.modelled)).measured == pytest.approx(widths.modelled)
    # Aberrations make it wider, and most along z.
    assert all(own > 0.95 * best for own, best in zip(widths.modelled, widths.ideal, strict=True))
    assert widths.modelled[0] > 1.1 * widths.ideal[0]
    light, dark = sections_png(found), sections_png(found, "#ffffff", "#000000")
    assert light.startswith(b"\x89PNG") and dark.startswith(b"\x89PNG") and light != dark
    page = pupil_html(found, "100x", "1.0")
    assert f"{found.psf_snr:.1f} dB" in page and "FWHM along x" in page and page.count("<img") == 1


def test_a_pupil_of_wrong_optics_is_not_believed(found: PupilRetrieval) -> None:
    wide = replace(found, microscope=Microscope(0.5, 0.5, 0.12, 1.0))
    said = {one.title: one for one in judge_pupil(wide, pupil_widths(wide))}
    assert said["Width"].level == "bad" and "check NA" in said["Width"].words
    poor = replace(found, psf_snr=4.0, noise_snr=20.0, misfit=8.0)
    said = {one.title: one for one in judge_pupil(poor, pupil_widths(poor))}
    assert (said["Residual"].level, said["Misfit"].level) == ("bad", "warning")
