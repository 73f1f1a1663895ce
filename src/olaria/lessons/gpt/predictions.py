r"""What a language model predicts: read off after every layer, and drawn from under filters.

.. math:: p_l = \mathrm{softmax}\left(W_{\mathrm{head}}\, \mathrm{norm}(x_l)\right)

Arrays of the steps, of L layers, T tokens, V tokens to choose from: ``actual`` (L + 1, T − 1), probability that the
stream gives to the token that follows, before the first layer and after each; ``top`` (L + 1, T), the likeliest token's
id, and ``top_probability``; ``settled`` (T,), the first stage from which on the likeliest token stays the final one;
``logits`` (V,), after the last token; ``filters`` (settings, 3), tokens kept, largest probability and entropy in nats.

Sources: nostalgebraist 2020, *interpreting GPT: the logit lens*; Belrose et al. 2023, section 2 (what it cannot show);
Holtzman et al. 2020 (top-p); Nguyen et al. 2024 (min-p).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, evenly, numbers
from olaria.lessons.by_numpy.transformers import checked, leave_by_hand, log_softmax
from olaria.lessons.figures import (
    Bars,
    Choice,
    Control,
    Heat,
    NextToken,
    Table,
)
from olaria.lessons.inside import Read
from olaria.lessons.texts import spelt, visible
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.sampling.autoregressive import SamplingConfig, filter_logits

MOST_STAGES = 17
"""Of the lens: more layers are passed over."""

FILTERS: tuple[tuple[str, SamplingConfig], ...] = (
    (N_("as it is"), SamplingConfig()),
    (N_("temperature {x}"), SamplingConfig(temperature=0.5)),
    (N_("temperature {x}"), SamplingConfig(temperature=2.0)),
    (N_("top-k {x}"), SamplingConfig(top_k=5)),
    (N_("top-p {x}"), SamplingConfig(top_p=0.9)),
    (N_("min-p {x}"), SamplingConfig(min_p=0.1)),
)
"""Each changes one thing."""


# -- the lens --------------------------------------------------------------------------------------


@torch.no_grad()
def lens(model: GPT | LanguageModel, stream: Tensor) -> Tensor:
    """Logits (T, V) that the model's last norm and head make of the stream after any layer, (T, C).

    Source: nostalgebraist 2020, *interpreting GPT: the logit lens*.
    """
    if isinstance(model, GPT):
        return model._logits(stream)
    return model.logits(model.norm(stream)).float()


def lens_step(read: Read) -> Step:
    """What could be read from the stream after each layer."""
    following = read.sentence.ids[1:]
    stages, streams, by_hand = _stages(read)
    probabilities = torch.stack([lens(read.model, x).softmax(-1) for x in streams])  # (S, T, V)
    hand = np.stack([np.exp(log_softmax(leave_by_hand(read.model, x))) for x in by_hand])
    places = torch.arange(len(following))
    actual = numbers(probabilities[:, places, following])
    actual_by_hand = hand[:, places.numpy(), following.numpy()]
    top = probabilities.max(-1)
    ids, found = top.indices.numpy(), numbers(top.values)
    settled = settled_at(ids)
    counts = np.bincount(settled, minlength=len(stages))
    heat = Heat(
        Message(
            N_(
                "Probability of the token that really follows, read from the stream after each layer. Columns are the "
                "tokens that are to be predicted."
            )
        ),
        actual,
        stages,
        read.names[1:],
        Message(N_("stage")),
        Message(N_("next token")),
    )
    return Step(
        Message(N_("The logit lens: a prediction after every layer")),
        _lens_text(stages, actual, settled),
        r"p_l = \operatorname{softmax}\left(W_{\mathrm{head}} \operatorname{norm}(x_l)\right)",
        (
            heat,
            _lens_choice(read, stages, (ids, found, actual)),
            Bars(
                Message(
                    N_(
                        "Where the final answer first becomes the likeliest token and stays so: places in the sentence."
                    )
                ),
                stages,
                ((Message(N_("places")), counts),),
            ),
        ),
        {"actual": actual, "top": ids, "top_probability": found, "settled": settled},
        (lens,),
        (
            checked(N_("probabilities of the token that follows"), [actual], [actual_by_hand]),
            checked(N_("probabilities of the likeliest token"), [found], [hand.max(-1)]),
            checked(
                N_("probabilities of the tokens that are called the likeliest"),
                [found],
                [np.take_along_axis(hand, ids[..., None], -1)],
            ),
            Check(
                Message(N_("places by stage: counted again from the last stage backwards")),
                counts,
                _settled_by_hand(ids),
            ),
        ),
        "nostalgebraist 2020",
    )


def _stages(read: Read) -> tuple[tuple[Message, ...], list[Tensor], list[Array]]:
    """Names of the stream's stages, and the stream there, opened and by hand."""
    count = len(read.opened.streams)
    kept = evenly(count, MOST_STAGES)
    names = tuple(
        Message(N_("layer {layer}"), {"layer": stage}) if stage else Message(N_("embedding"))
        for stage in kept
    )
    opened, hand = read.opened.streams, read.hand.streams
    return names, [opened[stage] for stage in kept], [hand[stage] for stage in kept]


