"""Gradient descent with steps of its own length in each coordinate."""

from __future__ import annotations

import torch
from torch import Tensor


class Adam:
    """Adam (Kingma and Ba 2015) on one tensor.

    That of torch loads its compiler, and sympy, when the first optimizer is made: two seconds in front of a
    fit of half a second.
    """

    def __init__(self, values: Tensor, decays: tuple[float, float] = (0.9, 0.999), smallest: float = 1e-8) -> None:
        self._values, self._decays, self._smallest = values, decays, smallest
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: float) -> None:
        """Change the values."""
        self._steps += 1
        first, second = self._decays
        self._mean.lerp_(gradient, 1 - first)
        self._square.lerp_(gradient.square(), 1 - second)
        mean = self._mean / (1 - first**self._steps)
        root = (self._square / (1 - second**self._steps)).sqrt()
        self._values -= rate * mean / (root + self._smallest)

    def keep(self, rows: Tensor) -> Tensor:
        """Go on with some rows of the values only; return these, which `step` changes from now on."""
        self._values, self._mean, self._square = self._values[rows], self._mean[rows], self._square[rows]
        return self._values
