"""The game of points in a page: its steps are the engine's, whatever the losses and penalties."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from olaria.data.plane import GRID_STD, RING_STD, SPIRAL_STD, SPIRAL_TURNS, grid_modes, ring_modes
from olaria.evaluation.plane import clusters
from olaria.export.play import play
from olaria.families.gan import PlaneGANConfig
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import generator_loss
from olaria.recipes.training import TrainingConfig
from olaria.training.engine import Trainer
from olaria.training.feed import ExampleFeed
from olaria.training.randomness import generator
from olaria.training.watch import Watch

Node = Callable[..., list[Any]]
Document = Callable[..., dict[str, Any]]
TOLERANCE = 1e-4
SEED, STEPS, BATCH = 7, 50, 32

GAMES: list[dict[str, Any]] = [
    {"loss": "non-saturating", "penalty": "r1", "penalty_weight": 0.1, "hidden": (12, 8)},
    {"loss": "minimax", "penalty": "gradient", "discriminator_rate": 0.5, "hidden": (16, 12)},
    {"loss": "least-squares", "spectral": True, "slope": 0.1, "hidden": (8, 8, 8)},
    {"loss": "hinge", "spectral": True, "penalty": "gradient"},
    {"loss": "wasserstein", "penalty": "gradient", "discriminator_updates": 3},
    {"loss": "hinge", "spectral": True, "penalty": "r1", "penalty_weight": 1.0, "latent": 3},
]
TRAININGS: list[dict[str, Any]] = [
    {"betas": (0.0, 0.99), "decay_from": 0.5, "ema": 0.995},
    {"decay": "cosine", "weight_decay": 0.1},
    {"decay": "constant", "warmup_steps": 0, "betas": (0.5, 0.9), "ema": 0.9},
    {"clip_norm": 0.05, "final_factor": 0.1},
    {"betas": (0.0, 0.9), "ema": 0.99},
    {"warmup_steps": 10},
]
CASES = list(zip(GAMES, TRAININGS, strict=True))
IDS = ["-".join(str(value) for value in game.values()) for game, _ in CASES]


def ring(count: int) -> Tensor:
    """Eight clusters around (1, -2)."""
    draws = torch.Generator().manual_seed(1)
    angle = torch.randint(8, (count,), generator=draws) * (torch.pi / 4)
    centres = 2 * torch.stack((angle.cos(), angle.sin()), 1) + torch.tensor([1.0, -2.0])
    return centres + 0.1 * torch.randn(count, 2, generator=draws)


def untrained(settings: dict[str, Any], points: Tensor) -> tuple[PlaneGANConfig, PlaneGAN]:
    """A game before its first step.

    Where a loss is straight, the gradient of a bias is nothing but rounding as long as its unit is active on all
    points, and Adam makes a whole step of it: PyTorch in single and in double precision part by 6e-3. Without biases
    every unit begins with its edge across the points.
    """
    torch.manual_seed(0)
    game = PlaneGANConfig(**{"hidden": (16,), **settings})
    model = PlaneGAN(game, 2)
    model.adapt(points)
    if game.loss in ("hinge", "wasserstein"):
        with torch.no_grad():
            for name, value in model.named_parameters():
                if name.endswith("bias"):
                    value.zero_()
    return game, model


def recorded(game: PlaneGANConfig, feed: ExampleFeed) -> dict[str, Any]:
    """Batches and noise of a run, in the order in which they are drawn."""
    real, noise, uniform = [], [], []

    def drawn(phase: str, update: int) -> torch.Generator:
        draws = generator(SEED, "noise", phase, update)
        noise.append(torch.randn(BATCH, game.latent, generator=draws).flatten().tolist())
        return draws

    updates = 0
    for _ in range(STEPS):
        for _ in range(game.discriminator_updates):
            real.append(feed.batch(updates).x.flatten().tolist())
            draws = drawn("discriminator", updates)
            if game.penalty == "gradient":
                uniform.append(torch.rand(BATCH, 1, generator=draws).flatten().tolist())
            updates += 1
        drawn("generator", updates)
    return {"batchSize": BATCH, "real": real, "noise": noise, "uniform": uniform}


def learnt(model: PlaneGAN) -> list[list[Tensor]]:
    """Weights and biases of the generator, then of the discriminator, as the page orders them."""
    return [
        [value for layer in side if isinstance(layer, nn.Linear) for value in _of_layer(layer)]
        for side in (model.generator.network, model.discriminator)
    ]


def _of_layer(layer: Any) -> tuple[Tensor, Tensor]:
    if parametrize.is_parametrized(layer):
        return layer.parametrizations.weight.original, layer.bias
    return layer.weight, layer.bias


@pytest.fixture(scope="module")
def trained(played: Document, images_in_node: Node) -> list[dict[str, Any]]:
    """Each game, played for fifty steps by the engine and by a page."""
    points = ring(500)
    z, places = torch.randn(20, 3), 3 * torch.randn(30, 2)
    games, jobs = [], []
    for settings, options in CASES:
        game, model = untrained(settings, points)
        training = TrainingConfig(
            steps=STEPS, batch_size=BATCH, learning_rate=2e-3, precision="float32", **options
        )
        begun = copy.deepcopy(model)
        feed = ExampleFeed(points, None, BATCH, SEED)
        shown = z[:, : game.latent].contiguous()
        document = played(begun, 2, **training.model_dump())
        source = {
            **recorded(game, feed),
            "shown": shown.flatten().tolist(),
            "places": places.flatten().tolist(),
        }
        fractions = [step / STEPS for step in range(STEPS)]
        job = {"job": "train", "document": document, "source": source, "steps": STEPS}
        jobs.append({**job, "fractions": fractions})
        trainer = Trainer(model, feed, training, SEED, Watch(lambda model: {}, lambda model: None))
        losses = [event for event in trainer.stream() if event.event == "step"]
        games.append(
            {
                "model": model.eval(),
                "ema": trainer.ema,
                "losses": losses,
                "shown": shown,
                "places": places,
            }
        )
    for game, found in zip(games, images_in_node(*jobs), strict=True):
        assert found.get("error") is None, found["error"]
        game["found"] = found
    return games


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_fifty_steps_are_the_engines(trained: list[dict[str, Any]], index: int) -> None:
    game = trained[index]
    found = game["found"]
    pairs = [(found["weights"], game["model"])]
    if game["ema"] is not None:
        pairs.append((found["averages"], game["ema"]))
    for ours, model in pairs:
        for side, theirs in zip(ours, learnt(model), strict=True):
            for value, expected in zip(side, theirs, strict=True):
                assert torch.tensor(value).sub(expected.flatten()).abs().max() < TOLERANCE


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_points_logits_and_losses_are_the_engines(
    trained: list[dict[str, Any]], index: int
) -> None:
    game = trained[index]
    found, model = game["found"], game["model"]
    with torch.no_grad():
        points = model.generator(game["shown"])
        logits = model.discriminate(game["places"])
    close(found["points"], points)
    close(found["logits"], logits)
    if game["ema"] is not None:
        with torch.no_grad():
            close(found["averaged"], game["ema"].generator(game["shown"]))
    updates = GAMES[index].get("discriminator_updates", 1)
    assert len(found["losses"]) == STEPS * (updates + 1)
    for step, event in enumerate(game["losses"]):
        # Of several updates the engine tells the last.
        *_, judge, maker = found["losses"][step * (updates + 1) :][: updates + 1]
        assert judge["side"] == "discriminator" and maker["side"] == "generator"
        for side, name in ((judge, "discriminator"), (maker, "generator")):
            close([side["loss"]], torch.tensor([event.values[f"{name}_loss"]]))
            close([side["gradient"]], torch.tensor([event.values[f"{name}_gradient"]]))
        if "penalty" in event.values:
            close([judge["penalty"]], torch.tensor([event.values["penalty"]]))


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_points_are_pulled_down_the_generators_loss(
    trained: list[dict[str, Any]], index: int
) -> None:
    """Minus the gradient of each point's own loss, in the units of the data."""
    game = trained[index]
    last, model = game["found"]["last"], game["model"]
    assert last["side"] == "generator" and last["stage"] == "updated"
    points = torch.tensor(last["generated"]).view(BATCH, 2).requires_grad_()
    loss = BATCH * generator_loss(model.discriminate(points), model.config.loss)
    (gradient,) = torch.autograd.grad(loss, points)
    close(last["pull"], -gradient)
    places = game["places"].clone().requires_grad_()
    output = model.discriminate(places)
    loss = len(places) * generator_loss(output, model.config.loss)
    (gradient,) = torch.autograd.grad(loss, places)
    pulls = game["found"]["pulls"]
    close(pulls["pull"], -gradient)
    close(pulls["logits"], output.detach())


