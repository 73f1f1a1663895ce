"""Several runs in the VAE's lesson: which may stand beside it, the plane of both models, and the strip of several β."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Step
from olaria.lessons.figures import Images, Live
from olaria.lessons.live import AROUND, starts_of
from olaria.lessons.vae import beside
from olaria.lessons.vae.fitting import MOST_RUNS, check_fitting
from olaria.lessons.vae.scene import Scene
from olaria.lessons.vae.ways import ByTorch
from olaria.runs import Run

from .sound import make_wrong

LESSON = LESSONS["vae"]
TinyRun = Callable[..., Run]
VAE = ("model.flow=0", "model.latent=3")
AE = ("model.latent=2",)
STRONG = (*VAE, "model.beta=4")


def steps_of(*runs: Run) -> dict[str, Step]:
    """By the first two words of their titles."""
    return {" ".join(step.title.text().split()[:2]): step for step in LESSON(Asked(runs))}


def live_of(step: Step, part: str) -> Live:
    return next(x for x in step.figures if isinstance(x, Live) and x.part == part)


# -- what fits ---------------------------------------------------------------------------------------


def refused(*runs: Run) -> str:
    """The error's line, in Portuguese and in English."""
    with pytest.raises(LessonError) as told:
        LESSON(Asked(runs))
    text = told.value.message.text("en")
    assert "\n" not in text
    return text


def test_a_run_of_another_family_is_named_with_what_can_stand_there(tiny_run: TinyRun) -> None:
    run, other = tiny_run("vae-mnist", *VAE), tiny_run("gan-mnist")
    text = refused(run, other)
    assert other.name in text and run.name in text and "is of a gan" in text
    assert "olaria train ae-mnist --data digits" in text


