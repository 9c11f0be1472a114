"""What a part of the settings is: a small frozen model whose fields are described, and refuses in words."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_deepblur.errors import DeepblurError, SettingsError
from napari_deepblur.pipeline.kinds_of_values import check_kind


def about(default: Any, description: str, *, title: str = "", unit: str = "", **more: Any) -> Any:
    """Return a field that is described: what it is, how forms call it, its unit, and whatever options need to know."""
    limits = {name: more.pop(name) for name in ("ge", "gt", "le") if name in more}
    return Field(default, description=description, title=title, json_schema_extra={"unit": unit, **more}, **limits)


class Part(BaseModel):
    """Values that are checked when they are put together, and do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _of_their_kinds(cls, values: Any) -> Any:
        # Before any field: the field that chooses one of several models has no check of its own before.
        if isinstance(values, dict):
            for name, value in values.items():
                if name in cls.model_fields:
                    check_kind(cls.model_fields[name].annotation, value, name)
        return values

    def replace(self, **changes: Any) -> Self:
        """Return the same with some values changed, and all of it checked; raises `SettingsError`."""
        try:
            return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changes)
        except ValidationError as error:
            raise SettingsError(in_words(error)) from error


def in_words(error: ValidationError) -> str:
    """Put a refusal into one line; raises errors of our own, which are a diagnosis already, as they are."""
    for detail in error.errors():
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, DeepblurError):
            raise cause
    parts = [f"{'.'.join(map(str, d['loc']))}: {d['msg']}, found {d['input']!r:.160}" for d in error.errors()]
    return "Settings that cannot be used: " + "; ".join(parts)
