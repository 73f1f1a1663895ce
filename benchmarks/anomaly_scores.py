"""Which score of strangeness to use for a class that nobody has seen: chosen among the classes that were seen.

    python benchmarks/anomaly_scores.py [--steps 1500] [--seed 0] [--json FILE]

For each two classes of MNIST an autoencoder is trained without both. To it each is strange, and the other stands for
the one that may not be looked at: for a left-out class d, the score is judged by how well it tells each other class c
from the rest on *validation* images, those of d removed. Nothing here reads a test image. What came out:
docs/experiments.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from common import table

from olaria.data import ImageData, load
from olaria.evaluation.anomaly import NUM_NEIGHBOURS, SCORES, Detector, auroc
from olaria.families.autoencoder import AutoEncoderConfig
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Batch
from olaria.recipes import preset
from olaria.sampling import latent
from olaria.training.randomness import generator, seeded

NUM_CLASSES = 10


def trained(x: torch.Tensor, steps: int, seed: int) -> AutoEncoder:
    """The preset's autoencoder of images, uint8 (N, 1, 28, 28)."""
    recipe = preset("ae-mnist")
    assert isinstance(recipe.model, AutoEncoderConfig)
    with seeded(seed, "weights"):
        model = AutoEncoder(recipe.model, (1, 28, 28))
    model.adapt(x.float() / 255)
    settings = recipe.training
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    draws = generator(seed, "batches")
    for _ in range(steps):
        rows = torch.randint(len(x), (settings.batch_size,), generator=draws)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.loss(Batch(x[rows].float() / 255), draws).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
    return model.eval()


def areas(data: ImageData, pair: tuple[int, int], steps: int, seed: int) -> list[dict[str, Any]]:
    """Of each class of the pair against all classes but the pair, by every score."""
    train, validation = data.train, data.validation
    assert train.y is not None and validation.y is not None
    x = train.x[~torch.isin(train.y, torch.tensor(pair))]
    model = trained(x, steps, seed)
    known = x[:NUM_NEIGHBOURS].float() / 255
    detector = Detector.fitted(partial(latent.encode, model), partial(latent.decode, model), known)
    scores = detector.look(validation.x.float() / 255).scores
    rows: list[dict[str, Any]] = []
    for strange, unseen in (pair, pair[::-1]):
        kept = validation.y != unseen
        found: dict[str, Any] = {"left_out": unseen, "strange": strange}
        for score, values in scores.items():
            found[score] = auroc(values[kept], validation.y[kept] == strange)
        rows.append(found)
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Mean area of each score over the nine classes that stand in for each left-out one, and the choice."""
    lines, chosen = [], []
    for left_out in range(NUM_CLASSES):
        means = {s: fmean(r[s] for r in rows if r["left_out"] == left_out) for s in SCORES}
        chosen.append(max(means, key=lambda score: means[score]))
        lines.append([str(left_out), *(f"{means[s]:.3f}" for s in SCORES), chosen[-1]])
    return table(["left out", *SCORES, "choice"], lines)


def main() -> None:
    """Train for every pair, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = load("mnist")
    assert isinstance(data, ImageData)
    rows: list[dict[str, Any]] = []
    for pair in itertools.combinations(range(NUM_CLASSES), 2):
        rows += areas(data, pair, options.steps, options.seed)
        if options.json:
            options.json.write_text(json.dumps(rows))
    print(report(rows))


if __name__ == "__main__":
    main()
