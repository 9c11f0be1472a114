"""The coefficients of a series or stack, frame by frame: the state of a microscope through time."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError
from napari_deepblur.io.axes import frame_name


@dataclass(frozen=True)
class History:
    """What was identified on each of N frames.

    Attributes
    ----------
    frames
        Names of the frames, such as ``"time 3, channel 0"``.
    names
        Names of the K coefficients.
    theta, theta_std
        Coefficients and their standard deviations, shape (N, K); of Zernike families in waves RMS.
    sign_probability
        How likely the joint sign of the even modes is right, where the planes of a stack have settled it.
    """

    frames: tuple[str, ...]
    names: tuple[str, ...]
    theta: NDArray[np.float64]
    theta_std: NDArray[np.float64]
    sign_probability: float | None = None

    def most_varying(self, count: int) -> list[int]:
        """Return the coefficients that vary most from frame to frame, in units of their errors."""
        noise = np.sqrt(np.square(self.theta_std).mean(0)) + 1e-12
        return [int(k) for k in np.argsort(-self.theta.std(0) / noise)[:count]]

    def as_csv(self) -> str:
        """Write the columns frame, coefficient, value, standard deviation; a row for each coefficient of each frame."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["frame", "coefficient", "value", "std"])
        for frame, values, errors in zip(self.frames, self.theta, self.theta_std, strict=True):
            for name, value, error in zip(self.names, values, errors, strict=True):
                writer.writerow([frame, name, f"{value:.6g}", f"{error:.6g}"])
        return text.getvalue()


def frame_axes(record: Mapping[str, Any]) -> str:
    """Return the axes that the frames of a series have: each is a plane, or a volume, to which the depth belongs."""
    axes = str(record.get("axes", "YX"))
    return axes.replace("Z", "") if (record.get("stack") or {}).get("volume") is True else axes


def history_of(record: Mapping[str, Any]) -> History:
    """Collect what the record of a run says about its frames; those whose blur was taken over are left out.

    Parameters
    ----------
    record
        Of `StackDeblurring` or `VolumeDeblurring`, or of a layer or file that carries one. Each volume is one frame.

    Raises
    ------
    SettingsError
        If no blur was identified, or the record is of one frame or another program.
    """
    pupil = record.get("pupil")
    frames, axes, names = record.get("frames"), record.get("axes"), record.get("parameter_names")
    stack = record.get("stack") or {}
    if isinstance(pupil, Mapping) and frames is None:
        return History(
            ("the volume",),
            tuple(map(str, pupil["parameter_names"])),
            np.array([pupil["theta"]], dtype=np.float64),
            np.array([pupil["theta_std"]], dtype=np.float64),
            float(pupil["sign_probability"]),
        )
    if isinstance(pupil, Mapping):
        names = pupil["parameter_names"]
    if not isinstance(frames, list) or not isinstance(axes, str) or not names:
        raise SettingsError(
            "This record has no frames with identified blurs. Deblur a series without known coefficients."
        )
    found = [entry for entry in frames if entry.get("identified") and entry.get("theta_std") is not None]
    if not found:
        raise SettingsError("The blur of no frame was identified: it was known, or all frames were passed through.")
    return History(
        tuple(frame_name(frame_axes(record), entry["index"]) for entry in found),
        tuple(map(str, names)),
        np.array([entry["theta"] for entry in found], dtype=np.float64),
        np.array([entry["theta_std"] for entry in found], dtype=np.float64),
        stack.get("sign_probability"),
    )
