r"""What the lesson of averaging is computed from: a sentence as a run's first layer reads it, and how it is shown.

Source: Vaswani et al. 2017, equation 1, masked as in section 3.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Asked
from olaria.lessons.figures import Heat, Table, Words
from olaria.lessons.inside import open_language
from olaria.lessons.texts import Sentence, labels_of, sentence_of
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn.averaging import average_by_attention

SHOWN_DIMENSIONS = 12
TABLE_DIMENSIONS = 8
VERSIONS = (
    N_("1: loops"),
    N_("2: matrix product"),
    N_("3: softmax"),
    N_("4: self-attention"),
)


@dataclass(frozen=True)
class Scene:
    """A sentence as the first layer of a run reads it, and the weights of its first head.

    Args:
        model: of the run.
        sentence: the user's.
        x: what the layer reads, (1, T, C).
        query: (C, D).
        key: (C, D).
        value: (C, D).
        own_weights: of the run's own first head, (T, T); None where it has none, so that the matrices are drawn.
        seed: of what is drawn.
    """

    model: GPT | LanguageModel
    sentence: Sentence
    x: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    own_weights: Tensor | None
    seed: int

    @property
    def length(self) -> int:
        """T."""
        return self.x.shape[1]

    @property
    def labels(self) -> tuple[str, ...]:
        """The tokens as names of rows."""
        return labels_of(self.sentence.tokens)

    @property
    def exact(self) -> tuple[Array, Array, Array, Array]:
        """x, query, key and value in float64, without a batch."""
        parts = (self.x[0], self.query, self.key, self.value)
        x, query, key, value = (np.asarray(part.double().numpy()) for part in parts)
        return x, query, key, value

    def attend(self, x: Tensor, factor: float = 1.0) -> Tensor:
        """Version 4 of some x, (1, T, C), with queries of a different size; (1, T, D)."""
        return average_by_attention(x, factor * self.query, self.key, self.value)


def scene_of(asked: Asked) -> Scene:
    """Open the run on the sentence."""
    model, sentence = asked.run.model(), sentence_of(asked)
    assert isinstance(model, GPT | LanguageModel)
    inside = open_language(model, sentence.ids).layers[0]
    x = inside.normed[None]
    width, num_heads = model.config.width, model.config.num_heads
    size = width // num_heads
    if inside.look is None:
        drawn = torch.randn(3, width, width, generator=Generator().manual_seed(asked.seed))
        query, key, value = drawn / width**0.5
        return Scene(model, sentence, x, query, key, value, None, asked.seed)
    rows = model.blocks[0].get_parameter("qkv.weight").detach().chunk(3)
    query, key, value = (part[:size].T for part in rows)
    return Scene(model, sentence, x, query, key, value, inside.look.weights()[0], asked.seed)


# -- what is shown, and the means again for the checks ------------------------------------------------


def vectors(scene: Scene, values: Array, caption: Message) -> Heat:
    """Vectors of the positions, (T, C), as a figure of their first numbers."""
    shown = min(SHOWN_DIMENSIONS, values.shape[1])
    return Heat(
        caption,
        values[:, :shown],
        scene.labels,
        tuple(str(j) for j in range(shown)),
        Message(N_("position")),
        Message(
            N_("number of the vector, the first {count} of {width}"),
            {"count": shown, "width": values.shape[1]},
        ),
        signed=True,
    )


def equal_table(caption: Message, columns: Sequence[tuple[str, Array]], digits: int = 6) -> Table:
    """The first numbers of the last position, for versions that say they are equal."""
    rows = list[tuple[Words | float | int, ...]]()
    for j in range(min(TABLE_DIMENSIONS, columns[0][1].shape[1])):
        rows.append((j, *(float(values[-1, j]) for _, values in columns)))
    heads = (Message(N_("number")), *(Message(name) for name, _ in columns))
    return Table(caption, heads, tuple(rows), digits, tuple(range(1, len(heads))))


def weights_heat(scene: Scene, weights: Array, caption: Message) -> Heat:
    """Weights of each position on each, (T, T), as a figure."""
    taking, giving = Message(N_("position that takes")), Message(N_("position that gives"))
    return Heat(caption, weights, scene.labels, scene.labels, taking, giving)


def units(count: int) -> Tensor:
    """The unit vectors, (1, T, T): their weighted means are the weights."""
    return torch.eye(count)[None]


def means_again(scene: Scene) -> Array:
    """The means of what was seen, as running sums, (T, C)."""
    x = scene.exact[0]
    means: Array = np.cumsum(x, 0) / np.arange(1, len(x) + 1)[:, None]
    return means
