"""An array that says what was read of it."""

from __future__ import annotations

from typing import Any

import pytest
from numpy.typing import NDArray


class Lazy:
    """An array that remembers what was read of it, and cannot be turned into an array as a whole."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape = values.shape
        self.read: list[Any] = []

    def __getitem__(self, key: Any) -> NDArray[Any]:
        self.read.append(key)
        return self._values[key]

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        raise AssertionError("the whole array was read")


@pytest.fixture
def lazy_array() -> type[Lazy]:
    """Return the class: it takes the values."""
    return Lazy
