r"""Variational autoencoder: a latent-variable model trained through a lower bound on the likelihood.

.. math:: p(x) = \int p(x \mid z)\, p(z)\, dz, \qquad
   \log p(x) \ge \mathbb E_{q(z|x)}[\log p(x \mid z)] - D(q(z \mid x) \| p(z)), \qquad p(z) = N(0, I)

The encoder gives the mean and the logarithm of the *variance*; the standard deviation is
:math:`\sigma = \exp(\tfrac12 \log\sigma^2)`. Source: Kingma & Welling 2014, *Auto-Encoding Variational Bayes*;
``beta`` as in Higgins et al. 2017, ``free_bits`` in Kingma et al. 2016, ``importance_samples`` in Burda et al. 2016.
With ``classes`` the decoder is given the class, :math:`p(x \mid z, y)` (Sohn et al. 2015); the encoder reads it from
the image. With ``above`` there are several layers of latent variables; see :mod:`olaria.nn.ladder`. With ``flow`` the
prior of the decoder's input is learned; see :class:`VAE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal

from olaria import draws
from olaria.families.vae import VAEConfig
from olaria.i18n import N_
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart, last_layer
from olaria.models.outline import Outline, Part, Value, layers_of, pixels, value
from olaria.models.pair import ImageStatistics, image_pair
from olaria.nn.classes import with_class
from olaria.nn.flow import Flow
from olaria.nn.ladder import LadderDecoder, LadderEncoder, Single
from olaria.objectives.divergence import gaussian_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.objectives.reconstruction import DiscretizedLogistic, bernoulli_nll, gaussian_nll


def binarize(x: Tensor, generator: Generator) -> Tensor:
    """Draw each pixel from a Bernoulli variable with its grey value in [0, 1] as probability.

    Source: Salakhutdinov & Murray 2008, section 6 (*dynamic* binarization when drawn anew at each use).
    """
    return (draws.uniform(x.shape, generator) < x).float()


@dataclass(frozen=True)
class Draw:
    r"""Latent vectors drawn for images, and what they cost.

    Args:
        z: k draws for each image, (k, B, latent).
        kl_nats: :math:`D(q \| p)` of each latent dimension given those above it, in closed form, (k, B, latent); with
            a flow that of the whole as each draw estimates it, :math:`\log q(z \mid x) - \log p(z)`, (k, B, 1).
        log_ratio: :math:`\log p(z) - \log q(z \mid x)`, (k, B).
        state: the decoder's input, (k · B, ...).
    """

    z: Tensor
    kl_nats: Tensor
    log_ratio: Tensor
    state: Tensor


@final
class VAE(ImageModel):
    r"""Diagonal Gaussian encoder, standard normal prior, independent pixels.

    With ``flow`` the encoder and the decoder work on a variable h whose prior is learned. The latent vector is
    z = T(h), and its prior stays N(0, I):

    .. math:: q(h \mid x) = N(\mu, \operatorname{diag} \sigma^2), \qquad z = T(h), \qquad
       \log p(h) = \log N(T(h); 0, I) + \log\left|\det T'(h)\right|

    With ``classes`` the decoder and T are given the class, p(x|z, y) (Kingma et al. 2014, *Semi-supervised Learning
    with Deep Generative Models*): z then holds what the class does not determine.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    >>> model = VAE(VAEConfig(latent=2, hidden=(16,)), (1, 8, 8))
    >>> x = torch.rand(5, 1, 8, 8)
    >>> q = model.encode(x)  # q(z|x), a Normal
    >>> p = model.decode(q.rsample())  # p(x|z), Bernoulli pixels
    >>> q.mean.shape, p.mean.shape
    (torch.Size([5, 2]), torch.Size([5, 1, 8, 8]))
    >>> model.images(torch.randn(3, 2)).shape  # samples, since z ~ N(0, I)
    torch.Size([3, 1, 8, 8])
    >>> list(model.loss(Batch(x), Generator()).parts)
    ['reconstruction_nats', 'kl_nats']
    """

    family: ClassVar[str] = "vae"
    encodes: ClassVar[bool] = True
    has_prior: ClassVar[bool] = True
    detects: ClassVar[bool] = True
    measured_by = "bound"

    def __init__(self, config: VAEConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        self.encoder, self.decoder = _networks(config, shape)
        self.latent = sum(self.decoder.sizes)
        self.flow = Flow(self.latent, config.flow, config.classes) if config.flow else None
        self.statistics = ImageStatistics(shape)
        if config.likelihood != "bernoulli" and config.scale is None:
            self.log_scale = nn.Parameter(torch.tensor(-2.0))

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean image of the training data."""
        self.statistics.measure(x)

    # -- from the image to z ----------------------------------------------------------------------

    def read(self, x: Tensor) -> list[Tensor]:
        """The encoder's outputs for images (B, C, H, W), one for each latent layer, the topmost first."""
        output = self.encoder(x - self.statistics.mean)
        return output if isinstance(output, list) else [output]

    def draw(self, encoded: list[Tensor], noise: Tensor, y: Tensor | None = None) -> Draw:
        r"""Latent vectors :math:`z = \mu + \sigma \epsilon`, layer by layer from the top; or T of that.

        Args:
            encoded: outputs of :meth:`read` for B images.
            noise: :math:`\epsilon`, (k, B, latent).
            y: classes, (B,), where there are some.

        Source: Kingma & Welling 2014, section 2.4.
        """
        k, batch, _ = noise.shape
        rows, state = [], None
        for level, part in enumerate(noise.flatten(0, 1).split(self.decoder.sizes, 1)):
            features = encoded[level].repeat(k, 1) if k > 1 else encoded[level]
            mean, log_var = self.decoder.posterior(level, features, state)
            z = mean + (0.5 * log_var).exp() * part
            state = self.decoder.descend(level, z, state)
            rows.append((z, mean, log_var))
        z, mean, log_var = (torch.cat(column, 1) for column in zip(*rows, strict=True))
        spread = 0.5 * (noise.flatten(0, 1).square() + log_var).sum(1)
        if self.flow is None:
            ratio, kl = spread - 0.5 * z.square().sum(1), gaussian_kl(mean, log_var)
        else:
            z, log_det = self.flow(z, None if y is None else y.repeat(k))
            ratio = spread - 0.5 * z.square().sum(1) + log_det
            kl = -ratio.unsqueeze(1)
        assert state is not None
        return Draw(z.view_as(noise), kl.view(k, batch, -1), ratio.view(k, batch), state)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) to the mean and log-variance of q(z|x), each (B, latent).

        With several latent layers, each layer's are given the means of the layers above it. With a flow they are
        those of q(h|x), before the flow is applied.
        """
        state, rows = None, []
        for level, features in enumerate(self.read(x)):
            mean, log_var = self.decoder.posterior(level, features, state)
            state = self.decoder.descend(level, mean, state)
            rows.append((mean, log_var))
        mean, log_var = (torch.cat(column, 1) for column in zip(*rows, strict=True))
        return mean, log_var

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (B, C, H, W), and the classes (B,) where there are some, to z of the posterior means, (B, latent)."""
        mean = self.posterior(x)[0]
        return mean if self.flow is None else self.flow(mean, y)[0]

    def encode(self, x: Tensor) -> Normal:
        """q(z|x), or q(h|x), a normal with batch shape (B, latent); see :meth:`posterior`."""
        mean, log_var = self.posterior(x)
        return Normal(mean, (0.5 * log_var).exp(), validate_args=False)

    # -- from z to the image ----------------------------------------------------------------------

    def logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latent vectors (B, latent), and the classes (B,) where there are some, to logits (B, C, H, W).

        Their sigmoid is the mean of each pixel, whatever the likelihood.
        """
        if self.flow is not None:
            z = self.flow.inverse(z, y)
        state = None
        for level, part in enumerate(z.split(self.decoder.sizes, 1)):
            state = self.decoder.descend(level, part, state)
        assert state is not None
        return self._state_logits(state, y)

    def _state_logits(self, state: Tensor, y: Tensor | None) -> Tensor:
        output: Tensor = self.decoder(with_class(state, y, self.classes))
        return output.float() + self.statistics.logit

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The means of the pixels, (B, C, H, W)."""
        return self.logits(z, y).sigmoid()

    @property
    def scale(self) -> Tensor:
        """Of the pixels' noise, a scalar; a Bernoulli pixel has none."""
        if self.config.scale is not None:
            return torch.tensor(self.config.scale)
        return self.log_scale.float().exp()

    def pixels(self, logits: Tensor) -> Distribution:
        """p(x|z) of :meth:`logits`: independent pixels (B, C, H, W)."""
        match self.config.likelihood:
            case "bernoulli":
                return Bernoulli(logits=logits, validate_args=False)
            case "gaussian":
                return Normal(logits.sigmoid(), self.scale, validate_args=False)
            case "logistic":
                return DiscretizedLogistic(logits.sigmoid(), self.scale)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        """p(x|z), or p(x|z, y); see :meth:`pixels`."""
        return self.pixels(self.logits(z, y))

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The decoder's mean at the posterior's mean, (B, C, H, W)."""
        return self.logits(self.codes(x, y), y).sigmoid()

    # -- the bound ----------------------------------------------------------------------------------

    def target(self, x: Tensor, generator: Generator) -> Tensor:
        """Images in [0, 1] as the likelihood takes them: Bernoulli pixels are drawn, grey ones stay."""
        return binarize(x, generator) if self.config.likelihood == "bernoulli" else x

    def nll(self, draw: Draw, x: Tensor, y: Tensor | None = None) -> Tensor:
        r""":math:`-\log p(x \mid z)` of each draw, in nats per image, (k, B)."""
        k = len(draw.z)
        if k > 1:
            x, y = x.repeat(k, 1, 1, 1), None if y is None else y.repeat(k)
        logits = self._state_logits(draw.state, y)
        match self.config.likelihood:
            case "bernoulli":
                nats = bernoulli_nll(logits, x)
            case "gaussian":
                nats = gaussian_nll(logits.sigmoid(), self.scale, x)
            case "logistic":
                nats = (
                    -DiscretizedLogistic(logits.sigmoid(), self.scale).log_prob(x).flatten(1).sum(1)
                )
        return nats.view(k, -1)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        r"""The negative bound in nats per image.

        With one draw it is the ELBO (Kingma & Welling 2014, equation 10). Its KL term is in closed form unless there
        is a flow, and the first ``free_bits`` of each dimension are not charged (Kingma et al. 2016, equation 15).
        With several draws, once ``importance_from`` of the run is over, it is the importance-weighted bound (Burda et
        al. 2016, equation 8), in whose weights :math:`\beta` multiplies :math:`\log p(z) - \log q(z|x)`.
        """
        x = self.target(batch.x, generator)
        k = self.config.importance_samples if self.progress >= self.config.importance_from else 1
        y = batch.y if self.classes else None
        noise = draws.normal((k, len(x), self.latent), generator, batch=1)
        draw = self.draw(self.read(x), noise, y)
        nats = self.nll(draw, x, y)
        if k > 1:
            bound = importance_weighted_bound(self.beta * draw.log_ratio - nats)
            return Loss({"bound_nats": -bound.mean()})
        kl = draw.kl_nats[0].mean(0)  # of each dimension, or of all together
        parts = {"reconstruction_nats": nats.mean(), "kl_nats": kl.sum()}
        if self.config.free_bits:
            allowance = self.config.free_bits * self.latent / len(kl)
            parts["free_nats"] = (allowance - kl).relu().sum()
        return Loss(parts, {name: self.beta for name in parts if name != "reconstruction_nats"})

    def outline(self, dimensions: Shape) -> Outline:
        """Encoder, latent layers and flow where there are some, z, decoder, pixels."""
        plan: list[Value | Part] = [
            value(N_("image"), *dimensions),
            layers_of(N_("encoder"), "encoder"),
        ]
        if isinstance(self.decoder, LadderDecoder):
            title = N_("latent layers, from the top down")
            plan.append(layers_of(title, "decoder.posteriors", "decoder.networks"))
        if self.flow is None:
            title = N_("latent vector z, drawn around the encoder's output")
            plan.append(value(title, self.latent))
        else:
            title = N_("variable h, drawn around the encoder's output")
            plan.append(value(title, self.latent))
            plan.append(layers_of(N_("flow T between h and z"), "flow"))
            plan.append(value(N_("latent vector z"), self.latent))
        if self.classes:
            title = N_("decoder, given the class, one of {num}")
            plan.append(layers_of(title, "decoder", num=self.classes))
        else:
            plan.append(layers_of(N_("decoder"), "decoder"))
        return [*plan, *pixels(dimensions)]

    @property
    def beta(self) -> float:
        """The factor on the KL term now."""
        rising = self.progress / self.config.warmup if self.config.warmup else 1.0
        return self.config.beta * min(1.0, rising)

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        last = [last_layer(self.decoder.network)]
        if isinstance(self.decoder, LadderDecoder):
            last.append(self.decoder.posteriors)
        else:
            last.append(last_layer(self.encoder))
        if self.flow is not None:
            last += [last_layer(layer) for layer in self.flow.layers]
        return [Phase("vae", hidden_apart([self], last), self.loss)]


def _networks(config: VAEConfig, shape: Shape) -> tuple[nn.Module, Single | LadderDecoder]:
    """The encoder, and the decoder with its latent layers."""
    if config.above:
        num_pixels = shape[0] * shape[1] * shape[2]
        sizes = (*reversed(config.above), config.latent)
        ladder = LadderEncoder(num_pixels, config.hidden, len(sizes), config.activation)
        return ladder, LadderDecoder(sizes, config.hidden, config.classes, shape, config.activation)
    encoder, decoder = image_pair(config, shape, 2 * config.latent, config.latent + config.classes)
    return encoder, Single(config.latent, decoder)
