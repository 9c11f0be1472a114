"""The ways to restore an image whose blur and noise are known, behind one face, with what they cost."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from napari_deepblur.devices import inference_precision
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.operators import ConvolutionOperator, LinearOperator
from napari_deepblur.solvers import SOLVERS, Discrepancy, SolverState
from napari_deepblur.solvers.levels import Levels
from napari_deepblur.solvers.state import observed

_MAPS_ALIVE = 10
"""Feature maps of the finest level that are alive at once in a DRUNet, in float32, found by measuring peak memory."""

_SOLVER_BYTES = 300
"""Bytes for each pixel of a solver: scenes, gradients and the buffers of its Fourier transforms."""


class Step(NamedTuple):
    """How far a restoration has come.

    Attributes
    ----------
    iteration
        Number of iterations done, from 1.
    scene
        The scene so far, shape (1, 1, H + k - 1, W + k - 1).
    background
        Light in the image that is not from this scene, shape (1, 1, H, W); None where all of it is.
    """

    iteration: int
    scene: Tensor
    background: Tensor | None = None


class Restorer(ABC):
    """A method of restoration with its parameters."""

    @property
    @abstractmethod
    def iterations(self) -> int:
        """Largest number of iterations."""

    @property
    @abstractmethod
    def bytes_per_pixel(self) -> int:
        """Memory that a pixel of the image needs."""

    @property
    @abstractmethod
    def products_per_pixel(self) -> int:
        """Multiplications for each pixel and iteration, roughly; they decide how soon a job can be cancelled."""

    @abstractmethod
    def steps(
        self,
        image: Tensor,
        operator: LinearOperator,
        noise: tuple[float, float],
        spread: float,
        weights: Tensor | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Step]:
        """Yield better and better scenes; the last of them is the result.

        Parameters
        ----------
        image
            Observed image, dark places near 0 and bright ones near 1, shape (1, 1, H, W); decides the device.
        operator
            Its blur A, on the same device.
        noise
            alpha and beta in the units of the image.
        spread
            Expected relative squared error of the PSF; 0 for a known one.
        weights
            1 for pixels that count, 0 for those that do not, shape (1, 1, H, W); all count where absent.
        levels
            Of the whole image, where this is a tile of it, so that all its tiles are restored alike.

        Returns
        -------
        Iterator of Step
            At least one a second, as far as the size of the image allows.
        """


class NetworkRestorer(Restorer):
    """The unrolled Douglas-Rachford network.

    Parameters
    ----------
    network
        With trained weights, in evaluation mode. It is moved to the device of the image.
    """

    def __init__(self, network: DeblurringNetwork) -> None:
        self.network = network

    @property
    def iterations(self) -> int:
        """Unrolled iterations N."""
        return self.network.config.iterations

    @property
    def bytes_per_pixel(self) -> int:
        """Those of the finest feature maps."""
        return 4 * self.network.config.channels[0] * _MAPS_ALIVE

    @property
    def products_per_pixel(self) -> int:
        """Those of the residual blocks: two convolutions of 3 x 3 each, on both ways of every level but the deepest."""
        *finer, deepest = self.network.config.channels
        convolutions = 2 * self.network.config.blocks
        total = sum(2 * convolutions * 9 * width**2 / 4**level for level, width in enumerate(finer))
        return int(total + convolutions * 9 * deepest**2 / 4 ** len(finer))

    def steps(
        self,
        image: Tensor,
        operator: LinearOperator,
        noise: tuple[float, float],
        spread: float,
        weights: Tensor | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Step]:
        """Yield z_1, ..., z_N."""
        network = self.network.to(image.device)
        known = torch.tensor([noise], device=image.device), torch.tensor([spread], device=image.device)
        scenes = network.iterate(image, observed(operator, weights), *known, None if levels is None else levels.mean)
        for iteration in range(1, self.iterations + 1):
            # Entered for each step: a generator must not leave its mode behind while it waits.
            with torch.inference_mode(), inference_precision(image.device):
                scene = next(scenes)
            yield Step(iteration, scene)


class SolverRestorer(Restorer):
    """A classical solver.

    Parameters
    ----------
    name
        A key of `solvers.SOLVERS`.
    iterations, strength, **numbers
        As in the solver, whose own values hold where these are absent. Richardson-Lucy of strength 0 has no prior:
        without a number of iterations it stops where the residual is what the noise is (`Discrepancy`).

    Raises
    ------
    SettingsError
        If the solver refuses them.
    """

    def __init__(self, name: str, iterations: int | None = None, strength: float | None = None, **numbers: Any) -> None:
        self._solver = SOLVERS[name]
        given: dict[str, Any] = {"iterations": iterations, "strength": strength, **numbers}
        self._options = {key: value for key, value in given.items() if value is not None}
        self._stops = name == "richardson-lucy" and strength == 0 and iterations is None
        own = inspect.signature(SOLVERS[name]).parameters["iterations"].default
        self._iterations = int(own if iterations is None else iterations)
        # Solvers check their arguments when they are called: a call with next to nothing finds bad ones in time.
        point = torch.nn.functional.pad(torch.ones(1, 1, 1, 1), (4, 4, 4, 4))
        self._solver(ConvolutionOperator(torch.ones(1, 1, 1, 1), (9, 9)), point, (1e-3, 1e-3), **self._options)

    @property
    def iterations(self) -> int:
        """Largest number of iterations; a solver stops once it has converged."""
        return self._iterations

    @property
    def bytes_per_pixel(self) -> int:
        """About the same for all."""
        return _SOLVER_BYTES

    @property
    def products_per_pixel(self) -> int:
        """A few Fourier transforms."""
        return 1000

    def steps(
        self,
        image: Tensor,
        operator: LinearOperator,
        noise: tuple[float, float],
        spread: float,
        weights: Tensor | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Step]:
        """Yield the solver's estimates; the solvers take the PSF at its word."""
        options = dict(self._options)
        if self._stops and max(noise) > 0:
            options["monitor"] = Discrepancy(image, noise)
        return stepped(self._solver(operator, image, noise, **options, weights=weights, levels=levels))


def stepped(states: Iterator[SolverState]) -> Iterator[Step]:
    """Run a solver without recording gradients."""
    while True:
        # Entered for each step: a generator must not leave its mode behind while it waits.
        with torch.inference_mode():
            state = next(states, None)
        if state is None:
            return
        yield Step(state.iteration, state.estimate)
