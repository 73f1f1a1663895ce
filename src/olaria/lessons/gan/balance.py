r"""What both games of a GAN share in a lesson: the two losses of one set of answers, where they balance, the warnings.

With :math:`p` the density of the data, :math:`q` of what is generated, and the answer :math:`l` of the discriminator at
one place, its loss there is

.. math:: f(l) = p \, \ell_r(l) + q \, \ell_f(l)

with the loss's terms on a real and on a generated example. Its minimum is the best discriminator: for the logistic
losses :math:`\sigma(l^*) = p / (p + q)`, for least squares :math:`l^* = p / (p + q)`, for the hinge 1 where p is
larger, else -1; a Wasserstein critic has none, which is why its slope must be bounded. Where p = q that is the balance.

Arrays: ``logits``, ``real``, ``generated``: answers, (N,); losses in nats for the logistic ones, else without a unit.
Sources: Goodfellow et al. 2014, proposition 1; those of :mod:`olaria.objectives.adversarial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.figures import Curve, Plot, Words
from olaria.lessons.gan.answers import LOGISTIC, recorded, terms, terms_by_hand, unit
from olaria.lessons.gan.losses import REFERENCE, span
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.runs import Run

LAST_SHARE = 0.1
"""Of the run, whose mean losses stand for its end."""
_TRIPLE = (1.5, 0.5)  # three times as dense in real examples, with the sum of two equal ones


@dataclass(frozen=True)
class Balance:
    """Where the generated density is the data's.

    Args:
        logit: the discriminator's best answer; None where several are as good.
        discriminator: its loss there.
        generator: the generator's loss there; None where it depends on which answer was taken.
    """

    logit: float | None
    discriminator: float
    generator: float | None


BALANCES: dict[AdversarialLoss, Balance] = {
    "minimax": Balance(0.0, 2 * math.log(2), -math.log(2)),
    "non-saturating": Balance(0.0, 2 * math.log(2), math.log(2)),
    "least-squares": Balance(0.5, 0.25, 0.125),
    "hinge": Balance(None, 2.0, None),
    "wasserstein": Balance(None, 0.0, None),
}

_BEST: dict[AdversarialLoss, str] = {
    "minimax": r"D^*(x) = \frac{p(x)}{p(x) + q(x)} \quad p = q: \quad L_D = 2 \log 2, \quad L_G = -\log 2",
    "non-saturating": r"D^*(x) = \frac{p(x)}{p(x) + q(x)} \quad p = q: \quad L_D = 2 \log 2, \quad L_G = \log 2",
    "least-squares": r"l^*(x) = \frac{p(x)}{p(x) + q(x)} \quad p = q: \quad "
    r"L_D = \frac{1}{4}, \quad L_G = \frac{1}{8}",
    "hinge": r"p = q: \quad \max(0, 1 - l) + \max(0, 1 + l) = 2 \quad (-1 \le l \le 1)",
    "wasserstein": r"p = q: \quad L_D = \mathbb{E} \, l - \mathbb{E} \, l = 0",
}


# -- the balance -----------------------------------------------------------------------------------


def balance_step(run: Run, loss: AdversarialLoss, events: list[dict[str, Any]]) -> Step:
    """The best answer at a place, what both losses are where the densities are equal, and the run's beside it.

    Args:
        run: whose losses are shown.
        loss: its game.
        events: of the run.
    """
    balance = BALANCES[loss]
    steps, discriminator, generator = recorded(run, "discriminator_loss", "generator_loss")
    plots: tuple[Plot, ...] = ()
    ends = (math.nan, math.nan)
    if len(steps):
        last = steps >= steps[0] + (1 - LAST_SHARE) * (steps[-1] - steps[0])
        ends = (float(discriminator[last].mean()), float(generator[last].mean()))
        plots = (_history(steps, (discriminator, generator), loss, events),)
    pointwise, checks = _pointwise(loss)
    fields = {
        "discriminator": Number(balance.discriminator, 3),
        "generator": Number(balance.generator or 0.0, 3),
        "last_discriminator": Number(ends[0], 3),
        "last_generator": Number(ends[1], 3),
    }
    return Step(
        Message(N_("The balance")),
        Message(_AT_BALANCE[loss], fields),
        _BEST[loss],
        (pointwise, *plots),
        {"steps": steps, "discriminator_loss": discriminator, "generator_loss": generator},
        (discriminator_loss, generator_loss),
        checks,
        REFERENCE,
    )


_AT_BALANCE: dict[AdversarialLoss, str] = {
    "minimax": N_(
        "Where generated examples are as dense as real ones, no answer beats $D$ = 1/2; the losses are then 2 log 2 "
        "= {discriminator} and −log 2 = {generator} nats. In the last tenth of this run they were "
        "{last_discriminator} and {last_generator}. Losses near the balance say that neither side can beat the "
        "other: equal densities are one reason, a discriminator that sees no difference is another."
    ),
    "non-saturating": N_(
        "Where generated examples are as dense as real ones, no answer beats $D$ = 1/2; the losses are then 2 log 2 "
        "= {discriminator} and log 2 = {generator} nats. In the last tenth of this run they were "
        "{last_discriminator} and {last_generator}. Losses near the balance say that neither side can beat the "
        "other: equal densities are one reason, a discriminator that sees no difference is another."
    ),
    "least-squares": N_(
        "Where generated examples are as dense as real ones, no answer beats $l$ = 1/2; the losses are then 1/4 = "
        "{discriminator} and 1/8 = {generator}. In the last tenth of this run they were {last_discriminator} and "
        "{last_generator}. Losses near the balance say that neither side can beat the other: equal densities are one "
        "reason, a discriminator that sees no difference is another."
    ),
    "hinge": N_(
        "Where generated examples are as dense as real ones, every answer from −1 to 1 costs the discriminator "
        "{discriminator}, and none costs less; the generator's loss has no value of its own there. In the last tenth "
        "of this run they were {last_discriminator} and {last_generator}. A loss near the balance has two possible "
        "reasons: equal densities, or a discriminator that sees no difference."
    ),
    "wasserstein": N_(
        "Where generated examples are as dense as real ones, both means of the answers are the same and the critic's "
        "loss is {discriminator}, whatever it answers; the generator's has no value of its own. In the last tenth of "
        "this run they were {last_discriminator} and {last_generator}. Where the densities differ there is no best "
        "answer either: a steeper critic always gains, so its slope has to be bounded."
    ),
}


def _history(
    steps: Array, losses: tuple[Array, Array], loss: AdversarialLoss, events: list[dict[str, Any]]
) -> Plot:
    balance = BALANCES[loss]
    names = (Message(N_("discriminator's loss")), Message(N_("generator's loss")))
    levels: list[tuple[Words, float]] = [
        (Message(N_("the discriminator's balance")), balance.discriminator)
    ]
    if balance.generator is not None:
        levels.append((Message(N_("the generator's balance")), balance.generator))
    marks: list[tuple[Words, float]] = [
        (Message(N_("from here on {loss}"), {"loss": event["value"]}), float(event["step"]))
        for event in events
        if event["event"] == "changed" and event["path"] == "model.loss"
    ]
    marks += [
        (Message(N_("began anew")), float(event["step"]))
        for event in events
        if event["event"] == "restarted"
    ]
    return Plot(
        Message(
            N_(
                "Both losses as this run wrote them down, without penalties, each point the mean of the steps since "
                "the one before."
            )
        ),
        tuple(Curve(name, steps, y) for name, y in zip(names, losses, strict=True)),
        Message(N_("training step")),
        unit(loss),
        tuple(levels),
        tuple(marks),
    )


def best_answer(p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
    """The answer that costs the discriminator least where real examples have density p, generated ones q; its cost.

    The answer is None where several cost as little, or where there is no least.
    """
    share = p / (p + q)
    if loss in LOGISTIC:
        cost = -p * math.log(share) - q * math.log(1 - share)
        return math.log(p / q), cost
    if loss == "least-squares":
        return share, 0.5 * (p * (share - 1) ** 2 + q * share**2)
    if loss == "hinge":
        return None if p == q else math.copysign(1.0, p - q), 2 * min(p, q)
    return None, 0.0 if p == q else -math.inf


_LOWEST = N_(
    "What an answer costs the discriminator at a place where real examples (density p) are as frequent as generated "
    "ones (density q), and where they are three times as frequent; its best answer is the lowest point."
)
_STRAIGHT = N_(
    "What an answer costs the critic at a place where real examples (density p) are as frequent as generated ones "
    "(density q): nothing; and where they are three times as frequent: the less the higher it is, so no point is the "
    "lowest."
)


def _pointwise(loss: AdversarialLoss) -> tuple[Plot, tuple[Check, ...]]:
    """What an answer costs the discriminator where both densities are equal, and where the data's is three times q."""
    x = span(torch.tensor([-1.0, 1.0]), loss)
    on_real, on_fake, _ = terms(x, loss)
    cases = ((1.0, 1.0), _TRIPLE)
    ys = [numbers(p * on_real + q * on_fake) for p, q in cases]
    found = [best_answer(p, q, loss) for p, q in cases]
    marks = tuple(
        (Message(N_("best: {value}"), {"value": Number(at)}), at)
        for at, _ in found
        if at is not None
    )
    plot = Plot(
        Message(_STRAIGHT if loss == "wasserstein" else _LOWEST),
        tuple(Curve(name, numbers(x), y) for name, y in zip(("p = q", "p = 3 q"), ys, strict=True)),
        Message(N_("answer l")),
        unit(loss),
        marks=marks,
    )
    by_hand = terms_by_hand(numbers(x), loss)
    expected = [p * by_hand[0] + q * by_hand[1] for p, q in cases]
    drawn = Check(
        Message(N_("the drawn costs, by their formulas in NumPy")), np.array(ys), np.array(expected)
    )
    return plot, (drawn, *_least(loss))


