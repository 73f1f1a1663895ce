r"""A GPT as it is built today: rotary positions, norms without weights, a squared ReLU, bounded logits.

    x = norm(embedding[token])
    x = x + attention(norm(x))
    x = x + W_out relu(W_in norm(x))^2      both once in every block
    logits = 15 tanh(W norm(x) / 15)

Queries and keys are turned by an angle that grows with their place, so that their product depends on how far apart they
are; there is no table of positions. Where attention is local (``config["chunk"]``), a token attends to its own chunk of
the text and to the one before. Earlier tokens' keys and values do not change when the text grows, so ``extend`` takes
them from a cache.

Sources: Vaswani et al. 2017 (attention); Su et al. 2021, equation 34 (rotary positions); Henry et al. 2020 (normalised
queries and keys); So et al. 2021 (squared ReLU); Roy et al. 2021, section 3.2 (local attention).

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

LOGIT_CAP = 15.0


class GPT(nn.Module):
    """A causal language model."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, self.num_heads = config["width"], config["num_heads"]
        self.context, self.head_size = config["context"], width // self.num_heads
        self.chunk = config["chunk"] or self.context
        self.embedding = nn.Embedding(config["vocab_size"], width)
        self.blocks = nn.ModuleList(
            Block(width, self.num_heads) for _ in range(config["num_layers"])
        )
        self.head = nn.Linear(width, config["vocab_size"], bias=False)
        frequencies = 10_000.0 ** -(torch.arange(0, self.head_size, 2) / self.head_size)
        angles = torch.arange(self.context)[:, None] * frequencies  # (context, head size / 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T), T at most the context, to logits of the next token after each, (B, T, V)."""
        return self.extend(tokens, None, 0)[0]

    def extend(
        self, tokens: Tensor, cache: Tensor | None, start: int | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of tokens (B, T) after those in the cache, and the longer cache.

        Args:
            tokens: ids.
            cache: keys and values of the S tokens before, (layers, 2, B, heads, S, head size); None before the
                first. Of local attention it may be cut to the last 2 ``chunk`` tokens.
            start: place of the first of the tokens, from 0; S where the cache was never cut.
        """
        num_past, count = 0 if cache is None else cache.shape[4], tokens.shape[1]
        places = torch.arange(count, device=tokens.device) + start
        keys = torch.arange(num_past + count, device=tokens.device) + (start - num_past)
        chunks_apart = (places // self.chunk)[:, None] - keys // self.chunk
        is_hidden = (keys > places[:, None]) | (chunks_apart > 1)  # (T, S + T)
        cos, sin = self.cos[places], self.sin[places]
        x = norm(self.embedding(tokens))
        longer = []
        for layer, block in enumerate(self.blocks):
            past = None if cache is None else cache[layer]
            x, keys_values = block(x, cos, sin, is_hidden, past)
            longer.append(keys_values)
        logits = LOGIT_CAP * torch.tanh(self.head(norm(x)) / LOGIT_CAP)
        return logits, torch.stack(longer)

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int, temperature: float = 1.0) -> Tensor:
        """Token ids (B, T), and ``count`` more that are drawn one by one; a full context begins anew with its half."""
        new, cache, start = tokens[:, -self.context :], None, 0
        for _ in range(count):
            if start == self.context:
                new, cache, start = tokens[:, -max(1, self.context // 2) :], None, 0
            logits, cache = self.extend(new, cache, start)
            start += new.shape[1]
            probabilities = (logits[:, -1] / temperature).softmax(-1)
            new = torch.multinomial(probabilities, 1)
            tokens = torch.cat((tokens, new), 1)
        return tokens


class Block(nn.Module):
    """Attention between tokens, then two layers on each token alone; each is added to the stream."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.feed_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_out = nn.Linear(4 * width, width, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, is_hidden: Tensor, past: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, width) to the same; and keys and values of all tokens so far, (2, B, H, S + T, D)."""
        qkv = self.qkv(norm(x)).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        qk = rotate(norm(qkv[:2]), cos, sin)  # (2, B, H, T, D)
        keys_values = torch.stack((qk[1], qkv[2]))
        if past is not None:
            keys_values = torch.cat((past, keys_values), 3)
        q, k, v = qk[0], keys_values[0], keys_values[1]
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)  # (B, H, T, S + T)
        weights = scores.masked_fill(is_hidden, float("-inf")).softmax(-1)
        x = x + self.attention_out((weights @ v).transpose(1, 2).flatten(2))
        return x + self.feed_out(F.relu(self.feed_in(norm(x))).square()), keys_values


def norm(x: Tensor) -> Tensor:
    """Vectors divided by their root mean square, without weights."""
    return F.rms_norm(x, (x.shape[-1],))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of features (j, j + D/2) of (..., T, D) by its place's angle."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def load(folder: str | Path) -> GPT:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = GPT(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
