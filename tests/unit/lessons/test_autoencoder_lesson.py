"""The autoencoder's lesson against scikit-learn, on every kind of run of the family."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from olaria.errors import LessonError
from olaria.evaluation import anomaly
from olaria.lessons import LESSONS, images
from olaria.lessons.autoencoder.scene import NUM_VOTERS, Scene
from olaria.lessons.autoencoder.ways import ByTorch
from olaria.lessons.base import Asked, Formula, Question, Step
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Live, Plot, Table
from olaria.lessons.live_images import MOST_KNOWN
from olaria.models.autoencoder import AutoEncoder
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.numbers import Number
from olaria.runs import Run
from olaria.sampling import latent

from .sound import assert_sound, failing, make_wrong

LESSON = LESSONS["autoencoder"]

TinyRun = Callable[..., Run]
VARIANTS = [
    (),
    ("model.latent=2",),
    ("model.latent=1", "model.activation=relu"),
    ("model.latent=100",),
    ("model.hidden=[]", "model.output=linear"),
    ("model.network=conv", "model.corruption=0.4"),
    ("model.noise=masking", "model.corruption=0.5", "model.activation=silu"),
    ("model.noise=salt-and-pepper", "data.leave_out=4"),
]


def steps_of(*runs: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked(runs, seed=seed))


def question_of(step: Step) -> Question:
    return next(block for block in step.blocks if isinstance(block, Question))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_every_number_is_found_again(tiny_run: TinyRun, settings: tuple[str, ...]) -> None:
    steps = steps_of(tiny_run("ae-mnist", *settings))
    assert len(steps) == 7
    assert_sound(steps, figures=True, source=True, widest=32)


@pytest.mark.parametrize(
    ("method", "places"), [("encode", [0, 1, 2, 3, 4, 5]), ("decode", [0, 1, 2, 3, 4, 6])]
)
def test_a_turned_sign_in_the_model_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str, places: list[int]
) -> None:
    right = getattr(AutoEncoder, method)
    monkeypatch.setattr(AutoEncoder, method, lambda model, x: -right(model, x))
    assert failing(steps_of(tiny_run("ae-mnist"))) == places


MEASURES = {
    "error": [0, 1, 3, 4],
    "projected": [1],
    "plane": [5],
    "nearest": [4, 6],
    "threshold": [4],
    "spread": [6],
    "accuracy": [5],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def wrong(found: Any) -> Any:
        is_pair = isinstance(found, tuple)
        return tuple(1.5 * x + 0.01 for x in found) if is_pair else 1.5 * abs(found)

    make_wrong(monkeypatch, ByTorch, method, wrong)
    assert failing(steps_of(tiny_run("ae-mnist"))) == MEASURES[method]


def test_errors_are_scikit_learns(tiny_run: TinyRun) -> None:
    run = tiny_run("ae-mnist")
    data, model = run.data(), run.model()
    train, test = (part.x.flatten(1).double().numpy() / 255 for part in (data.train, data.test))
    arrays = steps_of(run)[1].arrays
    plot = steps_of(run)[1].figures[1]
    assert isinstance(plot, Plot)
    sizes = plot.curves[0].x.astype(int)
    for size, error in zip(sizes, arrays["curve"], strict=True):
        theirs = PCA(size, svd_solver="full").fit(train) if size else None
        rebuilt = (
            train.mean(0) if theirs is None else theirs.inverse_transform(theirs.transform(test))
        )
        assert error == pytest.approx(((rebuilt - test) ** 2).mean(), abs=1e-9)
    rebuilt = model.reconstruct(data.test.x.float() / 255).flatten(1).numpy()
    assert arrays["runs"][0] == pytest.approx(((rebuilt - test) ** 2).mean(), rel=1e-5)
    assert model.latent in sizes


def test_neighbours_are_scikit_learns(tiny_run: TinyRun) -> None:
    run = tiny_run("ae-mnist")
    data, model = run.data(), run.model()
    voters, asked = (model.encode(part.x.float() / 255) for part in (data.train, data.test))
    theirs = KNeighborsClassifier(5).fit(voters, data.train.y).score(asked, data.test.y)
    step = steps_of(run)[5]
    assert f"{100 * theirs:.1f}%" in step.text.text()


def test_a_linear_autoencoder_is_told_to_be_one_and_its_decoder_is_straight(
    tiny_run: TinyRun,
) -> None:
    steps = steps_of(tiny_run("ae-mnist", "model.hidden=[]", "model.output=linear"))
    assert "no hidden layer" in steps[1].text.text()
    own = steps[2].arrays["decoded"]
    assert np.allclose(own[2], own[:2].mean(0), atol=1e-6)
    assert question_of(steps[2]).right == 0
    bent = steps_of(tiny_run("ae-mnist", "model.latent=2"))[2].arrays["decoded"]
    assert not np.allclose(bent[2], bent[:2].mean(0), atol=1e-6)


def test_other_sizes_are_points_and_other_data_is_left_out(tiny_run: TinyRun) -> None:
    run, small = tiny_run("ae-mnist"), tiny_run("ae-mnist", "model.latent=2")
    resized = tiny_run("ae-mnist", "data.resize=12")
    plot = steps_of(run, small, resized)[1].figures[1]
    assert isinstance(plot, Plot)
    points = [(curve.name, curve.x.tolist()) for curve in plot.curves if curve.kind == "points"]
    assert points == [(run.name, [8.0]), (small.name, [2.0])]


def test_noise_is_told_with_what_the_run_was_trained_for(tiny_run: TinyRun) -> None:
    plain = steps_of(tiny_run("ae-mnist"))[3]
    assert "never got a disturbed image" in plain.text.text()
    assert plain.arrays["errors"][0, 0] == 0
    trained = steps_of(tiny_run("ae-mnist", *VARIANTS[6]))[3]
    assert "strength 0.5" in trained.text.text()
    assert "x_i b_i" in next(block.latex for block in trained.blocks if isinstance(block, Formula))


def test_a_class_that_was_left_out_is_looked_for(tiny_run: TinyRun) -> None:
    run = tiny_run("ae-mnist", *VARIANTS[7])
    opened = images.opened(Asked((run,)), 1000)
    assert opened.y is not None and 4 not in opened.y
    step = steps_of(run)[4]
    fours = int((run.data().test.y == 4).sum())
    assert f"of {fours} test images of it" in step.text.text()
    assert len(step.arrays["x"]) == 1 + len(steps_of(tiny_run("ae-mnist"))[4].arrays["x"])


def test_every_strange_image_that_the_error_misses_is_named(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByTorch, "threshold", lambda way, scores, rate: 3 * float(scores.max()))
    step = steps_of(tiny_run("ae-mnist"))[4]
    table = next(figure for figure in step.figures if isinstance(figure, Table))
    threshold, _usual, *strange = table.rows
    missed = [(row[1], row[0].text()) for row in strange if row[1] <= threshold[1]]  # type: ignore
    told = ", ".join(f"“{name}” ({Number(error).text()})" for error, name in sorted(missed))
    assert len(missed) > 1 and step.text.text().count(told) == 1


def test_the_threshold_is_above_what_it_may_not_call_strange(tiny_run: TinyRun) -> None:
    run = tiny_run("ae-mnist")
    x = run.data().validation.x.float() / 255
    errors = (run.model().reconstruct(x) - x).square().flatten(1).mean(1)
    limit = steps_of(run)[4].arrays["limits"][0]
    assert int((errors > limit + 1e-7).sum()) == int(0.05 * (len(x) + 1)) - 1


@pytest.mark.parametrize("settings", [VARIANTS[0], VARIANTS[3], VARIANTS[7]], ids=str)
def test_a_drawing_is_compared_with_the_scores_that_olaria_detects_by(
    tiny_run: TinyRun, settings: tuple[str, ...]
) -> None:
    run = tiny_run("ae-mnist", *settings)
    live = next(figure for figure in steps_of(run)[4].figures if isinstance(figure, Live))
    scene = Scene.of(Asked((run,)))
    encode, decode = (partial(f, scene.model) for f in (latent.encode, latent.decode))
    error, code = live.settings["scores"]
    few = min(NUM_VOTERS, len(scene.train), MOST_KNOWN // scene.model.latent)
    assert code["knownCount"] == few
    detector = anomaly.Detector.fitted(encode, decode, scene.train[:NUM_VOTERS])
    found = dict(detector.look(scene.normal[1]).scores)
    if few < len(detector.codes):  # the deviations are those of all codes
        spread = detector.codes.std(0)
        far = torch.cdist(encode(scene.normal[1]) / spread, detector.codes[:few] / spread)
        found["code"] = far.min(1).values
    shares = [0, 0.25, 1]
    for name, score in (("error", error), ("code", code)):
        assert score["name"] == name
        expected = np.quantile(found[name], shares)
        assert score["quantiles"][[0, 25, -1]] == pytest.approx(expected, rel=1e-4)
    known = np.frombuffer(b64decode(code["known"]), "<f4").reshape(-1, scene.model.latent)
    assert known * code["spread"] == pytest.approx(detector.codes[:few].numpy(), abs=1e-5)
    further = len(live.settings["images"]) - 6
    assert further == (settings == VARIANTS[7])  # the class that was left out


def test_the_seed_alone_decides(tiny_run: TinyRun) -> None:
    run = tiny_run("ae-mnist")
    first, again, other = (steps_of(run, seed=seed) for seed in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        assert one.text.text() == two.text.text()
        for name, numbers in one.arrays.items():
            assert np.array_equal(numbers, two.arrays[name]), name
    assert not np.array_equal(first[0].arrays["x"], other[0].arrays["x"])


def test_other_families_are_refused_by_name(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="ae-mnist"):
        steps_of(tiny_run("vae-mnist"))
    with pytest.raises(LessonError, match="ae-mnist"):
        steps_of()


def test_few_images_of_ones_own_in_colour_without_classes(tmp_path: Any, tiny_run: TinyRun) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for name in range(6):
        Image.fromarray(draws.integers(0, 256, (16, 16, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    settings = ("training.batch_size=2", "training.precision=float32")
    run = tiny_run("ae-mnist", *settings, data=str(tmp_path), steps=3)
    assert_sound(steps_of(run), widest=32)


def test_large_images_have_the_same_components_in_less_time() -> None:
    draws = torch.Generator().manual_seed(0)
    shares = torch.linspace(0, -6, 40).exp()
    x = (torch.randn(300, 40, generator=draws) * shares) @ torch.randn(
        40, 3 * 24 * 24, generator=draws
    )
    found = images.components(x.view(300, 3, 24, 24), 5, draws)
    theirs = PCA(5, svd_solver="full").fit(x.double().numpy())
    assert np.allclose(np.abs((found.axes.numpy() * theirs.components_).sum(1)), 1, atol=1e-4)
    assert np.allclose(found.shares.numpy(), theirs.explained_variance_ratio_, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 20), (1, 7, 9)])
def test_convolutions_written_out_are_those_of_the_networks(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    encoder, decoder = ConvEncoder(shape, 3, 5), ConvDecoder(5, 3, shape)
    with torch.no_grad():
        x, z = torch.rand(2, *shape), torch.randn(2, 5)
        for network, given in ((encoder, x), (decoder, z)):
            expected = network(given).double().numpy()
            found = networks.answer(network, given.double().numpy())
            assert np.allclose(found, expected, atol=1e-5)
            assert not np.allclose(found, -expected, atol=1e-2)
