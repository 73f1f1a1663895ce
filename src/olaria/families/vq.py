"""Settings and words of the vector-quantized autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import LEVELS, Curve, Method, Panel, Section
from olaria.i18n import N_


class VQConfig(ModelConfig):
    """Settings of :class:`VQ`."""

    family: Literal["vq"] = "vq"
    codes: int = Field(128, ge=2, le=512)
    """Entries of the codebook."""
    latent: int = Field(8, ge=1)
    """Numbers of an entry."""
    width: int = Field(32, ge=1)
    """Channels after the first halving; twice as many after the second."""
    likelihood: Literal["bernoulli", "logistic"] = "bernoulli"
    """Distribution of the pixels: black or white, drawn by their grey value; or the 256 levels."""
    commitment: float = Field(0.0, ge=0.0)
    """Factor on the encoder's distance to the entries (the paper's beta). Vectors of length 1 cannot run away from the
    entries, and while the decoder ignores the codes, this term alone makes all vectors equal."""
    pull: float = Field(10.0, gt=0.0)
    """Factor on both distances, in nats per squared unit of length 1."""


SIZES: Mapping[Size, VQConfig] = {
    "tiny": VQConfig(codes=16, latent=4, width=4),
    "small": VQConfig(),
    "base": VQConfig(codes=256, width=64),
}


VQ = Family(
    config=VQConfig,
    data="images",
    sizes=SIZES,
    title=N_("Vector-quantized autoencoder"),
    activity=N_("Train a vector-quantized autoencoder on {data}: {runs}."),
    headlines=(
        "reconstruction_nats",
        "psnr_db",
        "codes_used",
        "code_perplexity",
    ),
    guide="vq.md",
    search=("training.batch_size=64,128,256",),
    panels=(
        Panel("reconstructions", N_("Test images and what {name} makes of their codes.")),
        Panel("codes"),
        Panel(
            "losses",
            N_(
                "Cost of the pixels given their codes and perplexity of the codes of {name} while "
                "it trains: each logged value (light), the smoothed curve and, with marks, the "
                "validation images."
            ),
        ),
    ),
    short="VQ",
    curves=(
        Curve(N_("pixels given their codes"), ("reconstruction_nats",)),
        Curve(N_("perplexity of the codes"), ("code_perplexity",)),
    ),
    methods=(LEVELS, Method(N_("entries of length 1"), ("yu2022",))),
    section=Section(
        latent=N_("a grid of codes; its prior is a second model"),
        likelihood=N_("of the pixels given their codes"),
        drawing=N_("a second model draws codes, it decodes them"),
    ),
)
