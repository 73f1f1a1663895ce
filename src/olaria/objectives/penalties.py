r"""Terms that are added to a loss to shape a function: its codes, or the slope of its answers.

Each returns one number per example, (B,); the mean over the batch and the weight are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from olaria import draws


def sparsity(z: Tensor) -> Tensor:
    r"""The size of a code, :math:`\sum_j \lvert z_j \rvert`: its small entries are worth nothing and become zero.

    Args:
        z: codes, (B, D).

    Source: Goodfellow, Bengio & Courville 2016, *Deep Learning*, section 14.2.1.

    >>> sparsity(torch.tensor([[1.0, -2.0]]))
    tensor([3.])
    """
    return z.abs().sum(1)


def contraction(z: Tensor, x: Tensor, generator: Generator) -> Tensor:
    r"""How much a code moves with its image, :math:`\lVert \partial z / \partial x \rVert_F^2`, estimated.

    .. math:: \lVert J \rVert_F^2 = \mathbb E_v \lVert v^\top J \rVert^2, \qquad v \sim N(0, I)

    One draw of v costs one backward pass, where the Jacobian itself would cost as many as the code has entries; the
    estimate has no bias.

    Args:
        z: codes that were computed from ``x``, (B, D).
        x: images that require a gradient, (B, ...).
        generator: draws v.

    Source: Rifai et al. 2011, *Contractive Auto-Encoders*, equation 1; the estimator is Hutchinson's (1990).
    """
    v = draws.normal(z.shape, generator, z.dtype)
    (slope,) = torch.autograd.grad((z * v).sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(1)


def slope_penalty(
    discriminate: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: Generator
) -> Tensor:
    r"""How far the discriminator's slope is from 1 on the way between a real and a generated image.

    .. math:: \bigl(\lVert \nabla l(\hat x) \rVert - 1\bigr)^2, \qquad
              \hat x = u\, x + (1 - u)\, \tilde x, \quad u \sim U(0, 1)

    Args:
        discriminate: images to logits, (B, ...) to (B,).
        real: :math:`x`, (B, ...).
        fake: :math:`\tilde x`, the same shape, without gradient.
        generator: draws u.

    Source: Gulrajani et al. 2017, *Improved Training of Wasserstein GANs*, equation 3.
    """
    u = draws.uniform((len(real), *[1] * (real.ndim - 1)), generator, real.dtype)
    between = torch.lerp(fake, real, u)
    return (_slope(discriminate, between).square().sum(1).add(1e-12).sqrt() - 1).square()


def zero_slope_penalty(discriminate: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    r"""The squared slope of the discriminator on real images, :math:`\lVert \nabla l(x) \rVert^2`, known as R1.

    Args:
        discriminate: images to logits, (B, ...) to (B,).
        real: :math:`x`, (B, ...).

    Source: Mescheder et al. 2018, *Which Training Methods for GANs do actually Converge?*, equation 9.
    """
    return _slope(discriminate, real).square().sum(1)


def _slope(discriminate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of each logit in its own image, (B, pixels)."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminate(x).sum(), x, create_graph=True)
    return slope.flatten(1)