def test_images_of_another_size_are_refused_with_both_sizes(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for name in range(12):
        Image.fromarray(draws.integers(0, 256, (16, 16), np.uint8)).save(tmp_path / f"{name}.png")
    large = tiny_run("ae-mnist", "training.batch_size=2", data=str(tmp_path), steps=3)
    text = refused(tiny_run("vae-mnist", *VAE), large)
    assert "1×16×16" in text and "1×8×8" in text and large.name in text
    assert "olaria train ae-mnist --data digits" in text


def stranger(run: Run, **changed: Any) -> Any:
    """A run that is like another one but for what is told."""
    seen = {
        "name": "stranger",
        "family": run.family,
        "dimensions": run.dimensions,
        "provenance": run.provenance,
        "recipe": run.recipe,
    }
    return SimpleNamespace(**{**seen, **changed})


def test_other_images_of_the_same_size_are_refused(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *VAE)
    other = stranger(run, provenance={"data_sha256": "other"})
    with pytest.raises(LessonError, match=r"stranger was trained on other images \(digits\)"):
        check_fitting(Asked((run, other)))
    check_fitting(Asked((run, stranger(run))))


def test_another_likelihood_is_refused_as_nats_do_not_compare(tiny_run: TinyRun) -> None:
    grey = tiny_run("vae-mnist", *VAE, "model.likelihood=gaussian")
    text = refused(tiny_run("vae-mnist", *VAE), grey)
    assert "likelihood gaussian" in text and "bernoulli" in text


def test_too_many_are_refused_with_how_many_there_may_be(tiny_run: TinyRun) -> None:
    run, other = tiny_run("vae-mnist", *VAE), tiny_run("ae-mnist", *AE)
    same = [stranger(run)] * (MOST_RUNS - 1)
    check_fitting(Asked((run, *same, other)))
    with pytest.raises(LessonError, match="6 VAEs are more than the 5"):
        check_fitting(Asked((run, *same, run)))
    with pytest.raises(LessonError, match="one autoencoder beside the VAE"):
        check_fitting(Asked((run, other, other)))


def test_a_report_leaves_out_what_does_not_fit(tiny_run: TinyRun) -> None:
    run, beside, gan = (
        tiny_run("vae-mnist", *VAE),
        tiny_run("ae-mnist", *AE),
        tiny_run("gan-mnist"),
    )
    asked = Asked((run, gan, beside), leaves_out=True)
    assert Scene.of(asked).autoencoder is not None
    with pytest.raises(LessonError, match=gan.name):
        Scene.of(Asked(asked.runs))


# -- a VAE and an autoencoder ------------------------------------------------------------------------


def test_both_planes_hold_the_codes_of_the_same_images(tiny_run: TinyRun) -> None:
    run, other = tiny_run("vae-mnist", *VAE), tiny_run("ae-mnist", *AE)
    live = live_of(steps_of(run, other)["Sampling from"], "live_pair")
    assert live.runs == (run.name, other.name) and live.decodes
    scene = Scene.of(Asked((run, other)))
    own, theirs = live.settings["sides"]
    drawn, codes = ByTorch(scene).drawn.z, other.model().encode(scene.x).double().numpy()
    for side, z in ((own, drawn), (theirs, codes)):
        assert np.allclose(side["points"], z[:, side["axes"]], atol=1e-6)
        assert np.allclose(side["mean"], z[:, side["axes"]].mean(0), atol=1e-6)
        assert np.allclose(side["std"], z[:, side["axes"]].std(0), atol=1e-6)
    assert len(own["axes"]) == 2 and own["names"] == [f"z{'₁₂₃'[axis]}" for axis in own["axes"]]
    rows = starts_of(scene)
    assert np.allclose(theirs["starts"], codes[rows], atol=1e-6)
    assert np.allclose(own["starts"], scene.codes[rows], atol=1e-6)
    start = own["mean"] + live.settings["at"] * own["std"]
    assert np.allclose(start, own["starts"][0, own["axes"]], atol=1e-6)


def test_the_static_figure_moves_both_to_the_same_places(tiny_run: TinyRun) -> None:
    run, other = tiny_run("vae-mnist", *VAE), tiny_run("ae-mnist", *AE)
    live = live_of(steps_of(run, other)["Sampling from"], "live_pair")
    assert isinstance(live.below, Images) and len(live.below.strips) == 4
    side, model = live.settings["sides"][1], other.model()
    z = np.tile(side["starts"][:1], (len(AROUND), 1))
    z[:, side["axes"][1]] = side["mean"][1] + np.array(AROUND) * side["std"][1]
    drawn = model.decode(torch.from_numpy(z).float()).clamp(0, 1)
    assert np.allclose(live.below.strips[3].images, drawn, atol=1e-5)


def test_a_model_of_one_dimension_has_a_line_in_its_plane(tiny_run: TinyRun) -> None:
    run, other = tiny_run("vae-mnist", *VAE), tiny_run("ae-mnist", "model.latent=1")
    live = live_of(steps_of(run, other)["Sampling from"], "live_pair")
    side = live.settings["sides"][1]
    assert side["axes"] == [0] and side["names"] == ["z₁", ""] and side["std"][1] == 1
    assert not side["points"][:, 1].any() and len(live.below.strips) == 3  # type: ignore[union-attr]


def test_alone_the_lesson_says_how_to_see_both(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *VAE)
    steps = steps_of(run)
    assert f"olaria explain vae {run.name} AE_RUN" in steps["Sampling from"].text.text()
    price = steps["The price"].text.text()
    assert f"olaria explain vae {run.name} OTHER_RUN" in price
    assert "olaria train vae-mnist --data digits --set model.latent=3 --set model.beta=4" in price
    parts = {x.part for step in steps.values() for x in step.figures if isinstance(x, Live)}
    assert parts == {"live_plane", "live_draw", "live_between", "live_training"}
    both = steps_of(run, tiny_run("vae-mnist", *STRONG))
    assert "OTHER_RUN" not in both["The price"].text.text()


# -- several β ---------------------------------------------------------------------------------------


def test_the_strip_tells_each_runs_codes_and_their_price(tiny_run: TinyRun) -> None:
    run, strong = tiny_run("vae-mnist", *VAE), tiny_run("vae-mnist", *STRONG)
    live = live_of(steps_of(strong, run)["Several β"], "live_beta")
    assert live.runs == (run.name, strong.name) and live.decodes
    scene = Scene.of(Asked((run,)))
    rows, told = starts_of(scene), live.settings["runs"]
    assert [each["beta"] for each in told] == [1.0, 4.0]
    for each, one in zip(told, (run, strong), strict=True):
        q = one.model().encode(scene.target[rows])  # type: ignore[operator]
        assert np.allclose(each["codes"], q.mean, atol=1e-5)
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        assert np.allclose(each["kl"], kl, atol=1e-4)
    assert np.array_equal(told[0]["noise"], told[1]["noise"])
    assert live.settings["images"].shape == (len(rows), 64)


def test_with_a_flow_the_price_is_the_mean_of_draws(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", "model.flow=2", "model.latent=3")
    scene = Scene.of(Asked((run,)))
    found = beside._code_nats(scene, ByTorch(scene), [0, 5])
    noise = torch.from_numpy(scene.eps("strip", beside.NUM_DRAWS)).float()[:, None]
    x = scene.target[5:6]
    draw = scene.model.draw(scene.model.read(x), noise)
    assert found[1] == pytest.approx(draw.kl_nats.mean().item(), abs=1e-3)


def test_runs_of_unequal_codes_get_the_same_first_numbers(tiny_run: TinyRun) -> None:
    run, wide = tiny_run("vae-mnist", *VAE), tiny_run("vae-mnist", "model.flow=0", "model.latent=5")
    told = live_of(steps_of(run, wide)["Several β"], "live_beta").settings["runs"]
    noise = {each["name"]: each["noise"] for each in told}
    assert noise[wide.name].shape[1] == 5 and noise[run.name].shape[1] == 3
    assert np.array_equal(noise[wide.name][:, :3], noise[run.name])


def test_runs_of_one_name_keep_to_figures_that_stand_still(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    import shutil

    run = tiny_run("vae-mnist", *VAE)
    twin = Run(shutil.copytree(run.path, tmp_path / run.name))
    assert not any(isinstance(x, Live) for x in steps_of(run, twin)["Several β"].figures)


@pytest.mark.parametrize(
    ("method", "wrong", "failing"),
    [
        ("rebuilt", lambda x: 0.7 * x, {"pair"}),
        ("code", lambda x: 0.7 * x, {"pair"}),
        ("image", lambda x: 0.7 * x, {"pair", "pictures"}),
        ("draw", lambda found: replace(found, kl=0.7 * found.kl), {"pictures"}),
    ],
)
def test_a_wrong_number_in_a_part_fails_its_check(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str, wrong: Any, failing: set[str]
) -> None:
    make_wrong(monkeypatch, ByTorch, method, wrong)
    runs = tiny_run("vae-mnist", *VAE), tiny_run("ae-mnist", *AE), tiny_run("vae-mnist", *STRONG)
    steps = steps_of(*runs)
    checks = {
        (name, check.text.text()): check.holds
        for name in ("Sampling from", "Several β")
        for check in steps[name].checks
    }
    found = {("Sampling from", "pair"): "pair", ("Several β", "pictures"): "pictures"}
    assert {part for place, part in found.items() if not checks[place]} == failing
