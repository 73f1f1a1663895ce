r"""Flow matching of latent vectors: the flow of an autoencoder's codes, which its decoder turns into images.

.. math:: \epsilon \sim N(0, I), \qquad \frac{dh_t}{dt} = v_\theta(h_t, t), \qquad \hat x = g(h_1)

The autoencoder, g and its encoder, is that of a finished run and stays as it is. The model holds its weights, so that
it draws without that run. Source: Vahdat et al. 2021, *Score-based Generative Modeling in Latent Space*; Rombach et al.
2022, *High-Resolution Image Synthesis with Latent Diffusion Models*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.latent_flow import LatentFlowConfig
from olaria.families.vae import VAEConfig
from olaria.i18n import N_
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import ImageModel, Phase, Shape, hidden_apart
from olaria.models.flow_matching import FlowMatching
from olaria.models.outline import Outline, layers_of, value
from olaria.models.vae import VAE
from olaria.nn.mlp import mlp
from olaria.nn.ode import follow, times
from olaria.nn.residual_mlp import ResidualMLP
from olaria.nn.waves import TIME_WAVES, time_waves
from olaria.objectives.flow_matching import linear_velocity

LEAST_SPREAD = 0.1
"""Of the widest coordinate: one that hardly varies is not blown up, since the decoder hardly reads it."""


@final
class LatentFlow(FlowMatching, ImageModel):
    """A dense network of the latent vector and the time, between the encoder and the decoder of an autoencoder.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    >>> settings = LatentFlowConfig(autoencoder=AutoEncoderConfig(latent=2), width=8, depth=1)
    >>> model = LatentFlow(settings, (1, 8, 8))
    >>> model.images(torch.randn(5, 2)).shape
    torch.Size([5, 1, 8, 8])
    """

    family: ClassVar[str] = "latent-flow"
    encodes: ClassVar[bool] = True
    has_prior: ClassVar[bool] = True
    measured_by = "samples"
    config: LatentFlowConfig
    centre: Tensor
    spread: Tensor

    def __init__(self, config: LatentFlowConfig, shape: Shape) -> None:
        settings = config.autoencoder or AutoEncoderConfig()
        super().__init__(config.model_copy(update={"autoencoder": settings}))
        autoencoder = (
            VAE(settings, shape)
            if isinstance(settings, VAEConfig)
            else AutoEncoder(settings, shape)
        )
        self.autoencoder = _without_parameters(autoencoder).eval()
        self.latent = size = autoencoder.latent
        self.network = ResidualMLP(
            size + 2 * TIME_WAVES,
            size,
            width=config.width,
            depth=config.depth,
            condition=config.condition,
        )
        self.time = mlp([2 * TIME_WAVES, config.condition, config.condition], "silu")
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of the autoencoder whose latent vectors are to be learned."""
        self.autoencoder.load_state_dict(weights)

    def train(self, mode: bool = True) -> LatentFlow:
        """As of every module, but the autoencoder is never trained."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    @torch.no_grad()
    def coded(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to the autoencoder's latent vectors (B, latent); such vectors stay."""
        return x if x.dim() == 2 else self.autoencoder.codes(x)

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean and the standard deviation of each coordinate of the latent vectors, or of the images' own."""
        h = self.coded(x)
        spread = h.std(0, correction=0)
        self.centre.copy_(h.mean(0))
        self.spread.copy_(spread.clamp_min(LEAST_SPREAD * spread.max()).clamp_min(1e-6))

    def scaled(self, x: Tensor) -> Tensor:
        """Latent vectors (B, latent), or images, to coordinates of mean 0 and standard deviation 1."""
        return (self.coded(x) - self.centre) / self.spread

    def unscaled(self, x: Tensor) -> Tensor:
        """(B, latent), in the units of the autoencoder."""
        return self.centre + self.spread * x

    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """(B, latent) and (B,) to (B, latent)."""
        waves = time_waves(t, TIME_WAVES)
        c = nn.functional.silu(self.time(waves))
        predicted: Tensor = self.network(torch.cat((x, waves), 1), c)
        return predicted

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """That of independent normal coordinates, and what the network adds; see :func:`linear_velocity`."""
        if self.config.prediction != "velocity":
            return super().velocity(x, t, y)
        guess, size = linear_velocity(x, t, torch.zeros_like(self.centre), torch.ones_like(x[0]))
        return guess + size * self.predict(x, t, y).float()

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """What the decoder makes of where the flow carries noise (B, latent)."""
        return self.autoencoder.images(self.unscaled(self.sampler.follow(self.followed(), z)))

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The noise (B, latent) that the flow carries to the latent vectors of images (B, C, H, W).

        The flow is followed back, in the steps of the sampler: :meth:`images` leads to the image but for their error.
        """
        sampler = self.sampler
        at = times(sampler.steps, sampler.power)[::-1]
        return follow(self.followed(), self.scaled(x), at, sampler.solver)

    def outline(self, dimensions: Shape) -> Outline:
        """Encoder, flow, decoder."""
        return [
            value(N_("image"), *dimensions),
            layers_of(N_("encoder, which is not trained"), "autoencoder.encoder"),
            value(N_("latent vector, and the time"), self.latent),
            layers_of(N_("network of the velocity"), "network", "time"),
            value(N_("latent vector at the flow's end"), self.latent),
            layers_of(N_("decoder, which is not trained"), "autoencoder.decoder"),
            value(N_("image"), *dimensions),
        ]

    def phases(self) -> list[Phase]:
        """One phase over the parameters of the flow."""
        modules = [self.network, self.time]
        groups = hidden_apart(modules, [self.network.stem, self.network.head])
        return [Phase("flow", groups, self.loss)]


def _without_parameters(module: ImageModel) -> ImageModel:
    """The same module, whose weights are kept and never trained: no optimizer, average or count looks at them."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())
    return module
