r"""What comes out of a GPT, and what it is made of: losses by position, a text, parameters; the lens, and the rest.

.. math:: L_t = -\frac1N \sum_n \log p(x^n_{t+1} \mid x^n_1, \dots, x^n_t), \qquad
          p_l = \mathrm{softmax}\left(W_{\mathrm{head}}\, \mathrm{norm}(x_l)\right)

Arrays: ``by_position`` (P,), mean loss in nats of the token that follows 1, 2, … others; ``summary`` (2, groups + 1),
means and standard errors of groups of positions, and of the first less the last; ``logits`` (V,) after the sentence;
``drawn`` (M,), probabilities of the tokens that were drawn; ``actual`` (S, T − 1), the probability that stage S of the
stream gives to the token that follows;
``reaches`` (2,), tokens that the last position gets information from through one layer and through all; ``scores``
(L,), the largest of each layer.

Sources: Shannon 1951, *Prediction and Entropy of Printed English*; Holtzman et al. 2020 (top-p); nostalgebraist 2020,
*interpreting GPT: the logit lens*; Belrose et al. 2023, section 2 (what it cannot show); Roy et al. 2021 (local
attention); Su et al. 2021 (rotary positions); Henry et al. 2020 (QK-norm); So et al. 2021 (squared ReLU).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from olaria.families.gpt import GPTConfig
from olaria.families.language import Rung
from olaria.i18n import N_, Message
from olaria.lessons.base import Check
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Curve, Heat, NextToken, Plot, Table
from olaria.lessons.gpt.scene import Scene
from olaria.lessons.gpt.ways import Way
from olaria.lessons.live import prompt, typed
from olaria.sampling.autoregressive import SamplingConfig

Values = dict[str, Any]

WINDOWS_BY_HAND = 2  # whose logits are computed again; the losses are, of all
GAINS = (0.1, 0.5, 1.0)
"""Between the answers to what a longer past is worth, in nats."""
SHARP, FLAT = SamplingConfig(temperature=0.5), SamplingConfig(temperature=2.0)
NUCLEUS = SamplingConfig(top_p=0.9)
PLACES = {
    "embedding": N_("embedding of the tokens"),
    "positions": N_("embedding of the positions"),
    "attention": N_("attention"),
    "feed": N_("feed-forward"),
    "norm": N_("the norms"),
    "head": N_("output head"),
}
TEXTBOOK = {
    "attended": (N_("attended to"), N_("all earlier tokens")),
    "heads": (N_("attention heads"), N_("several heads")),
    "positions": (N_("position information"), N_("a vector added to each token's")),
    "norm": (N_("norm before each sublayer"), N_("layer norm")),
    "keys": (N_("queries and keys"), N_("compared as they are")),
    "activation": (N_("activation"), N_("ReLU or GELU")),
    "output": (N_("output of a sublayer"), N_("is added to the stream")),
    "logits": (N_("logits"), N_("as the head gives them")),
}
"""Parts of the textbook's model."""
LACKING: tuple[tuple[Rung, str, str], ...] = (
    ("head", "attended", N_("all earlier tokens, each with the same weight")),
    ("multi-head", "heads", N_("one head")),
    ("head", "heads", N_("there is none")),
    ("head", "keys", N_("there is none")),
    ("feed-forward", "activation", N_("there is none")),
    ("residual", "output", N_("replaces it")),
    ("norm", "norm", N_("there is none")),
)
"""What stands in place of a part of the textbook's below a rung of the ladder."""
FAST = {
    "positions": N_("queries and keys are rotated by their position"),
    "norm": N_("root mean square, without weights"),
    "keys": N_("normed before they are compared"),
    "activation": N_("squared ReLU"),
    "logits": N_("kept within ±15"),
}
"""What the fast GPT has instead."""


