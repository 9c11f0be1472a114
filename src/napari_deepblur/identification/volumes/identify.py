"""Blind identification of a focal stack as a volume: one wavefront, and which kind of specimen it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError
from napari_deepblur.identification.volumes.cross_spectra import cross_spectra
from napari_deepblur.identification.volumes.descent import Box, Minimum, curvature, descend
from napari_deepblur.identification.volumes.held_out_sign import held_out_steps
from napari_deepblur.identification.volumes.joint_sign import mirror_log_odds
from napari_deepblur.identification.volumes.marginal import Marginal, Specimen, Unknowns
from napari_deepblur.identification.volumes.prepared import Prepared, check_volume, prepare_volume, volume_notes
from napari_deepblur.identification.volumes.results import FOCUS_NOTE, VolumeIdentification
from napari_deepblur.identification.volumes.search import View, descents, polish_steps, search_steps, searched
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.optics import psf_model, zernike_psf
from napari_deepblur.progress import Progress, changed

SpecimenChoice = Literal["auto", "thin", "thick"]

_BAR_WIDTH, _LEAST_ERROR = {"thin": 1.0, "thick": 2.0}, {"thin": 0.0005, "thick": 0.002}
"""Error bars relative to the curvature's, and what none falls below, in waves: the model of a scene is not exact."""

_SURE = 50.0
"""Largest logarithm of odds that becomes a probability."""

_TURNED_STEPS = 10
"""Steps from the wavefront of the other sign to its own minimum."""


def identify_volume_steps(
    stack: NDArray[np.generic],
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None,
    specimen: SpecimenChoice = "auto",
) -> Generator[Progress, None, VolumeIdentification]:
    """Identify the wavefront of a stack step by step.

    Parameters
    ----------
    stack
        Planes in the order in which focus moved, shape (Z, H, W), at least three.
    family
        A Zernike family, the same blur over the field.
    plane_spacing_um
        Distance of each plane from the one before, in micrometres in the immersion medium, signed.
    noise
        In the units of the stack; estimated where absent.
    specimen
        ``"thin"``, ``"thick"``, or which of both explains the stack better.

    Returns
    -------
    VolumeIdentification
        As the value of the generator.

    Raises
    ------
    FamilyError, SettingsError, ImageError, NoiseError
        Those of `check_volume` and `prepare_volume`; a specimen that is not known.
    """
    if specimen not in get_args(SpecimenChoice):
        raise SettingsError(f"specimen is {specimen!r}, expected one of {', '.join(get_args(SpecimenChoice))}.")
    zernike = check_volume(stack, family, plane_spacing_um)
    kinds: tuple[Specimen, ...] = ("thick", "thin") if specimen == "auto" else (specimen,)
    total = 1 + sum(descents(kind) for kind in kinds) + 6
    yield Progress("noise", 0, total)
    prepared = prepare_volume(stack, zernike, plane_spacing_um, noise)
    spectra = cross_spectra(prepared.stack, prepared.noise, zernike.microscope)
    said, carries = volume_notes(spectra)
    step = plane_spacing_um / zernike.microscope.pixel_size_um
    view = View(spectra, torch.from_numpy(prepared.numbers), step, zernike)
    notes = (*((FOCUS_NOTE,) if 4 in zernike.modes else ()), *prepared.notes, *said)
    if not carries:
        return _nothing(view, prepared, len(stack), kinds[0], notes)
    found: dict[Specimen, Minimum] = {}
    done = 1
    for kind in kinds:
        yield Progress("identify", done, total)
        found[kind] = yield from changed(search_steps(view, kind), _counted(done, total))
        done += descents(kind)
    best = min(found, key=lambda kind: found[kind].energy)
    odds = (max(one.energy for one in found.values()) - found[best].energy) * searched(view)
    marginal, box = view.marginal(best), view.box(best)
    minimum = yield from changed(polish_steps(marginal, box, found[best]), _counted(done, total))
    signing = _sign_steps(view, prepared, best, minimum, marginal, box)
    unknowns, sign = yield from changed(signing, _counted(done + 3, total))
    deviation = np.zeros(len(box.free))
    deviation[box.free] = _BAR_WIDTH[best] * np.sqrt(curvature(marginal, box, unknowns).diagonal()) + _LEAST_ERROR[best]
    yield Progress("identify", total, total)
    return _result(view, prepared, len(stack), best, unknowns, deviation, sign, odds, notes)


def _counted(done: int, total: int) -> Callable[[int], Progress]:
    return lambda more: Progress("identify", done + more, total)


def _sign_steps(
    view: View, prepared: Prepared, specimen: Specimen, minimum: Minimum, marginal: Marginal, box: Box
) -> Generator[int, None, tuple[Unknowns, float]]:
    """Settle the joint sign of all modes; return the unknowns, and the logarithm of the odds of their sign.

    Yields the number of tests done, and again while the longest of them lasts, so that it can be stopped.
    """
    family, unknowns = view.family, minimum.unknowns
    # With a mismatch of the indices it is the sum with its wavefront that has no sign.
    known = torch.from_numpy(family.known_wavefront).float()
    theta = torch.where(torch.from_numpy(box.free), -unknowns.theta - 2 * known, unknowns.theta)
    turned = descend(marginal, box, unknowns._replace(theta=theta, focus=-unknowns.focus), _TURNED_STEPS)
    odds = turned.energy - minimum.energy
    yield 1
    if specimen == "thick":
        optics = family.microscope, family.modes, view.step
        odds += mirror_log_odds(prepared.stack, unknowns.theta, *optics)
        yield 2
        odds += yield from changed(
            held_out_steps(prepared, unknowns.theta, turned.unknowns.theta, *optics), lambda _: 2
        )
    return (unknowns if odds >= 0 else turned.unknowns), abs(odds)


def _result(
    view: View,
    prepared: Prepared,
    planes: int,
    specimen: Specimen,
    unknowns: Unknowns,
    deviation: NDArray[np.float64],
    sign: float,
    odds: float,
    notes: tuple[str, ...],
) -> VolumeIdentification:
    family, numbers = view.family, prepared.numbers
    middle = (numbers[0] + numbers[-1]) / 2 if specimen == "thin" else (planes - 1) / 2
    focus = float(unknowns.focus) if specimen == "thin" else 0.0
    z = view.step * (np.arange(planes) - middle) - focus
    model = psf_model(family.microscope.pupil, family.modes, family.psf_size, float(np.abs(z).max()))
    # A plane at a time: all their pupils together would need much memory.
    psfs = [zernike_psf(unknowns.theta, model, torch.tensor(distance)).numpy() for distance in z]
    return VolumeIdentification(
        specimen=specimen,
        theta=unknowns.theta.numpy().astype(np.float32),
        theta_std=deviation.astype(np.float32),
        psfs=np.stack(psfs),
        offsets_um=(z * family.microscope.pixel_size_um).astype(np.float32),
        sign_probability=1 / (1 + math.exp(-min(sign, _SURE))),
        specimen_log_odds=odds,
        noise=prepared.noise,
        parameter_names=family.parameter_names,
        notes=notes,
    )


def _nothing(
    view: View, prepared: Prepared, planes: int, specimen: Specimen, notes: tuple[str, ...]
) -> VolumeIdentification:
    """Say what was expected, where the planes carry nothing."""
    box, zero = view.box(specimen), torch.zeros(len(view.family.modes))
    return _result(
        view,
        prepared,
        planes,
        specimen,
        Unknowns(zero, torch.zeros(0), torch.zeros(())),
        box.expected * box.free.astype(np.float64),
        0.0,
        0.0,
        notes,
    )
