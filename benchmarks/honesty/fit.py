"""Learn what signs are worth, from a survey of training images, and say what that gives on another survey.

    python -m benchmarks.honesty.fit --train survey-train.json --test survey.json --output expectation.safetensors
    python -m benchmarks.honesty.fit --test survey.json

Without --train the weights in the package are measured. The table is in `benchmarks/results/honesty.md`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.honesty.survey import GOOD_ABOVE_DB
from napari_deepblur.io.weights import load_expectation, save_weights
from napari_deepblur.networks.expectation import (
    EDGES,
    WRONG_BELOW_DB,
    ExpectationConfig,
    ExpectationNetwork,
    OddsEnsemble,
)

Rows = list[dict[str, Any]]

_STEPS, _RATE, _DECAY, _DROPPED, _JITTER = 300, 1e-2, 0.1, 0.2, 0.1
_BLUR_OF_CLASSES = 0.7
"""Standard deviation, in classes, by which targets are smoothed: neighbouring classes are neighbours."""

_LEFT_OUT = ("levels", "side")
"""Signs that tell simulated images from those of a camera, which are whole numbers and of any size, and not right from
wrong."""

_LIMITS = (0.05, 0.08, 0.12, 0.4)


def fit(rows: Rows) -> ExpectationNetwork:
    """Learn from the rows of a survey; each member sees its own draw of them."""
    names = tuple(sorted(name for name in rows[0]["signs"] if name not in _LEFT_OUT))
    network = ExpectationNetwork(ExpectationConfig(names, hidden=12))
    signs = _signs(rows, names)
    network.centre.copy_(signs.mean(0))
    network.scale.copy_(signs.std(0) + 1e-3)
    targets = soft_classes([row["psf_snr_db"] for row in rows])
    standard = network.standardised(signs)

    def begin(member: nn.Sequential) -> Callable[[], tuple[Tensor, Tensor]]:
        drawn = torch.randint(len(rows), (len(rows),))
        hidden, bend, answer = member

        def answered() -> tuple[Tensor, Tensor]:
            inputs = standard[drawn] + _JITTER * torch.randn_like(standard)
            return answer(functional.dropout(bend(hidden(inputs)), _DROPPED)), targets[drawn]

        return answered

    train_members(network, begin, _STEPS, _RATE, _DECAY)
    return network


def train_members(
    ensemble: OddsEnsemble,
    begin: Callable[[nn.Sequential], Callable[[], tuple[Tensor, Tensor]]],
    steps: int,
    rate: float,
    decay: float,
) -> None:
    """Train each member from its own seed, at a rate that falls to zero.

    Parameters
    ----------
    ensemble
        Its members are changed.
    begin
        From a member to what gives logits and targets, (B, 8) both, of each step.
    steps, rate, decay
        Number of steps, learning rate and weight decay of AdamW.
    """
    for seed, member in enumerate(ensemble.members):
        assert isinstance(member, nn.Sequential)
        torch.manual_seed(seed)
        answered = begin(member)
        for layer in member:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        optimizer = torch.optim.AdamW(member.parameters(), lr=rate, weight_decay=decay)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            logits, targets = answered()
            loss = -(targets * logits.log_softmax(-1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def soft_classes(psf_snr_db: Sequence[float]) -> Tensor:
    """Classes of PSF SNR as targets (N, 8) that sum to one: a neighbouring class is not as wrong as a distant one."""
    classes = torch.from_numpy(np.searchsorted(EDGES, psf_snr_db))
    targets = torch.exp(-0.5 * ((torch.arange(len(EDGES) + 1) - classes[:, None]) / _BLUR_OF_CLASSES).square())
    return targets / targets.sum(1, keepdim=True)


def table(network: ExpectationNetwork, rows: Rows) -> list[str]:
    """Lines of Markdown: wrong and good estimates below each limit, and the predicted against the found PSF SNR."""
    with torch.inference_mode():
        odds = network(_signs(rows, network.config.signs))
    wrong = odds[:, : EDGES.index(WRONG_BELOW_DB) + 1].sum(1).numpy()
    found = np.array([row["psf_snr_db"] for row in rows])
    bad, good = found < WRONG_BELOW_DB, found > GOOD_ABOVE_DB
    lines = [
        f"{len(rows)} images; {bad.sum()} estimates wrong (PSF SNR under {WRONG_BELOW_DB:g} dB), {good.sum()} good "
        f"(over {GOOD_ABOVE_DB:g} dB).",
        *_head("odds of a wrong blur below", "of the wrong estimates", "of the good estimates"),
    ]
    for limit in _LIMITS:
        lines.append(f"| {limit:g} | {np.mean(wrong[bad] < limit):.1%} | {np.mean(wrong[good] < limit):.1%} |")
    lines += _head("odds predicted", "images", "share that is wrong")
    for low, high in ((0, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 1.01)):
        there = (wrong >= low) & (wrong < high)
        share = float(np.mean(bad[there])) if there.any() else 0.0
        lines.append(f"| {low:g} to {min(high, 1):g} | {there.sum()} | {share:.0%} |")
    lines += _head("kind", "images", "mean PSF SNR (dB)", "wrong", "mean odds", "correlation before", "after")
    for kind in sorted({row["kind"] for row in rows}):
        which = [i for i, row in enumerate(rows) if row["kind"] == kind]
        before, after = (np.mean([rows[i][name] for i in which]) for name in ("correlation_before", "correlation"))
        numbers = f"{found[which].mean():.1f} | {bad[which].mean():.0%} | {wrong[which].mean():.2f}"
        lines.append(f"| {kind} | {len(which)} | {numbers} | {before:.3f} | {after:.3f} |")
    return lines


def _head(*columns: str) -> list[str]:
    return ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _signs(rows: Rows, names: Sequence[str]) -> Tensor:
    return torch.tensor([[row["signs"][name] for name in names] for row in rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, nargs="*", default=[])
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    training = [row for path in given.train for row in json.loads(path.read_text(encoding="utf-8"))]
    learned = fit(training) if training else load_expectation()
    if given.output is not None:
        save_weights(given.output, learned, {"images": len(training)})
    print("\n".join(table(learned, json.loads(given.test.read_text(encoding="utf-8")))))
