r"""The steps about lines and what is learnt of them: one line, the mean of many, and the loss at each time.

.. math:: x_t = (1 - t)\,\epsilon + t\,x, \qquad v(x_t, t) = \mathbb E[x - \epsilon \mid x_t]

Arrays, in the network's units: ``places`` (T, 2) on one line at ``times`` (T,), ``velocities`` (T, 2) of the network
and ``errors`` (T,), their squared errors, the mean over both coordinates; ``network``, ``exact`` and ``lines`` (T, 2),
the velocity at one place by the network, in closed form and as the mean over the training points; ``losses`` (T, 2),
of the network and of the closed form. Sources: Lipman et al. 2023, equation 23 and theorem 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Choice, Cloud, Control, Curve, Plot, Scatter, Table
from olaria.lessons.flow.scene import Scene, at
from olaria.lessons.flow.ways import Way
from olaria.lessons.gan.record import recorded
from olaria.lessons.images import value
from olaria.lessons.live_flow import LINES, plane_flow
from olaria.numbers import Number
from olaria.objectives.flow_matching import logit_normal

Values = dict[str, Any]

TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of one line, in its table."""
FRAMES = 11
"""Of a slider from time 0 to time 1."""
PLACES = (0.0, 0.3, 0.6, 0.9)
"""Times at which the lines through one place are looked at."""
NUM_LINES = 24
"""Lines through one place that are drawn."""
LOSS_TIMES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""At which the loss is measured."""
NUM_PAIRS = 500
"""Pairs of noise and data that a loss is measured on."""
LAST_SHARE = 0.1
"""Of the run, whose mean loss stands for its end."""


def told(scene: Scene) -> Values:
    """What the texts choose their sentences by."""
    modes = 0 if scene.clusters is None else len(scene.clusters.modes)
    return {
        "clustered": modes > 0,
        "modes": modes,
        "averaged": bool(scene.run.recipe.training.ema),
        "step": scene.run.checkpoint()[0],
    }


def slider(times: list[float] | tuple[float, ...], start: int, *, plays: bool = True) -> Control:
    """Chooses a time."""
    return Control("t", tuple(value(t, 2) for t in times), start=start, plays=plays)


def pairs(x: Array) -> list[Message]:
    """Each of (N, 2) as two numbers in brackets."""
    return [
        Message(N_("({first}, {second})"), {"first": Number(a, 2), "second": Number(b, 2)})
        for a, b in x.tolist()
    ]


def one_line(scene: Scene, way: Way) -> Values:
    """One example, one noise, the line between them, and what the network says on it."""
    noise, x = (numbers(some[:1]) for some in (scene.z, scene.x))
    times = np.array(TIMES)
    places = _on_line(way, noise, x, times)
    velocities = way.velocity(places, times)
    errors = ((velocities - (x - noise)) ** 2).mean(1)
    rows = zip(TIMES, pairs(places), pairs(velocities), errors.tolist(), strict=True)
    first, second = x[0] - noise[0]
    return {
        **told(scene),
        "first": first,
        "second": second,
        "spread": scene.spread,
        "at_start": errors[0],
        "at_half": errors[2],
        "answer": 2,
        "times": times,
        "places": places,
        "velocities": velocities,
        "errors": errors,
        "moved": plane_flow(scene, _line_with_slider(scene, way, noise, x), LINES),
        "table": Table(
            "",
            (
                "t",
                "xₜ",
                Message(N_("network's velocity")),
                Message(N_("squared error")),
            ),
            tuple(rows),
        ),
    }


def _on_line(way: Way, noise: Array, x: Array, times: Array) -> Array:
    return way.between(np.repeat(noise, len(times), 0), np.repeat(x, len(times), 0), times)


def _line_with_slider(scene: Scene, way: Way, noise: Array, x: Array) -> Choice:
    """The place on the line at each time, and where the line and the network's velocity lead from there."""
    times = np.linspace(0, 1, FRAMES)
    places = _on_line(way, noise, x, times)
    ends = way.leads_to(way.velocity(places, times), places, times)
    figures = []
    for place, end in zip(places, ends, strict=True):
        clouds = (
            Cloud(Message(N_("data")), scene.shown),
            Cloud("ε, x", np.concatenate((noise, x)), names=("ε", "x")),
            Cloud("xₜ", place[None], names=("xₜ",)),
            Cloud("x̂", end[None], names=("x̂",)),
        )
        arrows = np.stack([np.concatenate((place, to - place)) for to in (x[0], end)])
        figures.append(Scatter("", clouds, extent=scene.extent, arrows=arrows))
    return Choice("", (slider(times.tolist(), 3),), tuple(figures), (0, 5, FRAMES - 1))


