"""Everything that is measured on generated images, in one go and with its protocol."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor

from olaria.errors import EvaluationError
from olaria.evaluation import diversity, fidelity
from olaria.evaluation.extractor import Extractor
from olaria.evaluation.gathered import Gathered, Value
from olaria.evaluation.memorization import NearestTrain, nearest_train
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from olaria.data.base import ImageData

NUM_SAMPLES = 10_000
NUM_DISTANCES = 2_000
MIN_SAMPLES = 500
FEATURE_METRICS = (
    "fd",
    "fd_unbiased",
    "fd_ci95",
    "fd_floor",
    "fd_floor_train",
    "kd",
    "precision",
    "recall",
    "density",
    "coverage",
    "classes_covered",
    "class_entropy_bits",
    "class_agreement",
)
SAMPLE_METRICS = (*FEATURE_METRICS, "nearest_train_distance_ratio")
"""All of :func:`evaluate_image_samples`."""
NO_EXTRACTOR = N_(
    "there is no feature network for {data} at {shape}; it exists for mnist and fashion-mnist only"
)
TOO_FEW = N_("{count} {count:sample is|samples are} too few for this metric; draw at least {least}")
NO_LABELS = N_("the samples were not drawn for a class")


@dataclass(frozen=True)
class SampleEvaluation:
    """What :func:`evaluate_image_samples` gives.

    Args:
        metrics: by key; None where unavailable.
        reasons: why a metric is None, by key.
        protocol: what the numbers depend on, as JSON values.
        real: the same metrics of other real images, which the feature network has not seen, against
            the test set. They are no limit: a generator that has learned from more of the training
            images can be nearer to the test set.
        nearest: nearest training images of the samples, for showing the pairs; None where their
            distances cannot be had.
    """

    metrics: dict[str, Value]
    reasons: dict[str, Message]
    protocol: dict[str, Any]
    real: dict[str, Value] = field(default_factory=dict)
    nearest: NearestTrain | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything but the pairs as JSON values."""
        return {
            "protocol": self.protocol,
            "metrics": self.metrics,
            "reasons": {key: reason.to_json() for key, reason in self.reasons.items()},
            "real": self.real,
        }


def evaluate_image_samples(
    samples: Tensor,
    data: ImageData,
    extractor: Extractor | None,
    generator: Generator,
    *,
    labels: Tensor | None = None,
    num_samples: int = NUM_SAMPLES,
    num_distances: int = NUM_DISTANCES,
) -> SampleEvaluation:
    """Every metric of generated images, against the test set of ``data``.

    Args:
        samples: uint8, or float32 in [0, 1]; (N, C, H, W); the first ``num_samples`` are used.
        data: what the model was trained on.
        extractor: feature network for ``data`` (``extractor.for_data(data)``), None where there is
            none.
        generator: draws subsets and bootstrap replicates; give it a seed of its own.
        labels: the classes that the samples were drawn for, int64 (N,).
        num_samples: fewer is faster and, for ``fd``, more biased; the floors then use as few.
        num_distances: samples and test images whose nearest training image is looked for.

    Raises:
        EvaluationError: the samples are not images of the data's shape in [0, 1].
    """
    samples = as_pixels(samples[:num_samples], data.shape)
    labels = None if labels is None else labels[:num_samples]
    count = len(samples)
    protocol: dict[str, Any] = {
        "data": data.name,
        "data_sha256": data.sha256,
        "split": "test",
        "num_examples": len(data.test),
        "num_samples": count,
        "seed": generator.initial_seed(),
        "k": diversity.K,
        "extractor": extractor.name if extractor else None,
        "extractor_sha256": extractor.sha256 if extractor else None,
    }
    gathered, nearest = Gathered(), None
    if count < MIN_SAMPLES:
        reason = Message(TOO_FEW, {"count": count, "least": MIN_SAMPLES})
        gathered.leave_out(SAMPLE_METRICS, reason)
        return SampleEvaluation(gathered.metrics, gathered.reasons, protocol)
    if extractor is None:
        shape = "×".join(map(str, data.shape))
        reason = Message(NO_EXTRACTOR, {"data": data.name, "shape": shape})
        gathered.leave_out(FEATURE_METRICS, reason)
        real: dict[str, Value] = {}
    else:
        gathered, real = _by_features(samples, data, extractor, generator, labels)
        protocol["num_neighbourhoods"] = min(count, len(data.test))
        protocol["num_floor_examples"] = min(count, len(held_out(data, extractor)))
    test = _subset(data.test.x, num_distances, generator)
    protocol["num_distances"] = min(count, num_distances)
    try:
        nearest = nearest_train(
            samples[:num_distances],
            as_pixels(test, data.shape),
            as_pixels(data.train.x, data.shape),
        )
        gathered.metrics["nearest_train_distance_ratio"] = nearest.ratio
    except EvaluationError as error:
        gathered.leave_out(("nearest_train_distance_ratio",), error.message)
    return SampleEvaluation(gathered.metrics, gathered.reasons, protocol, real, nearest)


