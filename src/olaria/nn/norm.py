"""The norm that transformers share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def norm(x: Tensor) -> Tensor:
    r"""Root-mean-square norm over the last dimension, without weights.

    .. math:: \hat x = x / \sqrt{\tfrac1C \sum_j x_j^2 + \epsilon}

    with float32's own precision as epsilon.

    Args:
        x: (..., C).

    Returns:
        The same shape.

    Source: Zhang & Sennrich 2019, *Root Mean Square Layer Normalization*.
    """
    return F.rms_norm(x, (x.shape[-1],))
