"""Processes that train one model together, each on its part of every batch.

The first one decides (when the run ends, what is changed, what is measured) and the others follow. Numbers go by
``torch.distributed``, words as JSON: nothing is pickled. Alone, a process asks no one.

Source of the method (the gradient of a batch is the mean of its parts' gradients): Li et al. 2020, *PyTorch
Distributed: Experiences on Accelerating Data Parallel Training*, section 2.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as processes
from safetensors.torch import load, save
from torch import Tensor

from olaria.errors import ConfigError, LostProcessError
from olaria.i18n import N_, Setting
from olaria.models.base import Batch
from olaria.sharing import Part, Piece, alone, each
from olaria.training.device import CPU

Tensors = dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Team:
    """This process among those of its run.

    Args:
        rank: its number; the first, 0, decides and writes.
        size: how many there are.
        group: the process group of ``torch.distributed`` that they are in, where there are several.
        device: where this process trains.
    """

    rank: int = 0
    size: int = 1
    group: Any = None
    device: torch.device = CPU

    @property
    def is_first(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    # -- of a batch ------------------------------------------------------------------------------

    def check(self, batch_size: int) -> None:
        """Refuse batches that the team cannot share evenly.

        Raises:
            ConfigError: it does not divide them.
        """
        if batch_size % self.size:
            raise ConfigError(
                N_(
                    "{count} processes cannot share a batch of {size}; choose a multiple with {setting}"
                ),
                setting=Setting("training.batch_size", "N"),
                count=self.size,
                size=batch_size,
            )

    def part(self, batch: Batch) -> Batch:
        """This process's rows of a batch whose number of rows the team divides."""
        if self.size == 1:
            return batch
        x, y = (None if t is None else t.chunk(self.size)[self.rank] for t in (batch.x, batch.y))
        assert x is not None
        return Batch(x, y)

    def share(self, count: Tensor | None) -> float:
        """The factor on a part's loss that makes the mean over the parts the mean over the batch.

        .. math:: W n_r / \\sum_s n_s

        Args:
            count: :math:`n_r`, what the part's loss is the mean of; None where the parts are alike.
        """
        if self.size == 1 or count is None:
            return 1.0
        total = count.detach().double().cpu()
        with _told_when_alone():
            processes.all_reduce(total, group=self.group)
        return self.size * float(count) / float(total)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Each value's mean over the team."""
        if self.size == 1:
            return dict(values)
        numbers = torch.tensor(list(values.values()), dtype=torch.float64)
        with _told_when_alone():
            processes.all_reduce(numbers, group=self.group)
        return dict(zip(values, (numbers / self.size).tolist(), strict=True))

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Replace gradients by their mean over the team, all in one message."""
        if self.size == 1:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with _told_when_alone():
            processes.all_reduce(flat, group=self.group)
        flat /= self.size
        pieces = flat.split([gradient.numel() for gradient in gradients])
        shaped = [piece.view_as(old) for piece, old in zip(pieces, gradients, strict=True)]
        torch._foreach_copy_(list(gradients), shaped)

    def summed(self, parts: Sequence[Part], count: int) -> list[float]:
        """The ``count`` sums of what all parts give, each computed by one process."""
        own = alone(parts[self.rank :: self.size], count)
        if self.size == 1:
            return own
        sums = torch.tensor(own, dtype=torch.float64)
        with _told_when_alone():
            processes.all_reduce(sums, group=self.group)
        return sums.tolist()

    def joined(self, pieces: Iterable[Piece]) -> list[Tensor]:
        """What each piece gives, computed by one process and told to the others."""
        if self.size == 1:
            return each(pieces)
        own = [piece() if i % self.size == self.rank else None for i, piece in enumerate(pieces)]
        return [self._tensor(found, i % self.size) for i, found in enumerate(own)]

    # -- what the first one says -----------------------------------------------------------------

    def number(self, value: float, source: int = 0) -> float:
        """The first one's number, or that of another source."""
        if self.size == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        with _told_when_alone():
            processes.broadcast(told, source, group=self.group)
        return float(told)

    def words(self, value: Any) -> Any:
        """The first one's JSON value; a NaN or an infinity is one too, inside the team."""
        if self.size == 1:
            return value
        return json.loads(self._bytes(json.dumps(value).encode() if self.is_first else b""))

    def tensors(self, value: Tensors) -> Tensors:
        """The first one's tensors, by file and name."""
        if self.size == 1:
            return value
        names = self.words(list(value))
        packed = (save(value[name]) if self.is_first else b"" for name in names)
        return {
            name: load(self._bytes(content)) for name, content in zip(names, packed, strict=True)
        }

    def _tensor(self, value: Tensor | None, source: int) -> Tensor:
        """The tensor of one process, which alone has it."""
        content = b"" if value is None else save({"": value.contiguous()})
        return load(self._bytes(content, source))[""]

    def _bytes(self, content: bytes, source: int = 0) -> bytes:
        length = int(self.number(len(content), source))
        told = torch.zeros(length, dtype=torch.uint8)
        if self.rank == source:
            told = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        with _told_when_alone():
            processes.broadcast(told, source, group=self.group)
        return told.numpy().tobytes()


def in_short(error: Exception) -> str:
    """What a library of C++ says, without the place in its source, as a part of a line.

    >>> in_short(RuntimeError("[/src/pair.cc:553] Connection closed by peer [::1]:5. This may be"))
    'Connection closed by peer [::1]:5'
    """
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[[^\]]*\]:? *", "", first).split(". ")[0][:80]


@contextmanager
def _told_when_alone() -> Iterator[None]:
    """A process that ended leaves the others' messages without an answer."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            N_(
                "another process of this run ended or cannot be reached ({reason}); what was saved "
                "is whole: go on with {resume}, with as many processes as you like"
            ),
            resume=Setting("resume"),
            reason=in_short(error),
        ) from error
