"""Train the classifiers in whose features images are compared, and write their weights.

    python scripts/train_extractor.py mnist
    python scripts/train_extractor.py fashion-mnist

Each reads the first 50,000 training images only: the last 10,000 stay unseen, so that their distance
to the test set is an honest floor (``fd_floor``). Everything random comes from seed 0, but bfloat16
arithmetic differs between processors: another machine obtains an equivalent classifier, not the
same bits. That is why the weights are committed and every score names their hash.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from olaria.data import load
from olaria.data.base import ImageData
from olaria.evaluation.extractor import NAME, NUM_TRAINED_ON, weights_path
from olaria.evaluation.extractor.network import FeatureNetwork, folded, rescaled

SEED = 0
BATCH_SIZE = 250
PEAK_RATE = 4e-3
WEIGHT_DECAY = 0.02
SETTLING_IMAGES = 10_000


@dataclass(frozen=True)
class Augmentation:
    """Largest random changes of an image, and how many passes they need.

    Fashion-MNIST is only mirrored and moved by whole pixels: turning and scaling blur the texture
    that tells a shirt from a coat.
    """

    epochs: int
    angle_rad: float = 0.0
    zoom: float = 0.0
    shift_pixels: float = 0.0
    whole_pixels: bool = False
    flips: bool = False


AUGMENTATIONS = {
    "mnist": Augmentation(epochs=7, angle_rad=0.15, zoom=0.1, shift_pixels=2.0),
    "fashion-mnist": Augmentation(epochs=10, shift_pixels=1.5, whole_pixels=True, flips=True),
}


def main() -> None:
    """Train, fold, round to float16, test and write the weights of one data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", choices=tuple(AUGMENTATIONS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load(options.data)
    assert isinstance(data, ImageData)
    started = time.perf_counter()
    network = train(data, AUGMENTATIONS[options.data])
    rounded = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    network.load_state_dict({name: value.float() for name, value in rounded.items()})
    accuracy = test_accuracy(network, data)
    elapsed_s = time.perf_counter() - started
    metadata = {
        "name": NAME,
        "data": data.name,
        "data_sha256": data.sha256,
        "num_trained_on": str(NUM_TRAINED_ON),
        "epochs": str(AUGMENTATIONS[options.data].epochs),
        "seed": str(SEED),
        "test_accuracy": f"{accuracy:.4f}",
    }
    path = options.out or weights_path(data.name)
    path.write_bytes(save(rounded, metadata))
    size = path.stat().st_size
    print(f"{data.name}: test accuracy {accuracy:.2%}, {elapsed_s:.0f} s, {size:,} bytes at {path}")


def train(data: ImageData, changes: Augmentation) -> FeatureNetwork:
    """The classifier of the first 50,000 training images: its norms folded in."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    x, y = training_part(data)
    network = FeatureNetwork(data.num_classes, normalised=True)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY
    )
    total = changes.epochs * math.ceil(len(x) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=total, pct_start=0.2, cycle_momentum=False
    )
    for epoch in range(changes.epochs):
        losses = []
        for batch, labels in batches(x, y, generator, changes):
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = network(batch.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(
            f"epoch {epoch + 1}/{changes.epochs}: loss {sum(losses) / len(losses):.4f} nats",
            flush=True,
        )
    settle_norms(network, x, generator, changes)
    return rescaled(folded(network.eval()), x[:SETTLING_IMAGES].float() / 255)


def training_part(data: ImageData) -> tuple[Tensor, Tensor]:
    """The first 50,000 training images and labels; the validation images come after them."""
    assert data.train.y is not None
    assert len(data.train) >= NUM_TRAINED_ON
    return data.train.x[:NUM_TRAINED_ON], data.train.y[:NUM_TRAINED_ON]


def batches(
    x: Tensor, y: Tensor, generator: torch.Generator, changes: Augmentation
) -> Iterator[tuple[Tensor, Tensor]]:
    """One shuffled, augmented pass."""
    for index in torch.split(torch.randperm(len(x), generator=generator), BATCH_SIZE):
        yield augmented(x[index].float() / 255, generator, changes), y[index]


def augmented(x: Tensor, generator: torch.Generator, changes: Augmentation) -> Tensor:
    """Each image turned, scaled, moved and mirrored at random within ``changes``."""
    size = len(x)
    angle, zoom, dx, dy = 2 * torch.rand(4, size, generator=generator) - 1
    angle, zoom = changes.angle_rad * angle, 1 + changes.zoom * zoom
    dx, dy = changes.shift_pixels * dx, changes.shift_pixels * dy
    if changes.whole_pixels:
        dx, dy = dx.round(), dy.round()
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    mirror = torch.ones(size)
    if changes.flips:
        mirror = 1 - 2 * torch.randint(0, 2, (size,), generator=generator).float()
    unit = 2 / x.shape[-1]  # one pixel in the grid's units, in which an image is 2 wide
    rows = [cos * mirror, -sin, unit * dx, sin * mirror, cos, unit * dy]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


@torch.no_grad()
def settle_norms(
    network: FeatureNetwork, x: Tensor, generator: torch.Generator, changes: Augmentation
) -> None:
    """Take the norms' statistics afresh from the final weights: running ones lag behind them."""
    for norm in network.norms:
        assert isinstance(norm, nn.BatchNorm2d)
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over all batches seen from here on
    chosen = torch.randperm(len(x), generator=generator)[:SETTLING_IMAGES]
    for index in torch.split(chosen, BATCH_SIZE):
        network(augmented(x[index].float() / 255, generator, changes))


@torch.no_grad()
def test_accuracy(network: FeatureNetwork, data: ImageData) -> float:
    """Share of the test images classified right."""
    assert data.test.y is not None
    right = 0
    for x, y in zip(torch.split(data.test.x, 1000), torch.split(data.test.y, 1000), strict=True):
        right += int((network(x.float() / 255)[1].argmax(1) == y).sum())
    return right / len(data.test)


if __name__ == "__main__":
    main()
