"""The loop: its order, its ends, what it measures, and what listeners may do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from olaria.families import MODELS
from olaria.i18n import Message
from olaria.models import build
from olaria.models.base import Batch, Loss, Model, ParameterGroup, Phase
from olaria.recipes.training import TrainingConfig
from olaria.training.engine import Trainer
from olaria.training.events import (
    NO_TIME,
    Began,
    Change,
    Changed,
    Evaluated,
    Event,
    Finished,
    Restarted,
    Sampled,
    Saving,
    Stepped,
    Stop,
    Warned,
)
from olaria.training.feed import ExampleFeed
from olaria.training.forecast import FewSteps
from olaria.training.optim import Optimizer
from olaria.training.randomness import generator, seeded
from olaria.training.schedule import Clock
from olaria.training.watch import Watch


def feed(batch_size: int = 8) -> ExampleFeed:
    """24 images, three batches an epoch."""
    x = torch.randint(0, 256, (24, 1, 8, 8), generator=generator(0, "x")).to(torch.uint8)
    return ExampleFeed(x, None, batch_size, 0)


def trainer(family: str = "autoencoder", watch: Watch | None = None, **training: Any) -> Trainer:
    """A tiny one."""
    options = {key: training.pop(key) for key in ("clock", "fractions") if key in training}
    if "budget" not in training:
        training.setdefault("steps", 6)
    config = TrainingConfig.parse({"precision": "float32", **training}, "test")
    with seeded(0, "weights"):
        model = build(MODELS[family].sizes["tiny"], (1, 8, 8))
    blind = Watch(lambda model: {}, lambda model: None)
    return Trainer(model, feed(), config, 0, watch or blind, **options)


def weights(run: Trainer) -> Tensor:
    """All of them in one vector."""
    return nn.utils.parameters_to_vector(run.model.parameters()).detach().clone()


class Recorder:
    """A listener that remembers; ``answers`` are given at a step."""

    def __init__(self, answers: dict[int, Any] | None = None) -> None:
        self.events: list[Event] = []
        self._answers = answers or {}

    def __call__(self, event: Event) -> Any:
        self.events.append(event)
        return self._answers.get(event.step) if isinstance(event, Stepped) else None

    def steps(self, kind: type[Event]) -> list[int]:
        """At which steps events of a kind came."""
        return [event.step for event in self.events if isinstance(event, kind)]


# -- order and ends --------------------------------------------------------------------------------


def test_the_order_of_events() -> None:
    listener = Recorder()
    trainer(steps=4, evaluate_every=2, sample_every=3, checkpoint_every=2).run([listener])
    seen = [(type(event), event.step) for event in listener.events]
    assert seen == [
        (Began, 0),
        (Sampled, 0),
        (Stepped, 1),
        (Stepped, 2),
        (Evaluated, 2),
        (Saving, 2),
        (Stepped, 3),
        (Sampled, 3),
        (Stepped, 4),
        (Evaluated, 4),
        (Sampled, 4),
        (Saving, 4),
        (Finished, 4),
    ]


def test_no_steps_still_measure_and_save() -> None:
    listener = Recorder()
    run = trainer(steps=0)
    before = weights(run)
    finished = run.run([listener])
    assert [type(event) for event in listener.events] == [
        Began,
        Sampled,
        Evaluated,
        Saving,
        Finished,
    ]
    assert finished.rate == 0 and torch.equal(weights(run), before)


def test_the_end_is_always_measured_drawn_and_saved() -> None:
    listener = Recorder()
    watch = Watch(lambda model: {"mse": 1.0}, lambda model: None)
    finished = trainer(
        watch=watch, steps=7, evaluate_every=5, sample_every=5, checkpoint_every=5
    ).run([listener])
    for kind in (Evaluated, Sampled, Saving):
        assert listener.steps(kind)[-2:] == [5, 7]
    assert finished.final == {"mse": 1.0}


@pytest.mark.parametrize("step", [1, 5, 6, 7])
def test_a_stop_ends_the_run_measured_and_saved(step: int) -> None:
    """Also after an earlier evaluation: what was learned since must not be lost."""
    listener = Recorder({step: Stop(Message("enough"))})
    watch = Watch(lambda model: {"weight": weights(run).norm().item()}, lambda model: None)
    run = trainer(watch=watch, steps=20, evaluate_every=5, checkpoint_every=5)
    finished = run.run([listener])
    assert finished.step == step and finished.reason == Message("enough")
    assert listener.steps(Stepped)[-1] == step
    assert listener.steps(Saving)[-1] == step
    assert listener.steps(Evaluated)[-1] == step
    assert finished.final == {"weight": weights(run).norm().item()}
    assert len(listener.steps(Saving)) == len(set(listener.steps(Saving))), "saved twice"


def test_a_warning_answered_by_a_listener_reaches_all() -> None:
    doctor = Recorder({2: Warned(step=2, elapsed_s=0.0, message=Message("careful"))})
    other = Recorder()
    trainer().run([doctor, other])
    assert other.steps(Warned) == [2] and doctor.steps(Warned) == [2]


def test_numbers_of_a_step() -> None:
    listener = Recorder()
    trainer(steps=5, warmup_steps=2, learning_rate=0.1).run([listener])
    steps = [event for event in listener.events if isinstance(event, Stepped)]
    assert [event.fraction for event in steps] == [0, 0.2, 0.4, 0.6, 0.8]
    expected = [0.05, 0.08, 0.06, 0.04, 0.02]
    assert [event.learning_rate for event in steps] == pytest.approx(expected)
    assert all(event.values["loss"] == event.values["mse"] for event in steps)
    assert steps[-1].eta_s == 0 and all(event.rate > 0 for event in steps)


# -- budget ----------------------------------------------------------------------------------------


class Ticking:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def budget_run(budget: float = 10, **training: Any) -> tuple[Trainer, Recorder]:
    """So many seconds; each batch takes one, each look at the model fifty."""
    time = Ticking()

    def look(model: Model) -> dict[str, float]:
        time.now += 50
        return {}

    run = trainer(
        watch=Watch(look, look), clock=Clock(now=time), budget=budget, evaluate_every=3, **training
    )
    honest = run._feed.batch

    def slow(update: int) -> Batch:
        time.now += 1
        return honest(update)

    run._feed.batch = slow  # type: ignore[method-assign]
    listener = Recorder()
    run.run([listener])
    return run, listener


def test_checkpoints_are_due_at_powers_of_four_where_they_are_kept() -> None:
    for kept, expected in ((False, [7, 14, 20]), (True, [1, 4, 7, 14, 16, 20])):
        listener = Recorder()
        trainer(steps=20, checkpoint_every=7, evaluate_every=100, keep_spaced=kept).run([listener])
        assert listener.steps(Saving) == expected


def test_a_budget_counts_training_and_not_watching() -> None:
    run, listener = budget_run()
    # One second went to the batch that shows the choice of precision its shape.
    assert run.progress.step == 9 and run.progress.elapsed_s == pytest.approx(10)
    assert listener.steps(Evaluated) == [3, 6, 9]
    fractions = [event.fraction for event in listener.events if isinstance(event, Stepped)]
    assert fractions == pytest.approx([step / 10 for step in range(1, 10)])


def test_a_budget_that_is_used_up_before_the_first_step_is_told_as_such() -> None:
    _, whole = budget_run()
    run, none = budget_run(budget=1)  # the batch that shows the choice of precision its shape
    assert run.progress.step == 0
    ends = [event for one in (whole, none) for event in one.events if isinstance(event, Finished)]
    assert [end.reason.id == NO_TIME for end in ends] == [False, True]
    assert FewSteps(10)(ends[0]) is None
    answer = FewSteps(1)(ends[1])
    assert isinstance(answer, Warned)
    said = answer.message.text("en")
    assert "budget=1s was used up before the first step" in said and said.endswith("budget=20s")


def test_recorded_fractions_repeat_a_budget_run() -> None:
    first, listener = budget_run()
    fractions = [event.fraction for event in listener.events if isinstance(event, Stepped)]
    again = trainer(budget=10, fractions=fractions)
    again.run([])
    assert again.progress.step == 9 and torch.equal(weights(first), weights(again))
    straight = trainer(steps=9)
    straight.run([])
    assert not torch.equal(weights(straight), weights(again)), "the schedule had no effect"


# -- answers ---------------------------------------------------------------------------------------


def test_a_change_takes_effect_at_the_next_step_and_is_told() -> None:
    listener = Recorder({3: Change({"training.learning_rate": 0.5})})
    run = trainer(steps=6, warmup_steps=0, decay="constant", learning_rate=0.1)
    run.run([listener])
    rates = [event.learning_rate for event in listener.events if isinstance(event, Stepped)]
    assert rates == [0.1, 0.1, 0.1, 0.5, 0.5, 0.5]
    assert listener.steps(Changed) == [3]
    assert run.progress.changes == [("training.learning_rate", 0.5)]


def test_a_setting_of_the_model_changes_its_loss_and_its_rates() -> None:
    changes = {"model.penalty": "r1", "model.discriminator_rate": 0.5}
    listener = Recorder({2: Change(changes)})
    run = trainer("gan", steps=4, warmup_steps=0, decay="constant", learning_rate=0.1)
    run.run([listener])
    steps = [event for event in listener.events if isinstance(event, Stepped)]
    assert ["penalty" in event.values for event in steps] == [False, False, True, True]
    assert [round(event.learning_rate, 6) for event in steps] == [0.06, 0.06, 0.05, 0.05]
    assert listener.steps(Changed) == [2, 2]
    resumed = trainer("gan", steps=4, warmup_steps=0, decay="constant", learning_rate=0.1)
    resumed.restore(*run.state())
    assert resumed.model.config == run.model.config


def test_what_shapes_the_network_does_not_change() -> None:
    listener = Recorder({2: Change({"model.generator_width": 8})})
    with pytest.raises(AssertionError, match="fixed"):
        trainer("gan", steps=4).run([listener])


def test_a_game_tells_the_size_of_each_sides_gradient() -> None:
    listener = Recorder()
    trainer("gan", steps=2).run([listener])
    values = next(event.values for event in listener.events if isinstance(event, Stepped))
    assert values["discriminator_gradient"] > 0
    assert values["generator_gradient"] > 0


def test_a_change_survives_a_stop() -> None:
    straight = trainer(steps=8)
    straight.run([Recorder({3: Change({"training.learning_rate": 0.01})})])
    first = trainer(steps=8)
    for event in first.stream():
        if isinstance(event, Stepped) and event.step == 3:
            first.answer(Change({"training.learning_rate": 0.01}))
        if isinstance(event, Stepped) and event.step == 5:
            break
    resumed = trainer(steps=8)
    resumed.restore(*first.state())
    resumed.run([])
    assert torch.equal(weights(straight), weights(resumed))
    plain = trainer(steps=8)
    plain.run([])
    assert not torch.equal(weights(plain), weights(resumed))


def restart(settings: dict[str, Any]) -> Change:
    return Change(settings, restart=True)


def test_a_restart_goes_back_to_the_first_weights_and_keeps_the_changes() -> None:
    run = trainer("gan", steps=6, rescue=True, ema=0.9, learning_rate=0.01)
    first = weights(run)
    seen: dict[str, Tensor] = {}

    def look(event: Event) -> Any:
        if isinstance(event, Stepped) and event.step == 3:
            seen["before"] = weights(run)
            return restart({"training.learning_rate": 0.005})
        if isinstance(event, Restarted):
            seen["after"] = weights(run)
            assert run.ema is not None
            seen["average"] = nn.utils.parameters_to_vector(run.ema.parameters())
            memories = [len(o.state) for phase in run._turn.optimizers for o in phase]
            assert memories and not any(memories)
        return None

    listener = Recorder()
    run.run([look, listener])
    assert not torch.equal(seen["before"], first)
    assert torch.equal(seen["after"], first) and torch.equal(seen["average"], first)
    assert not torch.equal(weights(run), first)
    assert listener.steps(Restarted) == [3]
    assert run.config.learning_rate == 0.005
    steps = [event.step for event in listener.events if isinstance(event, Stepped)]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("stop", [3, 5])
def test_a_restart_survives_a_stop(stop: int) -> None:
    def fresh() -> Trainer:
        return trainer("gan", steps=8, rescue=True, ema=0.9, warmup_steps=4)

    answer = restart({"model.penalty": "r1"})
    straight = fresh()
    straight.run([Recorder({3: answer})])
    first = fresh()
    for event in first.stream():
        if isinstance(event, Stepped) and event.step == 3 and stop > 3:
            first.answer(answer)
        if isinstance(event, Stepped) and event.step == stop:
            break
    resumed = fresh()
    resumed.restore(*first.state())
    if stop == 3:  # stopped between the warning and what was done about it
        resumed.answer(answer)
    resumed.run([])
    assert torch.equal(weights(straight), weights(resumed))
    assert straight.ema is not None and resumed.ema is not None
    for ours, theirs in zip(straight.ema.parameters(), resumed.ema.parameters(), strict=True):
        assert torch.equal(ours, theirs)


# -- averages, best, norms -------------------------------------------------------------------------


def test_the_average_follows_its_formula() -> None:
    run = trainer(steps=5, ema=0.3, learning_rate=0.05)
    average = weights(run)
    for event in run.stream():
        if isinstance(event, Stepped):
            done = event.step - 1
            decay = min(0.3, (1 + done) / (10 + done))  # 0.1, 2/11, 0.25, then 0.3
            average = decay * average + (1 - decay) * weights(run)
    assert run.ema is not None
    ours = nn.utils.parameters_to_vector(run.ema.parameters())
    torch.testing.assert_close(ours, average, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_watching_sees_the_average_in_evaluation_mode(ema: float) -> None:
    seen: list[Model] = []

    def look(model: Model) -> dict[str, float]:
        assert not model.training and not torch.is_grad_enabled()
        seen.append(model)
        return {}

    run = trainer(watch=Watch(look, look), ema=ema)
    run.run([])
    assert {id(model) for model in seen} == {id(run.ema if ema else run.model)}


def test_a13_the_best_is_the_smallest_finite_value() -> None:
    values = iter([3.0, float("nan"), 2.0, 2.5, -math.inf, 1.0])
    watch = Watch(lambda model: {"mse": next(values)}, lambda model: None, monitor="mse")
    listener = Recorder()
    run = trainer(watch=watch, steps=6, evaluate_every=1, checkpoint_every=3)
    run.run([listener])
    saved = [(event.step, event.best) for event in listener.events if isinstance(event, Saving)]
    assert saved == [(1, True), (3, True), (6, True)]
    assert run.progress.best == 1.0


def test_gradients_are_clipped_to_the_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    norms: dict[bool, list[float]] = {True: [], False: []}
    step = Optimizer.step
    for clipped in (True, False):

        def noted(optimizer: Optimizer, clipped: bool = clipped) -> None:
            grads = [p.grad.flatten() for p in optimizer.parameters() if p.grad is not None]
            norms[clipped].append(torch.cat(grads).norm().item())
            step(optimizer)

        monkeypatch.setattr(Optimizer, "step", noted)
        trainer(clip_norm=0.001 if clipped else None).run([])
    assert norms[True] == pytest.approx([0.001] * 6, rel=1e-2)
    assert min(norms[False]) > 0.005


# -- phases ----------------------------------------------------------------------------------------


class Scripted(Model):
    """Two phases whose losses record what they are given."""

    family = "scripted"

    def __init__(self, updates: int) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
        self.updates = updates
        self.seen: list[tuple[str, float, float, bool, bool]] = []

    def _loss(self, name: str, batch: Batch, noise: torch.Generator) -> Loss:
        draw = torch.rand((), generator=noise).item()
        needs = (self.a.requires_grad, self.b.requires_grad)
        self.seen.append((name, batch.x.sum().item(), draw, *needs))
        return Loss({name: (self.a * self.b).sum()})

    def phases(self) -> list[Phase]:
        return [
            Phase(
                "first",
                [ParameterGroup([self.a])],
                lambda b, g: self._loss("first", b, g),
                self.updates,
            ),
            Phase("second", [ParameterGroup([self.b])], lambda b, g: self._loss("second", b, g)),
        ]


@pytest.mark.parametrize("updates", [1, 3])
def test_phases_take_turns_with_batches_noise_and_gradients_of_their_own(updates: int) -> None:
    model = Scripted(updates)
    config = TrainingConfig(steps=4, precision="float32")
    run = Trainer(model, feed(), config, 0, Watch(lambda m: {}, lambda m: None))
    run.run([])
    assert [row[0] for row in model.seen] == [*["first"] * updates, "second"] * 4
    firsts = [row for row in model.seen if row[0] == "first"]
    expected = [feed().batch(update).x.sum().item() for update in range(4 * updates)]
    assert [row[1] for row in firsts] == expected, "each update on the next batch"
    assert run.progress.updates == 4 * updates
    draws = [row[2] for row in model.seen]
    assert len(set(draws)) == len(draws), "noise came twice"
    for row in model.seen:
        assert row[3:] == ((True, False) if row[0] == "first" else (False, True))


def test_rate_counts_every_update() -> None:
    finished = trainer("gan", steps=3).run([])
    assert finished.rate == pytest.approx(24 / finished.train_s)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """One thread: sums in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
