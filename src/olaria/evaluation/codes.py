"""How well codes stand for images, and how many of them there are in fact."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria.data.codes import lines_of_codes
from olaria.data.tokenizer import Tokenizer
from olaria.evaluation.gathered import Gathered
from olaria.evaluation.reconstruction import mse, psnr_db
from olaria.models.vq import VQ

_BLOCK = 1000


@torch.no_grad()
def evaluate_codes(model: VQ, images: Tensor, generator: Generator) -> Gathered:
    r"""Reconstruction after codes, and the use of the codebook.

    - ``reconstruction_nats``: :math:`-\log p(x \mid e_{k(x)})`, nats per image, x as the likelihood takes it;
    - ``mse``, ``psnr_db``: of the pixels' means against the grey image;
    - ``codes_used``: entries that stand for some part of some image;
    - ``code_perplexity``: :math:`\exp(-\sum_k p_k \log p_k)` of their frequencies: as many equally frequent ones.

    Args:
        model: in evaluation mode.
        images: uint8 (N, C, H, W).
        generator: draws Bernoulli pixels.

    Source: van den Oord et al. 2017 (perplexity as the measure of a codebook in use).
    """
    nats, squared = 0.0, 0.0
    counts = torch.zeros(model.config.codes, dtype=torch.int64)
    for block in images.split(_BLOCK):
        grey = block.float() / 255
        x = model.target(grey, generator)
        codes = model.encode(x)
        logits = model.logits(codes)
        nats += model.nll(logits, x).double().sum().item()
        squared += mse(model.reconstruct(grey), grey) * len(block)
        counts += codes.flatten().bincount(minlength=len(counts))
    share = counts.double() / counts.sum()
    entropy = -torch.xlogy(share, share).sum()
    error = squared / len(images)
    gathered = Gathered()
    gathered.add("reconstruction_nats", lambda: nats / len(images))
    gathered.add("mse", lambda: error)
    gathered.add("psnr_db", lambda: psnr_db(error))
    gathered.add("codes_used", lambda: int((counts > 0).sum()))
    gathered.add("code_perplexity", lambda: entropy.exp().item())
    return gathered


@torch.no_grad()
def two_stages(
    writer: Any, tokenizer: Tokenizer, painter: VQ, images: Tensor, generator: Generator
) -> dict[str, float]:
    r"""The bound that codes and a language model of them make together, in nats per image.

    .. math:: \log p(x) \ge \log p(x \mid e_{k(x)}) + \log p(k(x))

    ``kl_nats`` is :math:`-\log p(k(x))`: the divergence of an encoder that is certain from the prior that the language
    model is. ``elbo_nats`` is the bound, by the protocol of a VAE with the same likelihood.

    Args:
        writer: a language model of lines of codes.
        tokenizer: its own.
        painter: the model that the codes are of.
        images: uint8 (N, C, H, W).
        generator: draws Bernoulli pixels.

    Source: van den Oord et al. 2017, section 3.3 (the prior over the codes).
    """
    start = tokenizer.encode("\n")
    reconstruction, code = 0.0, 0.0
    for block in images.split(_BLOCK):
        x = painter.target(block.float() / 255, generator)
        grids = painter.encode(x)
        reconstruction += painter.nll(painter.logits(grids), x).double().sum().item()
        letters = [tokenizer.encode(line) for line in lines_of_codes(grids)]
        tokens = torch.cat((start.expand(len(x), 1), torch.stack(letters)), 1)
        logits = writer(tokens[:, :-1]).float()
        code += F.cross_entropy(
            logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum"
        ).item()
    count = len(images)
    return {
        "elbo_nats": -(reconstruction + code) / count,
        "reconstruction_nats": reconstruction / count,
        "kl_nats": code / count,
    }
