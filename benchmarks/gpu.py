"""What a GPU computes, and how fast, beside the CPU of the same machine: one script of at most ten minutes.

    python benchmarks/gpu.py [--json gpu.json] [--parts agreement,language,images,nccl] [--tiny]

``agreement``  every family, 20 steps on the CPU and on the GPU from the same seed, in float32 and in bfloat16; what is
               measured and drawn while training is asked for too.
``language``   the published recipe of nanoGPT for a GPU, with our model and our optimizers.
``images``     images per second of a VAE and a GAN, on both.
``nccl``       one process alone sums a message by NCCL, and one by gloo.

Each part is a process of its own with a limit of time, and the file is written after each row: a part that hangs or
fails leaves the others whole. ``--tiny`` is the same in seconds, on the CPU in the GPU's place: it tries the script.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import BenchmarkError, Records, shown, table

LIMITS_S = {"agreement": 170.0, "language": 270.0, "images": 80.0, "nccl": 40.0}
"""Of each part; 560 s in all."""
STEPS, TINY_STEPS = 20, 2
TOLERANCES = {"float32": 1e-3, "bfloat16": 3e-2}
"""Largest difference of a loss from the CPU's in the same number format, relative to it where it is above 1.

Chosen before anything was measured: sums in another order differ by some 1e-7 a step, and an Adam step turns the sign
of a gradient near 0 into a whole step; a bfloat16 has 8 bits, 4e-3 of its value.
"""
PRESETS = {
    "autoencoder": ("ae-mnist", "digits"),
    "vae": ("vae-mnist", "digits"),
    "vq": ("vq-mnist", "digits"),
    "gan": ("gan-mnist", "digits"),
    "mask": ("mask-mnist", "digits"),
    "plane-gan": ("gan-ring", "ring"),
    "image-flow": ("cflow-mnist", "digits"),
    "point-flow": ("flow-ring", "ring"),
    "bigram": ("bigram-shakespeare", "toy-language"),
    "language": ("gpt2-shakespeare", "toy-language"),
    "gpt": ("gpt-shakespeare", "toy-language"),
    "translation": ("reverse", "reverse"),
}
"""A preset of each family, and data that need no network."""
NOT_COMPARED = {"latent-flow"}
"""Families left out: this one learns the latent vectors of another run, which would have to be trained first."""
PUBLISHED_LOSS, PUBLISHED_S = 1.4697, 180.0
"""nanoGPT's README (https://github.com/karpathy/nanoGPT): its best validation loss, and about 3 minutes on one A100."""
SHAPE = {"num_layers": 6, "num_heads": 6, "width": 384, "context": 256, "dropout": 0.2}
"""Of config/train_shakespeare_char.py; batches of 64 windows, 5,000 steps."""
BATCH, LANGUAGE_STEPS = 64, 5000
IMAGE_SECONDS = 8.0
TEXTS = ("tiny-shakespeare", "machado")
"""What the language part learns; the second where the first cannot be had, and then nothing is compared."""


# --- parts ----------------------------------------------------------------------------------------


def gpu(tiny: bool) -> str:
    """The device that is measured.

    Raises:
        BenchmarkError: the machine has none.
    """
    import torch

    if tiny:
        return "cpu"
    if not torch.cuda.is_available():
        raise BenchmarkError("this machine has no NVIDIA GPU that PyTorch can use; try --tiny")
    return "cuda"


def agreement(tiny: bool) -> Iterator[dict[str, Any]]:
    """A row for each family and number format."""
    device = gpu(tiny)
    for family, (preset, data) in PRESETS.items():
        for precision, tolerance in TOLERANCES.items():
            if tiny and precision != "float32":
                continue
            steps = TINY_STEPS if tiny else STEPS
            # Muon rounds to bfloat16 whatever the format is, which makes of a last digit a third one.
            settings = {"training.precision": precision, "training.optimizer": "adam"}
            expected, _ = trained(preset, data, "tiny", "cpu", steps, settings)
            found, told = trained(preset, data, "tiny", device, steps, settings)
            worst = difference(expected, found)
            yield {
                "family": family,
                "precision": precision,
                "steps": len(found),
                "worst": worst,
                "tolerance": tolerance,
                "evaluated": told["evaluated"],
                "sampled": told["sampled"],
                "agrees": worst <= tolerance and len(found) == len(expected) == steps,
            }


def difference(expected: list[dict[str, float]], found: list[dict[str, float]]) -> float:
    """The largest difference of a value, relative to it where it is above 1.

    >>> difference([{"loss": 2.0}, {"loss": 0.5}], [{"loss": 2.2}, {"loss": 0.51}])
    0.1
    """
    pairs = [(a[name], b[name]) for a, b in zip(expected, found, strict=True) for name in a]
    return max(round(abs(a - b) / max(1.0, abs(a)), 12) for a, b in pairs)


