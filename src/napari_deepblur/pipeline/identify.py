"""Blind identification of one image, or of a focal stack: theta_hat = IN(y)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from napari_deepblur.checked_image import plane_shape
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.stack import StackIdentification, check_stack
from napari_deepblur.identification.volumes.identify import SpecimenChoice, identify_volume_steps
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.named_array import check_asked, with_its_axes
from napari_deepblur.pipeline.options import as_family, options_of_data, options_of_family
from napari_deepblur.pipeline.overruled import warn_where_overruled
from napari_deepblur.pipeline.plan import IdentificationPlan, plan_identification
from napari_deepblur.pipeline.run import run_identification, run_stack_identification
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.progress import finished

if TYPE_CHECKING:
    import os


def identify(
    image: ArrayLike,
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Identification:
    """Identify the blur of one image.

    For a Zernike family the network's answer, with its evidence pooled over the whole field, is mixed with a fit to the
    power spectrum, whose weight grows as the noise shrinks. For a family that varies over the field, or that was
    measured, windows of the field are looked at, and the family's parameters are fitted to what was seen in them.

    Parameters
    ----------
    image
        Observed image, shape (H, W), any numeric type and unit.
    family
        Operators that are considered.
    noise
        Noise in the units of the image; estimated from it where absent.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    weights
        ``"light"``, ``"paper"`` or a file of identification weights; by default those that were adapted to the family,
        or else the best that is installed.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.

    Returns
    -------
    Identification
        Parameters with error bars, and the PSFs.

    Raises
    ------
    ImageError, NoiseError, FamilyError, DeviceError, WeightsError
        Each says what was found, what was expected and what to do.
    """
    image = with_its_axes(image)
    check_asked(image, "YX", "Choose one plane.")
    made = _plan(plane_shape(image), family, noise, device, weights, origin)
    warn_where_overruled(image, made.settings, made.family)
    return finished(run_identification(made, image))


@overload
def identify_stack(
    stack: ArrayLike,
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    specimen: Literal["planes"] = "planes",
) -> StackIdentification: ...


@overload
def identify_stack(
    stack: ArrayLike,
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    *,
    specimen: SpecimenChoice,
) -> VolumeIdentification: ...


def identify_stack(
    stack: ArrayLike,
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    specimen: SpecimenChoice | Literal["planes"] = "planes",
) -> StackIdentification | VolumeIdentification:
    """Identify the blur of a focal stack: of each plane by itself, or one wavefront of them all.

    By default each plane is identified by itself. Then theta_z = theta_0 + z d is fitted to the even coefficients of
    all planes with either joint sign, where d is the known defocus in waves per micrometre (`plane_signs`). How often
    the sign is right, for thin samples and thick ones, is measured by `benchmarks/stack_sign.py`.

    With `specimen` the stack is a volume, seen through one pupil whose defocus is known at each plane. The scene is
    integrated out, not estimated (`identification.volumes.marginal`); no network takes part. A thin specimen gives all
    signs. A thick one gives all but a joint one, by its three-dimensional spectrum, and that one by the sparsity of
    the deconvolved volume. Focus (Noll 4) is a shift along z, and held at zero.

    Parameters
    ----------
    stack
        Planes, shape (Z, H, W), in the order in which they were taken; Z at least 2, or 3 for a volume.
    family
        A Zernike family, the same blur over the field; with defocus (Noll 4) unless it is a volume.
    plane_spacing_um
        Distance z of each plane from the one before, in micrometres in the immersion medium. Positive where the phase
        2 pi z sqrt((n/lambda)^2 - f^2) is added from plane to plane; negative for stacks taken the other way, which
        turns the sign of all even coefficients.
    noise, device, weights
        As in `identify`; a volume is always computed on the processor, and has no weights.
    specimen
        ``"planes"``: each by itself. ``"thin"``: all of it lies in one plane, wherever that is. ``"thick"``: it is
        about alike at all depths. ``"auto"``: thin or thick, whichever explains the stack better.

    Returns
    -------
    StackIdentification or VolumeIdentification
        Signed coefficients, and how sure the sign is; the second for a volume.

    Raises
    ------
    FamilyError
        If the family is not of Zernike modes, or has no defocus where planes are identified by themselves.
    SettingsError
        If the spacing is zero or not finite, or there is no such specimen.
    ImageError, NoiseError, DeviceError, WeightsError
        As in `identify`, with the number of the plane.
    """
    given = with_its_axes(stack)
    if given is not stack:
        check_asked(given, "ZYX", "Choose one focal stack, or rename its axes.")
    warn_where_overruled(given, DeblurSettings(**options_of_family(family)), as_family(family), plane_spacing_um)
    planes = np.asanyarray(given)
    if specimen != "planes":
        return finished(identify_volume_steps(planes, family, plane_spacing_um, noise, specimen))
    check_stack(planes, family, plane_spacing_um)
    shape = planes.shape[-2], planes.shape[-1]
    made = _plan(shape, family, noise, device, weights)
    return finished(run_stack_identification(made, planes, plane_spacing_um))


def _plan(
    shape: tuple[int, int],
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: str,
    weights: str | os.PathLike[str] | None,
    origin: tuple[int, int] = (0, 0),
) -> IdentificationPlan:
    """Make the plan of what was asked for with objects."""
    asked = DeblurSettings(**options_of_family(family), **options_of_data(noise=noise), device=device, origin=origin)
    return plan_identification(asked, shape, family, weights)
