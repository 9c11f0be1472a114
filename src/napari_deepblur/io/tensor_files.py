"""Files of tensors: whether their bytes are as they were written, and fit a network, before it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.family_places import families_folder
from napari_deepblur.io.weights_folders import shipped_weights

_HASHES = "hashes.json"
_MOST = 4096
"""A width, or a number of layers, beyond which no header is believed."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors, in the order of their names: of name, type, shape and bytes."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data if value.numel() else b"")
    return found.hexdigest()


def check_digest(path: Path, written: str | None, tensors: Mapping[str, Tensor]) -> None:
    """Raise a `WeightsError` if tensors are not those that were written; one flipped bit is enough.

    Parameters
    ----------
    path
        The file.
    written
        The hash when it was written; None in files of before there was one.
    tensors
        As read.
    """
    if written is not None and digest(tensors) != written:
        raise WeightsError(
            f"{path} is damaged: its numbers are not those that were written (their SHA-256 differs). Fetch it again, "
            "or reinstall the package."
        )


def shipped_digest(path: Path) -> str | None:
    """Return the hash of a file of the package that carries none itself; None for other files."""
    return _shipped().get(path.name) if path.parent in (shipped_weights(), families_folder()) else None


def check_fit(make: Callable[[], nn.Module], config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise a `ValueError` if tensors are not those of a network, before the network takes any memory.

    Parameters
    ----------
    make
        Makes the network; it is made without memory for its parameters.
    config
        The numbers of its architecture, as a header states them.
    tensors
        Those of the file.
    """
    for name, value in config.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and not -1 <= number <= _MOST:
                raise ValueError(f"the header states {name} {number}, expected at most {_MOST}")
    # Each block, level and iteration has tensors of its own.
    counts = [n for name in ("blocks", "iterations") for n in _listed(config.get(name)) if isinstance(n, int)]
    if sum(counts) > max(len(tensors), 16):
        raise ValueError(f"the header states {sum(counts)} blocks and iterations, and there are {len(tensors)} tensors")
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in make().state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if different:
        first = different[0]
        raise ValueError(
            f"{len(different)} of its tensors do not fit, such as {first}: {found.get(first)}, expected "
            f"{expected.get(first)}"
        )


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@cache
def _shipped() -> dict[str, str]:
    known = shipped_weights() / _HASHES
    return dict(json.loads(known.read_text(encoding="utf-8"))) if known.is_file() else {}
