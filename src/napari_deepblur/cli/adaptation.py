"""`napari-deepblur train ... --family`: adapt a network to one microscope."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.training.gray_images import Bank


def adapt(arguments: argparse.Namespace, banks: tuple[Bank, Bank] | None) -> None:
    """Adapt the installed network, showing progress and validation tables, and write the weights.

    Parameters
    ----------
    arguments
        Of ``train identification`` or ``train deblurring``.
    banks
        Crops for training and for validation; None for procedural scenes alone.

    Raises
    ------
    DeepblurError
        A diagnosis of what cannot be done.
    """
    import torch

    from napari_deepblur.devices import resolve_device
    from napari_deepblur.training.adapt_family import adapt_steps
    from napari_deepblur.training.loop import show_training

    if arguments.recipe != "light":
        raise SettingsError("--recipe and --family do not go together: the network that is installed is adapted.")
    unheeded = [f"--{name}" for name in ("start", "identification") if getattr(arguments, name, None) is not None]
    if unheeded:
        raise SettingsError(
            f"{' and '.join(unheeded)} and --family do not go together: the network that is installed is adapted."
        )
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    options = {} if arguments.validation_images is None else {"validation_images": arguments.validation_images}
    steps = adapt_steps(
        arguments.family,
        arguments.kind,
        *([torch.from_numpy(part) for part in banks] if banks is not None else (None, None)),
        out=arguments.out,
        export=arguments.export,
        device=resolve_device(arguments.device),
        samples=arguments.samples,
        minutes=arguments.minutes,
        validate_every=arguments.validate_every,
        **options,
    )
    show_training(steps, sys.stderr, arguments.quiet)
