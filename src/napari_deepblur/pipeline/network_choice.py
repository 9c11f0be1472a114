"""Which identification network is asked about a family."""

from __future__ import annotations

import os
from pathlib import Path

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.adapted_weights import find_adapted
from napari_deepblur.io.families import family_hash
from napari_deepblur.io.weights import describe_weights, find_weights, load_adapted, load_identification
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.operators import EigenPsfFamily, OperatorFamily, ProductConvolutionFamily


def weights_for(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> Path:
    """Find identification weights for a family.

    Parameters
    ----------
    family
        The family.
    which
        ``"light"``, ``"paper"`` or a file; by default the weights that were adapted to a measured family, or else the
        smallest that are installed.
    family_file
        Where the family was read from: adapted weights lie beside it.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    WeightsError
        If there is none, or the file is of a network that was adapted to another family.
    """
    measured = isinstance(family, EigenPsfFamily | ProductConvolutionFamily)
    if which in (None, "auto") and measured:
        adapted = find_adapted(family_hash(family), family_file)
        if adapted is not None:
            return adapted
    found = find_weights("identification", which)
    belongs_to = describe_weights(found).facts.get("family")
    if belongs_to is not None and not (measured and belongs_to == family_hash(family)):
        raise WeightsError(f"{found} was adapted to another family. Adapt again, or choose other weights.")
    return found


def load_for(
    family: OperatorFamily,
    which: str | os.PathLike[str] | None = None,
    family_file: str | os.PathLike[str] | None = None,
) -> Trunk:
    """Load the network that `weights_for` finds."""
    return load_network(weights_for(family, which, family_file))


def load_network(path: str | os.PathLike[str]) -> Trunk:
    """Load an identification network of either kind."""
    if describe_weights(path).facts.get("family") is not None:
        return load_adapted(path)
    return load_identification(path)
