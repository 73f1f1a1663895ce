r"""Flow matching of images, by a small U-Net; with classes and guidance.

What is known in closed form of the mean velocity, :math:`\hat v`, the network need not learn: that of clusters of the
training images (:mod:`olaria.objectives.modes`), or where there are none, that of independent normal pixels
(:func:`olaria.objectives.flow_matching.linear_velocity`). Clusters are shown to the network beside the noisy image;
with classes, their weights are those that they have in the class.

A network of velocities adds to :math:`\hat v`. One of data says of each pixel how probable it is black, white, or what
:math:`\hat x = x_t + (1 - t)\,\hat v` has there; its logits are added to

.. math:: \bigl(-a,\; a,\; 2 \operatorname{logit} t - 2\bigr), \qquad a = \operatorname{artanh} \hat x

so that the prediction begins as :math:`\hat x`, of which the share grows as the noise goes. Without clusters a is half
the logit of the pixel's mean.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.errors import ConfigError
from olaria.families.flow_matching import ImageFlowConfig
from olaria.i18n import N_, Setting
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart
from olaria.models.flow_matching import FlowMatching
from olaria.models.modes import FittedModes
from olaria.models.outline import Outline, layers_of, value
from olaria.nn.mlp import mlp
from olaria.nn.ode import Velocity
from olaria.nn.unet import UNet
from olaria.nn.waves import TIME_WAVES, time_waves
from olaria.objectives.flow_bound import negative_bound
from olaria.objectives.flow_matching import beside, data_of, guided, linear_velocity

MOST_SURE = 0.95
"""Of the guess, as a pixel in [-1, 1], where its share of black and white is taken: beyond, a logit grows fast."""


@final
class ImageFlow(FlowMatching, ImageModel):
    """A U-Net of the noisy image and the time.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    Raises:
        ConfigError: the U-Net cannot halve the sides as often as it has to.

    >>> model = ImageFlow(ImageFlowConfig(widths=(4, 8), depths=(1, 1), condition=8), (1, 8, 8))
    >>> model.images(torch.randn(5, model.latent)).shape
    torch.Size([5, 1, 8, 8])
    """

    family: ClassVar[str] = "image-flow"
    has_prior: ClassVar[bool] = True
    measured_by = "samples"
    has_bits: ClassVar[bool] = True
    num_adapted: ClassVar[int] = 60_000
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
        self.shape, self.classes = shape, config.classes
        self.sampler = replace(self.sampler, noise=config.step_noise)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("logit", torch.zeros(shape))
        if config.modes:
            self.modes = FittedModes(math.prod(shape), config.modes, config.classes)
        self.network = UNet(
            shape,
            config.widths,
            config.depths,
            config.condition,
            shape[0] * (3 if config.prediction == "data" else 1),
            config.patch,
            shape[0] * (2 if config.modes else 1),
            config.dense,
        )
        self.time = mlp([2 * TIME_WAVES, config.condition, config.condition], "silu")
        if config.classes:  # and one row for no class
            self.class_rows = nn.Embedding(config.classes + 1, config.condition)

    @property
    def latent(self) -> int:  # type: ignore[override]
        """Numbers of the noise that an image is made of."""
        return self.sampler.draws * math.prod(self.shape)

    @property
    def guidable(self) -> bool:
        """Whether it is given classes, and learned the flow without them too."""
        return self.classes > 0 and self.config.class_dropping > 0

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean and the variance of each pixel, and the clusters."""
        self.logit.copy_(x.mean(0).clamp(0.01, 0.99).logit())
        x = self.scaled(x)
        self.mean.copy_(x.mean(0))
        self.variance.copy_(x.var(0, correction=0))
        if self.config.modes:
            self.modes.fit(x.flatten(1), y)

    def guess(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What is known before any training: the mean velocity, and the scale of what a network of velocities adds."""
        velocity, scale = linear_velocity(x, t, self.mean, self.variance)
        return (self.modes(x, t, y) if self.config.modes else velocity), scale

    def scaled(self, x: Tensor) -> Tensor:
        """[0, 1] to [-1, 1]."""
        return 2 * x - 1

    def unscaled(self, x: Tensor) -> Tensor:
        """[-1, 1] to [0, 1]."""
        return (x + 1) / 2

    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """(B, C, H, W) and (B,) to (B, C, H, W); a class of K, or None, is no class."""
        guess, scale = self.guess(x, t, y if self.classes else None)
        data = data_of(guess, x, t).clamp(-1, 1)
        c = self.time(time_waves(t, TIME_WAVES))
        if self.classes:
            c = c + self.class_rows(torch.full_like(t, self.classes).long() if y is None else y)
        seen = torch.cat((x, data), 1) if self.config.modes else x
        answer: Tensor = self.network(seen, nn.functional.silu(c)).float()
        if self.config.prediction == "velocity":
            return guess + scale * answer
        return self._mixed(answer, data, t) if self.config.prediction == "data" else answer

    def _mixed(self, answer: Tensor, guess: Tensor, t: Tensor) -> Tensor:
        """The data of three logits of each pixel; see the module."""
        black, white, same = answer.unflatten(1, (3, -1)).unbind(1)
        known = guess.clamp(-MOST_SURE, MOST_SURE).atanh() if self.config.modes else self.logit / 2
        kept = 2 * beside(t, guess).clamp(0.001, 0.999).logit() - 2
        p = torch.stack((black - known, white + known, same + kept), 1).softmax(1)
        return p[:, 1] - p[:, 0] + p[:, 2] * guess

    def followed(self, y: Tensor | None = None) -> Velocity:
        """See :func:`olaria.objectives.flow_matching.guided`."""
        weight = self.sampler.guidance
        if not self.classes or weight == 1:
            return super().followed(y)
        return lambda x, t: guided(self.velocity(x, t, y), self.velocity(x, t), weight)

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Where the flow carries noise (B, draws · C · H · W), cut to [0, 1]; see :attr:`Sampler.draws`."""
        noise = z.view(len(z), -1, *self.shape).unbind(1)
        x = self.sampler.follow(self.followed(y), *noise)
        return self.unscaled(x).clamp(0, 1)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """As every flow's; a share of the classes is dropped, so that the network learns the flow without them too."""
        y = batch.y
        if self.classes and y is not None and self.config.class_dropping:
            dropped = draws.uniform(y.shape, generator).to(y.device) < self.config.class_dropping
            y = y.masked_fill(dropped, self.classes)
        return super().loss(Batch(batch.x, y), generator)

    def nll_bound(
        self, x: Tensor, u: Tensor, generator: Generator, y: Tensor | None = None
    ) -> Tensor:
        r"""An estimate of the bound on :math:`-\log p(x)` of images of 256 levels, in nats per image, (B,).

        Args:
            x: images in [0, 1], (B, C, H, W).
            u: which noise, uniform in [0, 1], (B,); see :func:`olaria.objectives.flow_bound.negative_bound`.
            generator: draws the noise.
            y: classes, (B,), where the model is given classes.
        """
        noise = draws.normal(x.shape, generator).to(x.device)
        return negative_bound(
            lambda x_t, t: self.expected(x_t, t, y), self.scaled(x), u, noise, 2 / 255
        )

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
