"""Likelihoods of sequences, and bounds on likelihoods."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor, ignored: int = -100) -> Tensor:
    r"""Negative log-likelihood of the next token, in nats per token.

    .. math:: -\frac{1}{BT} \sum_{b,t} \log \mathrm{softmax}(l_{b,t})_{y_{b,t}}

    Args:
        logits: :math:`l`, (B, T, V).
        targets: :math:`y`, the following token ids, (B, T), int64.
        ignored: a target that is no token (padding): it counts neither in the sum nor in BT.

    Returns:
        The mean over all tokens, a scalar.

    >>> cross_entropy(torch.zeros(1, 3, 4), torch.tensor([[0, 1, 2]]))  # log 4
    tensor(1.3863)
    """
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignored)


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    r"""The importance-weighted bound on the log-likelihood, in nats; larger is tighter.

    .. math:: \log \frac1k \sum_{i=1}^k \frac{p(x, z_i)}{q(z_i \mid x)}, \quad z_i \sim q(z \mid x)

    With k = 1 its mean is the ELBO; as k grows it rises to :math:`\log p(x)`.

    Args:
        log_weights: :math:`\log p(x, z_i) - \log q(z_i \mid x)`, (k, B).

    Returns:
        (B,).

    Source: Burda, Grosse & Salakhutdinov 2016, *Importance Weighted Autoencoders*, equation 8.
    """
    return torch.logsumexp(log_weights, 0) - math.log(log_weights.shape[0])