def settled_at(top: NDArray[np.int64]) -> NDArray[np.int64]:
    """First stage from which on the likeliest token (stages, T) is the final one, (T,).

    >>> settled_at(np.array([[1, 5], [2, 6], [1, 6]])).tolist()
    [2, 1]
    """
    differs = top != top[-1]
    last_difference = len(top) - 1 - differs[::-1].argmax(0)
    return np.where(differs.any(0), last_difference + 1, 0)


def _settled_by_hand(top: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.zeros(len(top), np.int64)
    for column in top.T.tolist():
        stage = len(column) - 1
        while stage and column[stage - 1] == column[-1]:
            stage -= 1
        counts[stage] += 1
    return counts


def _lens_text(stages: tuple[Message, ...], actual: Array, settled: NDArray[np.int64]) -> Message:
    return Message(
        N_(
            "The *lens* treats the stream after each layer as if it were the last: norm, head, softmax. On this "
            "sentence the token that follows has a mean probability of {first} at the embedding and {last} after "
            "{stage}; at {early} of {count} places the final answer was the likeliest token before the last layer. "
            "No layer but the last was trained to be read so: what the lens misses may still be there in another form."
        ),
        {
            "first": Number(float(actual[0].mean()), 3),
            "last": Number(float(actual[-1].mean()), 3),
            "stage": stages[-1],
            "early": int((settled < len(stages) - 1).sum()),
            "count": len(settled),
        },
    )


def _lens_choice(
    read: Read,
    stages: tuple[Message, ...],
    found: tuple[NDArray[np.int64], Array, Array],
) -> Choice:
    """A table for each place: the likeliest token after each stage, and what the real one is given."""
    ids, top, actual = found
    unique = np.unique(ids)
    spelling = spelt(read.sentence.tokenizer, torch.from_numpy(unique))
    names = dict(zip(unique.tolist(), map(visible, spelling), strict=True))
    following = read.names[1:]
    headings = (
        N_("stream after"),
        N_("likeliest token"),
        N_("its probability"),
        N_("probability of the real next one"),
    )

    def table(place: int) -> Table:
        return Table(
            Message(
                N_("After “{token}” really follows “{following}”."),
                {"token": read.names[place], "following": following[place]},
            ),
            tuple(map(Message, headings)),
            tuple(
                (
                    stage,
                    names[int(ids[number, place])],
                    float(top[number, place]),
                    float(actual[number, place]),
                )
                for number, stage in enumerate(stages)
            ),
            digits=3,
        )

    labels = tuple(f"{place + 1}·{token}" for place, token in enumerate(read.names[:-1]))
    control = Control(Message(N_("after token")), labels, "slider", len(labels) - 1)
    return Choice(
        Message(N_("The likeliest token after each layer, place by place.")),
        (control,),
        tuple(table(place) for place in range(len(labels))),
    )


# -- the next token --------------------------------------------------------------------------------


def next_token_step(read: Read) -> Step:
    """The distribution after the last token, and what filters leave of it."""
    logits, by_hand = read.opened.logits[-1], read.hand.logits[-1]
    tokens = spelt(read.sentence.tokenizer, torch.arange(len(logits)))
    measured = np.array(
        [_measures(filter_logits(logits[None], config)[0]) for _, config in FILTERS]
    )
    expected = np.array([_measures_by_hand(by_hand, config) for _, config in FILTERS])
    probabilities = logits.softmax(-1)
    best = int(probabilities.argmax())
    text = Message(
        N_(
            "The head gives a number for each of the {vocab} tokens, the *logits*; the softmax makes probabilities. "
            "After “{before}” the likeliest is “{token}” with {probability}. Temperature divides the logits: at {cold} "
            "the entropy is {sharp} nats, at {hot} it is {flat}; top-k, top-p and min-p drop unlikely tokens and share "
            "what they had."
        ),
        {
            "vocab": len(logits),
            "before": visible(read.sentence.text),
            "token": visible(tokens[best]),
            "probability": Number(float(probabilities[best]), 3),
            "cold": Number(FILTERS[1][1].temperature),
            "hot": Number(FILTERS[2][1].temperature),
            "sharp": Number(float(measured[1, 2]), 2),
            "flat": Number(float(measured[2, 2]), 2),
        },
    )
    figure = NextToken(
        Message(N_("The next token of your sentence: move the sliders.")), tokens, numbers(logits)
    )
    headings = (N_("setting"), N_("tokens kept"), N_("largest probability"), N_("entropy, nats"))
    table = Table(
        Message(N_("What each setting alone leaves of the distribution.")),
        tuple(map(Message, headings)),
        tuple(
            (_setting(name, config), int(kept), float(most), float(entropy))
            for (name, config), (kept, most, entropy) in zip(FILTERS, measured, strict=True)
        ),
        digits=3,
    )
    return Step(
        Message(N_("The next token: temperature, top-k, top-p")),
        text,
        r"p_i = \frac{\exp(l_i / \tau)}{\sum_j \exp(l_j / \tau)}",
        (figure, table),
        {"logits": numbers(logits), "filters": measured},
        (filter_logits,),
        (
            checked(N_("logits"), [logits], [by_hand]),
            checked(N_("what the filters leave"), [measured], [expected]),
        ),
        "Holtzman et al. 2020; Nguyen et al. 2024",
    )


def _setting(name: str, config: SamplingConfig) -> Message:
    changed = [*config.model_dump(exclude_defaults=True).values()]
    return Message(name, {"x": Number(float(changed[0]))} if changed else {})


def _measures(logits: Tensor) -> tuple[float, float, float]:
    """Of filtered logits (V,): tokens kept, largest probability, entropy in nats."""
    p = logits.softmax(-1)
    kept = int(logits.isfinite().sum())
    return kept, float(p.max()), float(torch.special.entr(p).sum())


def _measures_by_hand(logits: Array, config: SamplingConfig) -> tuple[float, float, float]:
    """Tokens are taken from the likeliest on, until the setting says that it is enough."""
    order = np.argsort(-logits, kind="stable")
    p = np.exp(log_softmax(logits[order] / config.temperature))
    kept = 0
    while kept < len(p):
        if config.top_k is not None and kept == config.top_k:
            break
        if config.top_p is not None and p[:kept].sum() >= config.top_p:
            break
        if config.min_p is not None and p[kept] < config.min_p * p[0]:
            break
        kept += 1
    left = p[:kept] / p[:kept].sum()
    seen = left[left > 0]
    return kept, float(left[0]), float(-(seen * np.log(seen)).sum())
