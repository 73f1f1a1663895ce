r"""Autoencoder: compress an image to a latent vector and rebuild it.

.. math:: z = f(x), \quad \hat x = g(z), \quad \min \lVert g(f(x)) - x \rVert^2

It has *no* distribution over z: it can rebuild, not sample. Source: Hinton & Salakhutdinov 2006, *Reducing the
Dimensionality of Data with Neural Networks*. With ``corruption`` it is a denoising autoencoder (Vincent et al. 2008):
the input is disturbed, the target is not. ``sparsity`` and ``contraction`` are penalties on its codes.
"""

from __future__ import annotations

from typing import ClassVar, final

from torch import Generator, Tensor

from olaria import draws
from olaria.families.autoencoder import AutoEncoderConfig, Noise
from olaria.i18n import N_
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart, last_layer
from olaria.models.outline import Outline, layers_of, value
from olaria.models.pair import ImageStatistics, image_pair
from olaria.objectives.penalties import contraction, sparsity
from olaria.objectives.reconstruction import squared_error


def corrupted(x: Tensor, noise: Noise, level: float, generator: Generator) -> Tensor:
    r"""Images that are disturbed for a denoising autoencoder.

    - ``gaussian``: :math:`x + \sigma \epsilon`, not cut to [0, 1], with ``level`` as :math:`\sigma`;
    - ``masking``: a share ``level`` of the pixels becomes 0;
    - ``salt-and-pepper``: a share ``level`` becomes 0 or 1, either as likely.

    Args:
        x: (B, C, H, W), in [0, 1].
        noise: the kind.
        level: see above; a share is the probability of each pixel, so the count varies.
        generator: draws it.

    Source: Vincent et al. 2010, *Stacked Denoising Autoencoders*, section 3.3.
    """
    if noise == "gaussian":
        return x + level * draws.normal(x.shape, generator)
    chance = draws.uniform(x.shape, generator)
    if noise == "masking":
        return x.masked_fill(chance < level, 0.0)
    return x.masked_fill(chance < level / 2, 0.0).masked_fill(chance >= 1 - level / 2, 1.0)


@final
class AutoEncoder(ImageModel):
    """Deterministic encoder and decoder.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    >>> import torch
    >>> model = AutoEncoder(AutoEncoderConfig(latent=2, hidden=(16,)), (1, 8, 8))
    >>> x = torch.rand(5, 1, 8, 8)
    >>> z = model.encode(x)
    >>> z.shape, model.decode(z).shape
    (torch.Size([5, 2]), torch.Size([5, 1, 8, 8]))
    >>> loss = model.loss(Batch(x), Generator())
    >>> list(loss.parts), loss.total.shape
    (['mse'], torch.Size([]))
    """

    family: ClassVar[str] = "autoencoder"
    encodes: ClassVar[bool] = True
    detects: ClassVar[bool] = True
    measured_by = "error"

    def __init__(self, config: AutoEncoderConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.latent = config.latent
        self.encoder, self.decoder = image_pair(config, shape, config.latent, config.latent)
        self.statistics = ImageStatistics(shape)

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean image of the training data."""
        self.statistics.measure(x)

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to latent vectors (B, latent)."""
        z: Tensor = self.encoder(x - self.statistics.mean)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to images (B, C, H, W); in [0, 1] unless the output is linear."""
        x: Tensor = self.decoder(z).float()
        if self.config.output == "sigmoid":
            return (x + self.statistics.logit).sigmoid()
        return x + self.statistics.mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """``decode(encode(x))``."""
        return self.decode(self.encode(x))

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """As :meth:`encode`, in float32."""
        return self.encode(x).float()

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """As :meth:`decode`, cut to [0, 1]."""
        return self.decode(z).clamp(0, 1)

    def disturbed(self, x: Tensor, generator: Generator) -> Tensor | None:
        """See :func:`corrupted`."""
        config = self.config
        if config.corruption == 0:
            return None
        return corrupted(x, config.noise, config.corruption, generator)

    def outline(self, dimensions: Shape) -> Outline:
        """Encoder, z, decoder."""
        return [
            value(N_("image"), *dimensions),
            layers_of(N_("encoder"), "encoder"),
            value(N_("latent vector z"), self.latent),
            layers_of(N_("decoder"), "decoder"),
            value(N_("reconstruction"), *dimensions),
        ]

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """Mean squared error of the reconstruction per pixel, and the penalties that the settings switch on."""
        config, x = self.config, batch.x
        disturbed = self.disturbed(x, generator)
        x = x if disturbed is None else disturbed
        if config.contraction > 0:
            x = x.detach().requires_grad_()
        z = self.encode(x)
        parts, weights = {"mse": squared_error(self.decode(z), batch.x).mean()}, {}
        if config.sparsity > 0:
            parts["sparsity"], weights["sparsity"] = sparsity(z.float()).mean(), config.sparsity
        if config.contraction > 0:
            parts["contraction"] = contraction(z.float(), x, generator).mean()
            weights["contraction"] = config.contraction
        return Loss(parts, weights)

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        last = [last_layer(self.encoder), last_layer(self.decoder)]
        return [Phase("autoencoder", hidden_apart([self], last), self.loss)]
