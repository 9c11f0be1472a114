"""What is written down of a run, so that it can be repeated."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch

from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.pipeline.plan import Plan


def run_record(plan: Plan, resolved: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON-safe record of a run: what was asked for, what it became, and with what it was computed."""
    # By name: the package's own __init__ hands out this module's functions.
    own_version = import_module("napari_deepblur").__version__
    record = {
        "schema": 2,
        "versions": {"napari-deepblur": own_version, "torch": torch.__version__, "numpy": np.__version__},
        "image": {"shape": list(plan.shape)},
        "settings": plan.settings.model_dump(mode="json"),
        "resolved": resolved,
    }
    return {key: json_safe(value) for key, value in record.items()}
