"""The blur that a run removes, of what is known and what was identified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.identification.field import GRID
from napari_deepblur.identification.results import Identification
from napari_deepblur.pipeline.plan import Plan
from napari_deepblur.restoration.background import BackgroundRestorer, VolumeBlur, volume_blur
from napari_deepblur.restoration.blur import Blur, ConvolutionBlur, FamilyBlur, blur_between


def identified_blur(plan: Plan, found: Identification) -> Blur:
    """Return the blur that is removed once one was identified: the mean one, with the caution that it deserves."""
    family = plan.family
    if family.measured is not None:
        # Linear in theta: the PSFs of the mean parameters are the average.
        spread = float(found.psf_spread.mean())
        return FamilyBlur(family, torch.from_numpy(found.theta), spread, plan.settings.origin)
    if family.field_shape is None:
        # The average over what is likely, which is closer to the truth than the PSF of the mean coefficients. Where
        # other signs speak against it, restoration holds back.
        spread = float(found.psf_spread[0])
        if found.expectation is not None:
            spread = max(spread, found.expectation.squared_error)
        return ConvolutionBlur(torch.from_numpy(found.psf), spread)
    return blur_between(found.psfs, GRID, family.psf_size, plan.shape, float(found.psf_spread.mean()))


def surrounded(plan: Plan, focus: Blur, found: Identification | None) -> VolumeBlur:
    """Put the plane in focus between unknown ones, which are seen through the same pupil."""
    family = plan.family.local
    assert family is not None
    if found is None:
        assert plan.theta is not None
        theta, psf = plan.theta, family.psf_tensor(plan.theta)
    else:
        theta, psf = torch.from_numpy(found.theta).float(), torch.from_numpy(found.psf)
    return volume_blur(psf, focus.spread, theta, family.microscope.pupil, family.modes)


def drawn_blur(plan: Plan, mean: Blur, found: Identification, draw: int) -> Blur:
    """Return another blur that is likely, restored from with the same caution as the mean one."""
    assert found.draws is not None
    theta = torch.from_numpy(found.draws[draw])
    if isinstance(plan.restorer, BackgroundRestorer):
        return surrounded(plan, mean, replace(found, theta=found.draws[draw], psfs=_local_psf(plan, theta)))
    return FamilyBlur(plan.family, theta, mean.spread, plan.settings.origin)


def _local_psf(plan: Plan, theta: torch.Tensor) -> NDArray[np.float32]:
    local = plan.family.local
    assert local is not None
    return np.asarray(local.psf_tensor(theta).numpy()[None])
