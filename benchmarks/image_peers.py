"""Image models and metrics beside the libraries that people would use instead.

    python benchmarks/image_peers.py --peers FOLDER [--parts vae,gan,prdc] [--rounds 3] [--json FILE]

``vae``: images per second of a whole training run on 55,000 digits, the same network (784–512–16–512–784, ReLU), batch
100, Adam, the peer's loop as its users call it; ``ours`` is ``olaria train`` in its default precision, ``ours-float32``
in the peer's. ``gan``: the network of ``gan-mnist`` in a loop as PyTorch-GAN's ``dcgan.py`` has it (float32, Adam, a
generator's update, then a discriminator's on the same images) and in ``olaria train``. ``prdc``: precision, recall,
density and coverage of 10,000 points beside 10,000, 128 numbers each, and how far the answers are apart. The systems
take turns, each timing in a fresh process. FOLDER holds what
``pip install --no-deps --target FOLDER pythae prdc cloudpickle imageio`` puts there; nothing of it is here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import (
    BenchmarkError,
    Records,
    commit_of,
    cpu_name,
    last_json,
    middle,
    run_process,
    shown,
    table,
)

BATCH, LATENT, HIDDEN = 100, 16, 512
NUM_POINTS, NUM_FEATURES, NEAREST = 10_000, 128, 5
GAN_BATCH, GAN_STEPS = 64, 200
SYSTEMS = {
    "vae": ("pythae", "ours-float32", "ours"),
    "gan": ("plain", "ours-float32", "ours"),
    "prdc": ("prdc", "ours"),
}


# --- in a process of its own ----------------------------------------------------------------------


def pythae_vae() -> dict[str, Any]:
    """One epoch by the peer's pipeline."""
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    from olaria.data import ImageData, load

    data = load("mnist")
    assert isinstance(data, ImageData)
    x = (data.train.x.float() / 255).numpy()
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"))
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            learning_rate=1e-3,
            per_device_train_batch_size=BATCH,
            no_cuda=True,
        )
        began = time.perf_counter()
        TrainingPipeline(model=model, training_config=config)(x)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "images_per_s": len(x) / seconds}


def our_vae(*settings: str) -> dict[str, Any]:
    """One epoch by ``olaria train``; the time is that of the whole run, its evaluations and checkpoints too."""
    from olaria.workflows.train import train

    plain = {
        "model.hidden": [HIDDEN],
        "model.latent": LATENT,
        "model.flow": 0,
        "model.activation": "relu",
        "training.batch_size": BATCH,
        "training.learning_rate": 0.001,
        "training.weight_decay": 0,
        "training.ema": 0,
    }
    words = [f"{name}={json.dumps(value)}" for name, value in plain.items()]
    with tempfile.TemporaryDirectory() as folder:
        run = train("vae-mnist", steps=550, settings=[*words, *settings], out=Path(folder) / "run")
        result = run.result
    return {
        "seconds": result["elapsed_s"],
        "images_per_s": 550 * BATCH / result["elapsed_s"],
        "training_images_per_s": 550 * BATCH / result["train_s"],
    }


def plain_gan() -> dict[str, Any]:
    """The preset's two networks in a plain loop."""
    import torch
    from torch.nn.functional import softplus
    from torch.utils.data import DataLoader, TensorDataset

    from olaria.data import ImageData, load
    from olaria.families.gan import GANConfig
    from olaria.models.gan import GAN

    data = load("mnist")
    assert isinstance(data, ImageData)
    x = data.train.x[: GAN_STEPS * GAN_BATCH].float() / 255
    model = GAN(GANConfig(), data.shape)
    sides = model.generator, model.discriminator
    making, judging = (torch.optim.Adam(side.parameters(), 2e-4, (0.5, 0.999)) for side in sides)
    began = time.perf_counter()
    for (real,) in DataLoader(TensorDataset(x), GAN_BATCH, shuffle=True):
        made = model.generator(torch.randn(len(real), model.latent))
        making.zero_grad()
        softplus(-model.discriminate(made)).mean().backward()
        making.step()
        judging.zero_grad()
        missed = softplus(-model.discriminate(real))
        fooled = softplus(model.discriminate(made.detach()))
        ((missed + fooled).mean() / 2).backward()
        judging.step()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "images_per_s": len(x) / seconds}


