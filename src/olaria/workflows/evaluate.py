"""Measure a run on what it has not seen, by the protocols of ``docs/protocols.md``, and keep it in evaluation.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from olaria.data import ImageData, PairData, PointData, TextData
from olaria.data.base import Progress
from olaria.data.codes import CODES
from olaria.data.pairs import references
from olaria.data.toy_language import ToyLanguage
from olaria.errors import DataError, UsageError, suggestion
from olaria.evaluation import METRICS, anomaly, extractor
from olaria.evaluation.codes import evaluate_codes, two_stages
from olaria.evaluation.density import evaluate_vae
from olaria.evaluation.plane import evaluate_points
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import LinearMap, code_metrics, mse, psnr_db
from olaria.evaluation.samples import evaluate_image_samples
from olaria.evaluation.text import evaluate_text, longest_copied_span_chars
from olaria.evaluation.translation import corpus_scores, exact_match, target_loss
from olaria.i18n import N_, Message
from olaria.kinds.generate import text_rows
from olaria.kinds.watching import pair_batches
from olaria.models.autoencoder import AutoEncoder, corrupted
from olaria.models.base import Model
from olaria.models.plane import PlaneGAN
from olaria.models.translation import Translation
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.runs import Run, painter_of
from olaria.sampling import codes, latent, plane
from olaria.sampling.translation import translate
from olaria.storage import folder as files
from olaria.workflows.detect import detector_of

_SEAM = "\uffff"
SEED = 1
"""Of everything drawn in an evaluation: binarization, noise, subsets."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn; stored in the protocol beside every number.

    Args:
        num_examples: test images; all where None.
        num_samples: images drawn from the model.
        num_corrected: images of the likelihood's correction with 5,000 importance samples; 0 leaves it out.
        num_chars: characters drawn from a language model.
        num_neighbours: training images whose codes vote.
    """

    num_examples: int | None = None
    num_samples: int = 10_000
    num_corrected: int = 0
    num_chars: int = 10_000
    num_neighbours: int = 55_000


STANDARD = Effort()
FULL = Effort(num_corrected=1000)
REDUCED = Effort(num_examples=1000, num_samples=2000, num_chars=2000, num_neighbours=10_000)
"""For the demo: minutes are short there, and the report says so."""


def evaluate(
    run: str | Path | Run,
    *,
    metrics: Sequence[str] = (),
    effort: Effort = STANDARD,
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a run; the result is stored as evaluation.json and returned.

    Args:
        run: a run, its name or its path.
        metrics: keys to report; all of the family's where empty.
        effort: how much is drawn.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Returns:
        ``{"format", "run", "family", "protocol", "metrics", "reasons"}``; an unavailable metric is null with a reason.

    Raises:
        UsageError: no such metric.
    """
    for name in metrics:
        if name not in METRICS:
            raise UsageError(
                N_("unknown metric {name}: {hint}"), name=name, hint=suggestion(name, METRICS)
            )
    run = run if isinstance(run, Run) else Run(run)
    step, _ = run.checkpoint(checkpoint)
    model = run.model(checkpoint)  # first: what is no model of this run is told before data is read
    data = run.data(offline=offline, progress=progress)
    measure = _MEASURES[run.family]
    found = measure(run, model, data, effort)
    protocol = {
        "data": data.name,
        "data_sha256": data.sha256,
        "split": "test" if isinstance(data, ImageData | PointData) else "validation",
        "seed": SEED,
        "checkpoint": step,
        "ema": run.recipe.training.ema > 0,
        "precision": "float32",
        **found.protocol,
    }
    content = {
        "format": 1,
        "run": run.name,
        "family": run.family,
        "protocol": protocol,
        "metrics": _chosen(found.metrics, metrics),
        "reasons": {
            name: reason.to_json()
            for name, reason in found.reasons.items()
            if not metrics or name in metrics
        },
    }
    run.folder.write(files.EVALUATION, content)
    return content


@dataclass(frozen=True)
class _Found:
    metrics: dict[str, Any]
    protocol: dict[str, Any]
    reasons: dict[str, Message]


