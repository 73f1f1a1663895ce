"""What the live part of flow matching begins with: points on their way from noise to data, in the plane.

The page moves them on the straight lines of random pairs, or along the velocity of the run's own network; it begins at
a place that the reader chooses, with a solver and as many steps as the reader chooses. Everything is in the units that
the network works in, :meth:`olaria.models.flow_matching.FlowMatching.scaled`. ``pages/play/live_flow.js`` draws it; the
closed form of the velocity there is that of :mod:`olaria.objectives.mixture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from olaria.lessons.base import numbers
from olaria.lessons.figures import Figure, Live
from olaria.lessons.flow.scene import Scene
from olaria.vocabulary import Solver

MOST_POINTS = 400
"""Of the data, that the page holds."""


REACH = 2.7
"""Of the window, in standard deviations of the noise: of 240 points about three begin outside."""


@dataclass(frozen=True)
class Begin:
    """What the part shows first; the reader may change each of these.

    Args:
        shown: whether the points follow the straight lines of random pairs, or the network's velocity.
        t: the time.
        steps: from time 0 to time 1; 1, 2, 5, 10, 20 or 50.
        solver: what a step does.
    """

    shown: Literal["lines", "flow"]
    t: float
    steps: int = 20
    solver: Solver = "heun"


LINES = Begin("lines", 0.3)
"""One example on its way from noise."""
PATHS = Begin("flow", 0.5)
"""The paths of the flow."""
FEW_STEPS = Begin("flow", 1.0, steps=2, solver="euler")
"""Steps so long that they cut corners."""


def plane_flow(scene: Scene, below: Figure, begin: Begin) -> Live:
    """Points on their way in the plane; the chosen one begins at the lesson's first noise.

    Args:
        scene: the run that is opened up, and its points.
        below: the static figure.
        begin: what it shows first.
    """
    noise, x = numbers(scene.z[0]), numbers(scene.x[0])
    half = max(REACH, scene.extent[1])
    mixture = scene.clusters
    settings = {
        "shown": begin.shown,
        "t": begin.t,
        "steps": begin.steps,
        "solver": begin.solver,
        "window": (-half, half, -half, half),
        "points": numbers(scene.train[:MOST_POINTS]),
        "modes": None if mixture is None else numbers(mixture.modes),
        "std": None if mixture is None else mixture.std,
        "at": noise.clip(-half, half),
        "target": x,
    }
    return Live("", "live_flow", (scene.run.name,), settings, below)
