r"""The steps about following the velocity: paths, where they lead at each time, and the steps of a solver.

.. math:: \frac{d x_t}{dt} = v_\theta(x_t, t), \qquad \hat x = x_t + (1 - t)\, v_\theta(x_t, t)

Arrays, in the network's units: ``paths`` (T, P, 2), of the first noise vectors; ``leads`` (T, N, 2), where the velocity
leads at ``times`` (T,); ``spreads`` (T,), their standard deviation over the data's; ``errors`` (S, E), of each solver
at each number of evaluations, the root mean square of the distance from the end of a path of many steps. Sources: Liu
et al. 2023, section 2; Hairer, Nørsett & Wanner 1993, section II.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Bars, Choice, Cloud, Control, Curve, Plot, Scatter, Table
from olaria.lessons.flow.lines import Values, slider, told
from olaria.lessons.flow.scene import SHOWN, Scene, at
from olaria.lessons.flow.ways import Field, Way
from olaria.lessons.live_flow import FEW_STEPS, PATHS, plane_flow
from olaria.nn.ode import EVALUATIONS
from olaria.vocabulary import Solver

STEPS = 20
"""Of Heun's rule, along a path that is looked at."""
FINE_STEPS = 100
"""Of Heun's rule, along a path that counts as exact."""
NUM_PATHS = 8
"""That are drawn, each in a colour of its own."""
NUM_FOLLOWED = 200
"""Noise vectors that are followed for a number."""
EVERY = 2
"""Steps from one frame of a slider to the next."""
COMPARED: tuple[Solver, ...] = ("euler", "heun")
NAMES: dict[Solver, str] = {
    "euler": N_("Euler"),
    "midpoint": N_("midpoint rule"),
    "heun": N_("Heun"),
}
"""Of the solvers."""
BUDGETS = (2, 4, 8, 16, 32, 64)
"""Evaluations of the network for one sample."""
ASKED = 2
"""Place of the budget that is asked about."""
ALIKE = 0.1
"""Of the larger error, by which less two errors differ that are called alike."""
GATHERED = 0.33
"""Of the data's standard deviation, below which predictions are said to lie in one place."""
BENT = 1.01
"""How many times as long as straight is called bent."""


def field_of(way: Way) -> Field:
    """The network's velocity of places at one time."""
    return lambda x, t: way.velocity(x, at(len(x), t))


def paths(scene: Scene, way: Way) -> Values:
    """The straight lines of random pairs beside the paths that the flow takes."""
    z, x = (numbers(some[:NUM_FOLLOWED]) for some in (scene.z, scene.x))
    z = z[: len(x)]
    found = way.path(field_of(way), z, STEPS, "heun")
    times, places = [t for t, _ in found], np.stack([place for _, place in found])
    lengths = np.hypot(*np.diff(places, axis=0).transpose(2, 0, 1)).sum(0)
    straight = np.hypot(*(places[-1] - z).T)
    ratio = float(lengths.mean() / straight.mean())
    pairs, own = (float(np.hypot(*(end - z).T).mean()) for end in (x, places[-1]))
    lines = np.stack([way.between(z[:NUM_PATHS], x[:NUM_PATHS], at(NUM_PATHS, t)) for t in times])
    names = tuple(str(k + 1) for k in range(NUM_PATHS))
    clouds = (
        _dotted(N_("lines of random pairs"), lines),
        _dotted(N_("paths of the flow"), places[:, :NUM_PATHS]),
    )
    frames = tuple(
        Scatter(
            "",
            (Cloud(Message(N_("data")), scene.shown), Cloud(Message(N_("samples")), place[:SHOWN])),
            extent=scene.extent,
        )
        for place in places[::EVERY]
    )
    return {
        **told(scene),
        "count": len(z),
        "steps": STEPS,
        "ratio": ratio - 1,
        "length": float(lengths.mean()),
        "pairs": pairs,
        "own": own,
        "nearer": own < pairs,
        "answer": 1 if ratio > BENT else 0,
        "paths": places[:, :NUM_PATHS],
        "bent": Scatter("", clouds, names, panels=True, extent=scene.extent),
        "moved": plane_flow(
            scene,
            Choice("", (slider(times[::EVERY], len(frames) - 1),), frames, (0, 5, len(frames) - 1)),
            PATHS,
        ),
    }


def _dotted(name: str, places: Array) -> Cloud:
    """Paths (T, P, 2) as dots, each path in a colour of its own."""
    count = places.shape[1]
    labels = np.tile(np.arange(count), len(places))
    return Cloud(Message(name), places.reshape(-1, 2), labels)


