r"""How far generated images are from real ones, as distances between two clouds of features.

All functions take features (N, d) and (M, d), whatever network they come from; a distance in one
network's features says nothing about a distance in another's. Both distances are biased or noisy
with few samples, so each comes with what makes it readable: an extrapolation, an interval, and the
same distance of other real images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.neighbours import block_rows
from olaria.i18n import N_

NUM_FRACTIONS = 15
NUM_REPLICATES = 200


@dataclass(frozen=True)
class Gaussian:
    """Mean (d,) and covariance (d, d) of a cloud of features, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Gaussian:
        """The sample mean and the unbiased (N − 1) covariance of features (N, d).

        Raises:
            EvaluationError: fewer than two rows.
        """
        if len(features) < 2:
            raise EvaluationError(
                N_("a distance between sets needs two images in each; there are {count}"),
                count=len(features),
            )
        mean = features.mean(0)
        gaps = features - mean
        return cls(mean.double(), (gaps.T @ gaps).double() / (len(features) - 1))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    r"""Squared 2-Wasserstein distance of two normal distributions.

    .. math:: \lVert \mu_a - \mu_b \rVert^2 + \mathrm{tr}\,\Sigma_a + \mathrm{tr}\,\Sigma_b
              - 2\, \mathrm{tr} \bigl(\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2}\bigr)^{1/2}

    The symmetric form has the trace of :math:`(\Sigma_a \Sigma_b)^{1/2}` but only real eigenvalues,
    so nothing complex can appear and nothing has to be dropped.

    Source: Dowson & Landau 1982, equation 16; as a score of images, Heusel et al. 2017, equation 6.
    """
    root = _square_root(a.covariance)
    eigenvalues = torch.linalg.eigvalsh(root @ b.covariance @ root)
    cross = eigenvalues.clamp_min(0).sqrt().sum()  # below zero by rounding only
    traces = a.covariance.trace() + b.covariance.trace()
    return float((a.mean - b.mean).square().sum() + traces - 2 * cross)


def fd(generated: Tensor, real: Tensor) -> float:
    """Fréchet distance between two sets of features; :func:`frechet_distance` of their Gaussians.

    Biased upwards when sets are small: compare only values with equal numbers of images.
    """
    return frechet_distance(Gaussian.of(generated.double()), Gaussian.of(real.double()))


def fd_unbiased(
    generated: Tensor, real: Tensor, generator: Generator, num_fractions: int = NUM_FRACTIONS
) -> float:
    r"""The Fréchet distance extrapolated to infinitely many images on both sides.

    Its bias falls like 1/N. ``fd`` is measured on random fractions f of both sets, evenly spaced
    from one half to all, and the least-squares line in 1/f is read at 1/f = 0. May be slightly
    negative when the two sets come from the same distribution.

    Source: Chong & Forsyth 2020, *Effectively Unbiased FID and Inception Score*, section 3. They
    shrink the generated set only; shrinking both removes the real set's share of the bias as well.

    Args:
        generated: (N, d).
        real: (M, d).
        generator: draws the subsets.
        num_fractions: points on the line.
    """
    fractions = torch.linspace(0.5, 1.0, num_fractions, dtype=torch.float64)
    values = [
        fd(_part(generated, f, generator), _part(real, f, generator)) for f in fractions.tolist()
    ]
    design = torch.stack([torch.ones_like(fractions), 1 / fractions], 1)
    line = torch.linalg.lstsq(design, torch.tensor(values, dtype=torch.float64)[:, None]).solution
    return float(line[0])


