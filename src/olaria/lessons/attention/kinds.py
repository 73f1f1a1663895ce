r"""Self-attention against cross-attention: one formula, and where queries, keys and values come from.

.. math:: Q = X W_q, \quad K = Z W_k, \quad V = Z W_v

Array of the step, where there is an encoder–decoder: ``cross`` (layers, H, T, S), weights of T target tokens on S
source tokens.

Sources: Vaswani et al. 2017, section 3.2.3 (the three kinds); Bahdanau et al. 2015 (attention to a source).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.subject import (
    MOST_MAPS,
    Reading,
    Subject,
    subject_of,
    weights_map,
)
from olaria.lessons.base import Asked, Check, Step, numbers
from olaria.lessons.by_numpy.transformers import checked
from olaria.lessons.figures import Choice, Control, Table
from olaria.models.translation import CrossAttention, Translation

CROSS_PRESET = "pt-en"

_TITLE = Message(N_("Self-attention against cross-attention"))
_FORMULA = r"Q = X W_q, \quad K = Z W_k, \quad V = Z W_v"
_REFERENCE = "Vaswani et al. 2017, section 3.2.3"


def kinds_step(subject: Subject, asked: Asked) -> Step:
    """Where queries, keys and values come from: one sequence, or two."""
    if isinstance(subject.model, Translation):
        return _two_sequences(subject, [])
    other = asked.other("translation")
    own = subject.readings[0]
    return _one_sequence(own) if other is None else _two_sequences(subject_of(asked, other), [own])


def _one_sequence(reading: Reading) -> Step:
    text = Message(
        N_(
            "Here queries, keys and values are all made of the same {count} vectors of {width} numbers: this is "
            "*self-attention*, $Z = X$. In *cross-attention* $X$ and $Z$ are two sequences, a translation and its "
            "source. This model reads one text and has none: olaria train {preset} trains one that does, and its run, "
            "given beside this one, is shown here."
        ),
        {"count": len(reading.rows), "width": reading.look.out.shape[1], "preset": CROSS_PRESET},
    )
    return Step(
        _TITLE,
        text,
        _FORMULA,
        (_kinds_table([reading]),),
        checks=(_hidden_check([reading]),),
        reference=_REFERENCE,
    )


def _two_sequences(pair: Subject, before: list[Reading]) -> Step:
    """Of an encoder–decoder.

    Args:
        pair: its attentions.
        before: attentions of another run that the table begins with.
    """
    assert isinstance(pair.model, Translation)
    source, target = pair.ids
    both, past, cross = (pair.of_kind(kind) for kind in ("both", "past", "cross"))
    firsts = [*before, both[0], past[0], cross[0]]
    shares = [_share_ahead(reading.look.weights()) for reading in (both[0], past[0])]
    shares_by_hand = [
        sum(np.triu(weights, 1).sum() for weights in reading.part["weights"])
        / reading.part["weights"][:, :, 0].size
        for reading in (both[0], past[0])
    ]
    weights = [found[0] for found in pair.model.attend(source[None], target[None])]
    text = Message(
        N_(
            "In *self-attention* $Z = X$: a sequence looks at itself. The encoder looks both ways: in its first layer "
            "{ahead} of the weight lies on later tokens, where the decoder's mask leaves {behind}. In "
            "*cross-attention* the {num_targets} tokens of the target ask, and keys and values are made of the "
            "{num_sources} of the source."
        ),
        {
            "ahead": Number(shares[0], 2),
            "behind": Number(shares[1], 2),
            "num_targets": len(target),
            "num_sources": len(source),
        },
    )
    return Step(
        _TITLE,
        text,
        _FORMULA,
        (_kinds_table(firsts), _cross_choice(pair, cross, weights)),
        {"cross": numbers(torch.stack(weights))},
        (Translation.attend, CrossAttention.weights),
        (
            _hidden_check(firsts),
            checked(N_("weight on later places"), [shares], [shares_by_hand]),
            checked(
                N_("weights of cross-attention"),
                weights,
                [reading.part["weights"] for reading in cross],
            ),
        ),
        _REFERENCE,
    )


def _hidden_check(readings: Sequence[Reading]) -> Check:
    hidden = [int((reading.look.mask < 0).sum()) for reading in readings]
    expected = [int((reading.part["allowed"] == 0).sum()) for reading in readings]
    return checked(N_("hidden pairs"), [hidden], [expected])


def _share_ahead(weights: Tensor) -> float:
    """Mean weight on places after the query's own."""
    return weights.triu(1).sum(-1).mean().item()


def _kinds_table(readings: Sequence[Reading]) -> Table:
    sides = {
        "both": (N_("the source"), N_("the source")),
        "past": (N_("the target"), N_("the target")),
        "cross": (N_("the target"), N_("the source")),
    }
    is_one_text = readings[0].look.kind == "past"
    rows = []
    for reading in readings:
        look = reading.look
        length, num_keys = look.mask.shape
        asked_by, looked_at_in = sides[look.kind]
        if is_one_text and reading is readings[0]:
            asked_by = looked_at_in = N_("the text")
        hidden = int((look.mask < 0).sum())
        names = (look.name, Message(asked_by), Message(looked_at_in))
        rows.append((*names, look.num_heads, length, num_keys, hidden))
    headings = (
        N_("attention"),
        N_("queries from"),
        N_("keys and values from"),
        N_("heads"),
        N_("queries"),
        N_("keys"),
        N_("hidden pairs"),
    )
    caption = Message(N_("The first attention of each kind."))
    return Table(caption, tuple(map(Message, headings)), tuple(rows))


def _cross_choice(pair: Subject, crossing: Sequence[Reading], weights: Sequence[Tensor]) -> Choice:
    """Cross-attention of run ``pair``, a map for each layer and head."""
    most = max(1, MOST_MAPS // len(crossing))
    num_heads = min(most, crossing[0].look.num_heads)
    controls = (
        Control(Message(N_("layer")), tuple(r.look.name for r in crossing), "select"),
        Control(Message(N_("head")), tuple(str(h + 1) for h in range(num_heads)), "select"),
    )
    figures = tuple(
        weights_map(reading, found[head])
        for reading, found in zip(crossing, weights, strict=True)
        for head in range(num_heads)
    )
    caption = Message(
        N_("What run {name} looks at in the source before it writes each token of the target."),
        {"name": pair.run.name},
    )
    return Choice(caption, controls, figures)
