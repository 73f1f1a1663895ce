r"""The game in the plane, opened up: noise and points, the discriminator's surface, the pull on each point, the way.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \quad D(x) = \sigma(l(x))

What the best discriminator would say, and how collapse looks, is in :mod:`olaria.lessons.game_ends`.

Arrays, in the units of the data unless said: ``z`` (N, latent), of N(0, I); ``real`` and ``generated``, (N, 2);
``surface`` (R, C), answers brought to [0, 1], rows from the top; ``pull`` (M, 2), minus the gradient of the generator's
loss in each point, loss per unit of the plane; ``points_K`` and ``surface_K`` the same of step K.

Sources: Goodfellow et al. 2014; Kahng et al. 2019, *GAN Lab* (what there is to see of such a game).
"""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.plane import clusters
from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers, together
from olaria.lessons.by_numpy import games
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Cloud,
    Figure,
    Scatter,
)
from olaria.lessons.gan.answers import (
    LOGISTIC,
    answer,
    answer_by_hand,
    scale,
    terms_by_hand,
    weights_words,
)
from olaria.lessons.gan.scene import (
    NEIGHBOURHOODS,
    SHOWN,
    SIDE,
    Scene,
    clusters_by_hand,
    middle_of,
    neighbourhoods,
    neighbourhoods_by_hand,
    surface,
    surface_by_hand,
)
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import generator_loss
from olaria.sampling import plane

ARROWS = 60
LONGEST = 0.1
"""Of the window's side, the longest arrow."""
SECTORS = 8
"""Colours of the noise's directions."""

# -- noise and points ------------------------------------------------------------------------------


def points_step(scene: Scene) -> Step:
    """Both distributions, and which noise became which points."""
    shown = slice(0, SHOWN)
    both = Scatter(
        Message(
            N_(
                "{real} points of the data and {made} of the generator; on this page both sides have the {weights}."
            ),
            {
                "real": len(scene.real[shown]),
                "made": len(scene.made[shown]),
                "weights": weights_words(scene.run),
            },
        ),
        (
            Cloud(Message(N_("data")), numbers(scene.real[shown])),
            Cloud(Message(N_("generated")), numbers(scene.made[shown])),
        ),
    )
    figures: tuple[Figure, ...] = (both,)
    if scene.model.latent == 2:
        figures = (_noise(scene), both)
    text, checks = _quality(scene)
    by_hand = games.points(scene.model, numbers(scene.z))
    same = Message(N_("the points, from the weights and the noise in NumPy"))
    return Step(
        Message(N_("From noise to points")),
        text,
        r"z \sim \mathcal{N}(0, I) \quad x = G(z)",
        figures,
        {
            "z": numbers(scene.z),
            "generated": numbers(scene.made),
            "real": numbers(scene.real),
        },
        (plane.draw, type(scene.model.generator).forward),
        (Check(same, numbers(scene.made), by_hand), *checks),
        "Goodfellow et al. 2014, section 3",
    )


def _noise(scene: Scene) -> Scatter:
    """Noise and points beside each other, in the colour of the noise's direction."""
    z = numbers(scene.z[:SHOWN])
    labels = ((np.arctan2(z[:, 1], z[:, 0]) / (2 * np.pi)) % 1 * SECTORS).astype(int) % SECTORS
    width = 360 // SECTORS
    return Scatter(
        Message(
            N_(
                "Left the noise, right where the generator takes it. A colour is a direction of the noise: what lies "
                "side by side there stays side by side, since the generator bends the plane and does not tear it."
            )
        ),
        (
            Cloud(Message(N_("noise z")), z, labels),
            Cloud(Message(N_("points G(z)")), numbers(scene.made[:SHOWN]), labels),
        ),
        tuple(f"{width * k}°–{width * (k + 1)}°" for k in range(SECTORS)),
        panels=True,
    )


