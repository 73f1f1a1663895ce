r"""What comes out of a GPT, and what it is made of: losses by position, a text, parameters; the lens, and the rest.

.. math:: L_t = -\frac1N \sum_n \log p(x^n_{t+1} \mid x^n_1, \dots, x^n_t), \qquad
          p_l = \mathrm{softmax}\left(W_{\mathrm{head}}\, \mathrm{norm}(x_l)\right)

Arrays: ``by_position`` (P,), mean loss in nats of the token that follows 1, 2, … others; ``summary`` (2, groups + 1),
means and standard errors of groups of positions, and of the first less the last; ``logits`` (V,) after the sentence;
``drawn`` (M,), probabilities of the tokens that were drawn; ``filters`` (settings, 3), tokens kept, largest probability
and entropy in nats; ``counts``, parameters by their place; ``actual`` (S, T − 1), the probability that stage S of the
stream gives to the token that follows; ``top`` (S, T), the likeliest token's id; ``top_probability``; ``settled``
(T,), the first stage from which on the likeliest token stays the final one.

Sources: Shannon 1951, *Prediction and Entropy of Printed English*; Holtzman et al. 2020 (top-p); nostalgebraist 2020,
*interpreting GPT: the logit lens*; Belrose et al. 2023, section 2 (what it cannot show); Roy et al. 2021 (local
attention); Su et al. 2021 (rotary positions); Henry et al. 2020 (QK-norm); So et al. 2021 (squared ReLU).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olaria.families.gpt import GPTConfig
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Check
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Choice, Control, Curve, Heat, NextToken, Plot, Table
from olaria.lessons.gpt.scene import Ids, Scene
from olaria.lessons.gpt.ways import Way
from olaria.lessons.live import prompt
from olaria.sampling.autoregressive import SamplingConfig

Values = dict[str, Any]

WINDOWS_BY_HAND = 2
"""Whose logits are computed again; the losses are, of all."""
GAINS = (0.1, 0.5, 1.0)
"""Between the answers to what a longer past is worth, in nats."""
FILTERS: tuple[tuple[str, SamplingConfig], ...] = (
    (N_("unchanged"), SamplingConfig()),
    (N_("temperature {x}"), SamplingConfig(temperature=0.5)),
    (N_("temperature {x}"), SamplingConfig(temperature=2.0)),
    (N_("top-k {x}"), SamplingConfig(top_k=5)),
    (N_("top-p {x}"), SamplingConfig(top_p=0.9)),
    (N_("min-p {x}"), SamplingConfig(min_p=0.1)),
)
"""Each changes one thing."""
PLACES = {
    "embedding": N_("embedding of the tokens"),
    "positions": N_("embedding of the positions"),
    "attention": N_("attention"),
    "feed_forward": N_("feed-forward"),
    "norm": N_("the norms"),
    "head": N_("head"),
}


# -- the loss by position --------------------------------------------------------------------------


def by_position(scene: Scene, way: Way) -> Values:
    """How much the tokens before help: loss after 1, 2, … of them, on windows of the validation text."""
    x, y = scene.windows
    nats = way.nats(scene.window_logits.double().numpy(), y.numpy())  # (N, P)
    bins = octaves(nats.shape[1])
    groups = np.column_stack([nats[:, first - 1 : last].mean(1) for first, last in bins])
    groups = np.column_stack((groups, groups[:, 0] - groups[:, -1]))
    spread = groups.std(0, ddof=1) if len(x) > 1 else np.full(groups.shape[1], np.nan)
    means, errors = groups.mean(0), spread / math.sqrt(len(x))
    centres = np.array([(first + last) / 2 for first, last in bins])
    single = nats.mean(0)
    curves = [
        Curve(Message(N_("each position")), np.arange(1.0, len(single) + 1), single, "points")
    ]
    if len(bins) > 1:
        curves.append(Curve(Message(N_("groups of positions")), centres, means[:-1]))
    names = [str(a) if a == b else f"{a}–{b}" for a, b in bins]
    headings = (
        N_("tokens read"),
        N_("mean loss, nats per token"),
        N_("standard error, nats per token"),
    )
    rows = tuple(zip(names, means[:-1].tolist(), errors[:-1].tolist(), strict=True))
    model_gain = scene.window_gain(bins[-1][0])
    helps, harms = model_gain[0] > 2 * model_gain[1], model_gain[0] < -2 * model_gain[1]
    return {
        "count": len(x),
        "first": means[0],
        "last": means[-2],
        "gain": means[-1],
        "error": errors[-1],
        "from": bins[-1][0],
        "to": bins[-1][1],
        "helps": helps,
        "harms": harms,
        "unclear": not (helps or harms),
        "evaluated": loss_beside(scene.asked.run, y.numel(), 2),
        "answer": int(np.searchsorted(GAINS, model_gain[0])),
        "by_position": single,
        "summary": np.stack((means, errors)),
        "windows": way.logits(x[:WINDOWS_BY_HAND].numpy()),
        "plot": Plot(
            "",
            tuple(curves),
            Message(N_("tokens read")),
            Message(N_("loss, nats per token")),
        ),
        "table": Table("", tuple(map(Message, headings)), rows, digits=3),
    }


def octaves(count: int) -> list[tuple[int, int]]:
    """Positions 1 … count in groups that double: first and last of each.

    >>> octaves(12)
    [(1, 1), (2, 2), (3, 4), (5, 8), (9, 12)]
    """
    ends = [2**k for k in range((count - 1).bit_length())] + [count]
    return [(before + 1, end) for before, end in zip([0, *ends], ends, strict=False)]


# -- the loop --------------------------------------------------------------------------------------


def generation(scene: Scene, way: Way) -> Values:
    """The tokens that the model drew one after the other, and what settings would have left to draw from."""
    ids, drawn = scene.continued
    start = len(ids) - drawn
    p = way.probabilities(way.logits(ids[:-1])[start - 1 :])  # (M, V): attention is causal
    taken, best = ids[start:], scene.greedy
    chances = p[np.arange(drawn), taken]
    rows = tuple(
        (
            number + 1,
            _end_of(scene, ids[: start + number]),
            name,
            float(p[number, top]),
            mine,
            float(chance),
        )
        for number, (top, name, mine, chance) in enumerate(
            zip(best, scene.spell(best), scene.spell(taken), chances, strict=True)
        )
    )
    headings = (
        N_("pass"),
        N_("end of the text so far"),
        N_("likeliest token"),
        N_("its probability"),
        N_("drawn token"),
        N_("probability of the drawn token"),
    )
    logits = way.logits(scene.ids)[-1]
    filters = np.array([way.left_over(logits, config) for _, config in FILTERS])
    columns = (N_("setting"), N_("tokens kept"), N_("largest probability"), N_("entropy, nats"))
    greedy = int((taken == best).sum())
    return {
        "drawn_count": drawn,
        "seed": scene.asked.seed,
        "greedy": greedy,
        "text": "".join(scene.spell(taken)),
        "context": scene.model.context,
        "sharp": filters[1, 2],
        "plain": filters[0, 2],
        "flat": filters[2, 2],
        "cold": FILTERS[1][1].temperature,
        "hot": FILTERS[2][1].temperature,
        "k": FILTERS[3][1].top_k,
        "top_p": FILTERS[4][1].top_p,
        "nucleus": int(filters[4, 0]),
        "answer": 0 if greedy == drawn else 1 if greedy else 2,
        "logits": logits,
        "drawn": chances,
        "filters": filters,
        "loop": Table("", tuple(map(Message, headings)), rows, digits=3),
        "next_token": NextToken("", tuple(scene.spell(np.arange(len(logits)))), logits),
        "live": prompt(
            scene.asked, scene.read.sentence.text, scene.names, scene.spell(taken), chances
        ),
        "table": Table(
            "",
            tuple(map(Message, columns)),
            tuple(
                (_setting(name, config), int(kept), float(most), float(entropy))
                for (name, config), (kept, most, entropy) in zip(FILTERS, filters, strict=True)
            ),
            digits=3,
        ),
    }


def _end_of(scene: Scene, ids: Ids) -> str:
    return "…" + "".join(scene.spell(ids[-6:]))


def _setting(name: str, config: SamplingConfig) -> Message:
    changed = [*config.model_dump(exclude_defaults=True).values()]
    return Message(name, {"x": Number(float(changed[0]))} if changed else {})


# -- parameters ------------------------------------------------------------------------------------


def parameters(scene: Scene, way: Way) -> Values:
    """How many there are, by their place."""
    counts, config = way.parameters(), scene.model.config
    total, kinds = sum(counts.values()), [kind for kind in PLACES if kind in counts]
    answers = (
        counts["embedding"] + counts.get("positions", 0) + counts.get("head", 0),
        counts.get("attention", 0),
        counts.get("feed_forward", 0),
    )
    width, heads = config.width, config.num_heads
    return {
        "total": total,
        "layers": config.num_layers,
        "width": width,
        "heads": heads,
        "several": heads > 1,
        "size": width // heads,
        "attention_each": counts.get("attention", 0) // config.num_layers,
        "feed_each": counts.get("feed_forward", 0) // config.num_layers,
        "whole": scene.has("feed-forward"),
        "attends": scene.has("head"),
        "tied": "head" not in counts,
        "vocab": scene.vocab_size,
        "embedding": counts["embedding"],
        "answer": int(np.argmax(answers)),
        "counts": np.array([counts[kind] for kind in kinds]),
        "figure": Bars(
            "",
            tuple(Message(PLACES[kind]) for kind in kinds),
            ((Message(N_("parameters")), np.array([counts[kind] for kind in kinds])),),
        ),
        "checks": (
            Check(
                Message(N_("parameters of the model, counted tensor by tensor")),
                total,
                sum(weight.numel() for weight in scene.model.parameters()),
            ),
        ),
    }


# -- the lens --------------------------------------------------------------------------------------


def logit_lens(scene: Scene, way: Way) -> Values:
    """What could be read from the stream after a few of the layers."""
    top, following = scene.lens_top, scene.ids[1:]
    p = np.stack([way.probabilities(way.read_off(stage)) for stage in scene.stages])  # (S, T, V)
    places = np.arange(len(following))
    actual, likeliest = p[:, places, following], np.take_along_axis(p, top[..., None], -1)[..., 0]
    settled = settled_at(top)
    stages = tuple(
        Message(N_("layer {layer}"), {"layer": stage}) if stage else Message(N_("embedding"))
        for stage in scene.stages
    )
    headings = (
        N_("stream after"),
        N_("likeliest token"),
        N_("its probability"),
        N_("probability of the real next one"),
    )
    spelt = [scene.spell(row) for row in top]
    figures = tuple(
        Table(
            "",
            tuple(map(Message, headings)),
            tuple(
                (stage, spelt[s][t], float(likeliest[s, t]), float(actual[s, t]))
                for s, stage in enumerate(stages)
            ),
            digits=3,
        )
        for t in places
    )
    labels = tuple(f"{t + 1}·{scene.names[t]}→{scene.names[t + 1]}" for t in places)
    early = int((settled < len(stages) - 1).sum())
    return {
        "first": actual[0].mean(),
        "last": actual[-1].mean(),
        "early": early,
        "count": len(settled),
        "answer": 0 if early > len(settled) / 2 else 1,
        "actual": actual,
        "top": top,
        "top_probability": likeliest,
        "settled": settled,
        "heat": Heat(
            "",
            actual,
            stages,
            scene.names[1:],
            Message(N_("stage")),
            Message(N_("next token")),
        ),
        "tables": Choice(
            "", (Control(Message(N_("position")), labels, "slider", len(labels) - 1),), figures
        ),
    }


def settled_at(top: Ids) -> Ids:
    """First stage from which on the likeliest token (stages, T) is the final one, (T,).

    >>> settled_at(np.array([[1, 5], [2, 6], [1, 6]])).tolist()
    [2, 1]
    """
    differs = top != top[-1]
    last_difference = len(top) - 1 - differs[::-1].argmax(0)
    return np.where(differs.any(0), last_difference + 1, 0)


# -- beyond the textbook ---------------------------------------------------------------------------


def beyond(scene: Scene, way: Way) -> Values:
    """The run's own form beside that of the textbook, and how far back it reads."""
    context, config = scene.model.context, scene.model.config
    allowed, layers = way.allowed(context), config.num_layers
    reach = allowed[-1]
    for _ in range(layers - 1):
        reach = reach @ allowed
    one, all_layers = int(allowed[-1].sum()), int(reach.sum())
    is_gpt, is_local = isinstance(config, GPTConfig), scene.chunk is not None
    is_gpt2 = not is_gpt and scene.has("gpt")
    headings = (N_("part of the model"), N_("textbook"), N_("your model"))
    return {
        "fast": is_gpt,
        "gpt2": is_gpt2,
        "lower": not (is_gpt or is_gpt2),
        "local": is_local,
        "causal": is_gpt and not is_local,
        "chunk": scene.chunk or context,
        "context": context,
        "layers": layers,
        "one": one,
        "reach": all_layers,
        "score": max(layer.score for layer in way.layers),
        "bound": math.sqrt(config.width / config.num_heads),
        "answer": (0 if all_layers == one else 2 if all_layers == context else 1)
        if is_local
        else None,
        "reaches": np.array([one, all_layers]),
        "scores": np.array([layer.score for layer in way.layers]),
        "table": Table(
            "",
            tuple(map(Message, headings)),
            tuple(
                tuple(map(Message, row))
                for row in (_of_gpt(is_local) if is_gpt else _of_ladder(scene))
            ),
        ),
    }


