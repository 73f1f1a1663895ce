r"""GPT-2: a stack of blocks on a stream of vectors, one vector for each token.

    x = embedding[token] + positions[place]
    x = x + attention(norm_1(x))
    x = x + feed_forward(norm_2(x))      both once in every block
    logits = norm(x) embedding^T

Attention lets a token collect what earlier tokens offer; the feed-forward layers then work on each token alone. Earlier
tokens' keys and values do not change when the text grows, so ``extend`` takes them from a cache.

Sources: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; Vaswani et al. 2017 (attention).

Needs torch and safetensors; ``tokenizer.py`` lies beside this file:

    from tokenizer import Tokenizer

    model, tokenizer = load("."), Tokenizer(".")
    tokens = torch.tensor([tokenizer.encode("a")])
    tokens = model.generate(tokens, 200)
    print(tokenizer.decode(tokens[0].tolist()))
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class GPT2(nn.Module):
    """A causal language model."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, self.num_heads = config["width"], config["num_heads"]
        self.context, self.head_size = config["context"], width // self.num_heads
        self.embedding = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(self.context, width)
        self.blocks = nn.ModuleList(
            Block(width, self.num_heads) for _ in range(config["num_layers"])
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T), T at most the context, to logits of the next token after each, (B, T, V)."""
        return self.extend(tokens, None)[0]

    def extend(self, tokens: Tensor, cache: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits of tokens (B, T) after those in the cache, and the longer cache.

        Args:
            tokens: ids.
            cache: keys and values of the S tokens before, (layers, 2, B, heads, S, head size); None before the first.
        """
        start, count = 0 if cache is None else cache.shape[4], tokens.shape[1]
        places = torch.arange(start, start + count, device=tokens.device)
        keys = torch.arange(start + count, device=tokens.device)
        is_later = keys[None, :] > places[:, None]  # (T, S + T): not to be attended to
        x = self.embedding(tokens) + self.positions(places)
        longer = []
        for layer, block in enumerate(self.blocks):
            x, keys_values = block(x, is_later, None if cache is None else cache[layer])
            longer.append(keys_values)
        return F.linear(self.norm(x), self.embedding.weight), torch.stack(longer)

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int, temperature: float = 1.0) -> Tensor:
        """Token ids (B, T), and ``count`` more that are drawn one by one; a full context begins anew with its half."""
        new, cache = tokens[:, -self.context :], None
        for _ in range(count):
            if cache is not None and cache.shape[4] == self.context:
                new, cache = tokens[:, -max(1, self.context // 2) :], None
            logits, cache = self.extend(new, cache)
            probabilities = (logits[:, -1] / temperature).softmax(-1)
            new = torch.multinomial(probabilities, 1)
            tokens = torch.cat((tokens, new), 1)
        return tokens


class Block(nn.Module):
    """Attention between tokens, then two layers on each token alone; each is added to the stream."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.feed_in = nn.Linear(width, 4 * width)
        self.feed_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, is_later: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, T, width) to the same; and keys and values of all tokens so far, (2, B, H, S + T, D)."""
        qkv = self.qkv(self.norm_1(x)).unflatten(2, (3, self.num_heads, -1))
        qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        q, keys_values = qkv[0], qkv[1:]
        if past is not None:
            keys_values = torch.cat((past, keys_values), 3)
        k, v = keys_values[0], keys_values[1]
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)  # (B, H, T, S + T)
        weights = scores.masked_fill(is_later, float("-inf")).softmax(-1)
        x = x + self.attention_out((weights @ v).transpose(1, 2).flatten(2))
        hidden = F.gelu(self.feed_in(self.norm_2(x)), approximate="tanh")
        return x + self.feed_out(hidden), keys_values


def load(folder: str | Path) -> GPT2:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = GPT2(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
