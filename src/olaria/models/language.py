r"""The readable language models, from the bottom of the ladder.

A language model factorises the probability of a text from left to right,

.. math:: p(x_1, \dots, x_T) = \prod_t p(x_t \mid x_{<t})

and the bigram looks back one token only: :math:`p(x_t \mid x_{t-1})`, a table of V × V numbers. It averages nothing and
attends to nothing; the trick of averaging the past begins one rung above it.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

from torch import Generator, Tensor, nn

from olaria.models.base import Batch, Loss, Model, ModelConfig, ParameterGroup, Phase
from olaria.objectives.likelihood import cross_entropy


class BigramConfig(ModelConfig):
    """Settings of :class:`Bigram`."""

    family: Literal["bigram"] = "bigram"
    context: Literal[1] = 1
    """Tokens the model looks back at."""


BIGRAM_SIZES = {"tiny": BigramConfig(), "small": BigramConfig(), "base": BigramConfig()}


def next_token_loss(model: nn.Module, batch: Batch) -> Loss:
    """Cross-entropy of the following tokens, in nats per token."""
    assert batch.y is not None, "a language model's batch carries the following tokens"
    logits = model(batch.x).float()
    return Loss({"loss_nats_per_token": cross_entropy(logits, batch.y)})


@final
class Bigram(Model):
    """A table: row = this token, column = logits of the next.

    Args:
        config: settings.
        vocab_size: number of tokens V.
    """

    family: ClassVar[str] = "bigram"

    def __init__(self, config: BigramConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context = config.context
        self.table = nn.Embedding(vocab_size, vocab_size)
        nn.init.zeros_(self.table.weight)  # the uniform distribution: the loss starts at log V

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T) to logits of the next token, (B, T, V)."""
        logits: Tensor = self.table(tokens)
        return logits

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """See :func:`next_token_loss`."""
        return next_token_loss(self, batch)

    def phases(self) -> list[Phase]:
        """One phase over the table."""
        return [Phase("bigram", [ParameterGroup([self.table.weight])], self.loss)]
