"""What the loop looks at while a family trains: its validation loss and its sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from olaria.data import ImageData, PointData
from olaria.data.base import Pair
from olaria.data.pairs import encode_texts, references
from olaria.data.tokenizer import Tokenizer
from olaria.errors import SamplingError
from olaria.evaluation import diversity
from olaria.evaluation.codes import evaluate_codes
from olaria.evaluation.density import active_units, elbo
from olaria.evaluation.extractor import for_data
from olaria.evaluation.plane import evaluate_points
from olaria.evaluation.summed import Summed, alone
from olaria.evaluation.text import BATCH_TOKENS, text_loss
from olaria.evaluation.translation import exact_match, target_loss
from olaria.models.base import Model
from olaria.models.translation import Specials
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import codes, latent, plane
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.translation import translate
from olaria.training.feed import Feed, TextFeed
from olaria.training.pair_feed import PairFeed
from olaria.training.randomness import generator
from olaria.training.watch import Watch

NUM_WATCHED = 64
"""Images in a watching grid."""
WATCHED_DRAWS = 500
"""Images that a GAN draws to be compared with as many of the validation split."""
WATCHED_CHARS = 200
WATCHED_TOKENS = 120_000
"""Validation tokens measured while training; ``eval`` measures all."""
MOST_EVALUATIONS = 40
WATCHED_PAIRS = 1000
"""Validation pairs whose loss is measured while training."""
WATCHED_SOURCES = 200
"""Validation sources that are translated while training."""
SHOWN_SOURCES = 8
WATCHED_POINTS = 1000
SHOWN_POINTS = 2000
_BLOCK = 1000
_PAIRS_BLOCK = 200


def watch_images(family: str, data: ImageData, seed: int) -> Watch:
    """The watch of an image family: fixed images or fixed noise all along."""
    if family == "vq":
        return watch_codes(data, seed)
    validation, labels = data.validation.x, data.validation.y
    shown = validation[:NUM_WATCHED].float() / 255
    watch_game = _cover(data, seed) if family == "gan" else None

    def evaluate(model: Model, summed: Summed = alone) -> Mapping[str, float]:
        if isinstance(model, VAE):
            draws = generator(seed, "validation")
            x = model.target(validation.float() / 255, draws)
            y = labels if model.classes else None
            bound = elbo(model, x, draws, y=y, summed=summed)
            return {
                "loss": -bound.elbo_nats,
                "reconstruction_nats": bound.reconstruction_nats,
                "kl_nats": bound.kl_nats,
                "active_units": active_units(model, x, y=y),
            }
        if family == "autoencoder":
            blocks = [partial(_error, model, block) for block in validation.split(_BLOCK)]
            mse = summed(blocks, 1)[0] / len(validation)
            return {"loss": mse, "mse": mse}
        return watch_game(model) if watch_game else {}

    def sample(model: Model) -> Tensor:
        if family == "autoencoder":
            pairs = torch.stack((shown, latent.reconstruct(model, shown)), 1)
            return pairs.flatten(0, 1)[:NUM_WATCHED]
        return latent.prior(model, NUM_WATCHED, generator(seed, "watching"))

    is_sum = family in ("autoencoder", "vae")
    return Watch(evaluate, sample, None if family == "gan" else "loss", is_shared=is_sum)


def _error(model: Model, images: Tensor) -> tuple[float]:
    """The summed squared errors of images as bytes."""
    x = images.float() / 255
    return (squared_error(latent.reconstruct(model, x), x).double().sum().item(),)


def watch_codes(data: ImageData, seed: int) -> Watch:
    """The watch of a vector-quantized autoencoder: nats of the image given its codes, and those in use."""
    validation = data.validation.x
    shown = validation[:NUM_WATCHED].float() / 255

    def evaluate(model: Any) -> Mapping[str, float]:
        found = evaluate_codes(model, validation, generator(seed, "validation"))
        return {"loss": found["reconstruction_nats"], **found}

    def sample(model: Any) -> Tensor:
        pairs = torch.stack((shown, latent.reconstruct(model, shown)), 1)
        return pairs.flatten(0, 1)[:NUM_WATCHED]

    return Watch(evaluate, sample, "loss")


def watch_lines(watch: Watch, tokenizer: Tokenizer, painter: VQ, seed: int) -> Watch:
    """The watch of a language model of codes: its texts are shown as images, once they are some."""

    def sample(model: Model) -> Tensor | str:
        try:
            draws = generator(seed, "watching")
            return codes.draw(model, tokenizer, painter, NUM_WATCHED, draws)
        except SamplingError:
            text: str = watch.sample(model)
            return text

    return replace(watch, sample=sample)


def _cover(data: ImageData, seed: int) -> Callable[[Model], Mapping[str, float]]:
    r"""How much of the validation images a generator's images cover, from the same noise each time.

    ``spread`` is :math:`\sum_i \mathrm{Var}(\tilde x_i) / \sum_i \mathrm{Var}(x_i)` over the pixels i: 1 where the
    generated images vary as the real ones do, 0 where they are all the same. ``coverage`` and ``classes_covered``
    are there where a feature network is.
    """
    real = data.validation.x[:WATCHED_DRAWS]
    variance = (real.float() / 255).var(0).sum().clamp_min(1e-12)
    extractor = for_data(data)

    @cache  # at the first evaluation, which no budget counts
    def real_features() -> Tensor | None:
        return None if extractor is None else extractor.features(real)

    def watch(model: Model) -> Mapping[str, float]:
        drawn = latent.prior(model, WATCHED_DRAWS, generator(seed, "coverage"))
        values = {"spread": (drawn.var(0).sum() / variance).item()}
        features = real_features()
        if extractor is not None and features is not None and len(features) > diversity.K:
            generated, probabilities = extractor.describe(drawn)
            values["coverage"] = diversity.prdc(generated, features).coverage
            values["classes_covered"] = diversity.classes_covered(probabilities)
        return values

    return watch


def watch_points(data: PointData, seed: int) -> Watch:
    """The watch of a game in the plane: the points that a fixed noise becomes, and the picture of them."""
    real, variance = data.validation, data.validation.var(0).sum().clamp_min(1e-12)
    shown = data.train[:SHOWN_POINTS]

    def evaluate(model: Any) -> Mapping[str, float]:
        made = plane.draw(model, WATCHED_POINTS, generator(seed, "coverage"))
        values = {"spread": (made.var(0).sum() / variance).item()}
        found, _, reasons = evaluate_points(made, replace(data, test=real))
        names = ("modes_covered", "high_quality_share", "coverage")
        return values | {name: float(found[name] or 0) for name in names if name not in reasons}

    def sample(model: Any) -> Tensor:
        return plane.picture(
            model, shown, plane.draw(model, SHOWN_POINTS, generator(seed, "watching"))
        )

    return Watch(evaluate, sample, None)


def watch_text(tokens: Tensor, tokenizer: Tokenizer, seed: int) -> Watch:
    """The watch of a language model: validation loss in nats per token, and a continuation of one token."""
    tokens = tokens[:WATCHED_TOKENS]

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        count = len(tokens)
        loss = text_loss(
            model, tokens, context=model.context, num_chars=count, num_bytes=count, summed=summed
        )
        return {
            "loss": loss.loss_nats_per_token,
            "loss_nats_per_token": loss.loss_nats_per_token,
        }

    def sample(model: Model) -> str:
        config = SamplingConfig(max_tokens=WATCHED_CHARS)
        drawn = generate(model, tokens[None, :1], config, generator(seed, "watching"))
        return tokenizer.decode(torch.cat(list(drawn)))

    return Watch(evaluate, sample, "loss", num_evaluations(len(tokens)), is_shared=True)


def watched_examples(family: str, feed: Feed) -> int:
    """Images, windows of text or pairs that are measured at once while training; of a GAN, those drawn."""
    if family == "gan":
        return WATCHED_DRAWS
    if family == "plane-gan":
        return WATCHED_POINTS
    if isinstance(feed, TextFeed):
        return max(1, BATCH_TOKENS // feed.context)
    return _PAIRS_BLOCK if isinstance(feed, PairFeed) else _BLOCK


def num_evaluations(num_tokens: int) -> int:
    """Evaluations over a run, for about the cost of ten of :data:`WATCHED_TOKENS`: a short text is learnt by heart
    early, and the best checkpoint can only be as good as the moments that were looked at.

    >>> num_evaluations(111_540), num_evaluations(40_000), num_evaluations(200)
    (10, 30, 40)
    """
    return max(10, min(MOST_EVALUATIONS, 10 * WATCHED_TOKENS // max(1, num_tokens)))


def watch_pairs(pairs: Sequence[Pair], tokenizer: Tokenizer, context: int) -> Watch:
    """The watch of a translation: the targets' loss, greedy translations that are exact, and some of them to read."""
    batches = pair_batches(pairs[:WATCHED_PAIRS], tokenizer, context)
    wanted = references(pairs)
    sources = list(wanted)[:WATCHED_SOURCES]

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        loss, _ = target_loss(model, batches, model.specials.pad, summed)
        outputs = translate(model, tokenizer, sources)
        exact = exact_match(outputs, [wanted[source] for source in sources])
        return {"loss": loss, "loss_nats_per_token": loss, "exact_match": exact}

    def sample(model: Any) -> str:
        shown = sources[:SHOWN_SOURCES]
        outputs = translate(model, tokenizer, shown)
        return "".join(f"{x} → {y}\n" for x, y in zip(shown, outputs, strict=True))

    return Watch(evaluate, sample, "loss", is_shared=True)


def pair_batches(
    pairs: Sequence[Pair], tokenizer: Tokenizer, context: int
) -> list[tuple[Tensor, Tensor]]:
    """All pairs as padded sources and targets, those of like lengths together.

    Raises:
        DataError: a text is longer than the context.
    """
    specials = Specials(tokenizer.vocab_size)
    ordered = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1])))
    sources, targets = (
        encode_texts([pair[side] for pair in ordered], tokenizer, context) for side in (0, 1)
    )
    starts = range(0, len(ordered), _PAIRS_BLOCK)
    return [
        (
            specials.sources(sources[start : start + _PAIRS_BLOCK]),
            specials.targets(targets[start : start + _PAIRS_BLOCK]),
        )
        for start in starts
    ]
