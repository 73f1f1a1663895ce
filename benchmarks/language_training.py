"""Training a small GPT on Tiny Shakespeare with nanoGPT and with Olaria, on this machine, in the same minutes.

    python benchmarks/language_training.py --peer PATH [--parts peer,ours,time-to,double] [--json FILE]

Parts: ``peer`` runs nanoGPT's own recipe for a CPU; ``ours`` (or ``x1``), ``double`` (``x2``), ``x1.25``, ``x15``, …
run ``olaria train`` with that many times the peer's wall time as budget; ``time-to`` looks for the time in which
nanoGPT's loss is reached. ``--parts ""`` prints what ``--json`` holds. What is claimed: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import nanogpt
from common import (
    ONE_SEED_ABOVE_S,
    BenchmarkError,
    Records,
    commit_of,
    flops_per_token,
    middle,
    peer_option,
    probe,
    run_process,
)
from training_tables import TARGET_LOSS, report

MULTIPLES = {"ours": 1.0, "double": 2.0}
SHORT_BUDGETS_S = (8.0, 10.0, 12.0, 15.0, 18.0, 20.0, 24.0, 30.0, 40.0)
PRESET = "gpt-local-shakespeare"
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR")
"""Where compiled code is kept between processes; each run of ours begins with empty ones."""


def multiple(part: str) -> float | None:
    """The factor on the peer's wall time that a part's name stands for; None for the other parts.

    >>> multiple("double"), multiple("x1.25"), multiple("peer")
    (2.0, 1.25, None)
    """
    if part in MULTIPLES:
        return MULTIPLES[part]
    try:
        return float(part.removeprefix("x")) if part.startswith("x") else None
    except ValueError:
        return None


def plan(parts: list[str], repeat: int, seeds: list[int]) -> list[tuple[str, int]]:
    """(part, seed or number) of each run. The peer's runs and ours of the same length take turns, so that both
    see the same machine.

    >>> plan(["peer", "ours", "double"], 2, [0, 1])
    [('peer', 0), ('ours', 0), ('peer', 1), ('ours', 1), ('double', 0), ('double', 1)]
    """
    queues = {p: list(range(repeat)) if p == "peer" else seeds for p in parts if p != "time-to"}
    turns = [p for p in queues if p == "peer" or multiple(p) == 1]
    paired = [
        (p, queues[p][i])
        for i in range(max(repeat, len(seeds)))
        for p in turns
        if i < len(queues[p])
    ]
    timed = [("time-to", seeds[0])] if "time-to" in parts else []
    return paired + timed + [(p, seed) for p in queues if p not in turns for seed in seeds]


@dataclass
class Bench:
    """One invocation: its settings, where its files go, what it has found."""

    options: argparse.Namespace
    peer: Path
    folder: Path
    records: Records

    def measured(self, part: str, run: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """Do one run in a folder of its own between two calibrations, and keep its record."""
        folder = self._new_folder(part)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        before = probe(["calibrate"], folder / "before.log")
        found = run(folder)
        after = probe(["calibrate"], folder / "after.log")
        record = {"part": part, "began": began, **found, "calibration": [before, after]}
        self.records.add(record)
        return record

    def _new_folder(self, part: str) -> Path:
        numbers = (self.folder / f"{number:02d}-{part}" for number in count(1))
        return next(path for path in numbers if not path.exists())

    def budget(self, factor: float) -> float:
        """Seconds: ``--budget``, else the median wall time of the peer's runs so far, times ``factor``.

        Raises:
            BenchmarkError: neither is there.
        """
        usual: float | None = self.options.budget or middle(self.records.of("peer"), "wall_s")
        if usual is None:
            raise BenchmarkError(
                "no wall time of nanoGPT is known: add the part peer, or --budget S"
            )
        return round(usual * factor, 1)


# --- the two systems ------------------------------------------------------------------------------


def train_peer(bench: Bench, folder: Path) -> dict[str, Any]:
    """nanoGPT's recipe as its users run it, then its checkpoint measured in our windows."""
    iterations = bench.options.peer_iters
    out = folder / "out"
    command = nanogpt.training_command(bench.options.peer_python, out, iterations)
    ended = run_process(command, folder / "train.log", cwd=bench.peer)
    log = nanogpt.parse_log(ended.output)
    scored = probe(["score", str(bench.peer), str(out / nanogpt.CHECKPOINT)], folder / "score.log")
    tokens = nanogpt.CONTEXT * nanogpt.BATCH_SIZE
    return {
        "system": f"nanoGPT {commit_of(bench.peer)}",
        "wall_s": ended.wall_s,
        "without_evaluation_s": ended.wall_s - log.evaluation_s,
        "own_estimate": log.final_val_loss,
        "peak_memory_bytes": ended.peak_memory_bytes,
        "steps": iterations,
        "num_tokens": tokens * len(log.iteration_s),
        "tokens_per_s": tokens / log.median_iteration_s,
        **scored,
        "flops_per_token": _flops(scored),
    }


