r"""The steps about what the flow makes: guidance, the density, and how near samples are to training points.

.. math:: v_w = v_\emptyset + w\,(v_y - v_\emptyset), \qquad
          \log p(x_1) = \log N(x_0; 0, I) - \int_0^1 \nabla \cdot v_\theta(x_t, t)\, dt

Arrays: ``agreement`` and ``spreads`` (W,), the share of samples that end nearest to the cluster and their standard
deviation over the cluster's own, at each of :data:`WEIGHTS`; ``nats`` (N, 2), the log-density of test points in the
units of the data, by the model and, where it is known, of the data; ``surface`` (R, C), from one half to 1, by the root
of the density; ``distances`` (N, 3), Euclidean, to the nearest training point, in the network's units.

Sources: Ho & Salimans 2022, equation 6; Chen et al. 2018, equation 8; Bertrand et al. 2025 (the closed form copies).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import Choice, Cloud, Control, Curve, Plot, Scatter, Table
from olaria.lessons.flow.flow import STEPS, field_of
from olaria.lessons.flow.lines import Values, told
from olaria.lessons.flow.scene import Scene, at
from olaria.lessons.flow.ways import Way
from olaria.lessons.images import value
from olaria.models.point_flow import DENSITY_POWER, DENSITY_STEPS
from olaria.numbers import Number
from olaria.objectives.mixture import Mixture

WEIGHTS = (0.0, 1.0, 2.0, 4.0)
"""Of guidance."""
NUM_GUIDED = 200
NUM_DENSE = 100
"""Test points whose density is computed."""
SIDE = 20
"""Cells of a surface's side."""
SURFACE_STEPS = 16
"""Of Heun's rule, for a surface: a rough density will do."""
NUM_NEAREST = 100
"""Samples whose nearest training point is looked for."""
COPY_STEPS, COPY_POWER = 30, 2.0
"""Of Euler's rule, along the closed form of the training points; the last ones are short, and end on one of them."""
ZOOM = 0.35
"""Half of the side of a window, in the network's units."""
COPIES, FAR = 0.5, 2.0
"""Ratios of distances below which samples are called copies, and above which far away."""


def guidance(scene: Scene, way: Way) -> Values:
    """A cluster in place of a class: its own closed form is the velocity of the class, the network's that of none."""
    if scene.clusters is None:
        return {
            **told(scene),
            "answer": None,
            "moved": None,
            "table": None,
            **dict.fromkeys(_NUMBERS, 0.0),
        }
    one, free = Mixture(scene.clusters.modes[:1], scene.clusters.std), field_of(way)
    z, mode = numbers(scene.z[:NUM_GUIDED]), numbers(one.modes)[0]
    agreement, spreads, figures = list[float](), list[float](), list[Scatter]()
    for weight in WEIGHTS:

        def field(x: Array, t: float, weight: float = weight) -> Array:
            return way.guided(way.exact(one, x, at(len(x), t)), free(x, t), weight)

        end = way.path(field, z, STEPS, "heun")[-1][1]
        _, nearest = way.nearest(end, numbers(scene.clusters.modes))
        agreement.append(float((nearest == 0).mean()))
        spreads.append(float(np.sqrt(((end - end.mean(0)) ** 2).sum(1).mean() / 2) / one.std))
        clouds = (Cloud(Message(N_("data")), scene.shown), Cloud(Message(N_("samples")), end))
        figures.append(Scatter("", clouds, extent=scene.extent))
    control = Control("w", tuple(value(weight, 0) for weight in WEIGHTS), start=1)
    rows = tuple(zip(WEIGHTS, agreement, spreads, strict=True))
    columns = "w", Message(N_("agreement")), Message(N_("spread"))
    found = np.array(spreads)
    return {
        **told(scene),
        "count": len(z),
        "none": agreement[0],
        "alone": agreement[1],
        "spread_alone": spreads[1],
        "spread_most": spreads[-1],
        "most": WEIGHTS[-1],
        "chance": 1 / len(scene.clusters.modes),
        "answer": 0 if found[-1] < found[1] else 1,
        "agreement": np.array(agreement),
        "spreads": found,
        "mode": mode,
        "moved": Choice("", (control,), tuple(figures), (0, 1, len(WEIGHTS) - 1)),
        "table": Table("", columns, rows),
    }


_NUMBERS = ("count", "none", "alone", "spread_alone", "spread_most", "most", "chance")


