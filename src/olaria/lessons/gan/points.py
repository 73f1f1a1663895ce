r"""The steps in the plane: from noise to points, the surface, the gradient at each point, and what follows.

Arrays, in the units of the data unless said: ``z`` (N, latent), of N(0, I); ``real`` and ``generated``, (N, 2);
``surface`` and ``best`` (R, C), outputs brought to [0, 1], rows from the top; ``pull`` (M, 2), minus the gradient of
the generator's loss in each point, loss per unit of the plane; ``points_K`` and ``surface_K`` the same of step K;
``best_real`` and ``best_generated`` (M,), :math:`D^*` at blurred points; ``js_nats``, an estimate of the Jensen–Shannon
divergence of the blurred densities; ``collapsed`` (C, 2); ``shares`` (2, K) of the points near each cluster, or where
none are known (2, 2), precision and coverage.

The density q of what is generated is not known. It is estimated with a normal blur of width h, and p is blurred alike,
so that one half is left wherever both are equal; of clusters the blurred p is known, a mixture of standard deviation
:math:`\sqrt{\sigma^2 + h^2}`.

.. math:: D^*(x) = \frac{p_h(x)}{p_h(x) + q_h(x)}, \qquad q_h(x) = \frac1N \sum_i \mathcal N(x; \tilde x_i, h^2 I)

Sources: Goodfellow et al. 2014, proposition 1 and theorem 1; Kahng et al. 2019, *GAN Lab*; Srivastava et al. 2017,
section 4.1 (clusters); Naeem et al. 2020 (coverage).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Bars,
    Choice,
    Cloud,
    Control,
    Images,
    Scatter,
    Strip,
    Table,
    Words,
)
from olaria.lessons.gan.game import Values, balance_of, told
from olaria.lessons.gan.record import measured, pictures, played, warned
from olaria.lessons.gan.scene import SHOWN, SIDE, Points
from olaria.lessons.gan.ways import NEIGHBOURHOODS, Way, pull_of
from olaria.lessons.live import plane_game
from olaria.numbers import Number
from olaria.sampling import plane

ARROWS = 60
LONGEST = 0.1  # of the window's side, the longest arrow
SECTORS = 8  # colours of the noise's directions
FRAMES = 16
FRAME_SIDE = 184
MEASURED = {
    "modes_covered": N_("clusters found, of all"),
    "high_quality_share": N_("points near a cluster"),
    "coverage": N_("coverage of the data"),
}
"""What a run measures of its points, as shares of one."""
FAINT = 0.01  # of the largest density; where both together are fainter, they say nothing


def _known(scene: Points) -> Values:
    """What the texts choose their sentences by."""
    modes = 0 if scene.clusters is None else len(scene.clusters[0])
    return {**told(scene), "clustered": modes > 0, "modes": modes}


def _map(scene: Points, made: Array | None = None, surface: Array | None = None) -> Scatter:
    """Points of the data and generated ones, the scene's own where none are given, over a surface of outputs."""
    shown = numbers(scene.made[:SHOWN]) if made is None else made
    real = numbers(scene.real[:SHOWN])
    clouds = (Cloud(Message(N_("data")), real), Cloud(Message(N_("generated")), shown))
    extent = None if surface is None else scene.extent
    return Scatter("", clouds, surface=surface, extent=extent)


def surface_of(scene: Points, way: Way) -> Array:
    """The outputs over the window, brought to [0, 1] so that one half cannot tell, (SIDE, SIDE).

    A critic's zero means nothing, so its outputs are centred between its means on both sets.
    """
    l = way.logits(scene.grid).reshape(SIDE, SIDE)
    if scene.loss == "wasserstein":
        l = l - sum(way.logits(numbers(x)).mean() for x in (scene.real, scene.made)) / 2
    if scene.logistic or scene.loss == "wasserstein":
        return sigmoid(l)
    # Between what the loss asks for on generated and on real examples.
    return (l if scene.loss == "least-squares" else (l + 1) / 2).clip(0, 1)


def _reached(scene: Points, way: Way, x: Array, count: int) -> tuple[float, float, Array]:
    """Clusters with a point, the share of points near one, and each cluster's; else coverage, precision, and both.

    More points reach more neighbourhoods, so that only ``count`` of them are taken there.
    """
    if scene.clusters is not None:
        return way.clusters(x, *scene.clusters)
    found = way.neighbourhoods(x[:count], numbers(scene.real))
    return found[1], found[0], found


