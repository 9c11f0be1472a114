"""Files worked on by the workers of a dask scheduler: what `workers.py` does with processes of this machine."""

from __future__ import annotations

import logging
import platform
from asyncio import CancelledError
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_deepblur.batch.workers import Outcome, Pair, Work, attempt
from napari_deepblur.errors import DeviceError
from napari_deepblur.io.weights_folders import installed_weights

_PATIENCE_S = 20
"""For a scheduler to answer, at the beginning, and after it was lost."""


def cluster_outcomes(pairs: Sequence[Pair], work: Work, address: str) -> Iterator[Outcome]:
    """Work on all files on a cluster, and tell what became of each when it is done.

    Parameters
    ----------
    pairs
        Files and their results: paths that all workers know.
    work
        What is done with each; it is sent to the workers.
    address
        Of the scheduler, such as ``tcp://node7:8786``, or the file that it wrote (``--scheduler-file``).

    Raises
    ------
    DeviceError
        If there is no scheduler, no worker, a worker with another version of this program or other weights, or the
        scheduler vanishes.
    """
    if find_spec("distributed") is None:
        raise DeviceError(
            "--scheduler needs the package distributed, which is not installed. Install it with "
            "pip install 'napari-deepblur[cluster]'."
        )
    from distributed import Client, as_completed

    where: dict[str, Any] = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**where, timeout=_PATIENCE_S, name="napari-deepblur", set_as_default=False)
    except (OSError, ValueError) as error:
        raise DeviceError(
            f"No scheduler answers at {address} ({_said(error)}). Is it running, and is that its address? "
            "`dask scheduler` prints it."
        ) from error
    with _client_unheard(), client:
        weights = installed_weights()
        _check_workers(client, address, weights)
        absolute = [(image.absolute(), target.absolute()) for image, target in pairs]
        futures = [client.submit(attempt_alike, work, pair, weights, pure=False) for pair in absolute]
        given = dict(zip((future.key for future in futures), pairs, strict=True))
        done = 0
        for future in as_completed(futures, loop=client.loop, raise_errors=False):
            image, target = given[future.key]
            try:
                # Where the worker has died since, this waits until another has looked, and found it up to date.
                outcome: Outcome = future.result()
            except (Exception, CancelledError) as error:
                if future.status != "error":
                    raise DeviceError(
                        f"The scheduler at {address} vanished when {done} of {len(pairs)} images were done. Start it "
                        "again, then give the same command: what is done is skipped."
                    ) from error
                # The scheduler has given it to several (`distributed.scheduler.allowed-failures`).
                why = f"Every worker that had it died ({_said(error)}). Is there too little memory?"
                outcome = Outcome(image, target, 0.0, why)
            yield outcome._replace(image=image, target=target)
            done += 1
            future.release()


def attempt_alike(work: Work, pair: Pair, weights: Mapping[str, str]) -> Outcome:
    """Work on one file as `attempt`, on a worker with these weights; one that came later may have others."""
    differing = _differing(weights, worker_weights())
    if differing:
        why = f"The worker on {platform.node()} that had it {differing}. Give it the same weights."
        return Outcome(*pair, 0.0, why)
    return attempt(work, pair)


@contextmanager
def _client_unheard() -> Iterator[None]:
    """Keep tracebacks of a client that lost its scheduler from the terminal: what they mean is said in words."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


def _check_workers(client: Any, address: str, weights: Mapping[str, str]) -> None:
    """Raise a `DeviceError` where there are no workers, or one of them would make other results than this program.

    One without weights fails at once, and takes one file after the other from those that work.
    """
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except (OSError, TimeoutError) as error:
        raise DeviceError(
            f"The scheduler at {address} has no workers. Start some: dask worker {address} --nthreads 1."
        ) from error
    from napari_deepblur import __version__

    for worker, found in client.run(installed_version, on_error="return").items():
        if found != __version__:
            has = f"version {found}" if isinstance(found, str) else f"no napari-deepblur that can be loaded ({found})"
            raise DeviceError(
                f"The worker {worker} has {has}, and this program is {__version__}: results would differ. Install the "
                "same version on all workers."
            )
    for worker, found in client.run(worker_weights, on_error="return").items():
        differing = _differing(weights, found) if isinstance(found, dict) else f"has weights that fail ({found})"
        if differing:
            raise DeviceError(
                f"The worker {worker} {differing}: results would differ, or be none. Install the same on all workers, "
                "and let NAPARI_DEEPBLUR_WEIGHTS be the same."
            )


def _differing(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Say which weights a worker has otherwise; empty where it has all of them."""
    missing = sorted(here.keys() - there.keys())
    if missing:
        return f"lacks the weights {', '.join(missing)}"
    other = sorted(name for name in there if here.get(name) != there[name])
    return f"has other weights {', '.join(other)}" if other else ""


@cache
def worker_weights() -> dict[str, str]:
    """Return the weights that are installed where it is called, read once a process."""
    return installed_weights()


def installed_version() -> str:
    """Return the version of this program where it is called."""
    from napari_deepblur import __version__

    return str(__version__)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
