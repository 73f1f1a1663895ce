"""What a language model sees of a text that outgrows its context."""

from __future__ import annotations

import torch
from torch import Tensor


def window_of(read: Tensor | None, tokens: Tensor, context: int) -> tuple[Tensor, bool]:
    """What the model sees once ``tokens`` are read.

    Args:
        read: what it saw before, (B, S), S ≤ context; None at the start.
        tokens: what is new, (B, T).
        context: the most it sees.

    Returns:
        The window, (B, ≤ context), and whether it begins elsewhere than before.
    """
    if read is None:
        return tokens[:, -context:], True
    window = torch.cat((read, tokens), 1)
    if window.shape[1] <= context:
        return window, False
    return window[:, -max(1, context // 2) :], True
