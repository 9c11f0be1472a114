"""The command line: `napari-deepblur deblur | identify | calibrate | demo | train | benchmark`, as in the window.

Each verb is one file that adds its arguments and holds its work; torch and the like are imported by the work, so
that ``--help`` answers at once. Whatever goes wrong is one line on standard error and the exit code 2.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from napari_deepblur.batch.standard_error import leave_out_foreign_logs, one_line, one_line_warnings
from napari_deepblur.cli.benchmark import add_to as add_benchmark
from napari_deepblur.cli.calibrate import add_to as add_calibrate
from napari_deepblur.cli.deblur import add_to as add_deblur
from napari_deepblur.cli.demo import add_to as add_demo
from napari_deepblur.cli.identify import add_to as add_identify
from napari_deepblur.cli.train import add_to as add_train
from napari_deepblur.errors import DeepblurError

__all__ = ["main"]

_WRONG, _INTERRUPTED, _PIPE_CLOSED, _TERMINATED = 2, 130, 141, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments; those of the process where absent.

    Returns
    -------
    int
        Exit code: 0, 2 for anything that can be diagnosed, 130 after Ctrl-C, 141 where standard output was closed, 143
        after SIGTERM, which batch systems send.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed its line, or the help
        return int(stop.code or 0)
    with warnings.catch_warnings(), _terminable():
        warnings.showwarning = one_line_warnings()
        leave_out_foreign_logs()
        try:
            arguments.work(arguments)
            sys.stdout.flush()
        except DeepblurError as error:
            print(f"napari-deepblur: {one_line(error)}", file=sys.stderr)
            return _WRONG
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough. What is still buffered must not fail at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _PIPE_CLOSED
        except (OSError, MemoryError) as error:
            # No fault of the program: a disk that is full, a drive that went, no memory.
            print(f"napari-deepblur: {one_line(str(error) or 'out of memory')}", file=sys.stderr)
            return _WRONG
        except _Terminated:
            print("napari-deepblur: terminated", file=sys.stderr)
            return _TERMINATED
        except KeyboardInterrupt:
            print("napari-deepblur: interrupted", file=sys.stderr)
            return _INTERRUPTED
    return 0


class _Terminated(KeyboardInterrupt):
    """Termination was requested: everything is let go of in order, as after Ctrl-C."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Handle SIGTERM, in the main thread: elsewhere it does not arrive."""

    def arrived(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, arrived)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with the exit code 2."""
        self.exit(_WRONG, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Print the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from napari_deepblur import __version__

        print(f"napari-deepblur {__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="napari-deepblur",
        description="Estimate the blur of a microscope from one image, and remove it.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in (add_deblur, add_identify, add_calibrate, add_demo, add_train, add_benchmark):
        add(verbs)
    return parser
