"""Settings and words of the autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import Curve, Method, Panel, Section, is_set
from olaria.i18n import N_

Noise = Literal["gaussian", "masking", "salt-and-pepper"]


class AutoEncoderConfig(ModelConfig):
    """Settings of :class:`AutoEncoder`."""

    family: Literal["autoencoder"] = "autoencoder"
    latent: int = Field(32, ge=1)
    """Size of the bottleneck."""
    network: Literal["dense", "conv"] = "dense"
    """``conv`` has a depth that follows from the image's size."""
    hidden: tuple[int, ...] = (512, 256)
    """Sizes of the dense encoder's hidden layers, mirrored in the decoder; [] is the linear autoencoder."""
    activation: Literal["relu", "gelu", "silu"] = "gelu"
    """Nonlinearity of the dense network."""
    width: int = Field(16, ge=1)
    """Channels of the convolutional network at full size."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    """``sigmoid`` keeps pixels in (0, 1); ``linear`` does not."""
    corruption: float = Field(0.0, ge=0.0)
    """Disturbance of the input while training: the standard deviation of the noise, or the share of pixels that are
    lost."""
    noise: Noise = "gaussian"
    """What the corruption is: noise that is added, or pixels that are lost; the last two
    set pixels to black, or to black and white."""
    sparsity: float = Field(0.0, ge=0.0)
    """Factor on the size of the codes."""
    contraction: float = Field(0.0, ge=0.0)
    """Factor on the derivative of the codes by the image (Rifai et al. 2011)."""

    @model_validator(mode="after")
    def _share(self) -> AutoEncoderConfig:
        if self.noise != "gaussian" and self.corruption > 1:
            raise setting_problem(
                N_("a corruption of {share} by {noise} is more than all pixels; give at most 1"),
                share=self.corruption,
                noise=self.noise,
            )
        return self


SIZES: Mapping[Size, AutoEncoderConfig] = {
    "tiny": AutoEncoderConfig(latent=8, hidden=(64,), width=4),
    "small": AutoEncoderConfig(),
    "base": AutoEncoderConfig(hidden=(1024, 512, 256), width=32),
}


AUTOENCODER = Family(
    config=AutoEncoderConfig,
    data="images",
    sizes=SIZES,
    title=N_("Autoencoder"),
    activity=N_("Train an autoencoder on {data}: {runs}."),
    headlines=(
        "mse",
        "psnr_db",
        "knn_accuracy",
    ),
    guide="autoencoder.md",
    panels=(
        Panel("reconstructions"),
        Panel(
            "losses",
            N_(
                "Reconstruction error of {name} while it trains: each logged value (light) and the "
                "smoothed curve."
            ),
        ),
        Panel(
            "interpolation",
            N_(
                "Between two latent vectors of {name}. The path is ours: the model itself says "
                "nothing about the places between images."
            ),
        ),
        Panel("latents"),
    ),
    short="AE",
    search=("model.activation=relu,gelu,silu", "training.batch_size=64,128,256"),
    lesson="autoencoder",
    curves=(Curve(N_("reconstruction error"), ("reconstruction", "mse", "loss")),),
    methods=(
        Method(N_("disturbed inputs"), ("vincent2010",), is_set("model.corruption")),
        Method(N_("contraction"), ("rifai2011",), is_set("model.contraction")),
    ),
    section=Section(
        latent=N_("a vector, without a distribution"),
        likelihood=N_("none"),
        drawing=N_("not defined: it rebuilds"),
    ),
    room="latent",
)
