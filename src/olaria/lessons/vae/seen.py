"""What the steps of the VAE's lesson look at: test images as the likelihood takes them, and one draw of z for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from olaria.i18n import N_, Message
from olaria.lessons import images
from olaria.lessons.base import Array, Asked, Check, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.by_numpy.networks import Posterior
from olaria.lessons.images import Opened
from olaria.models.vae import VAE, Draw

NUM_TEST = 300
NUM_AGAIN = 8
"""Images for which everything is computed once more in NumPy."""


@dataclass(frozen=True)
class Seen(Opened):
    """The test images, and what is drawn for them.

    Args:
        target: the images as the likelihood takes them, (N, C, H, W): Bernoulli pixels are drawn, once.
        noise: of one draw of z for each, (1, N, latent).
    """

    target: Tensor
    noise: Tensor

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

    @cached_property
    def posterior(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q, (N, latent) each."""
        return self.vae.posterior(self.target)

    @cached_property
    def codes(self) -> Tensor:
        """z of the posterior means, (N, latent)."""
        return self.vae.codes(self.target, self.told())

    @cached_property
    def draw(self) -> Draw:
        """One draw of z for each image."""
        return self.vae.draw(self.vae.read(self.target), self.noise, self.told())

    @cached_property
    def nll(self) -> Tensor:
        """-log p(x | z) of that draw, in nats per image, (N,)."""
        return self.vae.nll(self.draw, self.target, self.told())[0]

    @cached_property
    def kl(self) -> Tensor:
        """The KL term of that draw, in nats per image, (N,)."""
        return self.draw.kl_nats[0].sum(1)

    @property
    def active(self) -> Tensor:
        """The dimensions of z from the one that differs most among images on, (latent,)."""
        return self.codes.double().var(0).argsort(descending=True, stable=True)

    def by_hand(self, rows: slice, scale: float = 1.0) -> Posterior:
        """q and a draw of some of the images, in NumPy."""
        noise = scale * numbers(self.noise[0, rows])
        return networks.posterior(self.vae, numbers(self.target[rows]), noise)


def seen_by(asked: Asked) -> Seen:
    """The run, its test images, and noise drawn with the seed."""
    known = images.opened(asked, NUM_TEST)
    model = known.model
    assert isinstance(model, VAE)
    target = model.target(known.x, known.generator("pixels"))
    noise = torch.randn(1, len(target), model.latent, generator=known.generator("noise"))
    return Seen(asked, model, known.data, known.x, known.y, target, noise)


def decoded_by_hand(seen: Seen, h: Array, y: Tensor | None) -> Array:
    """The means of the pixels at h (B, latent), in NumPy."""
    return networks.sigmoid(networks.logits(seen.vae, h, y))


def nats_by_hand(seen: Seen, rows: slice) -> tuple[Array, Array]:
    r"""Both terms of some of the images, in NumPy: :math:`-\log p(x|z)` and the KL term, (B,) each."""
    found, y, x = seen.by_hand(rows), seen.told(rows), numbers(seen.target[rows])
    pixels = networks.pixel_nats(seen.vae, networks.logits(seen.vae, found.h, y), x)
    return pixels.sum((1, 2, 3)), kl_by_hand(seen, found, numbers(seen.noise[0, rows]), y)


def kl_by_hand(seen: Seen, found: Posterior, noise: Array, y: Tensor | None) -> Array:
    r"""The KL term of draws (B, latent): in closed form, or :math:`\log q(h|x) - \log p(h)` with a flow; (B,)."""
    if seen.vae.flow is None:
        return np.asarray((0.5 * (found.mean**2 + found.std**2 - 1) - np.log(found.std)).sum(1))
    return log_q_by_hand(found, noise) - log_p_by_hand(seen, found.h, y)


def log_q_by_hand(found: Posterior, noise: Array) -> Array:
    """The log-density of a draw under the encoder's answer, nats, (B,)."""
    return -np.asarray((0.5 * noise**2 + 0.5 * found.log_var + 0.5 * np.log(2 * np.pi)).sum(1))


def log_p_by_hand(seen: Seen, h: Array, y: Tensor | None) -> Array:
    """The log-density of h (B, latent) under the prior, nats, (B,)."""
    z, growth = networks.carried(seen.vae.flow, h, y)
    log_density: Array = -(0.5 * z**2 + 0.5 * np.log(2 * np.pi)).sum(1)
    return log_density + growth


def means_again(seen: Seen, model: VAE, y: Tensor | None) -> tuple[float, float, float]:
    """The means of both terms over the images and their sum, by torch.distributions where it knows them.

    Args:
        seen: the images and their noise.
        model: of this run, or of another.
        y: what the model is told, (N,).
    """
    noise = torch.randn(1, len(seen.target), model.latent, generator=seen.generator("noise"))
    draw = model.draw(model.read(seen.target), noise, y)
    log_p = model.decode(draw.z[0], y).log_prob(seen.target).flatten(1).sum(1)
    if model.flow is not None:
        kl = -draw.log_ratio[0]
    elif model.config.above:
        kl = draw.kl_nats[0].sum(1)
    else:
        kl = kl_divergence(model.encode(seen.target), Normal(0.0, 1.0)).sum(1)
    pixels, code = (sum(part.tolist()) / len(part) for part in (-log_p, kl))
    return pixels, code, pixels + code


def both_terms_again(seen: Seen) -> Check:
    """The two terms of some of the images."""
    rows = slice(0, NUM_AGAIN)
    return Check(
        Message(
            N_("both terms of {count} of the images, again in NumPy from the raw weights"),
            {"count": len(seen.target[rows])},
        ),
        torch.stack((seen.nll[rows], seen.kl[rows])).numpy(),
        np.stack(nats_by_hand(seen, rows)),
    )
