r"""The two sides of a GAN's game, from the discriminator's logits.

With :math:`D = \sigma(l)`, :math:`l_r` on real and :math:`l_f` on generated images. At the optimum of the
original game :math:`D = 1/2` everywhere: the discriminator's loss is :math:`2 \log 2 \approx 1.386` nats and the
non-saturating generator's :math:`\log 2 \approx 0.693`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from olaria.families.gan import AdversarialLoss


def discriminator_loss(
    real: Tensor, fake: Tensor, loss: AdversarialLoss = "non-saturating"
) -> Tensor:
    r"""What the discriminator minimises; a scalar, the mean over the batch.

    - ``minimax`` and ``non-saturating``: :math:`-\log D(x) - \log(1 - D(G(z)))` in nats (Goodfellow et al.
      2014, eq. 1);
    - ``least-squares``: :math:`\tfrac12 (l_r - 1)^2 + \tfrac12 l_f^2` (Mao et al. 2017, eq. 2 with a = 0, b = 1);
    - ``hinge``: :math:`\max(0, 1 - l_r) + \max(0, 1 + l_f)` (Lim & Ye 2017; Miyato et al. 2018, eq. 16);
    - ``wasserstein``: :math:`l_f - l_r`, which bounds nothing without a constraint on the discriminator's slope
      (Arjovsky et al. 2017, eq. 2).

    Args:
        real: logits on real images, (B,).
        fake: logits on generated images, (B,).
        loss: the game.
    """
    match loss:
        case "minimax" | "non-saturating":
            return F.softplus(-real).mean() + F.softplus(fake).mean()
        case "least-squares":
            return 0.5 * ((real - 1).square().mean() + fake.square().mean())
        case "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        case "wasserstein":
            return fake.mean() - real.mean()


def generator_loss(fake: Tensor, loss: AdversarialLoss = "non-saturating") -> Tensor:
    r"""What the generator minimises; a scalar, the mean over the batch.

    - ``minimax``: :math:`\log(1 - D(G(z)))` in nats, never positive, flat where the discriminator is sure (Goodfellow
      et al. 2014, eq. 1);
    - ``non-saturating``: :math:`-\log D(G(z))` in nats (the same, section 3);
    - ``least-squares``: :math:`\tfrac12 (l_f - 1)^2` (Mao et al. 2017, eq. 2 with c = 1);
    - ``hinge`` and ``wasserstein``: :math:`-l_f` (Miyato et al. 2018, eq. 17; Arjovsky et al. 2017, eq. 2).

    Args:
        fake: the discriminator's logits on generated images, (B,).
        loss: the game.
    """
    match loss:
        case "minimax":
            return -F.softplus(fake).mean()
        case "non-saturating":
            return F.softplus(-fake).mean()
        case "least-squares":
            return 0.5 * (fake - 1).square().mean()
        case "hinge" | "wasserstein":
            return -fake.mean()
