"""The training loop, shared by both networks."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Generator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TextIO

import torch
from torch import Tensor, nn
from tqdm import tqdm

from napari_deepblur.errors import TrainingDataError
from napari_deepblur.io.output import make_folder
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.progress import Progress
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.interrupts import Interrupts
from napari_deepblur.training.recipes import Schedule

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.csv"

Rows = list[dict[str, str | float]]
"""A validation table: one dictionary a row, the same keys in each."""


def start_run(
    make_network: Callable[[], nn.Module], recipe: object, schedule: Schedule, seed: int, device: torch.device
) -> Run:
    """Make network, average, optimizer and generator, all decided by `seed`."""
    torch.manual_seed(seed)
    network, average = make_network().to(device), make_network().to(device)
    average.load_state_dict(network.state_dict())
    average.eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), schedule.peak, weight_decay=schedule.weight_decay)
    generator = torch.Generator(device).manual_seed(seed)
    return Run(network, average, optimizer, generator, recipe)


def begin_with(run: Run, start: IdentificationNetwork | DeblurringNetwork, architecture: object) -> None:
    """Begin a run with trained weights; raises `TrainingDataError` where they are of another architecture."""
    if start.config != architecture:
        raise TrainingDataError(
            f"The weights to start from have another architecture than the recipe: {start.config}, expected "
            f"{architecture}. Start from weights of this recipe, or choose theirs."
        )
    for module in (run.network, run.average):
        module.load_state_dict(start.state_dict())


class TrainingReport(NamedTuple):
    """What a run has reached.

    Attributes
    ----------
    samples
        Samples seen.
    seconds
        Time spent, earlier calls included.
    loss
        Mean loss of the last hundred steps.
    rows
        The validation table, where this step ended with one.
    """

    samples: int
    seconds: float
    loss: float
    rows: Rows | None


TrainingSteps = Generator[Progress | TrainingReport, None, TrainingReport]
"""A run: a report and then the progress in samples, about once a second; its value is the last report."""


def train(
    run: Run,
    schedule: Schedule,
    loss: Callable[[Run], Tensor],
    validate: Callable[[nn.Module], Rows],
    folder: Path,
    *,
    minutes: float | None = None,
    validate_every: float = 5.0,
) -> None:
    """Train to the end of `train_steps`, with a progress bar and printed validation tables."""
    steps = train_steps(run, schedule, loss, validate, folder, minutes=minutes, validate_every=validate_every)
    show_training(steps, sys.stdout)


def show_training(
    steps: Generator[Progress | TrainingReport, None, object], tables: TextIO, quiet: bool = False
) -> None:
    """Train to the end of `steps`, with a bar on standard error, and the validation tables in `tables`."""
    # What cannot be done is said before there is a bar, and only then is it known where a continued run stands.
    bar: tqdm[None] | None = None
    for step in steps:
        if isinstance(step, Progress):
            if bar is None:
                options = {"unit": "sample", "smoothing": 0.05, "mininterval": 5}
                bar = tqdm(total=step.total, initial=step.done, file=sys.stderr, disable=quiet or None, **options)
            bar.update(step.done - bar.n)
            continue
        if bar is not None:
            bar.set_postfix(loss=f"{step.loss:.4f}", refresh=False)
        if step.rows and not quiet:
            tqdm.write(format_table(step.rows), file=tables)
    if bar is not None:
        bar.close()


def train_steps(
    run: Run,
    schedule: Schedule,
    loss: Callable[[Run], Tensor],
    validate: Callable[[nn.Module], Rows],
    folder: Path,
    *,
    minutes: float | None = None,
    validate_every: float = 5.0,
) -> TrainingSteps:
    """Train until the schedule or the time is over, resuming from the folder's checkpoint if it has one.

    Parameters
    ----------
    run
        The moving parts, as made by `start_run`.
    schedule
        Length and learning rate.
    loss
        Draws a fresh batch and returns its mean loss.
    validate
        Rows of the validation table for a network in evaluation mode.
    folder
        Receives `CHECKPOINT` once a minute and `LOG`, one line a validation row; curves for TensorBoard if installed.
    minutes
        Time budget of this call, validation included; the run can be resumed afterwards.
    validate_every
        Minutes between validations.

    Yields
    ------
    TrainingReport and Progress
        The one after the other, about once a second; the work is counted in samples. Closing the generator, Ctrl-C and
        the request to terminate write a checkpoint first, at the end of the step.

    Returns
    -------
    TrainingReport
        The last one, as the value of the generator.
    """
    make_folder(folder)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        run.load(checkpoint)
    start = time.monotonic()
    before, saved, validated, told = run.seconds, start, start, 0.0
    recent: list[Tensor] = []

    def tell(rows: Rows | None = None) -> Generator[Progress | TrainingReport, None, TrainingReport]:
        mean = torch.stack(recent).mean().item() if recent else float("nan")
        report = TrainingReport(run.samples, run.seconds, mean, rows)
        yield report
        yield Progress("train", run.samples, schedule.samples)
        return report

    interrupts = Interrupts()
    try:
        interrupts.begin()
        while run.samples < schedule.samples and (minutes is None or time.monotonic() - start < 60 * minutes):
            with interrupts.step():
                value = _step(run, schedule, loss)
            recent = [*recent[-99:], value]
            now = time.monotonic()
            run.seconds = before + now - start
            if now - saved > 60:
                run.save(checkpoint)
                saved = now
            if now - validated > 60 * validate_every:
                yield from tell(_report(run, validate, folder, recent))
                validated = time.monotonic()
            elif now - told > 1:
                # Reading the loss waits for the device: not after every step.
                yield from tell()
                told = now
    finally:
        # In the middle of a step random numbers are drawn, and weights not yet moved: the checkpoint before is right.
        if interrupts.between:
            run.save(checkpoint)
        interrupts.end()
    return (yield from tell(_report(run, validate, folder, recent)))


def _step(run: Run, schedule: Schedule, loss: Callable[[Run], Tensor]) -> Tensor:
    """Take one step of the optimizer, and return the loss of its batch."""
    for group in run.optimizer.param_groups:
        group["lr"] = schedule.learning_rate(run.samples)
    run.network.train()
    run.optimizer.zero_grad(set_to_none=True)
    value = loss(run)
    value.backward()
    nn.utils.clip_grad_norm_(run.network.parameters(), schedule.largest_gradient)
    run.optimizer.step()
    run.samples += schedule.batch_size
    run.update_average(schedule.average)
    return value.detach()


def _report(run: Run, validate: Callable[[nn.Module], Rows], folder: Path, recent: list[Tensor]) -> Rows:
    loss = torch.stack(recent).mean().item() if recent else float("nan")
    rows: Rows = [
        {"samples": run.samples, "minutes": round(run.seconds / 60, 1), "loss": round(loss, 5), **row}
        for row in validate(run.average.eval())
    ]
    _write_csv(folder / LOG, rows)
    if find_spec("tensorboard") is not None:
        _write_tensorboard(folder / "tensorboard", rows, run.samples)
    return rows


def _write_csv(path: Path, rows: Rows) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


def _write_tensorboard(folder: Path, rows: Rows, samples: int) -> None:
    """Add the rows as curves; only with the extra `train`, the CSV log has the same numbers."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for row in rows:
            for name, value in row.items():
                if isinstance(value, float) and name != "minutes":
                    writer.add_scalar(name if name == "loss" else f"{name}/{row['noise']}", value, samples)


def format_table(rows: Rows) -> str:
    """Rows as a Markdown table."""
    names = list(rows[0])
    cells = [names, ["---"] * len(names)]
    cells += [[f"{v:.3f}" if isinstance(v := row[name], float) else str(v) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)
