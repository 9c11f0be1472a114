"""What every benchmark writes: its numbers as JSON, a table as Markdown, and where they come from."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import napari_deepblur
from napari_deepblur.errors import OutputError, SettingsError, WeightsError
from napari_deepblur.io.output import check_writable, replacing
from napari_deepblur.io.weights import find_weights, read_weights

Cell = str | float | int | None
Row = Mapping[str, Cell]
"""One line of a table; None where there is nothing to say."""


@dataclass(frozen=True)
class Origin:
    """Everything needed to make the same numbers again.

    Attributes
    ----------
    command
        The command line.
    seed
        Seed of scenes, blurs and noise.
    commit
        Short hash of the commit of the code, ``-dirty`` where files differ from it; ``unknown`` without a repository.
    weights
        First 16 hexadecimal digits of the SHA-256 of each weights file.
    device
        Where networks ran, with the name of the hardware.
    threads
        Processor threads.
    torch
        Version of torch.
    date
        Day, UTC.
    """

    command: str
    seed: int
    commit: str
    weights: dict[str, str]
    device: str
    threads: int
    torch: str
    date: str


@dataclass(frozen=True)
class Report:
    """The result of one benchmark.

    Attributes
    ----------
    name
        Name of the files.
    title
        Heading of the table.
    origin
        Where the numbers come from.
    seconds
        Time that the benchmark took.
    rows
        The table; all rows have the same columns.
    notes
        What a reader must know to understand the columns.
    details
        JSON-safe numbers that are too many for the table.
    """

    name: str
    title: str
    origin: Origin
    seconds: float
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return everything as JSON, with null for what is not a finite number."""
        content = {
            "name": self.name,
            "title": self.title,
            **asdict(self.origin),
            "seconds": round(self.seconds, 1),
            "rows": [dict(row) for row in self.rows],
            "notes": list(self.notes),
            "details": self.details,
        }
        return json.dumps(_without_nan(content), indent=1, allow_nan=False) + "\n"

    def as_markdown(self) -> str:
        """Return heading, origin, table and notes as Markdown."""
        o = self.origin
        weights = ", ".join(f"{kind} {digest}" for kind, digest in o.weights.items()) or "none"
        facts = (
            f"`{o.command}`",
            f"Seed {o.seed}, commit {o.commit}, {o.date}, {o.device}, {o.threads} threads, torch {o.torch}; "
            f"weights: {weights}; {_duration(self.seconds)}.",
        )
        lines = [f"# {self.title}", "", facts[0], "", facts[1], "", *table(self.rows)]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of a Markdown table with the columns of the first row; empty cells for None."""
    if not rows:
        return ["(no rows)"]
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return lines


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write ``NAME.json`` and ``NAME.md``, each in one step.

    Parameters
    ----------
    report
        What to write.
    folder
        An existing folder.

    Returns
    -------
    tuple of Path
        The two files.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    written = (folder / f"{report.name}.json", folder / f"{report.name}.md")
    for path, text in zip(written, (report.as_json(), report.as_markdown()), strict=True):
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return written


def check_folder(folder: Path, names: Iterable[str]) -> None:
    """Make the folder, and make sure before any work that the files of these names can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}). Choose another one.") from error
    for name in names:
        for suffix in (".json", ".md", ".png"):
            check_writable(folder / f"{name}{suffix}")


def find_origin(command: str, seed: int, device: torch.device, kinds: Sequence[str], size: str = "auto") -> Origin:
    """Collect where numbers come from, for networks of these kinds (``"identification"``, ``"deblurring"``)."""
    if not 0 <= seed < 2**31:
        raise SettingsError(f"The seed is {seed}, expected a whole number from 0 to {2**31 - 1}.")
    return Origin(
        command=command,
        seed=seed,
        commit=commit(),
        weights={kind: _digest(kind, size) for kind in kinds},
        device=f"{device} ({hardware(device)})",
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def commit() -> str:
    """Short hash of the commit of the package that is measured, or ``unknown`` outside a repository."""
    command = [
        "git",
        "-C",
        str(Path(napari_deepblur.__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--exclude",
        "*",
    ]
    try:
        found = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def hardware(device: torch.device) -> str:
    """Name of the graphics card or processor; for the latter, whether it computes in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "unknown")
    return f"{name}, {'with' if 'avx512_bf16' in text or 'amx_bf16' in text else 'without'} bfloat16 instructions"


def _digest(kind: str, size: str) -> str:
    try:
        return read_weights(find_weights(kind, size)).about.sha256
    except WeightsError:
        return "none"


def _cell(value: Cell) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return value
