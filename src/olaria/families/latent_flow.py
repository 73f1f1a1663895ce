"""Settings and words of flow matching of the latent vectors of an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.base import Family, Size
from olaria.families.flow_matching import IMAGE_FLOW, FlowMatchingConfig
from olaria.families.report import Curve, Panel
from olaria.families.vae import VAEConfig
from olaria.i18n import N_


class LatentFlowConfig(FlowMatchingConfig):
    """Settings of :class:`olaria.models.latent_flow.LatentFlow`."""

    family: Literal["latent-flow"] = "latent-flow"
    width: int = Field(256, ge=1)
    """Numbers that each block of the network reads and returns."""
    depth: int = Field(3, ge=0)
    """Residual blocks."""
    condition: int = Field(128, ge=1)
    """Numbers that tell each block of the time."""
    autoencoder: Annotated[AutoEncoderConfig | VAEConfig, Discriminator("family")] | None = None
    """Settings of the autoencoder whose latent vectors are learned; taken from the run that the data name."""


SIZES: Mapping[Size, LatentFlowConfig] = {
    "tiny": LatentFlowConfig(width=32, depth=1, condition=16),
    "small": LatentFlowConfig(),
    "base": LatentFlowConfig(width=512, depth=4),
}

LATENT_FLOW = Family(
    config=LatentFlowConfig,
    data="images",
    sizes=SIZES,
    title=N_("Latent flow matching"),
    activity=N_("Train flow matching on the latent vectors of {data}: {runs}."),
    headlines=("fd", "precision", "recall", "coverage"),
    guide="flow-matching.md",
    search=("model.time_mean=-1..1", "model.width=128..512 log"),
    panels=(
        Panel("first-and-last"),
        Panel("animation"),
        Panel(
            "samples",
            N_(
                "New images by {name}: $z$ drawn from the prior, not chosen by hand, carried to a latent vector and "
                "decoded."
            ),
        ),
        Panel("losses"),
    ),
    curves=(Curve(N_("squared error of the velocity"), ("velocity_error", "loss")),),
    methods=IMAGE_FLOW.methods[:-1],  # all but guidance
    section=IMAGE_FLOW.section,
)