def as_pixels(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """``images`` as float32 in [0, 1], checked.

    Raises:
        EvaluationError: another shape, or values that are not in [0, 1].
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != shape:
        raise EvaluationError(
            N_("samples of shape {shape} cannot be compared with images of shape {expected}"),
            shape="×".join(map(str, images.shape[1:])),
            expected="×".join(map(str, shape)),
        )
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not bool(((images >= 0) & (images <= 1)).all()):  # false for NaN too
        raise EvaluationError(
            N_("samples must lie in [0, 1] and be finite; found values from {low} to {high}"),
            low=round(images.min().item(), 3),
            high=round(images.max().item(), 3),
        )
    return images.float()


def held_out(data: ImageData, extractor: Extractor) -> Tensor:
    """The last training images, which the extractor did not see; uint8, validation included."""
    from_train = data.train.x[extractor.num_trained_on :]
    return torch.cat([from_train, data.validation.x])


def training_images(data: ImageData, count: int, seed: int) -> Tensor:
    """``count`` training images, or all: what a model would give that only copies them; uint8.

    They are drawn by a generator of their own, so that no other metric depends on them.
    """
    return _subset(data.train.x, count, Generator().manual_seed(seed))


def _by_features(
    samples: Tensor,
    data: ImageData,
    extractor: Extractor,
    generator: Generator,
    labels: Tensor | None,
) -> tuple[Gathered, dict[str, Value]]:
    """Metrics in feature space, and those of real images."""
    generated, probabilities = extractor.describe(samples)
    test, test_probabilities = extractor.describe(data.test.x)
    unseen = extractor.features(_subset(held_out(data, extractor), len(samples), generator))
    peers = _subset(test, len(samples), generator)
    gathered, real = _distances(generated, test, peers), _distances(unseen, test, peers)
    gathered.add("fd_unbiased", lambda: fidelity.fd_unbiased(generated, test, generator))
    gathered.add("fd_ci95", lambda: list(fidelity.fd_ci95(generated, test, generator)))
    gathered.add("fd_floor", lambda: fidelity.fd(unseen, test))
    trained_on = training_images(data, len(samples), generator.initial_seed())
    gathered.add("fd_floor_train", lambda: fidelity.fd(extractor.features(trained_on), test))
    _add_classes(gathered, probabilities)
    _add_classes(real, test_probabilities)
    if labels is None:
        gathered.leave_out(("class_agreement",), Message(NO_LABELS))
        return gathered, real.metrics
    gathered.add("class_agreement", lambda: diversity.class_agreement(probabilities, labels))
    truth = data.test.y
    if truth is not None:
        real.add("class_agreement", lambda: diversity.class_agreement(test_probabilities, truth))
    return gathered, real.metrics


def _distances(features: Tensor, test: Tensor, peers: Tensor) -> Gathered:
    """Distances to the whole test set; neighbourhoods among equally many (``peers``), since coverage
    and density depend on the two numbers."""
    gathered = Gathered()
    gathered.add("fd", lambda: fidelity.fd(features, test))
    gathered.add("kd", lambda: fidelity.kd(features, test))
    gathered.add_all(diversity.NEIGHBOURHOODS, lambda: asdict(diversity.prdc(features, peers)))
    return gathered


def _add_classes(gathered: Gathered, probabilities: Tensor) -> None:
    gathered.add("classes_covered", lambda: diversity.classes_covered(probabilities))
    gathered.add("class_entropy_bits", lambda: diversity.class_entropy_bits(probabilities))


def _subset(images: Tensor, count: int, generator: Generator) -> Tensor:
    """``count`` random rows, or all: the order of a published set is not random."""
    if count >= len(images):
        return images
    return images[torch.randperm(len(images), generator=generator)[:count]]
