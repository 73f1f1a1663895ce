r"""The readable language models: the bigram, and the ladder that climbs from it to GPT-2.

A language model factorises the probability of a text from left to right,

.. math:: p(x_1, \dots, x_T) = \prod_t p(x_t \mid x_{<t})

and the bigram depends on one token only: :math:`p(x_t \mid x_{t-1})`, a table of V × V numbers. It averages nothing and
attends to nothing; the trick of averaging the past begins one rung above it. :class:`LanguageModel` is all the
rungs from there: each adds one idea to the one before, the last is the form of GPT-2 (Radford et al. 2019).
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.families.language import BigramConfig, LanguageConfig
from olaria.i18n import N_
from olaria.models.base import Batch, Loss, Model, ParameterGroup, Phase
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.attention import attention, causal_mask
from olaria.nn.averaging import average_by_softmax
from olaria.objectives.likelihood import cross_entropy

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of the positions that a layer has processed, (B, H, S, D) each."""
_INITIAL_STD = 0.02


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

    >>> model = Bigram(BigramConfig(), vocab_size=5)
    >>> tokens = torch.tensor([[3, 1, 4, 1]])
    >>> model(tokens).shape
    torch.Size([1, 4, 5])
    >>> batch = Batch(tokens[:, :-1], tokens[:, 1:])
    >>> round(model.loss(batch, Generator()).total.item(), 4)  # log V before training
    1.6094
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

    def outline(self, dimensions: int) -> Outline:
        """The table between tokens and logits."""
        return [
            value(N_("tokens"), self.context),
            layers_of(N_("table"), "table"),
            value(N_("logits of the next token"), self.context, dimensions),
        ]

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """See :func:`next_token_loss`."""
        return next_token_loss(self, batch)

    def phases(self) -> list[Phase]:
        """One phase over the table."""
        return [Phase("bigram", [ParameterGroup([self.table.weight])], self.loss)]


# -- the ladder ------------------------------------------------------------------------------------


