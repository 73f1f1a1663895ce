"""Settings and words of generative adversarial networks: of images, and of points in the plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import Method, Panel, Section, Setting, is_not_one, is_set
from olaria.i18n import N_

AdversarialLoss = Literal["minimax", "non-saturating", "least-squares", "hinge", "wasserstein"]
"""See :mod:`olaria.objectives.adversarial`."""
LOGISTIC: tuple[AdversarialLoss, ...] = ("minimax", "non-saturating")
"""Losses that read an output as the logit of a probability, and are in nats."""


def final_loss(loss: AdversarialLoss, events: Iterable[Mapping[str, Any]]) -> AdversarialLoss:
    """The loss that a run of this one ended with, by its events: a rescue may have changed it."""
    for event in events:
        if event["event"] == "changed" and event["path"] == "model.loss":
            loss = event["value"]
    return loss


class GameConfig(ModelConfig):
    """Settings of every :class:`olaria.models.game.Game`."""

    slope: float = Field(0.2, ge=0.0)
    """LeakyReLU's slope in the discriminator."""
    loss: AdversarialLoss = "non-saturating"
    """What the discriminator and the generator minimise."""
    penalty: Literal["none", "gradient", "r1"] = "none"
    """Penalty on the discriminator's gradient: ``gradient`` keeps it near 1 between real and generated images, ``r1``
    near 0 on real ones. WGAN-GP is ``loss="wasserstein"`` with ``penalty="gradient"``."""
    penalty_weight: float = Field(10.0, ge=0.0)
    """Factor on the penalty."""
    spectral: bool = True
    """Spectral normalisation of the discriminator."""
    discriminator_updates: int = Field(1, ge=1)
    """Updates of the discriminator in each turn."""
    discriminator_rate: float = Field(0.6, gt=0.0)
    """Factor on the discriminator's learning rates (Heusel et al. 2017, with one rate for each network)."""


class GANConfig(GameConfig):
    """Settings of :class:`GAN`."""

    family: Literal["gan"] = "gan"
    latent: int = Field(16, ge=1)
    """Dimensions of the noise."""
    generator_width: int = Field(24, ge=1)
    """The generator's channels at full size."""
    generator_depth: int = Field(1, ge=0)
    """Residual convolutions of the generator where its image is smallest."""
    discriminator_width: int = Field(32, ge=1)
    """The discriminator's channels after its first layer."""
    discriminator_depth: int = Field(1, ge=0)
    """Residual convolutions of the discriminator before its last halving."""
    classes: int = Field(0, ge=0)
    """Number of classes that both networks are conditioned on; 0 for none."""
    conditioning: Literal["projection", "auxiliary"] = "projection"
    """How the discriminator uses the class: it classifies images as real for their class (``projection``), or it has
    a second output that predicts the class (``auxiliary``, Odena et al. 2017)."""
    augment: Literal["none", "adaptive"] = "none"
    """Augment the discriminator's images, the more often the surer it is of real ones; for little data."""
    augment_target: float = Field(0.6, gt=0.0, lt=1.0)
    """Target of the mean sign of its logits on real images (Karras et al. 2020)."""
    augment_examples: int = Field(50_000, ge=1)
    """Real images over which the probability of augmentation may rise from 0 to 1."""


GAN_SIZES: Mapping[Size, GANConfig] = {
    "tiny": GANConfig(latent=8, generator_width=4, discriminator_width=4),
    "small": GANConfig(),
    "base": GANConfig(latent=32, generator_width=64, discriminator_width=64),
}


class PlaneGANConfig(GameConfig):
    """Settings of :class:`PlaneGAN`."""

    family: Literal["plane-gan"] = "plane-gan"
    latent: int = Field(2, ge=1)
    """Dimensions of the noise."""
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


def _conditioned(by: str) -> Callable[[Setting], bool]:
    return lambda setting: bool(setting("model.classes")) and setting("model.conditioning") == by


_TITLE = N_("Generative adversarial network")
_SECTION = Section(
    "gan",
    latent=N_("noise $z$ with the prior $N(0, I)$"),
    likelihood=N_("none that can be computed"),
    drawing=N_("draw $z$, pass it through the generator"),
)
_ACTIVITY = N_("Train a generative adversarial network on {data}: {runs}.")
_GAME_METHODS = (
    Method(N_("least-squares loss"), ("mao2017",), is_set("model.loss", "least-squares")),
    Method(N_("hinge loss"), ("lim2017", "miyato2018"), is_set("model.loss", "hinge")),
    Method(N_("Wasserstein loss"), ("arjovsky2017",), is_set("model.loss", "wasserstein")),
    Method(N_("gradient penalty"), ("gulrajani2017",), is_set("model.penalty", "gradient")),
    Method(N_("R1 penalty"), ("mescheder2018",), is_set("model.penalty", "r1")),
    Method(N_("spectral normalization"), ("miyato2018",), is_set("model.spectral")),
    Method(N_("classes for both networks"), ("mirza2014",), is_set("model.classes")),
    Method(N_("projection discriminator"), ("miyato2018b",), _conditioned("projection")),
    Method(N_("auxiliary classifier"), ("odena2017",), _conditioned("auxiliary")),
    Method(N_("adaptive augmentation"), ("karras2020",), is_set("model.augment", "adaptive")),
    Method(N_("a rate for each network"), ("heusel2017",), is_not_one("model.discriminator_rate")),
)

GAN = Family(
    config=GANConfig,
    data="images",
    sizes=GAN_SIZES,
    title=_TITLE,
    activity=_ACTIVITY,
    headlines=("fd", "precision", "recall", "coverage"),
    guide="gan.md",
    search=("model.discriminator_rate=0.2..5 log", "training.matrix_learning_rate=0.01..0.2 log"),
    panels=(
        Panel("first-and-last"),
        Panel("animation"),
        Panel(
            "samples",
            N_("New images by {name}: $z$ drawn from the prior, not chosen by hand."),
        ),
        Panel("game-losses"),
    ),
    short="GAN",
    lesson="gan",
    methods=(
        Method(N_("convolutions in both networks"), ("radford2016",)),
        Method(N_("pixel norm"), ("karras2018",)),
        *_GAME_METHODS,
    ),
    section=_SECTION,
    room="gan",
)

PLANE_GAN = Family(
    config=PlaneGANConfig,
    data="points",
    sizes=PLANE_SIZES,
    title=_TITLE,
    activity=_ACTIVITY,
    headlines=("modes_covered", "high_quality_share", "precision", "recall", "coverage"),
    guide="plane.md",
    search=("model.discriminator_rate=0.2..5 log", "model.penalty_weight=0.01..10 log"),
    panels=(Panel("first-and-last"), Panel("animation"), Panel("game-losses")),
    short="GAN",
    lesson="gan",
    methods=_GAME_METHODS,
    section=_SECTION,
    room="gan",
)
