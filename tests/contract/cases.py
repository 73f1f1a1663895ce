"""What the contract tests train: every family at its tiny size, and variants that stress the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from olaria.families import MODELS
from olaria.families.language import RUNGS
from olaria.models import build
from olaria.models.base import Model, PointModel
from olaria.models.gan import GAN
from olaria.models.image_flow import ImageFlow
from olaria.models.mask import MaskedDiffusion
from olaria.models.translation import Specials, Translation
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.recipes.training import TrainingConfig
from olaria.sampling import plane
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.latent import prior, reconstruct
from olaria.sampling.translation import greedy
from olaria.training.engine import Trainer
from olaria.training.events import Event, Stepped
from olaria.training.feed import ExampleFeed, Feed, TextFeed
from olaria.training.pair_feed import PairFeed
from olaria.training.randomness import generator, seeded
from olaria.training.team import Team
from olaria.training.watch import Watch

VOCAB = 11
SIZES = {"text": VOCAB, "pairs": VOCAB, "points": 2}
SHAPES = ((1, 8, 8), (1, 28, 28), (3, 32, 32))
STEPS = 12


@dataclass(frozen=True)
class Case:
    """One family with changes to its tiny settings and to how it is trained."""

    family: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, int, int] = (1, 8, 8)

    @property
    def name(self) -> str:
        """For test ids."""
        words = [f"{key}={value}" for key, value in {**self.changes, **self.training}.items()]
        shape = ["x".join(map(str, self.shape))] if self.is_image else []
        return "-".join([self.family, *shape, *words])

    @property
    def is_image(self) -> bool:
        """Whether it learns from images."""
        return MODELS[self.family].data == "images"

    def build(self, seed: int = 0) -> Model:
        """A fresh model."""
        family = MODELS[self.family]
        config = type(family.sizes["tiny"]).parse(
            {**family.sizes["tiny"].model_dump(), **self.changes}, "test"
        )
        with seeded(seed, "weights"):
            return build(config, self.shape if self.is_image else SIZES[family.data])

    def feed(self, seed: int = 0, batch_size: int = 8) -> Feed:
        """24 structured images, points or pairs (three batches an epoch), or 200 tokens."""
        if self.is_image:
            return ExampleFeed(images(24, self.shape), torch.arange(24) % 3, batch_size, seed)
        if MODELS[self.family].data == "points":
            return ExampleFeed(points(24), None, batch_size, seed)
        if MODELS[self.family].data == "pairs":
            return PairFeed(*pairs(24), Specials(VOCAB), batch_size, seed)
        context = self.build().context
        assert isinstance(context, int)
        return TextFeed(tokens(200), context, batch_size, seed)

    def trainer(
        self,
        seed: int = 0,
        watch: Watch | None = None,
        feed: Feed | None = None,
        team: Team | None = None,
        **training: Any,
    ) -> Trainer:
        """A trainer of :data:`STEPS` steps in float32 unless told otherwise."""
        values = {"steps": STEPS, "precision": "float32", "warmup_steps": 3}
        config = TrainingConfig.parse({**values, **self.training, **training}, "test")
        feed = feed or self.feed(seed)
        return Trainer(self.build(seed), feed, config, seed, watch or BLIND, team=team)


BLIND = Watch(evaluate=lambda model: {}, sample=lambda model: None)
FAMILIES = [Case(family) for family in MODELS]
EVERY_SHAPE = [
    *[Case(f, shape=shape) for f in MODELS if MODELS[f].data == "images" for shape in SHAPES],
    *[Case(f) for f in MODELS if MODELS[f].data != "images"],
]
ONE_LAYER = {"num_layers": 1, "num_heads": 1}
VARIANTS = [
    *FAMILIES,
    Case("autoencoder", {"network": "conv", "corruption": 0.3}, {"ema": 0.9}),
    Case("autoencoder", {"hidden": (), "output": "linear"}, {"decay": "cosine"}),
    Case("autoencoder", {"corruption": 0.2, "noise": "masking", "sparsity": 0.01}),
    Case("autoencoder", {"corruption": 0.2, "noise": "salt-and-pepper", "contraction": 0.1}),
    Case("vae", {"network": "conv", "beta": 4.0}, {"ema": 0.99, "weight_decay": 0.1}),
    Case("vae", {"above": (4, 3), "free_bits": 0.1, "flow": 0}, {"ema": 0.9}),
    Case("vae", {"above": (4,), "flow": 1}),
    Case("vae", {"flow": 2}, {"optimizer": "muon"}),
    Case("vae", {"classes": 3, "likelihood": "gaussian", "importance_samples": 3, "flow": 2}),
    Case("vae", {"network": "conv", "likelihood": "logistic", "classes": 3}),
    Case("vq", {"likelihood": "logistic"}, {"ema": 0.9}),
    Case("vq", {"codes": 5, "commitment": 0.5}, {"optimizer": "muon"}),
    Case("gan", {"discriminator_updates": 2, "loss": "hinge"}, {"ema": 0.9, "clip_norm": 1.0}),
    Case("gan", {"spectral": False}, {"betas": (0.0, 0.9)}),
    Case("gan", {"spectral": False, "loss": "wasserstein", "penalty": "gradient"}),
    Case("gan", {"loss": "least-squares", "penalty": "r1", "penalty_weight": 0.5}),
    Case("gan", {"classes": 3, "loss": "minimax"}),
    Case("gan", {"classes": 3, "conditioning": "auxiliary", "augment": "adaptive"}, {"ema": 0.9}),
    Case("plane-gan", {"spectral": True, "hidden": (16, 16)}, {"optimizer": "muon", "ema": 0.9}),
    Case("plane-gan", {"penalty": "r1", "penalty_weight": 0.1}, {"ema": 0.9}),
    Case("image-flow", {"classes": 3}, {"optimizer": "muon", "ema": 0.9}),
    Case("image-flow", {"classes": 3, "class_dropping": 0.0, "solver": "midpoint", "modes": 0}),
    Case("image-flow", {"prediction": "noise", "solver": "euler", "steps": 3, "step_power": 1.5}),
    Case("image-flow", {"prediction": "velocity", "modes": 3, "dense": 0}),
    Case("image-flow", {"prediction": "velocity", "modes": 0}),
    Case("image-flow", {"classes": 3, "steps": 4, "solver": "euler", "step_noise": 0.6}),
    Case(
        "image-flow", {"modes": 3, "patch": 1, "widths": (4, 8, 8), "depths": (1, 0, 2), "dense": 1}
    ),
    Case("point-flow", {"waves": 0, "prediction": "data"}, {"optimizer": "muon", "ema": 0.9}),
    Case("point-flow", {"solver": "midpoint", "prediction": "noise", "step_power": 1.5}),
    Case("point-flow", {"solver": "euler", "steps": 3, "hidden": ()}),
    Case("latent-flow", {"prediction": "data", "depth": 2}, {"optimizer": "muon", "ema": 0.9}),
    Case(
        "latent-flow", {"prediction": "noise", "autoencoder": {"family": "vae", "network": "conv"}}
    ),
    Case(
        "latent-flow",
        {
            "solver": "euler",
            "steps": 3,
            "autoencoder": {"family": "autoencoder", "output": "linear"},
        },
    ),
    Case("mask", {"depths": (1, 2), "steps": 3, "dense": 0}, {"optimizer": "muon", "ema": 0.9}),
    Case("mask", {"widths": (4, 6, 8), "depths": (1, 0, 1)}, shape=(3, 8, 8)),
    Case("gpt", {"dropout": 0.2}, {"optimizer": "muon", "ema": 0.9, "weight_decay": 0.1}),
    Case("gpt", {"dropout": 0.1}, {"precision": "bfloat16", "optimizer": "muon"}),
    *[Case("language", {"rung": rung, **ONE_LAYER}) for rung in RUNGS[:4]],
    *[Case("language", {"rung": rung}) for rung in RUNGS[4:6]],
    Case("language", {"dropout": 0.2}, {"optimizer": "muon", "ema": 0.9, "weight_decay": 0.1}),
    Case("translation", {"dropout": 0.2, "num_layers": 2}, {"optimizer": "muon", "ema": 0.9}),
]


def case_id(case: Case) -> str:
    """For ``pytest.mark.parametrize``."""
    return case.name


def points(count: int, seed: int = 3) -> Tensor:
    """float32 (N, 2): two clusters far from zero."""
    draw = generator(seed, "points")
    x = torch.randn(count, 2, generator=draw)
    x[::2] += 8
    return x


def images(count: int, shape: tuple[int, int, int], seed: int = 3) -> Tensor:
    """uint8 (N, C, H, W): a bright rectangle each, over faint noise."""
    draw = generator(seed, "images")
    channels, height, width = shape
    x = torch.randint(0, 40, (count, channels, height, width), generator=draw)
    for index in range(count):
        top, left = (int(torch.randint(0, side // 2, (), generator=draw)) for side in shape[1:])
        x[index, :, top : top + height // 2, left : left + width // 2] += 200
    return x.to(torch.uint8)


def tokens(count: int, seed: int = 3) -> Tensor:
    """int64 (N,): each token is mostly the one before plus three, else anything."""
    draw = generator(seed, "tokens")
    ids = [0]
    for _ in range(count - 1):
        follows = torch.rand((), generator=draw) < 0.8
        other = int(torch.randint(0, VOCAB, (), generator=draw))
        ids.append((ids[-1] + 3) % VOCAB if follows else other)
    return torch.tensor(ids)


def pairs(count: int, seed: int = 3) -> tuple[list[Tensor], list[Tensor]]:
    """Sources of 1 to 6 tokens, int64 (S_i,), and the same from last to first."""
    draw = generator(seed, "pairs")
    lengths = torch.randint(1, 7, (count,), generator=draw).tolist()
    sources = [torch.randint(0, VOCAB, (length,), generator=draw) for length in lengths]
    return sources, [source.flip(0) for source in sources]


def train(trainer: Trainer, listen: Callable[[Event], None] | None = None) -> list[dict[str, Any]]:
    """Run to the end; what each step logged."""
    rows = []
    for event in trainer.stream():
        if isinstance(event, Stepped):
            rows.append({"step": event.step, "learning_rate": event.learning_rate, **event.values})
        if listen is not None:
            listen(event)
    return rows


def copied(trainer: Trainer) -> dict[str, Tensor]:
    """A flat copy of every tensor of the trainer's state."""
    return {
        f"{file}/{name}": value.detach().clone()
        for file, group in trainer.state()[0].items()
        for name, value in group.items()
    }