_POSITIONS = N_("position information"), N_("a vector added to each token's")
_NORM = N_("norm before each sublayer"), N_("layer norm")
_ATTENDED = N_("attended to"), N_("all earlier tokens")
_ACTIVATION = N_("activation"), N_("ReLU or GELU")
_RESIDUAL = N_("output of a sublayer"), N_("is added to the stream")
_HEADS = N_("attention heads"), N_("several heads")
_SAME = N_("as in the textbook")


def _of_gpt(is_local: bool) -> tuple[tuple[str, str, str], ...]:
    local = N_("its own chunk and the one before")
    return (
        (*_ATTENDED, local if is_local else _SAME),
        (*_POSITIONS, N_("queries and keys are rotated by their position")),
        (*_NORM, N_("root mean square, without weights")),
        (N_("queries and keys"), N_("compared as they are"), N_("normed before they are compared")),
        (*_ACTIVATION, N_("squared ReLU")),
        (N_("logits"), N_("as the head gives them"), N_("kept within ±15")),
    )


def _of_ladder(scene: Scene) -> tuple[tuple[str, str, str], ...]:
    none, has = N_("there is none"), scene.has
    attended = N_("all earlier tokens, each with the same weight")
    activation = N_("GELU") if has("gpt") else N_("ReLU")
    return (
        (*_POSITIONS, _SAME),
        (*_ATTENDED, _SAME if has("head") else attended),
        (*_HEADS, _SAME if has("multi-head") else N_("one head") if has("head") else none),
        (*_ACTIVATION, activation if has("feed-forward") else none),
        (*_RESIDUAL, _SAME if has("residual") else N_("replaces it")),
        (*_NORM, _SAME if has("norm") else none),
        (
            N_("head"),
            N_("a matrix of its own, or the embedding"),
            N_("the embedding") if has("gpt") else N_("a matrix of its own"),
        ),
    )