@final
class Average(nn.Module):
    """The lowest rung: each vector becomes the mean of those up to it. Nothing in it is learned."""

    def forward(
        self, x: Tensor, mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """(B, T, width) to the same, and all vectors so far; see :class:`Block`."""
        vectors = x[:, None] if past is None else torch.cat((past[1], x[:, None]), 2)
        return average_by_softmax(vectors.squeeze(1), mask), (vectors, vectors)


@final
class Block(nn.Module):
    r"""One layer above the average: attention between positions, then feed-forward on each position alone.

    .. math:: x \leftarrow x + \mathrm{Attention}(\mathrm{norm}_1(x)), \quad
              x \leftarrow x + \mathrm{FeedForward}(\mathrm{norm}_2(x))

    Below the rung ``norm`` the norms are the identity. Below ``residual`` a sublayer's output replaces x instead of
    being added to it. Below ``feed-forward`` the second sublayer is missing. Below ``multi-head`` there is one head,
    without the projection that mixes heads.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width, bias = config.width, config.has("gpt")
        self.config = config
        self.norm_1 = nn.LayerNorm(width) if config.has("norm") else nn.Identity()
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        if config.has("multi-head"):
            self.attention_out = nn.Linear(width, width, bias=bias)
        if config.has("feed-forward"):
            self.norm_2 = nn.LayerNorm(width) if config.has("norm") else nn.Identity()
            self.feed_in = nn.Linear(width, 4 * width, bias=bias)
            self.feed_out = nn.Linear(4 * width, width, bias=bias)

    def forward(
        self, x: Tensor, mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """Let each position of x attend to itself and to those before it.

        Args:
            x: (B, T, width).
            mask: 0 where position t may attend to s, minus infinity elsewhere, (T, S); S - T positions are past.
            past: keys and values of the positions before x; None where there are none.

        Returns:
            (B, T, width), and the keys and values of all positions, (B, H, S, D) each.
        """
        mixed, keys_values = self.attend(self.norm_1(x), mask, past)
        x = self.join(x, mixed)
        if self.config.has("feed-forward"):
            x = self.join(x, self.feed(self.norm_2(x)))
        return x, keys_values

    def attend(self, x: Tensor, mask: Tensor, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """*Self*-attention: queries, keys and values are all made of the one sequence x.

        In cross-attention the queries are made of one sequence, keys and values of another. A decoder that attends
        to an encoder needs it, a model of one text does not.
        """
        q, k, v = (
            part.unflatten(2, (self.config.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, 2)
        )  # (B, H, T, D), D = width / H
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        heads = attention(q, k, v, mask, scale=q.shape[-1] ** -0.5)
        mixed = heads.transpose(1, 2).flatten(2)  # heads side by side: (B, T, width)
        if self.config.has("multi-head"):
            mixed = self.attention_out(mixed)
        return mixed, (k, v)

    def feed(self, x: Tensor) -> Tensor:
        """Two layers on each position alone: they process what attention moved between the positions."""
        hidden = self.feed_in(x)
        if self.config.has("gpt"):
            hidden = F.gelu(hidden, approximate="tanh")
        else:
            hidden = F.relu(hidden)
        out: Tensor = self.feed_out(hidden)
        return out

    def join(self, x: Tensor, output: Tensor) -> Tensor:
        """Add a sublayer's output to the stream, which gradients pass unchanged; below ``residual`` replace x."""
        if not self.config.has("residual"):
            return output
        return x + draws.dropout(output, self.config.dropout, self.training)


@final
class LanguageModel(Model):
    r"""A causal language model on a rung of the ladder.

    ============  ======================================================================================
    average       embeddings and learned positions; the uniform mean of the past; a linear head
    head          self-attention: the weights of the mean depend on the data
    multi-head    several means at a time, and a projection that mixes them
    feed-forward  a nonlinear layer that works on each position alone
    residual      both outputs are added to a stream, so that layers can be stacked
    norm          a layer norm before each sublayer, and one before the head
    gpt           GPT-2: biases, GELU, the embedding as head, its initial weights, dropout (of no attention weight)
    ============  ======================================================================================

    Args:
        config: settings.
        vocab_size: number of tokens V.

    >>> config = LanguageConfig(rung="gpt", context=8, num_layers=1, num_heads=2, width=8)
    >>> model = LanguageModel(config, vocab_size=5).eval()
    >>> tokens = torch.tensor([[3, 1, 4, 1]])
    >>> logits = model(tokens)
    >>> logits.shape
    torch.Size([1, 4, 5])
    >>> _, cache = model.continue_from(tokens[:, :3], [])
    >>> last, _ = model.continue_from(tokens[:, 3:], cache)
    >>> torch.allclose(last, logits[:, 3:], atol=1e-6)
    True

    Sources: Vaswani et al. 2017 (attention, heads, feed-forward); He et al. 2016 (residuals); Ba et al. 2016 and
    Xiong et al. 2020 (layer norm, and before each sublayer); Hendrycks & Gimpel 2016 (GELU); Press & Wolf 2017 (the
    embedding as head); Radford et al. 2019, section 2.3 (GPT-2).
    """

    family: ClassVar[str] = "language"
    mask: Tensor

    def __init__(self, config: LanguageConfig, vocab_size: int) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.vocab_size = vocab_size
        self.context = config.context
        self.embedding = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(config.context, width)
        layers = (Block(config) for _ in range(config.num_layers))
        self.blocks = nn.ModuleList(layers if config.has("head") else [Average()])
        self.norm = nn.LayerNorm(width) if config.has("norm") else nn.Identity()
        if not config.has("gpt"):  # there the embedding is the head
            self.head = nn.Linear(width, vocab_size)
        mask = causal_mask(config.context, config.context)
        self.register_buffer("mask", mask, persistent=False)
        if config.has("gpt"):
            self._initialise_as_gpt2()

    def _initialise_as_gpt2(self) -> None:
        """Small normal weights; those that add to the stream smaller by the root of how many do."""
        for name, parameter in self.named_parameters():
            if name.endswith("_out.weight"):
                nn.init.normal_(parameter, std=_INITIAL_STD * (2 * len(self.blocks)) ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                nn.init.normal_(parameter, std=_INITIAL_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T), T ≤ context, to logits of the next token, (B, T, V)."""
        return self.continue_from(tokens, [])[0]

    def continue_from(
        self, tokens: Tensor, cache: list[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """Logits of ``tokens`` (B, T) that follow what ``cache`` holds, and the extended cache.

        Args:
            tokens: ids, (B, T); cached positions + T ≤ context.
            cache: per layer the keys and values of the positions before; [] at the start.

        Returns:
            Logits (B, T, V) and the new cache.
        """
        start = cache[0][0].shape[2] if cache else 0
        stop = start + tokens.shape[1]
        assert stop <= self.context, "more tokens than the context holds"
        x = self.embedding(tokens) + self.positions.weight[start:stop]  # (B, T, width)
        x = draws.dropout(x, self.config.dropout, self.training)
        mask = self.mask[start:stop, :stop]
        extended = []
        for layer, block in enumerate(self.blocks):
            x, keys_values = block(x, mask, cache[layer] if cache else None)
            extended.append(keys_values)
        return self.logits(self.norm(x)), extended

    def logits(self, x: Tensor) -> Tensor:
        """(B, T, width) to logits of the next token, (B, T, V); on the rung ``gpt`` by likeness to the embeddings."""
        if self.config.has("gpt"):
            return F.linear(x, self.embedding.weight)
        logits: Tensor = self.head(x)
        return logits

    def outline(self, dimensions: int) -> Outline:
        """Embedding, blocks, head; on the rung ``average`` the mean instead of blocks."""
        has_head = self.config.has("head")
        mean = value(N_("mean of the tokens so far"), self.context, self.config.width)
        logits = N_("logits of the next token")
        if self.config.has("gpt"):
            logits = N_("logits of the next token, by likeness to each row of the embedding")
        return [
            value(N_("tokens"), self.context),
            layers_of(N_("embedding"), "embedding", "positions"),
            layers_of(N_("blocks"), "blocks") if has_head else mean,
            layers_of(N_("output head"), "norm", "head"),
            value(logits, self.context, dimensions),
        ]

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """See :func:`next_token_loss`."""
        return next_token_loss(self, batch)

    def phases(self) -> list[Phase]:
        """One phase; the blocks' matrices form a separate group where there are any."""
        matrices = [p for p in self.blocks.parameters() if p.ndim == 2]
        chosen = {id(matrix) for matrix in matrices}
        rest = [p for p in self.parameters() if id(p) not in chosen]
        groups = [ParameterGroup(matrices, "matrix"), ParameterGroup(rest)]
        return [Phase("language", [g for g in groups if g.parameters], self.loss)]
