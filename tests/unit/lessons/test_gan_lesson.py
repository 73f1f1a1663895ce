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
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.figures import Heat, Plot, Table
from olaria.lessons.gan import game, images, points, record
from olaria.lessons.gan.scene import Pictures, Points, Update, loss_of, side_of
from olaria.lessons.gan.ways import ByNumPy, ByTorch, pull_of
from olaria.lessons.twice import compared
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.runs import Run
from olaria.sampling import latent, plane
from olaria.storage.files import append_line
from olaria.storage.images import make_grid, save_png
from olaria.training.randomness import generator
from olaria.training.recorder import SCALE

from .sound import all_figures, assert_sound, failing

LESSON = LESSONS["gan"]

TinyRun = Callable[..., Run]
LOSSES: tuple[AdversarialLoss, ...] = get_args(AdversarialLoss)
IN_THE_PLANE = [
    "One real example and one generated",
    "From noise to points",
    "The discriminator's surface",
    "Two losses from the same outputs",
    "One update of each network",
    "The gradient at each point",
    "How both networks moved",
    "The best discriminator",
    "The balance",
    "What collapse looks like",
    "What your model does beyond the textbook",
]
OF_IMAGES = [
    "One real example and one generated",
    "From noise to an image",
    "What the discriminator outputs",
    "Two losses from the same outputs",
    "One update of each network",
    "The gradient at each pixel",
    "First image, last image, and the way between",
    "The balance",
    "What collapse looks like",
    "What your model does beyond the textbook",
]


def lesson(run: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked((run,), seed=seed))


def titles(steps: tuple[Step, ...]) -> list[str]:
    return [step.title.text() for step in steps]


def values_of(values: Any) -> dict[str, Any]:
    assert isinstance(values, dict)
    return values


@pytest.fixture(scope="session")
def ring(tiny_run: TinyRun) -> Run:
    return tiny_run("gan-ring", steps=60)


@pytest.fixture(scope="session")
def digits(tiny_run: TinyRun) -> Run:
    return tiny_run("gan-mnist")


@pytest.fixture(scope="session")
def scene(ring: Run) -> Points:
    return Points.of(Asked((ring,)))


@pytest.fixture(scope="session")
def pictures(digits: Run) -> Pictures:
    return Pictures.of(Asked((digits,)))


# -- the whole lesson ------------------------------------------------------------------------------


def test_the_ring(ring: Run) -> None:
    steps = lesson(ring)
    assert titles(steps) == IN_THE_PLANE
    assert_sound(steps, figures=True, source=True, widest=32)


def test_the_digits(digits: Run) -> None:
    steps = lesson(digits)
    assert titles(steps) == OF_IMAGES
    assert_sound(steps, figures=True, source=True, widest=32)


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
    assert_sound(lesson(tiny_run(preset, *settings, steps=12)), figures=True, widest=32)


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
    steps = lesson(tiny_run(preset, *settings, steps=12))
    assert_sound(steps, figures=True, widest=32)
    assert ("The class beside the noise" in titles(steps)) == preset.startswith("cgan")


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
    assert heats[0].values.shape == (17, 20)  # of 34 × 40: sums over blocks of two by two
    pull = next(step.arrays["pull"] for step in steps if "pull" in step.arrays)
    assert heats[0].values[0, 0] == pytest.approx(pull[0, :, :2, :2].sum())


def test_another_seed_shows_other_examples_and_the_same_one_the_same(digits: Run) -> None:
    first, again, other = (lesson(digits, seed)[1].arrays["z"] for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).any()


def test_a_run_of_another_family_is_refused(digits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "family", "vae")
    with pytest.raises(LessonError, match="olaria train gan-ring"):
        lesson(digits)


def test_only_the_losses_of_the_run_are_told(ring: Run) -> None:
    steps = lesson(ring)
    formulas = [b.latex for step in steps[:-1] for b in step.blocks if hasattr(b, "latex")]
    assert any("-\\log D(G(z))" in latex for latex in formulas)
    assert not [latex for latex in formulas if "\\max" in latex or "l(G(z))^2" in latex]


