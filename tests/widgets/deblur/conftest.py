"""A run that waits until the test lets it go on."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from napari_deepblur.pipeline.series import Frame, StackDeblurring, Written, deblur_stack_steps, frames
from napari_deepblur.progress import Progress


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Generator[threading.Event]:
    """Make every run wait after its first step, until this is set."""
    go_on = threading.Event()

    def held(*arguments: Any) -> Generator[Progress | Written | Frame, None, StackDeblurring]:
        steps = deblur_stack_steps(*arguments)
        first = next(steps)
        # Steps go on, so that a cancel is heard, but the work does not.
        while not go_on.is_set():
            yield first
            go_on.wait(0.01)
        return (yield from steps)

    monkeypatch.setattr(frames, "deblur_stack_steps", held)
    yield go_on
    go_on.set()
