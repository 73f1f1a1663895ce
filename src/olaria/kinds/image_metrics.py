"""What an evaluation of a model of images measures: reconstructions, a bound, codes, or samples alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from olaria.data.base import ImageData
from olaria.data.split import num_copies
from olaria.errors import UsageError
from olaria.evaluation import anomaly, extractor
from olaria.evaluation.anomaly import Detector
from olaria.evaluation.bounds import NUM_NOISES, bits_per_dimension, evaluate_masked
from olaria.evaluation.codes import evaluate_codes
from olaria.evaluation.density import evaluate_vae
from olaria.evaluation.gathered import Gathered
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import LinearMap, code_metrics, mse, psnr_db
from olaria.evaluation.samples import evaluate_image_samples
from olaria.i18n import N_
from olaria.kinds.base import SEED, Effort, Measured, sampler_of
from olaria.models.base import ImageModel
from olaria.runs import Run
from olaria.sampling import latent

COPIES = "num_examples_in_training"
"""In a protocol, how many test images are training images too, where some are."""


def measure(
    run: Run, model: ImageModel, data: ImageData, effort: Effort, _offline: bool = False
) -> Measured:
    """Metrics of a model of images on the test images."""
    measured = _MEASURES[model.measured_by](run, model, data, effort)
    protocol = {**measured.protocol, **sampler_of(model), **copies_of(data)}
    return replace(measured, protocol=protocol)


def copies_of(data: ImageData) -> dict[str, int]:
    """What a protocol says of test images that are training images too: nothing where there are none."""
    copies = num_copies(data.test.x, data.train.x)
    return {COPIES: copies} if copies else {}


def part(images: Tensor, count: int | None) -> Tensor:
    """All images, or ``count`` of them drawn with :data:`SEED`."""
    if count is None or count >= len(images):
        return images
    chosen = torch.randperm(len(images), generator=Generator().manual_seed(SEED))[:count]
    return images[chosen.sort().values]


def _by_error(run: Run, model: ImageModel, data: ImageData, effort: Effort) -> Measured:
    test = part(data.test.x, effort.num_examples).float() / 255
    codes = latent.encode(model, test)
    gathered, error = Gathered(), mse(latent.decode(model, codes), test)
    gathered.add("mse", lambda: error)
    gathered.add("psnr_db", lambda: psnr_db(error))
    _add_denoising(gathered, model, data.train.x[: effort.num_neighbours], test)
    train = data.train.x[: effort.num_neighbours].float() / 255
    voters = (train, None if data.train.y is None else data.train.y[: effort.num_neighbours])
    labels = None if data.test.y is None else part(data.test.y, effort.num_examples)
    components = PrincipalComponents.fitted(train, model.latent)
    rebuilt = components.decode(components.encode(test)).view_as(test)
    gathered.add("pca_mse", lambda: mse(rebuilt, test))
    encode = partial(latent.encode, model)
    gathered.update(code_metrics(encode, voters, (test, labels), codes, components, SEED))
    detection = _add_detection(gathered, run, model, data)
    protocol = {"num_examples": len(test), "k": 5, **detection}
    return Measured(gathered.metrics, protocol, gathered.reasons)


def _add_detection(
    gathered: Gathered, run: Run, model: ImageModel, data: ImageData
) -> dict[str, Any]:
    """How well the class that was left out of training is told from the others, where one was; protocol fields."""
    label = run.recipe.data.leave_out
    if label is None or data.test.y is None or model.classes or not model.detects:
        return {}
    is_anomaly = data.test.y == label
    scores = detector_of(model, data).look(data.test.x.float() / 255).scores
    chosen, areas = anomaly.DEFAULT_SCORE, Gathered()
    for name, values in scores.items():
        areas.add(f"auroc_by_{name}", partial(anomaly.auroc, values, is_anomaly))
    gathered.add("auroc", partial(anomaly.auroc, scores[chosen], is_anomaly))
    gathered.add("aupr", partial(anomaly.aupr, scores[chosen], is_anomaly))
    return {
        "left_out": label,
        "prevalence": is_anomaly.double().mean().item(),
        "anomaly_score": chosen,
        **areas.metrics,
    }


def refuse_undetecting(model: ImageModel) -> None:
    """Refuse a model that cannot tell what is strange to it.

    Raises:
        UsageError: it has no encoder, or is given classes, which strange images have not.
    """
    if not model.detects or model.classes:
        raise UsageError(
            N_(
                "only an autoencoder or a VAE without classes can tell what is strange to it; train ae-mnist"
            )
        )


def detector_of(model: ImageModel, data: ImageData) -> Detector:
    """A detector of what is strange to a model and the first training images.

    Raises:
        UsageError: the model has no encoder, or is given classes, which strange images have not.
    """
    refuse_undetecting(model)
    x = data.train.x[: anomaly.NUM_NEIGHBOURS].float() / 255
    return Detector.fitted(partial(latent.encode, model), partial(latent.decode, model), x)


def _add_denoising(gathered: Gathered, model: ImageModel, train: Tensor, test: Tensor) -> None:
    """How well the disturbance of training is taken off, beside the best linear map fitted to the same task."""
    draws = Generator().manual_seed(SEED)
    noisy, clean = model.disturbed(test, draws), train.float() / 255
    if noisy is None:
        return
    disturbed = model.disturbed(clean, draws)
    assert disturbed is not None
    linear = LinearMap.fitted(disturbed, clean)
    rebuilt = latent.reconstruct(model, noisy)
    gathered.add("denoised_psnr_db", lambda: psnr_db(mse(rebuilt, test)))
    gathered.add("linear_denoised_psnr_db", lambda: psnr_db(mse(linear(noisy), test)))


def _by_bound(run: Run, model: Any, data: ImageData, effort: Effort) -> Measured:
    images = part(data.test.x, effort.num_examples)
    gathered, protocol = evaluate_vae(
        model,
        images,
        labels=None if data.test.y is None else part(data.test.y, effort.num_examples),
        seed=SEED,
        num_corrected=min(effort.num_corrected, len(images)),
        sharing=effort.sharing,
    )
    samples = _by_samples(run, model, data, effort)
    gathered.update(Gathered({**samples.metrics}, {**samples.reasons}))
    detection = _add_detection(gathered, run, model, data)
    return Measured(
        gathered.metrics, {**samples.protocol, **protocol, **detection}, gathered.reasons
    )


def _by_masked(run: Run, model: Any, data: ImageData, effort: Effort) -> Measured:
    images = part(data.test.x, effort.num_examples)
    gathered, protocol = evaluate_masked(model, images, seed=SEED, summed=effort.sharing.summed)
    samples = _by_samples(run, model, data, effort)
    gathered.update(Gathered({**samples.metrics}, {**samples.reasons}))
    return Measured(gathered.metrics, {**samples.protocol, **protocol}, gathered.reasons)


def _by_codes(_run: Run, model: Any, data: ImageData, effort: Effort) -> Measured:
    images = part(data.test.x, effort.num_examples)
    gathered = evaluate_codes(model, images, Generator().manual_seed(SEED))
    protocol = {"num_examples": len(images), **pixels_of(model)}
    return Measured(gathered.metrics, protocol, gathered.reasons)


def pixels_of(model: Any) -> dict[str, str]:
    """What a protocol says of the likelihood of the pixels."""
    likelihood = model.config.likelihood
    drawn = "dynamic" if likelihood == "bernoulli" else "none"
    return {"likelihood": likelihood, "binarization": drawn}


def _by_samples(_run: Run, model: Any, data: ImageData, effort: Effort) -> Measured:
    """Metrics of images drawn from the prior, for each class in turn; of a VAE, the means of its pixels."""
    draws = Generator().manual_seed(SEED)
    classes = latent.classes_in_turn(model, effort.num_samples)
    images = latent.prior(model, effort.num_samples, draws, classes, effort.sharing.joined)
    feature_net = extractor.for_data(data)
    samples = evaluate_image_samples(images, data, feature_net, draws, labels=classes)
    bits, bounded = _bits(model, data, effort) if model.has_bits else ({}, {})
    return Measured({**samples.metrics, **bits}, {**samples.protocol, **bounded}, samples.reasons)


def _bits(
    model: Any, data: ImageData, effort: Effort
) -> tuple[dict[str, float], dict[str, str | int]]:
    """The bound on the likelihood of the test images, and protocol fields."""
    images, labels = part(data.test.x, effort.num_examples), None
    if model.classes and data.test.y is not None:
        labels = part(data.test.y, effort.num_examples)
    draws, summed = Generator().manual_seed(SEED), effort.sharing.summed
    bits = bits_per_dimension(model, images, draws, labels, summed)
    protocol: dict[str, str | int] = {
        "num_examples": len(images),
        "given_class": "no" if labels is None else "yes",
        "bound": "noises",
        "num_noises": NUM_NOISES,
    }
    return {"bits_per_dimension": bits}, protocol


_MEASURES: dict[str, Callable[[Run, Any, ImageData, Effort], Measured]] = {
    "error": _by_error,
    "bound": _by_bound,
    "masked": _by_masked,
    "codes": _by_codes,
    "samples": _by_samples,
}
"""By :attr:`olaria.models.base.ImageModel.measured_by`."""
