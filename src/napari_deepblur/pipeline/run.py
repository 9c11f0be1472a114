"""A plan, executed for one plane: identify the blur, then remove it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.devices import free_memory, is_out_of_memory
from napari_deepblur.errors import DeviceError, SettingsError
from napari_deepblur.identification.expectation import suspicions_of_pixels
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.stack import StackIdentification
from napari_deepblur.io.sinks import empty_result
from napari_deepblur.noise.evidence import Evidence, gather_evidence
from napari_deepblur.noise.intensity import AffineScale, unit_scale
from napari_deepblur.pipeline.blurs import drawn_blur, identified_blur, surrounded
from napari_deepblur.pipeline.identify_steps import identify_evidence_steps, identify_stack_steps
from napari_deepblur.pipeline.opened import by_regions, checked
from napari_deepblur.pipeline.plan import IdentificationPlan, Plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run_record import run_record
from napari_deepblur.pipeline.spread import spread_steps
from napari_deepblur.plane import ChangedPlane, Plane, RegionPlane, SourcePlane, is_large
from napari_deepblur.progress import Progress, changed, within
from napari_deepblur.resolution import resolution_gain
from napari_deepblur.restoration.background import BackgroundRestorer
from napari_deepblur.restoration.blur import Blur, FamilyBlur
from napari_deepblur.restoration.kept import Kept
from napari_deepblur.restoration.light import light_note
from napari_deepblur.restoration.residual import residual_of
from napari_deepblur.restoration.restore import Course, restore_steps, restored_parts_steps, units_of_work
from napari_deepblur.restoration.tiling import Done, Part, gathered
from napari_deepblur.restoration.verdict import doubted, judge


class Begun(NamedTuple):
    """A plane that an earlier run may have begun, and the next may have to go on with.

    Attributes
    ----------
    done
        What is there of its result; None where nothing is.
    identified
        Called with what is identified in it, to be `known` to the next run.
    """

    done: Done | None
    identified: Callable[[Identification], object]


def run(
    plan: Plan, plane: ArrayLike, known: Identification | None = None, begun: Begun | None = None
) -> Generator[Progress | Part, None, Deblurring]:
    """Execute a plan for one plane, as `run_parts`; the result has the image as a whole."""
    if not by_regions(plan):
        return (yield from run_parts(plan, plane, known, begun))
    image = empty_result(plan.shape)
    return replace((yield from gathered(run_parts(plan, plane, known, begun), image)), image=image)


def run_parts(
    plan: Plan, plane: ArrayLike | SourcePlane, known: Identification | None = None, begun: Begun | None = None
) -> Generator[Progress | Part, None, Deblurring]:
    """Execute a plan for one plane, step by step; yield progress, and each part of the result when it is complete.

    Closing the generator stops the work at its next step and frees the memory of the device. What is wrong with the
    plane is found before the first step.

    Parameters
    ----------
    plan
        What to do, for planes of this shape.
    plane
        Observed image, shape (H, W), any numeric type and unit: an array, or a plane that is read by regions.
    known
        What was identified on another plane of the same field, to be used for this one; its noise is not.
    begun
        Whatever is there of the result already; the pixels are those of a run that was not interrupted.

    Returns
    -------
    Deblurring
        As the value of the generator. Where the plane is read by regions (`by_regions`), its image is empty: the parts
        that were yielded are all there is of it.

    Raises
    ------
    ImageError
        If the plane cannot be processed, or is not of the shape that was planned for.
    SettingsError
        If draws of the blur are asked for that `known` does not hold.
    """
    given = _opened(plan, plane, known)
    try:
        found = yield from _blur_steps(plan, given, known, begun)
        picture = yield from _picture_steps(plan, given, found, begun)
    finally:
        free_memory(plan.device)
    return _finished(plan, given, found, picture)


def run_identification(plan: IdentificationPlan, image: ArrayLike) -> Generator[Progress, None, Identification]:
    """Execute the plan of an identification for one image; raises as `identify`, about the image before any step."""
    observed, masked = checked(plan.shape, image, plan.family.psf_size, is_large(plan.shape))
    evidence = gather_evidence(observed, plan.family.microscope, plan.noise, masked)
    return identify_evidence_steps(evidence, plan.family, plan.device, plan.network, plan.settings.origin)


def run_stack_identification(
    plan: IdentificationPlan, stack: NDArray[np.generic], plane_spacing_um: float
) -> Generator[Progress, None, StackIdentification]:
    """Execute the plan of an identification for a focal stack (Z, H, W); raises as `identify_stack`."""
    return identify_stack_steps(stack, plan.family, plane_spacing_um, plan.noise, plan.device, plan.network)


class _Plane(NamedTuple):
    """What a run knows of its plane before the first step.

    Attributes
    ----------
    observed
        As it was given.
    evidence
        What of it counts, and its noise.
    draws
        Blurs to restore it from, beside the most likely one.
    once
        Units of work of one restoration.
    """

    observed: Plane
    evidence: Evidence
    draws: int
    once: int

    @property
    def work(self) -> int:
        """Units of work of all restorations."""
        return self.once * (1 + self.draws)


class _Found(NamedTuple):
    """The blur of a plane, what was identified where it was not given, units of work that this took, and notes."""

    blur: Blur
    identification: Identification | None
    before: int
    notes: tuple[str, ...]


class _Picture(NamedTuple):
    """How it was restored, and the result in units of the plane, with spread and light of other planes if asked for.

    `dark` is the intensity of the plane's dark places.
    """

    course: Course
    dark: float
    image: Kept
    spread: NDArray[np.float32] | None
    background: NDArray[np.float32] | None


def _opened(plan: Plan, plane: ArrayLike | SourcePlane, known: Identification | None) -> _Plane:
    observed, masked = checked(plan.shape, plane, plan.family.psf_size, by_regions(plan))
    evidence = gather_evidence(observed, plan.family.microscope, plan.noise, masked)
    once = units_of_work(plan.shape, plan.side, plan.family.psf_size, plan.restorer)
    draws = plan.settings.compute.draws if plan.theta is None else 0
    if known is not None and draws > (0 if known.draws is None else len(known.draws)):
        raise SettingsError(
            f"{draws} draws of the blur are asked for, but the identification that is given holds fewer. Identify "
            "again, or leave the draws out."
        )
    return _Plane(observed, evidence, draws, once)


def _blur_steps(
    plan: Plan, given: _Plane, known: Identification | None, begun: Begun | None
) -> Generator[Progress, None, _Found]:
    """Take the blur that is given or known, or identify it."""
    if plan.theta is not None:
        yield Progress("noise", 0, given.work)
        certain = ("The blur is given, and nothing of it is uncertain: there is no spread.",)
        blur = FamilyBlur(plan.family, plan.theta, origin=plan.settings.origin)
        return _Found(blur, None, 0, certain if plan.settings.compute.draws else ())
    if known is not None:
        yield Progress("noise", 0, given.work)
        identification = replace(known, noise=given.evidence.noise)
        return _Found(identified_blur(plan, identification), identification, 0, ())
    before, identification, notes = yield from _identify(plan, given.evidence, given.work)
    if begun is not None:
        begun.identified(identification)
    return _Found(identified_blur(plan, identification), identification, before, notes)


def _picture_steps(
    plan: Plan, given: _Plane, found: _Found, begun: Begun | None
) -> Generator[Progress | Part, None, _Picture]:
    """Restore the plane from its blur, and from as many others as were asked for."""
    evidence, blur = given.evidence, found.blur
    if isinstance(plan.restorer, BackgroundRestorer):
        blur = surrounded(plan, blur, found.identification)
    end = found.before + given.work
    yield Progress("deblur", found.before, end)
    scale, kept = unit_scale(evidence.pixels), Kept(plan.shape, blur.psf_size, not by_regions(plan))
    # What other planes shine into a plane is known of no finished part: such a plane is restored again.
    done = None if begun is None or blur is not found.blur else begun.done
    in_unit = None if done is None else Done(_in_unit(scale, done.image), done.there)
    given_to_all: dict[str, Any] = {
        "noise": scale.noise_to_unit(evidence.noise),
        "restorer": plan.restorer,
        "device": plan.device,
        "side": plan.side,
        "hidden": evidence.hidden,
    }
    pixels = _in_unit(scale, evidence.pixels)

    def part_of(step: Progress | Part) -> Progress | Part:
        """Give a part of the result the units of the image; behind masks and borders nothing is known: it stays."""
        if not isinstance(step, Part):
            return step
        region, image = step.region, scale.from_unit(step.image)
        if done is not None and (there := done.there[region]).any():
            image = np.where(there, done.image[region], image)
        kept.take(region, image)
        if evidence.blank is not None and (blank := evidence.blank[region]).any():
            image = np.where(blank, given.observed[region], image)
        return Part(region, image)

    restoring = restored_parts_steps(pixels, blur, done=in_unit, **given_to_all)
    placed = within(restoring, found.before, found.before + given.once, end)
    course = yield from changed(placed, part_of)
    spread = None
    if given.draws and found.identification is not None:
        assert isinstance(pixels, np.ndarray)
        likely = (drawn_blur(plan, found.blur, found.identification, draw) for draw in range(given.draws))
        steps = spread_steps((restore_steps(pixels, other, **given_to_all) for other in likely), given.draws)
        spread = yield from within(steps, found.before + given.once, end, end)
    span, light = np.float32(scale.span), course.background
    extra = [None if values is None else values * span for values in (spread, light)]
    return _Picture(course, scale.offset, kept, *extra)


def _in_unit(scale: AffineScale, plane: Plane) -> Plane:
    return ChangedPlane(plane, scale.to_unit) if isinstance(plane, RegionPlane) else scale.to_unit(plane)


def _finished(plan: Plan, given: _Plane, found: _Found, picture: _Picture) -> Deblurring:
    """Judge the picture, and write down how it was made."""
    evidence, identification, course = given.evidence, found.identification, picture.course
    left = residual_of(evidence.pixels, picture.image, found.blur, evidence.hidden, picture.background)
    verdict = judge(left, evidence.noise)
    expected = None if identification is None else identification.expectation
    if verdict is not None and expected is not None:
        verdict = doubted(verdict, expected.wrong, expected.psf_snr_db, expected.suspicions)
    elif verdict is not None:
        suspect = suspicions_of_pixels(evidence.pixels, plan.family.microscope, evidence.noise)
        verdict = replace(verdict, suspicions=suspect)
    gained = light_note(left, picture.dark)
    resolution = resolution_gain(evidence.pixels, picture.image, plan.family.pixel_size_um)
    image = np.zeros((0, 0), np.float32) if by_regions(plan) else picture.image.pixels
    if evidence.blank is not None and isinstance(evidence.blank, np.ndarray):
        image[evidence.blank] = given.observed[evidence.blank]  # type: ignore[index]
        if picture.spread is not None:
            picture.spread[evidence.blank] = 0
    theta = plan.theta if identification is None else identification.theta
    assert theta is not None
    noise = evidence.noise
    resolved: dict[str, Any] = {
        "theta": theta.tolist(),
        "noise": {"alpha": noise.alpha, "beta": noise.beta, "offset": noise.offset},
        "psf_size": plan.family.psf_size,
        "family": {"kind": plan.family.kind, "sha256": plan.digest},
        "device": str(course.device),
        "tile": course.side,
        "weights": {kind: {"file": used.path.name, "sha256": used.sha256} for kind, used in plan.weights.items()},
        "notes": [*evidence.notes, *found.notes, *course.notes, *([] if gained is None else [gained])],
        "residual": None if verdict is None else verdict.as_record(),
        "resolution": None if resolution is None else resolution.as_record(),
    }
    record = run_record(plan, resolved)
    beside = picture.background, picture.spread, resolution
    return Deblurring(image, identification, record, verdict, found.blur, *beside)


def _identify(
    plan: Plan, evidence: Evidence, work: int
) -> Generator[Progress, None, tuple[int, Identification, tuple[str, ...]]]:
    """Identify as the first part of a longer job; return its share of the work with its result, and notes."""
    total = 0
    device = plan.device
    notes: tuple[str, ...] = ()

    def first_part(step: Progress) -> Progress:
        nonlocal total
        total = step.total
        return replace(step, total=total + work)

    while True:
        steps = identify_evidence_steps(evidence, plan.family, device, plan.network, plan.settings.origin)
        try:
            found = yield from changed(steps, first_part)
            return total, found, notes
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        if device.type == "cpu":
            raise DeviceError("Out of memory while the blur was identified. Crop the image, or close other programs.")
        free_memory(device)
        notes = (f"Memory of {device} ran out: the blur was identified on the processor.",)
        device = torch.device("cpu")
