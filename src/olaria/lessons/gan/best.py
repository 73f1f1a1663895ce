r"""The best discriminator against the generator of a plane's game, beside the one that was trained.

.. math:: D^*(x) = \frac{p_h(x)}{p_h(x) + q_h(x)}, \qquad
          q_h(x) = \frac1N \sum_i \mathcal N(x; \tilde x_i, h^2 I)

The density q of what is generated is not known. It is seen through a normal blur of width h, and so is p, so that one
half is left wherever both are equal; of clusters the blurred p is known, a mixture of deviation
:math:`\sqrt{\sigma^2 + h^2}`. What :math:`D^*` says is measured on points that neither density is made of, blurred as
they are: then its loss is that of the best discriminator of the blurred densities, or above it by the error of the
estimate, and no blur brings two densities farther apart.

Arrays: ``best`` and ``surface`` (R, C), in [0, 1], rows from the top; ``best_real`` and ``best_generated`` (M,),
:math:`D^*` at blurred points; ``js_nats``, an estimate from below of the Jensen–Shannon divergence.

Sources: Goodfellow et al. 2014, proposition 1 and theorem 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.figures import Choice, Cloud, Control, Scatter, Table, Words
from olaria.lessons.gan.answers import LOGISTIC, answer, answer_by_hand, terms_by_hand
from olaria.lessons.gan.balance import BALANCES
from olaria.lessons.gan.scene import (
    LEAST_REAL,
    SHOWN,
    SIDE,
    Scene,
    middle_of,
    surface,
    surface_by_hand,
)
from olaria.objectives.adversarial import discriminator_loss

BLUR = 0.1
"""Of the data's standard deviation, where no cluster tells a width."""
MEASURED = 500
"""Points of each kind on which the best discriminator is tried."""
FAINT = 0.01
"""Of the largest density; where both together are fainter, they say nothing."""


def log_density(points: Tensor, at: Tensor, width: float) -> Tensor:
    r"""Logarithm of equal normal distributions around points, :math:`\log \frac1N \sum_i \mathcal N(x; x_i, h^2 I)`.

    Args:
        points: their centres, (N, 2).
        at: x, (M, 2).
        width: h, their standard deviation in both directions.

    Returns:
        (M,), in nats, per unit of area.
    """
    exponents = -torch.cdist(at, points).square() / (2 * width**2)
    return exponents.logsumexp(1) - math.log(len(points) * 2 * math.pi * width**2)


def blur_of(scene: Scene) -> float:
    """The width h: a cluster's own where it is known."""
    if scene.data.mode_std is not None:
        return scene.data.mode_std
    x = scene.data.train
    return BLUR * (x - x.mean(0)).square().mean().sqrt().item()


def centres(scene: Scene) -> tuple[tuple[Tensor, float], tuple[Tensor, float]]:
    """Centres and widths of the normal distributions that make up both blurred densities: p, then q."""
    width = blur_of(scene)
    generated = (scene.made[MEASURED:].double(), width)
    if scene.data.modes is None or scene.data.mode_std is None:
        real = scene.data.train[: len(generated[0])].double()
        return (real, width), generated
    return (scene.data.modes.double(), math.hypot(scene.data.mode_std, width)), generated


def tried(scene: Scene) -> tuple[list[Tensor], list[Tensor]]:
    """Points of the data and generated ones, equally many, that no density is made of; and the same, blurred."""
    data = scene.data
    apart = data.test if len(data.test) >= LEAST_REAL else torch.cat((data.test, data.validation))
    count = min(MEASURED, len(apart))
    sharp = [x[:count].double() for x in (apart, scene.made)]
    draws = torch.Generator().manual_seed(scene.seed + 1)
    width = blur_of(scene)
    return sharp, [x + width * torch.randn(x.shape, generator=draws, dtype=x.dtype) for x in sharp]