def endpoints(scene: Scene, way: Way) -> Values:
    """Where the velocity leads from each place of a path: first to the mean of all data, at last to one point."""
    z = numbers(scene.z[:SHOWN])
    found = way.path(field_of(way), z, STEPS, "heun")[::EVERY]
    times = np.array([t for t, _ in found])
    leads = np.stack(
        [way.leads_to(way.velocity(x, at(len(x), t)), x, at(len(x), t)) for t, x in found]
    )
    data = numbers(scene.x)
    exact = np.stack(
        [
            way.leads_to(way.exact(scene.truth, x, at(len(x), t)), x, at(len(x), t))
            for t, x in found[:-1]  # at time 1 every place leads to itself
        ]
    )
    spreads, known = (np.sqrt(each.var(1).sum(1) / data.var(0).sum()) for each in (leads, exact))
    curves = [
        Curve(Message(N_("spread, network")), times, spreads),
        Curve(Message(N_("spread, closed form")), times[:-1], known),
    ]
    near = np.zeros(len(times))
    if scene.clusters is not None:
        near = np.array([way.near(x, scene.clusters)[0] for x in leads])
        curves.append(Curve(Message(N_("near a cluster")), times, near))
    frames = tuple(
        Scatter(
            "",
            (Cloud("xₜ", x), Cloud("x̂", lead)),
            extent=scene.extent,
        )
        for (_, x), lead in zip(found, leads, strict=True)
    )
    middle = len(times) // 2
    return {
        **told(scene),
        "count": len(z),
        "first": spreads[0],
        "gathered": bool(spreads[0] < GATHERED),
        "middle": spreads[middle],
        "last": spreads[-1],
        "near_middle": near[middle],
        "near_last": near[-1],
        "answer": int(np.searchsorted((GATHERED, 1 - GATHERED), spreads[0])),
        "leads": leads,
        "spreads": spreads,
        "moved": Choice("", (slider(times.tolist(), 0),), frames, (0, 5, len(frames) - 1)),
        "curves": Plot("", tuple(curves), "t", Message(N_("share"))),
    }


def solvers(scene: Scene, way: Way) -> Values:
    """How far Euler's and Heun's rules end from the exact end of a path, at the same number of evaluations."""
    z = numbers(scene.z[:NUM_FOLLOWED])
    field = field_of(way)
    exact = way.path(field, z, FINE_STEPS, "heun")[-1][1]
    ends = {
        solver: [way.path(field, z, n // EVALUATIONS[solver], solver)[-1][1] for n in BUDGETS]
        for solver in COMPARED
    }
    errors = np.array(
        [[np.sqrt(((end - exact) ** 2).sum(1).mean()) for end in each] for each in ends.values()]
    )
    euler, heun = errors[:, ASKED]
    wins = [bool((errors[1, k:] < errors[0, k:]).all()) for k in range(len(BUDGETS))]
    answer = 2 if abs(euler - heun) < ALIKE * max(euler, heun) else int(heun < euler)
    near = {}
    if scene.clusters is not None:
        near = {
            solver: np.array([way.near(end, scene.clusters)[0] for end in each])
            for solver, each in ends.items()
        }
    names = tuple(Message(NAMES[solver]) for solver in COMPARED)
    budgets = tuple(map(str, BUDGETS))
    factors = errors[:, -2] / errors[:, -1]
    return {
        **told(scene),
        "count": len(z),
        "fine": 2 * FINE_STEPS,
        "asked": BUDGETS[ASKED],
        "euler": euler,
        "heun": heun,
        "euler_factor": factors[0],
        "heun_factor": factors[1],
        "wins": any(wins),
        "wins_from": BUDGETS[wins.index(True)] if any(wins) else 0,
        "before": BUDGETS[-2],
        "after": BUDGETS[-1],
        "own": scene.model.sampler.evaluations,
        "own_steps": scene.model.sampler.steps,
        "own_solver": Message(NAMES[scene.model.sampler.solver]),
        "answer": answer,
        "errors": errors,
        "ends": plane_flow(scene, _ends_seen(scene, exact, ends), FEW_STEPS),
        "bars": Bars(
            "",
            budgets,
            tuple(zip(names, errors, strict=True)),
            Message(N_("error")),
            by_factors=True,
        ),
        "table": None
        if not near
        else Table(
            "",
            (Message(N_("evaluations")), *names),
            tuple(zip(BUDGETS, *(each.tolist() for each in near.values()), strict=True)),
            digits=3,
        ),
    }


def _ends_seen(scene: Scene, exact: Array, ends: Mapping[Solver, Sequence[Array]]) -> Choice:
    """Where the paths end, beside the exact ends, for each number of evaluations."""
    names = [Message(N_("exact")), *(Message(NAMES[solver]) for solver in ends)]
    frames = tuple(
        Scatter("", tuple(map(Cloud, names, (exact, *at_budget))), extent=scene.extent)
        for at_budget in zip(*ends.values(), strict=True)
    )
    control = Control(Message(N_("evaluations")), tuple(map(str, BUDGETS)), start=1)
    return Choice("", (control,), frames, (0, len(BUDGETS) - 1))
