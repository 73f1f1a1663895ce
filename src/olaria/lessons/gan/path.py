"""The way of the game in the plane: the same noise at each step that was kept, the run's pictures, what it measured.

Arrays: ``points_K`` (N, 2), in the units of the data, and ``surface_K`` (R, C), in [0, 1], of step K.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from olaria.evaluation.plane import clusters
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, evenly, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import (
    Choice,
    Cloud,
    Control,
    Curve,
    Figure,
    Images,
    Plot,
    Scatter,
    Strip,
)
from olaria.lessons.gan.answers import LOGISTIC, recorded
from olaria.lessons.gan.frames import pictures
from olaria.lessons.gan.scene import (
    SHOWN,
    SIDE,
    Scene,
    clusters_by_hand,
    middle_of,
    surface,
    surface_by_hand,
)
from olaria.models.plane import PlaneGAN
from olaria.sampling import plane
from olaria.training.building import build_model

KEPT = 4
"""Checkpoints that are shown."""
FRAMES = 16
FRAME_SIDE = 184


def path_step(scene: Scene) -> Step:
    """The same noise at the first weights and at each checkpoint that was kept, and the run's own pictures."""
    states = states_of(scene)
    figures: list[Figure] = []
    arrays: dict[str, Array] = {}
    checks: list[Check] = []
    clouds: list[Tensor] = []
    scatters = []
    for step, model in states:
        made = model.generator(scene.z[:SHOWN])
        middle = middle_of(model, scene)
        ground = surface(model, scene, SIDE, middle)
        clouds.append(made)
        scatters.append(_state(scene, made, ground))
        arrays |= {f"points_{step}": numbers(made), f"surface_{step}": ground}
        by_hand = (
            games.points(model, numbers(scene.z[:SHOWN])),
            surface_by_hand(model, scene, SIDE, middle),
        )
        about = Message(
            N_("points and surface of step {step}, from its weights in NumPy"), {"step": step}
        )
        value = np.concatenate((numbers(made).ravel(), ground.ravel()))
        checks.append(Check(about, value, np.concatenate([x.ravel() for x in by_hand])))
    if len(states) > 1:
        labels = tuple(str(step) for step, _ in states)
        figures.append(
            Choice(
                Message(
                    N_(
                        "The same noise, and the surface, with the weights of each step that was kept."
                    )
                ),
                (Control(Message(N_("step")), labels, start=len(labels) - 1, plays=True),),
                tuple(scatters),
                (0, len(states) - 1),
            )
        )
    figures += [*_animation(scene), *_history(scene)]
    text, moved = _travelled(scene, [step for step, _ in states], clouds)
    return Step(
        Message(N_("How both moved")),
        text,
        "",
        tuple(figures),
        arrays,
        (plane.picture,),
        (*checks, *moved),
        "Kahng et al. 2019",
    )


def states_of(scene: Scene) -> list[tuple[int, PlaneGAN]]:
    """Steps and models: the first weights, made anew from the run's seed, and those of the checkpoints."""
    run = scene.run
    states: list[tuple[int, PlaneGAN]] = []
    steps = run.folder.checkpoint_steps()
    if steps[0] > 0:
        first = build_model(run.recipe, run.dimensions()).eval().requires_grad_(False)
        assert isinstance(first, PlaneGAN)
        first.generator.centre.copy_(scene.model.generator.centre)
        first.generator.spread.copy_(scene.model.generator.spread)
        states.append((0, first))
    for step in (steps[place] for place in evenly(len(steps), KEPT)):
        model = run.model(step)
        assert isinstance(model, PlaneGAN)
        states.append((step, model))
    return states


def _state(scene: Scene, made: Tensor, ground: Array) -> Scatter:
    return Scatter(
        "",
        (
            Cloud(Message(N_("data")), numbers(scene.real[:SHOWN])),
            Cloud(Message(N_("generated")), numbers(made)),
        ),
        surface=ground,
        extent=scene.extent,
    )


_FRAMES = N_(
    "The game as the run drew it while it trained: data in dark blue, generated points in black; under them blue "
    "where the discriminator said real and red where it said generated."
)
_FRAMES_OF_LOGITS = N_(
    "The game as the run drew it while it trained: data in dark blue, generated points in black; under them blue "
    "where the discriminator's answer l was above 0 and red where it was below."
)


def _animation(scene: Scene) -> list[Figure]:
    steps, frames = pictures(scene.run, FRAME_SIDE, FRAMES)
    if not frames:
        return []
    return [
        Choice(
            Message(_FRAMES if scene.loss in LOGISTIC else _FRAMES_OF_LOGITS),
            (
                Control(
                    Message(N_("step")), tuple(map(str, steps)), start=len(steps) - 1, plays=True
                ),
            ),
            tuple(Images("", (Strip("", frame[None]),)) for frame in frames),
            (0, len(frames) - 1) if len(frames) > 1 else (0,),
        )
    ]


def _history(scene: Scene) -> list[Figure]:
    """What the run measured of its own points at each evaluation, as shares of one."""
    curves = []
    names = {
        "modes_covered": Message(N_("clusters found, of all")),
        "high_quality_share": Message(N_("points near a cluster")),
        "coverage": Message(N_("coverage of the data")),
    }
    for key, name in names.items():
        steps, values = recorded(scene.run, key, split="validation")
        if len(steps):
            modes = 1 if scene.data.modes is None else len(scene.data.modes)
            curves.append(Curve(name, steps, values / modes if key == "modes_covered" else values))
    if not curves:
        return []
    caption = Message(
        N_(
            "What the run measured while it trained, beside validation points; 1 is the most of each."
        )
    )
    return [
        Plot(caption, tuple(curves), Message(N_("training step")), Message(N_("share"))),
    ]


def _travelled(
    scene: Scene, steps: list[int], clouds: list[Tensor]
) -> tuple[Message, tuple[Check, ...]]:
    """How far a point came from the first state to the last, with the same noise."""
    if len(steps) < 2:
        return Message(N_("Only the weights of step {step} are kept."), {"step": steps[0]}), ()
    way = (clouds[-1] - clouds[0]).norm(dim=1).mean().item()
    first, last = (numbers(clouds[i]) for i in (0, -1))
    checks = (
        Check(
            Message(N_("the way of a point, from the coordinates in NumPy")),
            way,
            np.hypot(*(last - first).T).mean(),
        ),
    )
    fields: dict[str, Any] = {"first": steps[0], "last": steps[-1], "way": Number(way, 2)}
    modes, std = scene.data.modes, scene.data.mode_std
    if modes is None or std is None:
        text = N_(
            "Each $z$ is one point at every step: from step {first} to step {last} it came {way} units on average. "
            "The points are pulled from red to blue, and the surface changes under them: watch both."
        )
        return Message(text, fields), checks
    found = [clusters(clouds[i].double(), modes.double(), std).modes_covered for i in (0, -1)]
    fields |= {"before": found[0], "after": found[1], "modes": len(modes), "count": len(clouds[0])}
    by_hand = [clusters_by_hand(clouds[i], modes, std)[0] for i in (0, -1)]
    counted = Check(
        Message(N_("clusters found, by measuring every distance in NumPy")), found, by_hand
    )
    text = N_(
        "Each $z$ is one point at every step: from step {first} to step {last} it came {way} units on average, and "
        "these {count} points found {before} clusters of {modes} then and {after} now. The points are pulled from "
        "red to blue, and the surface changes under them: watch both."
    )
    return Message(text, fields), (*checks, counted)
