"""Settings and words of flow matching: of images, and of points in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import Curve, Method, Panel, Section, is_set
from olaria.i18n import N_
from olaria.vocabulary import Prediction, Solver


class FlowMatchingConfig(ModelConfig):
    """Settings of every :class:`olaria.models.flow_matching.FlowMatching`."""

    prediction: Prediction = "velocity"
    """What the network predicts; the loss compares velocities whichever it is."""
    time_mean: float = 0.0
    """Mean of the logit of the times that are trained on; above 0 nearer the data."""
    time_std: float = Field(1.0, gt=0.0)
    """Standard deviation of that logit."""
    steps: int = Field(10, ge=1)
    """Steps from noise to a sample, unless a command says otherwise."""
    solver: Solver = "heun"
    """What a step does, unless a command says otherwise."""
    step_power: float = Field(1.0, gt=0.0)
    """Above 1 the steps become shorter towards the data, below 1 longer."""


class PointFlowConfig(FlowMatchingConfig):
    """Settings of :class:`olaria.models.point_flow.PointFlow`."""

    family: Literal["point-flow"] = "point-flow"
    time_mean: float = 1.0
    time_std: float = Field(1.5, gt=0.0)
    hidden: tuple[int, ...] = (128, 128, 128, 128, 128)
    """Sizes of the hidden layers."""
    waves: int = Field(64, ge=0)
    """Waves of the place that the network reads beside it, each of a random direction and length."""
    wave_number: float = Field(0.3, gt=0.0)
    """Standard deviation of the waves' numbers, in cycles a unit: larger sees finer shapes."""


class ImageFlowConfig(FlowMatchingConfig):
    """Settings of :class:`olaria.models.image_flow.ImageFlow`."""

    family: Literal["image-flow"] = "image-flow"
    prediction: Prediction = "data"
    time_std: float = Field(0.7, gt=0.0)
    steps: int = Field(20, ge=1)
    solver: Solver = (
        "euler"  # Heun's rule asks at time 1, where the data says nothing of the velocity
    )
    step_power: float = Field(0.7, gt=0.0)
    step_noise: float = Field(0.65, ge=0.0, le=1.0)
    """Share of the noise that is drawn anew after each step."""
    modes: int = Field(4096, ge=0)
    """Clusters of the training images whose closed form the network begins from; 0 for none."""
    widths: tuple[int, ...] = (32, 64)
    """Channels of the U-Net at the image's size divided by ``patch``, at half of that, …"""
    depths: tuple[int, ...] = (1, 2)
    """Residual blocks at each of these sizes on the way down, and as many on the way up; at the last, only these."""
    patch: int = Field(2, ge=1)
    """Side of the squares of pixels that become channels."""
    dense: int = Field(8, ge=0)
    """Numbers of each place of the smallest size that dense layers join over all places; 0 for none."""
    condition: int = Field(128, ge=1)
    """Numbers that tell each block of the time and the class."""
    classes: int = Field(0, ge=0)
    """Number of classes that the network is conditioned on; 0 for none."""
    class_dropping: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the training examples whose class is dropped; needed for guidance."""

    @model_validator(mode="after")
    def _one_depth_for_each_width(self) -> ImageFlowConfig:
        if len(self.widths) != len(self.depths) or not self.widths:
            raise setting_problem(
                N_(
                    "{widths} {widths:width|widths} and {depths} {depths:depth|depths}: give as many of one as of "
                    "the other, and at least one"
                ),
                widths=len(self.widths),
                depths=len(self.depths),
            )
        return self

    @property
    def divisor(self) -> int:
        """What the sides of the images must be multiples of: of a patch, halved once between two widths."""
        return self.patch << (len(self.widths) - 1)


IMAGE_FLOW_SIZES: Mapping[Size, ImageFlowConfig] = {
    "tiny": ImageFlowConfig(modes=16, widths=(8, 16), depths=(1, 1), dense=2, condition=16),
    "small": ImageFlowConfig(),
    "base": ImageFlowConfig(widths=(64, 128), depths=(2, 4)),
}
POINT_FLOW_SIZES: Mapping[Size, PointFlowConfig] = {
    "tiny": PointFlowConfig(hidden=(16,), waves=4),
    "small": PointFlowConfig(),
    "base": PointFlowConfig(hidden=(256, 256, 256, 256, 256)),
}

_SECTION = Section(
    "flow-matching",
    latent=N_("noise $z$ with the prior $N(0, I)$, of the data's size"),
    likelihood=N_(
        "exact, by following the flow back; of latent vectors, theirs and not the images'"
    ),
    drawing=N_("draw $z$, follow the learned velocity from $t = 0$ to $t = 1$"),
)
_FIRST_AND_LAST = Panel(
    "first-and-last",
    N_("Where {name} carries the same noise: before the first update and at the end."),
)
_METHODS = (
    Method(N_("flow matching"), ("lipman2023", "liu2023")),
    Method(N_("times from a logit-normal distribution"), ("esser2024",), is_set("model.time_std")),
)

IMAGE_FLOW = Family(
    config=ImageFlowConfig,
    data="images",
    sizes=IMAGE_FLOW_SIZES,
    title=N_("Flow matching"),
    activity=N_("Train flow matching on {data}: {runs}."),
    headlines=("fd", "precision", "recall", "coverage", "bits_per_dimension"),
    guide="flow-matching.md",
    lesson="flow-matching",
    search=("training.matrix_learning_rate=0.005..0.1 log", "model.time_mean=-1..1"),
    panels=(
        _FIRST_AND_LAST,
        Panel("animation"),
        Panel("samples", N_("New images by {name}: $z$ drawn from the prior, not chosen by hand.")),
        Panel("losses"),
    ),
    curves=(Curve(N_("squared error of the velocity"), ("velocity_error", "loss")),),
    methods=(
        *_METHODS,
        Method(N_("classifier-free guidance"), ("ho2022",), is_set("model.classes")),
    ),
    section=_SECTION,
)

POINT_FLOW = Family(
    config=PointFlowConfig,
    data="points",
    sizes=POINT_FLOW_SIZES,
    title=N_("Flow matching"),
    activity=N_("Train flow matching on {data}: {runs}."),
    headlines=("excess_nats", "modes_covered", "high_quality_share", "precision", "recall"),
    guide="flow-matching.md",
    lesson="flow-matching",
    search=("model.time_mean=-1..2", "model.wave_number=0.2..3 log"),
    panels=(_FIRST_AND_LAST, Panel("animation"), Panel("losses")),
    curves=(Curve(N_("squared error of the velocity"), ("velocity_error", "loss")),),
    methods=(
        *_METHODS,
        Method(N_("waves of the place"), ("tancik2020",), is_set("model.waves")),
    ),
    section=_SECTION,
)
