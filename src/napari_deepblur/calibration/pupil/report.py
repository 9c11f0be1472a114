"""From the likeliest pupil to what a user wants to know: error bars, the measured PSF, and how far both agree."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.calibration.pupil.beads import Beads
from napari_deepblur.calibration.pupil.choice import PupilChoice
from napari_deepblur.calibration.pupil.joined import joined_psf
from napari_deepblur.calibration.pupil.likelihood import Fit, Levels, State, normal_equations
from napari_deepblur.calibration.pupil.model import PLACE, BeadModel
from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope

_POOR = 3.0
"""Misfit from which on a user is told."""

_LARGE_WAVES = 0.5
_TRANSMITTED = 0.2
"""Least transmission that a pupil may have anywhere without a word."""


def report(
    microscope: Microscope,
    choice: PupilChoice,
    noise: PoissonGaussianNoise,
    model: BeadModel,
    beads: Beads,
    state: State,
    fits: Sequence[Fit],
) -> PupilRetrieval:
    """Make the result of a retrieval."""
    levels, count = Levels(noise.alpha, noise.beta), len(choice.modes)
    patches = list(beads.patches)
    matrix, _ = normal_equations([model] * len(patches), patches, levels, state, fits)
    expected = torch.stack([fit.expected for fit in fits])
    left = (beads.patches - expected).square() / levels.variance(expected)
    free = beads.patches.numel() - len(matrix) - 2 * len(patches) * len(patches[0])
    misfit = float(left.double().sum()) / max(free, 1)
    spread = torch.linalg.pinv(matrix, hermitian=True).diagonal().clamp_min(0)[: len(state.shared)].sqrt()
    spread *= math.sqrt(max(misfit, 1.0))
    # A second model without tilt, at the height of the first bead: what the measured PSF is brought to.
    place = torch.tensor([0.0, 0.0, float(state.places[0, 2])])
    modelled = model.psfs(torch.cat([place, state.shared])).numpy()
    step = choice.plane_spacing_um / microscope.pixel_size_um
    light = torch.stack([fit.light for fit in fits]).double().numpy()
    background = torch.stack([fit.background for fit in fits]).double()
    variances = levels.variance(expected).double().mean((2, 3)).numpy()
    places = state.places.double().numpy()
    relative = np.column_stack([places[:, :2], (places[:, 2] - places[0, 2]) / step])
    bare = (beads.patches.double() - background[..., None, None]).numpy()
    measured = joined_psf(bare, light, variances, relative)
    error = float(np.square(measured - modelled).sum())
    # Of beads that are weighted by a / v, the mean has the variance 1 / sum a^2 / v.
    noisy = 1 / np.maximum((light**2 / variances).sum(0), 1e-30)
    power = max(float(np.square(measured).sum()), 1e-30)
    heights = step * np.arange(len(modelled)) - places[0, 2]
    theta, passed = state.shared[:count].numpy(), state.shared[count:].numpy()
    return PupilRetrieval(
        microscope=microscope,
        modes=tuple(choice.modes),
        theta=theta,
        theta_std=spread[:count].float().numpy(),
        amplitude_modes=tuple(choice.amplitude),
        amplitude=passed,
        amplitude_std=spread[count:].float().numpy(),
        noise=noise,
        plane_spacing_um=float(choice.plane_spacing_um),
        offsets_um=(heights * microscope.pixel_size_um).astype(np.float32),
        measured=measured.astype(np.float32),
        modelled=modelled.astype(np.float32),
        places=np.column_stack([beads.points + places[:, 1::-1], places[:, PLACE - 1] / step]),
        photons=light / noise.alpha if noise.alpha > 0 else light,
        misfit=misfit,
        psf_snr=-10 * math.log10(max(error, 1e-30) / power),
        noise_snr=-10 * math.log10(max(float(noisy.sum()) * modelled[0].size, 1e-30) / power),
        notes=(*beads.notes, *_doubts(misfit, theta, model, state)),
    )


def _doubts(misfit: float, theta: NDArray[np.float32], model: BeadModel, state: State) -> list[str]:
    notes = []
    if misfit > _POOR:
        notes.append(
            f"What the pupil leaves of the beads is {misfit:.1f} times the noise: the optics may be stated wrongly "
            "(NA, wavelength, index, pixel size, plane spacing), beads are no points, or the pupil is not that smooth."
        )
    if np.abs(theta).max() > _LARGE_WAVES:
        notes.append(
            f"A coefficient of {np.abs(theta).max():.2f} waves is unusually large: are optics and spacing right?"
        )
    passed = [model.transmission(state.shared, group) for group, _ in model.groups[:1]]
    if min(float(values.min()) for values in passed) < _TRANSMITTED:
        notes.append("The transmission of the pupil nearly vanishes somewhere: give fewer modes of amplitude.")
    return notes
