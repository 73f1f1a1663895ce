r"""The steps of the encoder–decoder's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: p(y \mid x) = \prod_t p(y_t \mid y_{<t}, x)

Arrays, of S source tokens (the end included) and T written ones (the end included), L layers of H heads: ``source``
and ``target``, ids, (S,) and (T + 1,); ``encoder`` (L, H, S, S), ``decoder`` (L, H, T, T) and ``cross`` (L, H, T, S),
weights of attention; ``probabilities`` (T, V + 1); ``nats_…``, negative log-probabilities of each token, (T,);
``lost_nats``, what hiding a piece of the source (column) costs a written piece (row).

Sources: Vaswani et al. 2017, section 3; Bahdanau et al. 2015 (alignment); Sutskever et al. 2014 (one vector); Jain &
Wallace 2019 and Wiegreffe & Pinter 2019 (attention as explanation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Check
from olaria.lessons.by_numpy.transformers import later
from olaria.lessons.figures import Bars, Choice, Control, Heat, Table, Tokens, Words
from olaria.lessons.live import typed
from olaria.lessons.texts import visible
from olaria.lessons.translation.pieces import ACROSS, MOST_MAPS, cut, head_name, map_choice, pooled
from olaria.lessons.translation.scene import Scene, picked
from olaria.lessons.translation.ways import Way, nats_of, weights_of
from olaria.lessons.twice import Row
from olaria.models import translation as net
from olaria.models.base import Batch
from olaria.nn.attention import attention, causal_mask
from olaria.nn.norm import norm
from olaria.objectives.likelihood import cross_entropy
from olaria.sampling.translation import greedy

Values = dict[str, Any]

MOST_ROWS = 16  # positions of a target that are shown in a table
MOST_STEPS = 40
NUM_KEYS = 5  # source tokens whose part of a weighted sum stands in a row of its own
SHARES = (0.0, 0.25, 0.5)
"""Between the answers to how far the encoder looks ahead."""
READS = 0.1
"""Nats per token that its source must be worth before a model is said to read it."""
NATS = Message(N_("nats"))


def one_pair(scene: Scene, way: Way) -> Values:
    """A source, a target shifted by one, and the loss of its tokens."""
    pair, size = scene.pair_target, scene.model.vocab_size
    nats = nats_of(way, pair, scene.source)
    given, targets = scene.spelt(pair[:-1]), scene.spelt(pair[1:])
    rows = [
        (t + 1, visible(given[t]), visible(targets[t]), float(np.exp(-nats[t])), float(nats[t]))
        for t in range(min(len(nats), MOST_ROWS))
    ]
    columns = N_("position"), N_("decoder input"), N_("target"), N_("its probability"), N_("nats")
    numbers = tuple(map(str, scene.source.tolist()))
    # Shifted, padded and averaged as in training.
    batch = Batch(scene.source[None], torch.nn.functional.pad(pair, (0, 2), value=size + 2)[None])
    with torch.no_grad():
        loss = scene.model.loss(batch, torch.Generator()).total
    text = Message(N_("the loss that training computes"))
    return {
        "text": scene.text,
        "expected": scene.text_of(pair),
        "known": bool(scene.targets),
        "trained": scene.is_trained,
        "count": len(scene.source) - 1,
        "vocabulary": size,
        "length": len(nats) - 1,
        "more": len(nats),
        "most": len(nats) + 1,
        "answer": 1,
        "loss": nats.mean(),
        "cut": len(nats) > MOST_ROWS,
        "shown": len(rows),
        "source": scene.source,
        "nats": nats,
        "source_tokens": Tokens("", scene.spelt(scene.source), notes=numbers),
        "shifted": Table("", _words(*columns), tuple(rows), 3),
        "checks": [Check(text, nats.mean(), float(loss))],
    }


def both_directions(scene: Scene, way: Way) -> Values:
    """The encoder's self-attention beside the decoder's."""
    encoder, decoder = weights_of(way, "encoder"), weights_of(way, "decoder")
    ahead, back = (np.triu(weights, 1).sum(-1).mean(-1) for weights in (encoder, decoder))  # (L, H)
    columns, given = (cut(scene.spelt(ids)) for ids in (scene.source, scene.target[:-1]))
    within = np.where(later(len(given.names)), np.nan, pooled(decoder, given, given))
    count = len(scene.source)
    return {
        "count": count,
        "width": scene.model.config.width,
        "ahead": float(ahead.mean()),
        "even": (count - 1) / 2 / count,
        "most": ahead[scene.ahead],
        "head": head_name(*scene.ahead),
        "none": back.max(),
        "answer": int(np.searchsorted(SHARES, ahead.mean())),
        "encoder": encoder,
        "decoder": decoder,
        "encoder_map": map_choice(pooled(encoder, columns, columns), columns, columns),
        "decoder_map": map_choice(within, given, given),
    }


def by_hand(scene: Scene, way: Way) -> Values:
    """One query of one head: scores, weights, and the weighted sum of the values, one component of it."""
    layer, head, row, _ = map(int, np.unravel_index(scene.cross.argmax(), scene.cross.shape))
    keys = np.argsort(-scene.cross[layer, head, row], kind="stable")[:NUM_KEYS]
    part = way.parts("cross")[layer]
    q, k, v = part["q"][head, row], part["k"][head], part["v"][head, :, 0]
    scores = k @ q / np.sqrt(len(q))
    exponentials = np.exp(scores)
    weights = exponentials / exponentials.sum()
    tokens = [visible(token) for token in scene.spelt(scene.source)]
    best, second = scores[keys[:2]]
    output = weights @ part["v"][head]
    rows: list[tuple[Words | float, ...]] = [
        (tokens[s], scores[s], exponentials[s], weights[s], v[s], weights[s] * v[s])
        for s in keys.tolist()
    ]
    rest = np.setdiff1d(np.arange(len(tokens)), keys)
    if len(rest):
        sums = (exponentials[rest].sum(), weights[rest].sum(), "", (weights * v)[rest].sum())
        rows.append((Message(N_("the other {count}"), {"count": len(rest)}), "", *sums))
    rows.append((Message(N_("sum")), "", exponentials.sum(), weights.sum(), "", output[0]))
    columns = N_("source token"), N_("score"), N_("exp(score)"), N_("weight"), N_("value")
    texts = _words(N_("the weights of the head itself"), N_("the output of the head itself"))
    return {
        "place": row + 1,
        "token": visible(scene.spelt(scene.target[1:])[row]),
        "head": head_name(layer, head),
        "size": len(q),
        "first": tokens[keys[0]],
        "runner": tokens[keys[1]],
        "best": best,
        "second": second,
        "apart": best - second,
        "factor": np.exp(best - second),
        "answer": 1,
        "output": output[0],
        "scores": scores,
        "weights": weights,
        "sums": Table("", _words(*columns, N_("weight × value")), tuple(rows), 3),
        "checks": [
            Check(texts[0], weights, part["weights"][head, row]),
            Check(texts[1], output, part["heads"][head, row]),
        ],
    }


def greedy_decoding(scene: Scene, way: Way) -> Values:
    """Each written token with its candidates."""
    written, spelt, least = scene.target[1:], scene.spelt, int(scene.nats().argmax())
    log_probs = way.log_probs(scene.target, scene.source)
    nats = -picked(log_probs, scene.target)
    own, best = np.exp(-nats), np.exp(np.take_along_axis(log_probs, scene.candidates, 1))
    after = N_("Token {place}, after “{before}”.")
    bars = tuple(
        Bars(
            Message(after, {"place": t + 1, "before": scene.text_of(written[:t])}),
            spelt(torch.from_numpy(scene.candidates[t])),
            ((Message(N_("probability")), best[t]),),
        )
        for t in range(min(len(written), MOST_STEPS))
    )
    labels, start = tuple(f"{t + 1}" for t in range(len(bars))), min(least, len(bars) - 1)
    control = Control(Message(N_("token")), labels, start=start, plays=True)
    return {
        "count": len(written),
        "written": scene.text_of(written),
        "ended": bool(written[-1] == scene.model.specials.eos),
        "nats": nats.sum(),
        "place": least + 1,
        "token": visible(spelt(written)[least]),
        "least": own[least],
        "mean": own.mean(),
        "product": np.exp(-nats.sum()),
        "answer": 2 if len(written) > 1 else None,
        "target": scene.target,
        "probabilities": np.exp(log_probs),
        "tokens": Tokens("", spelt(written), own),
        "candidates": Choice("", (control,), bars),
    }


def attention_map(scene: Scene, way: Way) -> Values:
    """The map between what is written and the source, and how its largest weights move."""
    cross, rows, columns = weights_of(way, "cross"), scene.rows, scene.columns
    by_pieces, moves = pooled(cross, rows, columns), np.diff(scene.cross.mean((0, 1)).argmax(-1))
    mean = by_pieces.mean((0, 1))
    row = int(np.argmax(mean[np.arange(len(mean)), scene.piece]))
    right, stays, left = (int(found.sum()) for found in (moves > 0, moves == 0, moves < 0))
    return {
        "row": visible(rows.names[row]),
        "column": visible(columns.names[scene.piece[row]]),
        "weight": mean.max(),
        "right": right / max(1, len(moves)),
        "left": left / max(1, len(moves)),
        "answer": int(np.argmax((right, stays, left))) if len(moves) > 1 else None,
        "moves": len(moves) > 1,
        "cross": cross,
        "map": typed(
            "translation",
            (scene.run,),
            scene.text,
            map_choice(by_pieces, rows, columns, ACROSS, MOST_MAPS),
        ),
    }


def teacher_forcing(scene: Scene, way: Way) -> Values:
    """The right tokens given, its own, and one of its own that is another."""
    place, mistaken = scene.mistaken
    expected, written = scene.expected, scene.target
    is_other = expected is not None and not torch.equal(expected, written)
    targets = {N_("written by itself"): written, N_("after one other token"): mistaken}
    if expected is not None and is_other:
        targets = {N_("expected, the right tokens given"): expected, **targets}
    nats = [nats_of(way, target, scene.source) for target in targets.values()]
    first, total, cost = (nats[i].sum() for i in (0, -2, -1))
    rows = [
        (Message(name), scene.text_of(target), len(own), float(own.sum()), float(own.mean()))
        for (name, target), own in zip(targets.items(), nats, strict=True)
    ]
    returns = torch.equal(mistaken[place + 2 :], written[place + 2 :])
    token, instead = (visible(scene.spelt(ids[place + 1, None])[0]) for ids in (mistaken, written))
    headings = N_("target"), N_("text"), N_("tokens"), N_("nats"), N_("nats per token")
    return {
        "unknown": not scene.targets,
        "same": expected is not None and not is_other,
        "likelier": is_other and first >= total,
        "rarer": is_other and first < total,
        "expected": first,
        "own": total,
        "place": place + 1,
        "token": token,
        "instead": instead,
        "mistaken": scene.text_of(mistaken),
        "cost": cost,
        "answer": 0 if returns else 1,
        "returns": returns,
        "nats_written": nats[-2],
        "nats_after_mistake": nats[-1],
        "table": Table("", _words(*headings), tuple(rows), 3),
        "written_tokens": Tokens("", scene.spelt(written[1:]), nats[-2]),
        "mistaken_tokens": Tokens("", scene.spelt(mistaken[1:]), nats[-1]),
    }


def without_source(scene: Scene, way: Way) -> Values:
    """The same target where another sentence was read, and where nothing was."""
    sources = {"own": scene.source, "other": scene.source_of(scene.other), "none": None}
    nats = {name: nats_of(way, scene.target, source) for name, source in sources.items()}
    totals, count = {name: float(each.sum()) for name, each in nats.items()}, len(nats["own"])
    rise = (totals["other"] - totals["own"]) / count
    lost = [scene.rows.sums(nats[name] - nats["own"]) for name in ("other", "none")]
    names = Message(N_("another sentence is read")), Message(N_("nothing is read"))
    return {
        **totals,
        "written": scene.text_of(scene.target),
        "sentence": scene.other,
        "reads": min(totals["other"], totals["none"]) - totals["own"] > READS * count,
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
    row = int(lost[np.arange(len(lost)), scene.costliest].argmax())
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
        "heat": Heat("", lost, rows.names, columns.names, *ACROSS, unit=NATS, signed=True),
    }


def beyond(_: Scene, way: Way) -> Values:
    """What the model has that the Transformer of 2017 has not, and what one part of it does to the scores."""
    parts = [part for kind in ("encoder", "decoder", "cross") for part in way.parts(kind)]
    size = parts[0]["q"].shape[-1]
    vectors = np.concatenate([part[x].reshape(-1, size) for part in parts for x in ("q", "k")])
    roots = np.sqrt((vectors**2).mean(-1))
    scores = np.concatenate([part["scores"].ravel() for part in parts]) / np.sqrt(size)
    rows = (
        (N_("norm"), N_("layer norm, after each sublayer"), N_("RMS norm, before each sublayer")),
        (N_("queries and keys"), N_("as they are"), N_("scaled to a root mean square of 1")),
        (N_("activation"), "ReLU", N_("squared ReLU")),
        (N_("biases"), N_("in the feed-forward sublayers"), N_("none")),
        (N_("output layer"), N_("shares the embedding's weights"), N_("weights of its own")),
    )
    headings = N_("part"), N_("the Transformer of 2017"), N_("your model")
    text = Message(N_("queries and keys have a root mean square of 1"))
    return {
        "size": size,
        "bound": float(np.sqrt(size)),
        "largest": np.abs(scores).max(),
        "answer": 1,
        "table": Table("", _words(*headings), tuple(_words(*row) for row in rows)),
        "checks": [Check(text, roots, np.ones(len(roots)), tolerance=1e-3)],
    }


def _words(*texts: str) -> tuple[Message, ...]:
    """Source strings as messages."""
    return tuple(map(Message, texts))


STEPS = (
    Row(
        one_pair, (net.Specials.sources, net.Specials.targets, net.Translation.loss, cross_entropy)
    ),
    Row(both_directions, (net.EncoderBlock, attention, net.padding_mask, causal_mask)),
    Row(by_hand, (net.CrossAttention, attention)),
    Row(greedy_decoding, (greedy, net.Translation.decode)),
    Row(attention_map, (net.Translation.attend, net.CrossAttention.weights)),
    Row(teacher_forcing, (net.Translation.loss, cross_entropy)),
    Row(without_source, (net.Translation.encode, net.Translation.decode)),
    Row(hidden, (net.padding_mask, net.Translation.decode)),
    Row(beyond, (norm, net.FeedForward)),
)
"""In the order of the documents."""
