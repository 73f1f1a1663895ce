r"""Inside a language model's layers: the residual stream, its norms, the feed-forward halves; then what it predicts.

.. math:: x \leftarrow x + \mathrm{Attention}(\mathrm{norm}(x)), \quad
          x \leftarrow x + \mathrm{FeedForward}(\mathrm{norm}(x))

Arrays of the first step, of L layers on a sentence of T tokens: ``lengths`` (2 L + 1, T), Euclidean lengths of the
stream at the beginning and after each half (after each layer where it has one half); ``attention_adds`` and
``feed_forward_adds`` (L, T), lengths of what is added. Arrays of the other steps are told in
:mod:`olaria.lessons.gpt.halves`, :mod:`olaria.lessons.gpt.predictions` and :mod:`olaria.lessons.gpt.losses`.

Sources: Vaswani et al. 2017, section 3; He et al. 2016 (residuals); Elhage et al. 2021, *A Mathematical Framework for
Transformer Circuits* (the residual stream); Zhang & Sennrich 2019 (root-mean-square norm); Ba et al. 2016 (layer norm).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.scene import PRESET
from olaria.lessons.base import Array, Asked, Check, Lesson, Step, numbers, without_data
from olaria.lessons.by_numpy.transformers import checked
from olaria.lessons.figures import Curve, Heat, Plot, Tokens
from olaria.lessons.gpt.halves import block_makers, feed_forward_step, norm_step
from olaria.lessons.gpt.losses import BY_POSITION, by_position_step, sentence_loss_step
from olaria.lessons.gpt.predictions import lens_step, next_token_step
from olaria.lessons.inside import Read, read_language
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel

FAMILIES = ("language", "gpt")
MOST_TOKENS = 24
"""Of the sentence."""


def gpt_steps(asked: Asked) -> Sequence[Step]:
    """The lesson; a rung without feed-forward halves has no step of them.

    Raises:
        LessonError: the sentence is too short.
    """
    model = asked.run.model()
    assert isinstance(model, GPT | LanguageModel)
    read = read_language(asked, asked.run, model, MOST_TOKENS)
    fed = [feed_forward_step(read)] if read.opened.layers[0].feed is not None else []
    return (
        _stream(read),
        norm_step(read),
        *fed,
        lens_step(read),
        next_token_step(read),
        sentence_loss_step(read),
        without_data(BY_POSITION, lambda: by_position_step(read, asked)),
    )


def has_residual(model: GPT | LanguageModel) -> bool:
    """Whether its halves are added to a stream; below that rung each replaces what was there."""
    return isinstance(model, GPT) or model.config.has("residual")


# -- the stream ------------------------------------------------------------------------------------


def _stream(read: Read) -> Step:
    layers, hand = read.opened.layers, read.hand
    first = N_("averaging") if layers[0].look is None else N_("attention")
    adds: list[tuple[str, Array]] = [(first, np.stack([_length(layer.mixed) for layer in layers]))]
    names, lengths, by_hand = _lengths(read, first)
    adds_by_hand = [np.stack([_length(part["out"]) for part in hand.parts])]
    if layers[0].feed is not None:
        fed = [_length(layer.feed.out) for layer in layers if layer.feed is not None]
        adds.append((N_("feed-forward"), np.stack(fed)))
        adds_by_hand.append(np.stack([_length(part["fed"]) for part in hand.parts]))
    logits = read.model(read.sentence.ids[None])[0]
    checks = [
        checked(N_("lengths of the stream"), [lengths], [by_hand]),
        checked(N_("lengths of what is added"), [made for _, made in adds], adds_by_hand),
        Check(
            Message(
                N_("logits at the end of this stream, beside those of the model run as it trains")
            ),
            numbers(read.opened.logits),
            numbers(logits),
        ),
    ]
    if has_residual(read.model):
        total = layers[0].entered.double() + sum(
            layer.mixed.double() + (0 if layer.feed is None else layer.feed.out.double())
            for layer in layers
        )
        checks.append(
            checked(N_("embedding and all additions, summed"), [total], [hand.streams[-1]])
        )
    tokens = Tokens(
        Message(N_("The sentence as run {name} reads it."), {"name": read.run.name}),
        read.sentence.tokens,
    )
    heat = Heat(
        Message(N_("Length of each token's vector at the beginning and after each half layer.")),
        lengths,
        names,
        read.names,
        Message(N_("stage")),
        Message(N_("token")),
        digits=1,
    )
    return Step(
        Message(N_("The residual stream")),
        _stream_text(read, lengths, adds),
        _block_formula(read),
        (tokens, _lengths_plot(read, adds), heat),
        {
            "lengths": lengths,
            "attention_adds": adds[0][1],
            **({"feed_forward_adds": adds[1][1]} if len(adds) > 1 else {}),
        },
        block_makers(read.model),
        tuple(checks),
        "Elhage et al. 2021",
        read.sentence.notes,
    )


def _block_formula(read: Read) -> str:
    layer = read.opened.layers[0]
    if layer.look is None:
        return r"x'_t = \frac{1}{t} \sum_{s \le t} x_s"
    if has_residual(read.model):
        return (
            r"x' = x + \operatorname{Attention}(\operatorname{norm}(x)), \quad "
            r"x'' = x' + \operatorname{FeedForward}(\operatorname{norm}(x'))"
        )
    fed = "" if layer.feed is None else r", \quad x'' = \operatorname{FeedForward}(x')"
    return r"x' = \operatorname{Attention}(x)" + fed


def _length(x: Any) -> Array:
    """Euclidean lengths of vectors, (T, C) to (T,)."""
    lengths: Array = np.sqrt((np.asarray(x, np.float64) ** 2).sum(-1))
    return lengths


def _lengths(read: Read, half: str) -> tuple[tuple[Message, ...], Array, Array]:
    """The stream's stages, its lengths there (stages, T), and the same by hand; ``half`` names a layer's first half."""
    first, second = Message(half), Message(N_("feed-forward"))
    names = [Message(N_("embedding"))]
    found, by_hand = [read.opened.layers[0].entered], [read.hand.embedded]
    for number, (layer, part) in enumerate(zip(read.opened.layers, read.hand.parts, strict=True)):
        fields = {"layer": number + 1}
        names.append(Message(N_("layer {layer}, {half}"), {**fields, "half": first}))
        found.append(layer.between)
        by_hand.append(part["between"])
        if layer.feed is not None:
            names.append(Message(N_("layer {layer}, {half}"), {**fields, "half": second}))
            found.append(layer.left)
            by_hand.append(part["left"])
    lengths = np.stack([x.norm(dim=-1).numpy() for x in found]).astype(np.float64)
    return tuple(names), lengths, np.stack([_length(x) for x in by_hand])


def _stream_text(read: Read, lengths: Array, adds: Sequence[tuple[str, Array]]) -> Message:
    means = np.stack([made.mean(1) for _, made in adds])  # (halves, L)
    half, layer = divmod(int(means.argmax()), means.shape[1])
    fields = {
        "width": read.opened.layers[0].entered.shape[1],
        "first": Number(float(lengths[0].mean()), 1),
        "last": Number(float(lengths[-1].mean()), 1),
        "half": Message(adds[half][0]),
        "layer": layer + 1,
        "most": Number(float(means.max()), 1),
    }
    if has_residual(read.model):
        text = N_(
            "Each token has one vector of {width} numbers, the *stream*. Every half layer reads it and *adds* to it; "
            "nothing is overwritten. On this sentence its mean length goes from {first} to {last}, and the largest "
            "addition is that of {half} in layer {layer}: {most}."
        )
    else:
        text = N_(
            "Each token has one vector of {width} numbers. On this rung of the ladder nothing is added to it: what a "
            "layer computes *replaces* it, and what the embedding said of the token is gone unless it is made again. "
            "On this sentence the mean length goes from {first} to {last}."
        )
    return Message(text, fields)


def _lengths_plot(read: Read, adds: Sequence[tuple[str, Array]]) -> Plot:
    layers = np.arange(len(read.opened.layers) + 1, dtype=np.float64)
    stream = np.array([_length(x).mean() for x in read.opened.streams])
    curves = [Curve(Message(N_("the stream")), layers, stream)]
    kind: Literal["line", "points"] = "line" if len(layers) > 2 else "points"
    for name, made in adds:
        title = Message(N_("made by {half}"), {"half": Message(name)})
        curves.append(Curve(title, layers[1:], made.mean(1), kind))
    return Plot(
        Message(
            N_(
                "Mean length over the tokens: of the stream after each layer (0 is the embedding), and of what each "
                "half of a layer made. Vectors may point anywhere, so that lengths do not add up."
            )
        ),
        tuple(curves),
        Message(N_("layer")),
        Message(N_("length")),
    )


LESSON = Lesson(
    title=Message(N_("Inside a GPT: the stream, and what it predicts")),
    introduction=Message(
        N_(
            "What each layer of your run adds to a token's vector, what could be read from it on the way, and how the "
            "last vector becomes the next token."
        )
    ),
    steps=gpt_steps,
    families=FAMILIES,
    preset=PRESET,
    takes_prompt=True,
)
