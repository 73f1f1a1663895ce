"""Flow matching of images, by a small U-Net; with classes and guidance."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.errors import ConfigError
from olaria.families.flow_matching import ImageFlowConfig
from olaria.i18n import N_, Setting
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart
from olaria.models.flow_matching import FlowMatching
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.mlp import mlp
from olaria.nn.ode import Velocity
from olaria.nn.unet import UNet
from olaria.nn.waves import time_waves
from olaria.objectives.flow_matching import beside, guided, linear_velocity

TIME_WAVES = 16


@final
class ImageFlow(FlowMatching, ImageModel):
    """A U-Net of the noisy image and the time.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    Raises:
        ConfigError: the U-Net cannot halve the sides as often as it has to.

    >>> model = ImageFlow(ImageFlowConfig(widths=(4, 8), depths=(1, 1), condition=8), (1, 8, 8))
    >>> model.images(torch.randn(5, 64)).shape
    torch.Size([5, 1, 8, 8])
    """

    family: ClassVar[str] = "image-flow"
    has_prior: ClassVar[bool] = True
    measured_by = "samples"
    config: ImageFlowConfig
    mean: Tensor
    variance: Tensor
    logit: Tensor

    def __init__(self, config: ImageFlowConfig, shape: Shape) -> None:
        super().__init__(config)
        _, height, width = shape
        if height % config.divisor or width % config.divisor:
            raise ConfigError(
                N_(
                    "this U-Net needs sides that {divisor} divides, not {height}×{width}; use {resize}"
                ),
                resize=Setting("resize"),
                divisor=config.divisor,
                height=height,
                width=width,
            )
        self.shape, self.latent, self.classes = (
            shape,
            shape[0] * shape[1] * shape[2],
            config.classes,
        )
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("logit", torch.zeros(shape))
        self.network = UNet(
            shape,
            config.widths,
            config.depths,
            config.condition,
            shape[0] * (3 if config.prediction == "data" else 1),
            config.patch,
        )
        self.time = mlp([2 * TIME_WAVES, config.condition, config.condition], "silu")
        if config.classes:  # and one row for no class
            self.class_rows = nn.Embedding(config.classes + 1, config.condition)

    @property
    def guidable(self) -> bool:
        """Whether it is given classes, and learned the flow without them too."""
        return self.classes > 0 and self.config.class_dropping > 0

    def adapt(self, x: Tensor) -> None:
        """Take the mean and the variance of each pixel."""
        self.logit.copy_(x.mean(0).clamp(0.01, 0.99).logit())
        x = self.scaled(x)
        self.mean.copy_(x.mean(0))
        self.variance.copy_(x.var(0, correction=0))

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The linear guess and what the network adds to it; see :func:`linear_velocity`."""
        if self.config.prediction != "velocity":
            return super().velocity(x, t, y)
        guess, size = linear_velocity(x, t, self.mean, self.variance)
        return guess + size * self.predict(x, t, y).float()

    def scaled(self, x: Tensor) -> Tensor:
        """[0, 1] to [-1, 1]."""
        return 2 * x - 1

    def unscaled(self, x: Tensor) -> Tensor:
        """[-1, 1] to [0, 1]."""
        return (x + 1) / 2

    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """(B, C, H, W) and (B,) to (B, C, H, W); a class of K, or None, is no class."""
        c = self.time(time_waves(t, TIME_WAVES))
        if self.classes:
            c = c + self.class_rows(torch.full_like(t, self.classes).long() if y is None else y)
        predicted: Tensor = self.network(x, nn.functional.silu(c)).float()
        if self.config.prediction == "data":
            s = self.variance
            tt = beside(t, x)
            guess = (
                self.mean
                + tt
                * s
                / ((1 - tt).square() + tt.square() * s).clamp_min(1e-6)
                * (x - tt * self.mean)
            ).clamp(-1, 1)
            black, white, same = predicted.unflatten(1, (3, -1)).unbind(1)
            p = torch.stack(
                (
                    black - self.logit / 2,
                    white + self.logit / 2,
                    same + 2 * tt.clamp(0.001, 0.999).logit() - 2,
                ),
                1,
            ).softmax(1)
            return p[:, 1] - p[:, 0] + p[:, 2] * guess
        return predicted

    def followed(self, y: Tensor | None = None) -> Velocity:
        """See :func:`olaria.objectives.flow_matching.guided`."""
        weight = self.sampler.guidance
        if not self.classes or weight == 1:
            return super().followed(y)
        return lambda x, t: guided(self.velocity(x, t, y), self.velocity(x, t), weight)

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Where the flow carries noise (B, C · H · W), cut to [0, 1]."""
        x = self.sampler.follow(self.followed(y), z.view(-1, *self.shape))
        return self.unscaled(x).clamp(0, 1)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """As every flow's; a share of the classes is dropped, so that the network learns the flow without them too."""
        y = batch.y
        if self.classes and y is not None and self.config.class_dropping:
            dropped = draws.uniform(y.shape, generator).to(y.device) < self.config.class_dropping
            y = y.masked_fill(dropped, self.classes)
        return super().loss(Batch(batch.x, y), generator)

    def outline(self, dimensions: Shape) -> Outline:
        """The noisy image, what is told of time and class, the network, the velocity."""
        return [
            value(N_("noisy image, and the time"), *dimensions),
            layers_of(N_("time and class"), "time", "class_rows"),
            layers_of(N_("network"), "network"),
            value(N_("velocity"), *dimensions),
        ]

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        groups = hidden_apart([self], [self.network.stem, self.network.head])
        return [Phase("flow", groups, self.loss)]