def _least(loss: AdversarialLoss) -> tuple[Check, ...]:
    """The balance beside the lowest point of the cost, looked for by halving."""
    balance = BALANCES[loss]
    if loss == "wasserstein":
        real, fake, _ = terms_by_hand(np.linspace(-3, 3, 7), loss)
        text = Message(N_("the balance: the cost of seven answers where both densities are equal"))
        return (Check(text, np.full(7, balance.discriminator), real + fake),)
    values: list[float] = []
    expected: list[float] = []
    for p, q in ((1.0, 1.0), _TRIPLE):
        at, cost = best_answer(p, q, loss)
        where = _lowest(lambda l, p=p, q=q: _cost(l, p, q, loss))  # type: ignore[misc]
        values.append(cost)
        expected.append(_cost(where, p, q, loss))
        if at is not None:
            values.append(at)
            expected.append(where)
        if p == q:
            values.append(balance.discriminator)
            expected.append(_cost(where, p, q, loss))
        if p == q and balance.generator is not None:
            values.append(balance.generator)
            expected.append(float(terms_by_hand(np.array(where), loss)[2]))
    text = Message(
        N_("the balance and the best answers, by looking for the lowest point of the cost")
    )
    return (Check(text, values, expected),)


def _cost(l: float, p: float, q: float, loss: AdversarialLoss) -> float:
    real, fake, _ = terms_by_hand(np.array(l), loss)
    return float(p * real + q * fake)


def _lowest(f: Callable[[float], float], low: float = -8.0, high: float = 8.0) -> float:
    """Where a convex function is lowest: the sign of its slope halves the way to it."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if f(middle + 1e-6) > f(middle - 1e-6) else (middle, high)
    return (low + high) / 2