# -- what fails where a number is wrong ------------------------------------------------------------


TURN = IN_THE_PLANE.index("One update of each network")
MEASURES = {
    "read": [0, 2, 3, 4, 7, 9],
    "terms": [0, 3, 5, 8, 10],
    "losses": [3, 4, 7],
    "slopes": [3, 10],
    "falls": [5],
    "steepness": [4],
    "log_density": [7],
    "clusters": [1, 6, 9],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    ring: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    right = getattr(ByTorch, method)

    def wrong(*words: Any) -> Any:
        found = right(*words)
        if isinstance(found, tuple):
            return tuple(1.5 * x + 0.01 for x in found)
        return 1.5 * found + 0.01

    monkeypatch.setattr(ByTorch, method, wrong)
    found = failing(lesson(ring))
    assert found == MEASURES[method]


@pytest.mark.parametrize("method", ["ranked", "distances", "spread"])
def test_a_wrong_measure_of_images_fails_checks(
    digits: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    right = getattr(ByTorch, method)
    monkeypatch.setattr(ByTorch, method, lambda *words: 1.5 * right(*words))
    place = "What the discriminator outputs" if method == "ranked" else "What collapse looks like"
    assert failing(lesson(digits)) == [OF_IMAGES.index(place)]


def test_turned_logits_fail_the_checks_of_the_outputs(
    digits: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    discriminate = GAN.discriminate
    monkeypatch.setattr(GAN, "discriminate", lambda *words: -discriminate(*words))
    found = failing(lesson(digits))
    assert found == [0, 2, 3, 4, 5, 8]


def test_a_turned_generator_fails_the_checks_of_the_points(
    ring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = ByTorch.generated
    monkeypatch.setattr(ByTorch, "generated", lambda *words: -generated(*words))
    assert failing(lesson(ring)) == [0, 1, 4, 6]


def test_a_pull_turned_round_fails_its_check(
    digits: Run, ring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (images, points):
        monkeypatch.setattr(module, "pull_of", lambda *words: -pull_of(*words))
    assert failing(lesson(digits)) == [OF_IMAGES.index("The gradient at each pixel")]
    assert failing(lesson(ring)) == [IN_THE_PLANE.index("The gradient at each point")]


# -- the networks in NumPy -------------------------------------------------------------------------


def test_a_changed_weight_is_noticed(digits: Run, ring: Run, scene: Points) -> None:
    for run, changed in ((digits, "discriminator.features.0"), (ring, "discriminator.0")):
        model: Any = run.model()
        x = torch.rand(4, *run.dimensions()) if run is digits else torch.randn(4, 2)  # type: ignore[misc]
        before = ByNumPy(scene, model).logits(x.double().numpy())
        assert np.abs(before - model.discriminate(x).numpy()).max() < 1e-5
        model.get_submodule(changed).bias += 0.1
        assert np.abs(before - model.discriminate(x).numpy()).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 20, 28), (1, 9, 9)])
def test_images_of_any_shape_are_made_and_judged_alike_in_numpy(
    scene: Points, shape: tuple[int, int, int]
) -> None:
    config = GANConfig(latent=5, generator_width=2, discriminator_width=3, classes=3)
    model = GAN(config, shape).eval().requires_grad_(False)
    z, y = torch.randn(3, 5), torch.arange(3)
    x = model.generator(z, y)
    twin = ByNumPy(scene, model)
    made = twin.generated(z.double().numpy(), y.numpy())
    assert np.abs(made - x.numpy()).max() < 1e-5
    said = twin.logits(x.double().numpy(), y.numpy())
    assert np.abs(said - model.discriminate(x, y).numpy()).max() < 1e-5


def test_a_plane_gan_in_numpy_with_and_without_spectral_norm(scene: Points) -> None:
    for spectral in (False, True):
        model = PlaneGAN(PlaneGANConfig(hidden=(6, 5), spectral=spectral), 2).eval()
        model.requires_grad_(False)
        model.adapt(3 * torch.randn(50, 2) + 1)
        x = torch.randn(9, 2)
        said = ByNumPy(scene, model).logits(x.double().numpy())
        assert np.abs(said - model.discriminate(x).numpy()).max() < 1e-5


# -- gradients and updates -------------------------------------------------------------------------


def test_the_pull_is_the_gradient_that_training_has(pictures: Pictures) -> None:
    x = pictures.made[:3].clone().requires_grad_()
    generator_loss(pictures.model.discriminate(x), pictures.loss).backward()
    assert x.grad is not None
    pull = pull_of(pictures.model, pictures.made[:3], None, pictures.loss)
    assert np.abs(pull + 3 * x.grad.numpy()).max() < 1e-5  # of the mean over three images
    assert np.abs(pull).max() > 1e-4


def test_points_moved_along_their_pull_fool_the_discriminator_more(scene: Points) -> None:
    points = scene.made[:50]
    pull = torch.from_numpy(pull_of(scene.model, points, None, scene.loss)).float()
    before, after = (scene.model.discriminate(points + way * pull) for way in (0.0, 0.01))
    assert bool((after >= before).all())


@pytest.mark.parametrize("kind", ["scene", "pictures"])
def test_an_update_is_a_gradient_step_of_one_side(kind: str, request: Any) -> None:
    known: Points | Pictures = request.getfixturevalue(kind)
    update, second = known.turn
    z, real = known.z[: known.batch], known.real[: known.batch]
    model = known.run.model()
    assert isinstance(model, PlaneGAN | GAN)
    model.requires_grad_(True)
    fake = model.generator(z).detach()
    loss = discriminator_loss(model.discriminate(real), model.discriminate(fake), known.loss)
    loss.backward()
    for (name, old), (_, new) in zip(
        model.named_parameters(), update.after.named_parameters(), strict=True
    ):
        if side_of(name) == "generator":
            assert torch.equal(old, new), name
        else:
            assert old.grad is not None
            torch.testing.assert_close(new, old - update.rate * old.grad, rtol=1e-4, atol=1e-6)
    assert second.before is update.after
    assert second.moved("discriminator") == 0 < second.moved("generator")


def test_each_update_lowers_its_own_loss_as_its_gradient_promises(scene: Points) -> None:
    table = game.turn(scene, ByTorch(scene))["turn"]
    for place, update in enumerate(scene.turn):
        promised = update.rate * ByTorch(scene).steepness(update)
        fall = table[place, 2 + place] - table[place + 1, 2 + place]
        assert 0.49 * promised < fall < 1.5 * promised
    assert table[:, 4].tolist() == pytest.approx([0, *[scene.turn[0].moved("discriminator")] * 2])


def test_a_side_that_is_not_held_fixed_fails_the_check(
    ring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loose(update: Update, step: float, *, double: bool = False) -> Any:
        model = moved_by(update, step, double=double)
        for parameter in model.parameters():
            parameter += 0.001
        return model

    moved_by = Update.moved_by
    monkeypatch.setattr(Update, "moved_by", loose)
    known = Points.of(Asked((ring,)))
    (check,) = game.turn(known, ByTorch(known))["checks"]
    assert not check.holds


# -- the balance -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "wasserstein"])
@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (1.5, 0.5), (0.2, 0.7)])
def test_the_best_output_is_the_least_of_the_losses_themselves(
    scene: Points, loss: AdversarialLoss, p: float, q: float
) -> None:
    real_free, fake_free = torch.tensor([60.0]), torch.tensor([-60.0])
    if loss == "least-squares":
        real_free, fake_free = torch.tensor([1.0]), torch.tensor([0.0])

    def cost(l: float) -> float:
        output = torch.tensor([l], dtype=torch.float64)
        on_real, on_fake = (
            discriminator_loss(*both, loss).item()
            for both in ((output, fake_free), (real_free, output))
        )
        return p * on_real + q * on_fake

    found = minimize_scalar(cost, bounds=(-6, 6), method="bounded", options={"xatol": 1e-9})
    for way in (ByTorch(scene), ByNumPy(scene)):
        at, least = way.best(p, q, loss)
        assert found.fun == pytest.approx(least, abs=1e-6)
        assert (at is None) == (loss == "hinge" and p == q)
        if at is not None:
            assert found.x == pytest.approx(at, abs=1e-4)


def test_the_generators_balance_has_the_sign_of_its_form(scene: Points) -> None:
    for way in (ByTorch(scene), ByNumPy(scene)):
        found = {loss: game.balance_of(way, loss) for loss in LOSSES}
        log_two = math.log(2)
        assert found["minimax"] == pytest.approx((0, 2 * log_two, -log_two), abs=1e-6)
        assert found["non-saturating"] == pytest.approx((0, 2 * log_two, log_two), abs=1e-6)
        assert found["least-squares"] == pytest.approx((0.5, 0.25, 0.125), abs=1e-6)
        assert found["hinge"] == (None, pytest.approx(2), None)
        assert found["wasserstein"] == (None, 0, None)


def test_a_critic_that_cannot_tell_has_no_loss_whatever_it_outputs(scene: Points) -> None:
    outputs = torch.tensor([-3.0, 40.0])
    assert discriminator_loss(outputs, outputs, "wasserstein").item() == 0.0
    assert ByTorch(scene).best(1.5, 0.5, "wasserstein") == (None, -math.inf)


def test_losses_are_named_in_words(ring: Run) -> None:
    step = lesson(ring)[IN_THE_PLANE.index("What your model does beyond the textbook")]
    (table,) = (figure for figure in all_figures(step.figures) if isinstance(figure, Table))
    names = [row[0] for row in table.rows]
    assert all(isinstance(name, Message) for name in names) and list(game.NAMES) == list(LOSSES)
    assert [name.text() for name in names][2::2] == ["least squares", "Wasserstein"]


@pytest.mark.parametrize("loss", LOSSES)
def test_terms_sum_to_the_losses(scene: Points, loss: AdversarialLoss) -> None:
    real, fake = torch.randn(7).double(), torch.randn(7).double()
    for way in (ByTorch(scene), ByNumPy(scene)):
        on_real, on_fake = (way.terms(x.numpy(), loss)[k] for k, x in enumerate((real, fake)))
        whole = discriminator_loss(real, fake, loss).item()
        assert (on_real + on_fake).mean() == pytest.approx(whole)
        own = generator_loss(fake, loss).item()
        assert way.terms(fake.numpy(), loss)[2].mean() == pytest.approx(own)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_balance_fails_its_check(
    tiny_run: TinyRun, loss: AdversarialLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("gan-ring", f"model.loss={loss}", steps=3)
    known, right = Points.of(Asked((run,))), ByTorch.best

    def hold() -> bool:
        both = (game.balance(known, way(known)) for way in (ByTorch, ByNumPy))
        values, again = both
        return all(check.holds for check in (*compared(values, again), *values["checks"]))

    assert hold()
    monkeypatch.setattr(ByTorch, "best", lambda *w: (right(*w)[0], right(*w)[1] + math.log(2)))
    assert not hold()


def test_sides_that_pull_the_same_way_are_said_to(
    scene: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    for low, opposed in ((-2.0, False), (0.5, True)):
        known = replace(scene, loss="least-squares", model=_Constant(scene.model, low))
        assert game.losses(known, ByTorch(known))["opposed"] is opposed


@pytest.mark.parametrize(("output", "answer"), [(-4.0, 1), (4.0, 0), (0.1, 2)])
def test_which_form_has_the_larger_derivative_is_told_by_the_run(
    scene: Points, output: float, answer: int
) -> None:
    known = replace(scene, model=_Constant(scene.model, output))
    found = game.losses(known, ByTorch(known))
    assert found["answer"] == answer
    assert found["plain"] + found["turned"] == pytest.approx(1)


class _Constant(PlaneGAN):
    """A discriminator that says the same of every point."""

    def __init__(self, model: PlaneGAN, output: float) -> None:
        super().__init__(model.config, 2)  # type: ignore[arg-type]
        self.output = output

    def discriminate(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        return torch.full((len(x),), self.output)


def test_the_last_tenth_is_of_the_runs_own_log(scene: Points) -> None:
    rows = [row for row in scene.run.metrics() if row["split"] == "train" and row["step"] >= 54.1]
    mean = sum(row["values"]["generator_loss"] for row in rows) / len(rows)
    assert game.balance(scene, ByTorch(scene))["last_generator"] == pytest.approx(mean)


def test_what_a_rescue_changed_is_told(scene: Points) -> None:
    events: list[dict[str, Any]] = [
        {"event": "changed", "path": "model.loss", "value": "hinge", "step": 50},
        {"event": "restarted", "step": 50},
    ]
    assert loss_of(scene.run, events) == "hinge"
    assert loss_of(scene.run, []) == "non-saturating"
    rescued = replace(scene, loss="hinge", events=events)
    history = game.balance(rescued, ByTorch(rescued))["history"]
    assert isinstance(history, Plot)
    assert [place for _, place in history.marks] == [50, 50]


# -- the plane -------------------------------------------------------------------------------------


def test_the_surface_is_the_discriminators(scene: Points) -> None:
    shown = points.surface_of(scene, ByTorch(scene))
    places = plane.places(plane.window(scene.data.train), 40)
    expected = (1 + scene.model.shade(places).numpy()) / 2
    assert np.abs(shown.ravel() - expected).max() < 1e-5
    left, right, bottom, top = scene.extent
    assert scene.grid[0] == pytest.approx((left + (right - left) / 80, top - (top - bottom) / 80))


def test_outputs_that_are_no_logits_are_white_where_they_cannot_tell(scene: Points) -> None:
    middle: dict[AdversarialLoss, float] = {"least-squares": 0.5, "hinge": 0.0}
    for loss, value in middle.items():
        for output, share in ((value, 0.5), (9.0, 1.0), (-9.0, 0.0)):
            known = replace(scene, loss=loss, model=_Constant(scene.model, output))
            assert (points.surface_of(known, ByTorch(known)) == share).all()


def test_the_first_weights_are_those_that_the_run_began_with(scene: Points) -> None:
    assert [step for step, _ in scene.states] == [0, *scene.run.folder.checkpoint_steps()]
    _, frames = record.pictures(scene.run, 10**6, 100)
    first = scene.states[0][1]
    made = plane.draw(first, 2000, generator(scene.run.recipe.seed, "watching"))
    picture = plane.picture(first, scene.data.train[:2000], made)[0]
    twice = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert np.abs(frames[0] / 255 - twice.numpy()).max() < 0.01


def test_the_best_discriminator_of_equal_densities_is_at_a_half(scene: Points) -> None:
    equal = replace(scene, made=scene.data.train[: len(scene.made)])
    found = values_of(points.best(equal, ByTorch(equal)))
    assert abs(found["best_real"].mean() - 0.5) < 0.02
    assert abs(found["best_generated"].mean() - 0.5) < 0.02
    assert abs(found["js"]) < 0.01
    assert all(check.holds for check in found["checks"])


def test_the_best_discriminator_of_densities_apart_knows_all(scene: Points) -> None:
    apart = replace(scene, made=scene.made / 100)
    found = values_of(points.best(apart, ByNumPy(apart)))
    assert found["best_real"].min() > 0.999
    assert found["best_generated"].max() < 0.001
    assert found["js"] == pytest.approx(math.log(2), abs=1e-3)


def test_the_blurred_density_is_the_normal_mixture_of_torch(scene: Points) -> None:
    centres, at = torch.randn(5, 2).double(), torch.randn(7, 2).double()
    normal = torch.distributions.MultivariateNormal(centres, 0.09 * torch.eye(2).double())
    expected = (normal.log_prob(at[:, None]).logsumexp(1) - math.log(5)).numpy()
    for way in (ByTorch(scene), ByNumPy(scene)):
        found = way.log_density((centres.numpy(), 0.3), at.numpy())
        assert found == pytest.approx(expected)


def test_neighbourhoods_and_clusters_are_those_of_the_evaluation(scene: Points) -> None:
    small = replace(scene.data, test=scene.real[:400])
    found, _, _ = evaluate_points(scene.made[:400], small)
    modes, std = scene.data.modes, scene.data.mode_std
    assert modes is not None
    assert std is not None
    for way in (ByTorch(scene), ByNumPy(scene)):
        near = way.neighbourhoods(scene.made.double().numpy(), scene.real.double().numpy())
        assert near == pytest.approx([found["precision"], found["coverage"]])
        covered, share, shares = way.clusters(
            scene.real.double().numpy(), modes.double().numpy(), std
        )
        assert covered == 8
        assert share == pytest.approx(1 - math.exp(-4.5), abs=0.01)
        assert shares == pytest.approx(np.full(8, 1 / 8), abs=0.03)


def test_the_simulated_collapse_is_one_cluster(scene: Points) -> None:
    full = replace(scene, made=scene.data.train[:2000])
    found = values_of(points.collapsed_points(full, ByTorch(full)))
    assert (found["shares"][0] > 0.05).all()
    assert sorted(found["shares"][1]) == [0.0] * 7 + [1.0]
    assert found["covered"] == 8
    assert found["covered_few"] == 1


# -- images ----------------------------------------------------------------------------------------


def test_pairs_are_ranked_as_the_area_under_the_curve_says(pictures: Pictures) -> None:
    real, made = torch.randn(40) + 0.5, torch.randn(40)
    made[:3] = real[:3]  # ties
    is_real = torch.arange(80) < 40
    expected = auroc(torch.cat((real, made)), is_real)
    for way in (ByTorch(pictures), ByNumPy(pictures)):
        assert way.ranked(real.numpy(), made.numpy()) == pytest.approx(expected)


def test_noise_on_an_arc_is_as_the_sampler_has_it(pictures: Pictures) -> None:
    count = images.PATHS
    a, b = pictures.z[:count], pictures.z[count : 2 * count]
    expected = latent.interpolate(pictures.model, a, b, images.STOPS, "spherical")
    found = values_of(images.walk(pictures, ByTorch(pictures)))["way"]
    assert np.abs(found - expected.numpy()).max() < 1e-6


def test_the_same_noise_for_each_class_is_as_the_sampler_has_it(tiny_run: TinyRun) -> None:
    known = Pictures.of(Asked((tiny_run("cgan-mnist", "model.loss=hinge", steps=12),)))
    found = values_of(images.classes(known, ByTorch(known)))
    z = known.z[:1].repeat(10, 1)
    expected = latent.decode(known.model, z, torch.arange(10)).numpy()
    assert np.abs(found["by_class"] - expected).max() < 1e-6
    assert found["of_class"] == pytest.approx(expected.std(0).__pow__(2).mean() ** 0.5, rel=1e-4)


def test_spread_and_distance_of_known_images(pictures: Pictures) -> None:
    real = np.array([0.0, 1.0]).reshape(2, 1, 1, 1)
    few = np.array([0.0, 0.5]).reshape(2, 1, 1, 1)
    for way in (ByTorch(pictures), ByNumPy(pictures)):
        assert way.distances(few).tolist() == [0.5, 0.5]
        assert way.spread(few, real) == pytest.approx(0.25)


def test_the_spread_is_the_one_that_the_run_watches(digits: Run, pictures: Pictures) -> None:
    from olaria.kinds.images import WATCHED_DRAWS

    data: Any = digits.data()
    drawn = latent.prior(pictures.model, WATCHED_DRAWS, generator(0, "coverage"))
    real = data.validation.x[:WATCHED_DRAWS].double() / 255
    recorded = [row["values"]["spread"] for row in digits.metrics() if "spread" in row["values"]]
    for way in (ByTorch(pictures), ByNumPy(pictures)):
        found = way.spread(drawn.double().numpy(), real.numpy())
        assert found == pytest.approx(recorded[-1], abs=1e-5)


def test_frames_are_the_images_that_were_drawn(tmp_path: Path, digits: Run) -> None:
    drawn = torch.randint(0, 256, (NUM_WATCHED, 3, 5, 7), dtype=torch.uint8)
    save_png(tmp_path / "step-000007.png", make_grid(drawn, scale=SCALE))
    run = Run(digits.path)
    run.samples = lambda: [tmp_path / "step-000007.png"]  # type: ignore[method-assign]
    steps, frames = record.tiles(run, (3, 5, 7), 11)
    assert steps == [7]
    assert (frames[0] == drawn[:11].numpy()).all()
    assert record.num_tiles(run, (3, 5, 7)) == NUM_WATCHED


def test_the_last_frame_is_checked_against_its_file(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def holds() -> list[bool]:
        found = values_of(images.frames(pictures, ByNumPy(pictures)))
        return [check.holds for check in found["checks"]]

    assert holds() == [True]
    tiles = record.tiles
    monkeypatch.setattr(images, "tiles", lambda *words: (tiles(*words)[0], tiles(*words)[1][::-1]))
    assert holds() == [False]


def test_the_second_half_is_of_the_steps_and_not_of_the_pictures(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [1, 2, 4, 8, 16, 40, 90]  # pictures lie closer at the beginning
    last = record.tiles(pictures.run, pictures.shape, 8)[1][-1]
    sheets = [np.full_like(last, 10 * place) for place in range(len(kept))]
    monkeypatch.setattr(images, "tiles", lambda *_: (kept, sheets))
    found = values_of(images.frames(pictures, ByNumPy(pictures)))
    assert (found["first"], found["middle"], found["last"]) == (1, 40, 90)
    assert found["late"] == pytest.approx(10 / 255)
    assert found["whole"] == pytest.approx(60 / 255)


def test_a_file_that_is_no_picture_is_told(tmp_path: Path, digits: Run) -> None:
    run = Run(digits.path)
    path = tmp_path / "step-000001.png"
    path.write_bytes(b"no picture")
    run.samples = lambda: [path]  # type: ignore[method-assign]
    with pytest.raises(DamagedError, match=r"step-000001\.png"):
        record.tiles(run, (1, 8, 8), 4)


def test_a_run_without_pictures_or_rows_still_teaches(
    digits: Run, ring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "samples", lambda self: [])
    monkeypatch.setattr(Run, "metrics", lambda self: [])
    for run, count in ((digits, len(OF_IMAGES) - 1), (ring, len(IN_THE_PLANE))):
        steps = lesson(Run(run.path))
        assert len(steps) == count
        assert_sound(steps, widest=32)


def test_images_that_are_all_the_same_are_refused(pictures: Pictures) -> None:
    same = replace(pictures, real=pictures.real[:1].repeat(len(pictures.real), 1, 1, 1))
    with pytest.raises(LessonError, match="all the same"):
        images.collapsed_images(same, ByTorch(same))


# -- questions and warnings ------------------------------------------------------------------------


def test_the_question_about_the_update_is_answered_by_its_numbers(ring: Run) -> None:
    step = lesson(ring)[TURN]
    (question,) = (block for block in step.blocks if isinstance(block, Question))
    before, between = step.arrays["turn"][:2, 3]
    assert question.right == (1 if between > before else 2)


def test_warnings_are_told_in_words(scene: Points, tmp_path: Path) -> None:
    message = Message("the generated images are all nearly the same (mode collapse)")
    line = {"event": "warned", "step": 9, "message": message.to_json(), "kind": "narrow"}
    append_line(tmp_path / "events.jsonl", line)
    events = [json.loads(text) for text in (tmp_path / "events.jsonl").read_text().splitlines()]
    note = {**events[0], "kind": ""}  # worth knowing and no trouble
    assert record.warned(replace(scene, events=[*events, note])).rows == ((9, message),)
    assert "nothing" in str(record.warned(replace(scene, events=[])).rows[0][1])


def test_a_watch_that_was_off_is_told(scene: Points) -> None:
    run = Run(scene.run.path)
    run.recipe = scene.run.recipe.updated("training.health", False)
    assert "was off" in str(record.warned(replace(scene, run=run, events=[])).rows[0][1])
