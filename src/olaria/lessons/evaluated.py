"""A run's own evaluation beside what a lesson measures: the same quantity over other examples, both counts named.

A lesson measures few examples, so that it takes seconds; ``olaria eval`` measures all of them, and the report shows its
numbers. Without a word on either, a reader has two numbers of one name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from olaria.i18n import N_, Message, command
from olaria.lessons.base import together
from olaria.numbers import Number
from olaria.runs import Run


@dataclass(frozen=True)
class Evaluated:
    """What is stored of an evaluation: the metrics that were asked for, by name, and beside them the protocol.

    ``count`` examples, or tokens of a text, were measured at the checkpoint of ``step``.
    """

    metrics: Mapping[str, float]
    protocol: Mapping[str, Any]
    count: int
    step: int


def evaluated(run: Run, *names: str) -> Evaluated | None:
    """The named metrics of ``evaluation.json``; None where it is not there or one of them is missing."""
    content = run.evaluation
    if content is None or any(content["metrics"].get(name) is None for name in names):
        return None
    metrics = {name: content["metrics"][name] for name in names}
    protocol = content["protocol"]
    return Evaluated(metrics, protocol, protocol["num_examples"], protocol["checkpoint"])


def beside(
    run: Run,
    own: int,
    found: Evaluated | None,
    words: Callable[[Evaluated], Message],
    *,
    advice: str = N_("Here {own} examples are measured; {command} measures all of them."),
    total: int = 0,
) -> Message:
    """What the evaluation that was found says beside the lesson's ``own`` examples, or how to get one.

    Args:
        run: that is measured.
        own: the lesson's examples.
        found: the evaluation.
        words: tells its number and count, and the lesson's count.
        advice: what is told where there is none.
        total: test images that there are, where the lesson and an evaluation of fewer each select their own.
    """
    if found is None:
        return Message(advice, {"own": own, "command": command("eval", run.name)})
    sentences, step = [words(found)], run.checkpoint()[0]
    if found.count < total:
        text = N_(
            "Of the {total} test images, the evaluation and this lesson each use a selection of their own."
        )
        sentences.append(Message(text, {"total": total}))
    if run.recipe.data.leave_out is not None:
        sentences.append(Message(N_("There the class that was left out of training counts too.")))
    if found.step != step:
        text = N_(
            "That was measured with the weights of step {measured}, this lesson with those of step {step}."
        )
        sentences.append(Message(text, {"measured": found.step, "step": step}))
    return together(*sentences)


def loss_beside(run: Run, own: int, digits: int) -> Message:
    """The loss of a language model over its whole validation text, beside that over ``own`` tokens of it."""

    def words(found: Evaluated) -> Message:
        text = N_(
            "Over {count} tokens of the validation text the run's evaluation has {nats} nats per token; here are {own} "
            "of them."
        )
        nats = Number(found.metrics["loss_nats_per_token"], digits)
        return Message(text, {"count": found.count, "nats": nats, "own": own})

    advice = N_("Here {own} tokens are measured; {command} measures the whole text.")
    return beside(run, own, evaluated(run, "loss_nats_per_token"), words, advice=advice)
