r"""The steps of the encoder–decoder's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: p(y \mid x) = \prod_t p(y_t \mid y_{<t}, x)

Arrays, of S source tokens (the end included) and T written ones (the end included), L layers of H heads: ``source``
and ``target``, ids, (S,) and (T + 1,); ``encoder`` (L, H, S, S), ``decoder`` (L, H, T, T) and ``cross`` (L, H, T, S),
weights of attention; ``walks``, see :func:`.pieces.walk_of`; ``probabilities`` (T, V + 1). Those of the interventions
and of beams are in :mod:`.tried`.

Sources: Vaswani et al. 2017, section 3; Bahdanau et al. 2015 (alignment); Sutskever et al. 2014 (one vector).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.by_numpy.transformers import later
from olaria.lessons.figures import Bars, Choice, Control, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.lessons.translation.pieces import (
    ACROSS,
    BOS,
    EOS,
    PAD,
    WITHIN,
    chosen_maps,
    head_name,
    map_choice,
    pooled,
    walk_of,
)
from olaria.lessons.translation.scene import Scene, picked
from olaria.lessons.translation.tried import beams, hidden, teacher_forcing, without_source
from olaria.lessons.translation.ways import Way, nats_of, weights_of
from olaria.lessons.twice import Row
from olaria.models.base import Batch
from olaria.models.translation import (
    CrossAttention,
    EncoderBlock,
    FeedForward,
    Specials,
    Translation,
    padding_mask,
)
from olaria.nn.attention import attention, causal_mask
from olaria.nn.norm import norm
from olaria.objectives.likelihood import cross_entropy
from olaria.sampling.translation import beam_search, greedy, length_factor

Values = dict[str, Any]

MOST_ROWS = 16
"""Positions of a target that are shown in a table."""
MOST_STEPS = 40
MOST_SELF_MAPS = 16
SHARES = (0.0, 0.25, 0.5)
"""Between the answers to how far the encoder looks ahead."""
RULE = 0.5
"""Share of the tokens from which a map's largest weights are said to follow a rule."""


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
    specials = (
        (BOS, size + 1, Message(N_("first input of the decoder; never written"))),
        (EOS, size, Message(N_("ends every source and every target"))),
        (PAD, size + 2, Message(N_("fills up a batch; hidden from attention and loss"))),
    )
    # Shifted, padded and averaged as in training.
    batch = Batch(scene.source[None], torch.nn.functional.pad(pair, (0, 2), value=size + 2)[None])
    with torch.no_grad():
        loss = scene.model.loss(batch, torch.Generator()).total
    checks = [Check(Message(N_("the loss that training computes")), nats.mean(), float(loss))]
    if scene.text_of(scene.source) == scene.text:  # no character was replaced or skipped
        text = Message(N_("the tokens' bytes one after the other are the sentence's own"))
        found, own = scene.tokenizer.bytes_of(scene.source[:-1]), scene.text.encode("utf-8")
        checks.append(Check(text, np.frombuffer(found, np.uint8), np.frombuffer(own, np.uint8)))
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
        "source_tokens": Tokens(
            "", scene.spelt(scene.source), notes=tuple(str(i) for i in scene.source.tolist())
        ),
        "shifted": Table("", _words(*columns), tuple(rows), 3),
        "specials": Table("", _words(N_("special token"), N_("number"), N_("use")), specials),
        "checks": checks,
    }


def both_directions(scene: Scene, way: Way) -> Values:
    """The encoder's self-attention beside the decoder's."""
    encoder, decoder = weights_of(way, "encoder"), weights_of(way, "decoder")
    ahead, back = (np.triu(weights, 1).sum(-1).mean(-1) for weights in (encoder, decoder))  # (L, H)
    columns, given = scene.pieces(scene.source), scene.pieces(scene.target[:-1])
    names, maps = chosen_maps(pooled(decoder, given, given), MOST_SELF_MAPS)
    masked = names, np.where(later(len(given.names)), np.nan, maps)
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
        "encoder_map": map_choice(
            chosen_maps(pooled(encoder, columns, columns), MOST_SELF_MAPS), columns, columns, WITHIN
        ),
        "decoder_map": map_choice(masked, given, given, WITHIN),
        "checks": [_sums_to_one(encoder), _sums_to_one(decoder)],
    }


