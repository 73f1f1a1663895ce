"""What several processes cost: a small model of a step's time and of sizes, checked on this machine.

    python benchmarks/scale.py [--rounds 3] [--json FILE]

The model, for P parameters, L layers of width w, a context of T, W processes:

    operations of a token     see common.flops_per_token
    seconds of a step         tokens / W * operations / speed + message / band
    message                   2 (W - 1) / W * 4 P bytes              (a ring; Li et al. 2020, PyTorch Distributed)
    bytes of a checkpoint     4 P (weights) + 8 P (Adam's two moments) + 4 P (average, where there is one)
    bytes of the state        the same + 4 P (gradients)

``speed`` is read off runs of one process, ``band`` off messages of the size of the gradients between two; then steps of
two processes are predicted, and run. Each process has one thread. The last table is a
reckoning for a machine that nothing here was run on.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import Records, cpu_name, flops_per_token, run_process, table

STEPS, WARM = 40, 10
SIZES = {"small": {}, "base": {"training.batch_size": 12}}
MESSAGES = 20


@dataclass(frozen=True)
class Shape:
    """Of a language model."""

    num_parameters: int
    num_layers: int
    width: int
    context: int

    @property
    def operations(self) -> float:
        """Floating-point operations of a token, forwards and backwards."""
        return flops_per_token(self.num_parameters, self.num_layers, self.width, self.context)


GPT2 = Shape(124_439_808, 12, 768, 1024)


def message_bytes(num_parameters: int, processes: int) -> float:
    """What a process sends in a step."""
    return 2 * (processes - 1) / processes * 4 * num_parameters


def step_s(
    shape: Shape, tokens: float, processes: int, speed: float, band: float
) -> tuple[float, float]:
    """Seconds of computing and of messages in a step of so many tokens."""
    return (
        tokens / processes * shape.operations / speed,
        message_bytes(shape.num_parameters, processes) / band,
    )


def checkpoint_bytes(num_parameters: int, average: bool) -> int:
    """Weights, Adam's moments, and the average where there is one."""
    return (16 if average else 12) * num_parameters


def state_bytes(num_parameters: int, average: bool) -> int:
    """What a process holds between two steps."""
    return checkpoint_bytes(num_parameters, average) + 4 * num_parameters


# --- in processes of their own --------------------------------------------------------------------


def send(num_parameters: int) -> None:
    """One of two processes that exchange gradients; the first prints the bytes of a second."""
    import time

    import torch

    from olaria.training import teamwork

    team = teamwork.join()
    gradients = [torch.ones(num_parameters)]
    seconds = []
    for _ in range(MESSAGES):
        began = time.perf_counter()
        team.average(gradients)
        seconds.append(time.perf_counter() - began)
    if team.is_first:
        sent = message_bytes(num_parameters, team.size)
        sys.stdout.write(json.dumps(sent / statistics.median(seconds[2:])) + "\n")