def _chosen(metrics: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    missing = [name for name in names if name not in metrics]
    if missing:
        raise UsageError(
            N_("metric {name} does not apply here: {hint}"),
            name=missing[0],
            hint=suggestion(missing[0], metrics),
        )
    return {name: metrics[name] for name in names} if names else metrics


def _part(images: Tensor, count: int | None) -> Tensor:
    """All images, or ``count`` of them drawn with :data:`SEED`."""
    if count is None or count >= len(images):
        return images
    chosen = torch.randperm(len(images), generator=Generator().manual_seed(SEED))[:count]
    return images[chosen.sort().values]


def _autoencoder(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, ImageData) and isinstance(model, AutoEncoder)
    test = _part(data.test.x, effort.num_examples).float() / 255
    codes = latent.encode(model, test)
    error = mse(latent.decode(model, codes), test)
    metrics: dict[str, Any] = {"mse": error, "psnr_db": psnr_db(error)}
    if model.config.corruption > 0:
        metrics |= _denoising(model, data.train.x[: effort.num_neighbours], test)
    train = data.train.x[: effort.num_neighbours].float() / 255
    voters = (train, None if data.train.y is None else data.train.y[: effort.num_neighbours])
    labels = None if data.test.y is None else _part(data.test.y, effort.num_examples)
    components = PrincipalComponents.fitted(train, model.latent)
    rebuilt = components.decode(components.encode(test)).view_as(test)
    metrics["pca_mse"] = mse(rebuilt, test)
    encode = partial(latent.encode, model)
    metrics |= code_metrics(encode, voters, (test, labels), codes, components, SEED)
    reasons = {
        key: Message(N_("the images have no classes"))
        for key in ("knn_accuracy", "pca_knn_accuracy")
        if metrics[key] is None
    }
    found = _Found(metrics, {"num_examples": len(test), "k": 5}, reasons)
    return _with_detection(run, model, data, found)


def _with_detection(run: Run, model: Model, data: ImageData, found: _Found) -> _Found:
    """How well the class that was left out of training is told from the others, where one was."""
    label = run.recipe.data.leave_out
    if label is None or data.test.y is None or latent.classes_of(model):
        return found
    is_anomaly = data.test.y == label
    scores = detector_of(model, data).look(data.test.x.float() / 255).scores
    areas = {name: anomaly.auroc(values, is_anomaly) for name, values in scores.items()}
    chosen = anomaly.DEFAULT_SCORE
    detection = {
        "auroc": areas[chosen],
        "aupr": anomaly.aupr(scores[chosen], is_anomaly),
    }
    protocol = {
        "left_out": label,
        "prevalence": is_anomaly.double().mean().item(),
        "anomaly_score": chosen,
        **{f"auroc_by_{name}": area for name, area in areas.items()},
    }
    return _Found({**found.metrics, **detection}, {**found.protocol, **protocol}, found.reasons)


def _denoising(model: AutoEncoder, train: Tensor, test: Tensor) -> dict[str, float]:
    """How well the disturbance of training is taken off, beside the best linear map fitted to the same task."""
    config, draws = model.config, Generator().manual_seed(SEED)
    noisy = corrupted(test, config.noise, config.corruption, draws)
    clean = train.float() / 255
    linear = LinearMap.fitted(corrupted(clean, config.noise, config.corruption, draws), clean)
    return {
        "denoised_psnr_db": psnr_db(mse(latent.reconstruct(model, noisy), test)),
        "linear_denoised_psnr_db": psnr_db(mse(linear(noisy), test)),
    }


def _vae(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, ImageData)
    assert isinstance(model, VAE)
    images = _part(data.test.x, effort.num_examples)
    corrected = min(effort.num_corrected, len(images))
    metrics, protocol = evaluate_vae(
        model,
        images,
        labels=None if data.test.y is None else _part(data.test.y, effort.num_examples),
        seed=SEED,
        num_corrected=corrected,
    )
    samples = _samples(model, data, effort)
    found = _Found(
        {**metrics, **samples.metrics}, {**samples.protocol, **protocol}, samples.reasons
    )
    return _with_detection(run, model, data, found)


def _vq(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, ImageData) and isinstance(model, VQ)
    images = _part(data.test.x, effort.num_examples)
    metrics = evaluate_codes(model, images, Generator().manual_seed(SEED))
    protocol = {"num_examples": len(images), **_pixels_of(model)}
    return _Found(dict(metrics), protocol, {})


def _pixels_of(model: VQ) -> dict[str, str]:
    likelihood = model.config.likelihood
    drawn = "dynamic" if likelihood == "bernoulli" else "none"
    return {"likelihood": likelihood, "binarization": drawn}


def _gan(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, ImageData)
    return _samples(model, data, effort)


def _plane_gan(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, PointData) and isinstance(model, PlaneGAN)
    count = min(len(data.test), effort.num_samples)
    points = plane.draw(model, count, Generator().manual_seed(SEED))
    metrics, protocol, reasons = evaluate_points(points, data)
    return _Found(dict(metrics), dict(protocol), reasons)


def _samples(model: Model, data: ImageData, effort: Effort) -> _Found:
    """Metrics of images drawn from the prior, for each class in turn; of a VAE, the means of its pixels."""
    draws = Generator().manual_seed(SEED)
    classes = latent.classes_in_turn(model, effort.num_samples)
    images = latent.prior(model, effort.num_samples, draws, classes)
    feature_net = extractor.for_data(data)
    found = evaluate_image_samples(images, data, feature_net, draws, labels=classes)
    return _Found(dict(found.metrics), found.protocol, found.reasons)


def _language(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, TextData)
    tokenizer = run.tokenizer()
    unseen = run.recipe.data.unseen
    loss = evaluate_text(model, tokenizer, data.validation, unseen)  # type: ignore[arg-type]
    metrics: dict[str, Any] = loss.values()
    context = int(model.context)  # type: ignore[arg-type]
    known = tokenizer.decode(tokenizer.encode(data.validation, unseen))
    text = text_rows(model, tokenizer, known[:1], effort.num_chars, SEED)
    text = [row[: effort.num_chars // len(text)] for row in text]  # a token may be many characters
    # A character that no text holds keeps a span from running over the seam of two rows.
    metrics["longest_copied_span_chars"] = longest_copied_span_chars(_SEAM.join(text), data.train)
    own = longest_copied_span_chars(data.validation[: len("".join(text))], data.train)
    protocol: dict[str, Any] = {
        "num_examples": loss.num_tokens,
        "context_length": context,
        "tokenizer": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "num_sampled_chars": sum(map(len, text)),
        "longest_copied_span_of_validation_chars": own,
    }
    if run.recipe.data.name.startswith(CODES):
        return _with_images(run, model, _Found(metrics, protocol, {}), effort)
    if isinstance(data.known_entropy, ToyLanguage):
        grammar = -data.known_entropy.log_prob(data.validation) / len(data.validation)
        protocol["grammar_loss_nats_per_char"] = grammar
    return _Found(metrics, protocol, {})


def _with_images(run: Run, model: Model, found: _Found, effort: Effort) -> _Found:
    """What a language model of codes is as a model of the images: the bound of both stages, and its samples."""
    painted, painter = painter_of(run.recipe.data.name)
    data, tokenizer = painted.data(), run.tokenizer()
    assert isinstance(data, ImageData)
    images = _part(data.test.x, effort.num_examples)
    draws = Generator().manual_seed(SEED)
    reasons: dict[str, Message] = {}
    try:
        stages: dict[str, Any] = two_stages(model, tokenizer, painter, images, draws)
    except DataError:
        # The tokenizer's: of what no training image has, the model gives no probability.
        reason = Message(N_("a test image has a code that no training image has"))
        reasons = dict.fromkeys(("elbo_nats", "reconstruction_nats", "kl_nats"), reason)
        stages = dict.fromkeys(reasons)
    samples = codes.draw(model, tokenizer, painter, effort.num_samples, draws)
    drawn = evaluate_image_samples(samples, data, extractor.for_data(data), draws)
    of_images = {"images": data.name, "images_sha256": data.sha256, "num_images": len(images)}
    of_samples = {
        name: value
        for name, value in drawn.protocol.items()
        if name not in ("data", "data_sha256", "split", "num_examples", "seed")
    }
    return _Found(
        {**found.metrics, **stages, **drawn.metrics},
        {**found.protocol, **of_images, **_pixels_of(painter), **of_samples},
        {**found.reasons, **reasons, **drawn.reasons},
    )


def _translation(run: Run, model: Model, data: Any, effort: Effort) -> _Found:
    assert isinstance(data, PairData) and isinstance(model, Translation)
    tokenizer = run.tokenizer()
    batches = pair_batches(data.validation, tokenizer, model.context)
    loss, num_tokens = target_loss(model, batches, model.specials.pad)
    wanted = references(data.validation)
    outputs = translate(model, tokenizer, list(wanted))
    scores, reasons, accounts = corpus_scores(outputs, list(wanted.values()))
    metrics: dict[str, Any] = {
        "loss_nats_per_token": loss,
        "exact_match": exact_match(outputs, list(wanted.values())),
        **scores,
    }
    protocol = {
        "num_examples": len(wanted),
        "num_predicted_tokens": num_tokens,
        "tokenizer": run.recipe.data.tokenizer,
        "decoding": "greedy",
        **accounts,
    }
    return _Found(metrics, protocol, reasons)


_MEASURES: dict[str, Callable[[Run, Model, Any, Effort], _Found]] = {
    "autoencoder": _autoencoder,
    "vae": _vae,
    "vq": _vq,
    "gan": _gan,
    "plane-gan": _plane_gan,
    "bigram": _language,
    "language": _language,
    "gpt": _language,
    "translation": _translation,
}


def effort_of(
    *, full: bool = False, reduced: bool = False, num_samples: int | None = None
) -> Effort:
    """The effort that a command's switches ask for."""
    effort = FULL if full else REDUCED if reduced else STANDARD
    return effort if num_samples is None else replace(effort, num_samples=num_samples)