def trained(
    preset: str, data: str, size: str, device: str, steps: int | None, settings: dict[str, Any]
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """The losses of each step, and what else the loop told; nothing is written.

    Args:
        steps: None where ``settings`` have a budget.
    """
    from olaria.kinds import prepare
    from olaria.recipes import preset as preset_of
    from olaria.training import events
    from olaria.training.device import choose_device
    from olaria.training.engine import Trainer
    from olaria.training.team import Team

    ends = {} if steps is None else {"training.budget": None, "training.steps": steps}
    recipe = preset_of(preset, size).with_values(  # type: ignore[arg-type]
        {"data.name": data, **ends, **settings}
    )
    if getattr(recipe.model, "dropout", 0):  # a GPU draws masks of its own
        recipe = recipe.updated("model.dropout", 0.0)
    ready = prepare(recipe, offline=True)
    team = Team(device=choose_device(device, environment={}))
    trainer = Trainer(
        ready.model, ready.feed, ready.recipe.training, recipe.seed, ready.watch, team=team
    )
    losses: list[dict[str, float]] = []
    told: dict[str, Any] = {"evaluated": False, "sampled": False}
    for event in trainer.stream():
        if isinstance(event, events.Stepped):
            losses.append(dict(event.values))
        elif isinstance(event, events.Evaluated):
            told["evaluated"] = True
        elif isinstance(event, events.Sampled):
            told["sampled"] = event.artifact is not None
        elif isinstance(event, events.Finished):
            told["rate"] = event.rate
    return losses, told


def images(tiny: bool) -> Iterator[dict[str, Any]]:
    """A row for each family, size and device."""
    device = gpu(tiny)
    for preset in ("vae-mnist", "gan-mnist"):
        for size in ("tiny",) if tiny else ("small", "base"):
            for place in ("cpu", device)[: 1 if tiny else 2]:
                settings = {"data.resize": 28, "training.evaluate_every": 10**6}
                steps = TINY_STEPS if tiny else None
                if not tiny:
                    settings["training.budget"] = IMAGE_SECONDS
                began = time.perf_counter()
                losses, told = trained(preset, "digits", size, place, steps, settings)
                yield {
                    "family": preset,
                    "size": size,
                    "device": place,
                    "images_per_s": told["rate"],
                    "steps": len(losses),
                    "wall_s": time.perf_counter() - began,
                }


def language(tiny: bool) -> Iterator[dict[str, Any]]:
    """One row: seconds of training, and the loss of the whole validation text."""
    from olaria.recipes import preset
    from olaria.training.device import choose_device
    from olaria.training.team import Team
    from olaria.workflows.evaluate import evaluate
    from olaria.workflows.running import train_recipe

    team = Team(device=choose_device(gpu(tiny), environment={}))
    steps = TINY_STEPS if tiny else LANGUAGE_STEPS
    text = "toy-language" if tiny else text_at_hand()
    settings: dict[str, Any] = {
        "data.name": text,
        "training.budget": None,
        "training.steps": steps,
        "training.patience": None,
        # What is measured and drawn is computed by the CPU, and would stand in the GPU's time.
        "training.evaluate_every": steps,
        "training.sample_every": steps,
        "training.checkpoint_every": steps,
    }
    if not tiny:
        settings |= {f"model.{name}": value for name, value in SHAPE.items()}
        settings["training.batch_size"] = BATCH
    recipe = preset("gpt-shakespeare", "tiny" if tiny else "base").with_values(settings)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = train_recipe(recipe, Path(folder) / "run", offline=True, team=team)
        wall_s, result = time.perf_counter() - began, run.result
        precision = run.provenance["precision"]
        measured = evaluate(run.path, metrics=("loss_nats_per_char",)).to_json()
    yield {
        "data": text,
        "steps": result["steps"],
        "train_s": result["elapsed_s"],
        "wall_s": wall_s,
        "precision": precision,
        "num_parameters": result["num_parameters"],
        "loss_nats_per_char": measured["metrics"]["loss_nats_per_char"],
    }


def text_at_hand() -> str:
    """The first of :data:`TEXTS` that is here."""
    from olaria.data import load
    from olaria.errors import OlariaError

    for name in TEXTS[:-1]:
        try:
            load(name, offline=True)
        except OlariaError:
            continue
        return name
    return TEXTS[-1]


def nccl(tiny: bool) -> Iterator[dict[str, Any]]:
    """A row for each way: a process alone sums a message of ten million numbers, and has it unchanged."""
    import torch
    import torch.distributed as processes

    device = gpu(tiny)
    ways = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    with tempfile.TemporaryDirectory() as folder:
        store = processes.FileStore(str(Path(folder) / "store"), 1)
        processes.init_process_group(ways, store=store, rank=0, world_size=1)
        try:
            for place in dict.fromkeys(("cpu", device)):
                message = torch.arange(10_000 if tiny else 10_000_000, device=place).float()
                before = message.clone()
                times = []
                for _ in range(5):
                    began = time.perf_counter()
                    processes.all_reduce(message)
                    if place == "cuda":
                        torch.cuda.synchronize()
                    times.append(time.perf_counter() - began)
                yield {
                    "way": "nccl" if place == "cuda" else "gloo",
                    "unchanged": bool(torch.equal(message, before)),
                    "ms": 1000 * min(times),
                }
        finally:
            processes.destroy_process_group()


PARTS: dict[str, Callable[[bool], Iterator[dict[str, Any]]]] = {
    "agreement": agreement,
    "language": language,
    "images": images,
    "nccl": nccl,
}


# --- running them ---------------------------------------------------------------------------------


def run_part(part: str, records: Records, tiny: bool) -> None:
    """Run a part in a process of its own, each of its rows kept as it comes; what goes wrong is a row too."""
    command = [sys.executable, __file__, "--part", part, *(["--tiny"] if tiny else [])]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, text=True)
        taken, problem = 0, None
        while True:
            ended = process.poll() is not None
            output.seek(0)
            rows = [line for line in output.read().split("\n")[:-1] if line.startswith('{"')]
            for line in rows[taken:]:
                records.add({"part": part, **json.loads(line)})
            taken = len(rows)
            if ended:
                break
            if time.monotonic() - began > LIMITS_S[part]:
                process.kill()
                process.wait()
                problem = f"stopped after {LIMITS_S[part]:.0f} s"
                break
            time.sleep(0.2)
        if problem is None and process.returncode:
            errors.seek(0)
            problem = (errors.read().strip().splitlines() or ["?"])[-1]
        if problem is not None:
            records.add({"part": part, "problem": problem})


