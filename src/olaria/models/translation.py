r"""Encoder–decoder Transformer: reads one sequence whole, then writes another token by token.

.. math:: p(y \mid x) = \prod_t p(y_t \mid y_{<t}, x)

The encoder turns the source x into one vector per token; the decoder is a language model of the target y that also
attends to those vectors. All attention is one formula (:func:`olaria.nn.attention.attention`). Its three kinds differ
in where queries, keys and values come from, and in what the mask hides:

===========================  ==============  ===================  ===============================
kind                         queries from    keys, values from    hidden
===========================  ==============  ===================  ===============================
encoder's self-attention     source          source               padding
decoder's self-attention     target          target               later tokens
cross-attention              target          source               padding
===========================  ==============  ===================  ===============================

Sources: Vaswani et al. 2017, *Attention Is All You Need*, section 3 (the architecture); Bahdanau et al. 2015
(attention from a target to its source); Xiong et al. 2020 (norms before each sublayer). Norms, squared ReLU and
normalised queries and keys as in :mod:`olaria.models.gpt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from olaria import draws
from olaria.families.translation import TranslationConfig
from olaria.i18n import N_
from olaria.models.base import Batch, Loss, Model, ParameterGroup, Phase
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.attention import attention, causal_mask, rotary_angles
from olaria.nn.norm import norm
from olaria.objectives.likelihood import cross_entropy

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, (B, H, S, D) each."""


def positions(count: int, width: int) -> Tensor:
    r"""Sinusoids, (count, width): :math:`\sin t\theta_j` and then :math:`\cos t\theta_j`.

    Source: Vaswani et al. 2017, section 3.5; the angles are those of rotary positions.
    """
    cos, sin = rotary_angles(count, width)
    return torch.cat((sin, cos), 1)


def padding_mask(tokens: Tensor, pad: int) -> Tensor:
    r"""0 where a key is a token, :math:`-\infty` where it is padding: (B, S) to (B, 1, 1, S), for any query."""
    hidden = (tokens == pad)[:, None, None, :]
    return torch.zeros(hidden.shape, device=tokens.device).masked_fill(hidden, float("-inf"))


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, width) to (B, H, T, D)."""
    heads: Tensor = x.unflatten(2, (num_heads, -1))
    return heads.transpose(1, 2)


@final
class SelfAttention(nn.Module):
    """A sequence attends to itself: queries, keys and values are three linear maps of the same vectors.

    The mask decides whether it attends in both directions or only backwards.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: KeysValues | None = None
    ) -> tuple[Tensor, KeysValues]:
        """(B, T, width) to the same, and the keys and values of ``past`` and of x."""
        q, k, v = (split_heads(part, self.num_heads) for part in self.qkv(x).chunk(3, 2))
        q, k = norm(q), norm(k)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        heads = attention(q, k, v, mask, scale=q.shape[-1] ** -0.5)
        out: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return out, (k, v)