def trained(size: str, processes: int, folder: Path) -> dict[str, Any]:
    """A short run of the GPT-2 form: its sizes, and the median seconds of a step."""
    run = folder / f"{size}-{processes}"
    plain = {"optimizer": "adam", "precision": "float32", "compile": "off", "ema": 0}
    never = dict.fromkeys(("evaluate_every", "sample_every", "checkpoint_every"), 10 * STEPS)
    settings = {f"training.{name}": value for name, value in (plain | never).items()} | SIZES[size]
    words = [f"--set={name}={value}" for name, value in settings.items()]
    command = [
        "train",
        "gpt2-shakespeare",
        "--data=toy-language",
        f"--size={size}",
        f"--steps={STEPS}",
    ]
    command += [*words, f"--nproc={processes}", f"--out={run}", "--json"]
    threads = {"OLARIA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "olaria", *command]
    result = json.loads(run_process(words, folder / f"{size}.log", variables=threads).output)
    lines = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    times = [line["elapsed_s"] for line in lines if line["event"] == "step"][WARM:]
    recipe = json.loads((run / "recipe.json").read_text())
    files = (run / "checkpoints" / f"step-{STEPS:06d}").glob("*.safetensors")
    return {
        "num_parameters": result["num_parameters"],
        "num_layers": recipe["model"]["num_layers"],
        "width": recipe["model"]["width"],
        "context": recipe["model"]["context"],
        "tokens": recipe["training"]["batch_size"] * recipe["model"]["context"],
        "step_s": statistics.median(b - a for a, b in pairwise(times)),
        "checkpoint_bytes": sum(path.stat().st_size for path in files),
    }


def measure(records: Records, rounds: int) -> None:
    """All runs, one and two processes in turns."""
    from olaria.training import teamwork

    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            for size in SIZES:
                for processes in (1, 2):
                    found = trained(size, processes, Path(home) / str(number))
                    records.add({"part": size, "processes": processes, **found})
                command = [sys.executable, __file__, "--send", str(found["num_parameters"])]
                team = [
                    subprocess.Popen(
                        command,
                        env={**os.environ, **place},
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                    for place in teamwork.places(2)
                ]
                band = float(team[0].communicate()[0])
                team[1].communicate()
                records.add({"part": f"{size} message", "band": band})


def report(rows: list[dict[str, Any]]) -> str:
    """The check, and the prediction."""
    lines = []
    for size in SIZES:
        alone, both = (
            [row for row in rows if row["part"] == size and row["processes"] == count]
            for count in (1, 2)
        )
        if not alone or not both:
            continue
        first = alone[0]
        shape = Shape(
            *(first[name] for name in ("num_parameters", "num_layers", "width", "context"))
        )
        one, two = (statistics.median(row["step_s"] for row in part) for part in (alone, both))
        speed = first["tokens"] * shape.operations / one
        band = statistics.median(row["band"] for row in rows if row["part"] == f"{size} message")
        computing, sending = step_s(shape, first["tokens"], 2, speed, band)
        expected = checkpoint_bytes(shape.num_parameters, average=False)
        lines.append(
            [
                f"{shape.num_parameters:,}",
                f"{speed / 1e9:.1f}",
                f"{band / 1e9:.2f}",
                f"{1e3 * one:.1f}",
                f"{1e3 * (computing + sending):.1f}",
                f"{1e3 * two:.1f}",
                f"{expected / 1e6:.2f}",
                f"{first['checkpoint_bytes'] / 1e6:.2f}",
            ]
        )
    names = [
        "parameters",
        "GFLOP/s of a thread",
        "GB/s",
        "1 process, ms",
        "2 predicted",
        "2 measured",
    ]
    names += ["checkpoint predicted, MB", "measured"]
    return table(names, lines)


def reckoning() -> str:
    """GPT-2's 124 M by the model, for eight GPUs of 312 TFLOP/s and 200 GB/s, global batches of 491,520 tokens."""
    lines = []
    for share in (0.3, 0.4):
        computing, sending = step_s(GPT2, 491_520, 8, share * 312e12, 200e9)
        rate = 491_520 / (computing + sending)
        numbers = (
            1e3 * computing,
            1e3 * sending,
            rate / 1e6,
            10e9 / rate / 3600,
            300e9 / rate / 86_400,
        )
        lines.append([f"{share:.0%}", *(f"{number:.2f}" for number in numbers)])
    names = [
        "reached",
        "computing, ms",
        "messages, ms",
        "million tokens/s",
        "10 billion, h",
        "300 billion, days",
    ]
    sizes = [f"{size(GPT2.num_parameters, average) / 1e9:.2f}" for size in (state_bytes, checkpoint_bytes)
             for average in (False, True)]  # fmt: skip
    told = "state {} GB, with an average {}; checkpoint {} GB, with an average {}".format(*sizes)
    return f"{table(names, lines)}\n\n{told}"


def main() -> None:
    """Measure, then print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--send", type=int)
    chosen = parser.parse_args()
    if chosen.send is not None:
        send(chosen.send)
        return
    records = Records(chosen.json)
    measure(records, chosen.rounds)
    sys.stdout.write(f"{cpu_name()}\n\n{report(records.rows)}\n\n{reckoning()}\n")


if __name__ == "__main__":
    main()
