"""Identification of many images through the public function alone, and how good it was."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.identification.calibration import error_modulo_sign
from benchmarks.reports.report import Cell
from napari_deepblur import Identification, identify
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import psf_snr


class Machine(NamedTuple):
    """Where and with what networks it is computed.

    Attributes
    ----------
    device
        As in `identify`.
    size
        Networks: ``"auto"``, ``"light"`` or ``"paper"``.
    """

    device: str = "cpu"
    size: Literal["auto", "light", "paper"] = "auto"


class Estimates(NamedTuple):
    """What was found in N images, beside the truth.

    Attributes
    ----------
    snr
        PSF SNR, decibels, shape (N,).
    error, std
        Errors of the coefficients modulo the joint sign of the even modes, and the standard deviations that were given
        with them, in waves, shape (N, K).
    seconds
        Time of each.
    """

    snr: Tensor
    error: Tensor
    std: Tensor
    seconds: Tensor

    def as_cells(self) -> dict[str, Cell]:
        """Cells of a table."""
        return {**decibels(self.snr), **coverage(self.error, self.std), "s per image": float(self.seconds.median())}


def estimate(images: Tensor, psfs: Tensor, theta: Tensor, family: ZernikeFamily, machine: Machine) -> Estimates:
    """Identify each image, with the noise estimated from it.

    Parameters
    ----------
    images
        Shape (N, 1, H, W).
    psfs, theta
        The truth, shapes (N, k, k) and (N, K).
    family
        What `identify` is told.
    machine
        Where.
    """
    found, seconds = [], []
    for image in images[:, 0]:
        start = time.perf_counter()
        weights = None if machine.size == "auto" else machine.size
        found.append(identify(image.numpy(), family, device=machine.device, weights=weights))
        seconds.append(time.perf_counter() - start)
    return compared(found, psfs, theta, torch.tensor(seconds))


def compared(found: list[Identification], psfs: Tensor, theta: Tensor, seconds: Tensor) -> Estimates:
    """Compare N identifications with the truth, shapes (N, k, k) and (N, K)."""
    guesses, means, deviations = (
        torch.stack([torch.from_numpy(getattr(one, name)) for one in found]) for name in ("psf", "theta", "theta_std")
    )
    even = torch.from_numpy(found[0].even_modes)
    return Estimates(psf_snr(psfs, guesses), error_modulo_sign(means, theta, even), deviations, seconds)


def joined(parts: list[Estimates]) -> Estimates:
    """Join estimates of several images into one."""
    return Estimates(*(torch.cat(values) for values in zip(*parts, strict=True)))


def decibels(snr: Tensor) -> dict[str, Cell]:
    """Mean and tenth percentile of decibels."""
    return {"PSF SNR (dB)": float(snr.mean()), "worst tenth (dB)": float(snr.quantile(0.1))}


def coverage(error: Tensor, std: Tensor) -> dict[str, Cell]:
    """Shares of errors within one and two standard deviations, in percent, and the root mean squares of both."""
    return {
        "within one std (%)": 100 * float((error.abs() <= std).float().mean()),
        "within two std (%)": 100 * float((error.abs() <= 2 * std).float().mean()),
        "RMS error (waves)": float(error.square().mean().sqrt()),
        "RMS std (waves)": float(std.square().mean().sqrt()),
    }


def progress(words: str, total: int) -> tqdm[None]:
    """Bar that counts images."""
    return tqdm(total=total, desc=words, unit="image")
