"""One walk over the fields of the settings: the options that they are, and settings as options and back.

As options, settings are flat, every field under one name: as keywords of `deblur`, as words of the command line, and in
the files and records that were written before the settings had parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import ArrayLike
from pydantic.fields import FieldInfo

from napari_deepblur import operators
from napari_deepblur.errors import FamilyError, NoiseError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.parts import variants

if TYPE_CHECKING:
    from napari_deepblur.operators import OperatorFamily
    from napari_deepblur.pipeline.part import Part

PARTS = ("blur", "noise", "restore", "compute")
"""Parts of the settings that are models, in the order of the options."""

_KINDS = {"blur": "family", "noise": "kind", "restore": "method"}
"""The field that says which model of a union a part is."""


class Option(NamedTuple):
    """A field of the settings.

    Attributes
    ----------
    name
        Its name among all options.
    part, field
        Where it is: the part, and its name there.
    title, description, unit
        In words.
    default
        Its value where nobody gives one.
    annotation
        Its type.
    more
        What else was said about it: ``metavar``, ``assumed``, ``deblurs_only``, ``parse``.
    variants
        The models of the part that have it; empty where all do.
    """

    name: str
    part: str
    field: str
    title: str
    description: str
    unit: str
    default: Any
    annotation: Any
    more: Mapping[str, Any]
    variants: tuple[str, ...]


@cache
def options() -> tuple[Option, ...]:
    """Walk over all fields of the microscope and of the parts, each once, in their order."""
    hints = get_type_hints(Microscope)
    found = [
        Option(
            f.name, "microscope", f.name, f.metadata["title"], f.metadata["description"], f.metadata["unit"], f.default,
            hints[f.name], f.metadata, (),
        )
        for f in fields(Microscope)
    ]  # fmt: skip
    for part in PARTS:
        models = variants(part)
        for model in models:
            for name, field in model.model_fields.items():
                own = _option(part, name, field)
                if own.name not in [known.name for known in found] and own.name != "kind":
                    having = [other for other in models if name in other.model_fields]
                    only = [] if len(having) == len(models) or name == _KINDS.get(part) else having
                    found.append(own._replace(variants=tuple(_kind(part, other) for other in only)))
    return tuple(found)


def option(name: str) -> Option:
    """Return the option of that name."""
    return next(known for known in options() if known.name == name)


def options_of(part: str) -> tuple[Option, ...]:
    """Walk over the fields of all models of a part, each once; that which says which model it is comes first."""
    found: dict[str, Option] = {}
    for model in variants(part):
        for name, field in model.model_fields.items():
            found.setdefault(name, _option(part, name, field))
    return tuple(found.values())


def kind_field(part: str) -> str | None:
    """Return the field that says which model a part is; None where there is one model only."""
    return _KINDS.get(part)


def kinds(part: str) -> tuple[str, ...]:
    """Return the names of the models of a part."""
    return tuple(_kind(part, model) for model in variants(part))


def as_options(settings: Any, method: str | None = None) -> dict[str, Any]:
    """Write settings as options; without those that the chosen models do not have, or leave to a method.

    Parameters
    ----------
    settings
        As `DeblurSettings`.
    method
        What the method becomes, where it changes: iterations and strength of one are none of another.
    """
    restore = settings.restore
    others = method is not None and method != restore.method
    values: dict[str, Any] = {
        "microscope": settings.microscope,
        "channel_wavelengths_um": settings.channel_wavelengths_um,
        "assumed": settings.assumed,
        "family": settings.blur.family,
        "method": restore.method,
    }
    for part in PARTS:
        model = getattr(settings, part)
        for name, field in type(model).model_fields.items():
            if name != _KINDS.get(part):
                values[_option(part, name, field).name] = getattr(model, name)
    left_out = [name for name in ("iterations", "strength") if others or values.get(name) is None]
    # That there is no light of other planes need not be said of a method that knows none.
    left_out += ["background"] if others and values.get("background") == "none" else []
    return {name: value for name, value in values.items() if name not in left_out}


def as_family(family: object) -> OperatorFamily:
    """Return what was given as a family; raises `FamilyError` where it is none, so that nothing is ignored."""
    if isinstance(family, operators.OperatorFamily):
        return family
    hint = "Pass a microscope as `microscope=...`, or make a `ZernikeFamily(microscope)` of it."
    if not isinstance(family, Microscope):
        hint = "Pass an `OperatorFamily`, or the name or file of one as text."
    raise FamilyError(f"The family is a {type(family).__name__}, which is no family of blur operators. {hint}")


def options_of_family(family: OperatorFamily) -> dict[str, Any]:
    """Return the options that make a family again; of one that only a file can hold, its microscope."""
    family = as_family(family)
    optics = {} if family.microscope is None else {"microscope": family.microscope}
    if family.kind in kinds("blur"):
        return {"family": family.kind, **family.numbers, **optics}
    return {"family": None, **optics}


def options_of_data(theta: ArrayLike | None = None, noise: PoissonGaussianNoise | None = None) -> dict[str, Any]:
    """Return what is known of an image beside its optics, as options."""
    known: dict[str, Any] = {}
    if theta is not None:
        try:
            known["theta"] = tuple(np.asarray(theta, dtype=float).ravel().tolist())
        except (TypeError, ValueError, OverflowError) as error:
            raise FamilyError(f"theta is {theta!r:.80}, expected numbers, one for each parameter ({error}).") from error
    if noise is not None:
        if not isinstance(noise, PoissonGaussianNoise):
            raise NoiseError(
                f"The noise is a {type(noise).__name__}, expected PoissonGaussianNoise(alpha, beta), or None for an "
                "estimate."
            )
        known |= {"alpha": noise.alpha, "beta": noise.beta, "noise_offset": noise.offset}
    return known


def as_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn options into the parts of the settings, and leave parts as they are.

    Options that the chosen blur or noise does not have are left out, as older records name all of them, and so are
    those of a method that say nothing. Whatever is unknown stays where it is, to be refused by name.
    """
    left = _migrated(values)
    for part in PARTS:
        if part in left:
            continue
        known = {own.name: own.field for own in _of_part(part)}
        given = {field: left.pop(name) for name, field in known.items() if name in left}
        kind = _take_kind(part, left, given)
        if kind is None and not given:
            continue
        model = next((m for m in variants(part) if part in _KINDS and _kind(part, m) == kind), None)
        if model is not None:
            has = model.model_fields
            given = {n: v for n, v in given.items() if n in has or (part == "restore" and v is not None)}
            if kind == "network" and len(given) > 0:
                raise ValueError(f"{' and '.join(given)} belong to the classical methods; the network has none of them")
        left[part] = ({_KINDS[part]: kind} if part in _KINDS else {}) | given
    return left