@final
class CrossAttention(nn.Module):
    """One sequence attends to another: queries from the decoder, keys and values from the encoder's output."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def project(self, encoded: Tensor) -> KeysValues:
        """Keys and values of the encoder's output (B, S, width): the same for every target token."""
        k, v = (split_heads(part, self.num_heads) for part in self.kv(encoded).chunk(2, 2))
        return norm(k), v

    def forward(self, x: Tensor, keys_values: KeysValues, mask: Tensor) -> Tensor:
        """(B, T, width) to the same; the mask (B, 1, 1, S) hides the source's padding."""
        heads = self._mix(x, *keys_values, mask)
        out: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return out

    def weights(self, x: Tensor, keys_values: KeysValues, mask: Tensor) -> Tensor:
        """The attention of each target token on each source token: (B, H, T, S), rows sum to 1.

        The weights are the output of attention whose values are the unit vectors.
        """
        keys = keys_values[0]
        return self._mix(x, keys, torch.eye(keys.shape[2]).expand(*keys.shape[:2], -1, -1), mask)

    def _mix(self, x: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        q = norm(split_heads(self.q(x), self.num_heads))
        return attention(q, k, v, mask, scale=q.shape[-1] ** -0.5)


@final
class FeedForward(nn.Module):
    """Two layers on each token by itself, with a squared ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.feed_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        out: Tensor = self.feed_out(F.relu(self.feed_in(x)).square())
        return out


@final
class EncoderBlock(nn.Module):
    """Self-attention both ways, then feed-forward."""

    def __init__(self, config: TranslationConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.self_attention = SelfAttention(config.width, config.num_heads)
        self.feed_forward = FeedForward(config.width)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        """(B, S, width) to the same."""
        x = x + draws.dropout(self.self_attention(norm(x), padding)[0], self.dropout, self.training)
        return x + draws.dropout(self.feed_forward(norm(x)), self.dropout, self.training)


@final
class DecoderBlock(nn.Module):
    """Self-attention backwards only, then cross-attention to the source, then feed-forward."""

    def __init__(self, config: TranslationConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.self_attention = SelfAttention(config.width, config.num_heads)
        self.cross_attention = CrossAttention(config.width, config.num_heads)
        self.feed_forward = FeedForward(config.width)

    def forward(
        self,
        x: Tensor,
        causal: Tensor | None,
        past: KeysValues | None,
        source: KeysValues,
        padding: Tensor,
    ) -> tuple[Tensor, KeysValues]:
        """(B, T, width) to the same, and the target's keys and values so far."""
        mixed, keys_values = self.self_attention(norm(x), causal, past)
        x = x + draws.dropout(mixed, self.dropout, self.training)
        mixed = self.cross_attention(norm(x), source, padding)
        x = x + draws.dropout(mixed, self.dropout, self.training)
        x = x + draws.dropout(self.feed_forward(norm(x)), self.dropout, self.training)
        return x, keys_values


@dataclass(frozen=True)
class Specials:
    """The three special ids after a tokenizer's V, and batches of sequences that carry them.

    >>> Specials(9).targets([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([[10,  1,  2,  9],
            [10,  3,  9, 11]])

    Args:
        vocab_size: V.
    """

    vocab_size: int

    @property
    def eos(self) -> int:
        """Ends every sequence."""
        return self.vocab_size

    @property
    def bos(self) -> int:
        """Begins every target; never written."""
        return self.vocab_size + 1

    @property
    def pad(self) -> int:
        """Fills a batch on the right; never written."""
        return self.vocab_size + 2

    def sources(self, rows: Sequence[Tensor]) -> Tensor:
        """Token ids of each source, int64 (T_i,), as one batch (B, S): each with eos, then padding."""
        return self._padded([F.pad(row, (0, 1), value=self.eos) for row in rows])

    def targets(self, rows: Sequence[Tensor]) -> Tensor:
        """Token ids of each target as one batch (B, T): bos, the ids, eos, then padding."""
        ended = [F.pad(row, (0, 1), value=self.eos) for row in rows]
        return self._padded([F.pad(row, (1, 0), value=self.bos) for row in ended])

    def _padded(self, rows: list[Tensor]) -> Tensor:
        return pad_sequence(rows, batch_first=True, padding_value=self.pad)


@dataclass(frozen=True)
class Memory:
    """What the decoder keeps of a source.

    Args:
        keys_values: for the cross-attention of each decoder block.
        padding: mask over the source, (B, 1, 1, S).
    """

    keys_values: list[KeysValues]
    padding: Tensor

    def rows(self, index: Tensor) -> Memory:
        """Some of the batch, by number; a number may come more than once."""
        return Memory([(k[index], v[index]) for k, v in self.keys_values], self.padding[index])


@final
class Translation(Model):
    """An encoder–decoder over one vocabulary for both sides.

    Logits are over V + 1 ids: the tokenizer's and the end. See :class:`Specials`.

    Args:
        config: settings.
        vocab_size: number of the tokenizer's tokens V.

    >>> config = TranslationConfig(context=8, num_layers=1, num_heads=2, width=8)
    >>> model = Translation(config, vocab_size=9)
    >>> source = model.specials.sources([torch.tensor([1, 2, 3]), torch.tensor([4])])
    >>> target = model.specials.targets([torch.tensor([5, 6]), torch.tensor([7])])
    >>> source.shape, target.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    >>> model(source, target).shape
    torch.Size([2, 4, 10])
    >>> model.attend(source, target)[0].shape  # (B, H, T, S)
    torch.Size([2, 2, 4, 4])
    """

    family: ClassVar[str] = "translation"
    positions: Tensor

    def __init__(self, config: TranslationConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context = config.context
        self.specials = Specials(vocab_size)
        width = config.width
        self.embedding = nn.Embedding(vocab_size + 3, width)
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.num_layers))
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.num_layers))
        self.head = nn.Linear(width, vocab_size + 1, bias=False)
        # One more than the context: a source ends with eos, a target begins with bos.
        self.register_buffer("positions", positions(config.context + 1, width), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight)
        nn.init.zeros_(self.head.weight)  # the uniform distribution: the loss starts at log(V + 1)
        for name, weight in [*self.encoder.named_parameters(), *self.decoder.named_parameters()]:
            bound = (3 / self.config.width) ** 0.5
            # Little is written into the streams at first, so that they begin as their embeddings.
            nn.init.uniform_(weight, -bound, bound)
            if name.endswith("out.weight"):
                weight.data.mul_(0.1)

    def encode(self, source: Tensor) -> Memory:
        """Read sources (B, S), each ended by eos, then padding: all that the decoder needs of them."""
        padding = padding_mask(source, self.specials.pad)
        x = self._embedded(source, 0)
        for block in self.encoder:
            x = block(x, padding)
        x = norm(x)
        return Memory(
            [block.cross_attention.project(x) for block in self._decoder_blocks()], padding
        )

    def decode(
        self, tokens: Tensor, memory: Memory, cache: list[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """Logits of the tokens after ``tokens``, which follow what ``cache`` holds.

        Padding needs no mask here: it comes after the tokens, and a causal query never attends to it.

        Args:
            tokens: target ids (B, T), the first of all being bos.
            memory: of the source.
            cache: per block the keys and values of the target so far; [] at the start.

        Returns:
            Logits (B, T, V + 1) and the extended cache.
        """
        start = cache[0][0].shape[2] if cache else 0
        count = tokens.shape[1]
        causal = causal_mask(count, start + count, tokens.device) if count > 1 else None
        x = self._embedded(tokens, start)
        extended = []
        for layer, block in enumerate(self.decoder):
            past = cache[layer] if cache else None
            x, keys_values = block(x, causal, past, memory.keys_values[layer], memory.padding)
            extended.append(keys_values)
        logits: Tensor = self.head(norm(x))
        return logits.float(), extended

    def _decoder_blocks(self) -> list[DecoderBlock]:
        return [block for block in self.decoder if isinstance(block, DecoderBlock)]

    def _embedded(self, tokens: Tensor, start: int) -> Tensor:
        stop = start + tokens.shape[1]
        assert stop <= self.context + 1, "more tokens than the context holds"
        return norm(self.embedding(tokens)) + self.positions[start:stop]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits after each token of ``target`` (B, T) given ``source`` (B, S): (B, T, V + 1)."""
        return self.decode(target, self.encode(source), [])[0]

    @torch.no_grad()
    def attend(self, source: Tensor, target: Tensor) -> list[Tensor]:
        """Cross-attention of each decoder block: weights (B, H, T, S) of target tokens on source tokens."""
        weights: list[Tensor] = []

        def record(module: CrossAttention, inputs: tuple[Any, ...]) -> None:
            weights.append(module.weights(*inputs))

        attentions = [block.cross_attention for block in self._decoder_blocks()]
        hooks = [attention.register_forward_pre_hook(record) for attention in attentions]
        try:
            self(source, target)
        finally:
            for hook in hooks:
                hook.remove()
        return weights

    def outline(self, dimensions: int) -> Outline:
        """Both sides' embedding, encoder, decoder, head."""
        tokens = self.context
        return [
            value(N_("tokens of the source, or of the target so far"), tokens),
            layers_of(N_("embedding of both"), "embedding"),
            layers_of(N_("encoder, of the source"), "encoder"),
            value(N_("a vector for each token of the source"), tokens, self.config.width),
            layers_of(N_("decoder, of the target"), "decoder"),
            layers_of(N_("output head"), "head"),
            value(N_("logits of the next token"), tokens, dimensions + 1),
        ]

    def trace(self, dimensions: int) -> None:
        """A source and a target of the whole context."""
        tokens = torch.zeros(1, self.context, dtype=torch.int64)
        self(tokens, tokens)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """Cross-entropy of the target's tokens and of its end, in nats per token; padding does not count.

        The decoder is given the correct tokens so far, whatever it would have generated (teacher forcing).
        """
        assert batch.y is not None, "a translation's batch carries the targets"
        logits = self(batch.x, batch.y[:, :-1])
        nats = cross_entropy(logits, batch.y[:, 1:], ignored=self.specials.pad)
        return Loss(
            {"loss_nats_per_token": nats}, count=(batch.y[:, 1:] != self.specials.pad).sum()
        )

    def phases(self) -> list[Phase]:
        """One phase; the blocks' matrices form a separate group."""
        blocks = [*self.encoder.parameters(), *self.decoder.parameters()]
        rest = ParameterGroup([self.embedding.weight, self.head.weight])
        return [Phase("translation", [ParameterGroup(blocks, "matrix"), rest], self.loss)]
