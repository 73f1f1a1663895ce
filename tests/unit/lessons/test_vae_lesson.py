"""The VAE's lesson against torch.distributions, on every kind of run of the family."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Formula, Question, Step
from olaria.lessons.figures import (
    Bars,
    Choice,
    Gaussians,
    Heat,
    Images,
    Live,
    Plot,
    Scatter,
    Table,
)
from olaria.lessons.vae.scene import NUM_DRAWS, NUM_SAMPLES, NUM_STEPS, SIDE, Scene
from olaria.lessons.vae.steps import SCALES
from olaria.lessons.vae.ways import ByTorch
from olaria.models.vae import VAE
from olaria.objectives.divergence import gaussian_kl
from olaria.runs import Run
from olaria.sampling import latent

from .sound import assert_sound, failing, make_wrong

LESSON = LESSONS["vae"]

TinyRun = Callable[..., Run]
TEXTBOOK = ("model.flow=0",)
BARE = ("model.flow=0", "model.warmup=0")
FLOW = ("model.flow=2",)
PLANE = ("model.flow=0", "model.latent=2")
CLASSES = ("model.classes=10", "model.above=[3,2]", "model.flow=0")
STRONG = ("model.flow=0", "model.beta=4", "model.warmup=0")
GRAY = ("model.flow=0", "model.latent=1", "model.likelihood=gaussian")
CONV = (
    "model.network=conv",
    "model.likelihood=logistic",
    "model.latent=40",
    "model.free_bits=0.1",
    "model.flow=2",
)
SEVERAL = ("model.importance_samples=3", "model.activation=silu", "model.flow=2")
VARIANTS = [
    TEXTBOOK,
    BARE,
    FLOW,
    PLANE,
    CLASSES,
    ("model.above=[3]", "model.latent=1", "model.classes=10", "model.flow=2"),
    ("model.classes=10", "model.flow=2"),
    GRAY,
    CONV,
    SEVERAL,
    STRONG,
]
TITLES = {
    "one_image": "From an image",
    "gradient": "A draw that",
    "pixels": "The first term",
    "code": "The second term",
    "bound": "The bound",
    "all_codes": "Where the codes",
    "between": "Between",
    "sampling": "Sampling",
    "beta": "The price of the code",
    "betas": "Several",
    "beyond": "What your model",
}


def steps_of(*runs: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked(runs, seed=seed))


def step_of(name: str, *runs: Run) -> Step:
    return next(step for step in steps_of(*runs) if step.title.text().startswith(TITLES[name]))


def figure_of(step: Step, kind: Any, place: int = 0) -> Any:
    figures = [figure.below if isinstance(figure, Live) else figure for figure in step.figures]
    return [figure for figure in figures if isinstance(figure, kind)][place]


def live_of(step: Step, part: str) -> Live:
    return next(f for f in step.figures if isinstance(f, Live) and f.part == part)


def asked_of(step: Step) -> Question:
    return next(block for block in step.blocks if isinstance(block, Question))


def latex_of(step: Step) -> str:
    return " ".join(block.latex for block in step.blocks if isinstance(block, Formula))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_every_number_is_found_again(tiny_run: TinyRun, settings: tuple[str, ...]) -> None:
    steps = steps_of(tiny_run("vae-mnist", *settings))
    assert len(steps) == 9 + (settings != BARE)
    several = "importance_samples" in settings[0]  # then both terms are not logged
    assert_sound(
        [step for i, step in enumerate(steps) if not (several and i == 8)],
        figures=True,
        source=True,
    )


WRONG: dict[str, tuple[str, Callable[[Any], Any], list[int]]] = {
    "noise": (
        "draw",
        lambda right: lambda vae, read, eps, y=None: right(vae, read, -eps, y),
        [0, 1, 2, 3, 4, 5, 6, 7],
    ),
    "pixels": ("nll", lambda right: lambda *words: -right(*words), [2, 3, 4]),
    "means": (
        "posterior",
        lambda right: lambda *words: (-right(*words)[0], right(*words)[1]),
        [0, 3, 5],
    ),
    "widths": (
        "posterior",
        lambda right: lambda *words: (right(*words)[0], -right(*words)[1]),
        [0, 3, 5],
    ),
    "logits": ("logits", lambda right: lambda *words: -right(*words), [0, 1, 2, 6, 7, 8]),
    "scale": ("pixels", lambda right: lambda vae, logits: right(vae, -logits), [2, 3]),
}
"""By what has its sign turned: the model's method, the wrong one made of it, and the steps whose checks then fail."""


