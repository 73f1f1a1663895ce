r"""Parts of a Transformer's layer: the norm that each half reads through, and the feed-forward half.

.. math:: \hat x = x / \sqrt{\overline{x^2}}, \qquad \mathrm{FeedForward}(x) = W_2\, \mathrm{relu}(W_1 \hat x)^2

Arrays of the steps, of L layers on a sentence of T tokens, C numbers in a token's vector, F hidden units: ``before``
and ``after`` (T, C), the stream where the last layer begins and what the norm makes of it; ``silent`` (L, T), shares of
hidden units whose input is not above zero; ``hidden`` (L, F), units at the last token.

Sources: Zhang & Sennrich 2019 (root-mean-square norm); Ba et al. 2016 (layer norm); Vaswani et al. 2017, section 3.3
(feed-forward); So et al. 2021 (squared ReLU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy.transformers import checked, layer_norm, rms, standardised, weights_of
from olaria.lessons.figures import Bars, Choice, Control, Figure, Heat, Table, Words
from olaria.lessons.inside import Layer, Read
from olaria.models import gpt
from olaria.models.gpt import GPT
from olaria.models.language import Block, LanguageModel
from olaria.nn.norm import norm

MOST_UNITS = 10
"""Hidden units that are drawn."""
MOST_LAYERS = 16
"""Layers whose units are offered."""

Maker = Callable[..., Any]


# -- the norm --------------------------------------------------------------------------------------


def norm_step(read: Read) -> Step:
    """What the last layer reads, before and after its norm; on a rung without norms, what it reads."""
    layer, number = read.opened.layers[-1], len(read.opened.layers)
    before, after = layer.entered, layer.normed
    squares = [x.square().mean(-1) for x in (before, after)]
    stream = read.hand.streams[-2]
    has_norm = isinstance(read.model, GPT) or read.model.config.has("norm")
    series = ((N_("the stream"), squares[0]), (N_("after the norm"), squares[1]))
    bars = Bars(
        Message(
            N_("Mean square of each token's vector where layer {layer} begins."), {"layer": number}
        ),
        read.names,
        tuple((Message(name), numbers(x)) for name, x in series[: 1 + has_norm]),
        by_factors=has_norm,
    )
    fields = {
        "layer": number,
        "least": Number(float(squares[0].min()), 2),
        "most": Number(float(squares[0].max()), 2),
        "after": Number(float(squares[1].mean()), 2),
    }
    arrays = {"before": numbers(before), "after": numbers(after)}
    if not has_norm:
        return Step(
            Message(N_("No norms on this rung")),
            Message(
                N_(
                    "This rung of the ladder has no norms: a layer reads vectors as large as they come. On this "
                    "sentence the mean square of what layer {layer} reads goes from {least} to {most}. Two rungs of "
                    "the ladder, *norm* and *gpt*, bring every vector to one size first."
                ),
                fields,
            ),
            "",
            (bars,),
            arrays,
            block_makers(read.model),
            (checked(N_("mean squares"), squares[:1], [(stream**2).mean(-1)]),),
        )
    if isinstance(read.model, GPT):
        text = N_(
            "A half layer reads the stream through a *norm*, which divides each token's vector by the root of its mean "
            "square; its direction stays. On this sentence the mean squares before layer {layer} go from {least} to "
            "{most}, after the norm all are {after}. The stream itself keeps its lengths."
        )
        formula, reference = (
            r"\hat x = \frac{x}{\sqrt{\frac{1}{C} \sum_j x_j^2}}",
            "Zhang & Sennrich 2019",
        )
    else:
        text = N_(
            "A half layer reads the stream through a *layer norm*, which takes each token's mean away and divides by "
            "the standard deviation; a trained factor and shift for each number follow. On this sentence the mean "
            "squares before layer {layer} go from {least} to {most}, after it they are {after} on average. The stream "
            "itself keeps its lengths."
        )
        formula = r"\hat x = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta"
        reference = "Ba et al. 2016"
    table, table_check = _one_vector(read, layer)
    return Step(
        Message(N_("The norm before each half")),
        Message(text, fields),
        formula,
        (bars, table),
        arrays,
        (norm,) if isinstance(read.model, GPT) else (Block.forward,),
        (
            checked(
                N_("mean squares"),
                squares,
                [(stream**2).mean(-1), (_normed_by_hand(read) ** 2).mean(-1)],
            ),
            table_check,
        ),
        reference,
    )


def _normed_by_hand(read: Read) -> Array:
    """What the last layer's first half reads, (T, C)."""
    stream, model = read.hand.streams[-2], read.model
    if isinstance(model, GPT):
        return rms(stream)
    w, name = weights_of(model), f"blocks.{len(model.blocks) - 1}.norm_1"
    return layer_norm(w, name, stream)


def _one_vector(read: Read, layer: Layer) -> tuple[Table, Check]:
    """Mean, variance and mean square of the last token's vector on its way through the norm."""
    stream = read.hand.streams[-2]
    rows = [(N_("the stream"), layer.entered), (N_("what the layer reads"), layer.normed)]
    by_hand = [stream, _normed_by_hand(read)]
    if isinstance(read.model, LanguageModel):
        plain = F.layer_norm(layer.entered, layer.entered.shape[-1:])
        rows.insert(1, (N_("mean taken away, divided"), plain))
        by_hand.insert(1, standardised(stream))
    measured = [
        (x[-1].mean().item(), x[-1].var(correction=0).item(), x[-1].square().mean().item())
        for _, x in rows
    ]
    expected = [
        (x.mean(), ((x - x.mean()) ** 2).mean(), (x**2).mean()) for x in (y[-1] for y in by_hand)
    ]
    table = Table(
        Message(
            N_("The vector of the last token, “{token}”, through the norm."),
            {"token": read.names[-1]},
        ),
        tuple(map(Message, (N_("vector"), N_("mean"), N_("variance"), N_("mean square")))),
        tuple((Message(name), *found) for (name, _), found in zip(rows, measured, strict=True)),
        digits=3,
    )
    return table, checked(N_("measures of the vector"), [measured], [expected])