def test_the_readers_match_is_the_same_when_played_again(images_in_node: Node) -> None:
    """Its turns are a text; and each way to break it does what the page says of it."""
    games = [
        {"rule": "fair", "turns": "60t1d2g5t", "seed": 3},
        {"rule": "fair", "turns": "60t1d2g5t", "seed": 3},
        {"rule": "fair", "turns": "60t2g1d5t", "seed": 3},
        {"rule": "fair", "turns": "300t", "seed": 0},
        {"rule": "strong", "turns": "300t", "seed": 0},
        {"rule": "idle", "turns": "300t", "seed": 0},
        {"rule": "silent", "turns": "300t", "seed": 0},
    ]
    found = images_in_node(*({"job": "match", **game} for game in games))
    assert [one["played"] for one in found] == [game["turns"] for game in games]
    one, again, other, fair, strong, idle, silent = found
    assert one == again and one["step"] == 67
    assert one["generated"] != other["generated"]
    assert fair["clusters"]["covered"] >= 6 and fair["clusters"]["all"] == 8
    assert strong["clusters"]["covered"] <= 3
    # The first discriminator calls every point real that has run far enough.
    assert idle["clusters"]["near"] == 0 and min(idle["logits"]) > 3
    assert len({tuple(silent["generated"][i : i + 2]) for i in range(0, 800, 2)}) == 1
    assert silent["clusters"]["covered"] <= 1