@pytest.mark.parametrize("what", WRONG)
def test_a_turned_sign_in_the_model_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run, (method, wrong, places) = tiny_run("vae-mnist", *TEXTBOOK), WRONG[what]
    monkeypatch.setattr(VAE, method, wrong(getattr(VAE, method)))
    assert failing(steps_of(run)) == places


def test_a_turned_sign_in_the_divergence_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("olaria.models.vae.gaussian_kl", lambda *words: -gaussian_kl(*words))
    assert failing(steps_of(tiny_run("vae-mnist", *TEXTBOOK))) == [3, 4, 9]


MEASURES = {
    "posterior": [0, 3, 5],
    "slopes": [1],
    "image": [0, 1, 2, 6, 7],
    "through": [0],
    "error": [0],
    "pixel_nats": [2],
    "without_code": [3],
    "closed": [3],
    "weighed": [4],
    "active": [5],
    "of_all": [5],
    "median_distance": [6, 7],
    "code": [5, 7],
    "rebuilt": [7],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def wrong(found: Any) -> Any:
        return tuple(1.5 * x for x in found) if isinstance(found, tuple) else 0.7 * found

    make_wrong(monkeypatch, ByTorch, method, wrong)
    run, other = tiny_run("vae-mnist", *TEXTBOOK), tiny_run("ae-mnist", "model.latent=2")
    assert set(failing(steps_of(run, other))) >= set(MEASURES[method])


def test_a_wrong_logged_term_fails_its_check(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, right = tiny_run("vae-mnist", *TEXTBOOK), Run.fractions
    monkeypatch.setattr(Run, "fractions", lambda run: [1 - x for x in right(run)])
    assert failing(steps_of(run)) == [8]


def test_rows_that_are_means_of_steps_fit_where_beta_stood_still(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK, steps=300)
    logged = [row["step"] for row in run.metrics() if row["split"] == "train"]
    assert max(b - a for a, b in pairwise(logged)) > 1
    (check,) = (check for check in step_of("beta", run).checks if not check.is_twin)
    assert check.holds and 0.8 * len(logged) / 2 < check.count < len(logged)


def test_mean_and_deviation_are_those_of_the_models_normal(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene, steps = Scene.of(Asked((run,))), steps_of(run)
    q = scene.model.encode(scene.target)
    assert np.allclose(steps[0].arrays["mean"], q.mean[:1], atol=1e-6)
    assert np.allclose(figure_of(steps[0], Bars).series[1][1], q.stddev[0], atol=1e-6)
    assert np.allclose(steps[5].arrays["means"], q.mean, atol=1e-6)
    assert np.allclose(steps[5].arrays["spread"], q.mean.var(0), atol=1e-6)


@pytest.mark.parametrize("settings", [TEXTBOOK, FLOW, CLASSES, CONV], ids=str)
def test_one_draw_can_be_checked_by_hand(tiny_run: TinyRun, settings: tuple[str, ...]) -> None:
    step = steps_of(tiny_run("vae-mnist", *settings))[0]
    for _, mean, std, eps, drawn in figure_of(step, Table).rows:
        assert drawn == pytest.approx(mean + std * eps, abs=1e-4)
    assert asked_of(step).right == 1


def test_the_draw_is_reparameterised_and_its_slope_is_the_noise(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene, step = Scene.of(Asked((run,))), steps_of(run)[1]
    q = scene.model.encode(scene.target[:1])
    noise = torch.from_numpy(step.arrays["noise"])
    assert np.allclose(step.arrays["z"], q.mean + q.stddev * noise, atol=1e-6)
    choice = figure_of(step, Choice)
    assert len(choice.figures) == len(SCALES)
    assert len(choice.figures[0].strips[0].images) == NUM_DRAWS
    still = choice.figures[0].strips[0].images
    assert np.allclose(still, still[:1], atol=1e-6)
    for _, eps, by_mean, by_std in figure_of(step, Table).rows:
        assert by_mean == pytest.approx(1, abs=1e-4) and by_std == pytest.approx(eps, abs=1e-4)
    assert asked_of(step).right == 1


def test_several_layers_show_no_slopes_and_ask_nothing(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("vae-mnist", *CLASSES))[1]
    assert not any(isinstance(x, Question | Table) for x in step.blocks)


def test_both_terms_are_those_of_torch_distributions(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene, steps = Scene.of(Asked((run,))), steps_of(run)
    q = scene.model.encode(scene.target)
    z = q.mean + q.stddev * torch.from_numpy(scene.every[1]).float()
    pixels = -Bernoulli(logits=scene.model.logits(z)).log_prob(scene.target)
    assert np.allclose(steps[2].arrays["nats"], pixels[0], atol=1e-4)
    kl = kl_divergence(q, Normal(0.0, 1.0))
    assert np.allclose(steps[3].arrays["kl"], kl[0], atol=1e-5)
    assert np.allclose(steps[4].arrays["kl_nats"], kl.sum(1), atol=1e-4)
    assert np.allclose(steps[4].arrays["reconstruction_nats"], pixels.flatten(1).sum(1), atol=1e-3)


def test_the_brackets_of_a_bernoulli_pixel_hold_both_terms(tiny_run: TinyRun) -> None:
    latex = latex_of(steps_of(tiny_run("vae-mnist", *TEXTBOOK))[2])
    assert r"-\sum_i \left[ x_i \log p_i + (1 - x_i) \log(1 - p_i) \right]" in latex


def test_cross_entropy_minus_entropy_is_the_closed_form(tiny_run: TinyRun) -> None:
    step = step_of("code", tiny_run("vae-mnist", *TEXTBOOK))
    cross, own, total = (row[2] for row in figure_of(step, Table).rows)
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene = Scene.of(Asked((run,)))
    q = scene.model.encode(scene.target[:1])
    assert own == pytest.approx(-q.entropy().sum().item(), abs=1e-4)
    assert cross + own == pytest.approx(total, abs=1e-6)
    assert total == pytest.approx(step.arrays["kl"].sum())


def test_a_code_is_worth_what_it_saves(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene, step = Scene.of(Asked((run,))), step_of("code", run)
    logits = scene.model.statistics.logit.expand(scene.target[:1].shape)
    blind = -Bernoulli(logits=logits).log_prob(scene.target[:1]).sum().item()
    own = step_of("pixels", run).arrays["nats"].sum()
    assert asked_of(step).right == int(blind - own <= step.arrays["kl"].sum())


def test_with_a_flow_the_price_of_the_code_is_estimated(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *FLOW)
    step, last = step_of("code", run), step_of("beyond", run)
    assert "is estimated as the mean over 256 draws" in step.text.text()
    assert np.array_equal(step.arrays["estimates"], last.arrays["estimates"])
    assert not any(isinstance(f, Gaussians | Bars) for f in step.figures)
    settling = figure_of(last, Plot)
    assert settling.curves[1].y[-1] == pytest.approx(step.arrays["estimates"].mean())
    assert asked_of(last).right == 1
    plain = step_of("code", tiny_run("vae-mnist", *TEXTBOOK))
    assert "estimated as the mean" not in plain.text.text()
    assert figure_of(plain, Gaussians) and figure_of(plain, Bars)


@pytest.mark.parametrize(
    ("settings", "word"), [(GRAY, "density"), (CONV, "256 levels"), (TEXTBOOK, "white pixel")]
)
def test_each_likelihood_is_told_as_what_it_is(
    tiny_run: TinyRun, settings: tuple[str, ...], word: str
) -> None:
    run = tiny_run("vae-mnist", *settings)
    scene, step = Scene.of(Asked((run,))), steps_of(run)[2]
    assert word in step.text.text()
    z = ByTorch(scene).drawn.z[:1]
    p = scene.model.decode(torch.from_numpy(z).float())
    assert np.allclose(step.arrays["nats"], -p.log_prob(scene.target[:1])[0], atol=1e-3)
    heat = figure_of(step, Heat)
    assert heat.values.shape == (8, 8)
    assert heat.values.sum() == pytest.approx(step.arrays["nats"].sum())


def test_several_draws_bound_more_tightly(tiny_run: TinyRun) -> None:
    step = step_of("bound", tiny_run("vae-mnist", *FLOW))
    one, many = step.arrays["bounds"]
    assert one <= many and asked_of(step).right == 0


def test_what_was_minimised_is_told_where_it_is_not_the_bound(tiny_run: TinyRun) -> None:
    assert "pixels + 4 · code" in step_of("bound", tiny_run("vae-mnist", *STRONG)).text.text()
    assert "bound of 3 draws" in step_of("bound", tiny_run("vae-mnist", *SEVERAL)).text.text()


def test_the_mean_term_falls_into_information_and_distance_from_the_prior(
    tiny_run: TinyRun,
) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    scene, step = Scene.of(Asked((run,))), step_of("all_codes", run)
    q = scene.model.encode(scene.target)
    z = torch.from_numpy(step.arrays["z"]).float()
    aggregate = MixtureSameFamily(Categorical(torch.ones(len(z))), Independent(q, 1))
    log_q, log_all = q.log_prob(z).sum(1), aggregate.log_prob(z)
    log_p = Normal(0.0, 1.0).log_prob(z).sum(1)
    fields = next(
        b.text.fields for b in step.blocks if "informed_2" in getattr(b, "text", step.title).fields
    )
    assert fields["informed_2"].value == pytest.approx((log_q - log_all).mean().item(), abs=1e-4)
    assert fields["off_2"].value == pytest.approx((log_all - log_p).mean().item(), abs=1e-4)
    assert fields["informed_2"].value <= math.log(len(z))


def test_parts_are_not_shown_where_codes_have_no_common_density(tiny_run: TinyRun) -> None:
    for settings in (CLASSES, ("model.classes=10", "model.flow=2")):
        text = step_of("all_codes", tiny_run("vae-mnist", *settings)).text.text()
        assert "are not shown" in text and "for what the code tells" not in text


def test_an_autoencoders_codes_are_a_panel_beside(tiny_run: TinyRun) -> None:
    run, beside = tiny_run("vae-mnist", *PLANE), tiny_run("ae-mnist", "model.latent=2")
    alone = figure_of(step_of("all_codes", run), Scatter)
    step = step_of("all_codes", run, beside)
    both = figure_of(step, Scatter)
    assert not alone.panels and "olaria train ae-mnist" in alone.caption.text()
    assert both.panels and [cloud.name for cloud in both.clouds] == [run.name, beside.name]
    scene = Scene.of(Asked((run,)))
    assert np.allclose(both.clouds[0].points, ByTorch(scene).drawn.z, atol=1e-6)
    codes = beside.model().encode(scene.x)
    assert np.allclose(both.clouds[1].points, codes, atol=1e-6)
    assert both.circles == (1.0, 2.0, 3.0)


def test_an_autoencoder_is_asked_for_what_are_no_samples(tiny_run: TinyRun) -> None:
    run, beside = tiny_run("vae-mnist", *PLANE), tiny_run("ae-mnist", "model.latent=2")
    alone, both = (figure_of(step_of("sampling", *r), Images) for r in ((run,), (run, beside)))
    assert len(both.strips) == len(alone.strips) + 1
    assert "no samples" in both.strips[-1].title.text()
    noise = torch.randn(300, 2, generator=Scene.of(Asked((run,))).generator("beside"))
    shown = beside.model().decode(noise[:NUM_SAMPLES]).clamp(0, 1)
    assert shown.shape == both.strips[-1].images.shape


def test_a_plane_is_shown_whole_and_the_way_begins_and_ends_at_images(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *PLANE)
    step = step_of("between", run)
    way, plane = (figure_of(step, Images, place) for place in (0, 1))
    assert [len(strip.images) for strip in plane.strips] == [SIDE] * SIDE
    mixed, crossed = (strip.images for strip in way.strips)
    assert len(mixed) == len(crossed) == NUM_STEPS
    scene = Scene.of(Asked((run,)))
    start, stop = scene.two()
    assert scene.y is not None and scene.y[start] != scene.y[stop]
    z = scene.codes[[start, stop]]
    for place, share in ((0, 0.0), (2, 0.25), (NUM_STEPS - 1, 1.0)):
        code = torch.lerp(z[:1], z[1:], share)
        assert np.allclose(mixed[place], scene.model.images(code)[0], atol=1e-5)
        ends = scene.model.images(z)
        assert np.allclose(crossed[place], torch.lerp(ends[0], ends[1], share), atol=1e-5)
    assert not np.allclose(mixed[4], crossed[4], atol=1e-4)
    settings = live_of(step, "live_between").settings
    assert np.array_equal(settings["codes"][[settings["from"], settings["to"]]], z.double())


@pytest.mark.parametrize("settings", [TEXTBOOK, FLOW, CLASSES, CONV, GRAY], ids=str)
def test_a_drawing_is_compared_with_the_errors_of_test_images(
    tiny_run: TinyRun, settings: tuple[str, ...]
) -> None:
    run = tiny_run("vae-mnist", *settings)
    scene, live = Scene.of(Asked((run,))), live_of(step_of("one_image", run), "live_draw")
    rebuilt = latent.reconstruct(scene.model, scene.x, scene.told())
    errors = (rebuilt - scene.x).square().flatten(1).mean(1)
    (error,) = live.settings["scores"]
    assert error["name"] == "error" and live.settings["count"] == len(errors)
    assert error["quantiles"][[0, 50, -1]] == pytest.approx(
        np.quantile(errors, [0, 0.5, 1]), rel=1e-4
    )
    assert live.settings["hasPrior"] == (settings in (TEXTBOOK, GRAY))
    assert live.settings["places"] == scene.ranked[:12] and live.settings["paper"] == 0
    names = {name[0] for name in live.settings["names"]}
    assert names == ({"h"} if scene.model.flow else {"z"})
    assert (live.settings["told"] is not None) == bool(scene.model.classes)
    assert len(live.settings["images"]) == len(live.settings["imageNames"]) == 6


def test_a_model_of_classes_is_told_them(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *CLASSES)
    scene = Scene.of(Asked((run,)))
    assert scene.told() is not None
    new = figure_of(step_of("sampling", run), Images)
    assert new.strips[0].notes == tuple("0123456789")[:NUM_SAMPLES]
    one, other = scene.two(alike=True)
    assert scene.y is not None and scene.y[one] == scene.y[other] and one != other


def test_runs_of_other_beta_stand_in_its_order(tiny_run: TinyRun) -> None:
    run, strong = tiny_run("vae-mnist", *TEXTBOOK), tiny_run("vae-mnist", *STRONG)
    step = step_of("betas", strong, run)
    table = figure_of(step, Table)
    assert [row[:2] for row in table.rows] == [(run.name, 1.0), (strong.name, 4.0)]
    assert all(check.holds for check in step.checks) and step.checks
    scene = Scene.of(Asked((run,)))
    kl = kl_divergence(scene.model.encode(scene.target), Normal(0.0, 1.0)).sum(1).mean()
    assert table.rows[0][3] == pytest.approx(kl.item(), rel=1e-4)
    alike = step_of("betas", run, tiny_run("vae-mnist", *FLOW))
    assert "All of these runs have β = 1" in alike.text.text()
    assert not any(isinstance(block, Question) for block in alike.blocks)


def test_a_run_shows_the_path_that_it_logged(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    step = step_of("beta", run)
    plot = figure_of(step, Plot)
    assert plot.marks[0][1] == 6.0  # a fifth of 30 steps
    logged = [row["values"]["kl_nats"] for row in run.metrics() if row["split"] == "train"]
    assert plot.curves[0].y.tolist() == logged
    falls = max(logged) > 1.05 * logged[-1]
    assert asked_of(step).right == int(falls) == int("as β rises" in step.text.text())
    assert "first step on" in step_of("beta", tiny_run("vae-mnist", *STRONG)).text.text()
    bound_only = step_of("beta", tiny_run("vae-mnist", *SEVERAL))
    assert "did not log both" in bound_only.text.text()
    assert not any(isinstance(figure, Plot) for figure in bound_only.figures)


def test_a_term_that_overshoots_is_told_to_fall(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    rows = run.metrics()
    for row in rows:
        if row["step"] == 10:
            row["values"]["kl_nats"] = 7.0
    monkeypatch.setattr(Run, "metrics", lambda run: rows)
    step = step_of("beta", run)
    assert asked_of(step).right == 1
    assert "7.00 nats at its highest, at step 10" in step.text.text()
    assert "as β rises, each nat costs more" in step.text.text()


@pytest.mark.parametrize(
    ("done", "of_beta", "beyond"),
    [
        ([0.0, 0.1, 0.3, 0.8], "rose from 0 until step 2", "during the first 20% of training, β"),
        ([0.28, 0.5, 0.7, 0.9], "was 1 from the first step on", "had passed before step 1."),
        ([0.1, 0.5, 0.7, 0.9], "rose from 0 until step 1", "had passed before step 2."),
        ([0.0, 0.05, 0.1, 0.15], "ended before β reached 1", "during the first 20% of training, β"),
    ],
)
def test_a_warm_up_is_told_as_the_clock_had_it(
    tiny_run: TinyRun,
    monkeypatch: pytest.MonkeyPatch,
    done: list[float],
    of_beta: str,
    beyond: str,
) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    rows = [row for row in run.metrics() if row["split"] == "train"]
    some = [{**row, "step": place + 1} for place, row in enumerate(rows[: len(done)])]
    monkeypatch.setattr(Run, "metrics", lambda run: some)
    monkeypatch.setattr(Run, "fractions", lambda run: done)
    assert of_beta in step_of("beta", run).text.text()
    assert beyond in step_of("beyond", run).text.text()


def test_only_what_a_run_has_stands_beyond_the_textbook(tiny_run: TinyRun) -> None:
    texts = {
        settings: step_of("beyond", tiny_run("vae-mnist", *settings)).text.text()
        for settings in (TEXTBOOK, FLOW, CLASSES, CONV, SEVERAL, STRONG)
    }
    words = ("Warm-up", "Free bits", "β*", "Several draws", "Classes", "Layers", "density of $h$")
    found = {s: [word for word in words if word in text] for s, text in texts.items()}
    assert found == {
        TEXTBOOK: ["Warm-up"],
        FLOW: ["Warm-up", "density of $h$"],
        CLASSES: ["Warm-up", "Classes", "Layers"],
        CONV: ["Warm-up", "Free bits", "density of $h$"],
        SEVERAL: ["Warm-up", "Several draws", "density of $h$"],
        STRONG: ["β*"],
    }
    names = [step.title.text() for step in steps_of(tiny_run("vae-mnist", *BARE))]
    assert not any(name.startswith(TITLES["beyond"]) for name in names)


def test_layers_add_up_and_a_flow_carries_to_the_prior(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *CLASSES)
    bars = figure_of(step_of("beyond", run), Bars)
    assert len(bars.labels) == 3
    assert bars.series[0][1].sum() == pytest.approx(step_of("bound", run).arrays["kl_nats"].mean())
    run = tiny_run("vae-mnist", *FLOW)
    h, z = figure_of(step_of("beyond", run), Scatter).clouds
    scene = Scene.of(Asked((run,)))
    assert scene.model.flow is not None
    drawn = torch.from_numpy(ByTorch(scene).drawn.h).float()
    assert np.allclose(h.points, drawn[:, scene.axes], atol=1e-6)
    assert np.allclose(z.points, scene.model.flow(drawn)[0][:, scene.axes], atol=1e-4)


def test_no_two_places_share_their_random_numbers(tiny_run: TinyRun) -> None:
    scene = Scene.of(Asked((tiny_run("vae-mnist", *TEXTBOOK),)))
    first = [
        torch.randn(8, generator=scene.generator(place)) for place in ("noise", "prior", "draws")
    ]
    assert len({tuple(numbers.tolist()) for numbers in first}) == 3


def test_the_seed_alone_decides(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    first, again, other = (steps_of(run, seed=seed) for seed in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        assert one.text.text() == two.text.text()
        for name, numbers in one.arrays.items():
            assert np.array_equal(numbers, two.arrays[name]), name
    assert not np.array_equal(first[2].arrays["target"], other[2].arrays["target"])


def test_other_families_are_refused_by_name(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="vae-mnist"):
        steps_of(tiny_run("ae-mnist"))
    with pytest.raises(LessonError, match="vae-mnist"):
        steps_of()


@pytest.mark.parametrize("likelihood", ["logistic", "gaussian"])
def test_few_images_of_ones_own_in_colour_without_classes(
    tmp_path: Any, tiny_run: TinyRun, likelihood: str
) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for name in range(6):
        Image.fromarray(draws.integers(0, 256, (16, 16, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    settings = ("training.batch_size=2", "training.precision=float32", "model.flow=0")
    run = tiny_run(
        "vae-mnist", *settings, f"model.likelihood={likelihood}", data=str(tmp_path), steps=3
    )
    assert_sound(steps_of(run))
