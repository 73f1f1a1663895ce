"""What the VAE's lesson looks at: test images as the likelihood takes them, noise, and which dimensions are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from olaria.export.live import index
from olaria.lessons import images
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.images import MOST_BARS, Opened
from olaria.lessons.past import Past, past_of
from olaria.lessons.vae.fitting import MOST_RUNS, check_fitting
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.sampling import latent

NUM_TEST = 300
NUM_ROWS = 6
"""Dimensions in the table of a draw."""
NUM_DRAWS = 6
NUM_ESTIMATES = 256
"""Draws that estimate one KL term."""
NUM_SAMPLES = 10
NUM_STEPS = 9
"""On the way from one image to another, both ends included."""
SIDE = 9
"""Of the map of a plane."""


@dataclass(frozen=True)
class Scene(Opened):
    """The test images, and what is drawn for them.

    Args:
        target: the images as the likelihood takes them, (N, C, H, W): Bernoulli pixels are drawn, once.
    """

    model: VAE
    target: Tensor

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up.

        Raises:
            LessonError: a further run cannot stand beside it, and is not to be left out.
        """
        if not asked.leaves_out:
            check_fitting(asked)
        known = images.opened(asked, NUM_TEST)
        assert isinstance(known.model, VAE)
        target = known.model.target(known.x, known.generator("pixels"))
        return cls(**vars(known), target=target)

    @property
    def letter(self) -> str:
        """What the encoder speaks of: z, or h where a flow carries it to z."""
        return "z" if self.model.flow is None else "h"

    def named(self, places: Sequence[int]) -> tuple[str, ...]:
        """Some dimensions of that."""
        return tuple(index(self.letter, place) for place in places)

    @property
    def is_binary(self) -> bool:
        """Whether pixels are drawn black or white."""
        return self.model.config.likelihood == "bernoulli"

    @property
    def is_textbook(self) -> bool:
        """Whether the prior is N(0, I) and the code has one layer, so that q(z|x) is one normal distribution."""
        return self.model.flow is None and not self.model.config.above

    def eps(self, place: str, count: int) -> Array:
        """Noise of a place in the lesson, (count, latent)."""
        return numbers(torch.randn(count, self.model.latent, generator=self.generator(place)))

    @cached_property
    def every(self) -> tuple[Array, Array, Tensor | None]:
        """The images, (N, C, H, W), noise of one draw of z for each, (N, latent), and the classes that are told."""
        return numbers(self.target), self.eps("noise", len(self.target)), self.told()

    @property
    def first(self) -> tuple[Array, Array, Tensor | None]:
        """The same of the image that the first steps look at, of which there is one."""
        x, eps, y = self.every
        return x[:1], eps[:1], None if y is None else y[:1]

    @cached_property
    def posterior(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q, (N, latent) each."""
        return self.model.posterior(self.target)

    @cached_property
    def codes(self) -> Tensor:
        """z of the posterior means, (N, latent)."""
        return self.model.codes(self.target, self.told())

    @cached_property
    def others(self) -> list[tuple[str, Scene]]:
        """Further VAEs of the same images and the same likelihood, this one among them, by their β; none if alone."""
        found = []
        for run in images.comparable(self.asked, "vae")[: MOST_RUNS - 1]:
            model = run.model()
            assert isinstance(model, VAE)
            if model.config.likelihood == self.model.config.likelihood:
                found.append((run.name, replace(self, model=model)))
        if found:
            found.append((self.asked.run.name, self))
        return sorted(found, key=lambda other: other[1].model.config.beta)

    @cached_property
    def autoencoder(self) -> tuple[str, AutoEncoder] | None:
        """A further run, of an autoencoder of the same images."""
        for run in images.comparable(self.asked, "autoencoder"):
            model = run.model()
            assert isinstance(model, AutoEncoder)
            return run.name, model
        return None

    @cached_property
    def their_codes(self) -> Tensor:
        """That autoencoder's codes of the test images, (N, its latent)."""
        assert self.autoencoder is not None
        return latent.encode(self.autoencoder[1], self.x)

    @cached_property
    def logged(self) -> tuple[Array, Array]:
        """Step, loss, pixels, code and nats not charged, (rows, 5), and the share of training done at each step."""
        run, names = self.asked.run, ("loss", "reconstruction_nats", "kl_nats")
        rows = [
            [row["step"], *map(row["values"].get, names), row["values"].get("free_nats", 0.0)]
            for row in run.metrics()
            if row["split"] == "train" and row["values"].keys() >= set(names)
        ]
        return np.array(rows, np.float64), np.array(run.fractions())

    @property
    def warmed(self) -> int:
        """Steps of the run in which β was still rising."""
        return int((self.logged[1] < self.model.config.warmup).sum())

    @cached_property
    def past(self) -> Past | None:
        """The steps whose weights the run kept."""
        return past_of(self.asked.run, self.model, self.generator("past"), self.asked.runs[1:])

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
        top = self.model.decoder.sizes[0]
        return sorted([place for place in self.ranked if place < top][:NUM_ROWS])

    @cached_property
    def dearest(self) -> int:
        """The pixel value of the first image that costs the most."""
        x, y = self.target[:1], self.told(slice(1))
        noise = torch.from_numpy(self.first[1]).float()
        z = self.model.draw(self.model.read(x), noise[None], y).z
        return int(self.model.decode(z[0], y).log_prob(x).argmin())

    @cached_property
    def axes(self) -> list[int]:
        """The two dimensions of z that differ most among images, in their own order; one, where there is one."""
        return most_spread(self.codes)


def most_spread(codes: Tensor) -> list[int]:
    """The two dimensions of codes (N, latent) with the largest variance, in their own order."""
    order = codes.double().var(0).argsort(descending=True, stable=True)
    found: list[int] = order[:2].tolist()
    return sorted(found)