def density(scene: Scene, way: Way) -> Values:
    """The density of test points by following them back, beside the data's own, and over the plane."""
    x = numbers(scene.x[:NUM_DENSE])
    units = x.shape[1] * np.log(scene.spread)
    own, noise = way.log_density(x, DENSITY_STEPS, DENSITY_POWER)
    integral = float((-0.5 * (noise**2 + np.log(2 * np.pi)).sum(1) - own).mean())
    nats = [own - units]
    grid = _grid(scene)
    surfaces = {"model": _shade(way.log_density(grid, SURFACE_STEPS, DENSITY_POWER)[0])}
    if scene.clusters is not None:
        nats.append(way.exact_log_density(scene.clusters, x) - units)
        surfaces["truth"] = _shade(way.exact_log_density(scene.clusters, grid))
    names = {"model": Message(N_("the model")), "truth": Message(N_("the data"))}
    figures = tuple(
        Scatter("", (Cloud(Message(N_("data")), x),), surface=one, extent=scene.extent)
        for one in surfaces.values()
    )
    shown = tuple(names[name] for name in surfaces)
    control = Control(Message(N_("density of")), shown, "select")
    means = [float(each.mean()) for each in nats]
    excess = means[-1] - means[0]
    metric = "excess_nats" if scene.clusters is not None else "point_nll_nats"
    found, words = evaluated(scene.run, metric), partial(_beside, len(x), metric)
    points = None
    if scene.clusters is not None:
        low, high = nats[1].min(), nats[1].max()
        points = Plot(
            "",
            (
                Curve(Message(N_("test points")), nats[1], nats[0], "points"),
                Curve(Message(N_("both equal")), np.array([low, high]), np.array([low, high])),
            ),
            Message(N_("log-density of the data (nats)")),
            Message(N_("log-density of the model (nats)")),
        )
    return {
        **told(scene),
        "count": len(x),
        "steps": DENSITY_STEPS,
        "model": -means[0],
        "truth": -means[-1],
        "excess": excess,
        "evaluated": beside(scene.run, len(x), found, words),
        "integral": integral,
        "factor": float(np.exp(abs(integral))),
        "squeezed": integral < 0,
        "answer": int(integral < 0),
        "nats": np.stack(nats, 1),
        "surface": surfaces["model"],
        "map": figures[0] if len(figures) == 1 else Choice("", (control,), figures, (0, 1)),
        "points": points,
    }


def _beside(own: int, metric: str, found: Evaluated) -> Message:
    """The same number of all test points, which an evaluation measures."""
    text = N_("The run's evaluation, with {count} points, has {nats} nats; here there are {own}.")
    nats = Number(found.metrics[metric], 3)
    return Message(text, {"count": found.count, "nats": nats, "own": own})


def _grid(scene: Scene) -> Array:
    """Centres of the cells of a surface, rows from the top, (SIDE², 2)."""
    left, right, bottom, top = scene.extent
    share = (np.arange(SIDE) + 0.5) / SIDE
    x, y = left + share * (right - left), top - share * (top - bottom)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def _shade(nats: Array) -> Array:
    """Log-densities of the cells as values from one half, none, to 1, the largest; by their roots."""
    return np.asarray(0.5 + 0.5 * np.exp((nats - nats.max()) / 2)).reshape(SIDE, SIDE)


def nearest(scene: Scene, way: Way) -> Values:
    """How near samples are to training points, beside new points of the data, and beside a velocity that copies."""
    train = numbers(scene.train)
    z, test = numbers(scene.z[:NUM_NEAREST]), numbers(scene.x[:NUM_NEAREST])
    sampler = scene.model.sampler
    made = way.path(field_of(way), z, sampler.steps, sampler.solver)[-1][1]
    copied = way.path(
        lambda x, t: way.exact(scene.copies, x, at(len(x), t)), z, COPY_STEPS, "euler", COPY_POWER
    )
    sets = (made, test[: len(z)], copied[-1][1])
    distances = [way.nearest(x, train)[0] for x in sets]
    medians = [float(np.median(each)) for each in distances]
    ratios = [median / max(medians[1], 1e-12) for median in medians]
    names = (N_("samples of your network"), N_("test points"), N_("samples of the closed form"))
    rows = tuple(zip(map(Message, names), medians, ratios, strict=True))
    centre = numbers(scene.x[0])
    window = Scatter(
        "",
        tuple(
            Cloud(Message(name), x)
            for name, x in ((N_("training"), train), (N_("network"), made), (N_("exact"), sets[2]))
        ),
        extent=(centre[0] - ZOOM, centre[0] + ZOOM, centre[1] - ZOOM, centre[1] + ZOOM),
    )
    return {
        **told(scene),
        "count": len(z),
        "train": len(train),
        "made": medians[0],
        "test": medians[1],
        "copied": medians[2],
        "ratio": ratios[0],
        "answer": int(np.searchsorted((COPIES, FAR), ratios[0])),
        "distances": np.stack([each[: min(map(len, distances))] for each in distances], 1),
        "map": window,
        "table": Table(
            "",
            ("", Message(N_("median distance")), Message(N_("over that of test points"))),
            rows,
            digits=4,
        ),
    }