def _quality(scene: Scene) -> tuple[Message, tuple[Check, ...]]:
    """How near the points are to the data: clusters where they are known, else neighbourhoods."""
    modes, std = scene.data.modes, scene.data.mode_std
    if modes is None or std is None:
        near = neighbourhoods(scene.made, scene.real)
        text = Message(
            N_(
                "The generator never sees the data: it bends noise into points. Around each of {count} real points a "
                "circle reaches to its fifth neighbour: {precision} of as many generated points lie in such a "
                "circle, and {coverage} of the circles hold a generated point."
            ),
            {
                "count": min(NEIGHBOURHOODS, len(scene.real)),
                "precision": Number(near[0], 3),
                "coverage": Number(near[1], 3),
            },
        )
        words = Message(N_("both shares, by measuring every distance in NumPy"))
        own = min(NEIGHBOURHOODS, len(scene.real))
        measured = evaluated(scene.run, "precision", "coverage")
        text = together(text, beside(scene.run, own, measured, partial(_shares_beside, own)))
        return text, (Check(words, near, neighbourhoods_by_hand(scene.made, scene.real)),)
    found = clusters(scene.made.double(), modes.double(), std)
    said = Message(
        N_(
            "The generator never sees the data: it bends noise into points. Of {count} points {share} are within "
            "three standard deviations of a cluster (of the data's own, 0.989), and {covered} of {modes} clusters "
            "have some. {rest} are near none; as the generator is continuous and cannot jump, it never leaves all of "
            "the way between two clusters empty."
        ),
        {
            "count": len(scene.made),
            "share": Number(found.high_quality_share, 3),
            "covered": found.modes_covered,
            "modes": len(modes),
            "rest": Number(1 - found.high_quality_share, 3),
        },
    )
    measured = evaluated(scene.run, "high_quality_share", "modes_covered")
    text = together(said, beside(scene.run, len(scene.made), measured, partial(_beside, scene)))
    words = Message(N_("clusters and share, by measuring every distance in NumPy"))
    covered, share, _ = clusters_by_hand(scene.made, modes, std)
    value = [found.modes_covered, found.high_quality_share]
    return text, (Check(words, value, [covered, share]),)


def _shares_beside(own: int, found: Evaluated) -> Message:
    """The same shares of the points that an evaluation draws."""
    return Message(
        N_(
            "Around {count} real points the run's evaluation has {precision} and {coverage}; here they are {own}."
        ),
        {
            "count": found.count,
            "precision": Number(found.metrics["precision"], 3),
            "coverage": Number(found.metrics["coverage"], 3),
            "own": own,
        },
    )


def _beside(scene: Scene, found: Evaluated) -> Message:
    """The same share of the points that an evaluation draws."""
    return Message(
        N_(
            "Of the {count} points that the run's evaluation drew, {share} are so near (clusters that have some: "
            "{covered}); here {own} were drawn."
        ),
        {
            "count": found.protocol["num_samples"],
            "share": Number(found.metrics["high_quality_share"], 3),
            "covered": int(found.metrics["modes_covered"]),
            "own": len(scene.made),
        },
    )


# -- the surface -----------------------------------------------------------------------------------


def surface_step(scene: Scene) -> Step:
    """What the discriminator says everywhere, and on both sets of points."""
    middle = middle_of(scene.model, scene)
    shown = surface(scene.model, scene, SIDE, middle)
    means = [
        answer(scene.model.discriminate(x).double(), scene.loss).mean().item()
        for x in (scene.real, scene.made)
    ]
    empty = 1 - _visited(scene).mean().item()
    by_hand = [
        answer_by_hand(games.point_logits(scene.model, numbers(x)), scene.loss).mean()
        for x in (scene.real, scene.made)
    ]
    figure = Scatter(
        _colours(scene.loss),
        (
            Cloud(Message(N_("data")), numbers(scene.real[:SHOWN])),
            Cloud(Message(N_("generated")), numbers(scene.made[:SHOWN])),
        ),
        surface=shown,
        extent=scene.extent,
    )
    return Step(
        Message(N_("The discriminator's surface")),
        Message(
            N_(
                "The discriminator has an answer for every place: blue for *real*, red for *generated*, white where "
                "it cannot tell. On the data it answers {real} on average, on generated points {made}. In {empty} of "
                "the cells there is now no point of either kind, and nothing stands behind its answer there."
            ),
            {
                "real": Number(means[0], 3),
                "made": Number(means[1], 3),
                "empty": Number(empty, 2),
            },
        ),
        r"D(x) = \frac{1}{1 + \exp(-l(x))}" if scene.loss in LOGISTIC else "l(x)",
        (figure,),
        {"surface": shown, "means": np.array(means)},
        (PlaneGAN.discriminate, plane.surface),
        (
            Check(
                Message(N_("every cell, from the weights in NumPy")),
                shown,
                surface_by_hand(scene.model, scene, SIDE, middle),
            ),
            Check(Message(N_("both means, from the weights in NumPy")), means, by_hand),
            Check(
                Message(N_("the empty cells, by a histogram of NumPy")),
                empty,
                _empty_by_hand(scene),
            ),
        ),
        "Goodfellow et al. 2014, figure 1",
    )


