"""The report's part of a family's entry: its section, its panels, the methods that its settings use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from olaria.i18n import N_

PanelKind = Literal[
    "samples",
    "reconstructions",
    "interpolation",
    "latents",
    "manifold",
    "codes",
    "first-and-last",
    "animation",
    "losses",
    "game-losses",
    "text",
    "translations",
]
"""What a report can show of a run: :mod:`olaria.cards.run_card` gathers it, :mod:`olaria.pages.panels` draws it."""


@dataclass(frozen=True)
class Panel:
    """Something that a report shows of each run of a family.

    Args:
        kind: what it is.
        caption: a source string with ``{name}``; the kind's default where empty.
    """

    kind: PanelKind
    caption: str = ""


@dataclass(frozen=True)
class Curve:
    """A curve of the panel ``losses``.

    Args:
        title: a source string; the axis is labelled with it.
        keys: of metrics.jsonl; the first one that a run has is drawn.
    """

    title: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A section of the report, of one family or shared by several.

    Its title and text stand in documents of its name (:mod:`olaria.pages.theory`); without one the title is the
    family's, and the section is made of the runs' panels.

    Args:
        name: its anchor, and its documents' name; the family's where empty.
        latent: what the latent variable is, a source string; this one and the next two are cells of the table of
            families, a dash where empty.
        likelihood: of which examples the likelihood can be computed, and how.
        drawing: how a sample is drawn.
        compares_planes: whether it shows the latent planes of all families side by side; other sections then leave
            theirs out.
    """

    name: str = ""
    latent: str = ""
    likelihood: str = ""
    drawing: str = ""
    compares_planes: bool = False


Setting = Callable[[str], Any]
"""The value of a recipe's setting by its dotted path; None where there is none."""


@dataclass(frozen=True)
class Method:
    """A published idea that a run may use, with its sources.

    Args:
        title: a source string, a few words.
        keys: of :data:`olaria.pages.references.REFERENCES`.
        used: a test of a run's settings; by default true of every run whose recipe is known.
    """

    title: str
    keys: tuple[str, ...]
    used: Callable[[Setting], bool] = lambda setting: bool(setting("model"))


def is_set(path: str, *values: Any) -> Callable[[Setting], bool]:
    """A test whether a setting is one of ``values``, or whether it is set at all where none are given.

    >>> is_set("model.loss", "hinge")({"model.loss": "minimax"}.get)
    False
    """
    return lambda setting: setting(path) in values if values else bool(setting(path))


def is_not_one(path: str) -> Callable[[Setting], bool]:
    """A test whether a factor is set and differs from 1."""
    return lambda setting: setting(path) not in (None, 1, 1.0)


LEVELS = Method(
    N_("pixels of 256 levels"), ("salimans2017",), is_set("model.likelihood", "logistic")
)
MODERN: Sequence[Method] = (
    Method(N_("root-mean-square norm"), ("zhang2019",)),
    Method(N_("normalized queries and keys"), ("henry2020",)),
    Method(N_("squared ReLU"), ("so2021",)),
)
"""Of the transformers that do not follow GPT-2."""
