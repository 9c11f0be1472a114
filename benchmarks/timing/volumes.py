"""Speed and memory of three-dimensional Richardson-Lucy, against its own Fourier transforms and scikit-image's."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.restoration import richardson_lucy

from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.timing.peak_memory import peak_mb
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.operators.volume import volume_grid, volume_memory
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.solvers import accelerated_richardson_lucy

_ITERATIONS = 20
_OF_OTHERS = 2
"""Iterations of scikit-image that are timed, and scaled up."""

_PSF, _REACH = 31, 15


def run_speed(shape: tuple[int, int, int], origin: Origin, name: str = "") -> Report:
    """Time all in one process, one after the other, on one PSF of 31 planes of 31 x 31.

    Parameters
    ----------
    shape
        Planes, rows and columns of the stack.
    origin
        Where the numbers come from.
    name
        Added to the name of the files.
    """
    start = time.perf_counter()
    pupil = Microscope(1.2, 0.525, 0.1, 1.33).pupil
    with torch.inference_mode():
        planes = psf_planes(torch.zeros(1), psf_planes_model(pupil, (11,), _PSF, 2.5, _REACH))
        image = torch.rand(shape, generator=torch.Generator().manual_seed(0)) + 0.1
        margin, half = (2, _PSF // 2, _PSF // 2), (_REACH, _PSF // 2, _PSF // 2)
        operator = VolumeOperator(planes, shape, margin)
        rows: list[dict[str, Cell]] = []

        def transforms() -> None:
            x, y = torch.ones(operator.scene_shape), image
            grid = volume_grid(shape, margin, half)
            for _ in range(_ITERATIONS):
                for values, kept in ((x, shape[0]), (y, len(x))):
                    spectrum = torch.fft.fft(torch.fft.rfft2(values, s=grid[1:]), n=grid[0], dim=-3)
                    torch.fft.irfft2(torch.fft.ifft(spectrum, dim=-3)[:kept], s=grid[1:])

        own = _timed(transforms)
        ours = _timed(lambda: _ours(operator, image, 0.0))
        peak = _peak()
        with_prior = _timed(lambda: _ours(operator, image, 0.005))
        others = _timed(
            lambda: richardson_lucy(image.numpy(), planes.numpy(), num_iter=_OF_OTHERS, clip=False, filter_epsilon=1e-6)
        )
    need = volume_memory(shape, margin, half)
    predicted = need.transfer_bytes + need.work_bytes + 9 * need.scene_bytes
    words = f"{_ITERATIONS} iterations"
    rows.append({"what": f"the Fourier transforms of {words}", "seconds": own, "times the transforms": 1.0})
    rows.append({"what": f"Richardson-Lucy, {words}", "seconds": ours, "times the transforms": ours / own})
    rows.append(
        {
            "what": f"the same with total variation, {words}",
            "seconds": with_prior,
            "times the transforms": with_prior / own,
        }
    )
    scaled = others * _ITERATIONS / _OF_OTHERS
    rows.append(
        {"what": f"scikit-image, {words} (from {_OF_OTHERS})", "seconds": scaled, "times the transforms": scaled / own}
    )
    notes = (
        f"A stack of {shape[0]} planes of {shape[1]} x {shape[2]} pixels; all in one process on a machine that others "
        "use too: only ratios mean something.",
        f"Peak memory of the process after Richardson-Lucy without prior: {peak}; predicted for it beside the program "
        f"and the stack: {predicted / 2**20:.0f} MB.",
    )
    return Report(f"volumes-speed{name}", "Speed of volumes", origin, time.perf_counter() - start, tuple(rows), notes)


def _ours(operator: VolumeOperator, image: torch.Tensor, strength: float) -> None:
    states = accelerated_richardson_lucy(
        operator, image, (1e-3, 1e-3), iterations=_ITERATIONS, strength=strength, spacing=(2.5, 1.0, 1.0)
    )
    for state in states:
        assert np.isfinite(state.residual)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak() -> str:
    try:
        return f"{peak_mb():.0f} MB"
    except ImportError:
        return "unknown"
