r"""The steps of the GPT's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: x' = x + \mathrm{Attention}(\mathrm{norm}(x)), \quad x'' = x' + \mathrm{FeedForward}(\mathrm{norm}(x'))

Arrays, of L layers on a sentence of T tokens, C numbers in a vector, F hidden units, V tokens to choose from: ``nats``
(T − 1,), the loss of each token but the first; ``vectors`` (T, C), what enters the first layer; ``followed``
(stages, C), one position through every sublayer; ``hidden`` (L, F), its hidden units; ``lengths`` (2 L + 1, T) of the
stream at the beginning and after each sublayer; ``attention_adds`` and ``feed_forward_adds`` (L, T), lengths of what
they make; ``logits`` (V,) and ``probabilities`` (V,) at that position. Those of the steps from the loss by position on
are told in :mod:`olaria.lessons.gpt.out`.

Sources: Vaswani et al. 2017, section 3; He et al. 2016 (residuals); Elhage et al. 2021, *A Mathematical Framework for
Transformer Circuits* (the residual stream); Zhang & Sennrich 2019 and Ba et al. 2016 (norms); Bengio et al. 2003 (the
next token from vectors).
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import (
    Bars,
    Choice,
    Control,
    Curve,
    Figure,
    Heat,
    Plot,
    Table,
    Tokens,
    Words,
)
from olaria.lessons.gpt.out import beyond, by_position, generation, logit_lens, parameters
from olaria.lessons.gpt.scene import Scene, lens
from olaria.lessons.gpt.ways import Pass, Way
from olaria.lessons.twice import Row
from olaria.models import gpt, language
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn.norm import norm
from olaria.objectives.likelihood import cross_entropy
from olaria.sampling.autoregressive import filter_logits, generate

Values = dict[str, Any]

MOST_COLUMNS = 10
"""Tokens of the sentence that stand side by side."""
NUM_SHOWN = 8
"""Of the numbers of a vector."""
MOST_UNITS = 10
"""Hidden units that are drawn."""
NUM_TOKENS = 6
"""Likeliest tokens in a table."""
MOST_LAYERS = 16
"""That a reader chooses from."""
QUARTERS = (0.25, 0.5, 0.75)
"""Between the answers to how many hidden units are off."""


def targets(scene: Scene, way: Way) -> Values:
    """The sentence twice, the second time moved by one; and what each target costs."""
    nats = way.nats(way.logits(scene.ids)[:-1], scene.ids[1:])
    few = range(min(MOST_COLUMNS, len(nats)))
    rows: tuple[tuple[Words | float, ...], ...] = (
        (Message(N_("input")), *(scene.names[t] for t in few)),
        (Message(N_("target")), *(scene.names[t + 1] for t in few)),
        (Message(N_("probability of the target")), *np.exp(-nats[few]).tolist()),
        (Message(N_("loss, nats")), *nats[few].tolist()),
    )
    columns: tuple[Words, ...] = (Message(N_("position")), *(str(t + 1) for t in few))
    return {
        "tokens": len(scene.ids),
        "count": len(nats),
        "first": scene.names[0],
        "second": scene.names[1],
        "p": np.exp(-nats[0]),
        "loss": nats[0],
        "mean": nats.mean(),
        "answer": 1,
        "notes": scene.read.sentence.notes,
        "nats": nats,
        "sentence": Tokens("", scene.read.sentence.tokens),
        "table": Table("", columns, rows, digits=3),
    }


def vectors(scene: Scene, way: Way) -> Values:
    """The vector of one position as it enters the first layer."""
    x, place = way.layers[0].entered, scene.place
    named: list[tuple[Words, Array]] = [(Message(N_("row of the token")), way.rows[place])]
    if way.positions is None:
        named.append((Message(N_("after the norm")), x[place]))
    else:
        named.append((Message(N_("row of the position")), way.positions[place]))
        named.append((Message(N_("their sum")), x[place]))
    pair = scene.twin_places
    earlier, later = pair or (0, 0)
    apart = float(np.abs(x[earlier] - x[later]).max())
    return {
        "place": place + 1,
        "token": scene.names[place],
        "width": x.shape[1],
        "vocab": scene.vocab_size,
        "learned": way.positions is not None,
        "rotary": way.positions is None,
        "moved": pair is not None and apart > 0,
        "same": pair is not None and not apart,
        "twin": scene.names[later],
        "earlier": earlier + 1,
        "later": later + 1,
        "apart": apart,
        "answer": None if pair is None else int(apart > 0),
        "vectors": x,
        "figure": _numbers_of(named),
    }


def block(scene: Scene, way: Way) -> Values:
    """One position through the sublayers of each layer."""
    place, layers = scene.place, way.layers[:MOST_LAYERS]
    named = [_sublayers(layer, place, scene) for layer in layers]
    first = layers[0]
    made = [float(_length(first.made[place]))]
    if first.feed is not None:
        made.append(float(_length(first.feed.made[place])))
    squares = [float((x[place] ** 2).mean()) for x in (layers[-1].entered, layers[-1].read)]
    replaces = scene.has("head") and not scene.has("residual")
    is_asked = len(made) == 2 and scene.has("residual")
    names = tuple(str(number + 1) for number in range(len(layers)))
    figures: tuple[Figure, ...] = tuple(map(_numbers_of, named))
    control = Control(Message(N_("layer")), names, "select")
    return {
        "place": place + 1,
        "token": scene.names[place],
        "residual": scene.has("residual"),
        "attends": scene.has("head"),
        "feeds": first.feed is not None,
        "norms": scene.has("norm"),
        "replaces": replaces,
        "one": replaces and first.feed is None,
        "both": replaces and first.feed is not None,
        "entered": first.entered[place, 0],
        "attended": first.made[place, 0],
        "between": first.between[place, 0],
        "square": squares[0],
        "normed": squares[1],
        "shown": NUM_SHOWN,
        "width": first.entered.shape[1],
        "answer": int(np.argmax(made)) if is_asked else None,
        "attention_length": made[0],
        "feed_length": made[-1],
        "followed": np.concatenate([[x for _, x in rows] for rows in named]),
        "figure": figures[0] if len(figures) == 1 else Choice("", (control,), figures),
    }


def _sublayers(layer: Pass, place: int, scene: Scene) -> list[tuple[Words, Array]]:
    """Every vector of one position in a layer, in order."""
    named: list[tuple[str, Array]] = [(N_("x, from before"), layer.entered[place])]
    if scene.has("norm"):
        named.append((N_("norm(x)"), layer.read[place]))
    makes = N_("what attention makes") if scene.has("head") else N_("the mean of the past")
    named.append((makes, layer.made[place]))
    if scene.has("residual"):
        named.append((N_("x′ = x + attention"), layer.between[place]))
    if layer.feed is not None:
        if scene.has("norm"):
            named.append((N_("norm(x′)"), layer.feed.read[place]))
        named.append((N_("what feed-forward makes"), layer.feed.made[place]))
        if scene.has("residual"):
            named.append((N_("x″ = x′ + feed-forward"), layer.left[place]))
    return [(Message(name), x) for name, x in named]


def feed_forward(scene: Scene, way: Way) -> Values | None:
    """The hidden units of one position."""
    feeds = [layer.feed for layer in way.layers if layer.feed is not None]
    seen = [layer.feed.raw for layer in scene.read.opened.layers if layer.feed is not None]
    if not feeds:
        return None
    # Which units are off is the model's: rounding may move an input across zero.
    off = torch.stack(seen)[:, scene.place] <= 0
    hidden = np.stack([feed.hidden[scene.place] for feed in feeds])
    bars = [_strongest(units, order) for units, order in zip(hidden, _order(scene), strict=True)]
    names = tuple(str(number + 1) for number in range(len(bars)))
    share = float(off[0].double().mean())
    is_gelu = isinstance(scene.model, LanguageModel) and scene.has("gpt")
    return {
        "place": scene.place + 1,
        "token": scene.names[scene.place],
        "width": feeds[0].made.shape[1],
        "units": hidden.shape[1],
        "off": int(off[0].sum()),
        "share": share,
        "squared": isinstance(scene.model, GPT),
        "relu": not is_gelu and isinstance(scene.model, LanguageModel),
        "gelu": is_gelu,
        "answer": int(np.searchsorted(QUARTERS, share)),
        "hidden": hidden,
        "raw": np.stack([feed.raw[scene.place] for feed in feeds]),
        "figure": bars[0]
        if len(bars) == 1
        else Choice(
            "",
            (Control(Message(N_("layer")), names[:MOST_LAYERS], "select"),),
            tuple(bars[:MOST_LAYERS]),
        ),
    }


def _order(scene: Scene) -> list[Array]:
    """The strongest hidden units of the followed position in each layer."""
    feeds = [layer.feed for layer in scene.read.opened.layers if layer.feed is not None]
    found = [feed.hidden[scene.place].abs().argsort(descending=True, stable=True) for feed in feeds]
    return [order[:MOST_UNITS].numpy() for order in found]


def _strongest(hidden: Array, order: Array) -> Bars:
    labels: tuple[Words, ...] = tuple(
        Message(N_("unit {number}"), {"number": int(unit) + 1}) for unit in order
    )
    return Bars("", labels, ((Message(N_("after the activation")), hidden[order]),))


def stream(scene: Scene, way: Way) -> Values:
    """How long the stream's vectors are, and what every sublayer added to them."""
    layers = way.layers
    made = [(N_("attention") if scene.has("head") else N_("averaging"), [p.made for p in layers])]
    fed = [layer.feed.made for layer in layers if layer.feed is not None]
    if fed:
        made.append((N_("feed-forward"), fed))
    adds = {name: np.stack([_length(x) for x in some]) for name, some in made}
    places = np.arange(len(layers) + 1, dtype=np.float64)
    streams = [layers[0].entered, *(layer.left for layer in layers)]
    rest = streams[-1] - sum(chain(*(some for _, some in made)))
    lengths = [_length(layers[0].entered)]
    for layer in layers:
        lengths += [_length(layer.between), *([_length(layer.left)] if layer.feed else [])]
    curves = [
        Curve(Message(N_("the stream")), places, np.array([_length(x).mean() for x in streams]))
    ]
    kind: Any = "line" if len(places) > 2 else "points"
    for name, found in adds.items():
        title = Message(N_("made by {sublayer}"), {"sublayer": Message(name)})
        curves.append(Curve(title, places[1:], found.mean(1), kind))
    attention, *feed = adds.values()
    logits, whole = way.read_off(len(layers)), scene.model(scene.read.sentence.ids[None])[0]
    return {
        "layers": len(layers),
        "several": len(layers) > 1,
        "single": len(layers) == 1,
        "count": sum(len(some) for _, some in made),
        "residual": scene.has("residual"),
        "first": lengths[0].mean(),
        "last": lengths[-1].mean(),
        "answer": _what_is_left(rest, layers[0].entered),
        "lengths": np.stack(lengths),
        "attention_adds": attention,
        **({"feed_forward_adds": feed[0]} if feed else {}),
        "plot": Plot("", tuple(curves), Message(N_("layer")), Message(N_("length"))),
        "checks": (
            Check(
                Message(N_("logits of this stream, beside those of the model run as it trains")),
                logits,
                whole.detach().double().numpy(),
            ),
            *_sum_check(scene, streams[-1], rest, layers[0].entered),
        ),
    }


