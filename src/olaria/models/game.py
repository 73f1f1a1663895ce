r"""The game of a generator and a discriminator, of images or of points.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \qquad
   \min_G \max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))]

Source: Goodfellow et al. 2014, *Generative Adversarial Nets*; other losses and penalties: see their functions.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.families.gan import GameConfig
from olaria.i18n import N_
from olaria.models.base import Batch, Loss, Model, Phase, Shape, hidden_apart
from olaria.models.outline import Outline, layers_of, value
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.objectives.penalties import slope_penalty, zero_slope_penalty

Side = tuple[Sequence[nn.Module], Sequence[nn.Module]]
"""Modules of one side, and its output layers; see :func:`olaria.models.base.hidden_apart`."""


class Game(Model):
    """Two networks and their losses; a family that derives from it defines the networks.

    Args:
        config: settings.
        latent: numbers of the generator's noise.
        classes: number of classes that both networks are conditioned on; 0 for none.
    """

    changeable = ("loss", "penalty", "penalty_weight", "discriminator_rate")
    generator: nn.Module

    def __init__(self, config: GameConfig, latent: int, classes: int = 0) -> None:
        super().__init__()
        self.config = config
        self.latent, self.classes = latent, classes

    @abstractmethod
    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Examples, and their classes (B,) where there are some, to logits of being real, (B,)."""

    def judge(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        r""":meth:`discriminate`, and :math:`-\log p(y \mid x)`, (B,), where the discriminator classifies."""
        return self.discriminate(x, y), None

    def outline(self, dimensions: Shape | int) -> Outline:
        """Noise, generator, what it makes, discriminator."""
        noise = N_("noise z, beside the class, one of {num}") if self.classes else N_("noise z")
        is_image = isinstance(dimensions, tuple)
        made = N_("image, generated or real") if is_image else N_("point, generated or real")
        shape = dimensions if isinstance(dimensions, tuple) else (dimensions,)
        return [
            value(noise, self.latent, num=self.classes),
            layers_of(N_("generator"), "generator"),
            value(made, *shape),
            layers_of(N_("discriminator"), "discriminator", "class_rows"),
            value(N_("logit of being real"), 1),
        ]

    def trace(self, dimensions: Shape | int) -> None:
        """Generate one example and pass it through the discriminator."""
        y = torch.zeros(1, dtype=torch.int64) if self.classes else None
        self.judge(self.generator(torch.zeros(1, self.latent), y), y)

    def augment(self, x: Tensor, generator: Generator) -> Tensor:
        """The discriminator's input for examples ``x``: the same unless a family augments them."""
        return x

    def update_augmentation(self, real_logits: Tensor) -> None:
        """Adapt :meth:`augment` to the discriminator's logits on real examples, (B,), at each of its updates."""

    @abstractmethod
    def sides(self) -> tuple[Side, Side]:
        """The modules of the discriminator, then of the generator."""

    def _noise(self, like: Tensor, generator: Generator) -> Tensor:
        return draws.normal((len(like), self.latent), generator)

    def discriminator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The discriminator's side; the generator gets no gradient."""
        y = batch.y if self.classes else None
        with torch.no_grad():
            fake = self.generator(self._noise(batch.x, generator), y)
        # One pass over both, so that the power iteration of the spectral norm moves once per update.
        both = None if y is None else torch.cat((y, y))
        x = torch.cat([self.augment(examples, generator) for examples in (batch.x, fake)])
        logits, class_nats = self.judge(x, both)
        real, generated = logits.chunk(2)
        self.update_augmentation(real.detach())
        parts = {"discriminator_loss": discriminator_loss(real, generated, self.config.loss)}
        if class_nats is not None:
            parts["class_nats"] = 2 * class_nats.mean()  # of real ones and of generated ones
        if self.config.penalty == "none":
            return Loss(parts)

        def discriminate(x: Tensor) -> Tensor:
            return self.discriminate(x, y)

        real_x, fake_x = x.chunk(2)
        if self.config.penalty == "gradient":
            penalty = slope_penalty(discriminate, real_x, fake_x, generator)
        else:
            penalty = zero_slope_penalty(discriminate, real_x)
        return Loss({**parts, "penalty": penalty.mean()}, {"penalty": self.config.penalty_weight})

    def generator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The generator's side, on as many draws as the batch has examples."""
        y = batch.y if self.classes else None
        fake = self.generator(self._noise(batch.x, generator), y)
        logits, class_nats = self.judge(self.augment(fake, generator), y)
        parts = {"generator_loss": generator_loss(logits, self.config.loss)}
        if class_nats is not None:
            parts["generated_class_nats"] = class_nats.mean()
        return Loss(parts)

    def change(self, name: str, value: Any) -> None:
        """See :meth:`olaria.models.base.Model.change`."""
        self.config = self.config.updated(name, value)

    def phases(self) -> list[Phase]:
        """Discriminator, then generator."""
        judge, maker = (hidden_apart(*side) for side in self.sides())
        scaled = [replace(group, scale=self.config.discriminator_rate) for group in judge]
        updates = self.config.discriminator_updates
        return [
            Phase("discriminator", scaled, self.discriminator_loss, updates),
            Phase("generator", maker, self.generator_loss),
        ]
