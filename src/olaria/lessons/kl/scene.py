"""What the divergence's lesson looks at: two alphabets, two normal distributions, two peaks, one image of a VAE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from olaria.data import ImageData
from olaria.lessons.base import Array, Asked
from olaria.models.vae import VAE
from olaria.objectives.divergence import Gaussian, gaussian_kl
from olaria.training import randomness

P = Gaussian(0.0, 1.0)
Q = Gaussian(1.0, 1.5)
PRIOR = Gaussian(0.0, 1.0)
MOST_BARS = 16
NUM_DRAWS = 256
"""Of a KL term that has no closed form."""


@dataclass(frozen=True)
class Mixture:
    """A density with several peaks, :math:`\\sum_k w_k N(m_k, s_k^2)`.

    Args:
        weights: :math:`w_k`, which sum to one.
        parts: the peaks.
    """

    weights: tuple[float, ...]
    parts: tuple[Gaussian, ...]

    def density(self, x: Array) -> Array:
        """At points (N,), per unit of x."""
        return np.asarray(np.dot(self.weights, [part.density(x) for part in self.parts]))


@dataclass(frozen=True)
class Scene:
    """What was asked, and the image of a VAE where there is a run."""

    asked: Asked

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """Nothing is opened before a step wants it."""
        return cls(asked)

    @property
    def wide(self) -> Array:
        """Points at which integrals with two peaks are taken, (N,): what lies beyond is below 1e-8."""
        return np.linspace(-14.0, 14.0, 1401)

    @cached_property
    def model(self) -> VAE:
        """Of the run."""
        model = self.asked.run.model()
        assert isinstance(model, VAE)
        return model

    @cached_property
    def image(self) -> tuple[Tensor, Tensor | None]:
        """The first test image, in [0, 1], (1, C, H, W), and its class where the model is told it, (1,)."""
        data = self.asked.run.data(offline=self.asked.offline)
        assert isinstance(data, ImageData)
        y = data.test.y[:1] if self.model.classes and data.test.y is not None else None
        return data.test.x[:1].float() / 255, y

    @cached_property
    def noise(self) -> Tensor:
        """Of draws of the image's code, (K, 1, latent)."""
        generator = randomness.generator(self.asked.seed, "kl")
        return torch.randn(NUM_DRAWS, 1, self.model.latent, generator=generator)

    @cached_property
    def ranked(self) -> list[int]:
        """The dimensions from the most expensive one on."""
        kl = gaussian_kl(*self.model.posterior(self.image[0]))[0]
        order: list[int] = kl.argsort(descending=True, stable=True).tolist()
        return order