def _what_is_left(rest: Array, embedded: Array) -> int:
    """Nothing, the vectors of the beginning, or something else."""
    near = [np.abs(rest - x).max() < 1e-3 * np.abs(embedded).max() for x in (0, embedded)]
    return [*near, True].index(True)


def _sum_check(scene: Scene, last: Array, rest: Array, embedded: Array) -> tuple[Check, ...]:
    if not scene.has("residual"):
        return ()
    text = Message(N_("the first vectors and everything added, summed, beside the last vectors"))
    return (Check(text, embedded + (last - rest), last),)


def prediction(scene: Scene, way: Way) -> Values:
    """The last vector of one position to logits, probabilities and a loss; then the loss of every token."""
    place, last = scene.place, len(way.layers)
    every = way.read_off(last)
    logits, target = every[place], int(scene.ids[place + 1])
    p, nats = way.probabilities(logits), way.nats(every[:-1], scene.ids[1:])
    best = [int(token) for token in scene.likeliest[:NUM_TOKENS]]
    shown = best if target in best else [*best, target]
    rows: list[tuple[Words | float, ...]] = [
        (
            spelling,
            float(logits[token]),
            float(np.exp(logits[token])),
            float(p[token]),
            Message(N_("the target")) if token == target else "",
        )
        for token, spelling in zip(shown, scene.spell(np.array(shown)), strict=True)
    ]
    total = float(np.exp(logits).sum())
    rows.append(
        (Message(N_("all {count} tokens"), {"count": len(p)}), "", total, float(p.sum()), "")
    )
    headings = (N_("token"), N_("logit"), N_("e to the logit"), N_("probability"), "")
    worst = scene.worst
    loss = float(nats[place])
    return {
        "place": place + 1,
        "token": scene.names[place],
        "target": scene.names[place + 1],
        "width": way.layers[0].entered.shape[1],
        "vocab": len(p),
        "tied": isinstance(scene.model, LanguageModel) and scene.has("gpt"),
        "norms": scene.has("norm"),
        "capped": isinstance(scene.model, GPT),
        "cap": gpt.LOGIT_CAP,
        "p": p[target],
        "rank": 1 + int((scene.likeliest == target).argmax()),
        "complement": 1 - p[target],
        "loss": loss,
        "product": p[target] * loss,
        "share": np.exp(logits[target]),
        "total": total,
        "mean": nats.mean(),
        "perplexity": np.exp(nats.mean()),
        "uniform": np.log(len(p)),
        "worst": scene.names[worst + 1],
        "worst_place": worst + 2,
        "worst_loss": nats[worst],
        "answer": 1,
        "logits": logits,
        "probabilities": p,
        "nats": nats,
        "table": Table("", tuple(map(Message, headings)), tuple(rows), digits=3),
        "losses": Tokens(
            "",
            scene.read.sentence.tokens,
            np.append(np.nan, nats),
            unit=Message(N_("nats")),
        ),
        "checks": (
            Check(Message(N_("the probabilities add up to one")), p.sum(), 1.0),
            Check(
                Message(N_("the mean of these losses is the loss that training minimises")),
                nats.mean(),
                cross_entropy(
                    scene.read.opened.logits[None, :-1], scene.read.sentence.ids[None, 1:]
                ).item(),
            ),
        ),
    }


