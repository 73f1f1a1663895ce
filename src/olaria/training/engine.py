"""The one training loop.

It owns the order of things (batch, loss, check, update, average, measure, draw, save) and nothing else: what is
trained, on what, and who watches are given to it. It yields events; what listeners answer is applied between steps.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from olaria.draws import part_of_batch
from olaria.errors import NonFiniteLossError
from olaria.i18n import N_, Message
from olaria.models.base import Batch, Loss, Model, Phase, num_parameters
from olaria.recipes.training import TrainingConfig
from olaria.training import events, forecast, threads
from olaria.training.average import average
from olaria.training.device import CPU, at_home, moved
from olaria.training.feed import Feed
from olaria.training.optim import Optimizer, set_learning_rate
from olaria.training.precision import Choice, autocast, choose
from olaria.training.randomness import generator, seeded
from olaria.training.schedule import Clock, Rate, Recurrence, learning_rate_factor
from olaria.training.team import Team
from olaria.training.turn import Turn, parameters_of
from olaria.training.watch import Progress, Watch

CHANGEABLE = ("learning_rate", "matrix_learning_rate", "betas", "weight_decay", "clip_norm")
"""Settings of ``training`` that a listener may change while a run goes on; of ``model``, those the family names."""


class Trainer:
    """Trains one model.

    Args:
        model: freshly initialised or loaded; it is trained in place.
        feed: where batches come from.
        config: how.
        seed: of the run.
        watch: evaluation and sampling.
        clock: what the budget has used; starts now unless given.
        fractions: a recorded schedule (one number per step) to repeat instead of following the clock.
        team: of the processes that train this model; alone unless given.

    Raises:
        ConfigError: the processes do not divide the batch.
    """

    def __init__(
        self,
        model: Model,
        feed: Feed,
        config: TrainingConfig,
        seed: int,
        watch: Watch,
        clock: Clock | None = None,
        fractions: list[float] | None = None,
        team: Team | None = None,
    ) -> None:
        self._team = team or Team()
        self.model = model.to(self._team.device)
        self.ema: Model | None = copy.deepcopy(model).eval() if config.ema else None
        self.config = config
        self.progress = Progress()
        self._feed, self._seed, self._watch = feed, seed, watch
        self._team.check(feed.batch_size)
        self._clock = clock or Clock()
        self._fractions = fractions
        self._turn = Turn(model, config)
        self._first = copy.deepcopy(model.state_dict()) if config.rescue else None
        self._pending: list[events.Answer] = []
        self._stop: Message | None = None
        self._rate = Rate()
        self._batch: Batch | None = None
        self._values: dict[str, float] = {}
        self._looked = dict.fromkeys(("evaluate", "sample", "save"), -1)
        self.choice: Choice | None = None
        self.may_choose_threads = False
        self.forecast = events.Forecast()

    # -- running ---------------------------------------------------------------------------------

    def run(self, listeners: list[events.Listener]) -> events.Finished:
        """Train to the end, telling ``listeners`` everything.

        Raises:
            NonFiniteLossError: a loss is NaN or infinite; the weights are those before the step.
        """
        last: events.Event | None = None
        for event in self.stream():
            last = event
            watching = isinstance(event, (events.Evaluated, events.Sampled, events.Saving))
            with self._clock.excluded() if watching else nullcontext():
                self._tell(event, listeners)
        assert isinstance(last, events.Finished)
        return last

    def _tell(self, event: events.Event, listeners: list[events.Listener]) -> None:
        for listener in listeners:
            answer = listener(event)
            if isinstance(answer, events.Warned):
                self._tell(answer, listeners)
            elif answer is not None:
                self.answer(answer)

    def answer(self, answer: events.Answer) -> None:
        """Apply a listener's answer before the next step."""
        self._pending.append(answer)

    def stream(self) -> Iterator[events.Event]:
        """The run as a stream of events; it advances as it is read."""
        progress, config = self.progress, self.config
        batch = self._batch_of(0)
        total = len(self._fractions) if self._fractions is not None else config.steps
        left = None if total is None else total - progress.step
        self.choice = self._chosen(batch, left)
        losses = self._losses(self.choice.compiled)
        remaining = forecast.Remaining(left, self._clock.used_s(), self._feed.batches_per_epoch)
        self.forecast = forecast.predict(
            self.model, batch, config, self.choice, remaining, self.forecast
        )
        yield self._event(
            events.Began,
            precision=self.choice.precision,
            compiled=self.choice.compiled,
            num_parameters=num_parameters(self.model),
            device=self._team.device.type,
            forecast=self.forecast,
        )
        for note in self.choice.notes:
            yield self._event(events.Warned, message=note)
        for remark in self.choice.remarks:
            yield self._event(events.Warned, message=remark, is_note=True)
        yield from self._look(False, progress.step == 0, False)
        yield from self._apply_answers()
        evaluation = Recurrence(config.evaluate_every, self._watch.evaluations)
        sampling = Recurrence(config.sample_every, 24, dense_start=True)
        saving = Recurrence(config.checkpoint_every, 10, spaced=config.keep_spaced)
        while self._stop is None:
            before = self._fraction()
            if before >= 1:
                break
            values = self._step(before, losses)
            yield self._stepped(before, values)
            after = self._fraction()
            recurrences = (evaluation, sampling, saving)
            due = (r.due(progress.step, before, after) for r in recurrences)
            yield from self._look(*(after >= 1 or is_due for is_due in due))
            yield from self._apply_answers()
        # However the loop ended, its last step is measured, shown and saved, unless it just was.
        yield from self._look(True, True, True)
        self._turn.wake()
        yield self._event(
            events.Finished,
            reason=self._stop or self._end(),
            train_s=progress.train_s,
            rate=self._units_done() / progress.train_s if progress.train_s else 0.0,
            final=self._values,
        )

    def _end(self) -> Message:
        """Why the loop is over where nobody stopped it."""
        if self.progress.step == 0 and self.config.budget is not None and self._fractions is None:
            return Message(events.NO_TIME)
        return Message(N_("the planned end was reached"))

    def _look(self, evaluate: bool, sample: bool, save: bool) -> Iterator[events.Event]:
        """Measure, draw and save where asked, each at most once after a step; a new best is saved too."""
        step = self.progress.step
        is_best = False
        if evaluate and self._looked["evaluate"] != step:
            self._looked["evaluate"] = step
            self._values, is_best = self._evaluate()
            yield self._event(events.Evaluated, values=self._values)
        if sample and self._looked["sample"] != step:
            self._looked["sample"] = step
            yield self._sampled()
        if (save or is_best) and (is_best or self._looked["save"] != step):
            self._looked["save"] = step
            yield self._saving(is_best)

    # -- one step --------------------------------------------------------------------------------

    def _step(self, fraction: float, losses: list[Callable[..., Loss]]) -> dict[str, float]:
        began = time.perf_counter()
        progress, config = self.progress, self.config
        progress.fraction = self.model.progress = fraction
        factor = learning_rate_factor(config, progress.step - progress.restarted, fraction)
        if not self.model.training:
            self.model.train()
        values: dict[str, float] = {}
        with seeded(self._seed, "dropout", progress.step):
            for (phase, optimizers), loss_of in zip(self._turn, losses, strict=True):
                set_learning_rate(optimizers, factor)
                for _ in range(phase.updates):
                    values.update(self._update(phase, loss_of, optimizers))
        if self.ema is not None:
            average(self.ema, self.model, config.ema, progress.step - progress.restarted)
        progress.step += 1
        duration = time.perf_counter() - began
        progress.train_s += duration
        self._rate.note(duration, self._feed.units_per_batch * self._turn.phases[0].updates)
        return values

    def _update(
        self, phase: Phase, loss_of: Callable[..., Loss], optimizers: list[Optimizer]
    ) -> dict[str, float]:
        """One update of one phase. The loss is checked before anything moves."""
        assert self.choice is not None
        is_first = phase is self._turn.phases[0]
        if is_first or self._batch is None:
            self._batch = self._batch_of(self.progress.updates)
        self._turn.only(phase)
        noise = generator(self._seed, "noise", phase.name, self.progress.updates)
        team = self._team
        with (
            autocast(self.choice.precision, team.device),
            part_of_batch(team.rank, team.size, team.device),
        ):
            loss = loss_of(self._batch, noise)
        share = team.share(loss.count)
        total = loss.total if share == 1 else loss.total * share
        values = {name: part.item() * share for name, part in loss.parts.items()}
        values = values if self._turn.is_game else {"loss": total.item(), **values}
        values = team.mean(values)
        if not math.isfinite(sum(values.values())):
            raise self._not_finite(values)
        total.backward()
        parameters = parameters_of(phase)
        gradients = [p.grad for p in parameters if p.grad is not None]
        team.average(gradients)
        if self._turn.is_game:  # its losses alone do not tell who still learns
            norms = torch._foreach_norm(gradients)
            values[f"{phase.name}_gradient"] = torch.stack(norms).norm().item()
        if self.config.clip_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(parameters, self.config.clip_norm).item()
            if not math.isfinite(norm):
                raise self._not_finite({"gradient_norm": norm})
        for optimizer in optimizers:
            optimizer.step()
        if is_first:
            self.progress.updates += 1
        return values

    def _batch_of(self, update: int) -> Batch:
        """This process's part of the batch of an update, where the model is."""
        return moved(self._team.part(self._feed.batch(update)), self._team.device)

    def _not_finite(self, values: Mapping[str, float]) -> NonFiniteLossError:
        return NonFiniteLossError(
            N_(
                "training became unstable at step {step} ({values}): nothing was updated; "
                "lower training.learning_rate or set training.precision=float32"
            ),
            values=", ".join(f"{name}={value}" for name, value in values.items()),
            step=self.progress.step + 1,
        )

    def _chosen(self, batch: Batch, left: int | None) -> Choice:
        """Precision, compilation and threads; of several processes, as the first one found them best."""
        found = choose(self.model, batch, self.config)
        precision, compiled = self._team.words([found.precision, found.compiled])
        found = replace(found, precision=precision, compiled=compiled)
        if not self.may_choose_threads or self._team.size > 1:
            return found
        return threads.choose(self.model, batch, self.config, found, left)

    def _losses(self, compiled: bool) -> list[Callable[..., Loss]]:
        if not compiled:
            return [phase.loss for phase in self._turn.phases]
        return [torch.compile(phase.loss) for phase in self._turn.phases]

    # -- between steps ---------------------------------------------------------------------------

    def _fraction(self) -> float:
        if self._fractions is not None:
            done = self.progress.step >= len(self._fractions)
            return 1.0 if done else self._fractions[self.progress.step]
        if self.config.steps is not None:
            return self.progress.step / self.config.steps if self.config.steps else 1.0
        assert self.config.budget is not None
        return self._team.number(self._clock.used_s() / self.config.budget)

    def _stepped(self, fraction: float, values: dict[str, float]) -> events.Event:
        if self.config.budget is not None and self._fractions is None:
            eta = max(0.0, self.config.budget - self._clock.used_s())
        else:
            total = len(self._fractions) if self._fractions else (self.config.steps or 0)
            eta = (total - self.progress.step) * self._rate.step_s
        return self._event(
            events.Stepped,
            fraction=fraction,
            learning_rate=self._turn.optimizers[0][0].param_groups[0]["lr"],
            values=values,
            rate=self._rate.units_per_s,
            eta_s=eta,
        )

    def watched(self) -> Model:
        """The model that evaluation and samples use: the average where there is one, in evaluation mode, on the CPU."""
        model = self.ema if self.ema is not None else self.model.eval()
        return model if self._team.device == CPU else copy.deepcopy(model).cpu()

    def _evaluate(self) -> tuple[dict[str, float], bool]:
        with self._clock.excluded(), torch.no_grad():
            model = self.watched()
            if self._watch.is_shared:
                values = dict(self._watch.evaluate(model, self._team.summed))
            else:
                values = dict(self._watch.evaluate(model)) if self._team.is_first else {}
            values = self._team.words(values)
        current = values.get(self._watch.monitor or "")
        best = self.progress.best
        is_best = (
            current is not None and math.isfinite(current) and (best is None or current < best)
        )
        if is_best:
            self.progress.best, self.progress.best_step = current, self.progress.step
        return values, is_best

    def _sampled(self) -> events.Event:
        with self._clock.excluded(), torch.no_grad():
            model = self.watched()
            artifact = self._watch.sample(model) if self._team.is_first else None
        return self._event(events.Sampled, artifact=artifact)

    def _saving(self, is_best: bool) -> events.Event:
        with self._clock.excluded():
            tensors, state = self.state()
        return self._event(events.Saving, best=is_best, tensors=tensors, state=state)

    def _apply_answers(self) -> Iterator[events.Event]:
        pending, self._pending = self._pending, []
        if self._team.size > 1 and self._team.number(len(pending)):
            told = self._team.words([events.answer_to_json(a) for a in pending if a is not None])
            pending = [events.answer_from_json(answer) for answer in told]
        for answer in pending:
            if isinstance(answer, events.Stop):
                self._stop = answer.reason
            elif isinstance(answer, events.Change):
                for path, value in answer.settings.items():
                    self._change(path, value)
                    self.progress.changes.append((path, value))
                    yield self._event(events.Changed, path=path, value=value)
                if answer.restart:
                    self._restart()
                    yield self._event(events.Restarted)

    def _restart(self) -> None:
        """Weights and optimizers as they were before the first step; settings keep what they were changed to."""
        assert self._first is not None, "a run that may begin again keeps its first weights"
        for model in (self.model, self.ema):
            if model is not None:
                model.load_state_dict(self._first)
        self._turn.restart(self.config)
        self.progress.restarted = self.progress.step
        self.progress.num_restarts += 1

    def _change(self, path: str, value: Any) -> None:
        part, _, name = path.partition(".")
        names = {"training": CHANGEABLE, "model": self.model.changeable}
        assert name in names.get(part, ()), f"{path} is fixed once a run has begun"
        if part == "training":
            self.config = self.config.updated(name, value)
        else:
            self._turn.change_model(name, value)
        self._turn.change(self.config)

    def _units_done(self) -> int:
        return self.progress.updates * self._feed.units_per_batch

    def _event(self, kind: type[events.Event], **fields: Any) -> events.Event:
        self.progress.elapsed_s = self._clock.used_s()
        return kind(step=self.progress.step, elapsed_s=self.progress.elapsed_s, **fields)

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Tensors by file (``model``, ``ema``, ``training``) and the rest as JSON values."""
        tensors = {"model": at_home(self.model.state_dict())}
        if self.ema is not None:
            tensors["ema"] = at_home(self.ema.state_dict())
        tensors["training"] = at_home(self._turn.tensors())
        return tensors, {"format": 1, **vars(self.progress)}

    def restore(
        self, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
    ) -> None:
        """Go on from what :meth:`state` gave; the next step is the one the straight run would make."""
        self.model.load_state_dict(tensors["model"])
        if self.ema is not None:
            self.ema.load_state_dict(tensors["ema"])
        # Older checkpoints tell nothing of where the best was and of games that began again.
        told = {"best_step": None, "restarted": 0, "num_restarts": 0, **state}
        values = {name: told[name] for name in vars(self.progress)}
        self.progress = Progress(**values)
        for path, value in self.progress.changes:
            self._change(path, value)
        self._turn.load(tensors["training"])
