"""Flow matching of points, by a dense network: of the plane, or of latent vectors; its density is exact."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from olaria.families.flow_matching import PointFlowConfig
from olaria.i18n import N_
from olaria.models.base import (
    Phase,
    PointModel,
    centre_and_spread,
    hidden_apart,
    last_layer,
)
from olaria.models.flow_matching import FlowMatching
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.mlp import mlp
from olaria.nn.ode import log_density, times
from olaria.nn.waves import TIME_WAVES, Waves, time_waves

DENSITY_STEPS = 100
"""Of Heun's rule, for a density: fewer make a sharp one look better than it is."""
SHADE_STEPS = 6
"""Of a picture, where a rough density will do."""
DENSITY_POWER = 1.5
"""Shorter steps near the data, where the velocity changes most."""


@final
class PointFlow(FlowMatching, PointModel):
    """A dense network of the place, waves of it, and the time.

    Args:
        config: settings.
        size: coordinates of a point.

    >>> model = PointFlow(PointFlowConfig(hidden=(8,)), 2)
    >>> points = model.points(torch.randn(5, 2))
    >>> points.shape, model.log_density(points).shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    family: ClassVar[str] = "point-flow"
    ground: ClassVar[str] = N_("ground: the darker the blue, the denser the model's points")
    has_density: ClassVar[bool] = True
    shade_side: ClassVar[int] = 45
    config: PointFlowConfig
    centre: Tensor
    spread: Tensor

    def __init__(self, config: PointFlowConfig, size: int) -> None:
        super().__init__(config)
        self.latent = size
        self.waves = Waves(size, config.waves, config.wave_number)
        self.num_inputs = size + 2 * config.waves + 2 * TIME_WAVES
        self.network = mlp([self.num_inputs, *config.hidden, size], "silu")
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(()))

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean and the scale of the data: the network works in units of these."""
        centre, spread = centre_and_spread(x)
        self.centre.copy_(centre)
        self.spread.copy_(spread)

    def scaled(self, x: Tensor) -> Tensor:
        """(B, size), in units of the data's scale around its mean."""
        return (x - self.centre) / self.spread

    def unscaled(self, x: Tensor) -> Tensor:
        """(B, size), in the units of the data."""
        return self.centre + self.spread * x

    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """(B, size) and (B,) to (B, size)."""
        seen = torch.cat((x, self.waves(x), time_waves(t, TIME_WAVES)), 1)
        predicted: Tensor = self.network(seen)
        return predicted

    def points(self, z: Tensor) -> Tensor:
        """Where the flow carries noise (B, size), in the units of the data."""
        return self.unscaled(self.sampler.follow(self.followed(), z))

    def log_density(self, x: Tensor, steps: int = DENSITY_STEPS) -> Tensor:
        r"""Exact :math:`\log p(x)` of points (B, size) in the data's units, in nats, (B,); see :mod:`olaria.nn.ode`."""
        at = times(steps, DENSITY_POWER)
        nats = log_density(self.followed(), self.scaled(x), at, "heun")
        return nats - self.latent * self.spread.log()

    def shade(self, x: Tensor) -> Tensor:
        """The density of each place, of the densest one; its root, so that thin places are seen too."""
        nats = self.log_density(x, SHADE_STEPS)
        return ((nats - nats.max()) / 2).exp()

    def outline(self, dimensions: int) -> Outline:
        """The place and the time, the network, the velocity."""
        return [
            value(N_("place, and waves of it and of the time"), self.num_inputs),
            layers_of(N_("network"), "network"),
            value(N_("velocity"), dimensions),
        ]

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        groups = hidden_apart([self.network], [last_layer(self.network)])
        return [Phase("flow", groups, self.loss)]