def _colours(loss: AdversarialLoss) -> Message:
    """How an answer is read, and what white is where no answer is the middle by itself."""
    if loss != "wasserstein":
        return scale(loss)
    return Message(
        N_("{scale} White is halfway between its mean answers on the two."), {"scale": scale(loss)}
    )


def _visited(scene: Scene) -> Tensor:
    """Whether a cell holds a point of the data or a generated one, (SIDE, SIDE) of 0 and 1."""
    every = torch.cat((scene.data.train, scene.made)).double()
    return (plane.density(every, scene.corners.double(), SIDE) > 0).double()


def _empty_by_hand(scene: Scene) -> float:
    """Share of the cells without a point, from NumPy's own histogram."""
    sides = np.array(scene.extent).reshape(2, 2)
    x, y = np.concatenate((numbers(scene.data.train), numbers(scene.made))).T
    counts, _, _ = np.histogram2d(x, y, SIDE, sides)
    return float((counts == 0).mean())


# -- the pull --------------------------------------------------------------------------------------


def pull_step(scene: Scene) -> Step:
    """Where the generator's loss wants each point, and what it would be there."""
    points = scene.made[:ARROWS]
    pull = pull_of(scene.model, points, scene.loss)
    width = scene.extent[1] - scene.extent[0]
    length = LONGEST * width / max(np.hypot(*pull.T).max(), 1e-12)
    moved = numbers(points) + length * pull
    losses = [
        generator_loss(scene.model.discriminate(x.float()), scene.loss).item()
        for x in (points, torch.from_numpy(moved))
    ]
    text = {
        "count": len(points),
        "steepest": Number(float(np.hypot(*pull.T).max())),
        "before": Number(losses[0]),
        "after": Number(losses[1]),
    }
    figure = Scatter(
        Message(
            N_(
                "Generated points and the way on which the generator's loss falls fastest; the longest arrow is "
                "drawn as a tenth of the window and the others in proportion."
            )
        ),
        (Cloud(Message(N_("generated")), numbers(points)),),
        surface=surface(scene.model, scene, SIDE, middle_of(scene.model, scene)),
        extent=scene.extent,
        arrows=np.concatenate((numbers(points), length * pull), 1),
    )
    return Step(
        Message(N_("Where the points are pulled")),
        Message(_PULL_FALLS if losses[1] < losses[0] else _PULL_RISES, text),
        r"-\frac{\partial L_G}{\partial x} \quad x = G(z)",
        (figure,),
        {"points": numbers(points), "pull": pull},
        (generator_loss, PlaneGAN.discriminate),
        _pull_checks(scene, points, pull, moved, losses),
        "Goodfellow et al. 2014, section 3; Kahng et al. 2019",
    )


_PULL_FALLS = N_(
    "An arrow shows where one point would go for the generator's loss to fall; the steepest fall is {steepest} per "
    "unit. If these {count} points moved as drawn, their loss would go from {before} down to {after}. But no point "
    "is free: the generator moves its weights, and every point moves with them."
)
_PULL_RISES = N_(
    "An arrow shows where one point would go for the generator's loss to fall; the steepest fall is {steepest} per "
    "unit. That holds for small steps: if these {count} points moved as far as drawn, their loss would go from "
    "{before} up to {after}. And no point is free: the generator moves its weights, and every point moves with them."
)


def pull_of(model: PlaneGAN, points: Tensor, loss: AdversarialLoss) -> Array:
    """Minus the gradient of each point's own loss in its place, (M, 2)."""
    x = points.double().requires_grad_()
    total = generator_loss(copy.deepcopy(model).double().discriminate(x), loss) * len(x)
    (gradient,) = torch.autograd.grad(total, x)
    return -numbers(gradient)


def _pull_checks(
    scene: Scene, points: Tensor, pull: Array, moved: Array, losses: list[float]
) -> tuple[Check, ...]:
    def loss_at(x: Array) -> Array:
        return terms_by_hand(games.point_logits(scene.model, x), scene.loss)[2]

    places = numbers(points)
    axes = [np.tile(axis, (len(places), 1)) for axis in np.eye(2)]
    expected = [-games.slopes(loss_at, places, axis) for axis in axes]
    middle = middle_of(scene.model, scene)
    return (
        Check(
            Message(N_("each arrow, by the difference of two losses in NumPy")),
            pull,
            np.stack(expected, 1),
        ),
        Check(
            Message(N_("both losses, from the weights in NumPy")),
            losses,
            [loss_at(places).mean(), loss_at(moved).mean()],
        ),
        Check(
            Message(N_("every cell, from the weights in NumPy")),
            surface(scene.model, scene, SIDE, middle),
            surface_by_hand(scene.model, scene, SIDE, middle),
        ),
    )
