r"""Networks with several layers of latent variables, each below the one that it depends on.

The latent vector is written in coordinates in which its prior is N(0, I) whatever the layer,
:math:`z = (\epsilon_L, \dots, \epsilon_1)`, the topmost first. What a conditional prior of a layer would say is left
to the network that carries the state :math:`d_l` downwards, and the posterior is told that state:

.. math:: d_l = f_l(d_{l+1}, \epsilon_l), \qquad q(z \mid x) = \prod_l q(\epsilon_l \mid h_l(x), d_{l+1})

So whatever walks, draws or interpolates in one standard normal space does so here too. Sources: Sønderby et al. 2016,
*Ladder Variational Autoencoders* (inference from the top down, after one pass from the bottom up); Kingma et al. 2016,
*Improved Variational Inference with Inverse Autoregressive Flow*, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from olaria.nn.mlp import ACTIVATIONS, mlp


@final
class Single(nn.Module):
    """One layer: the state is the latent vector itself, and the posterior is what the encoder says.

    Args:
        latent: its size.
        network: decodes it.
    """

    def __init__(self, latent: int, network: nn.Module) -> None:
        super().__init__()
        self.sizes = (latent,)
        self.network = network

    def posterior(self, level: int, found: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The encoder's two halves as mean and log-variance, (B, latent) each."""
        mean, log_var = found.float().chunk(2, 1)
        return mean, log_var

    def descend(self, level: int, z: Tensor, state: Tensor | None) -> Tensor:
        """The latent vector, (B, latent)."""
        return z

    def forward(self, state: Tensor) -> Tensor:
        """The network's answer to the state, (B, C, H, W)."""
        out: Tensor = self.network(state)
        return out


@final
class LadderEncoder(nn.Module):
    """From the image upwards: what each layer finds in what the one below it found.

    Args:
        num_pixels: of an image, all channels.
        hidden: layers of the first network; the others have one of its last size.
        num_levels: L.
        activation: between the layers.
    """

    def __init__(
        self, num_pixels: int, hidden: Sequence[int], num_levels: int, activation: str
    ) -> None:
        super().__init__()
        first = [nn.Flatten(), mlp([num_pixels, *hidden], activation), ACTIVATIONS[activation]()]
        width = hidden[-1]
        above = (
            nn.Sequential(mlp([width, width, width], activation), ACTIVATIONS[activation]())
            for _ in range(num_levels - 1)
        )
        self.networks = nn.ModuleList([nn.Sequential(*first), *above])

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to what each layer found, (B, width), the topmost first."""
        found = []
        for network in self.networks:
            x = network(x)
            found.append(x)
        return found[::-1]


@final
class LadderDecoder(nn.Module):
    """From the topmost latent layer downwards.

    Args:
        sizes: of the latent layers, the topmost first.
        hidden: as of :class:`LadderEncoder`, mirrored below the last layer.
        num_classes: that the last network is told.
        shape: (C, H, W) of the images.
        activation: between the layers.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: Sequence[int],
        num_classes: int,
        shape: tuple[int, int, int],
        activation: str,
    ) -> None:
        super().__init__()
        width = hidden[-1]
        self.sizes = tuple(sizes)
        states = [0] + [width] * (len(sizes) - 1)
        self.posteriors = nn.ModuleList(
            nn.Linear(width + s, 2 * z) for s, z in zip(states, sizes, strict=True)
        )
        self.networks = nn.ModuleList(
            nn.Sequential(mlp([s + z, width, width], activation), ACTIVATIONS[activation]())
            for s, z in zip(states, sizes, strict=True)
        )
        num_pixels = shape[0] * shape[1] * shape[2]
        self.network = nn.Sequential(
            mlp([width + num_classes, *reversed(hidden), num_pixels], activation),
            nn.Unflatten(1, shape),
        )

    def posterior(self, level: int, found: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(ε | h, d), (B, size) each."""
        seen = found if state is None else torch.cat((found, state), 1)
        mean, log_var = self.posteriors[level](seen).float().chunk(2, 1)
        return mean, log_var

    def descend(self, level: int, z: Tensor, state: Tensor | None) -> Tensor:
        """The state below a layer, (B, width)."""
        seen = z if state is None else torch.cat((z.to(state.dtype), state), 1)
        below: Tensor = self.networks[level](seen)
        return below

    def forward(self, state: Tensor) -> Tensor:
        """The last network's answer to the lowest state, (B, C, H, W)."""
        out: Tensor = self.network(state)
        return out
