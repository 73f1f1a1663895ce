"""Every random act of a run as a function of its seed and its place, never of what came before.

That is what makes a resumed run equal the straight one, and watching (samples, evaluation) harmless.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

from olaria.vocabulary import SEED_LIMIT


def derive(seed: int, *place: str | int) -> int:
    """A seed for one place in a run: the first 63 bits of SHA-256 over the run's seed and the place.

    >>> derive(0, "noise", 1) != derive(0, "noise", 2)
    True
    """
    digest = hashlib.sha256("\0".join(map(str, (seed, *place))).encode()).digest()
    return int.from_bytes(digest[:8], "big") % SEED_LIMIT


def generator(seed: int, *place: str | int) -> Generator:
    """A generator that starts at :func:`derive` of the place."""
    return torch.Generator().manual_seed(derive(seed, *place))


@contextmanager
def seeded(seed: int, *place: str | int) -> Iterator[None]:
    """PyTorch's global generator at the place (initial weights, dropout), and as it was afterwards."""
    # Not torch.manual_seed: without a GPU it keeps a stack trace of every call for a CUDA that never comes.
    state = torch.default_generator.get_state()
    torch.default_generator.manual_seed(derive(seed, *place))
    try:
        yield
    finally:
        torch.default_generator.set_state(state)
