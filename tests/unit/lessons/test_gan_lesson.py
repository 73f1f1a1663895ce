"""The GAN's lesson: every number checked, and its facts beside what was not written for it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.optimize import minimize_scalar

from olaria.errors import DamagedError, LessonError
from olaria.evaluation.anomaly import auroc
from olaria.evaluation.plane import evaluate_points
from olaria.families.gan import AdversarialLoss, GANConfig, PlaneGANConfig
from olaria.i18n import Message
from olaria.kinds.images import NUM_WATCHED
from olaria.lessons.base import Asked, Step
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import Heat, Plot
from olaria.lessons.gan import LESSON
from olaria.lessons.gan import answers as game_answers
from olaria.lessons.gan import balance as game_balance
from olaria.lessons.gan import best as game_best
from olaria.lessons.gan import collapse as game_collapse
from olaria.lessons.gan import ends as gan_ends
from olaria.lessons.gan import frames as game_frames
from olaria.lessons.gan import gallery as gan_gallery
from olaria.lessons.gan import images as gan_images
from olaria.lessons.gan import losses as game_losses
from olaria.lessons.gan import path as game_path
from olaria.lessons.gan import plane as game
from olaria.lessons.gan import pull as gan_pull
from olaria.lessons.gan import scene as game_scene
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.runs import Run
from olaria.sampling import latent, plane
from olaria.storage.files import append_line
from olaria.storage.images import make_grid, save_png
from olaria.training.recorder import SCALE

from .sound import all_figures, assert_sound

TinyRun = Callable[..., Run]
LOSSES: tuple[AdversarialLoss, ...] = get_args(AdversarialLoss)


def lesson(run: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked((run,), seed=seed))


@pytest.fixture(scope="session")
def ring(tiny_run: TinyRun) -> Run:
    return tiny_run("gan-ring", steps=60)


@pytest.fixture(scope="session")
def digits(tiny_run: TinyRun) -> Run:
    return tiny_run("gan-mnist")


@pytest.fixture(scope="session")
def scene(ring: Run) -> game_scene.Scene:
    return game_scene.scene_of(Asked((ring,)))


@pytest.fixture(scope="session")
def gallery(digits: Run) -> gan_gallery.Gallery:
    return gan_gallery.gallery_of(Asked((digits,)))


# -- the whole lesson ------------------------------------------------------------------------------


def test_the_ring(ring: Run) -> None:
    steps = lesson(ring)
    assert len(steps) == 8
    assert_sound(steps, widest=32)
    assert all(step.figures for step in steps)


def test_the_digits(digits: Run) -> None:
    steps = lesson(digits)
    assert len(steps) == 7
    assert_sound(steps, widest=32)
    assert all(step.figures for step in steps)


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("gan-grid", ("model.loss=minimax", "model.penalty=none", "model.latent=3")),
        ("gan-spiral", ("model.loss=least-squares", "model.spectral=true", "training.ema=0")),
        ("gan-spiral", ("model.loss=wasserstein", "model.penalty=gradient", "model.latent=1")),
        ("gan-ring", ("model.loss=hinge", "model.discriminator_updates=2", "model.slope=0")),
    ],
)
def test_other_games_in_the_plane(
    tiny_run: TinyRun, preset: str, settings: tuple[str, ...]
) -> None:
    assert_sound(lesson(tiny_run(preset, *settings, steps=12)), widest=32)


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("cgan-mnist", ("model.loss=hinge",)),
        (
            "cgan-mnist",
            (
                "model.conditioning=auxiliary",
                "model.spectral=false",
                "model.loss=minimax",
                "model.penalty=r1",
                "model.generator_depth=0",
            ),
        ),
        ("gan-mnist", ("model.loss=least-squares", "model.augment=adaptive", "training.ema=0")),
        (
            "gan-mnist",
            (
                "model.loss=wasserstein",
                "model.penalty=gradient",
                "model.spectral=false",
                "model.latent=2",
            ),
        ),
    ],
)
def test_other_games_of_images(tiny_run: TinyRun, preset: str, settings: tuple[str, ...]) -> None:
    assert_sound(lesson(tiny_run(preset, *settings, steps=12)), widest=32)


def test_the_users_points(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("points") / "mine.csv"
    points = np.random.default_rng(0).standard_normal((60, 2)) * (30, 5) + 100
    path.write_text("\n".join(f"{x},{y}" for x, y in points))
    assert_sound(lesson(tiny_run("gan-spiral", data=str(path), steps=12)), widest=32)


def test_the_users_colour_images(
    tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pots")
    draws = np.random.default_rng(0)
    for number in range(60):
        pixels = draws.integers(0, 256, (34, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    steps = lesson(tiny_run("gan-cifar10", data=str(folder), steps=4))
    assert_sound(steps, widest=32)
    heats = [f for step in steps for f in all_figures(step.figures) if isinstance(f, Heat)]
    assert heats[0].values.shape == (17, 20)  # of 34 × 40: means over blocks of two by two


def test_another_seed_shows_other_examples_and_the_same_one_the_same(digits: Run) -> None:
    first, again, other = (lesson(digits, seed)[0].arrays["z"] for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).any()


def test_a_run_of_another_family_is_refused(digits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "family", "vae")
    with pytest.raises(LessonError, match="olaria train gan-ring"):
        lesson(digits)


# -- the networks in NumPy -------------------------------------------------------------------------


def test_a_changed_weight_is_noticed(digits: Run, ring: Run) -> None:
    for run, changed in ((digits, "discriminator.features.0"), (ring, "discriminator.0")):
        model = run.model()
        x = torch.rand(4, *run.dimensions()) if run is digits else torch.randn(4, 2)
        by_hand = games.logits if isinstance(model, GAN) else games.point_logits
        before = by_hand(model, x.double().numpy())
        assert np.abs(before - model.discriminate(x).numpy()).max() < 1e-5
        model.get_submodule(changed).bias += 0.1
        assert np.abs(before - model.discriminate(x).numpy()).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 20, 28), (1, 9, 9)])
def test_images_of_any_shape_are_made_and_judged_alike_in_numpy(
    shape: tuple[int, int, int],
) -> None:
    config = GANConfig(latent=5, generator_width=2, discriminator_width=3, classes=3)
    model = GAN(config, shape).eval().requires_grad_(False)
    z, y = torch.randn(3, 5), torch.arange(3)
    x = model.generator(z, y)
    made = games.images(model, z.double().numpy(), y.numpy())
    assert np.abs(made - x.numpy()).max() < 1e-5
    said = games.logits(model, x.double().numpy(), y.numpy())
    assert np.abs(said - model.discriminate(x, y).numpy()).max() < 1e-5


def test_the_pull_is_the_gradient_that_training_has(gallery: gan_gallery.Gallery) -> None:
    x = gallery.made[:3].clone().requires_grad_()
    generator_loss(gallery.model.discriminate(x), gallery.loss).backward()
    assert x.grad is not None
    pull = gan_pull.pull_of(gallery.model, gallery.made[:3], None, gallery.loss)
    assert np.abs(pull + 3 * x.grad.numpy()).max() < 1e-5  # of the mean over three images
    assert np.abs(pull).max() > 1e-4


def test_a_pull_turned_round_fails_its_checks(
    gallery: gan_gallery.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_of = gan_pull.pull_of
    monkeypatch.setattr(gan_pull, "pull_of", lambda *words: -pull_of(*words))
    assert [check.holds for check in gan_pull.pull_step(gallery).checks] == [False, True, True]


def test_turned_logits_fail_the_check_of_the_answers(
    gallery: gan_gallery.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    discriminate = GAN.discriminate
    monkeypatch.setattr(GAN, "discriminate", lambda *words: -discriminate(*words))
    assert [check.holds for check in gan_pull.pull_step(gallery).checks] == [False, True, False]


# -- the balance -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "wasserstein"])
def test_the_balance_is_the_least_of_the_losses_themselves(loss: AdversarialLoss) -> None:
    def cost(l: float) -> float:
        answer = torch.tensor([l], dtype=torch.float64)
        return discriminator_loss(answer, answer, loss).item()

    balance = game_balance.BALANCES[loss]
    found = minimize_scalar(cost, bounds=(-6, 6), method="bounded", options={"xatol": 1e-9})
    assert found.fun == pytest.approx(balance.discriminator, abs=1e-8)
    if balance.logit is None:
        assert [cost(l) for l in (-1.0, 0.3, 1.0)] == pytest.approx([2.0] * 3)
        assert cost(1.1) > 2.05
    else:
        assert found.x == pytest.approx(balance.logit, abs=1e-4)
        at = torch.tensor([balance.logit])
        assert generator_loss(at, loss).item() == pytest.approx(balance.generator)


def test_a_critic_that_cannot_tell_has_no_loss_whatever_it_answers() -> None:
    answers = torch.tensor([-3.0, 40.0])
    assert discriminator_loss(answers, answers, "wasserstein").item() == 0.0
    assert game_balance.BALANCES["wasserstein"] == game_balance.Balance(None, 0.0, None)


@pytest.mark.parametrize("loss", LOSSES)
def test_terms_sum_to_the_losses(loss: AdversarialLoss) -> None:
    real, fake = torch.randn(7), torch.randn(7)
    on_real, on_fake = game_answers.terms(real, loss)[0], game_answers.terms(fake, loss)[1]
    whole = discriminator_loss(real, fake, loss)
    torch.testing.assert_close((on_real + on_fake).mean(), whole)
    torch.testing.assert_close(game_answers.terms(fake, loss)[2].mean(), generator_loss(fake, loss))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_balance_fails_its_check(
    loss: AdversarialLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(check.holds for check in game_balance._least(loss))
    wrong = replace(game_balance.BALANCES[loss], discriminator=math.log(2))
    monkeypatch.setitem(game_balance.BALANCES, loss, wrong)
    assert not all(check.holds for check in game_balance._least(loss))


def test_sides_that_pull_the_same_way_are_said_to() -> None:
    step = game_losses.losses_step(torch.zeros(3), torch.full((3,), -2.0), "least-squares")
    assert step.text.id == game_losses._NOT_OPPOSED
    step = game_losses.losses_step(torch.zeros(3), torch.zeros(3), "minimax")
    assert step.text.id == game_losses._OPPOSED
    assert_sound([step])


def test_the_last_tenth_is_of_the_runs_own_log(ring: Run) -> None:
    rows = [row for row in ring.metrics() if row["split"] == "train" and row["step"] >= 54.1]
    mean = sum(row["values"]["generator_loss"] for row in rows) / len(rows)
    step = game_balance.balance_step(ring, "non-saturating", [])
    assert step.text.fields["last_generator"].value == pytest.approx(mean)


def test_what_a_rescue_changed_is_told(ring: Run) -> None:
    events: list[dict[str, Any]] = [
        {"event": "changed", "path": "model.loss", "value": "hinge", "step": 50},
        {"event": "restarted", "step": 50},
    ]
    assert game_answers.loss_of(ring, events) == "hinge"
    assert game_answers.loss_of(ring, []) == "non-saturating"
    plots = game_balance.balance_step(ring, "hinge", events).figures
    assert isinstance(plots[1], Plot)
    assert [place for _, place in plots[1].marks] == [50, 50]


# -- the plane -------------------------------------------------------------------------------------


def test_the_surface_is_the_discriminators(scene: game_scene.Scene) -> None:
    shown = game_scene.surface(scene.model, scene, 4)
    left, right, bottom, top = scene.extent
    cell = (right - left) / 4
    corner = torch.tensor([[left + cell / 2, top - cell / 2]])
    assert shown[0, 0] == pytest.approx(scene.model.discriminate(corner).sigmoid().item(), abs=1e-6)
    assert bottom < top


def test_answers_that_are_no_logits_are_white_where_they_cannot_tell() -> None:
    middle = {"least-squares": 0.5, "hinge": 0.0}
    for loss, value in middle.items():
        assert game_scene._as_share(np.array([value, 9.0, -9.0]), loss).tolist() == [0.5, 1, 0]  # type: ignore[arg-type]


def test_the_first_weights_are_those_that_the_run_began_with(scene: game_scene.Scene) -> None:
    states = game_path.states_of(scene)
    assert [step for step, _ in states] == [0, *scene.run.folder.checkpoint_steps()]
    _, frames = game_frames.pictures(scene.run, 10**6, 100)
    points = plane.draw(states[0][1], 2000, game_path_noise(scene.run))
    picture = plane.picture(states[0][1], scene.data.train[:2000], points)[0]
    twice = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert np.abs(frames[0] / 255 - twice.numpy()).max() < 0.01


def game_path_noise(run: Run) -> torch.Generator:
    from olaria.training.randomness import generator

    return generator(run.recipe.seed, "watching")


def test_the_best_discriminator_of_equal_densities_is_at_a_half(scene: game_scene.Scene) -> None:
    own = scene.data.train[: len(scene.made)]
    step = game_best.best_step(replace(scene, made=own))
    assert_sound([step])
    assert abs(step.arrays["best_real"].mean() - 0.5) < 0.02
    assert abs(step.arrays["best_generated"].mean() - 0.5) < 0.02
    assert abs(step.arrays["js_nats"]) < 0.01


def test_the_best_discriminator_of_densities_apart_knows_all(scene: game_scene.Scene) -> None:
    step = game_best.best_step(replace(scene, made=scene.made / 100))
    assert step.arrays["best_real"].min() > 0.999
    assert step.arrays["best_generated"].max() < 0.001
    assert step.arrays["js_nats"] == pytest.approx(math.log(2), abs=1e-3)


def test_the_blurred_density_is_the_normal_mixture_of_torch() -> None:
    points, at = torch.randn(5, 2).double(), torch.randn(7, 2).double()
    normal = torch.distributions.MultivariateNormal(points, 0.09 * torch.eye(2).double())
    expected = normal.log_prob(at[:, None]).logsumexp(1) - math.log(5)
    torch.testing.assert_close(game_best.log_density(points, at, 0.3), expected)


def test_neighbourhoods_and_clusters_are_those_of_the_evaluation(scene: game_scene.Scene) -> None:
    small = replace(scene.data, test=scene.real[:400])
    found, _, _ = evaluate_points(scene.made[:400], small)
    precision, coverage = game_scene.neighbourhoods(scene.made, scene.real)
    assert found["precision"] == pytest.approx(precision)
    assert found["coverage"] == pytest.approx(coverage)
    modes, std = scene.data.modes, scene.data.mode_std
    assert modes is not None
    assert std is not None
    covered, share, shares = game_scene.clusters_by_hand(scene.real, modes, std)
    assert covered == 8
    assert share == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    assert shares == pytest.approx(np.full(8, 1 / 8), abs=0.03)


def test_the_made_collapse_is_one_cluster(scene: game_scene.Scene) -> None:
    full = replace(scene, made=scene.data.train[:2000])
    step = game_collapse.collapse_step(full)
    assert_sound([step])
    assert (step.arrays["shares"][0] > 0.05).all()
    assert sorted(step.arrays["shares"][1]) == [0.0] * 7 + [1.0]
    assert step.text.fields["covered"] == 8
    assert step.text.fields["covered_few"] == 1


def test_points_moved_along_their_pull_fool_the_discriminator_more(
    scene: game_scene.Scene,
) -> None:
    points = scene.made[:50]
    pull = torch.from_numpy(game.pull_of(scene.model, points, scene.loss)).float()
    before, after = (scene.model.discriminate(points + way * pull) for way in (0.0, 0.01))
    assert bool((after >= before).all())


# -- images ----------------------------------------------------------------------------------------


def test_pairs_are_ranked_as_the_area_under_the_curve_says() -> None:
    real, made = torch.randn(40) + 0.5, torch.randn(40)
    made[:3] = real[:3]  # ties
    is_real = torch.arange(80) < 40
    expected = auroc(torch.cat((real, made)), is_real)
    assert gan_images.ranked_above(real, made) == pytest.approx(expected)


def test_noise_on_an_arc_is_as_the_sampler_has_it(gallery: gan_gallery.Gallery) -> None:
    count = gan_images.PATHS
    a, b = gallery.z[:count], gallery.z[count : 2 * count]
    expected = latent.interpolate(gallery.model, a, b, gan_images.STOPS, "spherical")
    found = gan_images.noise_step(gallery).arrays["way"]
    assert np.abs(found - expected.numpy()).max() < 1e-6


def test_spread_and_distance_of_known_images() -> None:
    real = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    images = torch.tensor([0.0, 0.5]).view(2, 1, 1, 1)
    assert gan_ends.mean_distance(images) == 0.5
    assert gan_ends.spread(images, real) == pytest.approx(0.25)


def test_the_spread_is_the_one_that_the_run_watches(digits: Run) -> None:
    from olaria.kinds.images import WATCHED_DRAWS
    from olaria.training.randomness import generator

    data: Any = digits.data()
    drawn = latent.prior(digits.model(), WATCHED_DRAWS, generator(0, "coverage"))
    real = data.validation.x[:WATCHED_DRAWS].float() / 255
    recorded = [row["values"]["spread"] for row in digits.metrics() if "spread" in row["values"]]
    assert gan_ends.spread(drawn, real) == pytest.approx(recorded[-1], abs=1e-5)


def test_frames_are_the_images_that_were_drawn(tmp_path: Path, digits: Run) -> None:
    images = torch.randint(0, 256, (NUM_WATCHED, 3, 5, 7), dtype=torch.uint8)
    save_png(tmp_path / "step-000007.png", make_grid(images, scale=SCALE))
    run = Run(digits.path)
    run.samples = lambda: [tmp_path / "step-000007.png"]  # type: ignore[method-assign]
    steps, frames = game_frames.tiles(run, (3, 5, 7), 11)
    assert steps == [7]
    assert (frames[0] == images[:11].numpy()).all()
    assert game_frames.num_tiles(run, (3, 5, 7)) == NUM_WATCHED


def test_the_last_frame_is_checked_against_its_file(
    gallery: gan_gallery.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    (step,) = gan_ends.frames_steps(gallery)
    assert [check.holds for check in step.checks] == [True]
    tiles = gan_ends.tiles
    monkeypatch.setattr(
        gan_ends, "tiles", lambda *words: (tiles(*words)[0], tiles(*words)[1][::-1])
    )
    (step,) = gan_ends.frames_steps(gallery)
    assert [check.holds for check in step.checks] == [False]


def test_a_file_that_is_no_picture_is_told(tmp_path: Path, digits: Run) -> None:
    run = Run(digits.path)
    path = tmp_path / "step-000001.png"
    path.write_bytes(b"no picture")
    run.samples = lambda: [path]  # type: ignore[method-assign]
    with pytest.raises(DamagedError, match=r"step-000001\.png"):
        game_frames.tiles(run, (1, 8, 8), 4)


def test_a_run_without_pictures_or_rows_still_teaches(
    digits: Run, ring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "samples", lambda self: [])
    monkeypatch.setattr(Run, "metrics", lambda self: [])
    for run, count in ((digits, 6), (ring, 8)):
        steps = lesson(Run(run.path))
        assert len(steps) == count
        assert_sound(steps, widest=32)


# -- warnings --------------------------------------------------------------------------------------


def test_warnings_are_told_in_words(ring: Run, tmp_path: Path) -> None:
    message = Message("the generated images are all nearly the same (mode collapse)")
    line = {"event": "warned", "step": 9, "message": message.to_json(), "kind": "narrow"}
    append_line(tmp_path / "events.jsonl", line)
    events = [json.loads(text) for text in (tmp_path / "events.jsonl").read_text().splitlines()]
    note = {**events[0], "kind": ""}  # worth knowing and no trouble
    table = game_answers.warnings_table(ring, [*events, note])
    assert table.rows == ((9, message),)
    quiet = game_answers.warnings_table(ring, [])
    assert "nothing" in str(quiet.rows[0][1])


def test_a_watch_that_was_off_is_told(ring: Run) -> None:
    run = Run(ring.path)
    run.recipe = ring.recipe.updated("training.health", False)
    assert "was off" in str(game_answers.warnings_table(run, []).rows[0][1])


def test_a_plane_gan_in_numpy_with_and_without_spectral_norm() -> None:
    for spectral in (False, True):
        model = PlaneGAN(PlaneGANConfig(hidden=(6, 5), spectral=spectral), 2).eval()
        model.requires_grad_(False)
        model.adapt(3 * torch.randn(50, 2) + 1)
        x = torch.randn(9, 2)
        said = games.point_logits(model, x.double().numpy())
        assert np.abs(said - model.discriminate(x).numpy()).max() < 1e-5