# -- feed-forward ----------------------------------------------------------------------------------


def feed_forward_step(read: Read) -> Step:
    """Hidden units: how many are silent, and which are strongest; for a model that has them."""
    feeds = [layer.feed for layer in read.opened.layers if layer.feed is not None]
    raw_by_hand = [part["raw"] for part in read.hand.parts]
    silent = np.stack([_silent(numbers(feed.raw)) for feed in feeds])
    silent_by_hand = np.array(
        [[sum(x <= 0 for x in row) / len(row) for row in raw] for raw in raw_by_hand]
    )
    num_units = feeds[0].raw.shape[1]
    fields = {
        "token": read.names[-1],
        "width": feeds[0].out.shape[1],
        "units": num_units,
        "layer": len(feeds),
        "count": round(silent[-1, -1] * num_units),
        "share": Number(float(silent.mean()), 2),
    }
    text, formula, reference = _activation(read.model)
    layers = tuple(str(number + 1) for number in range(len(feeds)))
    heat = Heat(
        Message(N_("Share of the hidden units whose input is not above zero.")),
        silent,
        layers,
        read.names,
        Message(N_("layer")),
        Message(N_("token")),
    )
    shown = feeds[:MOST_LAYERS]
    strongest = Choice(
        Message(
            N_(
                "The strongest hidden units of the last token, “{token}”, after the activation. Their numbers name "
                "them; what a unit stands for is not told by its strength."
            ),
            {"token": read.names[-1]},
        ),
        (Control(Message(N_("layer")), layers[: len(shown)], "select", len(shown) - 1),),
        tuple(_strongest(numbers(feed.hidden[-1])) for feed in shown),
    )
    figures: tuple[Figure, ...] = (strongest, heat)
    return Step(
        Message(N_("Feed-forward: each token by itself")),
        Message(text, fields),
        formula,
        figures,
        {"silent": silent, "hidden": np.stack([numbers(feed.hidden[-1]) for feed in feeds])},
        (gpt.Block.extend,) if isinstance(read.model, GPT) else (Block.feed,),
        (
            checked(
                N_("hidden units"),
                [feed.hidden for feed in feeds],
                [part["hidden"] for part in read.hand.parts],
            ),
            Check(
                Message(
                    N_(
                        "shares of silent units: counted again, where rounding may move a unit at zero"
                    )
                ),
                silent,
                silent_by_hand,
                tolerance=1.5 / num_units,
            ),
            checked(
                N_("what feed-forward makes"),
                [feed.out for feed in feeds],
                [part["fed"] for part in read.hand.parts],
            ),
        ),
        reference,
    )


def _silent(raw: Array) -> Array:
    """Share of the hidden units (T, F) that are not above zero before the activation, (T,)."""
    share: Array = (raw <= 0).mean(-1)
    return share


def _activation(model: GPT | LanguageModel) -> tuple[str, str, str]:
    """Text, formula and reference of the model's own activation."""
    if isinstance(model, LanguageModel) and model.config.has("gpt"):
        text = N_(
            "The second half works on each token alone: {width} numbers to {units} hidden units, an activation, and "
            "back to {width}. *GELU* lets positive inputs through and nearly closes for negative ones. In layer "
            "{layer}, {count} of {units} inputs are not above zero at the last token, “{token}”; over all tokens and "
            "layers their share is {share}."
        )
        return text, r"W_2 \operatorname{GELU}(W_1 \hat x + b_1) + b_2", "Hendrycks & Gimpel 2016"
    if isinstance(model, LanguageModel):
        text = N_(
            "The second half works on each token alone: {width} numbers to {units} hidden units, an activation, and "
            "back to {width}. *ReLU* makes negative inputs zero. In layer {layer}, {count} of {units} units are silent "
            "at the last token, “{token}”; over all tokens and layers their share is {share}."
        )
        return (
            text,
            r"W_2 \operatorname{ReLU}(W_1 x + b_1) + b_2",
            "Vaswani et al. 2017, equation 2",
        )
    text = N_(
        "The second half works on each token alone: {width} numbers to {units} hidden units, an activation, and back "
        "to {width}. *ReLU* makes negative inputs zero, and what is left is squared. In layer {layer}, {count} of "
        "{units} units are silent at the last token, “{token}”; over all tokens and layers their share is {share}."
    )
    return text, r"W_2 \operatorname{ReLU}(W_1 \hat x)^2", "So et al. 2021"


def _strongest(hidden: Array) -> Bars:
    order = np.argsort(-np.abs(hidden), kind="stable")[:MOST_UNITS]
    labels: tuple[Words, ...] = tuple(
        Message(N_("unit {number}"), {"number": int(unit) + 1}) for unit in order
    )
    return Bars("", labels, ((Message(N_("after the activation")), hidden[order]),))


def block_makers(model: GPT | LanguageModel) -> tuple[Maker, ...]:
    """The functions that run a block."""
    if isinstance(model, GPT):
        return gpt.Block.extend, GPT.continue_from
    return Block.forward, Block.join, LanguageModel.continue_from
