"""Whether generated points are where the data is: clusters that are known, and neighbourhoods where none are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from olaria.data.base import PointData
from olaria.evaluation import diversity
from olaria.evaluation.gathered import Gathered, Value
from olaria.i18n import N_, Message
from olaria.objectives.mixture import Mixture

NEAR = 3.0
"""Standard deviations within which a point is of a cluster."""


@dataclass(frozen=True)
class Clusters:
    """Generated points beside the clusters of the data.

    Args:
        modes_covered: clusters with a generated point near them.
        high_quality_share: share of the generated points that are near a cluster.
        shares: of those near one, by cluster, (K,); 1/K each is right.
    """

    modes_covered: int
    high_quality_share: float
    shares: Tensor


def clusters(points: Tensor, modes: Tensor, std: float) -> Clusters:
    r"""Points within :math:`3 \sigma` of the nearest centre, and the centres that have some.

    Of points drawn from the clusters themselves a share of :math:`1 - e^{-9/2} = 0.989` is that near.

    Args:
        points: generated, (N, 2).
        modes: centres, (K, 2).
        std: :math:`\sigma` of each cluster in both directions.

    Source: Srivastava et al. 2017, *VEEGAN*, section 4.1.
    """
    distance, nearest = torch.cdist(points, modes).min(1)
    near = distance < NEAR * std
    counts = torch.bincount(nearest[near], minlength=len(modes))
    return Clusters(
        modes_covered=int((counts > 0).sum()),
        high_quality_share=near.double().mean().item(),
        shares=counts.double() / max(1, int(counts.sum())),
    )


def density_metrics(log_density: Callable[[Tensor], Tensor], data: PointData) -> Gathered:
    r"""What a model's density says of the test points: their mean :math:`-\log p`, and how far it is above the least.

    The excess is the mean of :math:`\log p_{data} - \log p_{model}` over the test points, an estimate of
    :math:`D(p_{data} \| p_{model})`: 0 for the data's own density.

    Args:
        log_density: of points (N, 2), in nats, (N,).
        data: the test points, and their clusters where they are known.
    """
    metrics, nats = Gathered(), log_density(data.test).double()
    metrics.add("point_nll_nats", lambda: -nats.mean().item())
    if data.clusters is not None:
        x = data.test.double()
        truth = Mixture(*data.clusters).log_density(x, x.new_ones(len(x)))
        metrics.add("excess_nats", lambda: (truth - nats).mean().item())
    else:
        metrics.leave_out(("excess_nats",), Message(N_("the density of this data is not known")))
    return metrics


def evaluate_points(
    points: Tensor, data: PointData, k: int = diversity.K
) -> tuple[dict[str, Value], dict[str, int], dict[str, Message]]:
    """All metrics of generated points (M, 2) beside the test points: values, protocol fields, reasons of nulls."""
    metrics = Gathered()
    protocol = {"num_examples": len(data.test), "num_samples": len(points), "k": k}
    if data.clusters is not None:
        found = clusters(points, *data.clusters)
        metrics.add("modes_covered", lambda: found.modes_covered)
        metrics.add("high_quality_share", lambda: found.high_quality_share)
        protocol["num_modes"] = len(found.shares)
    else:
        reason = Message(N_("no clusters of this data are known"))
        metrics.leave_out(("modes_covered", "high_quality_share"), reason)
    if min(len(points), len(data.test)) > k:
        metrics.add_all(
            diversity.NEIGHBOURHOODS, lambda: asdict(diversity.prdc(points, data.test, k))
        )
    else:
        few = Message(N_("fewer than {least} points"), {"least": k + 1})
        metrics.leave_out(diversity.NEIGHBOURHOODS, few)
    return metrics.metrics, protocol, metrics.reasons
