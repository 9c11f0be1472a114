"""A row for each file of a run: what was found in it, how long it took, or why there is no result."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import OutputError
from napari_deepblur.io.json_safe import json_safe

if TYPE_CHECKING:
    from napari_deepblur.batch.workers import Outcome

_FORMATS = (".csv", ".json")


def check_report(path: Path) -> None:
    """Raise an `OutputError` if a report cannot be written: by its name, or by its place."""
    from napari_deepblur.io.output import check_writable

    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path} is the name of no report, expected one that ends with {' or '.join(_FORMATS)}.")
    check_writable(path)


@contextmanager
def reporting(path: Path | None) -> Iterator[Callable[[Outcome], None]]:
    """Collect what becomes of files, and write it as a report at the end, also where that is an interruption.

    Parameters
    ----------
    path
        As `write_report` takes it; None for no report.
    """
    rows: list[dict[str, Any]] = []

    def keep(outcome: Outcome) -> None:
        if path is not None:
            rows.append(row_of(outcome))

    try:
        yield keep
    finally:
        # Where it was interrupted before the first file, the report of an earlier run stays.
        if path is not None and rows:
            write_report(path, rows)


def row_of(outcome: Outcome) -> dict[str, Any]:
    """Describe what became of a file.

    Returns
    -------
    dict
        JSON-safe. Coefficients, error bars and noise are those of the first frame that has them, the verdict is the
        worst.
    """
    from napari_deepblur.io.records import origin_in, record_in
    from napari_deepblur.io.source_hash import source_hash

    image, target, seconds, error, skipped, _ = outcome
    status = "failed" if error else "skipped, up to date" if skipped else "done"
    row: dict[str, Any] = {"image": str(image), "result": "" if error else str(target), "status": status}
    row |= {"error": error, "seconds": round(seconds, 2)}
    record = None if error else record_in(target)
    row["image_sha256"] = (origin_in(record or {}) or {}).get("source") or source_hash(image)
    return row if record is None else row | found_in(record)


def found_in(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a report that the record of a result fills, JSON-safe."""
    row: dict[str, Any] = {}
    from napari_deepblur.pipeline.series import told_in

    resolved, worst = record.get("resolved", {}), told_in(record).verdict
    found = [entry for entry in record.get("frames", ()) if entry.get("theta") is not None]
    # A volume has one pupil for all its planes.
    first = record.get("pupil") or (found[0] if found else {})
    row["frames"] = len(record.get("frames", ())) or 1
    row["parameter_names"] = record.get("parameter_names") or first.get("parameter_names")
    row["theta"] = first.get("theta", resolved.get("theta"))
    row["theta_std"] = first.get("theta_std")
    row["noise"] = first.get("noise") or resolved.get("noise")
    row["verdict"] = None if worst is None else worst.as_record()
    row["weights"] = {kind: used["sha256"] for kind, used in resolved.get("weights", {}).items()}
    row["version"] = record.get("versions", {}).get("napari-deepblur")
    return row


def write_report(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a report, whole or not at all.

    Parameters
    ----------
    path
        By its suffix JSON, or CSV, where each coefficient has columns of its own.
    rows
        Of `row_of`, or alike.
    """
    from napari_deepblur.io.output import replacing

    # It may be all that says what became of a long run: where its folder has gone, it is kept elsewhere.
    with replacing(path, keep=True) as partial:
        known = json_safe(list(rows))
        partial.write_text(_json(known) if path.suffix.lower() == ".json" else _csv(known), encoding="utf-8")


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give every number a column."""
    theta, std = row.get("theta") or [], row.get("theta_std") or []
    names = row.get("parameter_names") or [f"theta {place}" for place in range(len(theta))]
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{name} {part}": inner for part, inner in value.items()}
        elif name not in ("theta", "theta_std", "parameter_names"):
            flat[name] = value
    flat |= dict(zip(names, theta, strict=False))
    return flat | {f"{name} std": value for name, value in zip(names, std, strict=False)}
