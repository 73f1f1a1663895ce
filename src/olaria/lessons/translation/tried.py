r"""An encoder–decoder, tried out: given other tokens, another source or a part of it, and searched for longer.

Arrays, of T written tokens: ``nats_…``, negative log-probabilities of each, (T,); ``lost_nats``, what hiding a piece
of the source (column) costs a written piece (row); ``log_probs`` and ``scores`` of the searches.

Sources: Jain & Wallace 2019; Wiegreffe & Pinter 2019; Wu et al. 2016, equation 14 (the score).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.lessons.base import Check
from olaria.lessons.figures import Bars, Heat, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.lessons.translation.pieces import ACROSS, pooled
from olaria.lessons.translation.scene import BEAMS, Scene
from olaria.lessons.translation.ways import Way, nats_of, weights_of
from olaria.sampling.translation import DecodingConfig

Values = dict[str, Any]

READS = 0.1
"""Nats per token that its source must be worth before a model is said to read it."""
BEAM, NATS, TEXT, TOKENS = map(Message, (N_("beam"), N_("nats"), N_("text"), N_("tokens")))


def teacher_forcing(scene: Scene, way: Way) -> Values:
    """The right tokens given, its own, and one of its own that is another."""
    place, mistaken = scene.mistaken
    expected = scene.expected
    is_other = expected is not None and not torch.equal(expected, scene.target)
    targets: list[tuple[Words, Tensor]] = [
        (Message(N_("written by itself")), scene.target),
        (Message(N_("after one other token")), mistaken),
    ]
    if expected is not None and is_other:
        targets.insert(0, (Message(N_("expected, the right tokens given")), expected))
    nats = [nats_of(way, target, scene.source) for _, target in targets]
    figures = [
        Tokens("", scene.spelt(target[1:]), own)
        for (_, target), own in zip(targets, nats, strict=True)
    ]
    returns = torch.equal(mistaken[place + 2 :], scene.target[place + 2 :])
    total = nats[-2].sum()
    return {
        "known": bool(scene.targets),
        "unknown": not scene.targets,
        "same": expected is not None and not is_other,
        "likelier": is_other and nats[0].sum() >= total,
        "rarer": is_other and nats[0].sum() < total,
        "expected": nats[0].sum(),
        "own": total,
        "place": place + 1,
        "token": visible(scene.spelt(mistaken[place + 1 : place + 2])[0]),
        "instead": visible(scene.spelt(scene.target[place + 1 : place + 2])[0]),
        "written": scene.text_of(scene.target),
        "mistaken": scene.text_of(mistaken),
        "cost": nats[-1].sum(),
        "answer": 0 if returns else 1,
        "returns": returns,
        "nats_written": nats[-2],
        "nats_after_mistake": nats[-1],
        "table": Table(
            "",
            (Message(N_("target")), TEXT, TOKENS, NATS, Message(N_("nats per token"))),
            tuple(
                (name, scene.text_of(target), len(own), float(own.sum()), float(own.mean()))
                for (name, target), own in zip(targets, nats, strict=True)
            ),
            3,
        ),
        "expected_tokens": figures[0] if is_other else None,
        "written_tokens": figures[-2],
        "mistaken_tokens": figures[-1],
    }


def without_source(scene: Scene, way: Way) -> Values:
    """The same target where another sentence was read, and where nothing was."""
    sources = {"own": scene.source, "other": scene.source_of(scene.other), "none": None}
    nats = {name: nats_of(way, scene.target, source) for name, source in sources.items()}
    totals = {name: float(each.sum()) for name, each in nats.items()}
    gain = min(totals["other"], totals["none"]) - totals["own"]
    reads = gain > READS * len(nats["own"])
    lost = [scene.rows.sums(nats[name] - nats["own"]) for name in ("other", "none")]
    names = Message(N_("another sentence is read")), Message(N_("nothing is read"))
    rise = (totals["other"] - totals["own"]) / len(nats["own"])
    return {
        **totals,
        "written": scene.text_of(scene.target),
        "sentence": scene.other,
        "reads": reads,
        "answer": 0 if rise > READS else 1 if rise >= -READS else 2,
        **{f"nats_{name}": each for name, each in nats.items()},
        "bars": Bars("", scene.rows.names, tuple(zip(names, lost, strict=True)), NATS),
    }


def hidden(scene: Scene, way: Way) -> Values:
    """Each piece of the source hidden from the cross-attention: what does each written piece lose?"""
    rows, columns, target = scene.rows, scene.columns, scene.target
    own = nats_of(way, target, scene.source)
    without = [nats_of(way, target, scene.source, mask) for mask in scene.hidden]
    lost = np.stack([rows.sums(nats - own) for nats in without], 1)
    mean = pooled(weights_of(way, "cross"), rows, columns).mean((0, 1))
    places = np.arange(len(lost))
    costs = lost[places, scene.costliest]
    row = int(costs.argmax())
    agreed = int((scene.piece == scene.costliest).sum())
    return {
        "row": visible(rows.names[row]),
        "column": visible(columns.names[scene.costliest[row]]),
        "most": lost.max(),
        "agreed": agreed,
        "count": len(lost),
        "all": agreed == len(lost),
        "answer": 0 if agreed == len(lost) else 1 if 2 * agreed > len(lost) else 2,
        "lost_nats": lost,
        "costs": np.stack((costs, lost.max(1))),
        "mean_weights": np.stack((mean[places, scene.piece], mean.max(1))),
        "heat": Heat("", lost, rows.names, columns.names, *ACROSS, unit=NATS, signed=True),
    }


def beams(scene: Scene, way: Way) -> Values:
    """What greedy search and beams find."""
    alpha, searched = DecodingConfig().length_penalty, scene.searched
    found = [(1, scene.target), *((width, ids) for width, ids, _ in searched)]
    log_probs = np.array([-nats_of(way, ids, scene.source).sum() for _, ids in found])
    lengths = np.array([len(ids) - 1 for _, ids in found])
    scores = log_probs / ((5 + lengths) / 6) ** alpha
    same = all(torch.equal(ids, scene.target) for _, ids in found)
    return {
        "narrow": BEAMS[0],
        "wide": BEAMS[-1],
        "same": same,
        "greedy": scores[0],
        "best": scores[1:].max(),
        "alpha": alpha,
        "answer": 1 if same or scores[1:].max() <= scores[0] else 0,
        "log_probs": log_probs,
        "scores": scores,
        "table": Table(
            "",
            (BEAM, TEXT, TOKENS, Message(N_("log-probability (nats)")), Message(N_("score"))),
            tuple(
                (width, scene.text_of(ids), len(ids) - 1, float(log_prob), float(score))
                for (width, ids), log_prob, score in zip(found, log_probs, scores, strict=True)
            ),
            3,
        ),
        "checks": [
            Check(
                Message(N_("the scores that the search kept")), scores[1:], [x[2] for x in searched]
            )
        ],
    }
