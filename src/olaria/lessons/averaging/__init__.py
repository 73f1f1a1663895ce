r"""The averaging trick in four versions, on the user's sentence: from loops to self-attention.

.. math:: y_t = \frac{1}{t + 1} \sum_{s \le t} x_s \quad\longrightarrow\quad
          y_t = \sum_{s \le t} w_{ts} v_s, \qquad w_t = \operatorname{softmax}\left(q_t k_s / \sqrt D\right)_{s \le t}

The versions are those of :mod:`olaria.nn.averaging`; x is what the first layer of the run reads of the sentence, and
the fourth version has the weights of its first head.

Arrays of the steps: ``x``, (T, C); ``means`` of a version, (T, C), and their root mean squares, ``lengths``, (T,);
``weights``, (T, T), a row for each position that takes; and those of :mod:`olaria.lessons.averaging.attention`.

Source: Vaswani et al. 2017, equation 1, masked as in section 3.2.3.
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons.averaging.attention import (
    attention_step,
    between_step,
    causal_step,
    time_step,
)
from olaria.lessons.averaging.scene import (
    VERSIONS,
    Scene,
    equal_table,
    means_again,
    scene_of,
    units,
    vectors,
    weights_heat,
)
from olaria.lessons.base import Array, Asked, Check, Lesson, Step, numbers
from olaria.lessons.by_numpy.transformers import layer_norm, rms, weights_of
from olaria.lessons.figures import Choice, Control
from olaria.models.gpt import GPT
from olaria.nn.attention import causal_mask
from olaria.nn.averaging import average_by_loops, average_by_product, average_by_softmax

# -- the sentence, and its means -----------------------------------------------------------------------


def vectors_step(scene: Scene) -> Step:
    """What the first layer reads."""
    x = numbers(scene.x[0])
    return Step(
        Message(N_("A vector for each token")),
        Message(
            _vector_words(scene),
            {"count": scene.length, "width": x.shape[1]},
        ),
        r"x_1, x_2, \ldots, x_T \in \mathbb{R}^C",
        (vectors(scene, x, Message(N_("What the first layer reads of the sentence."))),),
        {"x": x},
        (type(scene.model).continue_from,),
        (
            Check(
                Message(N_("the vectors, from the raw weights in float64")),
                x,
                _vectors_again(scene),
            ),
        ),
        notes=scene.sentence.notes,
    )


def _vector_words(scene: Scene) -> str:
    if isinstance(scene.model, GPT):
        return N_(
            "The run looks each of the {count} tokens up in its table and scales the row to a mean square of one: "
            "{count} vectors of {width} numbers. So far each knows its own token alone. How can it come to know what "
            "stands before it? By a mean."
        )
    if scene.model.config.has("norm"):
        return N_(
            "The run adds a vector of its position to each of the {count} tokens' embeddings and normalises the sum: "
            "{count} vectors of {width} numbers. So far each knows its own token and place alone. How can it come to "
            "know what stands before it? By a mean."
        )
    return N_(
        "The run adds a vector of its position to each of the {count} tokens' embeddings: {count} vectors of {width} "
        "numbers. So far each knows its own token and place alone. How can it come to know what stands before it? By a "
        "mean."
    )


def _vectors_again(scene: Scene) -> Array:
    weights, ids = weights_of(scene.model), scene.sentence.ids.numpy()
    x: Array = weights["embedding.weight"][ids]
    if isinstance(scene.model, GPT):
        return rms(rms(x))  # once on entering, once more by the first block
    x = x + weights["positions.weight"][: len(ids)]
    if "blocks.0.norm_1.weight" in weights:
        x = layer_norm(weights, "blocks.0.norm_1", x)
    return x


def loops_step(scene: Scene) -> Step:
    """Version 1."""
    means = numbers(average_by_loops(scene.x)[0])
    lengths = np.sqrt((means**2).mean(1))
    again = means_again(scene)
    return Step(
        Message(N_("Version 1: loops")),
        Message(
            N_(
                "Each position takes the mean of all vectors up to its own: the first keeps its own, the last is a "
                "mean of {count}. It is memory of the simplest kind, and it blurs: the root mean square of a vector "
                "goes from {first} at the first position to {last} at the last, where all the sentence counts alike."
            ),
            {
                "count": scene.length,
                "first": Number(float(lengths[0]), 2),
                "last": Number(float(lengths[-1]), 2),
            },
        ),
        r"y_t = \frac{1}{t} \sum_{s=1}^{t} x_s",
        (vectors(scene, means, Message(N_("The means, one for each position."))),),
        {"means": means, "lengths": lengths},
        (average_by_loops,),
        (
            Check(Message(N_("the means, as running sums in float64")), means, again),
            Check(
                Message(N_("their root mean squares, in float64")),
                lengths,
                np.sqrt((again**2).mean(1)),
            ),
        ),
    )


# -- the same by other means ---------------------------------------------------------------------------


def product_step(scene: Scene) -> Step:
    """Version 2: equal to version 1, with its weights in a matrix."""
    loops, product = (numbers(f(scene.x)[0]) for f in (average_by_loops, average_by_product))
    weights = numbers(average_by_product(units(scene.length))[0])
    return Step(
        Message(N_("Version 2: a matrix product")),
        Message(
            N_(
                "The same means are one product: row $t$ of the matrix $W$ holds the weights of the mean at $t$, equal "
                "up to $t$ and zero after it. Over all {count} numbers both versions differ by {apart} at most, which "
                "is rounding. Nothing loops any more, and what is still to be chosen is the matrix."
            ),
            {"count": loops.size, "apart": Number(float(np.abs(product - loops).max()))},
        ),
        r"Y = W X, \qquad W_{ts} = \frac{1}{t} \; (s \leq t), \quad W_{ts} = 0 \; (s > t)",
        (
            weights_heat(
                scene, weights, Message(N_("The weights W: who is averaged, and how much."))
            ),
            equal_table(
                Message(N_("The mean at the last position: both columns are the same numbers.")),
                [(VERSIONS[0], loops), (VERSIONS[1], product)],
            ),
        ),
        {"weights": weights, "means": product},
        (average_by_product,),
        (
            Check(
                Message(N_("version 2, as running sums in float64")), product, means_again(scene)
            ),
            Check(Message(N_("version 1, as running sums in float64")), loops, means_again(scene)),
            Check(
                Message(N_("the weights, one by one: one over the number of tokens so far")),
                weights,
                [[(s <= t) / (t + 1) for s in range(scene.length)] for t in range(scene.length)],
            ),
        ),
    )


def softmax_step(scene: Scene) -> Step:
    """Version 3: equal again, with the weights made of scores."""
    versions = (average_by_loops, average_by_product, average_by_softmax)
    means = [numbers(version(scene.x)[0]) for version in versions]
    weights = numbers(average_by_softmax(units(scene.length))[0])
    scores = numbers(causal_mask(scene.length, scene.length))
    seen = np.where(np.isfinite(scores), scores, np.nan)
    apart = max(float(np.abs(means[2] - other).max()) for other in means[:2])
    return Step(
        Message(N_("Version 3: a softmax")),
        Message(
            N_(
                "Give every pair the score 0, set the future to minus infinity and let a softmax turn each row into "
                "weights: they are those of version 2, and the means differ by {apart} at most. Why the detour? "
                "Because now a score may be anything, and still no weight is negative, each row sums to one and none "
                "sees the future."
            ),
            {"apart": Number(apart)},
        ),
        r"W = \operatorname{softmax}(0 + M), \qquad M_{ts} = -\infty \; (s > t)",
        (
            Choice(
                Message(N_("Scores become weights; an empty cell is minus infinity.")),
                (
                    Control(
                        Message(N_("shown")),
                        (Message(N_("scores")), Message(N_("weights"))),
                        "select",
                        start=1,
                    ),
                ),
                (
                    weights_heat(scene, seen, Message(N_("The scores."))),
                    weights_heat(scene, weights, Message(N_("Their softmax, row by row."))),
                ),
                (0, 1),
            ),
            equal_table(
                Message(
                    N_("The mean at the last position: all three columns are the same numbers.")
                ),
                list(zip(VERSIONS[:3], means, strict=True)),
            ),
        ),
        {"weights": weights, "means": means[2]},
        (causal_mask, average_by_softmax),
        (
            Check(
                Message(N_("all three versions, as running sums in float64")),
                np.stack(means),
                np.stack([means_again(scene)] * 3),
            ),
            Check(
                Message(N_("the weights, as exponentials over their sums")),
                weights,
                np.exp(scores) / np.exp(scores).sum(1, keepdims=True),
            ),
            Check(
                Message(N_("the scores: empty where a token lies in the future")),
                seen,
                [
                    [0.0 if s <= t else np.nan for s in range(scene.length)]
                    for t in range(scene.length)
                ],
            ),
        ),
    )


@torch.no_grad()
def steps(asked: Asked) -> tuple[Step, ...]:
    """The sentence's vectors, their mean in three equal versions, attention, what both never do, and what they cost."""
    scene = scene_of(asked)
    return (
        vectors_step(scene),
        loops_step(scene),
        product_step(scene),
        softmax_step(scene),
        attention_step(scene),
        between_step(scene),
        causal_step(scene),
        time_step(scene),
    )


LESSON = Lesson(
    title=Message(N_("The averaging trick: from loops to self-attention")),
    introduction=Message(
        N_(
            "How a position comes to know what stands before it, in four versions that grow out of each other. The "
            "first three are the same numbers; the fourth chooses."
        )
    ),
    steps=steps,
    families=("language", "gpt"),
    preset="gpt-shakespeare",
    takes_prompt=True,
)
