"""What the loop looks at while a family trains: its validation loss and its sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from olaria.data import ImageData
from olaria.data.tokenizer import Tokenizer
from olaria.evaluation.density import elbo
from olaria.evaluation.text import text_loss
from olaria.models.base import Model
from olaria.models.vae import VAE, binarize
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.training.engine import Watch
from olaria.training.randomness import generator

NUM_WATCHED = 64
"""Images in a watching grid."""
WATCHED_CHARS = 200
WATCHED_TOKENS = 120_000
"""Validation tokens measured while training; ``eval`` measures all."""
_BLOCK = 1000


def watch_images(family: str, data: ImageData, seed: int) -> Watch:
    """The watch of an image family: fixed images or fixed noise all along."""
    validation = data.validation.x
    shown = validation[:NUM_WATCHED].float() / 255

    def evaluate(model: Model) -> Mapping[str, float]:
        if isinstance(model, VAE):
            draws = generator(seed, "validation")
            bound = elbo(model, binarize(validation.float() / 255, draws), draws)
            return {
                "loss": -bound.elbo_nats,
                "reconstruction_nats": bound.reconstruction_nats,
                "kl_nats": bound.kl_nats,
            }
        if family == "autoencoder":
            blocks = (block.float() / 255 for block in validation.split(_BLOCK))
            errors = [squared_error(latent.reconstruct(model, x), x) for x in blocks]
            mse = torch.cat(errors).mean().item()
            return {"loss": mse, "mse": mse}
        return {}

    def sample(model: Model) -> Tensor:
        if family == "autoencoder":
            pairs = torch.stack((shown, latent.reconstruct(model, shown)), 1)
            return pairs.flatten(0, 1)[:NUM_WATCHED]
        return latent.prior(model, NUM_WATCHED, generator(seed, "watching"))

    return Watch(evaluate, sample, None if family == "gan" else "loss")


def watch_text(tokens: Tensor, tokenizer: Tokenizer, seed: int) -> Watch:
    """The watch of a language model: validation loss in nats per token, and a continuation of one token."""
    tokens = tokens[:WATCHED_TOKENS]

    def evaluate(model: Any) -> Mapping[str, float]:
        loss = text_loss(
            model, tokens, context=model.context, num_chars=len(tokens), num_bytes=len(tokens)
        )
        return {
            "loss": loss.loss_nats_per_token,
            "loss_nats_per_token": loss.loss_nats_per_token,
        }

    def sample(model: Model) -> str:
        config = SamplingConfig(max_tokens=WATCHED_CHARS)
        drawn = generate(model, tokens[None, :1], config, generator(seed, "watching"))
        return tokenizer.decode(torch.cat(list(drawn)))

    return Watch(evaluate, sample, "loss")
