"""Both losses of one set of answers, and where they pull against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.figures import Curve, Plot
from olaria.lessons.gan.answers import LOGISTIC, terms, terms_by_hand, unit
from olaria.objectives.adversarial import discriminator_loss, generator_loss

REFERENCE = (
    "Goodfellow et al. 2014, equation 1 and proposition 1; Mao et al. 2017, equation 2; Lim & Ye 2017; Arjovsky et al. "
    "2017, equation 2"
)
_REACH = 4.0  # of the drawn answers

_FORMULAS: dict[AdversarialLoss, str] = {
    "minimax": r"L_D = -\mathbb{E}_x \log D(x) - \mathbb{E}_z \log\left(1 - D(G(z))\right) \quad "
    r"L_G = \mathbb{E}_z \log\left(1 - D(G(z))\right)",
    "non-saturating": r"L_D = -\mathbb{E}_x \log D(x) - \mathbb{E}_z \log\left(1 - D(G(z))\right) \quad "
    r"L_G = -\mathbb{E}_z \log D(G(z))",
    "least-squares": r"L_D = \frac{1}{2} \mathbb{E}_x (l(x) - 1)^2 + \frac{1}{2} \mathbb{E}_z \, l(G(z))^2 \quad "
    r"L_G = \frac{1}{2} \mathbb{E}_z (l(G(z)) - 1)^2",
    "hinge": r"L_D = \mathbb{E}_x \max(0, 1 - l(x)) + \mathbb{E}_z \max(0, 1 + l(G(z))) \quad "
    r"L_G = -\mathbb{E}_z \, l(G(z))",
    "wasserstein": r"L_D = \mathbb{E}_z \, l(G(z)) - \mathbb{E}_x \, l(x) \quad L_G = -\mathbb{E}_z \, l(G(z))",
}

_OPPOSED = N_(
    "Both losses are made of the same answers, on {count} real examples and as many generated ones: the "
    "discriminator's is {discriminator}, the generator's {generator}. Where the answers on generated ones rise, the "
    "discriminator's loss rises too (slope {first}) and the generator's falls (slope {second}): there the two pull "
    "against each other, and that is the game."
)
_NOT_OPPOSED = N_(
    "Both losses are made of the same answers, on {count} real examples and as many generated ones: the "
    "discriminator's is {discriminator}, the generator's {generator}. Where the answers on generated ones rise, the "
    "discriminator's loss changes with a slope of {first} and the generator's with {second}. In a game one rises "
    "where the other falls; these answers are where that does not hold."
)


def losses_step(real: Tensor, fake: Tensor, loss: AdversarialLoss) -> Step:
    """Both losses of a batch, and how they pull at the answers on what was generated.

    Args:
        real: logits on real examples, (N,).
        fake: logits on generated ones, (N,).
        loss: the game.
    """
    both = [
        discriminator_loss(real, fake, loss).item(),
        generator_loss(fake, loss).item(),
    ]
    slopes = [
        _slope(lambda l: discriminator_loss(real, l, loss), fake),
        _slope(lambda l: generator_loss(l, loss), fake),
    ]
    by_hand = [terms_by_hand(numbers(l), loss) for l in (real, fake)]
    expected = [by_hand[0][0].mean() + by_hand[1][1].mean(), by_hand[1][2].mean()]
    text = Message(
        _OPPOSED if slopes[0] > 0 > slopes[1] else _NOT_OPPOSED,
        {
            "count": len(real),
            "discriminator": Number(both[0]),
            "generator": Number(both[1]),
            "first": Number(slopes[0], 3),
            "second": Number(slopes[1], 3),
        },
    )
    curves, curve_checks = _curves(fake, loss)
    return Step(
        Message(N_("Two losses from the same answers")),
        text,
        _FORMULAS[loss],
        (curves,),
        {"real": numbers(real), "generated": numbers(fake), "losses": np.array(both)},
        (discriminator_loss, generator_loss),
        (
            Check(Message(N_("both losses, by their formulas in NumPy")), both, expected),
            Check(
                Message(N_("how they change, by the difference of two losses")),
                slopes,
                [_slope_by_hand(numbers(fake), loss, which) for which in (1, 2)],
            ),
            *curve_checks,
        ),
        REFERENCE,
    )


def _slope(f: Callable[[Tensor], Tensor], at: Tensor) -> float:
    """How fast f grows when all answers rise alike."""
    at = at.detach().double().requires_grad_()
    (slope,) = torch.autograd.grad(f(at), at)
    return slope.sum().item()


def _slope_by_hand(at: Array, loss: AdversarialLoss, which: int, step: float = 1e-8) -> float:
    above, below = (terms_by_hand(at + way, loss)[which].mean() for way in (step, -step))
    return float(above - below) / (2 * step)


def _curves(fake: Tensor, loss: AdversarialLoss) -> tuple[Plot, tuple[Check, ...]]:
    """The three terms over the answers, and where this batch's generated examples are."""
    shown = fake.sort().values[:: max(1, len(fake) // 40)]
    x = span(fake, loss)
    lines, dots = terms(x, loss), terms(shown, loss)[2]
    real_line, fake_line, own_line = map(numbers, lines)
    curves = [
        Curve(Message(N_("D, real")), numbers(x), real_line),
        Curve(Message(N_("D, generated")), numbers(x), fake_line),
        Curve("G", numbers(x), own_line),
    ]
    caption = N_(
        "What one answer costs each side. Where the generator's line is flat, it learns nothing, however bad its "
        "examples are."
    )
    if (real_line == own_line).all():
        curves = [replace(curves[0], name=Message(N_("D, real; G, generated"))), curves[1]]
        caption = N_(
            "What one answer costs each side. The generator pays for a generated example what the discriminator pays "
            "for a real one: it wants it taken for real."
        )
    mine = Curve(Message(N_("generated ones here")), numbers(shown), numbers(dots), "points")
    plot = Plot(Message(caption), (*curves, mine), Message(N_("answer l")), unit(loss))
    value = np.concatenate([numbers(y) for y in (*lines, dots)])
    by_hand = [*terms_by_hand(numbers(x), loss), terms_by_hand(numbers(shown), loss)[2]]
    text = Message(N_("the curves and the points on them, by their formulas in NumPy"))
    return plot, (Check(text, value, np.concatenate(by_hand)),)


def span(logits: Tensor, loss: AdversarialLoss) -> Tensor:
    """Answers to draw curves over: those around the balance, and as many as are there."""
    low, high = logits.min().item(), logits.max().item()
    middle = 0.0 if loss != "least-squares" else 0.5
    if loss == "wasserstein":
        middle = (low + high) / 2
    reach = max(_REACH if loss in LOGISTIC else _REACH / 2, abs(low - middle), abs(high - middle))
    return torch.linspace(middle - reach, middle + reach, 81)
