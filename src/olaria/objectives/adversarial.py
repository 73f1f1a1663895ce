r"""The two sides of a GAN's game, from the discriminator's logits.

With :math:`D = \sigma(l)`, :math:`l_r` on real and :math:`l_f` on generated images. At the optimum of the
original game :math:`D = 1/2` everywhere: the discriminator's loss is :math:`2 \log 2 \approx 1.386` nats and the
non-saturating generator's :math:`\log 2 \approx 0.693`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

LOSSES = ("non-saturating", "hinge")


def discriminator_loss(real: Tensor, fake: Tensor, loss: str = "non-saturating") -> Tensor:
    r"""What the discriminator minimises; a scalar, the mean over the batch.

    - ``non-saturating``: :math:`-\log D(x) - \log(1 - D(G(z)))` in nats (Goodfellow et al. 2014, eq. 1);
    - ``hinge``: :math:`\max(0, 1 - l_r) + \max(0, 1 + l_f)` (Lim & Ye 2017; Miyato et al. 2018, eq. 16).

    Args:
        real: logits on real images, (B,).
        fake: logits on generated images, (B,).
        loss: one of :data:`LOSSES`.
    """
    if loss == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor, loss: str = "non-saturating") -> Tensor:
    r"""What the generator minimises; a scalar, the mean over the batch.

    - ``non-saturating``: :math:`-\log D(G(z))` in nats (Goodfellow et al. 2014, section 3);
    - ``hinge``: :math:`-l_f` (Miyato et al. 2018, eq. 17).

    Args:
        fake: the discriminator's logits on generated images, (B,).
        loss: one of :data:`LOSSES`.
    """
    if loss == "hinge":
        return -fake.mean()
    return F.softplus(-fake).mean()
