r"""Embeddings: the row of a table that stands for a token, and which rows have become alike.

.. math:: e_i = 1_i^\top E, \qquad \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}

E is the table that the run has learned, (rows, D). A bigram has none: the logits of what follows a token stand in for
its vector, less their mean, which the softmax does not see. Where the head is another table, its rows are compared too:
an embedding begins as noise, of which much stays, and a head often begins at zero.

Arrays of the step: ``vectors`` of the first tokens, (T, D).

Source: Mikolov et al. 2013 (vectors compared by their cosine).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olaria.data.tokens import Tokenizer
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step
from olaria.lessons.figures import Control, Heat
from olaria.lessons.texts import Sentence, labels_of, spelt
from olaria.models.base import Model
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.models.translation import Translation
from olaria.runs import Run

MOST_TOKENS = 300
"""That are set beside each other, the most frequent ones."""
LEAST_TOKENS = 4
SHOWN_TOKENS = 16
SHOWN_DIMENSIONS = 16


@dataclass(frozen=True)
class Rows:
    """A table with a row for each token.

    Args:
        title: what it is.
        weight: as the run has learned it, (rows, D).
        is_centred: whether rows are compared without their mean.
    """

    title: Message
    weight: Tensor
    is_centred: bool = False

    def vectors(self, ids: Tensor) -> Tensor:
        """Some rows as they are compared, (N, D)."""
        rows = self.weight[ids]
        return rows - rows.mean(1, keepdim=True) if self.is_centred else rows

    def exact(self, ids: Tensor) -> Array:
        """The same in float64, by other means."""
        rows: Array = self.weight[ids].double().numpy()
        return rows - rows.sum(1, keepdims=True) / rows.shape[1] if self.is_centred else rows


@dataclass(frozen=True)
class Embedding:
    """The tables of a run, and what is compared in them.

    Args:
        table: what an id picks a row of.
        views: the tables whose rows are compared: that one, and the head where it is another that has been trained.
        ids: tokens of the training text whose vectors are not zero, the most frequent first, (N,).
        names: of each of the ``ids``, as labels.
        total: numbers that the model has learned.
        num_special: rows of no token (an encoder–decoder's end, beginning and padding).
        is_bigram: whether the rows are logits.
        has_letters: whether the tokens are text, and not the codes of images.
    """

    table: nn.Embedding
    views: tuple[Rows, ...]
    ids: Tensor
    names: tuple[str, ...]
    total: int
    num_special: int
    is_bigram: bool
    has_letters: bool

    @property
    def has_head(self) -> bool:
        """Whether the head is a table of its own."""
        return len(self.views) > 1

    @property
    def width(self) -> int:
        """D."""
        return int(self.table.weight.shape[1])


def table_of(model: Model) -> nn.Embedding:
    """The table whose rows stand for tokens; of a bigram, the table of logits."""
    if isinstance(model, Bigram):
        return model.table
    assert isinstance(model, LanguageModel | GPT | Translation)
    return model.embedding


def opened(run: Run, tokenizer: Tokenizer, texts: Sequence[str]) -> Embedding:
    """The tables of a run, and which of its tokens the run has read.

    Args:
        run: of a model of language.
        tokenizer: of the run.
        texts: parts of the training text, each read alone.
    """
    model = run.model()
    table, is_bigram = table_of(model), isinstance(model, Bigram)
    first = Rows(Message(N_("embedding")), table.weight.detach(), is_bigram)
    read = torch.cat([tokenizer.encode(text, run.recipe.data.unseen) for text in texts])
    times = torch.bincount(read, minlength=len(first.weight))
    times[first.vectors(torch.arange(len(times))).abs().amax(1) == 0] = (
        0  # as a bigram begins: no direction, no cosine
    )
    ids = times.argsort(descending=True, stable=True)[: int((times > 0).sum())][:MOST_TOKENS]
    head = getattr(model, "head", None)  # none where the embedding is the head
    views = [first]
    if head is not None and (head.weight[ids].abs().amax(1) > 0).all():
        views.append(Rows(Message(N_("output head")), head.weight.detach()))
    return Embedding(
        table=table,
        views=tuple(views),
        ids=ids,
        names=labels_of(spelt(tokenizer, ids)),
        total=sum(parameter.numel() for parameter in model.parameters()),
        num_special=len(first.weight) - tokenizer.vocab_size,
        is_bigram=is_bigram,
        has_letters=run.recipe.kind != "codes",
    )


def cosines(a: Tensor, b: Tensor) -> Tensor:
    r"""How alike the directions of vectors are: 1 for the same, 0 for a right angle, −1 for the opposite.

    .. math:: \cos(a_i, b_j) = \frac{a_i \cdot b_j}{\lVert a_i \rVert \, \lVert b_j \rVert}

    Args:
        a: (N, D).
        b: (M, D).

    Returns:
        (N, M).
    """
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def mean_cosine(alike: Tensor, sets: Tensor) -> Tensor:
    r"""Mean cosine of all pairs within sets of vectors.

    .. math:: \frac{\sum_{i, j \in S} \cos(e_i, e_j) - |S|}{|S| (|S| - 1)}

    The sum holds every pair twice, and each vector with itself.

    Args:
        alike: cosines of all vectors, (N, N).
        sets: 1 for what is of a set, else 0, (..., N).

    Returns:
        (...).
    """
    count = sets.sum(-1)
    return ((sets @ alike * sets).sum(-1) - count) / (count * (count - 1))


def mean_nearest(alike: Tensor) -> Tensor:
    """Mean over some vectors of each one's largest cosine with another, from the cosines of all, (N, N)."""
    return alike.clone().fill_diagonal_(-torch.inf).amax(1).mean()


# -- from an id to a row -------------------------------------------------------------------------------


def row_step(embedding: Embedding, sentence: Sentence) -> Step:
    """The rows of the sentence's tokens, which are products of the table with one-hot vectors."""
    ids = sentence.ids[:SHOWN_TOKENS]
    vectors = embedding.table(ids).detach().float().numpy()
    weights = embedding.table.weight.detach().double().numpy()
    one_hot = np.zeros((len(ids), len(weights)))
    one_hot[np.arange(len(ids)), ids.numpy()] = 1.0
    shown = min(SHOWN_DIMENSIONS, vectors.shape[1])
    return Step(
        Message(N_("A number picks a row")),
        Message(_row_words(embedding), _row_fields(embedding)),
        r"e_i = \mathbf{1}_i^\top E, \qquad E \in \mathbb{R}^{V \times D}",
        (
            Heat(
                Message(
                    N_(
                        "The rows of the first {count} tokens, their first {shown} of {width} numbers."
                    ),
                    {"count": len(ids), "shown": shown, "width": vectors.shape[1]},
                ),
                vectors[:, :shown],
                labels_of(sentence.tokens[: len(ids)]),
                tuple(str(j) for j in range(shown)),
                Message(N_("token")),
                Message(N_("number of the row")),
                signed=True,
            ),
        ),
        {"vectors": vectors},
        (table_of,),
        (
            Check(
                Message(N_("the rows, as one-hot vectors times the table, in float64")),
                vectors,
                one_hot @ weights,
            ),
        ),
    )


def _row_fields(embedding: Embedding) -> dict[str, object]:
    rows, width = embedding.table.weight.shape
    share = 100 * rows * width / embedding.total
    return {
        "rows": rows,
        "width": width,
        "total": embedding.total,
        "share": Number(share, 1),
        "special": embedding.num_special,
    }


def _row_words(embedding: Embedding) -> str:
    if embedding.is_bigram:
        return N_(
            "An id picks a row of a table, here of {rows} rows with {width} numbers each. A bigram is that table and "
            "nothing else: its row holds the logits of the next token. The steps that follow read them as the token's "
            "vector, which in larger models is learned for its own sake."
        )
    if embedding.num_special:
        return N_(
            "An id picks a row of a table, its *embedding*: here {rows} rows of {width} numbers, {share} % of the "
            "{total} that the model has learned. {special} rows are of no token: they stand for the end, the beginning "
            "and padding. A row is what a one-hot vector times the table gives, without the multiplications by zero."
        )
    return N_(
        "An id picks a row of a table, its *embedding*: here {rows} rows of {width} numbers, {share} % of the {total} "
        "that the model has learned. A row is what a one-hot vector times the table gives, without the multiplications "
        "by zero. A single number of it means nothing by itself."
    )


# -- what the comparing steps share ---------------------------------------------------------------------


def view_control(embedding: Embedding) -> Control:
    """Chooses between the tables, the head first seen."""
    titles = tuple(view.title for view in embedding.views)
    return Control(Message(N_("table")), titles, "select", len(titles) - 1)


def of_length_one(rows: Array) -> Array:
    """Vectors divided by their length; a row of zeros stays."""
    lengths = np.sqrt((rows**2).sum(1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)