def our_gan(*settings: str) -> dict[str, Any]:
    """As many steps by ``olaria train``; the time is that of the steps, without its evaluations and checkpoints."""
    from olaria.workflows.train import train

    words = (f"training.batch_size={GAN_BATCH}", *settings)
    with tempfile.TemporaryDirectory() as folder:
        run = train("gan-mnist", steps=GAN_STEPS, settings=words, out=Path(folder) / "run")
        seconds = run.result["train_s"]
    return {"seconds": seconds, "images_per_s": GAN_STEPS * GAN_BATCH / seconds}


def points() -> tuple[Any, Any]:
    """Real and generated features, float32."""
    import torch

    draws = torch.Generator().manual_seed(0)
    real = torch.randn(NUM_POINTS, NUM_FEATURES, generator=draws)
    return real, 0.9 * torch.randn(NUM_POINTS, NUM_FEATURES, generator=draws) + 0.05


def peer_prdc() -> dict[str, Any]:
    """By the package of the metrics' authors."""
    from prdc import compute_prdc

    real, generated = (part.numpy() for part in points())
    began = time.perf_counter()
    found = compute_prdc(real, generated, NEAREST)
    return {"seconds": time.perf_counter() - began, **{k: float(v) for k, v in found.items()}}


def our_prdc() -> dict[str, Any]:
    """By blocks, which bound the memory."""
    from dataclasses import asdict

    from olaria.evaluation.diversity import prdc

    real, generated = points()
    began = time.perf_counter()
    found = prdc(generated, real, NEAREST)
    return {"seconds": time.perf_counter() - began, **asdict(found)}


CHILDREN: dict[tuple[str, str], Callable[[], dict[str, Any]]] = {
    ("vae", "pythae"): pythae_vae,
    ("vae", "ours"): our_vae,
    ("vae", "ours-float32"): lambda: our_vae("training.precision=float32"),
    ("gan", "plain"): plain_gan,
    ("gan", "ours"): our_gan,
    ("gan", "ours-float32"): lambda: our_gan("training.precision=float32"),
    ("prdc", "prdc"): peer_prdc,
    ("prdc", "ours"): our_prdc,
}


# --- the benchmark --------------------------------------------------------------------------------


def measure(part: str, system: str, peers: Path, log: Path) -> dict[str, Any]:
    """One timing in a fresh process; its peak memory from outside."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(peers))))
    words = [sys.executable, __file__, "--child", part, system]
    ended = run_process(words, log, variables={"PYTHONPATH": path})
    found = last_json(ended.output)
    return {**found, "peak_memory_bytes": ended.peak_memory_bytes, "wall_s": ended.wall_s}


def report(records: Records) -> str:
    """Medians, and how many times faster than the peer."""
    rows = []
    for part, systems in SYSTEMS.items():
        by = {s: [r for r in records.of(part) if r["system"] == s] for s in systems}
        theirs = middle(by[systems[0]], "seconds")
        for system, found in by.items():
            seconds = middle(found, "seconds")
            if seconds is None:
                continue
            memory = middle(found, "peak_memory_bytes")
            ratio = None if theirs is None else theirs / seconds
            rows.append(
                [
                    f"{part}, {system}",
                    shown(seconds, 2),
                    shown(middle(found, "images_per_s"), 0),
                    shown(ratio, 2),
                    shown(None if memory is None else memory / 2**20, 0),
                    str(len(found)),
                ]
            )
    headings = ["what", "seconds", "images/s", "times the peer", "peak MiB", "rounds"]
    return f"{cpu_name()}\n\n{table(headings, rows)}\n\n{apart(records)}"


def apart(records: Records) -> str:
    """The largest difference of the four metrics between the two systems."""
    found = {row["system"]: row for row in records.of("prdc")}
    if len(found) < 2:
        return ""
    names = ("precision", "recall", "density", "coverage")
    largest = max(abs(found["prdc"][name] - found["ours"][name]) for name in names)
    return f"largest difference of the four metrics: {largest:.1e}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the words, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--parts", default="vae,gan,prdc")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(CHILDREN[options.child[0], options.child[1]]()))
        return
    if options.peers is None or not (options.peers / "pythae").is_dir():
        raise BenchmarkError("give the folder of the peers with --peers; see the top of this file")
    records = Records(options.json)
    names = [name for name in options.parts.split(",") if name]
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise BenchmarkError(f"no part {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for part in names:
                for system in SYSTEMS[part]:
                    log = Path(folder) / f"{part}-{system}-{number}.log"
                    found = measure(part, system, options.peers.resolve(), log)
                    records.add({"part": part, "system": system, **found,
                                 "commit": commit_of(Path(__file__).parent)})  # fmt: skip
    print(report(records))


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(str(error))