def by_position(scene: Scene, way: Way) -> Values:
    """How much the tokens before help: loss after 1, 2, … of them, on windows of the validation text."""
    x, y, logits = scene.windows
    nats = way.nats(logits, y)  # (N, P)
    bins = octaves(nats.shape[1])
    groups = np.column_stack([nats[:, first - 1 : last].mean(1) for first, last in bins])
    groups = np.column_stack((groups, groups[:, 0] - groups[:, -1]))
    spread = groups.std(0, ddof=1) if len(x) > 1 else np.full(groups.shape[1], np.nan)
    means, errors, single = groups.mean(0), spread / math.sqrt(len(x)), nats.mean(0)
    centres = np.array([(first + last) / 2 for first, last in bins])
    curves = [Curve(Message(N_("each position")), np.arange(1.0, y.shape[1] + 1), single, "points")]
    if len(bins) > 1:
        curves.append(Curve(Message(N_("groups of positions")), centres, means[:-1]))
    gain, is_clear = means[-1], abs(means[-1]) > 2 * errors[-1]
    labels = Message(N_("tokens read")), Message(N_("loss, nats per token"))
    return {
        "count": len(x),
        "first": means[0],
        "last": means[-2],
        "gain": gain,
        "error": errors[-1],
        "from": bins[-1][0],
        "to": bins[-1][1],
        "helps": is_clear and gain > 0,
        "harms": is_clear and gain < 0,
        "unclear": not is_clear,
        "evaluated": loss_beside(scene.asked.run, y.size, 2),
        "answer": int(np.searchsorted(GAINS, gain)),
        "by_position": single,
        "summary": np.stack((means, errors)),
        "windows": way.logits(x[:WINDOWS_BY_HAND]),
        "plot": Plot("", tuple(curves), *labels),
    }


def octaves(count: int) -> list[tuple[int, int]]:
    """Positions 1 … count in groups that double: first and last of each.

    >>> octaves(12)
    [(1, 1), (2, 2), (3, 4), (5, 8), (9, 12)]
    """
    ends = [2**k for k in range((count - 1).bit_length())] + [count]
    return [(before + 1, end) for before, end in zip([0, *ends], ends, strict=False)]


def generation(scene: Scene, way: Way) -> Values:
    """The tokens that the model drew one after the other, and what settings would have left to draw from."""
    ids, best = scene.continued
    drawn, start = len(best), len(ids) - len(best)
    taken, passes = ids[start:], np.arange(drawn)
    p = way.probabilities(way.logits(ids[:-1])[start - 1 :])  # (M, V): attention is causal
    chances = p[passes, taken]
    ends = ["…" + "".join(scene.spell(ids[: start + number][-6:])) for number in passes]
    spelt = scene.spell(best), p[passes, best].tolist(), scene.spell(taken), chances.tolist()
    headings = (
        N_("pass"),
        N_("end of the text so far"),
        N_("likeliest token"),
        N_("its probability"),
        N_("drawn token"),
        N_("probability of the drawn token"),
    )
    logits = way.logits(scene.ids)[-1]
    plain, sharp, flat, nucleus = (
        way.left_over(logits, config) for config in (SamplingConfig(), SHARP, FLAT, NUCLEUS)
    )
    greedy = int((taken == best).sum())
    return {
        "drawn_count": drawn,
        "seed": scene.asked.seed,
        "greedy": greedy,
        "text": "".join(scene.spell(taken)),
        "context": scene.model.context,
        "sharp": sharp[1],
        "plain": plain[1],
        "flat": flat[1],
        "cold": SHARP.temperature,
        "hot": FLAT.temperature,
        "top_p": NUCLEUS.top_p,
        "nucleus": nucleus[0],
        "answer": 0 if greedy == drawn else 1 if greedy else 2,
        "logits": logits,
        "drawn": chances,
        "loop": _table(headings, zip((passes + 1).tolist(), ends, *spelt, strict=True)),
        "next_token": NextToken("", tuple(scene.spell(np.arange(len(logits)))), logits),
        "live": prompt(
            scene.asked, scene.read.sentence.text, scene.read.names, scene.spell(taken), chances
        ),
    }


