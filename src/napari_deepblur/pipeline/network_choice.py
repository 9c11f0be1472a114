"""Which networks a family is identified and deblurred with."""

from __future__ import annotations

import os
from pathlib import Path

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.adapted_weights import find_adapted
from napari_deepblur.io.families import family_hash
from napari_deepblur.io.weights import SIZES, describe_weights, find_weights, load_adapted, load_identification
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.operators import OperatorFamily


def weights_for(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> Path | None:
    """Find identification weights for a family.

    Parameters
    ----------
    family
        The family.
    which
        ``"light"``, ``"paper"`` or a file; by default the smallest that are installed. For a measured family any
        choice but a file stands for the weights that were adapted to it.
    family_file
        Where the family was read from: adapted weights lie beside it.

    Returns
    -------
    Path or None
        An existing file; None for a measured family that no network was adapted to, which needs none.

    Raises
    ------
    WeightsError
        If there is none, or the file is of a network that was adapted to another family.
    """
    measured = family.measured is not None
    if measured and which in (None, "auto", *SIZES):
        return find_adapted(family_hash(family), "identification", family_file)
    found = find_weights("identification", which)
    belongs_to = describe_weights(found).facts.get("family")
    if belongs_to is not None and not (measured and belongs_to == family_hash(family)):
        raise WeightsError(f"{found} was adapted to another family. Adapt again, or choose other weights.")
    return found


def deblurring_weights_for(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> Path:
    """Find deblurring weights: those that were adapted to a measured family, or else as `find_weights` does."""
    if family.measured is not None and which in (None, "auto", *SIZES):
        adapted = find_adapted(family_hash(family), "deblurring", family_file)
        if adapted is not None:
            return adapted
    return find_weights("deblurring", which)


def load_for(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> Trunk | None:
    """Load the network that `weights_for` finds, if any."""
    path = weights_for(family, which, family_file)
    return None if path is None else load_network(path)


def load_network(path: str | os.PathLike[str]) -> Trunk:
    """Load an identification network of either kind."""
    if describe_weights(path).facts.get("family") is not None:
        return load_adapted(path)
    return load_identification(path)