def by_hand(scene: Scene, way: Way) -> Values:
    """One query of one head: scores, weights, and the weighted sum of the values, one component of it."""
    layer, head, row = scene.firmest
    part = way.parts("cross")[layer]
    q, k, v = part["q"][head, row], part["k"][head], part["v"][head, :, 0]
    scores = k @ q / np.sqrt(len(q))
    exponentials = np.exp(scores)
    weights = exponentials / exponentials.sum()
    tokens = [visible(token) for token in scene.spelt(scene.source)]
    best, second = scores[scene.keys[:2]]
    output = weights @ part["v"][head]
    rows: list[tuple[Words | float, ...]] = [
        (tokens[s], scores[s], exponentials[s], weights[s], v[s], weights[s] * v[s])
        for s in scene.keys.tolist()
    ]
    rest = np.setdiff1d(np.arange(len(tokens)), scene.keys)
    if len(rest):
        sums = (exponentials[rest].sum(), weights[rest].sum(), "", (weights * v)[rest].sum())
        rows.append((Message(N_("the other {count}"), {"count": len(rest)}), "", *sums))
    rows.append((Message(N_("sum")), "", exponentials.sum(), weights.sum(), "", output[0]))
    columns = N_("source token"), N_("score"), N_("exp(score)"), N_("weight"), N_("value")
    return {
        "place": row + 1,
        "token": visible(scene.spelt(scene.target[1:])[row]),
        "head": head_name(layer, head),
        "size": len(q),
        "first": tokens[scene.keys[0]],
        "runner": tokens[scene.keys[1]],
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
            Check(
                Message(N_("the weights of the head itself")), weights, part["weights"][head, row]
            ),
            Check(Message(N_("the output of the head itself")), output, part["heads"][head, row]),
        ],
    }


def greedy_decoding(scene: Scene, way: Way) -> Values:
    """Each written token with its candidates."""
    written, spelt = scene.target[1:], scene.spelt
    log_probs = way.log_probs(scene.target, scene.source)
    nats = -picked(log_probs, scene.target)
    own, best = np.exp(-nats), np.exp(np.take_along_axis(log_probs, scene.candidates, 1))
    bars = tuple(
        Bars(
            Message(
                N_("Token {place}, after “{before}”."),
                {"place": t + 1, "before": scene.text_of(written[:t])},
            ),
            spelt(torch.from_numpy(scene.candidates[t])),
            ((Message(N_("probability")), best[t]),),
        )
        for t in range(min(len(written), MOST_STEPS))
    )
    labels = tuple(f"{t + 1}" for t in range(len(bars)))
    start = min(scene.least, len(bars) - 1)
    return {
        "count": len(written),
        "written": scene.text_of(written),
        "ended": scene.is_ended,
        "nats": nats.sum(),
        "place": scene.least + 1,
        "token": visible(spelt(written)[scene.least]),
        "least": own[scene.least],
        "mean": own.mean(),
        "product": np.exp(-nats.sum()),
        "answer": 2 if len(written) > 1 else None,
        "target": scene.target,
        "probabilities": np.exp(log_probs),
        "tokens": Tokens("", spelt(written), own),
        "candidates": Choice(
            "", (Control(Message(N_("token")), labels, start=start, plays=True),), bars
        ),
        "checks": [_sums_to_one(np.exp(log_probs), N_("the probabilities of all tokens sum to 1"))],
    }