def points(scene: Points, way: Way) -> Values:
    """Both distributions, and which noise became which points."""
    z, real = numbers(scene.z), numbers(scene.real)
    made = way.generated(z)
    covered, near, _ = _reached(scene, way, made, len(made))
    circles, is_clustered = min(NEIGHBOURHOODS, len(real)), scene.clusters is not None
    own, metrics = circles, ("precision", "coverage")
    if is_clustered:
        own, metrics = len(z), ("high_quality_share", "modes_covered")
    noise = None
    if scene.model.latent == 2:
        shown, width = z[:SHOWN], 360 // SECTORS
        turns = np.arctan2(shown[:, 1], shown[:, 0]) / (2 * np.pi) % 1
        labels = (turns * SECTORS).astype(int) % SECTORS
        clouds = (
            Cloud(Message(N_("noise z")), shown, labels),
            Cloud(Message(N_("points G(z)")), made[:SHOWN], labels),
        )
        sectors = tuple(f"{width * k}°–{width * (k + 1)}°" for k in range(SECTORS))
        noise = Scatter("", clouds, sectors, panels=True)
    found, words = evaluated(scene.run, *metrics), partial(_beside, own, metrics)
    return {
        **_known(scene),
        "latent": scene.model.latent,
        "count": len(z),
        "near": near,
        "rest": 1 - near,
        "covered": covered,
        "circles": circles,
        "evaluated": beside(scene.run, own, found, words),
        "answer": 1 if is_clustered else None,
        "z": z,
        "generated": made,
        "real": real,
        "noise": noise,
        "both": _map(scene),
    }


def _beside(own: int, metrics: tuple[str, str], found: Evaluated) -> Message:
    """The same two numbers of the points that an evaluation draws."""
    text = N_(
        "The run's evaluation, with {count} points, has {first} and {second}; here there are {own}."
    )
    values = (found.metrics[name] for name in metrics)
    first, second = (int(x) if x > 1 else Number(x, 3) for x in values)
    count = found.protocol["num_samples"]
    return Message(text, {"count": count, "own": own, "first": first, "second": second})


def surface(scene: Points, way: Way) -> Values:
    """What the discriminator outputs everywhere, and on both sets of points."""
    means = np.array([way.read(way.logits(numbers(x))).mean() for x in (scene.real, scene.made)])
    every, window = torch.cat((scene.data.train, scene.made)), plane.window(scene.data.train)
    density = plane.density(every.double(), window.double(), SIDE)
    shown = surface_of(scene, way)
    return {
        **told(scene),
        "real_mean": means[0],
        "made_mean": means[1],
        "empty": float((density == 0).double().mean()),
        "answer": 2,
        "surface": shown,
        "map": _map(scene, surface=shown),
    }


def point_gradients(scene: Points, way: Way) -> Values:
    """Where the generator's loss falls fastest from each point, and what it would be there."""
    at = scene.made[:ARROWS]
    pull, x = pull_of(scene.model, at, None, scene.loss), numbers(at)
    axes = np.repeat(np.eye(2), len(x), 0)
    falls = way.falls(np.tile(x, (2, 1)), None, axes, np.tile(pull, (2, 1)))
    length = LONGEST * (scene.extent[1] - scene.extent[0]) / max(np.hypot(*pull.T).max(), 1e-12)
    arrows = np.concatenate((x, length * pull), 1)
    before, after = (
        float(way.terms(way.logits(y), scene.loss)[2].mean()) for y in (x, x + length * pull)
    )
    ground = _map(scene, surface=surface_of(scene, way))
    return {
        "count": len(x),
        "steepest": float(np.hypot(*falls.reshape(2, -1)).max()),
        "before": before,
        "after": after,
        "lower": after < before,
        "answer": 1,
        "points": x,
        "pull": pull,
        "falls": falls,
        "map": replace(ground, clouds=ground.clouds[1:], arrows=arrows),
    }


def path(scene: Points, way: Way) -> Values:
    """The same noise at the first weights and at each checkpoint that was kept, and the run's own pictures."""
    z, clouds, scatters = numbers(scene.z[:SHOWN]), list[Array](), list[Scatter]()
    arrays: dict[str, Array] = {}
    for step, model in scene.states:
        made, ground = way.at(model).generated(z), surface_of(scene, way.at(model))
        clouds.append(made)
        arrays |= {f"points_{step}": made, f"surface_{step}": ground}
        scatters.append(_map(scene, made, ground))
    steps, found = [step for step, _ in scene.states], [0, 0]
    if scene.clusters is not None:
        found = [way.clusters(clouds[k], *scene.clusters)[0] for k in (0, -1)]
    when, drawn = pictures(scene.run, FRAME_SIDE, FRAMES)
    known = _known(scene)
    return {
        **known,
        "alone": len(steps) < 2,
        "first": steps[0],
        "last": steps[-1],
        "distance": float(np.hypot(*(clouds[-1] - clouds[0]).T).mean()),
        "count": len(z),
        "before": found[0],
        "after": found[1],
        "answer": 0,
        **arrays,
        "kept": plane_game(
            scene.run.name,
            scene.data.train,
            scene.clusters,
            played(steps, scatters) or scatters[-1],
        ),
        "measured": measured(scene.run, MEASURED, known["modes"]),
        "drawn": played(when, [Images("", (Strip("", one[None]),)) for one in drawn]),
    }


