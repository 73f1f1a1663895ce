r"""What lessons of a GAN's game share: how an answer is read, what it costs each side, what the run wrote down.

The answer of the discriminator is :math:`l`; for the logistic losses it is the logit of a probability,
:math:`D = \sigma(l)`. Sources: those of :mod:`olaria.objectives.adversarial`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.figures import Table, Words
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.runs import Run
from olaria.storage.folder import EVENTS

LOGISTIC = ("minimax", "non-saturating")
"""Losses whose answer is the logit of a probability, and which are in nats."""
_MOST_CURVE = 200
_FREE: dict[AdversarialLoss, tuple[float, float]] = {
    "minimax": (math.inf, -math.inf),
    "non-saturating": (math.inf, -math.inf),
    "least-squares": (1.0, 0.0),
    "hinge": (1.0, -1.0),
    "wasserstein": (0.0, 0.0),
}
"""Answers on a real and on a generated example that cost the discriminator nothing."""

# -- answers ---------------------------------------------------------------------------------------


def loss_of(run: Run, events: list[dict[str, Any]]) -> AdversarialLoss:
    """The loss that the run ended with: a rescue may have changed it."""
    changed = [e["value"] for e in events if e["event"] == "changed" and e["path"] == "model.loss"]
    loss: AdversarialLoss = changed[-1] if changed else run.recipe.model.loss  # type: ignore[attr-defined]
    return loss


def seeded(seed: int) -> Generator:
    """A fresh generator: each draw of a lesson begins at the seed."""
    return Generator().manual_seed(seed)


def events_of(run: Run) -> list[dict[str, Any]]:
    """Lines of events.jsonl."""
    return run.folder.lines(EVENTS)


def weights_words(run: Run) -> Message:
    """Which weights are looked at."""
    step = {"step": run.checkpoint()[0]}
    if run.recipe.training.ema:
        return Message(N_("averaged weights (EMA) of step {step}"), step)
    return Message(N_("weights of step {step}"), step)


def answer(logits: Tensor, loss: AdversarialLoss) -> Tensor:
    r"""What the discriminator's answer is read as: :math:`D = \sigma(l)` for the logistic losses, else l itself."""
    return logits.sigmoid() if loss in LOGISTIC else logits


def answer_by_hand(logits: Array, loss: AdversarialLoss) -> Array:
    """:func:`answer` in NumPy."""
    return sigmoid(logits) if loss in LOGISTIC else logits


def answer_name(loss: AdversarialLoss) -> str:
    """The sign of what :func:`answer` gives."""
    return "D(x)" if loss in LOGISTIC else "l(x)"


def answer_note(value: float, loss: AdversarialLoss, label: str = "") -> Message:
    """One answer, for under an image; behind the image's class where that was told."""
    fields = {"value": Number(value, 2), "label": label}
    if loss in LOGISTIC:
        return Message(N_("{label}: D = {value}") if label else N_("D = {value}"), fields)
    return Message(N_("{label}: l = {value}") if label else N_("l = {value}"), fields)


def scale(loss: AdversarialLoss) -> Message:
    """How an answer is read, in a sentence."""
    if loss in LOGISTIC:
        return Message(
            N_(
                "D is the probability of being real that it gives: 1 is sure of real, 0 sure of generated, one half "
                "cannot tell."
            )
        )
    if loss == "least-squares":
        return Message(
            N_(
                "The least-squares loss reads the answer l itself: 1 is asked for on real examples, 0 on generated "
                "ones; one half cannot tell."
            )
        )
    if loss == "hinge":
        return Message(
            N_(
                "The hinge loss reads the answer l itself: above 1 is asked for on real examples, below −1 on "
                "generated ones; 0 is the middle."
            )
        )
    return Message(
        N_(
            "A Wasserstein critic's answer l is no probability: higher is more real, and only differences count."
        )
    )


# -- what an answer costs --------------------------------------------------------------------------


def terms(logits: Tensor, loss: AdversarialLoss) -> tuple[Tensor, Tensor, Tensor]:
    """The discriminator's loss on a real example, on a generated one, and the generator's, for each answer (N,)."""
    # An answer that costs nothing stands on the other side.
    real_free, fake_free = _FREE[loss]
    rows = [(l[None], l.new_tensor([real_free]), l.new_tensor([fake_free])) for l in logits]
    return (
        torch.stack([discriminator_loss(l, free, loss) for l, _, free in rows]),
        torch.stack([discriminator_loss(free, l, loss) for l, free, _ in rows]),
        torch.stack([generator_loss(l, loss) for l, _, _ in rows]),
    )


def terms_by_hand(l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
    """:func:`terms` in NumPy, each formula written out."""
    if loss in LOGISTIC:
        real, fake = np.logaddexp(0, -l), np.logaddexp(0, l)  # -log D and -log(1 - D)
        return real, fake, -fake if loss == "minimax" else real
    if loss == "least-squares":
        return (l - 1) ** 2 / 2, l**2 / 2, (l - 1) ** 2 / 2
    if loss == "hinge":
        return np.maximum(0, 1 - l), np.maximum(0, 1 + l), -l
    return -l, l, -l


def unit(loss: AdversarialLoss) -> Message:
    """What an axis of losses is called."""
    return Message(N_("loss (nats)")) if loss in LOGISTIC else Message(N_("loss"))


# -- what the run wrote down -----------------------------------------------------------------------


def recorded(run: Run, *names: str, split: str = "train") -> tuple[Array, ...]:
    """Steps, and the values of these names at them, from metrics.jsonl; rows without one of them are left out."""
    rows = [
        (row["step"], *(row["values"][name] for name in names))
        for row in run.metrics()
        if row["split"] == split and all(row["values"].get(name) is not None for name in names)
    ]
    table = np.array(rows, np.float64).reshape(len(rows), 1 + len(names))
    table = table[:: max(1, math.ceil(len(table) / _MOST_CURVE))]
    return tuple(table.T)


def warnings_table(run: Run, events: list[dict[str, Any]]) -> Table:
    """What the run's watch warned of while it trained, or that it did not."""
    rows: list[tuple[Words | float | int, ...]] = [
        (event["step"], Message.from_json(event["message"]))
        for event in events
        if event["event"] == "warned" and event.get("kind")
    ]
    caption = Message(N_("What the watch of this run's health warned of, and after which step."))
    if not run.recipe.training.health:
        rows = [("—", Message(N_("the watch was off: no warning could come")))]
    elif not rows:
        rows = [
            (
                "—",
                Message(
                    N_("nothing: no dead gradient, no side that has won, no examples all alike")
                ),
            )
        ]
    return Table(caption, (Message(N_("step")), Message(N_("warning"))), tuple(rows))