def best_step(scene: Scene) -> Step:
    """The best discriminator against this generator, beside the one that was trained."""
    p, q = centres(scene)
    sharp, at = tried(scene)
    logits = [log_density(p[0], x, p[1]) - log_density(q[0], x, q[1]) for x in at]
    shares = [l.sigmoid() for l in logits]
    grid = _grid(scene)
    values = torch.stack([log_density(centre, grid, width).exp() for centre, width in (p, q)])
    best = _share(*(numbers(v).reshape(SIDE, SIDE) for v in values))
    middle = middle_of(scene.model, scene)
    trained = surface(scene.model, scene, SIDE, middle)
    js = math.log(2) - discriminator_loss(logits[0], logits[1]).item() / 2
    text, table, costs = _costs(scene, (sharp, at), logits, js)
    by_hand = [[_log_density_by_hand(centre, numbers(x), h) for centre, h in (p, q)] for x in at]
    expected = [sigmoid(a - b) for a, b in by_hand]
    checks = (
        Check(
            Message(N_("the best answer in every cell, one coordinate after the other in NumPy")),
            best,
            _best_by_hand(scene),
        ),
        Check(
            Message(N_("the best answer at the points, from all differences in NumPy")),
            [numbers(s) for s in shares],
            expected,
        ),
        Check(
            Message(N_("every cell, from the weights in NumPy")),
            trained,
            surface_by_hand(scene.model, scene, SIDE, middle),
        ),
        *costs,
    )
    return Step(
        Message(N_("The best discriminator")),
        text,
        r"D^*(x) = \frac{p(x)}{p(x) + q(x)}",
        (_compared(scene, trained, best), *table),
        {
            "best": best,
            "surface": trained,
            "best_real": numbers(shares[0]),
            "best_generated": numbers(shares[1]),
            "js_nats": np.array(js),
        },
        (log_density, discriminator_loss),
        checks,
        "Goodfellow et al. 2014, proposition 1 and theorem 1",
    )


def _compared(scene: Scene, trained: Array, best: Array) -> Choice:
    clouds = (
        Cloud(Message(N_("data")), numbers(scene.real[:SHOWN])),
        Cloud(Message(N_("generated")), numbers(scene.made[:SHOWN])),
    )
    names = (Message(N_("trained")), Message(N_("best")))
    figures = tuple(
        Scatter(name, clouds, surface=ground, extent=scene.extent)
        for name, ground in zip(names, (trained, best), strict=True)
    )
    return Choice(
        Message(
            N_(
                "The discriminator that was trained, and the best one against this generator: with the densities "
                "seen through a blur of width {width}, and white where neither has a hundredth of the largest."
            ),
            {"width": Number(blur_of(scene))},
        ),
        (Control(Message(N_("discriminator")), names, "select", start=1),),
        figures,
        (0, 1),
    )


def _costs(
    scene: Scene, points: tuple[list[Tensor], list[Tensor]], logits: list[Tensor], js: float
) -> tuple[Message, tuple[Table, ...], tuple[Check, ...]]:
    """What the trained and the best discriminator cost, in words, as a table, and checked."""
    sharp, at = points
    means = [l.sigmoid().mean().item() for l in logits]
    fields = {"real": Number(means[0], 3), "made": Number(means[1], 3)}
    by_hand = [_logits_by_hand(scene, numbers(x)) for x in at]
    about = Message(N_("means and costs, from the weights and densities in NumPy"))
    expected = [sigmoid(l).mean() for l in by_hand]
    if scene.loss == "wasserstein":
        text = N_(
            "Against this generator the best discriminator of a logistic loss would answer with the data's share of "
            "both densities, p / (p + q): {real} on average on the data, {made} on generated points, and one half "
            "everywhere if both were equal. A Wasserstein critic is not after it: it measures how far the two are "
            "apart, and only its slope holds it."
        )
        return Message(text, fields), (), (Check(about, means, expected),)
    best = [_best_logits(l, scene) for l in logits]
    own = [scene.model.discriminate(x.float()).double() for x in sharp]
    rows = [
        [*(answer(l, scene.loss).mean().item() for l in pair), _cost(pair, scene)]
        for pair in (own, best)
    ]
    own_by_hand = [games.point_logits(scene.model, numbers(x)) for x in sharp]
    best_by_hand = [_best_by_formula(l, scene) for l in by_hand]
    checked = [
        [
            *(answer_by_hand(l, scene.loss).mean() for l in pair),
            sum(terms_by_hand(l, scene.loss)[i].mean() for i, l in enumerate(pair)),
        ]
        for pair in (own_by_hand, best_by_hand)
    ]
    fields |= {
        "trained": Number(rows[0][2], 3),
        "best": Number(rows[1][2], 3),
        "balance": Number(BALANCES[scene.loss].discriminator, 3),
    }
    text = N_(
        "Against this generator the best discriminator is known: it answers by the data's share of both densities, p "
        "/ (p + q), {real} on average on the data and {made} on generated points. Its loss is {best}, that of the "
        "trained one {trained}; were both densities equal, the share would be one half everywhere and the best loss "
        "{balance}."
    )
    checks = (
        Check(about, [*means, *rows[0], *rows[1]], [*expected, *checked[0], *checked[1]]),
        Check(
            Message(N_("the distance, as the mean of two divergences in NumPy")),
            js,
            _js_by_hand(by_hand),
        ),
    )
    return Message(text, fields), (_table(scene, rows, js, len(at[0])),), checks


