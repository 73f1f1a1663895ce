"""Whether generated images cover the real ones: neighbourhoods in feature space, and classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.gathered import refuse_alike
from olaria.evaluation.neighbours import block_rows, centred, kth_radius, squared_distances
from olaria.i18n import N_

K = 5
SURE = 0.9
COVERED_SHARE = 0.02
NEIGHBOURHOODS = ("precision", "recall", "density", "coverage")
"""The metrics of :func:`prdc`."""


@dataclass(frozen=True)
class Neighbourhoods:
    """Precision, recall, density and coverage of a generated set."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(generated: Tensor, real: Tensor, k: int = K) -> Neighbourhoods:
    r"""Overlap of two clouds of features.

    With :math:`B(x_i)` the ball of radius "distance of :math:`x_i` to its k-th nearest other
    :math:`x`":

    - precision: share of generated points in at least one real ball;
    - recall: share of real points in at least one generated ball;
    - density: :math:`\frac{1}{kM} \sum_{j=1}^M \#\{i : y_j \in B(x_i)\}`, may exceed 1;
    - coverage: share of real balls that hold at least one generated point.

    Computed in blocks: memory grows with N + M, not with their product.

    Args:
        generated: :math:`y`, (M, d), M > k.
        real: :math:`x`, (N, d), N > k.
        k: which neighbour sets the radius.

    Raises:
        EvaluationError: a set has not more than ``k`` points, or most of ``real`` have ``k`` copies among them, so that
            their balls hold nothing.

    Source: Kynkäänniemi et al. 2019 (precision and recall); Naeem et al. 2020, equations 3 and 4
    (density and coverage).
    """
    y, x = centred(generated, real)
    real_radius, generated_radius = kth_radius(x, k).square(), kth_radius(y, k).square()
    if real_radius.median() == 0:
        raise EvaluationError(
            N_("most of the {count} real examples have {k} copies: no neighbourhood has a size"),
            count=len(x),
            k=k,
        )
    in_real = torch.zeros(len(y), dtype=torch.int64)
    held = torch.zeros(len(x), dtype=torch.bool)
    recalled = torch.zeros(len(x), dtype=torch.bool)
    start = 0
    for block in torch.split(x, block_rows(len(y))):
        part = slice(start, start + len(block))
        squared = squared_distances(block, y)
        inside = squared < real_radius[part, None]
        in_real += inside.sum(0)
        held[part] = inside.any(1)
        recalled[part] = (squared < generated_radius).any(1)
        start += len(block)
    return Neighbourhoods(
        precision=(in_real > 0).double().mean().item(),
        recall=recalled.double().mean().item(),
        density=in_real.double().sum().item() / (k * len(y)),
        coverage=held.double().mean().item(),
    )


def spread(generated: Tensor, real: Tensor) -> float:
    r""":math:`\sum_i \mathrm{Var}(\tilde x_i) / \sum_i \mathrm{Var}(x_i)` over the pixels or coordinates i.

    1 where the generated examples vary as the real ones do, 0 where they are all the same.

    Args:
        generated: :math:`\tilde x`, (M, ...).
        real: x, (N, ...), the same range.

    Raises:
        EvaluationError: there are fewer than two of ``real``, or they are all the same.
    """
    refuse_alike(real)
    return (generated.var(0).sum() / real.var(0).sum()).item()


def classes_covered(probabilities: Tensor) -> int:
    """Number of classes that at least 2% of the samples belong to with probability 0.9 or more.

    Args:
        probabilities: of a classifier, (N, classes).
    """
    best, label = probabilities.max(1)
    counts = torch.bincount(label[best >= SURE], minlength=probabilities.shape[1])
    return int((counts >= COVERED_SHARE * len(probabilities)).sum())


def class_entropy_bits(probabilities: Tensor) -> float:
    r"""Entropy :math:`-\sum_c p_c \log_2 p_c` of the classes that the classifier assigns, in bits.

    :math:`\log_2` (number of classes) when perfectly balanced; read it beside the test set's own.

    Args:
        probabilities: of a classifier, (N, classes).

    >>> class_entropy_bits(torch.eye(4))
    2.0
    """
    counts = torch.bincount(probabilities.argmax(1)).double()
    shares = counts[counts > 0] / len(probabilities)
    return max(0.0, -(shares * shares.log()).sum().item() / math.log(2))


def class_agreement(probabilities: Tensor, labels: Tensor) -> float:
    """Share of class-conditional samples that the classifier puts into the class asked for.

    Args:
        probabilities: of a classifier, (N, classes).
        labels: the classes asked for, int64 (N,).
    """
    return (probabilities.argmax(1) == labels).double().mean().item()
