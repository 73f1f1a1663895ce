"""The VAE's lesson against torch.distributions, on every kind of run of the family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from olaria.errors import LessonError
from olaria.lessons.base import Asked, Step
from olaria.lessons.figures import Bars, Choice, Gaussians, Heat, Images, Plot, Scatter, Table
from olaria.lessons.vae import LESSON, NUM_DRAWS, SCALES
from olaria.lessons.vae.seen import seen_by
from olaria.lessons.vae.space import NUM_SAMPLES, NUM_STEPS, SIDE
from olaria.models.vae import VAE
from olaria.objectives.divergence import gaussian_kl
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]
TEXTBOOK = ("model.flow=0",)
PLANE = ("model.flow=0", "model.latent=2")
CLASSES = ("model.classes=10", "model.above=[3,2]", "model.flow=0")
VARIANTS = [
    (),
    TEXTBOOK,
    PLANE,
    CLASSES,
    ("model.above=[3]", "model.latent=1", "model.classes=10"),
    ("model.flow=0", "model.latent=1", "model.likelihood=gaussian"),
    ("model.network=conv", "model.likelihood=logistic", "model.latent=40", "model.free_bits=0.1"),
    ("model.importance_samples=3", "model.activation=silu"),
    ("model.flow=0", "model.beta=4", "model.warmup=0"),
]


def steps_of(*runs: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked(runs, seed=seed))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_every_number_is_found_again(tiny_run: TinyRun, settings: tuple[str, ...]) -> None:
    steps = steps_of(tiny_run("vae-mnist", *settings))
    assert len(steps) == 8
    assert_sound(steps[:-1], figures=True, source=True)  # the last reads what was logged


WRONG: dict[str, tuple[str, Callable[[Any], Any], list[int]]] = {
    "noise": (
        "draw",
        lambda right: lambda vae, read, eps, y=None: right(vae, read, -eps, y),
        [1, 2, 4, 5],
    ),
    "pixels": ("nll", lambda right: lambda *words: -right(*words), [2, 4]),
    "means": ("posterior", lambda right: lambda *words: (-right(*words)[0], right(*words)[1]), [0]),
    "widths": (
        "posterior",
        lambda right: lambda *words: (right(*words)[0], -right(*words)[1]),
        [0, 4],
    ),
    "logits": ("logits", lambda right: lambda *words: -right(*words), [0, 1, 2, 4, 6]),
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
    assert failing(steps_of(tiny_run("vae-mnist", *TEXTBOOK))) == [3, 4]


def test_mean_and_deviation_are_those_of_the_models_normal(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    seen, step = seen_by(Asked((run,))), steps_of(run)[0]
    q = seen.vae.encode(seen.target)
    assert np.allclose(step.arrays["mean"], q.mean, atol=1e-6)
    bars = step.figures[1]
    assert isinstance(bars, Bars)
    assert np.allclose(bars.series[1][1], q.stddev[0], atol=1e-6)


def test_the_draw_is_reparameterised_and_its_slope_is_the_noise(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    seen, step = seen_by(Asked((run,))), steps_of(run)[1]
    q = seen.vae.encode(seen.target[:1])
    noise = torch.from_numpy(step.arrays["noise"])
    assert np.allclose(step.arrays["z"], q.mean + q.stddev * noise, atol=1e-6)
    choice, table = step.figures
    assert isinstance(choice, Choice) and isinstance(table, Table)
    assert len(choice.figures) == len(SCALES)
    assert len(choice.figures[0].strips[0].images) == NUM_DRAWS  # type: ignore[union-attr]
    still = choice.figures[0].strips[0].images  # type: ignore[union-attr]
    assert np.allclose(still, still[:1], atol=1e-6)
    for row in table.rows:
        _, mean, std, eps, drawn, by_mean, by_std = row
        assert drawn == pytest.approx(mean + std * eps, abs=1e-5)  # type: ignore[operator]
        assert by_mean == pytest.approx(1, abs=1e-4) and by_std == pytest.approx(eps, abs=1e-4)


def test_both_terms_are_those_of_torch_distributions(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    seen, steps = seen_by(Asked((run,))), steps_of(run)
    z = seen.draw.z[0]
    pixels = -Bernoulli(logits=seen.vae.logits(z)).log_prob(seen.target)
    assert np.allclose(steps[2].arrays["nats"], pixels[0], atol=1e-4)
    kl = kl_divergence(seen.vae.encode(seen.target), Normal(0.0, 1.0))
    assert np.allclose(steps[3].arrays["kl_nats"], kl[0], atol=1e-5)
    assert np.allclose(steps[4].arrays["kl_nats"], kl.sum(1), atol=1e-4)
    assert np.allclose(steps[4].arrays["reconstruction_nats"], pixels.flatten(1).sum(1), atol=1e-3)


def test_with_a_flow_the_price_of_the_code_is_estimated(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("vae-mnist"))[3]
    assert "no closed form" in step.text.text()
    estimates = step.arrays["kl_nats"]
    assert step.arrays["running"][-1] == pytest.approx(estimates.mean())
    assert step.arrays["log_q"].mean() - step.arrays["log_p"].mean() == pytest.approx(
        estimates.mean(), abs=1e-4
    )
    assert any(
        isinstance(f, Gaussians) for f in steps_of(tiny_run("vae-mnist", *TEXTBOOK))[3].figures
    )


@pytest.mark.parametrize(
    ("likelihood", "word"), [("gaussian", "density"), ("logistic", "256 levels")]
)
def test_each_likelihood_is_told_as_what_it_is(
    tiny_run: TinyRun, likelihood: str, word: str
) -> None:
    (settings,) = [s for s in VARIANTS if f"model.likelihood={likelihood}" in s]
    run = tiny_run("vae-mnist", *settings)
    seen, step = seen_by(Asked((run,))), steps_of(run)[2]
    assert word in step.text.text()
    p = seen.vae.decode(seen.draw.z[0, :1], seen.told(slice(0, 1)))
    assert np.allclose(step.arrays["nats"], -p.log_prob(seen.x[:1])[0], atol=1e-3)
    heat = step.figures[1]
    assert isinstance(heat, Heat) and heat.values.shape == (8, 8)
    assert heat.values.sum() == pytest.approx(step.arrays["nats"].sum())


def test_several_draws_bound_more_tightly(tiny_run: TinyRun) -> None:
    (check,) = [c for c in steps_of(tiny_run("vae-mnist"))[4].checks if c.count == 2]
    one, many = np.asarray(check.value)
    assert one <= many


def test_what_was_minimised_is_told_where_it_is_not_the_bound(tiny_run: TinyRun) -> None:
    assert "pixels + 4 · code" in steps_of(tiny_run("vae-mnist", *VARIANTS[8]))[4].text.text()
    assert "bound of 3 draws" in steps_of(tiny_run("vae-mnist", *VARIANTS[7]))[4].text.text()


def test_an_autoencoders_codes_are_a_panel_beside(tiny_run: TinyRun) -> None:
    run, beside = tiny_run("vae-mnist", *PLANE), tiny_run("ae-mnist", "model.latent=2")
    (alone,) = steps_of(run)[5].figures
    (both,) = steps_of(run, beside)[5].figures
    assert isinstance(alone, Scatter) and isinstance(both, Scatter)
    assert not alone.panels and "olaria train ae-mnist" in alone.caption.text()  # type: ignore[union-attr]
    assert both.panels and [cloud.name for cloud in both.clouds] == [run.name, beside.name]
    seen = seen_by(Asked((run,)))
    assert np.allclose(both.clouds[0].points, seen.draw.z[0], atol=1e-6)
    codes = beside.model().encode(seen.x)
    assert np.allclose(both.clouds[1].points, codes, atol=1e-6)
    assert both.circles == (1.0, 2.0, 3.0)


def test_a_plane_is_shown_whole_and_the_way_begins_and_ends_at_images(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *PLANE)
    new, way, plane = steps_of(run)[6].figures
    assert isinstance(new, Images) and isinstance(way, Choice) and isinstance(plane, Images)
    assert [len(strip.images) for strip in plane.strips] == [SIDE] * SIDE
    assert len(way.figures) == NUM_STEPS
    seen = seen_by(Asked((run,)))
    start, stop = seen.two()
    assert seen.y is not None and seen.y[start] != seen.y[stop]
    for place, row in ((0, start), (NUM_STEPS - 1, stop)):
        decoded = seen.vae.decode(seen.codes[row][None]).mean[0]
        assert np.allclose(way.figures[place].strips[0].images[1], decoded, atol=1e-5)  # type: ignore[union-attr]


def test_a_model_of_classes_is_told_them(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *CLASSES)
    seen = seen_by(Asked((run,)))
    assert seen.told() is not None
    new = steps_of(run)[6].figures[0]
    assert isinstance(new, Images)
    assert new.strips[0].notes == tuple("0123456789")[:NUM_SAMPLES]
    one, other = seen.two(alike=True)
    assert seen.y is not None and seen.y[one] == seen.y[other] and one != other


def test_runs_of_other_beta_stand_in_its_order(tiny_run: TinyRun) -> None:
    run, strong = tiny_run("vae-mnist", *TEXTBOOK), tiny_run("vae-mnist", *VARIANTS[8])
    grey = tiny_run("vae-mnist", *VARIANTS[5])
    step = steps_of(strong, run, grey)[7]
    table, pictures = step.figures
    assert isinstance(table, Table) and isinstance(pictures, Images)
    assert [row[:2] for row in table.rows] == [(run.name, 1.0), (strong.name, 4.0)]
    assert all(check.holds for check in step.checks) and step.checks
    seen = seen_by(Asked((run,)))
    kl = kl_divergence(seen.vae.encode(seen.target), Normal(0.0, 1.0)).sum(1).mean()
    assert table.rows[0][3] == pytest.approx(kl.item(), rel=1e-4)
    assert "All of these runs have β = 1" in steps_of(run, tiny_run("vae-mnist"))[7].text.text()


def test_alone_a_run_shows_the_path_that_it_logged(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("vae-mnist"))[7]
    plot = step.figures[0]
    assert isinstance(plot, Plot) and plot.marks[0][1] == 6.0  # a fifth of 30 steps
    logged = [row for row in tiny_run("vae-mnist").metrics() if row["split"] == "train"]
    assert plot.curves[0].y.tolist() == [row["values"]["kl_nats"] for row in logged]
    assert "first step on" in steps_of(tiny_run("vae-mnist", *VARIANTS[8]))[7].text.text()
    bound_only = steps_of(tiny_run("vae-mnist", *VARIANTS[7]))[7]
    assert "did not log both" in bound_only.text.text() and not bound_only.figures


def test_no_two_places_share_their_random_numbers(tiny_run: TinyRun) -> None:
    seen = seen_by(Asked((tiny_run("vae-mnist"),)))
    first = [
        torch.randn(8, generator=seen.generator(place)) for place in ("noise", "prior", "draws")
    ]
    assert len({tuple(numbers.tolist()) for numbers in first}) == 3


def test_the_seed_alone_decides(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist")
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
