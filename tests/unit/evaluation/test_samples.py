"""Features, diversity, memorization, and all metrics of generated images together."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.data.base import ImageData, Images
from olaria.errors import EvaluationError
from olaria.evaluation import METRICS, diversity
from olaria.evaluation.extractor import NAME, Extractor, for_data, load, weights_path
from olaria.evaluation.extractor.network import NUM_FEATURES, FeatureNetwork, folded, rescaled
from olaria.evaluation.memorization import nearest_train
from olaria.evaluation.samples import (
    FEATURE_METRICS,
    evaluate_image_samples,
    held_out,
    training_images,
)

SHIPPED = ("mnist", "fashion-mnist")


def pictures(count: int, seed: int, size: int = 28) -> Tensor:
    """Random bright rectangles, uint8."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(1, size, (count, 4), generator=generator)
    row, column = torch.arange(size)[:, None], torch.arange(size)[None]
    x = torch.zeros(count, 1, size, size, dtype=torch.uint8)
    for image, (top, left, height, width) in zip(x, edges.tolist(), strict=True):
        inside = (row >= top) & (row < top + height) & (column >= left) & (column < left + width)
        image[0][inside] = 200
    noise = torch.randint(0, 50, x.shape, generator=generator, dtype=torch.uint8)
    return x + noise


def image_data(size: int = 28, sha256: str = "unknown") -> ImageData:
    def part(count: int, seed: int) -> Images:
        return Images(pictures(count, seed, size), torch.arange(count) % 10)

    classes = tuple("0123456789")
    return ImageData(
        name="mnist",
        title="",
        train=part(700, 0),
        validation=part(600, 1),
        test=part(800, 2),
        class_names=classes,
        source="generated",
        sha256=sha256,
        citation="",
        licence="",
    )


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    found = load("mnist")
    assert found is not None
    return dataclasses.replace(found, num_trained_on=100)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights(name: str) -> None:
    content = weights_path(name).read_bytes()
    found = load(name)
    assert found is not None
    assert found.name == NAME
    assert found.data == name
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.num_trained_on == 50_000
    assert found.test_accuracy > {"mnist": 0.993, "fashion-mnist": 0.92}[name]
    assert len(content) < 600_000


def test_no_extractor_for_other_data() -> None:
    found = load("mnist")
    assert found is not None
    assert load("no-such-data") is None
    assert for_data(image_data(sha256=found.data_sha256)) is found
    assert for_data(image_data()) is None  # the name alone proves nothing
    assert for_data(image_data(size=8, sha256=found.data_sha256)) is None