def close(found: list[float], expected: Tensor) -> None:
    expected = expected.flatten()
    torch.testing.assert_close(torch.tensor(found), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_a_run_proves_itself(tiny_run: Any, images_in_node: Node) -> None:
    document = play(tiny_run("gan-ring"), "float16")
    (found,) = images_in_node({"job": "prove", "document": document})
    assert found["holds"] and found["count"] == 64 * 2 + 64
    assert document["precision"] == "float32"  # the page trains on


def test_a_game_that_begins_in_the_page_finds_the_clusters(images_in_node: Node) -> None:
    """Untrained networks of the page's own: after some hundred steps points lie near several clusters."""
    points = ring(1000)
    settings = {"hidden": [16, 16]}
    job = {"job": "play", "points": points.flatten().tolist(), "settings": settings}
    early, late = images_in_node({**job, "steps": 0}, {**job, "steps": 600})
    assert late["step"] == 600
    near = []
    for found in (early, late):
        made = torch.tensor(found["points"]).view(-1, 2)
        assert made.isfinite().all()
        near.append(int((torch.cdist(points, made).min(1).values < 0.3).sum()))
    assert near[0] < 300 < 600 < near[1], near


@pytest.mark.parametrize(("name", "modes"), [("ring", ring_modes), ("grid", grid_modes)])
def test_clusters_of_the_page_are_those_of_the_data(
    images_in_node: Node, name: str, modes: Callable[[], Tensor]
) -> None:
    (found,) = images_in_node({"job": "points", "name": name, "count": 4000})
    centres, std = torch.tensor(found["modes"], dtype=torch.float32), found["std"]
    torch.testing.assert_close(centres, modes())
    assert std == {"ring": RING_STD, "grid": GRID_STD}[name]
    points = torch.tensor(found["points"]).view(-1, 2)
    expected = clusters(points, centres, 0.4 * std)
    assert found["covered"] == expected.modes_covered == len(centres)
    assert found["near"] == pytest.approx(expected.high_quality_share, abs=1e-6)
    torch.testing.assert_close(torch.tensor(found["shares"]).double(), expected.shares)
    # Within 1.2 deviations: 1 - e^(-0.72) of all, give or take four standard errors.
    assert found["near"] == pytest.approx(1 - math.exp(-0.72), abs=4 * 0.008)


def test_the_spiral_of_the_page_is_that_of_the_data(images_in_node: Node) -> None:
    (found,) = images_in_node({"job": "points", "name": "spiral", "count": 4000})
    points = torch.tensor(found["points"]).view(-1, 2)
    radius = points.norm(dim=1)
    assert found["modes"] is None and found["std"] == SPIRAL_STD
    # The radius is 2 √u: uniform in its square.
    assert radius.square().mean() == pytest.approx(2, abs=0.1)
    along = radius.clamp(0.2) / 2 * (2 * torch.pi * SPIRAL_TURNS)
    off = (points - radius[:, None] * torch.stack((along.cos(), along.sin()), 1)).norm(dim=1)
    assert off.median() < 0.4 < radius.median()