def many_lines(scene: Scene, way: Way) -> Values:
    """All lines through one place: their mean is the velocity, which the network should give."""
    noise, x = (numbers(some[:1]) for some in (scene.z, scene.x))
    times = np.array(PLACES)
    places = _on_line(way, noise, x, times)
    network, exact = way.velocity(places, times), way.exact(scene.truth, places, times)
    shares = way.shares(scene.copies, places, times)
    lines = (shares @ numbers(scene.train) - places) / (1 - times)[:, None]
    counts = 1 / (shares**2).sum(1)
    apart = np.hypot(*(network - exact).T)
    ends = {
        name: way.leads_to(v, places, times) for name, v in (("x̂", exact), ("network", network))
    }
    first, (_, nearest) = (
        numbers(scene.train).mean(0),
        way.nearest(places[:1], numbers(scene.train)),
    )
    candidates = np.stack((x[0], first, numbers(scene.train)[nearest[0]]))
    figures = []
    for row, place in enumerate(places):
        drawn = _lines_through(scene, places, times)[row]
        arrows = np.concatenate((np.broadcast_to(place, drawn.shape), drawn - place), 1)
        clouds = (
            Cloud(Message(N_("data")), scene.shown),
            Cloud("xₜ", place[None], names=("xₜ",)),
            Cloud(Message(N_("exact")), ends["x̂"][row, None]),
            Cloud(Message(N_("network")), ends["network"][row, None]),
        )
        figures.append(Scatter("", clouds, extent=scene.extent, arrows=arrows))
    rows = zip(PLACES, pairs(network), pairs(exact), apart.tolist(), counts.tolist(), strict=True)
    return {
        **told(scene),
        "count": len(scene.train),
        "early": counts[0],
        "late": counts[-1],
        "last": PLACES[-1],
        "apart": apart.mean(),
        "from_lines": np.hypot(*(lines - exact).T).mean(),
        "answer": int(np.hypot(*(candidates - ends["network"][0]).T).argmin()),
        "network": network,
        "exact": exact,
        "lines": lines,
        "moved": Choice(
            "", (slider(PLACES, 1, plays=False),), tuple(figures), (0, len(PLACES) - 1)
        ),
        "table": Table(
            "",
            (
                "t",
                Message(N_("network")),
                Message(N_("closed form")),
                Message(N_("distance")),
                Message(N_("lines that count")),
            ),
            tuple(rows),
        ),
    }


def _lines_through(scene: Scene, places: Array, times: Array) -> list[Array]:
    """Training points at the ends of some lines through places, drawn by the lines' shares, (NUM_LINES, 2) each."""
    shares = scene.copies.shares(torch.from_numpy(places), torch.from_numpy(times))
    rows = torch.multinomial(shares, NUM_LINES, True, generator=scene.generator("lines"))
    return [numbers(scene.train[some]) for some in rows]


def loss_by_time(scene: Scene, way: Way) -> Values:
    """The loss at each time beside the least that any network could have, and the part that is left to learn."""
    # The training points' own closed form is a floor on these points and on no others.
    source = scene.x if scene.clusters is not None else scene.train
    noise, x = (numbers(some[:NUM_PAIRS]) for some in (scene.z, source))
    noise = noise[: len(x)]
    x = x[: len(noise)]
    losses = np.array([_losses(scene, way, noise, x, at(len(x), t)) for t in LOSS_TIMES])
    config, draws = scene.config, scene.generator("times")
    drawn: Tensor = logit_normal(len(x), draws, config.time_mean, config.time_std)
    network, least, apart = _losses(scene, way, noise, x, numbers(drawn))
    share = least / network
    steps, history = recorded(scene.run, "velocity_error")
    last = steps >= steps[0] + (1 - LAST_SHARE) * (steps[-1] - steps[0]) if len(steps) else steps
    times = np.array(LOSS_TIMES)
    names = (N_("the network"), N_("the least possible"))
    return {
        **told(scene),
        "pairs": len(x),
        "loss": network,
        "least": least,
        "apart": apart,
        "share": share,
        "zero": float(((x - noise) ** 2).mean()),
        "recorded": len(steps) > 0,
        "end": float(history[last].mean()) if len(steps) else 0.0,
        "lowest_at": LOSS_TIMES[_lowest(scene, noise, x)],
        "answer": int(np.searchsorted((0.1, 0.5, 0.9), share)),
        "losses": losses[:, :2],
        "curves": Plot(
            "",
            tuple(Curve(Message(n), times, y) for n, y in zip(names, losses.T[:2], strict=True)),
            "t",
            Message(N_("squared error")),
        ),
    }


def _losses(scene: Scene, way: Way, noise: Array, x: Array, t: Array) -> tuple[float, float, float]:
    """Mean squared errors of the network and of the closed form, and of the one from the other."""
    places = way.between(noise, x, t)
    network, exact = way.velocity(places, t), way.exact(scene.truth, places, t)
    target = x - noise
    both = (network - target, exact - target, network - exact)
    first, second, third = (float((error**2).mean()) for error in both)
    return first, second, third


def _lowest(scene: Scene, noise: Array, x: Array) -> int:
    """Place of the time at which the least possible loss is lowest: a choice, made once for both ways."""
    found = []
    for t in LOSS_TIMES:
        places = torch.from_numpy((1 - t) * noise + t * x)
        error = numbers(scene.truth.velocity(places, torch.full((len(x),), t).double())) - (
            x - noise
        )
        found.append((error**2).mean())
    return int(np.argmin(found))
