"""What the image presets reach within their budgets on this machine.

    python benchmarks/image_bars.py [--parts vae,gan,...] [--seeds 0,1,2] [--json FILE] [--runs DIR]

A part is a preset with a budget; ``anomaly`` is an autoencoder for each of the ten digits left out. Each run is a cold
start of ``olaria train``, between two calibrations, and then ``olaria eval --full``. ``--parts ""`` prints what there
is in ``--json``. What is claimed: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from common import (
    LARGEST_DRIFT,
    ONE_SEED_ABOVE_S,
    BenchmarkError,
    Records,
    commit_of,
    cpu_name,
    drift,
    mean_and_spread,
    probe,
    run_process,
    table,
)

NUM_DIGITS = 10


@dataclass(frozen=True)
class Part:
    """A preset and what is asked of it.

    Args:
        preset: of ``olaria train``.
        budget_s: given to it.
        bar: what has to be reached, in words.
        metrics: keys of ``olaria eval`` that the table shows.
        words: further ones for ``olaria train``.
    """

    preset: str
    budget_s: float
    bar: str
    metrics: tuple[str, ...]
    words: tuple[str, ...] = ()


_FIDELITY = ("fd", "fd_floor", "precision", "recall", "coverage", "classes_covered")
PARTS = {
    "vae": Part(
        "vae-flow-mnist", 300, "nll ≤ 84.5 nats", ("nll_nats", "elbo_nats", "active_units")
    ),
    "gan": Part("gan-mnist", 300, "FD ≤ 4 floors, coverage ≥ 0.85", _FIDELITY),
    "dae": Part(
        "dae-mnist",
        120,
        "3 dB over the linear map",
        ("denoised_psnr_db", "linear_denoised_psnr_db"),
    ),
    "cvae": Part("cvae-mnist", 180, "agreement ≥ 0.97", ("class_agreement", "nll_nats")),
    "fashion": Part("gan-fashion-mnist", 600, "FD ≤ 8 floors, coverage ≥ 0.75", _FIDELITY),
    "anomaly": Part("ae-mnist", 120, "mean AUROC ≥ 0.85", ("auroc", "aupr", "prevalence")),
    "vae-base": Part(
        "vae-flow-mnist", 3600, "nll ≤ 81 nats", ("nll_nats", "elbo_nats"), ("--size=base",)
    ),
    "gan-cifar10": Part(
        "gan-cifar10", 1800, "runs and improves", ("kd", "nearest_train_distance_ratio")
    ),
    "vae-cifar10": Part("vae-flow-cifar10", 1800, "runs and improves", ("nll_nats", "elbo_nats")),
    "flow": Part("flow-mnist", 300, "FD ≤ 0.35, coverage ≥ 0.87", _FIDELITY),
    "flow-fashion": Part("flow-fashion-mnist", 600, "FD ≤ 0.40", _FIDELITY),
    "cflow": Part("cflow-mnist", 180, "agreement ≥ 0.985", ("class_agreement", "fd")),
    "mask": Part("mask-mnist", 300, "bound ≤ 88 nats", ("elbo_nats", "fd")),
    "flow-cifar10": Part("flow-cifar10", 1800, "runs and improves", _FIDELITY),
}
DEFAULT = "vae,gan,cvae,dae,fashion,anomaly"


def measure(name: str, part: Part, seed: int, folder: Path, words: Sequence[str]) -> dict[str, Any]:
    """One run between two calibrations: ``olaria train``, then ``olaria eval``, each in a fresh process."""
    before = probe(["calibrate"], folder / "before.log")
    began = datetime.now(UTC).isoformat(timespec="seconds")
    run = folder / "run"
    olaria = [sys.executable, "-m", "olaria"]
    command = [
        "train",
        part.preset,
        f"--budget={part.budget_s:g}s",
        f"--seed={seed}",
        *part.words,
        *words,
    ]
    ended = run_process([*olaria, *command, f"--out={run}", "--json"], folder / "train.log")
    evaluated = json.loads(
        run_process([*olaria, "eval", str(run), "--full", "--json"], folder / "eval.log").output
    )
    result = json.loads(ended.output)
    return {
        "part": name,
        "began": began,
        "system": f"olaria {commit_of(Path(__file__).parent)}",
        "command": " ".join(command),
        "seed": seed,
        "wall_s": ended.wall_s,
        "elapsed_s": result["elapsed_s"],
        "steps": result["steps"],
        "metrics": evaluated["metrics"],
        "protocol": evaluated["protocol"],
        "calibration": [before, probe(["calibrate"], folder / "after.log")],
    }


def run_part(
    name: str, seeds: Sequence[int], records: Records, folder: Path, words: Sequence[str]
) -> None:
    """All runs of a part; each is kept as soon as it ends."""
    part = PARTS[name]
    seeds = seeds[:1] if part.budget_s > ONE_SEED_ABOVE_S else seeds
    left_out = range(NUM_DIGITS) if name == "anomaly" else (None,)
    for seed in seeds:
        for digit in left_out:
            place = folder / f"{name}-{seed}" / (f"{digit}" if digit is not None else "")
            extra = () if digit is None else (f"--leave-out={digit}",)
            found = measure(name, part, seed, place, (*words, *extra))
            records.add({**found, "left_out": digit})


def line(name: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """A part's row of the table: mean, spread and count over the seeds; of anomalies, of the means over the digits."""
    part = PARTS[name]
    cells = []
    for key in part.metrics:
        by_seed: dict[int, list[float]] = {}
        for row in rows:
            value = row["metrics"].get(key)
            if value is not None:
                by_seed.setdefault(row["seed"], []).append(float(value))
        cells.append(f"{key} {mean_and_spread([fmean(v) for v in by_seed.values()])}")
    steps = mean_and_spread([float(row["steps"]) for row in rows])
    unsteady = sum(abs(drift(row)) > LARGEST_DRIFT for row in rows)
    notes = f"{unsteady} of {len(rows)} to repeat" if unsteady else ""
    return [f"{part.preset}, {part.budget_s:g} s", part.bar, "<br>".join(cells), steps, notes]


def report(records: Records) -> str:
    """The table of all parts, and the digits of the anomalies one by one."""
    headings = ["preset, budget", "bar", "measured", "steps", "calibration"]
    rows = [line(name, found) for name in PARTS if (found := records.of(name))]
    tables = [f"{cpu_name()}\n", table(headings, rows)]
    areas = [
        (row["left_out"], {**row["protocol"], **row["metrics"]}) for row in records.of("anomaly")
    ]
    if areas:
        scores = sorted({key for _, found in areas for key in found if key.startswith("auroc")})
        digits = [
            [str(digit), *(f"{_mean_of(areas, digit, key):.3f}" for key in scores)]
            for digit in sorted({digit for digit, _ in areas})
        ]
        tables.append(table(["left out", *scores], digits))
    return "\n\n".join(tables)


def _mean_of(areas: Sequence[tuple[int, dict[str, Any]]], digit: int, key: str) -> float:
    """Over the seeds of a digit."""
    return fmean(found[key] for left_out, found in areas if left_out == digit)


def main() -> None:
    """Parse the words, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", default=DEFAULT)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=Path, help="where runs and logs are kept")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    options = parser.parse_args()
    records = Records(options.json)
    names = [name for name in options.parts.split(",") if name]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise BenchmarkError(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            folder = options.runs or Path(temporary)
            words = [f"--set={setting}" for setting in options.settings]
            run_part(name, [int(seed) for seed in options.seeds.split(",")], records, folder, words)
    print(report(records))


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(str(error))
