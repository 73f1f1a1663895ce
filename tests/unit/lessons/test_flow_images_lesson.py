"""The lesson on flow matching on a run of images: every number checked, and its facts beside other computations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from torch import nn

from olaria.families.flow_matching import ImageFlowConfig
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step, numbers
from olaria.lessons.by_numpy import flow_images
from olaria.lessons.figures import Images
from olaria.lessons.flow import pictures
from olaria.lessons.flow.image_scene import Pictures
from olaria.lessons.flow.scene import at
from olaria.lessons.flow.steps import STEPS
from olaria.lessons.flow.ways import ByNumPy, ByTorch
from olaria.lessons.twice import compared
from olaria.models.image_flow import ImageFlow
from olaria.runs import Run

from .sound import assert_sound, make_wrong

LESSON = LESSONS["flow-matching"]
TinyRun = Callable[..., Run]
NAMES = [
    "one_image",
    "many_images",
    "loss_of_images",
    "image_paths",
    "image_solvers",
    "image_guidance",
    "image_nearest",
]
ROWS = {row.name: row for row in STEPS if row.of is Pictures}


@pytest.fixture(scope="session")
def digits(tiny_run: TinyRun) -> Run:
    return tiny_run("cflow-mnist", steps=40)


@pytest.fixture(scope="session")
def scene(digits: Run) -> Pictures:
    return Pictures.of(Asked((digits,)))


@pytest.fixture(scope="session")
def ways(scene: Pictures) -> tuple[ByTorch, ByNumPy]:
    return ByTorch(scene), ByNumPy(scene)


def lesson(run: Run) -> tuple[Step, ...]:
    return LESSON(Asked((run,)))


# -- the whole lesson ------------------------------------------------------------------------------


def test_images_with_classes(digits: Run) -> None:
    steps = lesson(digits)
    assert [step.name for step in steps] == NAMES
    assert_sound(steps, figures=True, source=True)


def test_images_without_classes(tiny_run: TinyRun) -> None:
    steps = lesson(tiny_run("flow-mnist", steps=6))
    assert [step.name for step in steps] == [name for name in NAMES if name != "image_guidance"]
    assert_sound(steps, figures=True)


def test_without_dropped_classes_there_is_no_guidance(scene: Pictures, ways: Any) -> None:
    config = scene.config.model_copy(update={"class_dropping": 0.0})
    model = type(scene.model)(config, scene.model.shape)
    assert pictures.image_guidance(replace(scene, model=model), ways[1]) is None


def test_all_examples_are_of_the_class(scene: Pictures) -> None:
    assert scene.label is not None
    pool, classes = scene.pool
    assert classes is not None
    nearest = cdist(numbers(scene.train), numbers(pool)).argmin(1)
    assert (classes[nearest] == scene.label).double().mean() > 0.99
    assert set(classes.tolist()) == set(range(10))


MEASURES = {
    "between": ["one_image", "many_images", "loss_of_images"],
    "velocity": list(NAMES),
    "free": ["image_guidance"],
    "exact": ["many_images", "loss_of_images", "image_nearest"],
    "shares": ["many_images"],
    "leads_to": ["one_image", "many_images", "image_paths"],
    "guided": ["image_guidance"],
    "nearest": ["image_nearest"],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    scene: Pictures, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def wrong(found: Any) -> Any:
        if isinstance(found, tuple):
            return 1.5 * found[0] + 0.01, found[1]
        return 1.5 * found + 0.01

    make_wrong(monkeypatch, ByTorch, method, wrong)
    model, twin = ByTorch(scene), ByNumPy(scene)
    for name in MEASURES[method]:
        one, two = (ROWS[name].step(scene, way) for way in (model, twin))
        assert one is not None and two is not None
        assert not all(check.holds for check in compared(one, two)), name


# -- the twin --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "size"), [(1, 3), (2, 4)])
def test_a_convolution_is_that_of_pytorch(stride: int, size: int) -> None:
    layer = nn.Conv2d(3, 5, size, stride=stride, padding=1).double()
    x = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    found = flow_images.convolved(x.numpy(), layer)
    assert np.abs(found - numbers(layer(x))).max() < 1e-12


def test_pixels_are_packed_and_unpacked_as_by_pytorch() -> None:
    x = torch.randn(2, 3, 8, 4, dtype=torch.float64)
    packed = flow_images._packed(x.numpy(), 2)
    assert (packed == F.pixel_unshuffle(x, 2).numpy()).all()
    assert (flow_images._unpacked(packed, 2) == x.numpy()).all()


def test_the_twin_gives_the_velocity_of_each_class_and_of_none(scene: Pictures) -> None:
    x, t = numbers(scene.x[:3]).reshape(-1, *scene.model.shape), np.array([0.1, 0.5, 1.0])
    single = torch.from_numpy(x).float(), torch.from_numpy(t).float()
    found = []
    for label in (0, 7, None):
        y = None if label is None else torch.full((3,), label)
        expected = numbers(scene.model.velocity(*single, y))
        found.append(flow_images.image_velocity(scene.model, x, t, label))
        assert np.abs(found[-1] - expected).max() < 1e-4
    assert np.abs(found[0] - found[1]).max() > 1e-3 < np.abs(found[0] - found[2]).max()


@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
@pytest.mark.parametrize(("modes", "dense"), [(0, 3), (2, 0), (5, 3)])
def test_the_twin_gives_the_velocity_of_each_prediction(
    prediction: Any, modes: int, dense: int
) -> None:
    config = ImageFlowConfig(
        widths=(4, 8),
        depths=(1, 1),
        condition=8,
        prediction=prediction,
        modes=modes,
        dense=dense,
    )
    draws = torch.Generator().manual_seed(0)
    model = ImageFlow(config, (1, 8, 8)).requires_grad_(False)
    for parameter in model.parameters():  # a network begins with zeros in many places
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=draws))
    model.adapt(torch.rand(20, 1, 8, 8, generator=draws), torch.arange(20) % 3)
    x = torch.randn(5, 1, 8, 8, generator=draws).double()
    t = torch.tensor([0, 0.01, 0.4, 0.99, 1]).double()
    expected = model.double().velocity(x, t).numpy()
    found = flow_images.image_velocity(model, x.numpy(), t.numpy(), None)
    assert np.abs(found - expected).max() < 1e-4


# -- what the steps say ----------------------------------------------------------------------------


def test_one_image_is_mixed_with_its_noise(scene: Pictures, ways: Any) -> None:
    found = pictures.one_image(scene, ways[1])
    z, x = numbers(scene.z[:1]), numbers(scene.x[:1])
    v = ways[0].velocity(0.5 * z + 0.5 * x, at(1, 0.5))
    assert found["at_half"] == pytest.approx(((v - (x - z)) ** 2).mean())
    assert found["zero"] == pytest.approx(((x - z) ** 2).mean())
    strip = found["pictures"].strips[0]
    middle = (0.5 * z + 0.5 * x + 1) / 2
    assert np.abs(strip.images[2].ravel() - middle.clip(0, 1)).max() < 1e-6
    assert np.abs(strip.images[-1].ravel() - (x + 1) / 2).max() < 1e-6


def test_the_closed_form_leads_to_the_mean_first_and_to_one_image_last(
    scene: Pictures, ways: Any
) -> None:
    found = pictures.many_images(scene, ways[1])
    train = numbers(scene.train)
    assert found["early"] == pytest.approx(len(train))
    assert 1 <= found["late"] < 2
    images = found["pictures"].strips[2].images.reshape(4, -1)
    assert np.abs(images[0] - (train.mean(0) + 1) / 2).max() < 1e-6
    assert found["apart"] > 0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_the_noise_leads_to_is_told_by_its_distance(
    scene: Pictures, ways: Any, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    train, z = numbers(scene.train), numbers(scene.z[:1])
    nearest = train[cdist(z, train).argmin()]
    goal = (numbers(scene.x[0]), train.mean(0), nearest)[place]
    monkeypatch.setattr(ByNumPy, "velocity", lambda self, x, t: goal - x)
    assert pictures.many_images(scene, ways[1])["answer"] == place


def test_the_closed_form_knows_its_images_by_heart(scene: Pictures, ways: Any) -> None:
    found = pictures.loss_of_images(scene, ways[1])
    assert found["losses"][-1, 1] < 1e-6
    assert found["losses"][0, 1] > 0.01
    noise, x = numbers(scene.z[:6]), numbers(scene.train[:6])
    v = ways[0].velocity((noise + x) / 2, at(6, 0.5))
    assert found["network"] == pytest.approx(((v - (x - noise)) ** 2).mean())
    ratio = found["least"] / found["network"]
    assert found["answer"] == (0 if ratio < 0.1 else 1 if ratio < 0.9 else 2)


def test_a_velocity_that_copies_leads_from_one_blur_to_images(
    scene: Pictures, ways: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exact(self: Any, x: Any, t: Any) -> Any:
        return self.exact(self._scene.copies, x, np.minimum(t, 0.99))

    monkeypatch.setattr(ByNumPy, "velocity", exact)
    found = pictures.image_paths(scene, ways[1])
    assert found["first"] == pytest.approx(0, abs=1e-6)
    assert found["last"] > 0.5
    assert found["answer"] == 0
    assert found["from_mean"] == pytest.approx(0, abs=1e-6)
    assert found["clear_last"] > found["clear_first"]
    assert found["clearer"] and found["bends"]
    assert found["ratio"] > 0


def test_paths_that_are_straight_are_called_so(
    scene: Pictures, ways: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByNumPy, "velocity", lambda self, x, t: np.ones_like(x))
    found = pictures.image_paths(scene, ways[1])
    assert found["ratio"] == pytest.approx(0)
    assert not found["bends"]


def test_more_evaluations_end_nearer(scene: Pictures, ways: Any) -> None:
    found = pictures.image_solvers(scene, ways[1])
    errors = found["errors"]
    assert (errors[:, -1] < errors[:, 0]).all()
    euler, heun = errors[:, 2]
    assert (found["euler"], found["heun"]) == (euler, heun)
    if abs(euler - heun) >= 0.1 * max(euler, heun):
        assert found["answer"] == (0 if euler < heun else 1)


def test_guidance_of_zero_ignores_the_class(scene: Pictures, ways: Any) -> None:
    found = pictures.image_guidance(scene, ways[1])
    assert found is not None and isinstance(found["pictures"], Images)
    z = numbers(scene.z[:5])
    for place, weight in enumerate((0.0, 1.0)):

        def field(x: Any, t: float, weight: float = weight) -> Any:
            way = ways[0]
            return (way.velocity if weight else way.free)(x, at(len(x), t))

        end = ways[0].path(field, z, 5, "heun")[-1][1]
        images = found["pictures"].strips[place].images.reshape(5, -1)
        assert np.abs(images - ((end + 1) / 2).clip(0, 1)).max() < 1e-5
        pool, classes = scene.pool
        assert classes is not None
        near = classes[cdist(end, numbers(pool)).argmin(1)]
        assert found["agreement"][place] == pytest.approx((near == scene.label).double().mean())
        spread = end.std(0).__pow__(2).mean() ** 0.5 / numbers(scene.x).var(0).mean() ** 0.5
        assert found["spreads"][place] == pytest.approx(spread, rel=1e-4)


def test_the_closed_form_copies_and_a_test_image_is_none(scene: Pictures, ways: Any) -> None:
    for way in ways:
        found = pictures.image_nearest(scene, way)
        expected = cdist(numbers(scene.x[:4]), numbers(scene.train)).min(1)
        assert found["distances"][:, 1] == pytest.approx(expected)
        assert found["copied"] < 1e-3 < found["test"]
        assert found["ratio"] == pytest.approx(found["made"] / found["test"])
        ratio = found["ratio"]
        assert found["answer"] == (0 if ratio < 0.5 else 1 if ratio < 2 else 2)


def test_the_answers_of_the_page_are_those_of_the_steps(
    digits: Run, scene: Pictures, ways: Any
) -> None:
    for step in lesson(digits):
        (question,) = (block for block in step.blocks if isinstance(block, Question))
        values = ROWS[step.name].step(scene, ways[0])
        assert values is not None and question.right == values["answer"]