def test_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    network = FeatureNetwork(4, normalised=True)
    for norm in network.norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
        torch.nn.init.uniform_(norm.bias, -1, 1)
    for _ in range(3):
        network(torch.rand(16, 1, 28, 28))
    network.eval()
    x = torch.rand(5, 1, 28, 28)
    for ours, theirs in zip(folded(network)(x), network(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_rescaling_changes_the_features_and_no_class() -> None:
    torch.manual_seed(0)
    network, x = FeatureNetwork(4).eval(), torch.rand(200, 1, 28, 28)
    network.to_features.weight.data *= 3000
    before = network(x)
    after = rescaled(network, x)(x)
    torch.testing.assert_close(after[1], before[1])
    assert 0.5 < after[0].var(0).mean().sqrt().item() < 2 < before[0].var(0).mean().sqrt().item()


def test_a_batch_is_its_images(extractor: Extractor) -> None:
    x = pictures(300, 5)
    features, probabilities = extractor.describe(x)
    assert features.shape == (300, NUM_FEATURES)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(300))
    single = extractor.features(x[270:271])
    torch.testing.assert_close(features[270:271], single, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(extractor.features(x.float() / 255), features)


def test_classes() -> None:
    sure = 0.95 * torch.eye(4) + 0.05 / 4
    even = sure.repeat(25, 1)
    assert diversity.classes_covered(even) == 4
    assert diversity.class_entropy_bits(even) == pytest.approx(2)
    assert diversity.classes_covered(sure[:1].repeat(100, 1)) == 1
    assert diversity.class_entropy_bits(sure[:1].repeat(100, 1)) == 0
    assert diversity.classes_covered(torch.full((100, 4), 0.25)) == 0  # unsure everywhere
    rare = torch.cat([sure[:1].repeat(99, 1), sure[1:2]])
    assert diversity.classes_covered(rare) == 1  # 1 % is below the 2 % asked for
    labels = torch.arange(4).repeat(25)
    assert diversity.class_agreement(even, labels) == 1
    assert diversity.class_agreement(even, (labels + 1) % 4) == 0


def test_prdc_of_the_same_set_of_a_far_set_and_of_one_mode() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(400, 8, generator=generator)
    same = diversity.prdc(torch.randn(400, 8, generator=generator), real)
    assert min(same.precision, same.recall, same.coverage) > 0.8
    assert same.density == pytest.approx(1, abs=0.15)
    far = diversity.prdc(real + 100, real)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)
    collapsed = diversity.prdc(0.01 * torch.randn(400, 8, generator=generator), real)
    assert collapsed.precision == 1
    assert collapsed.recall < 0.01


def test_copies_and_strangers() -> None:
    train, test = pictures(200, 0).float() / 255, pictures(200, 1).float() / 255
    copies = nearest_train(train[50:90].flip(0), test, train)
    assert copies.ratio == pytest.approx(0, abs=1e-3)
    assert copies.indices.tolist() == list(range(89, 49, -1))
    fresh = nearest_train(pictures(200, 3).float() / 255, test, train)
    assert fresh.ratio == pytest.approx(1, abs=0.1)
    ordered = fresh.distances[fresh.order]
    assert bool((ordered[1:] >= ordered[:-1]).all())
    first = int(fresh.order[0])
    pair = train[fresh.indices[first]]
    expected = (pictures(200, 3)[first].float() / 255 - pair).square().sum().sqrt()
    assert fresh.distances[first].item() == pytest.approx(expected.item(), rel=1e-3)


def test_a_test_set_inside_the_training_set_is_refused() -> None:
    train = pictures(50, 0).float() / 255
    with pytest.raises(EvaluationError, match="also training images"):
        nearest_train(train, torch.zeros(10, 1, 28, 28), torch.zeros(3, 1, 28, 28))


def numbers(found: dict[str, Any]) -> list[float]:
    """All metrics of the samples and of the real images, in order."""
    values = [*found["metrics"].values(), *found["real"].values()]
    return [number for v in values for number in (v if isinstance(v, list) else [v])]


def metrics_of(x: Tensor, data: ImageData, extractor: Extractor) -> dict[str, Any]:
    """Metrics of samples, always with one seed."""
    generator = torch.Generator().manual_seed(3)
    return evaluate_image_samples(x, data, extractor, generator).metrics


def test_everything_at_once(extractor: Extractor) -> None:
    data, samples = image_data(), pictures(600, 9)
    labels = torch.zeros(600, dtype=torch.int64)

    def evaluate(x: Tensor) -> dict[str, object]:
        generator = torch.Generator().manual_seed(3)
        return evaluate_image_samples(x, data, extractor, generator, labels=labels).to_json()

    found = evaluate(samples)
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    assert set(metrics) == {*FEATURE_METRICS, "nearest_train_distance_ratio"} <= set(METRICS)
    assert None not in metrics.values()
    assert found["reasons"] == {}
    assert json.loads(json.dumps(found)) == found
    again = evaluate(samples)
    assert again["protocol"] == found["protocol"]
    # Products of matrices may round differently with the alignment of their memory: 1e-9, not to the bit.
    assert numbers(again) == pytest.approx(numbers(found), rel=1e-9, abs=1e-9)
    low, high = metrics["fd_ci95"]
    assert low < metrics["fd"] < high
    assert metrics["fd_unbiased"] < metrics["fd"]
    assert metrics["fd"] < 3 * metrics["fd_floor"]  # the same distribution
    protocol = found["protocol"]
    assert isinstance(protocol, dict)
    assert protocol["extractor_sha256"] == extractor.sha256
    assert (protocol["num_samples"], protocol["num_examples"], protocol["seed"]) == (600, 800, 3)
    noise = evaluate(torch.rand(600, 1, 28, 28))["metrics"]
    assert isinstance(noise, dict)
    assert noise["fd"] > 5 * metrics["fd"]
    assert noise["kd"] > metrics["kd"]


def test_the_floor_uses_only_what_the_extractor_has_not_seen(extractor: Extractor) -> None:
    data = image_data()
    kept = held_out(data, extractor)
    assert torch.equal(kept, torch.cat([data.train.x[100:], data.validation.x]))


def test_the_floor_of_training_images_is_what_a_copy_of_them_gets(extractor: Extractor) -> None:
    data, samples = image_data(), pictures(600, 9)
    copies = training_images(data, 600, 3)
    theirs = {image.numpy().tobytes() for image in data.train.x}
    ours = {image.numpy().tobytes() for image in copies}
    assert len(ours) == 600 and ours <= theirs
    floor = metrics_of(samples, data, extractor)["fd_floor_train"]
    assert floor == pytest.approx(metrics_of(copies, data, extractor)["fd"], rel=1e-6)
    assert len(training_images(data, 10_000, 3)) == 700  # all that there are
    shifted = dataclasses.replace(data, train=Images(255 - data.train.x, data.train.y))
    assert metrics_of(samples, shifted, extractor)["fd_floor_train"] > 5 * floor


def test_no_other_metric_depends_on_the_training_images_that_were_drawn(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, samples = image_data(), pictures(600, 9)
    found = metrics_of(samples, data, extractor)
    monkeypatch.setattr("olaria.evaluation.samples.training_images", lambda *_: data.test.x[:100])
    other = metrics_of(samples, data, extractor)
    assert other.pop("fd_floor_train") != found.pop("fd_floor_train")
    assert found.pop("class_agreement") is other.pop("class_agreement") is None
    for key, value in found.items():  # to the rounding of products of matrices
        assert other[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key


def test_without_an_extractor_the_reason_is_given() -> None:
    data = image_data(size=8)
    generator = torch.Generator().manual_seed(0)
    found = evaluate_image_samples(pictures(500, 9, 8), data, None, generator)
    assert found.metrics["fd"] is None
    assert "mnist at 1×8×8" in found.reasons["fd"].text()
    assert found.metrics["nearest_train_distance_ratio"] == pytest.approx(1, abs=0.2)
    assert set(found.metrics) >= set(found.reasons)


def test_too_few_samples_and_no_labels(extractor: Extractor) -> None:
    generator = torch.Generator().manual_seed(0)
    few = evaluate_image_samples(pictures(499, 9), image_data(), extractor, generator)
    assert set(few.metrics.values()) == {None}
    assert "499 samples are too few" in few.reasons["kd"].text()
    enough = evaluate_image_samples(pictures(500, 9), image_data(), extractor, generator)
    assert list(enough.reasons) == ["class_agreement"]
    assert enough.metrics["class_agreement"] is None


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_samples_must_be_images(value: float, extractor: Extractor) -> None:
    x = torch.rand(500, 1, 28, 28)
    x[3, 0, 2, 1] = value
    with pytest.raises(EvaluationError, match=r"must lie in \[0, 1\]"):
        evaluate_image_samples(x, image_data(), extractor, torch.Generator())
    with pytest.raises(EvaluationError, match="1×8×8 cannot be compared"):
        evaluate_image_samples(pictures(500, 0, 8), image_data(), extractor, torch.Generator())
