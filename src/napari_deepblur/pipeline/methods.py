"""The ways to restore an image once its blur is known, as parts of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from napari_deepblur.pipeline.part import Part, about


class NetworkRestoration(Part):
    """The unrolled network."""

    method: Literal["network"] = about(
        "network",
        "How the blur is removed once it is known: network, richardson-lucy, richardson-lucy-tv (with total "
        "variation), total-variation or wiener",
        title="Method",
        deblurs_only=True,
    )


class ClassicalRestoration(Part):
    """What the settings of all solvers share."""

    solver: ClassVar[str]
    """A key of `solvers.SOLVERS`."""
    fixed: ClassVar[Mapping[str, float]] = {}
    """What the solver is told that nobody chooses: it is what the method is."""

    method: str
    iterations: Annotated[int, Field(ge=1)] | None = about(
        None,
        "Iterations of a classical method; its own by default: Richardson-Lucy stops before it fits the noise",
        title="Iterations",
        metavar="N",
        assumed="its own",
        deblurs_only=True,
    )
    background: Literal["none", "volume"] = about(
        "none",
        "Light from other planes: none, or volume, where the image is the only known plane of a thick specimen, whose "
        "other planes are found with it",
        title="Out of focus",
        deblurs_only=True,
    )

    @property
    def numbers(self) -> dict[str, Any]:
        """What the solver is called with, by its own names; without what is left to it."""
        return self.model_dump(include={"iterations", "strength"}, exclude_none=True) | dict(self.fixed)


class RegularizedRestoration(ClassicalRestoration):
    """What the settings of solvers with a prior share."""

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = about(
        None,
        "Weight of a classical method's regularization; its own by default",
        title="Strength",
        metavar="S",
        assumed="its own",
        deblurs_only=True,
    )


class RichardsonLucyRestoration(ClassicalRestoration):
    """Richardson-Lucy iterations without a prior, which stop where the residual is what the noise is."""

    solver: ClassVar = "richardson-lucy"
    fixed: ClassVar = {"strength": 0.0}

    method: Literal["richardson-lucy"] = "richardson-lucy"


class RichardsonLucyVariationRestoration(RegularizedRestoration):
    """Richardson-Lucy iterations with a total variation prior."""

    solver: ClassVar = "richardson-lucy"

    method: Literal["richardson-lucy-tv"] = "richardson-lucy-tv"


class TotalVariationRestoration(RegularizedRestoration):
    """Least squares with total variation."""

    solver: ClassVar = "total-variation"

    method: Literal["total-variation"] = "total-variation"


class WienerRestoration(RegularizedRestoration):
    """Wiener's filter with a power that varies over the image."""

    solver: ClassVar = "wiener"

    method: Literal["wiener"] = "wiener"


Restoration = Annotated[
    NetworkRestoration
    | RichardsonLucyRestoration
    | RichardsonLucyVariationRestoration
    | TotalVariationRestoration
    | WienerRestoration,
    Field(discriminator="method"),
]
Method = Literal["network", "richardson-lucy", "richardson-lucy-tv", "total-variation", "wiener"]
"""Ways to restore an image once its blur is known."""
