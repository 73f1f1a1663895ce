r"""The steps of the GPT's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: x' = x + \mathrm{Attention}(\mathrm{norm}(x)), \quad x'' = x' + \mathrm{FeedForward}(\mathrm{norm}(x'))

Arrays, of L layers on a sentence of T tokens, C numbers in a vector, F hidden units, V tokens to choose from: ``nats``
(T − 1,), the loss of each token but the first; ``vectors`` (T, C), what enters the first layer; ``followed``
(stages, C), one position through every sublayer; ``raw`` and ``hidden`` (L, F), its hidden units before and after the
activation; ``lengths`` (L + 1, T) of the stream at the beginning and after each layer; ``logits`` (V,) and
``probabilities`` (V,) at that position. Those of the steps from the loss by position on are told in
:mod:`olaria.lessons.gpt.out`.

Sources: Vaswani et al. 2017, section 3; He et al. 2016 (residuals); Elhage et al. 2021, *A Mathematical Framework for
Transformer Circuits* (the residual stream); Zhang & Sennrich 2019 and Ba et al. 2016 (norms); Bengio et al. 2003 (the
next token from vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Choice, Control, Curve, Heat, Plot, Table, Tokens, Words
from olaria.lessons.gpt.out import beyond, by_position, generation, logit_lens, parameters
from olaria.lessons.gpt.scene import Scene, lens
from olaria.lessons.gpt.ways import Way
from olaria.lessons.twice import Row
from olaria.models import gpt, language
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn.norm import norm
from olaria.objectives.likelihood import cross_entropy
from olaria.sampling.autoregressive import filter_logits, generate

Values = dict[str, Any]

MOST_COLUMNS = 10  # tokens of the sentence that stand side by side
NUM_SHOWN = 8  # of the numbers of a vector
MOST_UNITS = 10  # hidden units that are drawn
NUM_TOKENS = 6  # likeliest tokens in a table
MOST_LAYERS = 16  # that a reader chooses from
QUARTERS = (0.25, 0.5, 0.75)
"""Between the answers to how many hidden units are off."""


def targets(scene: Scene, way: Way) -> Values:
    """The sentence twice, the second time moved by one; and what each target costs."""
    names, nats = scene.read.names, way.nats(way.logits(scene.ids)[:-1], scene.ids[1:])
    count = min(MOST_COLUMNS, len(nats))
    rows: tuple[tuple[Words | float, ...], ...] = (
        (Message(N_("input")), *names[:count]),
        (Message(N_("target")), *names[1 : count + 1]),
        (Message(N_("probability of the target")), *np.exp(-nats[:count]).tolist()),
        (Message(N_("loss, nats")), *nats[:count].tolist()),
    )
    columns: tuple[Words, ...] = (Message(N_("position")), *(str(t + 1) for t in range(count)))
    return {
        "tokens": len(scene.ids),
        "count": len(nats),
        "first": names[0],
        "second": names[1],
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
    x, place, rows = way.layers[0]["entered"], scene.place, way.rows
    is_learned, pair = len(rows) > 1, scene.twin_places
    added = N_("row of the position"), N_("their sum")
    names = (N_("row of the token"), *(added if is_learned else (N_("after the norm"),)))
    earlier, later = pair or (0, 0)
    apart = float(np.abs(x[earlier] - x[later]).max())
    return {
        **scene.facts,
        "moved": pair is not None and apart > 0,
        "same": pair is not None and not apart,
        "twin": scene.read.names[later],
        "earlier": earlier + 1,
        "later": later + 1,
        "apart": apart,
        "answer": None if pair is None else int(apart > 0),
        "vectors": x,
        "figure": _numbers_of(names, [*(row[place] for row in rows), x[place]]),
    }


def block(scene: Scene, way: Way) -> Values:
    """One position through the sublayers of each layer."""
    place, has = scene.place, scene.has
    layers = [{name: x[place] for name, x in part.items() if x.ndim == 2} for part in way.layers]
    first, last = layers[0], layers[:MOST_LAYERS][-1]
    feeds, replaces = "fed" in first, has("head") and not has("residual")
    lengths = [float(_length(first[name])) for name in ("out", "fed") if name in first]
    named = _sublayers(scene, feeds)
    followed = [[layer[key] for key in named.values()] for layer in layers[:MOST_LAYERS]]
    return {
        **scene.facts,
        "replaces": replaces,
        "one": replaces and not feeds,
        "both": replaces and feeds,
        "entered": first["entered"][0],
        "attended": first["out"][0],
        "between": first["between"][0],
        "square": float((last["entered"] ** 2).mean()),
        "normed": float((last["read"] ** 2).mean()),
        "shown": NUM_SHOWN,
        "answer": int(np.argmax(lengths)) if feeds and has("residual") else None,
        "attention_length": lengths[0],
        "feed_length": lengths[-1],
        "followed": np.concatenate(followed),
        "figure": _by_layer([_numbers_of([*named], x) for x in followed]),
    }


def _sublayers(scene: Scene, feeds: bool) -> dict[str, str]:
    """Each vector of a layer, in order, and its name in a part."""
    norms, adds = scene.has("norm"), scene.has("residual")
    makes = N_("what attention makes") if scene.has("head") else N_("the mean of the past")
    rows = (
        (N_("x, from before"), "entered", True),
        (N_("norm(x)"), "read", norms),
        (makes, "out", True),
        (N_("x′ = x + attention"), "between", adds),
        (N_("norm(x′)"), "read_2", norms and feeds),
        (N_("what feed-forward makes"), "fed", feeds),
        (N_("x″ = x′ + feed-forward"), "left", adds and feeds),
    )
    return {name: key for name, key, is_there in rows if is_there}


def feed_forward(scene: Scene, way: Way) -> Values | None:
    """The hidden units of one position."""
    feeds = [layer.feed for layer in scene.read.opened.layers if layer.feed is not None]
    if not feeds:
        return None
    place = scene.place
    raw, hidden = (np.stack([part[key][place] for part in way.layers]) for key in ("raw", "hidden"))
    # Which units are off, and which are strongest, is the model's: rounding may move an input across zero.
    off = int((feeds[0].raw[place] <= 0).sum())
    strongest = [x.hidden[place].abs().argsort(descending=True, stable=True) for x in feeds]
    bars = [
        Bars(
            "",
            tuple(Message(N_("unit {number}"), {"number": int(unit) + 1}) for unit in order),
            ((Message(N_("after the activation")), units[order]),),
        )
        for units, order in zip(hidden, [x[:MOST_UNITS].numpy() for x in strongest], strict=True)
    ]
    share = off / hidden.shape[1]
    return {
        **scene.facts,
        "units": hidden.shape[1],
        "off": off,
        "share": share,
        "answer": int(np.searchsorted(QUARTERS, share)),
        "hidden": hidden,
        "raw": raw,
        "figure": _by_layer(bars),
    }


def stream(scene: Scene, way: Way) -> Values:
    """How long the stream's vectors are, and what every sublayer added to them."""
    layers, is_sum = way.layers, scene.has("residual")
    kinds = {N_("attention") if scene.has("head") else N_("averaging"): "out"}
    kinds |= {N_("feed-forward"): "fed"} if "fed" in layers[0] else {}
    made = {kind: np.stack([layer[key] for layer in layers]) for kind, key in kinds.items()}
    left = [layer["left"] for layer in layers]
    streams = np.stack([layers[0]["entered"], *left])  # (L + 1, T, C)
    lengths, places = _length(streams), np.arange(len(streams), dtype=np.float64)
    curves = [Curve(Message(N_("the stream")), places, lengths.mean(1))]
    for kind, x in made.items():
        title = Message(N_("made by {sublayer}"), {"sublayer": Message(kind)})
        style: Any = "line" if len(layers) > 1 else "points"
        curves.append(Curve(title, places[1:], _length(x).mean(1), style))
    count = len(layers) * len(made)
    text = Message(N_("the first vectors and everything added, summed, beside the last vectors"))
    total = streams[0] + sum(x.sum(0) for x in made.values())
    return {
        **scene.facts,
        "several": len(layers) > 1,
        "count": count,
        "first": lengths[0].mean(),
        "last": lengths[-1].mean(),
        "answer": 1 if is_sum else 0 if count == 1 else 2,
        "lengths": lengths,
        "plot": Plot("", tuple(curves), Message(N_("layer")), Message(N_("length"))),
        "checks": (Check(text, total, streams[-1]),) if is_sum else (),
    }


