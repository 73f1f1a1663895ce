"""What cannot be had: each 0/0 and each infinity is None with its reason, and takes no other metric with it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from olaria.data.base import ImageData, Images
from olaria.data.split import num_copies
from olaria.errors import EvaluationError
from olaria.evaluation import anomaly, density, diversity, reconstruction
from olaria.evaluation.gathered import Gathered, alike, refuse_alike, unmeasured
from olaria.evaluation.memorization import nearest_train
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import LinearMap, code_metrics
from olaria.evaluation.samples import evaluate_image_samples
from olaria.families.vae import SIZES
from olaria.i18n import N_
from olaria.models.vae import VAE


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def refused() -> float:
    raise EvaluationError(N_("there are no pairs to measure; give at least one"))


def test_a_metric_that_cannot_be_had_takes_no_other_with_it() -> None:
    found = Gathered()
    found.add("mse", lambda: 0.5)
    found.add("auroc", refused)
    found.add_all(("fd", "kd"), lambda: {"fd": 1.0, "kd": math.nan})
    found.add("psnr_db", lambda: math.inf)
    found.add("fd_ci95", lambda: [0.1, math.inf])
    found.add("classes_covered", lambda: 3)
    assert found.metrics == {
        "mse": 0.5, "auroc": None, "fd": 1.0, "kd": None, "psnr_db": None, "fd_ci95": None,
        "classes_covered": 3,
    }  # fmt: skip
    said = {name: reason.text() for name, reason in found.reasons.items()}
    assert said == {
        "auroc": "there are no pairs to measure; give at least one",
        "kd": "its value is 0/0",
        "psnr_db": "its value is infinite: the divisor is 0",
        "fd_ci95": "its value is infinite: the divisor is 0",
    }
    assert found.numbers() == {"mse": 0.5, "fd": 1.0, "classes_covered": 3}
    json.dumps(found.metrics, allow_nan=False)
    again = Gathered.of({"mse": math.nan, "fd": 2.0, "auroc": None}, found.reasons)
    assert again.metrics == {"mse": None, "fd": 2.0, "auroc": None}
    assert set(again.reasons) >= {"mse", "auroc"}


def test_what_is_gathered_later_counts() -> None:
    found, later = Gathered(), Gathered()
    found.add("mse", refused)
    later.add("mse", lambda: 1.0)
    later.add("auroc", refused)
    found.update(later)
    assert (found.metrics, [*found.reasons]) == ({"mse": 1.0, "auroc": None}, ["auroc"])


def test_what_is_alike() -> None:
    assert alike(random(3, 1, 2, 2)) is None
    refuse_alike(torch.tensor([0, 0, 1]))
    one, same = alike(random(1, 4)), alike(torch.full((5, 2), 0.5))
    assert one is not None and "only one" in one.text()
    assert same is not None and "all 5 are the same" in same.text()
    (note,) = unmeasured("spread", torch.zeros(5, 2))
    assert note.text().startswith("spread is not measured while the model trains: it compares")
    assert note.text("pt").startswith("spread não é medido durante o treinamento: compara")
    assert unmeasured("spread", random(5, 2)) == ()


def test_the_spread_of_what_does_not_vary() -> None:
    real = random(50, 1, 3, 3)
    assert diversity.spread(real, real) == 1
    assert diversity.spread(real / 2, real) == pytest.approx(0.25)
    assert diversity.spread(real[:1].expand(50, -1, -1, -1), real) == pytest.approx(0, abs=1e-9)
    for nothing in (real[:1], torch.full((50, 1, 3, 3), 128 / 255)):
        with pytest.raises(EvaluationError, match="compares examples with each other"):
            diversity.spread(real, nothing)


def test_neighbourhoods_of_copies_have_no_size() -> None:
    real = torch.tensor([[0.1, 0.7]]).repeat(30, 1)
    for generated in (real, random(30, 2)):
        with pytest.raises(EvaluationError, match="30 real examples have 5 copies"):
            diversity.prdc(generated, real)
    mixed = torch.cat((real[:10], random(20, 2)))  # a third of copies is only a third without size
    assert 0 < diversity.prdc(random(30, 2, seed=1), mixed).coverage < 1
    # A generator that has collapsed is measured: its own neighbourhoods hold nothing.
    assert diversity.prdc(real, random(30, 2)).recall == 0


def test_active_units_of_what_does_not_vary() -> None:
    model = VAE(SIZES["tiny"], (1, 4, 4)).eval()
    with pytest.raises(EvaluationError, match="there is only one"):
        density.active_units(model, random(1, 1, 4, 4))
    grey = torch.full((6, 1, 4, 4), 128, dtype=torch.uint8)  # its binarized images differ
    for images, said in ((grey, "all 6 are the same"), (grey[:1], "only one")):
        sizes = {"k": 2, "k_large": 4, "num_corrected": 1}
        found, _ = density.evaluate_vae(model, images, **sizes)
        assert said in found.reasons["active_units"].text()
        assert "needs two" in found.reasons["nll_stderr_nats"].text()
        given = {name for name, value in found.metrics.items() if value is not None}
        assert given == {"elbo_nats", "reconstruction_nats", "kl_nats", "nll_nats"}


def test_neighbours_of_codes_that_are_all_the_same() -> None:
    labels, draws = torch.arange(20) % 2, torch.Generator()
    x, codes, same = random(20, 1, 2, 2), random(20, 3), torch.ones(20, 3)
    for images, points in ((x, same), (torch.ones(20, 1, 2, 2), codes)):
        with pytest.raises(EvaluationError, match="all 20 are the same"):
            reconstruction.trustworthiness(images, points, draws)
    with pytest.raises(EvaluationError, match="all 20 are the same"):
        reconstruction.knn_accuracy(same, labels, codes, labels)


def test_few_codes_are_measured_as_far_as_they_go() -> None:
    x, y = random(7, 1, 2, 2), torch.arange(7) % 2
    components = PrincipalComponents.fitted(x, 2)

    def encode(images: Tensor, _y: Tensor | None = None) -> Tensor:
        return images.flatten(1)[:, :2]

    found = code_metrics(encode, (x, y), (x, y), encode(x), components, 0)
    assert found.metrics["knn_accuracy"] is not None
    assert found.metrics["pca_trustworthiness"] is None
    assert "more than 10 images" in found.reasons["trustworthiness"].text()
    found = code_metrics(encode, (x[:4], y[:4]), (x, y), encode(x), components, 0)
    assert "at least 5 points" in found.reasons["knn_accuracy"].text()
    found = code_metrics(encode, (x, None), (x, y), encode(x), components, 0)
    assert found.reasons["pca_knn_accuracy"].text() == "the images have no classes"


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_distance_to_training_images_of_copies(level: int) -> None:
    """One that is 0 by calculation, not by rounding: else the ratio is of a rounding."""
    train = torch.cat((torch.full((9, 1, 5, 5), level / 255), random(9, 1, 5, 5)))
    samples = random(6, 1, 5, 5, seed=1)
    with pytest.raises(EvaluationError, match="3 of 4 test images are also training images"):
        nearest_train(samples, torch.cat((train[7:10], samples[:1])), train)
    found = nearest_train(samples, torch.cat((train[9:10], samples[:3])), train)
    assert 0.5 < found.ratio < 2
    assert nearest_train(train[:3], samples, train).distances.tolist() == [0, 0, 0]


def test_copies_are_counted() -> None:
    train = (255 * random(30, 1, 4, 4)).byte()
    assert num_copies((255 * random(8, 1, 4, 4, seed=1)).byte(), train) == 0
    assert num_copies(torch.cat((train[:3], train[:2], 255 - train[:1])), train) == 5


def test_samples_of_data_whose_test_images_are_known() -> None:
    images = Images((255 * random(12, 1, 4, 4)).byte(), None)
    data = ImageData(
        name="twins", title="", train=images, validation=images, test=images, class_names=(),
        source="user file", sha256="0", citation="", licence="",
    )  # fmt: skip
    drawn, draws = random(500, 1, 4, 4, seed=1), torch.Generator()
    found = evaluate_image_samples(drawn, data, None, draws)
    assert set(found.reasons) == set(found.metrics) and found.nearest is None
    assert "12 of 12" in found.reasons["nearest_train_distance_ratio"].text()
    data = replace(data, test=Images(255 - images.x, None))
    found = evaluate_image_samples(drawn, data, None, draws)
    assert found.metrics["nearest_train_distance_ratio"] is not None and found.nearest is not None


def test_a_detector_of_one_training_image() -> None:
    def flat(x: Tensor) -> Tensor:
        return x.flatten(1)

    detector = anomaly.Detector.fitted(flat, flat, random(1, 1, 2, 2))
    for scores in detector.look(random(5, 1, 2, 2, seed=1)).scores.values():
        assert bool(scores.isfinite().all())


def test_a_rate_of_false_alarms_that_few_images_allow_is_named() -> None:
    for count in (1, 2, 6, 18):
        with pytest.raises(EvaluationError, match="needs 19 validation images") as caught:
            anomaly.threshold(torch.arange(count).float(), 0.05)
        least = float(caught.value.message.fields["setting"].value)
        assert anomaly.threshold(torch.arange(count).float(), least) == count - 1


def test_components_of_fewer_images_than_pixels() -> None:
    x = random(12, 1, 5, 8)
    found = PrincipalComponents.fitted(x, 6)
    flat = x.flatten(1).double()
    centred = flat - flat.mean(0)
    variances = torch.linalg.eigvalsh(centred.T @ centred).flip(0)
    torch.testing.assert_close(found.shares, variances[:6] / variances.sum())
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(6).double())
    whole = PrincipalComponents.fitted(x, 12)
    torch.testing.assert_close(whole.decode(whole.encode(x)), x.flatten(1))
    black = PrincipalComponents.fitted(torch.zeros(3, 1, 5, 8), 6)
    assert bool(black.encode(x).isfinite().all()) and not black.shares.any()


def test_the_linear_map_of_fewer_images_than_pixels() -> None:
    clean = random(12, 1, 5, 8)
    noisy = clean + 0.1 * random(12, 1, 5, 8, seed=1)
    found = LinearMap.fitted(noisy, clean)
    y, x = (images.flatten(1).double() - images.flatten(1).double().mean(0)
            for images in (noisy, clean))  # fmt: skip
    torch.testing.assert_close(found.weight, torch.linalg.lstsq(y, x, driver="gelsd").solution)
    torch.testing.assert_close(found(noisy), clean)
