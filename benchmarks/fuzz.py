"""Fuzzing of everything that reads: mutated files must be read, or be refused by the package's own errors.

    python -m benchmarks.fuzz --count 100000 [--files FOLDER]

An input fails that raises anything but a `DeepblurError`, takes longer than `SECONDS`, or makes the process grow by
more than `MEGABYTES`. Inputs follow from their number alone: ``--start N --count 1`` makes one again. With ``--files``,
the files of a folder are mutated as well, such as those of microscope makers. Inputs are read in processes of their
own, so that one that ends its process is found, too.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.fuzz_seeds import Seed, seeds
from napari_deepblur.errors import DeepblurError

SECONDS = 20
MEGABYTES = 1500
_BATCH = 2000
_EXTREMES = (0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"999999999999", b"2147483647", b"1000000", b'"x"', b"[]", b"null")


class Failure(NamedTuple):
    """An input that was neither read nor refused as it should be."""

    number: int
    name: str
    reason: str


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Change a file in one to four places: bits, numbers, lengths, order, or parts of other files."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        # Most of what can go wrong is said in the first bytes.
        length = max(len(found), 1)
        at = int(rng.integers(min(length, 600))) if rng.random() < 0.6 else int(rng.integers(length))
        kind = int(rng.integers(7))
        if kind == 0:
            found[at : at + 1] = bytes([found[at] ^ (1 << int(rng.integers(8)))]) if found else b""
        elif kind == 1:
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice(_EXTREMES)) % 256**width
            found[at : at + width] = value.to_bytes(width, str(rng.choice(["little", "big"])))
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            del found[at : at + int(rng.integers(1, 64))]
        elif kind == 4:
            end = at + int(rng.integers(1, 256))
            found[at:at] = bytes(found[at:end]) * int(rng.integers(1, 4))
        elif kind == 5:
            other = others[int(rng.integers(len(others)))]
            start = int(rng.integers(max(len(other), 1)))
            found[at : at + 64] = other[start : start + 64]
        else:
            _change_number(found, rng)
    return bytes(found)


def fuzz(made: list[Seed], start: int, count: int) -> Iterator[Failure]:
    """Read mutated inputs, and yield those that fail."""
    logging.getLogger("tifffile").disabled = True
    others = [seed.data for seed in made]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(start, start + count):
            rng = np.random.default_rng(number)
            seed = made[number % len(made)]
            path = Path(folder) / seed.name
            path.write_bytes(mutated(seed.data, others, rng))
            before, began = _peak_mb(), time.monotonic()
            reason = _reason(seed, path)
            if not reason and time.monotonic() - began > SECONDS:
                reason = f"took {time.monotonic() - began:.0f} s"
            if not reason and _peak_mb() - before > MEGABYTES:
                reason = f"took {_peak_mb() - before:.0f} MB"
            if reason:
                yield Failure(number, seed.name, reason)


def main(words: list[str] | None = None) -> int:
    """Fuzz in processes of their own, and print what failed and how many inputs there were."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.child:
        for failure in fuzz(seeds(given.files), given.start, given.count):
            print(json.dumps(failure._asdict()), flush=True)
        return 0
    failures, done = 0, 0
    more = [] if given.files is None else ["--files", str(given.files)]
    while done < given.count:
        size = min(_BATCH, given.count - done)
        command = [sys.executable, "-m", "benchmarks.fuzz", "--child", "--start", str(given.start + done)]
        ran = subprocess.run([*command, "--count", str(size), *more], capture_output=True, text=True, check=False)
        lines = ran.stdout.splitlines()
        if ran.returncode:
            lines.append(f"the process ended with {ran.returncode}: {ran.stderr[-300:]}")
        for line in lines:
            print(line, flush=True)
        failures += len(lines)
        done += size
        print(f"{done} inputs, {failures} failures", file=sys.stderr, flush=True)
    print(f"{done} inputs from number {given.start}, {failures} failures")
    return 1 if failures else 0


def _reason(seed: Seed, path: Path) -> str:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"took more than {2 * SECONDS} s")

    kept = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(2 * SECONDS)
    try:
        seed.read(path)
    except DeepblurError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
    return ""


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _change_number(found: bytearray, rng: np.random.Generator) -> None:
    """Put another number in the place of one that is written in text, as in XML and JSON."""
    digits = [i for i, value in enumerate(found) if 48 <= value <= 57 and (i == 0 or not 48 <= found[i - 1] <= 57)]
    if digits:
        at = digits[int(rng.integers(len(digits)))]
        end = at
        while end < len(found) and 48 <= found[end] <= 57:
            end += 1
        found[at:end] = _NUMBERS[int(rng.integers(len(_NUMBERS)))]


if __name__ == "__main__":
    sys.exit(main())
