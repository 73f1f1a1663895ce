"""Climb the ladder of language models and write its table: every rung at equal steps and in equal time.

    python scripts/ladder.py --steps 1000 --budget 30 --out runs/ladder

Each rung is trained twice by its preset, from one seed, on one text and with as many tokens per step. The runs lie
in ``steps-1000/<rung>`` and ``budget-30s/<rung>`` of the output folder, the table and a text of each rung (of the run
in equal time) in ``ladder.md``, which is written anew after each rung. What is done is not done again: after a stop
the same command goes on, and a run that a stop left unfinished begins anew, so that its time is one piece.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import olaria
from olaria.errors import OlariaError, UsageError
from olaria.kinds import prepare
from olaria.kinds.base import REDUCED
from olaria.recipes import Recipe, preset
from olaria.storage.files import write_text
from olaria.storage.folder import is_run
from olaria.training.events import Evaluated, Event
from olaria.training.machine import set_num_threads
from olaria.workflows.face import OpenRun
from olaria.workflows.runs import remove

LOSS = "loss_nats_per_char"
REFERENCE = "gpt2-shakespeare"
"""Its batch and its window say how many tokens every rung learns from in a step."""
CONTENT = "ladder.md"


@dataclass(frozen=True)
class Rung:
    """One line of the table.

    Args:
        preset: what is trained.
        adds: its idea, in the table's words.
    """

    preset: str
    adds: str


RUNGS: dict[str, Rung] = {
    "bigram": Rung("bigram-shakespeare", "a table: one token of past"),
    "average": Rung("average-shakespeare", "the uniform mean of the past"),
    "head": Rung("head-shakespeare", "self-attention: weights that depend on the data"),
    "multi-head": Rung("multi-head-shakespeare", "several heads and a projection that mixes them"),
    "feed-forward": Rung("feed-forward-shakespeare", "a nonlinear layer on each position"),
    "residual": Rung("residual-shakespeare", "a residual stream, so that layers stack"),
    "norm": Rung("norm-shakespeare", "a layer norm before each part"),
    "gpt2": Rung(REFERENCE, "GPT-2's form: GELU, biases, tied head, initial weights"),
    "gpt": Rung("gpt-shakespeare", "the fast form: rotary positions, QK-norm, squared ReLU, Muon"),
}


@dataclass(frozen=True)
class Ending:
    """How a run ends: by steps or by seconds."""

    steps: int | None = None
    budget: float | None = None

    @property
    def folder(self) -> str:
        """Its runs' folder."""
        return f"steps-{self.steps}" if self.steps is not None else f"budget-{self.budget:g}s"


def planned(rung: Rung, ending: Ending, options: argparse.Namespace) -> tuple[Recipe, list[str]]:
    """The recipe that a run of the rung must have, and the settings that make it of the preset."""
    reference, recipe = preset(REFERENCE, options.size), preset(rung.preset, options.size)
    num_tokens = reference.training.batch_size * reference.window
    settings = [f"training.batch_size={num_tokens // recipe.window}"]
    recipe = recipe.ending(ending.steps, ending.budget).updated("seed", options.seed)
    return recipe.with_settings(settings), settings


def trained(name: str, ending: Ending, options: argparse.Namespace) -> OpenRun:
    """The run of a rung: found in the output folder, or trained now.

    Raises:
        UsageError: the one found was trained otherwise.
    """
    path: Path = options.out / ending.folder / name
    recipe, settings = planned(RUNGS[name], ending, options)
    if is_run(path):
        found = olaria.open(path)
        if found.state == "done":
            check_same(found, recipe, options)
            print(f"{ending.folder}/{name}: found", flush=True)
            return found
        print(f"{ending.folder}/{name}: unfinished, begun anew", flush=True)
        remove(str(path), confirmed=True)
    print(f"{ending.folder}/{name}: training", flush=True)
    return olaria.train(
        RUNGS[name].preset,
        data=options.data,
        size=options.size,
        steps=ending.steps,
        budget=ending.budget,
        seed=options.seed,
        settings=settings,
        out=path,
        listeners=[report_progress],
    )


def check_same(found: OpenRun, recipe: Recipe, options: argparse.Namespace) -> None:
    """Refuse a run that would stand in the table under another recipe's name."""
    actual: Recipe = found.recipe
    same = (
        actual.model == recipe.model
        and actual.training == recipe.training
        and actual.seed == recipe.seed
        and Path(actual.data.name).name == Path(options.data).name
    )
    if not same:
        raise UsageError(
            "{path} was trained by another recipe; remove it or choose another --out",
            path=str(found.path),
        )


