"""The plan of a run: what was asked for and what the data are, made into all that is needed, once.

A plan is made for an image, for all frames of a series, or for a preview, from settings and the shape of a plane.
Files of families and weights are read here, and only here; `pipeline.run` executes it for each plane.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from napari_deepblur.devices import resolve_device
from napari_deepblur.errors import SettingsError
from napari_deepblur.identification.field import check_in_field
from napari_deepblur.io.families import family_hash
from napari_deepblur.io.weights import Loaded
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.network_choice import deblurring_weights, identification_weights
from napari_deepblur.pipeline.parts import FieldZernikeBlur, FileBlur
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.restoration.background import BackgroundRestorer
from napari_deepblur.restoration.restore import choose_side
from napari_deepblur.restoration.restorers import NetworkRestorer, Restorer, SolverRestorer


@dataclass(frozen=True, eq=False)
class IdentificationPlan:
    """All that it takes to identify a blur, but the pixels.

    Attributes
    ----------
    settings, shape, family, noise, network, device
        As of a `Plan`.
    """

    settings: DeblurSettings
    shape: tuple[int, int]
    family: OperatorFamily
    noise: PoissonGaussianNoise | None
    network: Trunk | None
    device: torch.device


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a run needs, but the pixels.

    Attributes
    ----------
    settings
        What was asked for.
    shape
        Rows and columns of a plane.
    family
        The blurs that are possible.
    digest
        Its hash (`family_hash`).
    theta
        Known parameters, (K,); None where they are identified.
    noise
        Known noise in the units of the image; None where it is estimated.
    network
        What identifies; None where nothing is identified, or the family needs none.
    restorer
        What removes the blur.
    device
        Where to compute.
    side
        Longest side of the tiles in pixels; None for the whole plane at once.
    weights
        The files of the networks, by what they are for.
    """

    settings: DeblurSettings
    shape: tuple[int, int]
    family: OperatorFamily
    digest: str
    theta: Tensor | None
    noise: PoissonGaussianNoise | None
    network: Trunk | None
    restorer: Restorer
    device: torch.device
    side: int | None
    weights: Mapping[str, Loaded]

    def of_channel(self, channel: int) -> Plan:
        """Return the plan of a channel: with its own wavelength, where channels have their own."""
        if self.settings.channel_wavelengths_um is None:
            return self
        own = self.settings.of_channel(channel)
        family = own.operator_family(self.shape)
        made = replace(self, settings=own, family=family, digest=family_hash(family))
        return replace(made, side=_side(made))

    def of_part(self, first: tuple[int, int], shape: tuple[int, int]) -> Plan:
        """Return the plan of a part of the plane, at its own place in the same field.

        Parameters
        ----------
        first
            Row and column of its first pixel in the plane.
        shape
            Its rows and columns.
        """
        settings, blur = self.settings, self.settings.blur
        if isinstance(blur, FieldZernikeBlur | FileBlur):
            moved = blur.replace(origin=(blur.origin[0] + first[0], blur.origin[1] + first[1]))
            if isinstance(moved, FieldZernikeBlur):
                # Of the whole field: its polynomials are not those of its parts.
                moved = moved.replace(field_shape=self.family.field_shape)
            settings = settings.replace(blur=moved)
        made = replace(self, settings=settings, shape=shape)
        check_in_field(made.family, shape, settings.origin)
        return replace(made, side=_side(made))


def plan(settings: DeblurSettings, shape: tuple[int, int], family: OperatorFamily | None = None) -> Plan:
    """Make the plan of a run; whatever can be wrong with what was asked for is found here.

    Parameters
    ----------
    settings
        What was asked for.
    shape
        Rows and columns of a plane.
    family
        The operators, where they are not those that the settings name: an object in Python.

    Raises
    ------
    FamilyError, FamilyFileError, SettingsError, DeviceError, WeightsError
        Each says what was found, what was expected and what to do.
    """
    family = _family(settings, shape, family)
    known = settings.blur.theta
    theta = _only_theta(family) if known is None else family.check(known)
    device = resolve_device(settings.compute.device)
    weights: dict[str, Loaded] = {}
    network: Trunk | None = None
    if theta is None:
        found = identification_weights(family, settings.compute.size, _file(settings))
        if found is not None:
            weights["identification"], network = found.about, found.identification()
    restore = settings.restore
    restorer: Restorer
    if restore.method == "network":
        opened = deblurring_weights(family, settings.compute.size, _file(settings))
        weights["deblurring"], restorer = opened.about, NetworkRestorer(opened.deblurring())
    else:
        restorer = SolverRestorer(restore.solver, **restore.numbers)
        if restore.background == "volume":
            _check_surroundings(family)
            itself = restore.method == "richardson-lucy"
            restorer = BackgroundRestorer(None if itself else restorer, restore.iterations if itself else None)
    noise, digest = settings.known_noise(), family_hash(family)
    made = Plan(settings, shape, family, digest, theta, noise, network, restorer, device, None, weights)
    return replace(made, side=_side(made))


def plan_identification(
    settings: DeblurSettings,
    shape: tuple[int, int],
    family: OperatorFamily | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> IdentificationPlan:
    """Make the plan of an identification alone, whatever the settings know of the blur.

    Parameters
    ----------
    settings, shape, family
        As in `plan`.
    weights
        File of the network's weights; the size in the settings where absent.

    Raises
    ------
    FamilyError, FamilyFileError, SettingsError, DeviceError, WeightsError
        As `plan`.
    """
    family = _family(settings, shape, family)
    device = resolve_device(settings.compute.device)
    found = identification_weights(family, weights or settings.compute.size, _file(settings))
    network = None if found is None else found.identification()
    return IdentificationPlan(settings, shape, family, settings.known_noise(), network, device)


def _family(settings: DeblurSettings, shape: tuple[int, int], given: OperatorFamily | None) -> OperatorFamily:
    """Return the family that was given, or make that of the settings; checked against the field."""
    if given is not None and settings.channel_wavelengths_um is not None:
        raise SettingsError("A family in memory has its own optics: leave the wavelengths of channels out.")
    family = settings.operator_family(shape) if given is None else given
    check_in_field(family, shape, settings.origin)
    return family


def _file(settings: DeblurSettings) -> Path | None:
    """Return the file of the family, beside which adapted weights may lie; None for an object in Python."""
    blur = settings.blur
    return settings.family_file if isinstance(blur, FileBlur) and blur.file is not None else None


def _check_surroundings(family: OperatorFamily) -> None:
    """Raise a `SettingsError` where nothing is known of the planes above and below."""
    if family.local is None or family.field_shape is not None:
        raise SettingsError(
            f"The blurs of the family are those of kind {family.kind}, which know nothing of planes out of focus: "
            "background='volume' needs Zernike aberrations that are the same in the whole field."
        )


def _side(made: Plan) -> int | None:
    return choose_side(made.settings.compute.tile, made.shape, made.family.psf_size, made.restorer, made.device)


def _only_theta(family: OperatorFamily) -> Tensor | None:
    """Return theta where there is nothing to identify: the family is one PSF, of sum one."""
    one = family.measured is not None and family.field_shape is None and family.n_parameters == 1
    return torch.ones(1) if one else None
