r"""An encoder-decoder Transformer: reads a source whole, then writes a target token by token.

    p(target | source) = product over t of p(target_t | target_<t, source)

The encoder turns the source into one vector for each of its tokens. The decoder is a language model of the target that
also attends to those vectors. All attention is one formula; its three kinds differ in where queries, keys and values
come from, and in what is hidden:

    encoder's self-attention    queries, keys, values of the source             hidden: padding
    decoder's self-attention    queries, keys, values of the target             hidden: later tokens
    cross-attention             queries of the target, keys, values of source   hidden: padding

Three ids follow the tokenizer's V: ``end`` closes every sequence, ``begin`` opens a target, ``pad`` fills a batch.

Sources: Vaswani et al. 2017, "Attention Is All You Need", section 3; Henry et al. 2020 (normalised queries and keys).

Needs torch and safetensors; ``tokenizer.py`` lies beside this file:

    from tokenizer import Tokenizer

    model, tokenizer = load("."), Tokenizer(".")
    source = tokenizer.encode("a")
    print(tokenizer.decode(model.translate(source)))
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class Translation(nn.Module):
    """An encoder-decoder over one vocabulary for both sides."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        vocab_size, width, self.num_heads = (
            config[name] for name in ("vocab_size", "width", "num_heads")
        )
        self.end, self.begin, self.pad = vocab_size, vocab_size + 1, vocab_size + 2
        self.context, self.head_size = config["context"], width // self.num_heads
        layers = range(config["num_layers"])
        self.embedding = nn.Embedding(vocab_size + 3, width)
        self.encoder = nn.ModuleList(EncoderBlock(width, self.num_heads) for _ in layers)
        self.decoder = nn.ModuleList(DecoderBlock(width, self.num_heads) for _ in layers)
        self.head = nn.Linear(width, vocab_size + 1, bias=False)
        frequencies = 10_000.0 ** -(torch.arange(0, width, 2) / width)
        angles = torch.arange(self.context + 1)[:, None] * frequencies
        positions = torch.cat((angles.sin(), angles.cos()), 1)  # (context + 1, width)
        self.register_buffer("positions", positions, persistent=False)

    def encode(self, source: Tensor) -> Tensor:
        """Sources (B, S), each closed by ``end``, then padding: all that the decoder needs of them.

        Returns:
            Keys and values for the cross-attention of each block of the decoder, (layers, 2, B, heads, S, head size).
        """
        is_hidden = self.is_padding(source)
        x = norm(self.embedding(source)) + self.positions[: source.shape[1]]
        for block in self.encoder:
            x = block(x, is_hidden)
        x = norm(x)
        return torch.stack([block.cross_attention.read(x) for block in self.decoder])

    def extend(
        self, tokens: Tensor, source: Tensor, memory: Tensor, cache: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Logits after each token of (B, T), which follow those in the cache, (B, T, V + 1); and the longer cache.

        Args:
            tokens: of the target, the first of all being ``begin``.
            source: as ``encode`` was given it: its padding is hidden.
            memory: what ``encode`` returned.
            cache: keys and values of the tokens before, (layers, 2, B, heads, P, head size); None before the first.
        """
        start, count = 0 if cache is None else cache.shape[4], tokens.shape[1]
        places = torch.arange(start, start + count, device=tokens.device)
        is_later = torch.arange(start + count, device=tokens.device)[None, :] > places[:, None]
        is_hidden = self.is_padding(source)
        x = norm(self.embedding(tokens)) + self.positions[places]
        longer = []
        for layer, block in enumerate(self.decoder):
            past = None if cache is None else cache[layer]
            x, keys_values = block(x, is_later, past, memory[layer], is_hidden)
            longer.append(keys_values)
        return self.head(norm(x)), torch.stack(longer)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits after each token of ``target`` (B, T) given ``source`` (B, S): (B, T, V + 1)."""
        return self.extend(target, source, self.encode(source), None)[0]

    def is_padding(self, source: Tensor) -> Tensor:
        """(B, S) to (B, 1, 1, S): for every head and every query."""
        return (source == self.pad)[:, None, None, :]

    @torch.no_grad()
    def translate(self, source: list[int]) -> list[int]:
        """The ids written for those of one source: the likeliest token each time, until ``end``."""
        rows = torch.tensor([[*source, self.end]])
        memory, cache, token, written = self.encode(rows), None, self.begin, []
        while len(written) < self.context:
            logits, cache = self.extend(torch.tensor([[token]]), rows, memory, cache)
            token = int(logits[0, -1].argmax())
            if token == self.end:
                break
            written.append(token)
        return written


class EncoderBlock(nn.Module):
    """Self-attention both ways, then two layers on each token alone."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.self_attention = SelfAttention(width, num_heads)
        self.feed_forward = FeedForward(width)

    def forward(self, x: Tensor, is_hidden: Tensor) -> Tensor:
        """(B, S, width) to the same."""
        x = x + self.self_attention(norm(x), is_hidden, None)[0]
        return x + self.feed_forward(norm(x))


class DecoderBlock(nn.Module):
    """Self-attention backwards only, then cross-attention to the source, then two layers on each token alone."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.self_attention = SelfAttention(width, num_heads)
        self.cross_attention = CrossAttention(width, num_heads)
        self.feed_forward = FeedForward(width)

    def forward(
        self, x: Tensor, is_later: Tensor, past: Tensor | None, source: Tensor, is_hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(B, T, width) to the same; and keys and values of all target tokens so far, (2, B, H, P + T, D)."""
        mixed, keys_values = self.self_attention(norm(x), is_later, past)
        x = x + mixed
        x = x + self.cross_attention(norm(x), source, is_hidden)
        return x + self.feed_forward(norm(x)), keys_values


class SelfAttention(nn.Module):
    """Queries, keys and values are three linear maps of the same vectors."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, is_hidden: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, T, width) to the same, and the keys and values of ``past`` and of x."""
        q, k, v = (split(part, self.num_heads) for part in self.qkv(x).chunk(3, 2))
        q, k = norm(q), norm(k)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        return self.out(attention(q, k, v, is_hidden)), torch.stack((k, v))


class CrossAttention(nn.Module):
    """Queries of the decoder, keys and values of the encoder's output."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def read(self, encoded: Tensor) -> Tensor:
        """Keys and values of the encoder's output (B, S, width), the same for every target token."""
        k, v = (split(part, self.num_heads) for part in self.kv(encoded).chunk(2, 2))
        return torch.stack((norm(k), v))

    def forward(self, x: Tensor, source: Tensor, is_hidden: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        q = norm(split(self.q(x), self.num_heads))
        return self.out(attention(q, source[0], source[1], is_hidden))


class FeedForward(nn.Module):
    """Two layers on each token alone, with a squared ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.feed_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        return self.feed_out(F.relu(self.feed_in(x)).square())


def attention(q: Tensor, k: Tensor, v: Tensor, is_hidden: Tensor) -> Tensor:
    """softmax(q k^T / sqrt D) v of each head, side by side: (B, T, width)."""
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)
    weights = scores.masked_fill(is_hidden, float("-inf")).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def split(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, width) to (B, H, T, D)."""
    return x.unflatten(2, (num_heads, -1)).transpose(1, 2)


def norm(x: Tensor) -> Tensor:
    """Vectors divided by their root mean square, without weights."""
    return F.rms_norm(x, (x.shape[-1],))


def load(folder: str | Path) -> Translation:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = Translation(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
