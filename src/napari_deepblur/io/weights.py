"""Weights: safetensors files that carry their architecture, and the facts of their training, in the header.

Nothing is ever unpickled: a file is a table of arrays and a few lines of JSON, checked before it is used.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.io.output import replacing
from napari_deepblur.io.tensor_files import check_digest, check_fit, digest, shipped_digest
from napari_deepblur.io.weights_folders import FOLDER_VARIABLE, shipped_weights, weights_folders
from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.expectation import ExpectationConfig, ExpectationNetwork
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork

_FORMAT = "napari-deepblur weights 1"
SIZES = ("light", "paper")
"""Names of the architectures, the faster first."""

Network = TypeVar("Network", IdentificationNetwork, AdaptedNetwork, DeblurringNetwork, ExpectationNetwork)


class Loaded(NamedTuple):
    """Where a network came from.

    Attributes
    ----------
    path
        The file.
    sha256
        First 16 hexadecimal digits of the hash of the file.
    facts
        What its training says about it: samples seen, metrics, domain of validity.
    """

    path: Path
    sha256: str
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """A weights file, read once.

    Attributes
    ----------
    about
        Which one it is.
    header, tensors
        What it holds.
    made
        The network that was made of it, by its kind.
    """

    about: Loaded
    header: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    made: dict[type[nn.Module], Any] = field(default_factory=dict, init=False)

    def identification(self) -> IdentificationNetwork | AdaptedNetwork:
        """Make the identification network, of either kind; raises `WeightsError` if it is none."""
        if self.header.get("network") == AdaptedNetwork.__name__:
            return _made(self, AdaptedNetwork, AdaptedConfig)
        return _made(self, IdentificationNetwork, IdentificationConfig)

    def deblurring(self) -> DeblurringNetwork:
        """Make the deblurring network; raises `WeightsError` if it is none."""
        return _made(self, DeblurringNetwork, DeblurringConfig)


def save_weights(path: str | os.PathLike[str], network: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write a network in half precision, with its architecture in the header.

    Parameters
    ----------
    path
        The ``.safetensors`` file; replaced in one step.
    network
        An identification or deblurring network.
    facts
        JSON-safe facts about the training.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    header = {
        "format": _FORMAT,
        "sha256": digest(tensors),
        "network": type(network).__name__,
        "config": json.dumps(asdict(network.config)),  # type: ignore[call-overload]
        "facts": json.dumps(json_safe(dict(facts))),
    }
    with replacing(path) as partial:
        save_file(tensors, partial, header)


def load_identification(which: str | os.PathLike[str] | None = None) -> IdentificationNetwork:
    """Load an identification network: ``"light"``, ``"paper"``, a file, or None for the best that is installed.

    Raises
    ------
    WeightsError
        If the weights are missing, damaged, or those of another network or a newer version.
    """
    return _made(read_weights(find_weights("identification", which)), IdentificationNetwork, IdentificationConfig)


def load_deblurring(which: str | os.PathLike[str] | None = None) -> DeblurringNetwork:
    """Load a deblurring network; see `load_identification`."""
    return read_weights(find_weights("deblurring", which)).deblurring()


def find_weights(kind: str, which: str | os.PathLike[str] | None = None) -> Path:
    """Find a weights file by size or path.

    Parameters
    ----------
    kind
        ``"identification"`` or ``"deblurring"``.
    which
        ``"light"``, ``"paper"``, a file; None or ``"auto"`` for the smallest size that is installed.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    WeightsError
        If there is none, with the folders that were searched.
    """
    name = "auto" if which is None else os.fspath(which)
    if name not in ("auto", *SIZES):
        if not Path(name).is_file():
            raise WeightsError(f"There is no weights file {name}. Give a .safetensors file, or one of {SIZES}.")
        return Path(name)
    folders = weights_folders()
    for size in SIZES if name == "auto" else (name,):
        for folder in folders:
            candidate = folder / f"{kind}-{size}.safetensors"
            if candidate.is_file():
                return candidate
    searched = " and ".join(str(folder) for folder in folders)
    raise WeightsError(
        f"No weights {kind}-{'*' if name == 'auto' else name}.safetensors in {searched}. Choose another size, "
        f"reinstall the package, or set {FOLDER_VARIABLE} to the folder that holds them."
    )


def load_expectation(path: str | os.PathLike[str] | None = None) -> ExpectationNetwork:
    """Load what knows how far an estimate can be relied on, by default from the package; see `load_identification`."""
    shipped = shipped_weights() / "expectation.safetensors"
    return _made(read_weights(shipped if path is None else path), ExpectationNetwork, ExpectationConfig)


def read_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Read a weights file, once a process as long as it does not change; raises `WeightsError` if it is not one."""
    try:
        there = os.stat(path)
        version = there.st_ino, there.st_size, there.st_mtime_ns
    except OSError:
        version = None
    return _read(Path(path), version)


def _made(file: WeightsFile, network: type[Network], config: type[Any]) -> Network:
    if network not in file.made:
        file.made[network] = _built(file, network, config)
    made: Network = file.made[network]
    # A copy, for the caller moves it to a device, or trains it.
    return copy.deepcopy(made)


def _built(file: WeightsFile, network: type[Network], config: type[Any]) -> Network:
    path = file.about.path
    if file.header.get("network") != network.__name__:
        raise WeightsError(
            f"{path} holds weights of {file.header.get('network', 'an unknown network')}, expected {network.__name__}."
        )
    try:
        config_values = dict(json.loads(file.header["config"]))
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in config_values.items()}
        check_fit(lambda: network(config(**values)), values, file.tensors)
        made = network(config(**values))
        made.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in file.tensors.items()})
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(
            f"{path} does not fit this version of napari-deepblur ({error}). Install the version it was made with, or "
            "use the weights in the package."
        ) from error
    return made.eval().requires_grad_(False)


@lru_cache(maxsize=4)
def _read(path: Path, version: tuple[int, ...] | None) -> WeightsFile:
    """Read a version of the file."""
    try:
        data = path.read_bytes()
        tensors: dict[str, Tensor] = load(data)
        # It was understood: the length of the header comes first, then the header as JSON.
        header: dict[str, str] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    except (SafetensorError, OSError, ValueError, RecursionError, AttributeError) as error:
        raise WeightsError(
            f"{path} is missing, truncated or not a safetensors file ({error}). Fetch it again."
        ) from error
    if header.get("format") != _FORMAT:
        found = header.get("format", "no format name")
        raise WeightsError(f"{path} has {found} in its header, expected {_FORMAT!r}: it is foreign or newer.")
    check_digest(path, header.get("sha256") or shipped_digest(path), tensors)
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values() if value.is_floating_point()):
        raise WeightsError(f"{path} holds values that are not finite. Fetch it again, or train again.")
    try:
        facts = dict(json.loads(header.get("facts", "{}")))
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path} has unreadable facts in its header ({error}). Fetch it again.") from error
    return WeightsFile(Loaded(path, hashlib.sha256(data).hexdigest()[:16], facts), header, tensors)
