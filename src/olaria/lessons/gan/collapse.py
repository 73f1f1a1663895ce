"""How collapse looks in the plane: the run's points beside a collapse that is made of them.

Arrays: ``collapsed`` (C, 2), in the units of the data; ``answers`` (2,), mean answers on the run's points and on those;
``shares`` (2, K) of the points near each cluster, or ``neighbourhoods`` (2, 2), precision and coverage of both.
Sources: Srivastava et al. 2017, section 4.1 (clusters); Naeem et al. 2020 (coverage).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import diversity
from olaria.evaluation.plane import clusters
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import Bars, Cloud, Figure, Scatter
from olaria.lessons.gan.answers import answer, answer_by_hand, warnings_table
from olaria.lessons.gan.scene import (
    SHOWN,
    Scene,
    clusters_by_hand,
    neighbourhoods,
    neighbourhoods_by_hand,
)
from olaria.models.plane import PlaneGAN

KEPT_SHARE = 0.1
"""Of the points, in a collapse that is made where no clusters are known."""


def collapsed(scene: Scene) -> Tensor:
    """A collapse made of the run's points: those nearest to the cluster that has most, or to one of them, (C, 2)."""
    made = scene.made
    if scene.data.modes is not None:
        nearest = torch.cdist(made, scene.data.modes).argmin(1)
        return made[nearest == nearest.bincount().argmax()]
    apart = (made - made[0]).norm(dim=1)
    return made[apart.argsort()[: round(KEPT_SHARE * len(made))]]


def collapse_step(scene: Scene) -> Step:
    """This run's points beside a collapse that is made of them, and what the run's watch warned of."""
    few = collapsed(scene)
    answers = [
        answer(scene.model.discriminate(x).double(), scene.loss).mean().item()
        for x in (scene.made, few)
    ]
    said = Check(
        Message(N_("the mean answers, from the weights in NumPy")),
        answers,
        [
            answer_by_hand(games.point_logits(scene.model, numbers(x)), scene.loss).mean()
            for x in (scene.made, few)
        ],
    )
    picture = Scatter(
        Message(
            N_(
                "The generated points of this run, and a collapse that was made of them for this page."
            )
        ),
        (
            Cloud(Message(N_("this run")), numbers(scene.made[:SHOWN])),
            Cloud(Message(N_("made collapse")), numbers(few[:SHOWN])),
        ),
    )
    fields: dict[str, object] = {"count": len(scene.made), "kept": len(few)} | {
        name: Number(value, 3)
        for name, value in zip(("answer", "answer_few"), answers, strict=True)
    }
    measured = _by_clusters if scene.data.modes is not None else _by_neighbourhoods
    text, figures, arrays, checks = measured(scene, few, fields)
    return Step(
        Message(N_("What collapse looks like")),
        text,
        "",
        (picture, *figures, warnings_table(scene.run, scene.events)),
        {"collapsed": numbers(few), "answers": np.array(answers), **arrays},
        (clusters if scene.data.modes is not None else diversity.prdc, PlaneGAN.discriminate),
        (*checks, said),
        "Srivastava et al. 2017, section 4.1; Metz et al. 2017",
    )


_Measured = tuple[Message, tuple[Figure, ...], dict[str, Array], tuple[Check, ...]]


def _by_clusters(scene: Scene, few: Tensor, fields: dict[str, object]) -> _Measured:
    modes, std = scene.data.modes, scene.data.mode_std
    assert modes is not None
    assert std is not None
    found = [clusters(x.double(), modes.double(), std) for x in (scene.made, few)]
    expected = [clusters_by_hand(x, modes, std) for x in (scene.made, few)]
    shares = np.stack([numbers(one.shares) for one in found])
    bars = Bars(
        Message(
            N_(
                "Share of the points near a cluster that each cluster has; 1/{count} each is right."
            ),
            {"count": len(modes)},
        ),
        tuple(str(k + 1) for k in range(len(modes))),
        (
            (Message(N_("this run")), shares[0]),
            (Message(N_("made collapse")), shares[1]),
        ),
    )
    text = Message(
        N_(
            "In collapse many $z$ become the same few points. This run finds {covered} of {modes} clusters, with "
            "{share} of its points near one; the collapse, *made by us* of the {kept} points around its fullest "
            "cluster, finds {covered_few} and has {share_few} near one. The discriminator, which sees one point at a "
            "time, answers {answer_few} there and {answer} on all: no single answer shows what is missing."
        ),
        {
            **fields,
            "modes": len(modes),
            "covered": found[0].modes_covered,
            "covered_few": found[1].modes_covered,
            "share": Number(found[0].high_quality_share, 3),
            "share_few": Number(found[1].high_quality_share, 3),
        },
    )
    checks = (
        Check(
            Message(N_("the shares of the clusters, by measuring every distance in NumPy")),
            shares,
            [one[2] for one in expected],
        ),
        Check(
            Message(N_("clusters found and points near one, by measuring every distance in NumPy")),
            [[one.modes_covered, one.high_quality_share] for one in found],
            [one[:2] for one in expected],
        ),
    )
    return text, (bars,), {"shares": shares}, checks


def _by_neighbourhoods(scene: Scene, few: Tensor, fields: dict[str, object]) -> _Measured:
    found = np.array([neighbourhoods(x[: len(few)], scene.real) for x in (scene.made, few)])
    expected = [neighbourhoods_by_hand(x[: len(few)], scene.real) for x in (scene.made, few)]
    bars = Bars(
        Message(
            N_(
                "Precision: share of the generated points that are in the neighbourhood of a real one. Coverage: "
                "share of those neighbourhoods that hold a generated point."
            )
        ),
        (Message(N_("precision")), Message(N_("coverage"))),
        (
            (Message(N_("this run")), found[0]),
            (Message(N_("made collapse")), found[1]),
        ),
    )
    text = Message(
        N_(
            "In collapse many $z$ become the same few points. This run covers {covered} of the data's "
            "neighbourhoods, with {share} of its points in one; the collapse, *made by us* of the {kept} points "
            "nearest to one of them, covers {covered_few} and has {share_few} in one. The discriminator, which sees "
            "one point at a time, answers {answer_few} there and {answer} on all: no single answer shows what is "
            "missing."
        ),
        {
            **fields,
            "share": Number(found[0, 0], 3),
            "share_few": Number(found[1, 0], 3),
            "covered": Number(found[0, 1], 3),
            "covered_few": Number(found[1, 1], 3),
        },
    )
    words = Message(N_("both shares of both, by measuring every distance in NumPy"))
    return text, (bars,), {"neighbourhoods": found}, (Check(words, found, expected),)
