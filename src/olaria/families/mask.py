"""Settings and words of masked diffusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import Curve, Method, Panel, Section
from olaria.i18n import N_


class MaskConfig(ModelConfig):
    """Settings of :class:`olaria.models.mask.MaskedDiffusion`."""

    family: Literal["mask"] = "mask"
    likelihood: Literal["bernoulli"] = "bernoulli"
    """Distribution of the pixels: black or white, drawn by their grey value."""
    widths: tuple[int, ...] = (48, 96)
    """Channels of the U-Net at half the image's size, at a quarter, …"""
    depths: tuple[int, ...] = (1, 2)
    """Residual blocks at each of these sizes, on the way down and on the way up; of the last all together."""
    dense: int = Field(8, ge=0)
    """Numbers of each place of the smallest size that dense layers join over all places; 0 for none."""
    steps: int = Field(28, ge=1)
    """Steps from an image that is all hidden to a sample; as many pixels are drawn in each."""

    @model_validator(mode="after")
    def _one_depth_for_each_width(self) -> MaskConfig:
        if not self.widths or len(self.widths) != len(self.depths):
            raise setting_problem(N_("widths and depths must be equally many, and at least one"))
        if min(self.widths) < 1 or min(self.depths) < 0:
            raise setting_problem(N_("widths must be at least 1, and depths at least 0"))
        return self


SIZES: Mapping[Size, MaskConfig] = {
    "tiny": MaskConfig(widths=(8, 16), depths=(1, 1), dense=2, steps=8),
    "small": MaskConfig(),
    "base": MaskConfig(widths=(64, 128), depths=(2, 4)),
}

MASK = Family(
    config=MaskConfig,
    data="images",
    sizes=SIZES,
    title=N_("Masked diffusion"),
    activity=N_("Train masked diffusion on {data}: {runs}."),
    headlines=("elbo_nats", "fd", "coverage"),
    guide="masked-diffusion.md",
    search=("training.matrix_learning_rate=0.005..0.1 log",),
    panels=(
        Panel(
            "first-and-last",
            N_("Images from the same noise by {name}: before the first update and at the end."),
        ),
        Panel("animation"),
        Panel(
            "samples",
            N_(
                "New images by {name}: the pixels are drawn in a random order, several at a time, each given those "
                "before it (the means of the pixels)."
            ),
        ),
        Panel("losses"),
    ),
    curves=(Curve(N_("bound on the negative log-likelihood"), ("bound_nats", "loss")),),
    methods=(
        Method(N_("masked diffusion"), ("sahoo2024", "shi2024")),
        Method(N_("autoregression in every order"), ("uria2014", "hoogeboom2022")),
    ),
    section=Section(
        "masked-diffusion",
        latent=N_("the image with pixels hidden"),
        likelihood=N_("a lower bound: the mean over all orders of the pixels"),
        drawing=N_("draw the pixels in a random order, a few at a time, given those before them"),
    ),
)
