"""The tables of ``language_training.py``: each run, then each claim with its ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from common import (
    LARGEST_DRIFT,
    Records,
    cpu_name,
    drift,
    mean_and_spread,
    middle,
    shown,
    table,
    values,
)

TARGET_LOSS = 1.886
"""What nanoGPT's recipe ends at by its own estimate, nats per character."""
GPU_LOSS = 1.4697
"""nanoGPT's published figure for three minutes of an A100."""

Record = Mapping[str, Any]
HEADINGS = (
    "run",
    "seed",
    "budget s",
    "wall s",
    "without evaluation s",
    "own estimate",
    "our windows",
    "parameters",
    "steps",
    "tokens/s",
    "FLOP use in steps",
    "FLOP use of the run",
    "peak MB",
    "drift",
)


def utilisation(record: Record, *, whole_run: bool) -> float:
    """Model FLOP utilisation: operations per second over the machine's measured bfloat16 peak.

    Args:
        record: of a run.
        whole_run: over all seconds but evaluation, start and compilation included; else inside steps.
    """
    peak = max(float(found["bfloat16_peak_flops"]) for found in record["calibration"])
    rate = float(record["tokens_per_s"])
    if whole_run:
        rate = float(record["num_tokens"]) / float(record["without_evaluation_s"])
    return rate * float(record["flops_per_token"]) / peak


def _row(record: Record) -> list[str]:
    moved = drift(record)
    memory = record.get("peak_memory_bytes")
    return [
        record["part"],
        str(record.get("seed", "")),
        shown(record.get("budget_s")),
        shown(record["wall_s"]),
        shown(record["without_evaluation_s"]),
        shown(record["own_estimate"], 4),
        shown(record["loss_nats_per_char"], 4),
        f"{record['num_parameters']:,}",
        f"{record['steps']:,}",
        shown(record["tokens_per_s"], 0),
        f"{utilisation(record, whole_run=False):.1%}",
        f"{utilisation(record, whole_run=True):.1%}",
        shown(None if memory is None else memory / 1e6, 0),
        f"{moved:+.0%}" + (" repeat" if abs(moved) > LARGEST_DRIFT else ""),
    ]


def claims(records: Records) -> list[list[str]]:
    """One row per claim: nanoGPT's figure, ours, their ratio or difference."""
    peers = records.of("peer")
    wall, net = middle(peers, "wall_s"), middle(peers, "without_evaluation_s")
    rows = [
        ["wall time, median s", shown(wall), shown(middle(records.of("ours"), "wall_s")), ""],
        ["… without evaluations, median s", shown(net), _net(records.of("ours")), ""],
        ["its own estimate, median nats", shown(middle(peers, "own_estimate"), 4), "", ""],
    ]
    for part in dict.fromkeys(row["part"] for row in records.rows):
        if part not in ("peer", "time-to", "time-to-along"):
            rows.append(_loss_claim(part, peers, records.of(part)))
    rows += _time_claims(records, wall)
    rows.append(_memory_claim(peers, [row for row in records.rows if row["part"] != "peer"]))
    return rows


def _net(runs: Sequence[Record]) -> str:
    return shown(middle(runs, "without_evaluation_s"))


def _loss_claim(part: str, peers: Sequence[Record], runs: Sequence[Record]) -> list[str]:
    theirs, ours = (values(found, "loss_nats_per_char") for found in (peers, runs))
    difference = f"{fmean(ours) - fmean(theirs):+.4f}" if theirs and ours else ""
    budget = shown(middle(runs, "budget_s"))
    name = f"loss in our windows, {part} ({budget} s), mean nats"
    return [name, mean_and_spread(theirs), mean_and_spread(ours), difference]


def _time_claims(records: Records, wall: float | None) -> list[list[str]]:
    long, short = records.of("time-to-along"), records.of("time-to")
    found = {
        "along a run of its length": middle(long, "reached_s"),
        "shortest budget that ends there": shortest_budget(short),
    }
    target = next((run["target"] for run in (*long, *short)), TARGET_LOSS)
    return [
        [f"time to {target}, {how}, s", shown(wall), shown(ours), _ratio(wall, ours)]
        for how, ours in found.items()
    ]


def shortest_budget(runs: Sequence[Record]) -> float | None:
    """The smallest budget whose runs' median loss is not above their target."""
    reached = []
    for budget_s in {float(run["budget_s"]) for run in runs}:
        same = [run for run in runs if run["budget_s"] == budget_s]
        if median(values(same, "loss_nats_per_char")) <= same[0]["target"]:
            reached.append(budget_s)
    return min(reached, default=None)


def _memory_claim(peers: Sequence[Record], runs: Sequence[Record]) -> list[str]:
    theirs, ours = (
        max(values(found, "peak_memory_bytes"), default=None) for found in (peers, runs)
    )
    megabytes = [shown(None if peak is None else peak / 1e6, 0) for peak in (theirs, ours)]
    return ["largest peak memory, MB", *megabytes, _ratio(theirs, ours)]


def _ratio(theirs: float | None, ours: float | None) -> str:
    return f"{theirs / ours:.2f}×" if theirs and ours else ""


def report(records: Records) -> str:
    """All tables as Markdown."""
    if not records.rows:
        return "no runs"
    last = records.rows[-1]["calibration"][-1]
    systems = sorted({str(row["system"]) for row in records.rows})
    matmul_ms = middle([row["calibration"][0] for row in records.rows], "bfloat16_matmul_s")
    peak = middle([row["calibration"][0] for row in records.rows], "bfloat16_peak_flops")
    facts = [
        cpu_name(),
        f"{last['num_threads']} threads",
        *(f"{name} {last['versions'][name]}" for name in ("python", "torch")),
        *systems,
        f"bfloat16 1024³ product {shown(matmul_ms and matmul_ms * 1000, 2)} ms",
        f"bfloat16 peak {shown(peak and peak / 1e9, 0)} GFLOP/s",
    ]
    told = (
        "Ratios are nanoGPT's over ours, so above 1 ours is ahead; differences are ours less nanoGPT's. "
        f"nanoGPT's published figure for an A100: {GPU_LOSS}."
    )
    return "\n\n".join(
        (
            "; ".join(facts),
            table(HEADINGS, [_row(record) for record in records.rows]),
            table(("claim", "nanoGPT", "Olaria", "ratio"), claims(records)),
            told,
        )
    )
