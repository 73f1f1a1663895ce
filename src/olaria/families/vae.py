"""Settings and words of the variational autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import LEVELS, Curve, Method, Panel, Section, is_not_one, is_set
from olaria.i18n import N_

Likelihood = Literal["bernoulli", "gaussian", "logistic"]


class VAEConfig(ModelConfig):
    """Settings of :class:`VAE`."""

    family: Literal["vae"] = "vae"
    latent: int = Field(32, ge=1)
    """Latent variables; of the lowest layer, where there are several."""
    above: tuple[int, ...] = ()
    """Sizes of further latent layers above it, from the second to the topmost; for the dense network only."""
    flow: int = Field(0, ge=0)
    """Layers of the invertible map that learns the prior, given the class where there are classes; 0 leaves it
    N(0, I)."""
    network: Literal["dense", "conv"] = "dense"
    """``conv`` has a depth that follows from the image's size."""
    hidden: tuple[int, ...] = (512, 512)
    """Sizes of the dense encoder's hidden layers, mirrored in the decoder."""
    width: int = Field(16, ge=1)
    """Channels of the convolutional network at full size."""
    activation: Literal["relu", "gelu", "silu"] = "gelu"
    """Nonlinearity of the dense network."""
    likelihood: Likelihood = "bernoulli"
    """Distribution of the pixels: drawn black or white (``bernoulli``), or grey with noise around the decoder's output,
    as a density (``gaussian``) or as a probability of the 256 levels (``logistic``)."""
    scale: float | None = Field(None, gt=0.0)
    """Scale of the noise, in units of the pixels; learned where None. A Bernoulli pixel has none."""
    classes: int = Field(0, ge=0)
    """Number of classes that the decoder is conditioned on; 0 for none."""
    beta: float = Field(1.0, ge=0.0)
    """Factor on the KL term; 1 is the bound itself."""
    warmup: float = Field(0.2, ge=0.0, lt=1.0)
    """Fraction of the run over which the factor rises from 0 to ``beta`` (Bowman et al. 2016; Sønderby et al. 2016):
    a latent dimension that is switched off early seldom comes back."""
    free_bits: float = Field(0.0, ge=0.0)
    """Nats of each latent dimension that are not charged, on the mean over a batch; with a flow, of all dimensions
    together, that many times their number."""
    importance_samples: int = Field(1, ge=1)
    """Draws of z in the training bound; 1 is the ELBO."""
    importance_from: float = Field(0.0, ge=0.0, lt=1.0)
    """Fraction of the run from which there are several; before, one draw is cheaper and its gradient less noisy
    (Rainforth et al. 2018)."""

    @model_validator(mode="after")
    def _nothing_is_set_in_vain(self) -> VAEConfig:
        if self.above and (self.network == "conv" or not self.hidden):
            raise setting_problem(
                N_(
                    "several latent layers need the dense network and its hidden layers: leave "
                    "above empty"
                )
            )
        if self.above and min(self.above) < 1:
            raise setting_problem(
                N_("every latent layer needs at least one variable, not {size}"),
                size=min(self.above),
            )
        if self.flow and self.latent + sum(self.above) < 2:
            raise setting_problem(N_("a flow needs two latent variables or more: set it to 0"))
        if self.scale is not None and self.likelihood == "bernoulli":
            raise setting_problem(
                N_("a Bernoulli pixel has no scale: leave it out, or choose another likelihood")
            )
        if self.free_bits and self.importance_samples > 1 and not self.importance_from:
            raise setting_problem(
                N_(
                    "free_bits are of the KL term, which a bound of several draws has not: set one "
                    "of them, or "
                    "importance_from"
                )
            )
        return self


SIZES: Mapping[Size, VAEConfig] = {
    "tiny": VAEConfig(latent=8, hidden=(64,), width=4),
    "small": VAEConfig(),
    "base": VAEConfig(latent=64, hidden=(1024, 1024), width=32),
}
FLOW_LAYERS: Mapping[Size, int] = {"tiny": 2, "small": 4, "base": 4}
"""Of the presets whose prior is learned."""


VAE = Family(
    config=VAEConfig,
    data="images",
    sizes=SIZES,
    title=N_("Variational autoencoder"),
    activity=N_("Train a variational autoencoder on {data}: {runs}."),
    headlines=(
        "elbo_nats",
        "nll_nats",
        "fd",
    ),
    guide="vae.md",
    panels=(
        Panel(
            "samples",
            N_(
                "New images by {name}: $z$ drawn from the prior and decoded (the means of the "
                "pixels)."
            ),
        ),
        Panel("reconstructions"),
        Panel(
            "interpolation",
            N_(
                "From one latent vector to another by {name}. Unlike an autoencoder's, this space "
                "has a prior, and it covers the places between images too."
            ),
        ),
        Panel("manifold"),
        Panel(
            "losses",
            N_(
                "The two terms of the negative bound of {name} while it trains, in nats per image: "
                "each logged value (light) and the smoothed curve."
            ),
        ),
        Panel("latents"),
    ),
    short="VAE",
    search=("model.latent=4..64 log", "training.weight_decay=0,0.01,0.1"),
    lesson="vae",
    curves=(
        Curve(N_("reconstruction term"), ("reconstruction_nats",)),
        Curve(N_("KL term"), ("kl_nats",)),
    ),
    methods=(
        Method(N_("a weight of the KL term"), ("higgins2017",), is_not_one("model.beta")),
        Method(
            N_("a KL term that sets in gradually"),
            ("bowman2016", "sonderby2016"),
            is_set("model.warmup"),
        ),
        Method(N_("free bits"), ("kingma2016",), is_set("model.free_bits")),
        Method(N_("several latent layers"), ("sonderby2016",), is_set("model.above")),
        Method(N_("a prior learned by a flow"), ("dinh2017", "chen2017"), is_set("model.flow")),
        Method(N_("a decoder conditioned on the class"), ("sohn2015",), is_set("model.classes")),
        LEVELS,
    ),
    section=Section(
        latent=N_("$z$ with the prior $N(0, I)$"),
        likelihood=N_("a lower bound (ELBO)"),
        drawing=N_("draw $z$, decode it"),
        compares_planes=True,
    ),
    room="latent",
)