def parameters(scene: Scene, way: Way) -> Values:
    """How many there are, by their place."""
    counts, config = way.parameters(), scene.model.config
    attention, feed = counts.get("attention", 0), counts.get("feed", 0)
    tables = counts["embedding"] + counts.get("positions", 0) + counts.get("head", 0)
    kinds = [kind for kind in PLACES if kind in counts]
    sizes = np.array([counts[kind] for kind in kinds])
    names, total = tuple(Message(PLACES[kind]) for kind in kinds), sum(counts.values())
    text = Message(N_("parameters of the model, counted tensor by tensor"))
    return {
        "total": total,
        **scene.facts,
        "heads": config.num_heads,
        "several": config.num_heads > 1,
        "size": config.width // config.num_heads,
        "attention_each": attention // config.num_layers,
        "feed_each": feed // config.num_layers,
        "whole": scene.has("feed-forward"),
        "embedding": counts["embedding"],
        "answer": int(np.argmax((tables, attention, feed))),
        "figure": Bars("", names, ((Message(N_("parameters")), sizes),)),
        "checks": (Check(text, total, sum(w.numel() for w in scene.model.parameters())),),
    }


def logit_lens(scene: Scene, way: Way) -> Values:
    """What could be read from the stream after a few of the layers."""
    top, following, place = scene.lens_top, scene.ids[1:], scene.place
    p = np.stack([way.probabilities(way.read_off(stage)) for stage in scene.stages])  # (S, T, V)
    actual = p[:, np.arange(len(following)), following]
    likeliest = np.take_along_axis(p[:, place], top[:, place, None], 1)[:, 0]
    early = int((top[-2] == top[-1]).sum())
    stages = tuple(
        Message(N_("layer {layer}"), {"layer": stage}) if stage else Message(N_("embedding"))
        for stage in scene.stages
    )
    spelt, names = scene.spell(top[:, place]), scene.read.names
    rows = zip(stages, spelt, likeliest.tolist(), actual[:, place].tolist(), strict=True)
    headings = (
        N_("stream after"),
        N_("likeliest token"),
        N_("its probability"),
        N_("probability of the real next one"),
    )
    titles = Message(N_("stage")), Message(N_("next token"))
    return {
        "first": actual[0].mean(),
        "last": actual[-1].mean(),
        "early": early,
        "count": top.shape[1],
        **scene.facts,
        "answer": 0 if early > top.shape[1] / 2 else 1,
        "actual": actual,
        "heat": typed(
            "lens",
            (scene.asked.run,),
            scene.read.sentence.text,
            Heat("", actual, stages, names[1:], *titles),
        ),
        "table": _table(headings, rows),
    }


def beyond(scene: Scene, way: Way) -> Values:
    """The run's own form beside that of the textbook, and how far back it reads."""
    context, config, is_local = scene.model.context, scene.model.config, scene.chunk is not None
    allowed = way.allowed(context)
    reach = allowed[-1]
    for _ in range(config.num_layers - 1):
        reach = reach @ allowed
    one, every = int(allowed[-1].sum()), int(reach.sum())
    scores = np.array([part["score"] for part in way.layers if "score" in part])
    is_fast = isinstance(config, GPTConfig)
    headings = N_("part of the model"), N_("textbook"), N_("your model")
    own = {part: other for rung, part, other in LACKING if not scene.has(rung)}
    if is_fast:
        own = FAST | ({"attended": N_("its own chunk and the one before")} if is_local else {})
    same = N_("as in the textbook")
    rows = ((*texts, own.get(part, same)) for part, texts in TEXTBOOK.items())
    return {
        **scene.facts,
        "local": is_local,
        "causal": is_fast and not is_local,
        "chunk": scene.chunk or context,
        "one": one,
        "reach": every,
        "score": scores.max(initial=0.0),
        "bound": math.sqrt(config.width / config.num_heads),
        "answer": (0 if every == one else 2 if every == context else 1) if is_local else None,
        "reaches": np.array([one, every]),
        "scores": scores,
        "table": Table(
            "", tuple(map(Message, headings)), tuple(tuple(map(Message, row)) for row in rows)
        ),
    }


def _table(headings: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Table:
    return Table("", tuple(map(Message, headings)), tuple(rows), digits=3)
