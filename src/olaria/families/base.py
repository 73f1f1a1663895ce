"""What a family of models is, without its network: settings, sizes, and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from olaria.config import Config, setting_problem
from olaria.families.report import Curve, Method, Panel, PanelKind, Section
from olaria.i18n import N_
from olaria.vocabulary import DataKind
from olaria.vocabulary import Size as Size

Room = Literal["", "latent", "gan", "text"]
"""Of the studio, for models of one kind."""

Kind = DataKind


class ModelConfig(Config):
    """Settings of one family; ``family`` tells the families apart in a recipe."""

    family: str


@dataclass(frozen=True)
class Family:
    """One entry of :data:`olaria.families.MODELS`.

    Args:
        config: its settings' class.
        data: the kind of data that it learns from.
        sizes: its settings by size.
        title: its name for people, a source string.
        activity: a report's sentence about its runs, a source string with ``{data}`` and ``{runs}``.
        headlines: the metrics to show beside a run where there is no room for all, most important first.
        guide: its page in ``docs``.
        panels: what a report shows of its runs, in this order.
        short: an abbreviation for narrow places; the title where empty.
        lesson: the lesson about its runs, an id of :data:`olaria.lessons.LESSONS`; empty where there is none.
        curves: what the panel ``losses`` draws.
        methods: published ideas that its settings may use, in the order of mention.
        section: the section of the report that its runs are in; its name becomes the family's where empty.
        room: of the studio, where its models are played with; empty where there is none.
        search: what a search for settings varies besides the learning rate, each as ``olaria tune`` takes it.
    """

    config: type[ModelConfig]
    data: Kind
    sizes: Mapping[Size, ModelConfig]
    title: str
    activity: str
    headlines: tuple[str, ...]
    guide: str
    panels: tuple[Panel, ...]
    short: str = ""
    lesson: str = ""
    curves: tuple[Curve, ...] = (Curve(N_("loss"), ("loss",)),)
    methods: tuple[Method, ...] = ()
    section: Section = field(default_factory=Section)
    room: Room = ""
    search: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        section = replace(self.section, name=self.section.name or self.name)
        object.__setattr__(self, "section", section)

    @property
    def name(self) -> str:
        """Its key in the table: the ``family`` of its settings."""
        return str(self.config.model_fields["family"].default)

    def shows(self, *kinds: PanelKind) -> bool:
        """Whether a report shows one of some kinds of panel of its runs."""
        return any(panel.kind in kinds for panel in self.panels)


def check_heads(width: int, num_heads: int) -> None:
    """Refuse a width that the heads do not divide into pairs of features; for a config's validator."""
    if width % (2 * num_heads):
        raise setting_problem(
            N_("width {width} must be a multiple of twice the number of heads, {num_heads}"),
            width=width,
            num_heads=num_heads,
        )
