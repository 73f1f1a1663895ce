r"""Variational autoencoder: a latent-variable model trained through a lower bound on the likelihood.

.. math:: p(x) = \int p(x \mid z)\, p(z)\, dz, \qquad
   \log p(x) \ge \mathbb E_{q(z|x)}[\log p(x \mid z)] - D(q(z \mid x) \| p(z)), \qquad p(z) = N(0, I)

The encoder gives the mean and the logarithm of the *variance*; the standard deviation is
:math:`\sigma = \exp(\tfrac12 \log\sigma^2)`. Source: Kingma & Welling 2014, *Auto-Encoding Variational Bayes*;
``beta`` as in Higgins et al. 2017.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Normal

from olaria.models.autoencoder import ImageStatistics, image_pair
from olaria.models.base import Batch, Loss, Model, ModelConfig, ParameterGroup, Phase, Shape
from olaria.objectives.divergence import gaussian_kl
from olaria.objectives.reconstruction import bernoulli_nll


class VAEConfig(ModelConfig):
    """Settings of :class:`VAE`."""

    family: Literal["vae"] = "vae"
    latent: int = Field(32, ge=1)
    network: Literal["dense", "conv"] = "dense"
    hidden: tuple[int, ...] = (512, 512)
    width: int = Field(16, ge=1)
    activation: Literal["relu", "gelu", "silu"] = "gelu"
    """Of the dense network."""
    beta: float = Field(1.0, ge=0.0)
    """Factor on the KL term; 1 is the bound itself."""
    warmup: float = Field(0.2, ge=0.0, lt=1.0)
    """Fraction of the run over which the factor rises from 0 to ``beta`` (Bowman et al. 2016; Sønderby et al. 2016):
    a latent dimension that is switched off early seldom comes back."""


SIZES = {
    "tiny": VAEConfig(latent=8, hidden=(64,), width=4),
    "small": VAEConfig(),
    "base": VAEConfig(latent=64, hidden=(1024, 1024), width=32),
}


def binarize(x: Tensor, generator: Generator) -> Tensor:
    """Draw each pixel from a Bernoulli variable with its grey value in [0, 1] as probability.

    Source: Salakhutdinov & Murray 2008, section 6 (*dynamic* binarization when drawn anew at each use).
    """
    return (torch.rand(x.shape, generator=generator) < x).float()


@final
class VAE(Model):
    """Diagonal Gaussian encoder, Bernoulli decoder, standard normal prior.

    Args:
        config: settings.
        shape: (C, H, W) of the images.
    """

    family: ClassVar[str] = "vae"

    def __init__(self, config: VAEConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.latent = config.latent
        self.encoder, self.decoder = image_pair(config, shape, 2 * config.latent)
        self.statistics = ImageStatistics(shape)

    def adapt(self, x: Tensor) -> None:
        """Take the mean image of the training data."""
        self.statistics.measure(x)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) to the mean and log-variance of q(z|x), each (B, latent)."""
        mean, log_var = self.encoder(x - self.statistics.mean).float().chunk(2, 1)
        return mean, log_var

    def encode(self, x: Tensor) -> Normal:
        """q(z|x), a normal with batch shape (B, latent)."""
        mean, log_var = self.posterior(x)
        return Normal(mean, (0.5 * log_var).exp(), validate_args=False)

    def logits(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(z).float() + self.statistics.logit
        return logits

    def decode(self, z: Tensor) -> Bernoulli:
        """p(x|z), independent Bernoulli pixels (B, C, H, W)."""
        return Bernoulli(logits=self.logits(z), validate_args=False)

    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the posterior's mean, (B, C, H, W)."""
        return self.logits(self.posterior(x)[0]).sigmoid()

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        r"""The negative ELBO in nats per image, one draw :math:`z = \mu + \sigma \epsilon`, KL in closed form.

        Source: Kingma & Welling 2014, equation 10.
        """
        x = binarize(batch.x, generator)
        mean, log_var = self.posterior(x)
        noise = torch.randn(mean.shape, generator=generator)
        z = mean + (0.5 * log_var).exp() * noise
        parts = {
            "reconstruction_nats": bernoulli_nll(self.logits(z), x).mean(),
            "kl_nats": gaussian_kl(mean, log_var).mean(),
        }
        return Loss(parts, {"kl_nats": self.beta})

    @property
    def beta(self) -> float:
        """The factor on the KL term now."""
        rising = self.progress / self.config.warmup if self.config.warmup else 1.0
        return self.config.beta * min(1.0, rising)

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        return [Phase("vae", [ParameterGroup(list(self.parameters()))], self.loss)]
