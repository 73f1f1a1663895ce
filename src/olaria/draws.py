"""Random numbers of a batch that several processes share: drawn for all of it, of which each process keeps its part.

So a step does not depend on how many processes make it. What is drawn is cheap beside what is made of it. A process
that is alone, which is the rule, draws as PyTorch does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

_CPU = torch.device("cpu")
_WITH_MASKS = ("cuda",)
"""Kinds of device that draw masks of dropout themselves, from a seed that the CPU draws: other masks than its own."""


@dataclass
class _Part:
    index: int = 0
    count: int = 1
    device: torch.device = _CPU


_current = _Part()


@contextmanager
def part_of_batch(index: int, count: int, device: torch.device = _CPU) -> Iterator[None]:
    """Inside, batches are the ``index``-th of ``count`` equal parts of one, in the order of its rows.

    Args:
        index: of the part.
        count: of parts.
        device: where what is drawn, always by the CPU, is wanted.
    """
    before = _current.index, _current.count, _current.device
    _current.index, _current.count, _current.device = index, count, device
    try:
        yield
    finally:
        _current.index, _current.count, _current.device = before


def uniform(shape: Sequence[int], generator: Generator, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers in [0, 1); the first dimension is the batch."""
    return _own(lambda full: torch.rand(full, generator=generator, dtype=dtype), shape)


def spread(count: int, generator: Generator) -> Tensor:
    r"""Numbers in [0, 1), each uniform, together evenly spaced over the batch: :math:`(u + b / B) \bmod 1`, (count,).

    A mean over them varies less than one over independent numbers. Source: Kingma et al. 2021, *Variational Diffusion
    Models*, appendix I.1.
    """

    def draw(full: list[int]) -> Tensor:
        places = torch.arange(full[0]) / full[0]
        return (torch.rand((), generator=generator) + places) % 1

    return _own(draw, (count,))


def normal(
    shape: Sequence[int], generator: Generator, dtype: torch.dtype | None = None, batch: int = 0
) -> Tensor:
    """Numbers of N(0, 1); ``batch`` is the batch's dimension."""
    return _own(lambda full: torch.randn(full, generator=generator, dtype=dtype), shape, batch)


def integers(low: int, high: int, shape: Sequence[int], generator: Generator) -> Tensor:
    """Whole numbers from ``low`` to ``high`` - 1; the first dimension is the batch."""
    return _own(lambda full: torch.randint(low, high, full, generator=generator), shape)


def dropout(x: Tensor, probability: float, training: bool) -> Tensor:
    """:func:`torch.nn.functional.dropout` of PyTorch's global generator; the first dimension is the batch."""
    is_alone = _current.count == 1 and _current.device == _CPU
    if is_alone or not training or not probability:
        return F.dropout(x, probability, training)
    if x.device.type in _WITH_MASKS:
        return x * _mask_there(x, probability)
    kept = _own(lambda full: F.dropout(torch.ones(full, dtype=x.dtype), probability), x.shape)
    return x * kept


def _mask_there(x: Tensor, probability: float) -> Tensor:
    """This process's part of a mask that a GPU draws for the whole batch: the CPU draws only its seed.

    Of one GPT step at 82 million masked values the CPU alone would take most of a second.
    """
    seed = int(torch.randint(1 << 62, (), dtype=torch.int64))
    generator = torch.Generator(x.device).manual_seed(seed)
    full = [x.shape[0] * _current.count, *x.shape[1:]]
    drawn = torch.rand(full, generator=generator, device=x.device)
    own = drawn.narrow(0, _current.index * x.shape[0], x.shape[0]) if _current.count > 1 else drawn
    return (own >= probability).to(x.dtype) / (1 - probability)


def _own(draw: Callable[[list[int]], Tensor], shape: Sequence[int], batch: int = 0) -> Tensor:
    """This process's part of what ``draw`` gives for the whole batch."""
    full = list(shape)
    full[batch] *= _current.count
    own = draw(full)
    if _current.count > 1:
        own = own.narrow(batch, _current.index * shape[batch], shape[batch])
    return own.to(_current.device)