def machine(tiny: bool) -> dict[str, Any]:
    """What the numbers depend on."""
    code = (
        "import json, platform, torch; there = torch.cuda.is_available(); print(json.dumps({"
        "'python': platform.python_version(), 'torch': torch.__version__, 'cuda': torch.version.cuda, "
        "'gpu': torch.cuda.get_device_name(0) if there else None}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    return {"part": "machine", "tiny": tiny, **json.loads(found)}


# --- tables ---------------------------------------------------------------------------------------


def tables(records: Records) -> str:
    """All rows, a Markdown table for each part."""
    made = {
        "agreement": _agreement_table,
        "language": _language_table,
        "images": _images_table,
        "nccl": _nccl_table,
    }
    pieces = []
    for about in records.of("machine"):
        where = "the CPU in the GPU's place" if about["tiny"] else about["gpu"] or "no GPU"
        pieces.append(f"{where}, torch {about['torch']}, Python {about['python']}")
    for part, make in made.items():
        rows = [row for row in records.of(part) if "problem" not in row]
        problems = [row["problem"] for row in records.of(part) if "problem" in row]
        pieces.append("\n".join([f"**{part}**", *([""] if rows else [])]))
        if rows:
            pieces[-1] += "\n" + make(rows)
        pieces += [f"{part}: {problem}" for problem in problems]
    return "\n\n".join(pieces)


def _agreement_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"{row['family']}, {row['precision']}",
            f"{row['worst']:.1e}",
            f"{row['tolerance']:.0e}",
            _yes(row["evaluated"] and row["sampled"]),
            _yes(row["agrees"]),
        ]
        for row in rows
    ]
    heads = ["family", "largest difference", "tolerance", "measured and drawn", "agrees"]
    return table(heads, cells)


def _language_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"olaria, {row['data']}",
            f"{row['steps']:,}",
            shown(row["train_s"], 0),
            f"{row['loss_nats_per_char']:.4f}",
        ]
        for row in rows
    ]
    if any(row["data"] == TEXTS[0] for row in rows):
        cells.append(
            ["nanoGPT, as published (A100)", "5,000", f"≈ {PUBLISHED_S:.0f}", f"{PUBLISHED_LOSS}"]
        )
    return table(["system", "steps", "seconds", "validation, nats per character"], cells)


def _images_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [f"{row['family']}, {row['size']}, {row['device']}", shown(row["images_per_s"], 0)]
        for row in rows
    ]
    return table(["training", "images per second"], cells)


def _nccl_table(rows: list[dict[str, Any]]) -> str:
    cells = [[row["way"], _yes(row["unchanged"]), shown(row["ms"], 2)] for row in rows]
    return table(["way", "as it was", "ms"], cells)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def is_proved(records: Records) -> bool:
    """Whether every family agreed in every number format, was measured and drawn, and no part had a problem."""
    rows = records.of("agreement")
    sound = [row.get("agrees") and row["evaluated"] and row["sampled"] for row in rows]
    return bool(rows) and all(sound) and not any("problem" in row for row in records.rows)


def main() -> int:
    """0 where all parts ended and all families agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write each row here as it comes")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, commas between")
    parser.add_argument("--tiny", action="store_true", help="in seconds, on the CPU alone")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part is not None:
        try:
            for row in PARTS[asked.part](asked.tiny):
                print(json.dumps(row), flush=True)
        except BenchmarkError as error:
            sys.exit(str(error))
        return 0
    records = Records(None)
    if asked.json is not None:
        asked.json.unlink(missing_ok=True)
        records = Records(asked.json)
    records.add(machine(asked.tiny))
    for part in filter(None, asked.parts.split(",")):
        run_part(part, records, asked.tiny)
    print(tables(records))
    return 0 if is_proved(records) or "agreement" not in asked.parts else 1


if __name__ == "__main__":
    sys.exit(main())