def train_ours(
    bench: Bench, folder: Path, budget_s: float, seed: int, extra: tuple[str, ...] = ()
) -> dict[str, Any]:
    """``olaria train`` and ``olaria eval`` as users run them, with empty caches of compiled code."""
    path = folder / "run"
    olaria = [sys.executable, "-m", "olaria"]
    settings = [f"--set={setting}" for setting in (*bench.options.settings, *extra)]
    if bench.options.size is not None:
        settings.append(f"--size={bench.options.size}")
    command = [*olaria, "train", PRESET, f"--budget={budget_s}s", f"--seed={seed}", *settings]
    with tempfile.TemporaryDirectory() as caches:
        cold = {name: os.path.join(caches, name.lower()) for name in CACHES}
        ended = run_process(
            [*command, f"--out={path}", "--json"], folder / "train.log", variables=cold
        )
    evaluate = [*olaria, "eval", str(path), "--metric=loss_nats_per_char", "--json"]
    evaluated = json.loads(run_process(evaluate, folder / "eval.log").output)
    result = json.loads(ended.output)
    provenance = json.loads((path / "provenance.json").read_text("utf-8"))
    counted = probe(["inspect", str(path)], folder / "inspect.log")
    kept = ("steps", "train_s", "tokens_per_s", "num_parameters")
    return {
        "system": f"olaria {commit_of(Path(__file__).parent)}",
        "seed": seed,
        "target": bench.options.target,
        "settings": settings,
        "budget_s": budget_s,
        "wall_s": ended.wall_s,
        "without_evaluation_s": result["elapsed_s"],
        "loss_nats_per_char": evaluated["metrics"]["loss_nats_per_char"],
        "own_estimate": lowest_validation(path),
        "peak_memory_bytes": ended.peak_memory_bytes,
        "peak_memory_of_run_bytes": result["peak_memory_bytes"],
        "num_tokens": round(result["tokens_per_s"] * result["train_s"]),
        **{name: result[name] for name in kept},
        "precision": provenance["precision"],
        "compiled": provenance["compile"],
        **counted,
        "flops_per_token": _flops(counted),
    }


def _flops(counted: dict[str, Any]) -> int:
    names = ("num_matmul_parameters", "num_layers", "width", "attended")
    return flops_per_token(*(int(counted[name]) for name in names))


# --- the time to a loss ---------------------------------------------------------------------------


def validation_rows(run: Path) -> list[tuple[float, float]]:
    """(seconds of the budget used, validation loss) of each evaluation of a run."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == "validation"]
    return [(row["elapsed_s"], row["values"]["loss"]) for row in rows]


def lowest_validation(run: Path) -> float:
    """That of the best checkpoint, as the run itself measured it."""
    return min(loss for _, loss in validation_rows(run))


def first_below(rows: list[tuple[float, float]], target: float) -> float | None:
    """Seconds at the first evaluation that is not above ``target``; None where none is.

    >>> first_below([(1.0, 2.5), (2.0, 1.8), (3.0, 1.9)], 1.886)
    2.0
    """
    return next((elapsed_s for elapsed_s, loss in rows if loss <= target), None)


def time_to(bench: Bench, seed: int) -> None:
    """The time to the target loss, in two ways: along a run of the peer's length that is evaluated often (its learning
    rate is still high then), and as the shortest budget whose runs end there, with the schedule made for it.
    """
    target, options = bench.options.target, bench.options
    often = f"training.evaluate_every={options.evaluate_every}"

    def along(folder: Path) -> dict[str, Any]:
        found = train_ours(bench, folder, bench.budget(1.0), seed, (often,))
        reached_s = first_below(validation_rows(folder / "run"), target)
        return {**found, "reached_s": reached_s}

    bench.measured("time-to-along", along)
    for budget_s in options.short_budgets:
        losses = []
        for each in options.seeds:
            short = partial(train_ours, bench, budget_s=budget_s, seed=each)
            record = bench.measured("time-to", short)
            losses.append(record["loss_nats_per_char"])
            if len(losses) == 1 and losses[0] > target:
                break  # the other seeds are run where the first gets there
        if median(losses) <= target:
            return


# --- the command ----------------------------------------------------------------------------------


def run_parts(bench: Bench) -> None:
    """Every run of the plan, in order."""
    for part, number in plan(bench.options.parts, bench.options.repeat, bench.options.seeds):
        print(f"{datetime.now(UTC):%H:%M:%S} {part} {number}", file=sys.stderr, flush=True)
        factor = multiple(part)
        if part == "peer":
            bench.measured(part, partial(train_peer, bench))
        elif part == "time-to":
            time_to(bench, number)
        elif factor is not None:
            budget_s = bench.budget(factor)
            if budget_s > ONE_SEED_ABOVE_S and number != bench.options.seeds[0]:
                continue
            ours = partial(train_ours, bench, budget_s=budget_s, seed=number)
            bench.measured(part, ours)


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if part not in ("peer", "time-to") and multiple(part) is None:
            raise argparse.ArgumentTypeError(f"{part}: not peer, ours, time-to, double or x1.25")
    return parts


def read_options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--peer", metavar="PATH", help="checkout of nanoGPT; OLARIA_PEER says the same")
    add("--peer-python", default=sys.executable, metavar="FILE", help="interpreter to run it with")
    add("--parts", type=_parts, default=_parts("peer,ours,time-to,double"), metavar="A,B")
    add("--budget", type=float, metavar="S", help="instead of the peer's measured wall time")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--repeat", type=int, default=3, help="runs of the peer")
    add("--json", type=Path, metavar="FILE", help="each run is added to it when it ends")
    add("--runs", type=Path, metavar="DIR", help="keep runs and logs there; else they are removed")
    add("--size", help="of our model")
    add("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    add("--target", type=float, default=TARGET_LOSS, help="the loss of time-to, nats per character")
    add("--short-budgets", type=float, nargs="+", default=SHORT_BUDGETS_S, metavar="S")
    add("--evaluate-every", type=int, default=20, metavar="STEPS", help="in time-to's long run")
    add("--peer-iters", type=int, default=nanogpt.ITERATIONS, help="fewer, to try this script")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the parts and print the tables."""
    options = read_options(arguments)
    try:
        peer = peer_option(options.peer, "language_training")
        if peer is None:
            return 0
        nanogpt.check_data(peer)
        records = Records(options.json)
        with tempfile.TemporaryDirectory() as temporary:
            folder = (options.runs or Path(temporary)).resolve()
            run_parts(Bench(options, peer, folder, records))
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report(records))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
