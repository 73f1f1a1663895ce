r"""GPT: a stack of causal self-attention and feed-forward blocks on a residual stream; the fast form for a CPU.

A token attends to all earlier tokens of the window. Where attention is *local* (``chunk``) it attends to its chunk of
the text and to the one before. Earlier tokens reach it through the layers, L chunks far. The cost per token does not
grow with the text then, and only positions within two chunks are ever compared, so that a model trained on short
windows works on long ones as well.

.. math:: x \leftarrow x + \mathrm{Attention}(\mathrm{norm}(x)), \quad
          x \leftarrow x + \mathrm{FeedForward}(\mathrm{norm}(x))

Sources: Radford et al. 2019 (the stack); Roy et al. 2021 (local attention); Su et al. 2021 (rotary positions);
Zhang & Sennrich 2019 (root-mean-square norm); Henry et al. 2020 (normalised queries and keys); So et al. 2021
(squared ReLU).
Projections into the residual stream begin at zero, so that the untrained network is its embedding.
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.families.gpt import GPTConfig
from olaria.i18n import N_
from olaria.models.base import Batch, Loss, Model, ParameterGroup, Phase
from olaria.models.language import next_token_loss
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.attention import attention, causal_mask, local_mask, rotary_angles, rotate
from olaria.nn.fused import chunk_masks, feed_forward, self_attention
from olaria.nn.norm import norm

KeysValues = tuple[Tensor, Tensor]

LOGIT_CAP = 15.0
"""Logits stay within ± this."""


@final
class Block(nn.Module):
    """Self-attention, then feed-forward, each added to the stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = config.width
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.feed_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, masks: Tensor) -> Tensor:
        """(B, T, width) to the same; the form that trains."""
        branch = self_attention(
            x, self.qkv.weight, self.attention_out.weight, cos, sin, masks, self.num_heads
        )
        x = x + self._drop(branch)
        return x + self._drop(feed_forward(x, self.feed_in.weight, self.feed_out.weight))

    def extend(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """The same, without dropout, after ``past``; and the keys and values so far, (B, H, S, D) each.

        Args:
            x: (B, T, width), of the new positions.
            cos: of their angles, (T, D/2).
            sin: likewise.
            mask: over the last S positions, new ones included, (T, S); earlier ones are not attended to.
            past: keys and values of all positions before.
        """
        q, k, v = (
            part.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(norm(x)).chunk(3, 2)
        )  # (B, H, T, D)
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        # Queries and keys of length √D: a score reaches √D at most, enough to single out one key.
        near = slice(-mask.shape[1], None)
        heads = attention(q, k[:, :, near], v[:, :, near], mask, scale=q.shape[-1] ** -0.5)
        x = x + self.attention_out(heads.transpose(1, 2).flatten(2))
        return x + self.feed_out(F.relu(self.feed_in(norm(x))).square()), (k, v)

    def _drop(self, x: Tensor) -> Tensor:
        return draws.dropout(x, self.dropout, self.training)


@final
class GPT(Model):
    """A causal language model.

    Args:
        config: settings.
        vocab_size: number of tokens V.

    >>> model = GPT(GPTConfig(context=8, chunk=4, num_layers=1, num_heads=2, width=8), vocab_size=5)
    >>> tokens = torch.tensor([[3, 1, 4, 1]])
    >>> model(tokens).shape
    torch.Size([1, 4, 5])
    >>> logits, cache = model.continue_from(tokens, [])
    >>> keys, values = cache[0]
    >>> logits.shape, keys.shape
    (torch.Size([1, 4, 5]), torch.Size([1, 2, 4, 4]))
    """

    family: ClassVar[str] = "gpt"
    compilable: ClassVar[bool] = True
    cos: Tensor
    sin: Tensor
    masks: Tensor

    def __init__(self, config: GPTConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context = config.context
        self.embedding = nn.Embedding(vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.head = nn.Linear(config.width, vocab_size, bias=False)
        self.is_local = config.reach < config.context
        num_chunks = -(-config.context // config.reach) if self.is_local else 1
        size = max(config.context, num_chunks * config.reach)
        cos, sin = rotary_angles(size, config.width // config.num_heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        every = causal_mask(config.context, config.context)[None]
        masks = chunk_masks(num_chunks, config.reach) if self.is_local else every
        self.register_buffer("masks", masks, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        width = self.config.width
        nn.init.normal_(self.embedding.weight)
        nn.init.zeros_(self.head.weight)
        for name, weight in self.blocks.named_parameters():
            if name.endswith("_out.weight"):
                nn.init.zeros_(weight)
            else:
                nn.init.uniform_(weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T), T ≤ context, to logits of the next token, (B, T, V)."""
        length = tokens.shape[1]
        assert length <= self.context, "more tokens than the context holds"
        if self.is_local:
            # Whole chunks: the padding of the last one comes after every position whose logits are returned.
            num_chunks = -(-length // self.config.reach)
            stop, masks = num_chunks * self.config.reach, self.masks[:num_chunks]
        else:
            stop, masks = length, self.masks[:, :length, :length]
        cos, sin = self.cos[:stop], self.sin[:stop]
        x = norm(self.embedding(F.pad(tokens, (0, stop - length))))
        for block in self.blocks:
            x = block(x, cos, sin, masks)
        return self._logits(x[:, :length])

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
        cos, sin = self.cos[start:stop], self.sin[start:stop]
        chunk = self.config.reach
        first = max(0, start // chunk - 1) * chunk  # nothing before it is attended to
        mask = local_mask(first, start, stop, chunk).to(tokens.device)
        x = norm(self.embedding(tokens))
        extended = []
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, keys_values = block.extend(x, cos, sin, mask, cache[layer] if cache else None)
            extended.append(keys_values)
        return self._logits(x), extended

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(norm(x))
        # Bounded smoothly: early large steps cannot saturate the softmax (Gemma Team 2024, section 2).
        return LOGIT_CAP * torch.tanh(logits.float() / LOGIT_CAP)

    def outline(self, dimensions: int) -> Outline:
        """Embedding, blocks, head."""
        return [
            value(N_("tokens"), self.context),
            layers_of(N_("embedding"), "embedding"),
            layers_of(N_("blocks"), "blocks"),
            layers_of(N_("output head"), "head"),
            value(N_("logits of the next token"), self.context, dimensions),
        ]

    def trace(self, dimensions: int) -> None:
        """Run :meth:`continue_from`, which calls the layers; training uses fused functions of their weights."""
        self.continue_from(torch.zeros(1, self.context, dtype=torch.int64), [])

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """See :func:`olaria.models.language.next_token_loss`."""
        return next_token_loss(self, batch)

    def phases(self) -> list[Phase]:
        """One phase; the blocks' matrices form a separate group."""
        matrices = ParameterGroup(list(self.blocks.parameters()), "matrix")
        rest = ParameterGroup([self.embedding.weight, self.head.weight])
        return [Phase("gpt", [matrices, rest], self.loss)]
