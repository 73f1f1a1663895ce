"""Images of two models: a language model writes codes, and a VQ model decodes them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from olaria.data.codes import codes_of_lines, lines_of_codes
from olaria.data.tokenizer import Tokenizer
from olaria.errors import SamplingError
from olaria.i18n import N_
from olaria.models.vq import VQ
from olaria.sampling.autoregressive import SamplingConfig, generate

_BLOCK = 500
_TRIES = 4
"""Rounds, each of as many lines as images are still missing."""


@torch.no_grad()
def text_of(model: VQ, x: Tensor, generator: Generator) -> str:
    """Images, uint8 (N, C, H, W), as lines of letters, one each; Bernoulli pixels are drawn first."""
    targets = (model.target(block.float() / 255, generator) for block in x.split(_BLOCK))
    lines = (line for block in targets for line in lines_of_codes(model.encode(block)))
    return "".join(f"{line}\n" for line in lines)


@torch.no_grad()
def draw(
    writer: Any,
    tokenizer: Tokenizer,
    painter: VQ,
    count: int,
    generator: Generator,
    temperature: float = 1.0,
) -> Tensor:
    """Images (count, C, H, W) in [0, 1]: the pixels' means after codes that a language model writes.

    Args:
        writer: a language model of lines of codes, in evaluation mode.
        tokenizer: of the writer.
        painter: decodes the codes.
        count: how many.
        generator: of the draws.
        temperature: of each code.

    Raises:
        SamplingError: too many of its lines are not the codes of an image.
    """
    config = SamplingConfig(max_tokens=painter.grid[0] * painter.grid[1], temperature=temperature)
    start, images, missing = tokenizer.encode("\n")[None], list[Tensor](), count
    for _ in range(_TRIES):
        for size in (min(_BLOCK, missing - i) for i in range(0, missing, _BLOCK)):
            drawn = torch.stack([*generate(writer, start.repeat(size, 1), config, generator)], 1)
            lines = [tokenizer.decode(row) for row in drawn]
            codes = codes_of_lines(lines, painter.grid, painter.config.codes)
            images.append(painter.logits(codes).sigmoid())
        missing = count - sum(map(len, images))
        if missing == 0:
            return torch.cat(images)
    raise SamplingError(
        N_("only {share} of the lines that the model writes are images; train it longer"),
        share=f"{100 * (count - missing) // count}%",  # never "100%"
    )
