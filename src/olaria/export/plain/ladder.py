r"""A language model on a rung of the ladder that leads to GPT-2; each rung adds one idea to the one before.

    average       each token's vector becomes the mean of the vectors up to it
    head          self-attention: the data decide how much each one weighs in the mean
    multi-head    several means at a time, and a projection that mixes them
    feed-forward  a nonlinear layer that works on each token alone
    residual      both outputs are added to the stream instead of replacing it
    norm          a layer norm before each of them, and one before the output layer

``config["rung"]`` says how far up this model stands. Sources: Vaswani et al. 2017, "Attention Is All You Need"; He et
al. 2016 (residuals); Ba et al. 2016 (layer norm).

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

RUNGS = ("average", "head", "multi-head", "feed-forward", "residual", "norm")


class LanguageModel(nn.Module):
    """A causal language model."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, self.context, rung = config["width"], config["context"], RUNGS.index(config["rung"])
        self.embedding = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(self.context, width)
        self.blocks = nn.ModuleList(
            Block(width, config["num_heads"], rung) if rung else Average()
            for _ in range(config["num_layers"])
        )
        self.norm = nn.LayerNorm(width) if rung >= RUNGS.index("norm") else nn.Identity()
        self.head = nn.Linear(width, config["vocab_size"])

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T), T at most the context, to logits of the next token after each, (B, T, V)."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        is_later = places[None, :] > places[:, None]  # (T, T): not to be attended to
        x = self.embedding(tokens) + self.positions(places)
        for block in self.blocks:
            x = block(x, is_later)
        return self.head(self.norm(x))

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int, temperature: float = 1.0) -> Tensor:
        """Token ids (B, T), and ``count`` more that are drawn one by one from the last ``context`` tokens."""
        for _ in range(count):
            logits = self(tokens[:, -self.context :])[:, -1]
            probabilities = (logits / temperature).softmax(-1)
            tokens = torch.cat((tokens, torch.multinomial(probabilities, 1)), 1)
        return tokens


class Average(nn.Module):
    """The lowest rung: the mean, as a softmax of equal scores. Nothing in it is learned."""

    def forward(self, x: Tensor, is_later: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        scores = torch.zeros_like(is_later, dtype=x.dtype)
        return scores.masked_fill(is_later, float("-inf")).softmax(-1) @ x


class Block(nn.Module):
    """Self-attention; from ``feed-forward`` on also two layers on each token alone."""

    def __init__(self, width: int, num_heads: int, rung: int) -> None:
        super().__init__()
        has_head, has_feed, adds, norms = (rung >= height for height in range(2, 6))
        self.num_heads, self.adds = num_heads, adds
        self.norm_1 = nn.LayerNorm(width) if norms else nn.Identity()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False) if has_head else nn.Identity()
        self.feed_in = nn.Linear(width, 4 * width, bias=False) if has_feed else None
        if has_feed:
            self.norm_2 = nn.LayerNorm(width) if norms else nn.Identity()
            self.feed_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, is_later: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        x = self.join(x, self.attend(self.norm_1(x), is_later))
        if self.feed_in is None:
            return x
        return self.join(x, self.feed_out(F.relu(self.feed_in(self.norm_2(x)))))

    def attend(self, x: Tensor, is_later: Tensor) -> Tensor:
        """Queries, keys and values are three linear maps of the same vectors."""
        parts = self.qkv(x).chunk(3, 2)
        q, k, v = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)  # (B, H, T, T)
        weights = scores.masked_fill(is_later, float("-inf")).softmax(-1)
        return self.attention_out((weights @ v).transpose(1, 2).flatten(2))

    def join(self, x: Tensor, output: Tensor) -> Tensor:
        """What a part gives is added to the stream; below ``residual`` it takes the stream's place."""
        return x + output if self.adds else output


def load(folder: str | Path) -> LanguageModel:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = LanguageModel(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