def prediction(scene: Scene, way: Way) -> Values:
    """The last vector of one position to logits, probabilities and a loss; then the loss of every token."""
    place = scene.place
    every = way.read_off(len(way.layers))
    logits, target = every[place], int(scene.ids[place + 1])
    p, nats = way.probabilities(logits), way.nats(every[:-1], scene.ids[1:])
    order = np.argsort(-scene.read.opened.logits[place].numpy(), kind="stable")
    best = order[:NUM_TOKENS]
    shown = best if target in best else np.append(best, target)
    rows: list[tuple[Words | float, ...]] = [
        (
            spelling,
            *map(float, (logits[token], np.exp(logits[token]), p[token])),
            Message(N_("the target")) if token == target else "",
        )
        for token, spelling in zip(shown, scene.spell(shown), strict=True)
    ]
    total = float(np.exp(logits).sum())
    every_token = Message(N_("all {count} tokens"), {"count": len(p)})
    rows.append((every_token, "", total, float(p.sum()), ""))
    headings = N_("token"), N_("logit"), N_("e to the logit"), N_("probability"), ""
    loss, mean = float(nats[place]), nats.mean()
    return {
        **scene.facts,
        "target": scene.read.names[place + 1],
        "cap": gpt.LOGIT_CAP,
        "p": p[target],
        "rank": 1 + int((order == target).argmax()),
        "complement": 1 - p[target],
        "loss": loss,
        "product": p[target] * loss,
        "share": np.exp(logits[target]),
        "total": total,
        "mean": mean,
        "perplexity": np.exp(mean),
        "uniform": np.log(len(p)),
        "answer": 1,
        "logits": logits,
        "probabilities": p,
        "nats": nats,
        "table": Table("", tuple(map(Message, headings)), tuple(rows), digits=3),
        "losses": Tokens(
            "", scene.read.sentence.tokens, np.append(np.nan, nats), unit=Message(N_("nats"))
        ),
    }


def _numbers_of(names: Sequence[str], some: Sequence[Array]) -> Heat:
    """The first numbers of vectors, one below the other."""
    values = np.stack(some)[:, :NUM_SHOWN]
    columns = tuple(str(number + 1) for number in range(values.shape[1]))
    title = Message(N_("number in the vector"))
    return Heat("", values, tuple(map(Message, names)), columns, "", title, signed=True)


def _by_layer(figures: Sequence[Bars | Heat]) -> Bars | Heat | Choice:
    """A figure of each layer to choose from; itself where there is but one."""
    if len(figures) == 1:
        return figures[0]
    names = tuple(str(number + 1) for number in range(len(figures)))[:MOST_LAYERS]
    control = Control(Message(N_("layer")), names, "select")
    return Choice("", (control,), tuple(figures[:MOST_LAYERS]))


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