def _table(scene: Scene, rows: list[list[float]], js: float, count: int) -> Table:
    balance = BALANCES[scene.loss]
    at_balance: Words | float = Message(N_("from −1 to 1"))
    if balance.logit is not None:
        at_balance = answer(torch.tensor(balance.logit), scene.loss).item()
    return Table(
        Message(
            N_(
                "Mean answers and the discriminator's loss at {count} points of each kind; for the best one they are "
                "blurred as its densities are. From its answers the two densities are at least {js} nats apart "
                "(Jensen–Shannon; wholly apart would be log 2 = 0.693): blur and estimate hide differences and make "
                "none."
            ),
            {"count": count, "js": Number(js, 3)},
        ),
        (
            Message(N_("discriminator")),
            Message(N_("on the data")),
            Message(N_("on generated points")),
            Message(N_("loss")),
        ),
        (
            (Message(N_("trained")), *rows[0]),
            (Message(N_("best")), *rows[1]),
            (Message(N_("where both are equal")), at_balance, at_balance, balance.discriminator),
        ),
        digits=3,
    )


def _cost(pair: list[Tensor], scene: Scene) -> float:
    return discriminator_loss(pair[0], pair[1], scene.loss).item()


def _best_logits(log_ratio: Tensor, scene: Scene) -> Tensor:
    r"""The best answer of the run's loss where :math:`\log p - \log q` is known."""
    if scene.loss in LOGISTIC:
        return log_ratio
    return log_ratio.sigmoid() if scene.loss == "least-squares" else log_ratio.sign()


def _best_by_formula(log_ratio: Array, scene: Scene) -> Array:
    if scene.loss in LOGISTIC:
        return log_ratio
    ratio = np.exp(log_ratio)
    return 1 / (1 + 1 / ratio) if scene.loss == "least-squares" else np.where(ratio > 1, 1.0, -1.0)


def _logits_by_hand(scene: Scene, at: Array) -> Array:
    p, q = (_log_density_by_hand(centre, at, width) for centre, width in centres(scene))
    return p - q


def _log_density_by_hand(points: Tensor, at: Array, width: float) -> Array:
    centre = numbers(points)
    squared = sum((at[:, i, None] - centre[None, :, i]) ** 2 for i in (0, 1))
    nearest = np.min(squared, 1)
    total = np.exp((nearest[:, None] - squared) / (2 * width**2)).mean(1)
    found: Array = np.log(total / (2 * np.pi * width**2)) - nearest / (2 * width**2)
    return found


def _js_by_hand(logits: list[Array]) -> float:
    """Half of each density's divergence from their mean."""
    on_real, on_made = (1 / (1 + np.exp(-l)) for l in logits)
    return float((np.log(2 * on_real).mean() + np.log(2 * (1 - on_made)).mean()) / 2)


def _grid(scene: Scene) -> Tensor:
    """Centres of the surface's cells, rows from the top, (SIDE², 2)."""
    low, high = scene.corners.double()
    steps = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE
    x, y = (low[i] + steps * (high[i] - low[i]) for i in (0, 1))
    vertical, horizontal = torch.meshgrid(y.flip(0), x, indexing="ij")
    return torch.stack((horizontal.flatten(), vertical.flatten()), 1)


def _best_by_hand(scene: Scene) -> Array:
    """The best answer in each cell; a normal density is the product of one across and one upwards."""
    left, right, bottom, top = scene.extent
    x = left + (np.arange(SIDE) + 0.5) * (right - left) / SIDE
    y = top - (np.arange(SIDE) + 0.5) * (top - bottom) / SIDE
    densities = []
    for points, width in centres(scene):
        centre = numbers(points)
        across = np.exp(-((x[:, None] - centre[:, 0]) ** 2) / (2 * width**2))
        upwards = np.exp(-((y[:, None] - centre[:, 1]) ** 2) / (2 * width**2))
        densities.append(upwards @ across.T / (len(centre) * 2 * np.pi * width**2))
    p, q = densities
    whole = p + q
    return np.where(whole >= FAINT * whole.max(), p / np.where(whole > 0, whole, 1), 0.5)


def _share(p: Array, q: Array) -> Array:
    """p / (p + q), and one half where both together are faint."""
    whole = p + q
    share = np.full_like(p, 0.5)
    seen = whole >= FAINT * whole.max()
    share[seen] = p[seen] / whole[seen]
    return share
