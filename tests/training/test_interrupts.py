"""A run that is stopped by a signal, at any time, goes on as if it had not been."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.loop import start_run, train
from tests.training.test_loop import CPU, Recipe, toy_loss, toy_rows, toy_train, weights


def train_until(folder: Path, at: int, number: int | None) -> Run:
    """Train 160 samples, or raise a signal (None: fail) in the middle of step `at`, after its random numbers."""
    recipe = Recipe(dataclasses.replace(Recipe().schedule, samples=160))
    run = start_run(lambda: nn.Linear(5, 1), recipe, recipe.schedule, 0, CPU)
    steps = 0

    def loss(run: Run) -> Tensor:
        nonlocal steps
        steps += 1
        value = toy_loss(run)
        if steps == at and number is None:
            raise RuntimeError("out of memory")
        if steps == at and number is not None:
            os.kill(os.getpid(), number)
        return value

    train(run, recipe.schedule, loss, toy_rows, folder)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_step_waits_for_its_end(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train_until(tmp_path / "stopped", 7, number)
    assert signal.getsignal(number) is before
    stopped, whole = toy_train(tmp_path / "stopped", 160), toy_train(tmp_path / "whole", 160)
    assert all(map(torch.equal, weights(stopped.network), weights(whole.network)))


def test_a_step_that_failed_is_not_saved(tmp_path: Path) -> None:
    toy_train(tmp_path / "failed", 80)
    with pytest.raises(RuntimeError, match="memory"):
        train_until(tmp_path / "failed", 3, None)
    resumed, whole = toy_train(tmp_path / "failed", 160), toy_train(tmp_path / "whole", 160)
    assert all(map(torch.equal, weights(resumed.network), weights(whole.network)))


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    recipe = Recipe(dataclasses.replace(Recipe().schedule, samples=160))
    run = start_run(lambda: nn.Linear(5, 1), recipe, recipe.schedule, 0, CPU)

    def hangs(run: Run) -> Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("still here")

    with pytest.raises(KeyboardInterrupt):
        train(run, recipe.schedule, hangs, toy_rows, tmp_path)