def differing(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> list[str]:
    """Names whose tensors are not bitwise the same, or that only one side has."""
    names = set(first) | set(second)
    return sorted(
        name
        for name in names
        if name not in first or name not in second or not torch.equal(first[name], second[name])
    )


def draw(model: Model, seed: int, max_tokens: int = 40) -> Tensor:
    """A sample of any family.

    An autoencoder, which has no prior, rebuilds noise, and one of codes shows random ones (fresh, its encoder has one
    code for everything); a translation, in which nothing is drawn, answers random sources, which stand beside the
    answers.
    """
    model.eval()
    noise = generator(seed, "sample")
    if isinstance(model, VAE | GAN | ImageFlow | MaskedDiffusion):
        return prior(model, 4, noise)
    if isinstance(model, PointModel):
        return plane.draw(model, 4, noise)
    if isinstance(model, VQ):
        return model.logits(torch.randint(0, model.config.codes, (4, *model.grid), generator=noise))
    if MODELS[model.family].data == "images":
        return reconstruct(model, torch.rand(4, 1, 8, 8, generator=noise))
    if isinstance(model, Translation):
        source = torch.randint(0, VOCAB, (3, 8), generator=noise)
        written = greedy(model, source, max_tokens)
        return torch.cat((source, written), 1)
    config = SamplingConfig(max_tokens=max_tokens)
    return torch.stack(list(generate(model, torch.zeros(3, 1).long(), config, noise)), 1)