def _take_kind(part: str, left: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Return which model of a part is meant; None where nothing is said."""
    if part == "noise":
        return "given" if {"alpha", "beta"} <= given.keys() else "estimate"
    if part not in _KINDS:
        return None
    name = _KINDS[part]
    if name not in left:
        return _kind(part, variants(part)[0]) if given else None
    kind = left.pop(name)
    if part == "blur" and (kind == "file" or kind not in kinds("blur")):
        given["file"] = kind
        return "file"
    return str(kind)


def _migrated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Read what files and records without parts say as they meant it."""
    left = dict(values)
    noise = left.get("noise")
    if noise == "estimate":
        del left["noise"]
    elif isinstance(noise, tuple | list) and len(noise) == 2:
        left["alpha"], left["beta"] = left.pop("noise")
    if left.get("family") == "in memory":
        left["family"] = None
    microscope = left.get("microscope")
    if isinstance(microscope, Mapping) and "light" not in microscope and not {*PARTS} & left.keys():
        # Written when all light was scalar, and coefficients were expected up to 0.15 waves.
        left["microscope"] = {"light": "scalar", **microscope}
        left.setdefault("max_amplitude", 0.15)
    if isinstance(left.get("restore"), Mapping):
        return left | {"restore": _with_its_prior(left["restore"])}
    return _with_its_prior(left)


def _with_its_prior(values: Mapping[str, Any]) -> dict[str, Any]:
    """Call Richardson-Lucy what it was: the name without, once, stood for that with a total variation prior as well."""
    own = dict(values)
    if own.get("method") != "richardson-lucy" or "strength" not in own:
        return own
    strength = own.pop("strength")
    # Between unknown planes it never had one.
    if strength == 0 or (strength is None and own.get("background") == "volume"):
        return own
    return own | {"method": "richardson-lucy-tv", "strength": strength}


def _of_part(part: str) -> list[Option]:
    """Return all fields of the models of a part, as options; but not that which says which model it is."""
    return [own for own in options_of(part) if _KINDS.get(part) not in (own.field, own.name)]


def _option(part: str, name: str, field: FieldInfo) -> Option:
    more = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    title, text, unit = field.title or "", field.description or "", str(more.get("unit", ""))
    own = str(more.get("option", name))
    return Option(own, part, name, title, text, unit, field.default, field.annotation, more, ())


def _kind(part: str, model: type[Part]) -> str:
    return str(model.model_fields[_KINDS[part]].default)
