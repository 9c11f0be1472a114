"""`napari-deepblur benchmark`: the verb is always there, what it runs lies in the folder `benchmarks` of a clone."""

from __future__ import annotations

import sys
from argparse import PARSER, SUPPRESS, Action, ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from napari_deepblur.errors import DeepblurError

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs

_ABSENT = (
    "The benchmarks are not in the package but in its source repository, in the folder benchmarks. Clone that (git "
    "clone), and run this command in the root of the clone, or install the package from there (pip install -e .)."
)


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "benchmark",
        help="measure identification, deblurring and speed",
        description="Measure, and write JSON, a Markdown table and a figure for each benchmark.",
        add_help=False,
    )
    parser.add_argument("-h", "--help", action=_Hand, nargs=0, help="show this help message and exit")
    parser.add_argument("WHAT", action=_Hand, nargs=PARSER, default=SUPPRESS, help="what to measure")


class _Hand(Action):
    """Hand the rest of the line to the parser of the benchmarks, which is looked for only then."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None) -> None:
        """Parse it, or print the help; without a clone the work is to say where the benchmarks are."""
        root = _find_clone()
        if root is not None:
            if str(root) not in sys.path:
                sys.path.insert(0, str(root))
            whole = type(parser)(prog=parser.prog, description=parser.description)
            import_module("benchmarks.command").add_to(whole)
            whole.parse_args([option] if option else values, namespace)
        elif option:
            parser.epilog = _ABSENT
            parser.print_help()
            parser.exit()
        else:
            namespace.work = _say_where


def _say_where(_: Namespace) -> NoReturn:
    raise DeepblurError(_ABSENT)


def _find_clone() -> Path | None:
    """Root of the clone that this file lies in, or that is the current directory."""
    for root in (Path(__file__).parents[3], Path.cwd()):
        if all((root / part).is_dir() for part in ("benchmarks/command", "src/napari_deepblur")):
            return root
    return None