def _numbers_of(named: list[tuple[Words, Array]]) -> Heat:
    """The first numbers of vectors, one below the other."""
    count = min(NUM_SHOWN, len(named[0][1]))
    return Heat(
        "",
        np.stack([x[:count] for _, x in named]),
        tuple(name for name, _ in named),
        tuple(str(number + 1) for number in range(count)),
        "",
        Message(N_("number in the vector")),
        signed=True,
    )


def _length(x: Array) -> Array:
    """Euclidean lengths of vectors, (..., C) to (...)."""
    return np.asarray(np.sqrt((x**2).sum(-1)))


STEPS = (
    Row(targets, (language.next_token_loss, cross_entropy)),
    Row(vectors, (GPT.continue_from, LanguageModel.continue_from)),
    Row(block, (gpt.Block.extend, language.Block.forward, norm)),
    Row(feed_forward, (language.Block.feed,)),
    Row(stream, (GPT.continue_from, LanguageModel.continue_from)),
    Row(prediction, (GPT._logits, LanguageModel.logits, cross_entropy)),
    Row(by_position, (cross_entropy,), reads_data=True),
    Row(generation, (generate, filter_logits)),
    Row(parameters),
    Row(logit_lens, (lens,)),
    Row(beyond),
)
"""In the order of the documents."""
