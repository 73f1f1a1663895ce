"""What the VAE's lesson looks at: test images as the likelihood takes them, noise, and which dimensions are shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from olaria.lessons import images
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.images import MOST_BARS, Opened
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE

NUM_TEST = 300
NUM_ROWS = 6
"""Dimensions in the table of a draw."""
NUM_DRAWS = 6
NUM_WEIGHED = 16
"""Draws that are weighed together."""
NUM_ESTIMATES = 256
"""Draws that estimate one KL term."""
NUM_SAMPLES = 10
NUM_STEPS = 11
"""On the way from one image to another, both ends included."""
SIDE = 9
"""Of the map of a plane."""
MOST_RUNS = 5


@dataclass(frozen=True)
class Scene(Opened):
    """The test images, and what is drawn for them.

    Args:
        target: the images as the likelihood takes them, (N, C, H, W): Bernoulli pixels are drawn, once.
        noise: of one draw of z for each, (N, latent).
    """

    target: Tensor
    noise: Tensor

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up."""
        known = images.opened(asked, NUM_TEST)
        model = known.model
        assert isinstance(model, VAE)
        target = model.target(known.x, known.generator("pixels"))
        noise = torch.randn(1, len(target), model.latent, generator=known.generator("noise"))
        return cls(asked, model, known.data, known.x, known.y, target, noise[0])

    @property
    def vae(self) -> VAE:
        """The model."""
        assert isinstance(self.model, VAE)
        return self.model

    @property
    def letter(self) -> str:
        """What the encoder speaks of: z, or h where a flow carries it to z."""
        return "z" if self.vae.flow is None else "h"

    @property
    def is_binary(self) -> bool:
        """Whether pixels are drawn black or white."""
        return self.vae.config.likelihood == "bernoulli"

    @property
    def is_textbook(self) -> bool:
        """Whether the prior is N(0, I) and the code has one layer, so that q(z|x) is one normal distribution."""
        return self.vae.flow is None and not self.vae.config.above

    @property
    def first(self) -> tuple[Array, Tensor | None]:
        """The image that the first steps look at, (1, C, H, W), and the class that the model is told, (1,)."""
        return numbers(self.target[:1]), self.told(slice(0, 1))

    def eps(self, place: str, count: int) -> Array:
        """Noise of a place in the lesson, (count, latent)."""
        drawn = torch.randn(count, 1, self.vae.latent, generator=self.generator(place))
        return numbers(drawn[:, 0])

    @cached_property
    def posterior(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q, (N, latent) each."""
        with torch.no_grad():
            return self.vae.posterior(self.target)

    @cached_property
    def codes(self) -> Tensor:
        """z of the posterior means, (N, latent)."""
        with torch.no_grad():
            return self.vae.codes(self.target, self.told())

    @cached_property
    def others(self) -> list[tuple[str, VAE]]:
        """Further VAEs of the same images and the same likelihood, this one among them, by their β; none if alone."""
        found = []
        for run in images.comparable(self.asked, "vae")[: MOST_RUNS - 1]:
            model = run.model()
            assert isinstance(model, VAE)
            if model.config.likelihood == self.vae.config.likelihood:
                found.append((run.name, model))
        if found:
            found.append((self.asked.run.name, self.vae))
        return sorted(found, key=lambda run: run[1].config.beta)

    @cached_property
    def autoencoder(self) -> tuple[str, AutoEncoder] | None:
        """A further run, of an autoencoder of the same images."""
        for run in images.comparable(self.asked, "autoencoder"):
            model = run.model()
            assert isinstance(model, AutoEncoder)
            return run.name, model
        return None

    # -- choices ------------------------------------------------------------------------------------

    @cached_property
    def ranked(self) -> list[int]:
        """The dimensions, from the one whose mean differs most among images on."""
        order: list[int] = np.argsort(-numbers(self.posterior[0]).var(0), kind="stable").tolist()
        return order

    @property
    def shown(self) -> list[int]:
        """The first of them, in their own order."""
        return sorted(self.ranked[:MOST_BARS])

    @property
    def places(self) -> list[int]:
        """A few of them, of the topmost layer, whose answer hangs on nothing that is drawn."""
        top = self.vae.decoder.sizes[0]
        return sorted([place for place in self.ranked if place < top][:NUM_ROWS])

    @cached_property
    def dearest(self) -> int:
        """The pixel value of the first image that costs the most."""
        row = slice(0, 1)
        with torch.no_grad():
            z = self.vae.draw(
                self.vae.read(self.target[row]), self.noise[None, row], self.told(row)
            ).z
            return int(self.vae.decode(z[0], self.told(row)).log_prob(self.target[row]).argmin())

    @cached_property
    def axes(self) -> list[int]:
        """The two dimensions of z that differ most among images, in their own order; one, where there is one."""
        return most_spread(self.codes)

    @property
    def ends(self) -> list[int]:
        """Two images to walk between: of two classes, or of one where the model is told it."""
        return list(self.two(alike=bool(self.vae.classes)))


def most_spread(codes: Tensor) -> list[int]:
    """The two dimensions of codes (N, latent) with the largest variance, in their own order."""
    order = codes.double().var(0).argsort(descending=True, stable=True)
    found: list[int] = order[:2].tolist()
    return sorted(found)