def attention_map(scene: Scene, way: Way) -> Values:
    """The map between what is written and the source, and how its largest weights lie."""
    cross, rows, columns = weights_of(way, "cross"), scene.rows, scene.columns
    source, written = scene.spelt(scene.source), scene.spelt(scene.target[1:])
    names, maps = chosen_maps(cross)
    walks = walk_of(scene.places, source, written)
    place, rule = map(int, np.unravel_index(walks[:, 3:].argmax(), walks[:, 3:].shape))
    share, chance = walks[place, 3 + rule], 1 / len(source)
    if rule == 0:
        chance *= float(np.mean([source.count(token) for token in written]))
    mean = pooled(cross, rows, columns).mean((0, 1))
    row = int(np.argmax(np.take_along_axis(mean, scene.piece[:, None], 1)))
    fine_rows, fine_columns = scene.pieces(scene.target[1:]), scene.pieces(scene.source)
    is_finer = (fine_rows.names, fine_columns.names) != (rows.names, columns.names)
    fine = chosen_maps(pooled(cross, fine_rows, fine_columns))
    moves = N_("moves right"), N_("stays"), N_("moves left")
    titles = _words(N_("attention"), *moves, N_("same token"), N_("mirrored place"))
    return {
        "row": visible(rows.names[row]),
        "column": visible(columns.names[scene.piece[row]]),
        "weight": mean.max(),
        "right": walks[0, 0],
        "left": walks[0, 2],
        "answer": int(walks[0, :3].argmax()) if len(written) > 2 else None,
        "moves": len(written) > 2,
        "by_token": share >= RULE and rule == 0,
        "by_mirror": share >= RULE and rule == 1,
        "name": names[place],
        "share": share,
        "chance": chance,
        "cross": cross,
        "walks": walks,
        "at_places": np.take_along_axis(maps, scene.places[..., None], -1)[..., 0],
        "largest": maps.max(-1),
        "map": map_choice(chosen_maps(pooled(cross, rows, columns)), rows, columns, ACROSS),
        "fine_map": map_choice(fine, fine_rows, fine_columns, ACROSS) if is_finer else None,
        "walk": Table(
            "",
            titles,
            tuple((name, *map(float, walk)) for name, walk in zip(names, walks, strict=True)),
            2,
        ),
        "checks": [_sums_to_one(cross)],
    }


def beyond(_: Scene, way: Way) -> Values:
    """What the model has that the Transformer of 2017 has not, and what one part of it does to the scores."""
    parts = [part for kind in ("encoder", "decoder", "cross") for part in way.parts(kind)]
    size = parts[0]["q"].shape[-1]
    squares = [(part[name] ** 2).mean(-1).ravel() for part in parts for name in ("q", "k")]
    scores = np.concatenate([part["scores"].ravel() for part in parts]) / np.sqrt(size)
    rows = (
        (N_("norm"), N_("layer norm, after each sublayer"), N_("RMS norm, before each sublayer")),
        (N_("queries and keys"), N_("as they are"), N_("scaled to a root mean square of 1")),
        (N_("activation"), "ReLU", N_("squared ReLU")),
        (N_("biases"), N_("in the feed-forward sublayers"), N_("none")),
        (N_("output layer"), N_("shares the embedding's weights"), N_("weights of its own")),
    )
    return {
        "size": size,
        "bound": float(np.sqrt(size)),
        "largest": np.abs(scores).max(),
        "answer": 1,
        "sizes": np.concatenate(squares),
        "table": Table(
            "",
            _words(N_("part"), N_("the Transformer of 2017"), N_("your model")),
            tuple(_words(*row) for row in rows),
        ),
        "checks": [
            Check(
                Message(N_("queries and keys have a root mean square of 1")),
                np.sqrt(np.concatenate(squares)),
                np.ones(sum(map(len, squares))),
                tolerance=1e-3,
            )
        ],
    }


def _words(*texts: str) -> tuple[Message, ...]:
    """Source strings as messages."""
    return tuple(map(Message, texts))


def _sums_to_one(x: Array, what: str = N_("every row of weights sums to 1")) -> Check:
    return Check(Message(what), x.sum(-1), np.ones(x.shape[:-1]))


STEPS = (
    Row(one_pair, (Specials.sources, Specials.targets, Translation.loss, cross_entropy)),
    Row(both_directions, (EncoderBlock, attention, padding_mask, causal_mask)),
    Row(by_hand, (CrossAttention, attention)),
    Row(greedy_decoding, (greedy, Translation.decode)),
    Row(attention_map, (Translation.attend, CrossAttention.weights)),
    Row(teacher_forcing, (Translation.loss, cross_entropy)),
    Row(without_source, (Translation.encode, Translation.decode)),
    Row(hidden, (padding_mask, Translation.decode)),
    Row(beams, (beam_search, length_factor)),
    Row(beyond, (norm, FeedForward)),
)
"""In the order of the documents."""
