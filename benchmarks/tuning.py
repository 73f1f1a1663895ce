"""Does it pay to begin from a model that has read other texts? One base, then one budget spent three ways.

    python benchmarks/tuning.py --text my-novel.txt --base-budget 120 --budget 30 --seeds 0 1 2

For each seed: a base run on ``--base-data``; then, on ``--text`` and for the same seconds each, a run from scratch, one
that goes on from the base with all weights, and one that trains low-rank adapters alone. What is printed is the loss
of the best checkpoint on the whole validation part of the text, in nats per character, so that alphabets of
different sizes compare; beside it the loss of the base as it is, where it knows all characters.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from olaria.data import TextData
from olaria.errors import DataError
from olaria.evaluation.text import evaluate_text
from olaria.runs import Run
from olaria.training.machine import set_num_threads
from olaria.workflows.train import train

WAYS = ("from scratch", "all weights", "adapters")


@dataclass(frozen=True)
class Plan:
    """What is asked for on the command line."""

    preset: str
    size: Any
    base_data: str
    text: str
    base_budget: float
    budget: float
    rank: int
    settings: tuple[str, ...]


def loss_nats_per_char(run: Run, data: TextData) -> float:
    """Of the best checkpoint, on the whole validation part."""
    model: Any = run.model()
    return evaluate_text(model, run.tokenizer(), data.validation).loss_nats_per_char


def base_loss(base: Run, data: TextData) -> float | None:
    """Of the base as it is; None where the text has characters that it never saw."""
    try:
        return loss_nats_per_char(base, data)
    except DataError:
        return None


def measure(plan: Plan, seed: int, home: Path) -> tuple[Run, dict[str, Run]]:
    """The base run, and the runs on the text by how they began."""
    common: dict[str, Any] = {"seed": seed, "settings": plan.settings}
    base = train(
        plan.preset,
        data=plan.base_data,
        size=plan.size,
        budget=plan.base_budget,
        out=home / f"base-{seed}",
        **common,
    )
    tunings: dict[str, dict[str, Any]] = {
        "from scratch": {"size": plan.size},
        "all weights": {"start": base.path},
        "adapters": {"start": base.path, "lora_rank": plan.rank},
    }
    runs = {}
    for way in WAYS:
        runs[way] = train(
            plan.preset,
            data=plan.text,
            budget=plan.budget,
            out=home / f"{way.replace(' ', '-')}-{seed}",
            **tunings[way],
            **common,
        )
        print(f"seed {seed}: {way} done, {runs[way].result['steps']} steps", file=sys.stderr)
    return base, runs


def report(plan: Plan, seeds: Sequence[int], home: Path) -> None:
    """Run everything and print the table."""
    losses: dict[str, list[float]] = {way: [] for way in WAYS}
    steps: dict[str, list[int]] = {way: [] for way in WAYS}
    trained: dict[str, int] = {}
    untuned: list[float | None] = []
    for seed in seeds:
        base, runs = measure(plan, seed, home)
        data = runs[WAYS[0]].data()
        assert isinstance(data, TextData)
        untuned.append(base_loss(base, data))
        for way, run in runs.items():
            losses[way].append(loss_nats_per_char(run, data))
            steps[way].append(run.result["steps"])
            trained[way] = run.result["num_parameters"]
    print(
        f"{plan.preset} ({plan.size}): base {plan.base_budget:g} s on {plan.base_data}, "
        f"then {plan.budget:g} s each on {Path(plan.text).name}; seeds {list(seeds)}"
    )
    print("| begins | trained numbers | steps | nats per character | each seed |")
    print("|---|---|---|---|---|")
    for way in WAYS:
        each = " ".join(f"{loss:.4f}" for loss in losses[way])
        count = f"{fmean(steps[way]):.0f}"
        print(f"| {way} | {trained[way]:,} | {count} | {fmean(losses[way]):.4f} | {each} |")
    known = [loss for loss in untuned if loss is not None]
    as_it_is = f"{fmean(known):.4f}" if len(known) == len(untuned) else "unknown characters"
    print(f"| the base as it is | 0 | 0 | {as_it_is} | |")
    scratch = fmean(losses["from scratch"])
    for way in WAYS[1:]:
        print(f"{way}: {scratch - fmean(losses[way]):+.4f} nats per character below from scratch")


def main() -> None:
    """Read the command line and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", required=True, help="the text to tune on: a file, a data set")
    parser.add_argument("--base-budget", type=float, default=120.0, help="seconds of the base run")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of each other run")
    parser.add_argument("--base-data", default="tiny-shakespeare", help="what the base reads")
    parser.add_argument("--preset", default="gpt-shakespeare")
    parser.add_argument("--size", default="small", choices=("tiny", "small", "base"))
    parser.add_argument("--rank", type=int, default=8, help="of the adapters")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="settings", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--threads", type=int, default=None)
    given = parser.parse_args()
    set_num_threads(given.threads)
    plan = Plan(
        given.preset,
        given.size,
        given.base_data,
        given.text,
        given.base_budget,
        given.budget,
        given.rank,
        tuple(given.settings),
    )
    with tempfile.TemporaryDirectory() as home:
        report(plan, given.seeds, Path(home))


if __name__ == "__main__":
    main()
