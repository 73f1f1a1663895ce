"""Settings and words of generative adversarial networks: of images, and of points in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from olaria.families.base import Family, ModelConfig, Size
from olaria.i18n import N_

AdversarialLoss = Literal["minimax", "non-saturating", "least-squares", "hinge", "wasserstein"]
"""Of a game; see :mod:`olaria.objectives.adversarial`."""


class GameConfig(ModelConfig):
    """Settings of every :class:`Game`."""

    slope: float = Field(0.2, ge=0.0)
    """LeakyReLU's slope in the discriminator."""
    loss: AdversarialLoss = "non-saturating"
    penalty: Literal["none", "gradient", "r1"] = "none"
    """On the discriminator's slope: ``gradient`` keeps it near 1 between real and generated images, ``r1`` near 0 on
    real ones. WGAN-GP is ``loss="wasserstein"`` with ``penalty="gradient"``."""
    penalty_weight: float = Field(10.0, ge=0.0)
    spectral: bool = True
    """Spectral normalisation of the discriminator."""
    discriminator_updates: int = Field(1, ge=1)
    discriminator_rate: float = Field(0.6, gt=0.0)
    """Factor on the discriminator's learning rates (Heusel et al. 2017, who give each side its own)."""


class GANConfig(GameConfig):
    """Settings of :class:`GAN`."""

    family: Literal["gan"] = "gan"
    latent: int = Field(16, ge=1)
    generator_width: int = Field(24, ge=1)
    generator_depth: int = Field(1, ge=0)
    """Residual convolutions of the generator where its image is smallest."""
    discriminator_width: int = Field(32, ge=1)
    discriminator_depth: int = Field(1, ge=0)
    """Residual convolutions of the discriminator before its last halving."""
    classes: int = Field(0, ge=0)
    """Of the data, where images are drawn for a class; 0 leaves classes out."""
    conditioning: Literal["projection", "auxiliary"] = "projection"
    """How the discriminator minds the class: it asks whether an image is real *for its class*, or it also says which
    class it is (Odena et al. 2017)."""
    augment: Literal["none", "adaptive"] = "none"
    """Change the images that the discriminator sees, the more often the surer it is of real ones; for little data."""
    augment_target: float = Field(0.6, gt=0.0, lt=1.0)
    """Mean sign of its logits on real images that is neither too sure nor too unsure (Karras et al. 2020)."""
    augment_examples: int = Field(50_000, ge=1)
    """Real images over which the probability of a change may rise from 0 to 1."""


GAN_SIZES: Mapping[Size, GANConfig] = {
    "tiny": GANConfig(latent=8, generator_width=4, discriminator_width=4),
    "small": GANConfig(),
    "base": GANConfig(latent=32, generator_width=64, discriminator_width=64),
}


class PlaneGANConfig(GameConfig):
    """Settings of :class:`PlaneGAN`."""

    family: Literal["plane-gan"] = "plane-gan"
    latent: int = Field(2, ge=1)
    hidden: tuple[int, ...] = (128, 128)
    """Sizes of both networks' hidden layers."""
    spectral: bool = False
    """Spectral normalisation of the discriminator; it is too smooth then for narrow clusters."""
    discriminator_rate: float = Field(1.0, gt=0.0)
    """Factor on the discriminator's learning rates."""


PLANE_SIZES: Mapping[Size, PlaneGANConfig] = {
    "tiny": PlaneGANConfig(hidden=(16,)),
    "small": PlaneGANConfig(),
    "base": PlaneGANConfig(hidden=(256, 256, 256)),
}


GAN = Family(
    config=GANConfig,
    data="images",
    sizes=GAN_SIZES,
    title=N_("Generative adversarial network"),
    activity=N_("Train a generative adversarial network on {data}: {runs}."),
    headlines=(
        "fd",
        "modes_covered",
        "high_quality_share",
        "precision",
        "recall",
        "coverage",
    ),
)


PLANE_GAN = Family(
    config=PlaneGANConfig,
    data="points",
    sizes=PLANE_SIZES,
    title=N_("Generative adversarial network"),
    activity=N_("Train a generative adversarial network on {data}: {runs}."),
    headlines=(
        "fd",
        "modes_covered",
        "high_quality_share",
        "precision",
        "recall",
        "coverage",
    ),
)
