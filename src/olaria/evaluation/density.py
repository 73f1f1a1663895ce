r"""How probable a VAE finds images: bounds on :math:`\log p(x)`, in nats per image.

Of a model with Bernoulli pixels they are binarized once (*dynamic* protocol), by the caller, with the model's own
``target``; figures published for the *static* binarization of other people are not comparable to the decimal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.gathered import Gathered, refuse_alike
from olaria.i18n import N_, Setting
from olaria.models.vae import VAE, Draw
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.sharing import ALONE, Joined, Part, Piece, Sharing, Summed, alone, each

BATCH_SIZE = 1000
BLOCK_ROWS = 5000
"""Decoded images held at once while importance-weighting: about 16 MB of logits at 28×28."""
ACTIVE_VARIANCE = 0.01

Precision = Literal["float32", "bfloat16"]


class LatentModel(Protocol):
    """What is measured, see :class:`olaria.models.vae.VAE`: draws of q(z|x) with their cost, and log p(x|z)."""

    latent: int

    def read(self, x: Tensor) -> list[Tensor]: ...

    def draw(self, encoded: list[Tensor], noise: Tensor, y: Tensor | None = None) -> Draw: ...

    def nll(self, draw: Draw, x: Tensor, y: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Bound:
    """The mean negative ELBO over a set in its two parts, nats per image."""

    reconstruction_nats: float
    kl_nats: float

    @property
    def elbo_nats(self) -> float:
        """The bound itself: negative, larger is better."""
        return -(self.reconstruction_nats + self.kl_nats)


@torch.no_grad()
def elbo(
    model: LatentModel,
    x: Tensor,
    generator: Generator,
    batch_size: int = BATCH_SIZE,
    y: Tensor | None = None,
    summed: Summed = alone,
) -> Bound:
    r"""The evidence lower bound of a whole set with one draw of z per image.

    .. math:: \log p(x) \ge \mathbb E_{q(z|x)} \log p(x \mid z) - D(q(z \mid x) \| p(z))

    Args:
        model: the VAE, in evaluation mode.
        x: images as its likelihood takes them, (N, C, H, W).
        generator: draws z.
        batch_size: images at a time.
        y: their classes, (N,), where the model is told them.
        summed: adds up what the batches give; several processes that measure together share the batches.

    Source: Kingma & Welling 2014, equation 10 (KL in closed form).
    """
    parts: list[Part] = []
    for batch, classes in _batches(x, y, batch_size):
        # Drawn here, so that what a batch gets does not depend on who measures it.
        noise = torch.randn(1, len(batch), model.latent, generator=generator)
        parts.append(partial(_nats_of, model, batch, noise, classes))
    reconstruction, kl = summed(parts, 2)
    return Bound(reconstruction / len(x), kl / len(x))


def _nats_of(model: LatentModel, x: Tensor, noise: Tensor, y: Tensor | None) -> tuple[float, float]:
    draw = model.draw(model.read(x), noise, y)
    nats = model.nll(draw, x, y).double().sum().item()
    return nats, draw.kl_nats.double().sum().item()


@dataclass(frozen=True)
class Likelihood:
    """An estimate of :math:`-\\log p(x)`, its standard error, and the two parts it is made of.

    Args:
        nll_nats: ``bound_nats - correction_nats``.
        nll_stderr_nats: standard error of the correction, which is known from a part of the images
            only.
        bound_nats: negative importance-weighted bound with k draws, all images.
        correction_nats: how much the bound rises from k to ``k_large`` draws, on ``num_corrected``
            images.
        k, k_large, num_corrected: what was used, for the protocol.
    """

    nll_nats: float
    nll_stderr_nats: float
    bound_nats: float
    correction_nats: float
    k: int
    k_large: int
    num_corrected: int


@torch.no_grad()
def nll(
    model: LatentModel,
    x: Tensor,
    generator: Generator,
    *,
    y: Tensor | None = None,
    k: int = 50,
    k_large: int = 5000,
    num_corrected: int = 1000,
    precision: Precision = "float32",
    progress: Callable[[float], None] | None = None,
    joined: Joined = each,
) -> Likelihood:
    r"""Importance-weighted negative log-likelihood, in nats per image.

    The bound :math:`L_k` with k draws on every image, less the mean of :math:`L_{k_{large}} - L_k`
    on ``num_corrected`` images drawn with ``generator``. Both bounds of that difference come from
    the same draws (:math:`L_k` is the mean over the groups of k among them), so most of their noise
    cancels. With ``k_large <= k`` or ``num_corrected = 0`` there is no correction.

    Args:
        model: the VAE, in evaluation mode.
        x: images as its likelihood takes them, (N, C, H, W).
        generator: draws z and the corrected images.
        y: their classes, (N,), where the model is told them: then it is :math:`-\log p(x \mid y)`.
        k: draws per image.
        k_large: draws per corrected image, a multiple of k.
        num_corrected: images in the correction.
        precision: ``bfloat16`` runs the network (not the sums) under autocast: faster, less exact.
        progress: told the share of the work done here, in [0, 1].
        joined: several processes that measure together share the batches.

    Raises:
        EvaluationError: ``k_large`` is not a multiple of ``k``.

    Source: Burda, Grosse & Salakhutdinov 2016, equation 8 and section 5.
    """
    corrected = k_large > k and num_corrected > 0
    if corrected and k_large % k:
        raise EvaluationError(
            N_("the large number of importance samples, {k_large}, must be a multiple of {k}"),
            k_large=k_large,
            k=k,
        )
    num_corrected = min(num_corrected, len(x)) if corrected else 0
    work = _Work(len(x) * k + num_corrected * k_large, progress)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        bounds = joined(
            partial(_bound, weights) for weights in _log_weights(model, x, y, k, generator, work)
        )
        bound = -torch.cat(bounds).double().mean().item()
        if not corrected:
            return Likelihood(bound, 0.0, bound, 0.0, k, k, 0)
        chosen = torch.randperm(len(x), generator=generator)[:num_corrected]
        labels = None if y is None else y[chosen]
        many = _log_weights(model, x[chosen], labels, k_large, generator, work)
        gains = torch.cat(joined(partial(_gain, weights, k) for weights in many)).double()
    correction = gains.mean().item()
    stderr = gains.std().item() / math.sqrt(num_corrected) if num_corrected > 1 else math.nan
    return Likelihood(bound - correction, stderr, bound, correction, k, k_large, num_corrected)


@torch.no_grad()
def active_units(
    model: LatentModel, x: Tensor, batch_size: int = BATCH_SIZE, y: Tensor | None = None
) -> int:
    r"""Latent dimensions in use: :math:`\mathrm{Var}_x(\mathbb E_{q(u|x)}[u]) > 0.01`.

    Where there are several latent layers, the mean of one is that given the means above it.

    Source: Burda, Grosse & Salakhutdinov 2016, section 5 (:math:`A_u` and its threshold).

    Args:
        model: the VAE.
        x: images (N, C, H, W).
        batch_size: images at a time.
        y: their classes, (N,), where the model is told them.

    Raises:
        EvaluationError: there are fewer than two images.
    """
    if len(x) < 2:
        refuse_alike(x)
    means = []
    for batch, classes in _batches(x, y, batch_size):
        still = torch.zeros(1, len(batch), model.latent)
        means.append(model.draw(model.read(batch), still, classes).z[0])
    return int((torch.cat(means).double().var(0) > ACTIVE_VARIANCE).sum())


def evaluate_vae(
    model: VAE,
    images: Tensor,
    *,
    labels: Tensor | None = None,
    seed: int = 1,
    k: int = 50,
    k_large: int = 5000,
    num_corrected: int = 1000,
    precision: Precision = "float32",
    progress: Callable[[float], None] | None = None,
    sharing: Sharing = ALONE,
) -> tuple[Gathered, dict[str, str | int]]:
    """All density metrics of a VAE, and the protocol they were obtained with.

    Args:
        model: the VAE, in evaluation mode.
        images: the test images, uint8 (N, C, H, W); Bernoulli pixels are drawn of them here, once.
        labels: their classes, (N,); read by a model of classes only.
        seed: of the binarization and of every draw.
        k, k_large, num_corrected, precision, progress: see :func:`nll`.
        sharing: what the processes do that measure together.

    Returns:
        Metrics (``nll_stderr_nats`` is None without a correction), and protocol fields.
    """
    assert images.dtype == torch.uint8
    generator = Generator().manual_seed(seed)
    x = model.target(images.float() / 255, generator)
    y = labels if model.classes else None
    bound = elbo(model, x, generator, y=y, summed=sharing.summed)
    likelihood = nll(
        model,
        x,
        generator,
        y=y,
        k=k,
        k_large=k_large,
        num_corrected=num_corrected,
        precision=precision,
        progress=progress,
        joined=sharing.joined,
    )
    gathered = Gathered()
    gathered.add("elbo_nats", lambda: bound.elbo_nats)
    gathered.add("reconstruction_nats", lambda: bound.reconstruction_nats)
    gathered.add("kl_nats", lambda: bound.kl_nats)
    gathered.add("nll_nats", lambda: likelihood.nll_nats)
    gathered.add("nll_stderr_nats", lambda: _stderr(likelihood))
    gathered.add("active_units", lambda: _units_of(model, images, x, y))
    protocol: dict[str, str | int] = {
        "num_examples": len(x),
        "likelihood": model.config.likelihood,
        "binarization": "dynamic" if model.config.likelihood == "bernoulli" else "none",
        "given_class": "yes" if model.classes else "no",
        "seed": seed,
        "num_importance_samples": likelihood.k,
        "num_importance_samples_large": likelihood.k_large,
        "num_corrected": likelihood.num_corrected,
        "precision": precision,
    }
    return gathered, protocol


def _stderr(likelihood: Likelihood) -> float:
    if likelihood.num_corrected == 0:
        raise EvaluationError(
            N_("it is of a correction that only {full} makes"), full=Setting("full")
        )
    if likelihood.num_corrected == 1:
        raise EvaluationError(N_("the correction is of one image, and it needs two"))
    return likelihood.nll_stderr_nats


def _units_of(model: VAE, images: Tensor, x: Tensor, y: Tensor | None) -> int:
    """:func:`active_units`; of images that are all the same, binarized ``x`` differ by chance alone."""
    refuse_alike(images)
    return active_units(model, x, y=y)


def _bound(log_weights: Piece) -> Tensor:
    return importance_weighted_bound(log_weights())


def _gain(log_weights: Piece, k: int) -> Tensor:
    """How much the bound of all draws is above that of k, (B,)."""
    weights = log_weights()
    return importance_weighted_bound(weights) - _mean_group_bound(weights, k)


def _mean_group_bound(log_weights: Tensor, k: int) -> Tensor:
    """Mean over the groups of ``k`` draws of their bounds, (B,)."""
    groups = log_weights.view(-1, k, log_weights.shape[1]).transpose(0, 1)  # (k, groups, B)
    return importance_weighted_bound(groups).mean(0)


def _log_weights(
    model: LatentModel, x: Tensor, y: Tensor | None, k: int, generator: Generator, work: _Work
) -> Iterator[Piece]:
    """``log p(x, z) - log q(z|x)`` of k draws, (k, B), for one batch of images after another."""
    for batch, classes in _batches(x, y, max(1, BLOCK_ROWS // k)):
        # Drawn here, so that what a batch gets does not depend on who measures it.
        noises = [
            torch.randn((draws, len(batch), model.latent), generator=generator)
            for draws in _parts(k, max(1, BLOCK_ROWS // len(batch)))
        ]
        yield partial(_log_weights_of, model, batch, classes, noises, work)


def _log_weights_of(
    model: LatentModel, x: Tensor, y: Tensor | None, noises: list[Tensor], work: _Work
) -> Tensor:
    found, rows = model.read(x), []
    for noise in noises:
        draw = model.draw(found, noise, y)
        rows.append(draw.log_ratio - model.nll(draw, x, y))
        work.done(len(noise) * len(x))
    return torch.cat(rows)


def _batches(x: Tensor, y: Tensor | None, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    for start in range(0, len(x), size):
        yield x[start : start + size], None if y is None else y[start : start + size]


def _parts(total: int, largest: int) -> Iterator[int]:
    while total > 0:
        yield min(total, largest)
        total -= largest


class _Work:
    """Counts decoded images and reports the share done."""

    def __init__(self, total: int, progress: Callable[[float], None] | None) -> None:
        self.total, self.count, self.progress = total, 0, progress

    def done(self, count: int) -> None:
        self.count += count
        if self.progress is not None:
            self.progress(self.count / self.total)