def report_progress(event: Event) -> None:
    """One line for each evaluation."""
    if isinstance(event, Evaluated):
        loss = event.values["loss_nats_per_token"]
        print(f"  step {event.step:6d}  {event.elapsed_s:6.1f} s  {loss:.4f}", flush=True)


def loss_of(run: OpenRun) -> float:
    """Validation loss in nats per character by the language protocol, measured once."""
    content: dict[str, Any] | None = run.evaluation
    if content is None or LOSS not in content["metrics"]:
        content = run.evaluate(effort=REDUCED).to_json()
    return float(content["metrics"][LOSS])


@dataclass(frozen=True)
class Climbed:
    """What the table tells of a rung."""

    name: str
    by_steps: OpenRun
    in_time: OpenRun
    text: str


def climbed(name: str, options: argparse.Namespace) -> Climbed:
    """Train and measure one rung, at equal steps and in equal time."""
    runs = [
        trained(name, ending, options)
        for ending in (Ending(steps=options.steps), Ending(budget=options.budget))
    ]
    losses = [loss_of(run) for run in runs]
    print(f"{name}: {losses[0]:.4f} at equal steps, {losses[1]:.4f} in equal time", flush=True)
    text = runs[1].sample(max_tokens=options.chars, seed=options.seed)
    return Climbed(name, runs[0], runs[1], text)


def page(rungs: Sequence[Climbed], options: argparse.Namespace) -> str:
    """The table, how it was made, and a text of each rung, in Markdown."""
    steps, budget = options.steps, f"{options.budget:g}"
    lines = [
        f"| rung | what it adds | parameters | loss at {steps:,} steps | loss in {budget} s "
        f"| steps in {budget} s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for rung in rungs:
        result = rung.in_time.result
        lines.append(
            f"| `{rung.name}` | {RUNGS[rung.name].adds} | {result['num_parameters']:,} "
            f"| {loss_of(rung.by_steps):.3f} | {loss_of(rung.in_time):.3f} "
            f"| {result['steps']:,} |"
        )
    lines += ["", protocol(rungs[0], options), ""]
    for rung in rungs:
        lines += [f"`{rung.name}`:", "", "```text", rung.text.strip("\n"), "```", ""]
    return "\n".join(lines)


def protocol(rung: Climbed, options: argparse.Namespace) -> str:
    """One paragraph: what the numbers are and where they were measured."""
    reference = preset(REFERENCE, options.size)
    num_tokens = reference.training.batch_size * reference.window
    provenance = rung.in_time.provenance
    machine = provenance["machine"]
    return (
        f"Validation loss in nats per character, `{Path(options.data).name}`, size `{options.size}`, "
        f"seed {options.seed}, {num_tokens:,} tokens per step for every rung; the best checkpoint of "
        f"each run. {machine['cpu']}, {machine['num_threads']} threads, "
        f"torch {machine['versions']['torch']}, {provenance['precision']}. "
        f"The texts are of the runs in equal time, temperature 1."
    )


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train every rung and write the ladder's table.")
    parser.add_argument("--steps", type=int, default=1000, help="of the comparison at equal steps")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of the other one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", choices=("tiny", "small", "base"), default="small")
    parser.add_argument("--data", default="tiny-shakespeare", help="any text")
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS), metavar="RUNG")
    parser.add_argument("--chars", type=int, default=300, help="tokens of each text")
    parser.add_argument("--threads", type=int, help="of tensor operations; as PyTorch chooses")
    parser.add_argument("--out", type=Path, default=Path("runs/ladder"))
    options = parser.parse_args(arguments)
    if options.steps < 1 or options.chars < 1 or not options.budget > 0:
        parser.error("--steps, --budget and --chars must be positive")
    return options


def warm_up(options: argparse.Namespace) -> None:
    """Prepare one run in vain: downloads and first imports count in nobody's budget."""
    recipe, _ = planned(RUNGS[options.rungs[0]], Ending(steps=options.steps), options)
    path = Path(options.data)
    prepare(recipe.updated("data.name", str(path.resolve()) if path.exists() else options.data))


def main(arguments: list[str] | None = None) -> int:
    """Climb; 1 where a rung failed, and what is done is kept."""
    options = parsed(arguments)
    set_num_threads(options.threads)
    rungs: list[Climbed] = []
    try:
        warm_up(options)
        for name in options.rungs:
            rungs.append(climbed(name, options))
            write_text(options.out / CONTENT, page(rungs, options))
    except OlariaError as error:
        print(f"error: {error}", file=sys.stderr)
        print("what is done is kept: the same command goes on", file=sys.stderr)
        return error.exit_code
    print(f"\n{page(rungs, options)}\nwritten: {options.out / CONTENT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