def fd_ci95(
    generated: Tensor, real: Tensor, generator: Generator, num_replicates: int = NUM_REPLICATES
) -> tuple[float, float]:
    """The middle 95% of bootstrap resamples of ``fd``, moved to the measured value.

    Both sets are resampled. Resampling adds a bias of its own (a resampled set has fewer distinct
    images), so the replicates' spread is kept and their mean is moved to the measured value.

    Args:
        generated: (N, d).
        real: (M, d).
        generator: draws the resampled sets.
        num_replicates: resampled pairs.

    Source: Efron & Tibshirani 1993, chapters 10 and 13.
    """
    pairs = zip(
        _resampled(generated, num_replicates, generator),
        _resampled(real, num_replicates, generator),
        strict=True,
    )
    replicates = torch.tensor([frechet_distance(a, b) for a, b in pairs], dtype=torch.float64)
    bounds = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = (
        torch.quantile(replicates, bounds) - replicates.mean() + fd(generated, real)
    ).tolist()
    return low, high


def kd(generated: Tensor, real: Tensor) -> float:
    r"""Kernel distance: the unbiased squared maximum mean discrepancy with a cubic kernel.

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{n(n-1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{m(m-1)}
              - \frac{2 \sum_{i,j} k(x_i, y_j)}{nm}, \qquad k(x, y) = \bigl(x \cdot y / d +
                1\bigr)^3

    On all pairs (no random subsets), in blocks. Zero on average for equal distributions at any
    number of images, so single values may be slightly negative.

    Source: Bińkowski et al. 2018, *Demystifying MMD GANs*, equations 4 and 5 and section 4.

    Args:
        generated: (n, d), n ≥ 2.
        real: (m, d), m ≥ 2.
    """
    x, y = generated, real
    n, m = len(x), len(y)
    within_x = (_kernel_sum(x, x) - _kernel_diagonal(x)) / (n * (n - 1))
    within_y = (_kernel_sum(y, y) - _kernel_diagonal(y)) / (m * (m - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y) / (n * m)


def _square_root(matrix: Tensor) -> Tensor:
    """Symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def _part(features: Tensor, fraction: float, generator: Generator) -> Tensor:
    count = max(2, round(fraction * len(features)))
    return features[torch.randperm(len(features), generator=generator)[:count]]


def _resampled(features: Tensor, num_replicates: int, generator: Generator) -> list[Gaussian]:
    """The Gaussians of ``num_replicates`` sets drawn from the rows with replacement.

    With w_r how often each row was drawn, all second moments Σ_i w_ri x_i x_iᵀ are one matrix product
    of the w and the outer products; one block of rows at a time, since these are large.
    """
    count, dimension = features.shape
    centre = features.mean(0)
    gaps = features - centre
    draws = torch.randint(count, (num_replicates, count), generator=generator)
    weights = torch.zeros(num_replicates, count, dtype=features.dtype)
    weights.scatter_add_(1, draws, torch.ones_like(weights))
    second = torch.zeros(num_replicates, dimension**2, dtype=features.dtype)
    for rows in torch.split(torch.arange(count), block_rows(dimension**2)):
        outer = gaps[rows, :, None] * gaps[rows, None, :]
        second += weights[:, rows] @ outer.flatten(1)
    means = (weights @ gaps / count).double()
    moments = second.double().view(-1, dimension, dimension) / count
    covariances = (moments - means[:, :, None] * means[:, None, :]) * (count / (count - 1))
    return [
        Gaussian(mean + centre, covariance)
        for mean, covariance in zip(means, covariances, strict=True)
    ]


def _kernel_sum(x: Tensor, y: Tensor) -> float:
    """Sum of the kernel over all pairs, a block of rows of x at a time."""
    one = torch.ones(1, dtype=x.dtype)
    blocks = torch.split(x, block_rows(len(y)))
    dots = (torch.addmm(one, block, y.T, alpha=1 / x.shape[1]) for block in blocks)
    return sum(base.pow_(3).sum(dtype=torch.float64).item() for base in dots)


def _kernel_diagonal(x: Tensor) -> float:
    """Sum of the kernel over the pairs of each row with itself."""
    return (x.square().mean(1) + 1).pow(3).sum(dtype=torch.float64).item()
