"""Which networks a family is identified and deblurred with."""

from __future__ import annotations

import os
import warnings

from napari_deepblur.errors import AssumptionWarning, WeightsError
from napari_deepblur.io.adapted_weights import Kind, adapted_path, open_adapted
from napari_deepblur.io.families import family_hash
from napari_deepblur.io.weights import SIZES, WeightsFile, find_weights, read_weights
from napari_deepblur.operators import OperatorFamily


def identification_weights(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> WeightsFile | None:
    """Read the identification weights for a family.

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
    WeightsFile or None
        None for a measured family that no network was adapted to, which needs none.

    Raises
    ------
    WeightsError
        If there is none, or the file is of a network that was adapted to another family.
    """
    measured = family.measured is not None
    if measured and which in (None, "auto", *SIZES):
        return _adapted(family, "identification", family_file)
    found = read_weights(find_weights("identification", which))
    belongs_to = found.about.facts.get("family")
    if belongs_to is not None and not (measured and belongs_to == family_hash(family)):
        raise WeightsError(f"{found.about.path} was adapted to another family. Adapt again, or choose other weights.")
    return found


def deblurring_weights(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> WeightsFile:
    """Read deblurring weights: those that were adapted to a measured family, or else as `find_weights` does."""
    if family.measured is not None and which in (None, "auto", *SIZES):
        adapted = _adapted(family, "deblurring", family_file)
        if adapted is not None:
            return adapted
    return read_weights(find_weights("deblurring", which))


def _adapted(family: OperatorFamily, kind: Kind, family_file: str | os.PathLike[str] | None) -> WeightsFile | None:
    """Read the weights that were adapted to a family; of those beside it that cannot be used, warn."""
    found = open_adapted(family_hash(family), kind, family_file)
    beside = None if family_file is None else adapted_path(family_file, kind)
    if beside is not None and beside.is_file() and (found is None or found.about.path != beside):
        warnings.warn(
            f"{beside.name} lies beside the family, but it is damaged, or was adapted to another family: it is not "
            "used. Was the family calibrated again? Adapt again, or remove the file.",
            AssumptionWarning,
            stacklevel=3,
        )
    return found
