r"""A bigram: the next token depends on this one alone.

    p(next | this) = softmax(table[this])

The table has a row for each of the V tokens: the logits of what follows it. Trained by gradient descent, it comes to
what counting pairs of neighbours gives: the frequency of each pair among all pairs that begin alike.

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
from safetensors.torch import load_file
from torch import Tensor, nn


class Bigram(nn.Module):
    """A table: row = this token, column = logits of the next."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.context = 1
        self.table = nn.Embedding(config["vocab_size"], config["vocab_size"])

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, T) to logits of the next token after each, (B, T, V)."""
        return self.table(tokens)

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int, temperature: float = 1.0) -> Tensor:
        """Token ids (B, T), and ``count`` more that are drawn one by one."""
        for _ in range(count):
            logits = self(tokens[:, -1:])[:, -1]
            probabilities = (logits / temperature).softmax(-1)
            tokens = torch.cat((tokens, torch.multinomial(probabilities, 1)), 1)
        return tokens


def load(folder: str | Path) -> Bigram:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = Bigram(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
