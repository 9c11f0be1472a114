"""The ways to restore a volume whose blur and noise are known, behind one face, with the memory that each takes."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from napari_deepblur.devices import inference_precision
from napari_deepblur.errors import SettingsError
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.volume_deblurring import iterate_volume
from napari_deepblur.operators import LinearOperator
from napari_deepblur.operators.volume import volume_memory
from napari_deepblur.restoration.restorers import Step, stepped
from napari_deepblur.solvers import SOLVERS, Discrepancy, HeldOut, SolverState, accelerated_richardson_lucy

Stop = Literal["held-out", "discrepancy"] | None
"""How Richardson-Lucy finds its number of iterations; None does all."""

_MAPS_ALIVE = 10
"""Feature maps of the finest level of a DRUNet that are alive at once."""

_ROUGH, _PEAK = 8, 0.999
"""Iterations of a first look at the scene, and the quantile of it that the network takes for its peak."""

_ITERATIONS, _SETTLED = {"total-variation": 60}, 1e-3
"""Largest numbers of iterations that differ from those for images, and the residual below which a solver stops."""

_BEGUN = 25
"""Iterations of Richardson-Lucy that total variation starts from. From the stack itself it had not converged after 200:
correlation of nuclei with the truth 0.82 in place of 0.95, of filaments 0.59 in place of 0.62 after 60."""


class VolumeProblem(NamedTuple):
    """A volume and what is known of it.

    Attributes
    ----------
    image
        y, dark places near 0 and bright ones near 1, 0 where the operator masks, shape (1, 1, D, H, W).
    operator
        A, on the same device.
    noise
        alpha and beta in the units of the image.
    background
        Light that the scene does not send.
    spacing
        Distances of voxels along z, y and x, in pixels.
    spread
        Expected relative squared error of the PSF; 0 for a known one.
    """

    image: Tensor
    operator: LinearOperator
    noise: tuple[float, float]
    background: float
    spacing: tuple[float, float, float]
    spread: float


class VolumeRestorer(ABC):
    """A method for volumes with its parameters."""

    @property
    @abstractmethod
    def iterations(self) -> int:
        """Largest number of iterations."""

    @property
    @abstractmethod
    def decides(self) -> bool:
        """Whether it runs twice: once to find its number of iterations."""

    @abstractmethod
    def scenes_alive(self) -> float:
        """Scenes that are alive at once, beside what the operator needs."""

    @abstractmethod
    def bytes_beside(self, plane: int) -> int:
        """Memory for a plane of so many pixels, beside scenes."""

    @abstractmethod
    def decide_steps(self, problem: VolumeProblem) -> Generator[int, None, VolumeRestorer]:
        """Decide the number of iterations on a volume.

        Returns
        -------
        VolumeRestorer
            As the value of the generator, which yields the iterations done: the method with that number, or itself
            where nothing is to decide.
        """

    @abstractmethod
    def steps(self, problem: VolumeProblem) -> Iterator[Step]:
        """Yield better and better scenes, shape (1, 1, *scene_shape); the last of them is the result.

        Their number of iterations is 0 while the method still looks for where to begin.
        """

    def memory_bytes(self, shape: Sequence[int], margin: Sequence[int], half: Sequence[int]) -> int:
        """Predict the memory that a volume (D, H, W) needs, with a margin and half a PSF along each axis."""
        need = volume_memory(shape, margin, half)
        plane = (shape[1] + 2 * margin[1]) * (shape[2] + 2 * margin[2])
        scenes = self.scenes_alive() * need.scene_bytes
        return int(need.transfer_bytes + need.work_bytes + scenes + self.bytes_beside(plane))


class RichardsonLucyVolume(VolumeRestorer):
    """Accelerated Richardson-Lucy.

    Parameters
    ----------
    iterations
        Largest number of iterations.
    strength
        Of the total variation.
    stop
        How the number of iterations is found.
    """

    def __init__(self, iterations: int = 60, strength: float = 0.005, stop: Stop = "held-out") -> None:
        self._iterations, self._strength, self._stop = iterations, strength, stop

    @property
    def iterations(self) -> int:
        """Largest number of iterations."""
        return self._iterations

    @property
    def decides(self) -> bool:
        """Whether it runs twice: where there is a rule when to stop."""
        return self._stop is not None

    def scenes_alive(self) -> float:
        """Scene, its extrapolation, two steps, coverage, what is new; and three slopes of the variation."""
        return 14 if self._strength > 0 else 9

    def bytes_beside(self, plane: int) -> int:
        """Nothing."""
        return 0

    def decide_steps(self, problem: VolumeProblem) -> Generator[int, None, VolumeRestorer]:
        """Run until counts that are held back, or the noise that is known, say that it is enough."""
        alpha, beta = problem.noise
        if self._stop is None or not (alpha > 0 or (beta > 0 and self._stop == "discrepancy")):
            return self
        image, noise, count = problem.image, problem.noise, 0
        with torch.inference_mode():
            judge = HeldOut(image, noise, problem.background) if self._stop == "held-out" else None
            rule = judge or Discrepancy(image, noise, problem.background)
            seen = (image, noise) if judge is None else (judge.kept, judge.noise)
        for step in stepped(self._states(problem, *seen, rule)):
            count = step.iteration
            yield count
        if judge is not None:
            count = judge.best if judge.scores else self._iterations
        return RichardsonLucyVolume(max(min(count, self._iterations), 1), self._strength, None)

    def steps(self, problem: VolumeProblem) -> Iterator[Step]:
        """Yield the scene of each iteration."""
        return stepped(self._states(problem, problem.image, problem.noise, None))

    def _states(
        self, problem: VolumeProblem, image: Tensor, noise: tuple[float, float], monitor: HeldOut | Discrepancy | None
    ) -> Iterator[SolverState]:
        return accelerated_richardson_lucy(
            problem.operator,
            image,
            noise,
            iterations=self._iterations,
            strength=self._strength,
            spacing=problem.spacing,
            background=problem.background,
            monitor=monitor,
        )


class SolverVolume(VolumeRestorer):
    """A solver that takes volumes as it takes images: total variation, Wiener.

    Parameters
    ----------
    name
        A key of `solvers.SOLVERS`.
    iterations, strength
        As in the solver; by default those of volumes, or its own.

    Raises
    ------
    SettingsError
        If the solver knows no spacing of planes, or no tolerance.
    """

    def __init__(self, name: str, iterations: int | None = None, strength: float | None = None) -> None:
        self._solver, own = SOLVERS[name], inspect.signature(SOLVERS[name]).parameters
        if not {"spacing", "tolerance"} <= own.keys():
            raise SettingsError(f"{name} restores single planes: choose another method, or deblur plane by plane.")
        self._starts = "start" in own
        self._iterations = iterations or _ITERATIONS.get(name, own["iterations"].default)
        self._strength = own["strength"].default if strength is None else strength

    @property
    def iterations(self) -> int:
        """Largest number of iterations."""
        return self._iterations

    @property
    def decides(self) -> bool:
        """Whether it runs twice: never."""
        return False

    def scenes_alive(self) -> float:
        """Those of conjugate gradient, and the duals of the variation."""
        return 20

    def bytes_beside(self, plane: int) -> int:
        """Nothing."""
        return 0

    def decide_steps(self, problem: VolumeProblem) -> Generator[int, None, VolumeRestorer]:
        """Return itself: its regularization follows from the noise."""
        yield from ()
        return self

    def steps(self, problem: VolumeProblem) -> Iterator[Step]:
        """Yield the scene of each iteration."""
        options: dict[str, Any] = {"strength": self._strength, "tolerance": _SETTLED, "spacing": problem.spacing}
        if self._starts:
            for step in RichardsonLucyVolume(_BEGUN, 0.0, None).steps(problem):
                yield Step(0, step.scene)
                options["start"] = step.scene
        image = problem.image - problem.background
        solver = self._solver(problem.operator, image, problem.noise, iterations=self._iterations, **options)
        yield from stepped(solver)


class NetworkVolume(VolumeRestorer):
    """The unrolled network, its prox plane by plane.

    Parameters
    ----------
    network
        With trained weights, in evaluation mode.
    """

    def __init__(self, network: DeblurringNetwork) -> None:
        self._network = network

    @property
    def iterations(self) -> int:
        """Unrolled iterations N."""
        return self._network.config.iterations

    @property
    def decides(self) -> bool:
        """Whether it runs twice: never."""
        return False

    def scenes_alive(self) -> float:
        """Count the iterates, and what conjugate gradient holds."""
        return 12

    def bytes_beside(self, plane: int) -> int:
        """Feature maps of one plane."""
        return 4 * self._network.config.channels[0] * _MAPS_ALIVE * plane

    def decide_steps(self, problem: VolumeProblem) -> Generator[int, None, VolumeRestorer]:
        """Return itself: the number of iterations is that of its training."""
        yield from ()
        return self

    def steps(self, problem: VolumeProblem) -> Iterator[Step]:
        """Yield z_1, ..., z_N."""
        network = self._network.to(problem.image.device)
        for look in RichardsonLucyVolume(_ROUGH, 0.0, None).steps(problem):
            yield Step(0, look.scene)
        # Of a sample: quantiles of a whole volume take long.
        peak = float(look.scene.flatten()[:: max(look.scene.numel() // 1_000_000, 1)].quantile(_PEAK))
        del look
        image = problem.image - problem.background
        scenes = iterate_volume(network, image, problem.operator, problem.noise, problem.spread, max(peak, 1e-6))
        for iteration in range(1, self.iterations + 1):
            with torch.inference_mode(), inference_precision(image.device):
                scene = next(scenes)
            yield Step(iteration, scene)