def best(scene: Points, way: Way) -> Values:
    """The best discriminator against this generator, beside the one that was trained."""
    p, q = scene.centres
    sharp, blurred = scene.fresh
    ratios = [way.log_density(p, x) - way.log_density(q, x) for x in blurred]
    shares = [sigmoid(ratio) for ratio in ratios]
    at_cells = [np.exp(way.log_density(c, scene.grid)).reshape(SIDE, SIDE) for c in (p, q)]
    surfaces = {"trained": surface_of(scene, way), "best": _share(*at_cells)}
    js = math.log(2) - way.losses(ratios[0], ratios[1], "non-saturating")[0] / 2
    halves = (np.log(2 * shares[0]).mean() + np.log(2 * (1 - shares[1])).mean()) / 2
    wanted = ratios if scene.logistic else shares
    if scene.loss == "hinge":
        wanted = [np.sign(ratio) for ratio in ratios]
    at, at_balance, _ = balance_of(way, scene.loss)
    middle: Words | float = Message(N_("from −1 to 1"))
    if at is not None:
        middle = float(way.read(np.array(at)))
    names = (Message(N_("trained")), Message(N_("best")))
    rows: list[tuple[Words | float, ...]] = []
    for name, pair in zip(names, ([way.logits(x) for x in sharp], wanted), strict=True):
        means = (float(way.read(l).mean()) for l in pair)
        rows.append((name, *means, way.losses(pair[0], pair[1], scene.loss)[0]))
    rows.append((Message(N_("where both are equal")), middle, middle, at_balance))
    columns = (N_("discriminator"), N_("on the data"), N_("on generated points"), N_("loss"))
    table = Table("", tuple(map(Message, columns)), tuple(rows), digits=3)
    control = Control(Message(N_("discriminator")), names, "select", start=1)
    figures = tuple(_map(scene, surface=one) for one in surfaces.values())
    return {
        **told(scene),
        "real": shares[0].mean(),
        "made": shares[1].mean(),
        "trained_loss": rows[0][3],
        "best_loss": rows[1][3],
        "balance": at_balance,
        "count": len(sharp[0]),
        "width": scene.blur,
        "js": js,
        "answer": 1,
        "best": surfaces["best"],
        "surface": surfaces["trained"],
        "best_real": shares[0],
        "best_generated": shares[1],
        "js_nats": np.array(js),
        "compared": Choice("", (control,), figures, (0, 1)),
        "table": None if scene.loss == "wasserstein" else table,
        "checks": (Check(Message(N_("the distance, as the mean of two divergences")), js, halves),),
    }


def _share(p: Array, q: Array) -> Array:
    """p / (p + q), and one half where both together are faint."""
    whole = p + q
    return np.where(whole >= FAINT * whole.max(), p / np.where(whole > 0, whole, 1), 0.5)


def collapsed_points(scene: Points, way: Way) -> Values:
    """The run's points beside a simulated collapse, and what the run's monitor warned of."""
    made, few = numbers(scene.made), numbers(scene.collapsed)
    outputs = [way.read(way.logits(x)) for x in (made, few)]
    names = (Message(N_("this run")), Message(N_("simulated collapse")))
    found = (_reached(scene, way, x, len(few)) for x in (made, few))
    covered, near, shares = zip(*found, strict=True)
    labels: tuple[Words, ...] = tuple(str(k + 1) for k in range(len(shares[0])))
    if scene.clusters is None:
        labels = (Message(N_("precision")), Message(N_("coverage")))
    lower = bool(outputs[1].mean() < outputs[0].mean() - outputs[0].std())
    clouds = tuple(Cloud(name, x[:SHOWN]) for name, x in zip(names, (made, few), strict=True))
    return {
        **_known(scene),
        "kept": len(few),
        "covered": covered[0],
        "covered_few": covered[1],
        "near": near[0],
        "near_few": near[1],
        "output": outputs[0].mean(),
        "output_few": outputs[1].mean(),
        "lower": lower,
        "answer": 0 if lower else 1,
        "collapsed": few,
        "shares": np.stack(shares),
        "map": Scatter("", clouds),
        "bars": Bars("", labels, tuple(zip(names, shares, strict=True))),
        "warnings": warned(scene),
    }
