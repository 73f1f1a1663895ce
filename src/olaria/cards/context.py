"""What a report is made of: plain values and arrays, gathered by the workflow. No model comes here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from olaria.cards.comparison import Comparison
from olaria.cards.figures import Figure
from olaria.families.report import PanelKind
from olaria.i18n import Message

Images = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]
"""(N, C, H, W) with C = 1 or 3: uint8, or floating in [0, 1]."""

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """A layer with numbers that are learned.

    Args:
        name: as the code calls it: ``encoder.1.0``, ``blocks.1–4.qkv``.
        kind: what it does, in words.
        shape: of its output for one example; of its parameters where it has no output.
        num_parameters: of one of it.
        repeats: how many alike there are in a row.
        group: what repeats, where that is several layers: ``blocks``; empty for a layer that stands alone.
    """

    name: str
    kind: Message
    shape: tuple[int, ...]
    num_parameters: int
    repeats: int = 1
    group: str = ""


@dataclass(frozen=True)
class Stage:
    """A part of a model (encoder, generator, …), or a value on its way from one to the next.

    Args:
        title: what it is, in words.
        layers: of a part, in the order of its code; a value has none.
        shape: of a value of one example.
    """

    title: Message
    layers: tuple[Layer, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def num_parameters(self) -> int:
        """Of all its layers."""
        return sum(layer.repeats * layer.num_parameters for layer in self.layers)


@dataclass(frozen=True)
class Incident:
    """Something that a run's files record besides its numbers.

    Args:
        kind: ``warning``, from the doctor; ``change``, a setting that was changed; ``break``, where the run
            stopped or went on; ``gap``, numbers that are missing; ``note``, no reason to worry.
        message: in words.
        step: after which it happened; None where it is of no step.
    """

    kind: Literal["warning", "change", "break", "gap", "note"]
    message: Message
    step: int | None = None


@dataclass(frozen=True)
class DataCard:
    """What is said about a data set.

    Args:
        name: as in the recipe.
        title: as people call it; translated where the catalog has it.
        source: where the bytes came from: ``cache``, ``mirror``, ``bundled``, …
        citation: one line.
        licence: one line.
        sha256: fingerprint of the decoded content.
        sizes: split to number of images, or of characters for a text.
        examples: some training images.
        excerpt: the beginning of a text.
        notes: what the reader should know of how it was read.
        origin: instead of ``source``, where the data was made by another run.
    """

    name: str
    title: str
    source: str = ""
    citation: str = ""
    licence: str = ""
    sha256: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    examples: Images | None = None
    excerpt: str = ""
    notes: Sequence[Message] = ()
    origin: Message | None = None


@dataclass(frozen=True)
class LiveCard:
    """A live part of a report, above the figure that stays.

    Args:
        panel: the figure beneath it, of the run's family.
        part: the module of ``pages/play`` that draws it.
        settings: what it begins with, by name: words, numbers, arrays and lists of them.
        only_decodes: whether it does without the model's encoder.
        model: that it computes with, as :mod:`olaria.export.play` writes it; empty where a page cannot hold it, which
            then leaves the part out.
    """

    panel: PanelKind
    part: str
    settings: Mapping[str, Any]
    only_decodes: bool = False
    model: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunCard:
    """One run: its files as read, and outputs of its model. What is None or empty is not drawn.

    Args:
        name: of the run.
        family: a key of :data:`olaria.families.MODELS`, whose entry lists the panels to draw.
        data: its data set.
        recipe: recipe.json.
        result: result.json.
        evaluation: evaluation.json, or None before ``olaria eval``.
        metrics: rows of metrics.jsonl.
        provenance: provenance.json.
        command: the command that makes the run again.
        originals: test images.
        reconstructions: of ``originals``, in the same order.
        latents: two-dimensional latent vectors of test images, (N, 2); of a VAE the posterior means.
        has_prior: whether N(0, I) is the prior of the latent vectors.
        labels: their classes, integers (N,).
        class_names: name of class 0, 1, …
        samples: from the prior.
        interpolation: images from one latent vector to another, (N, C, H, W), or several such strips of equal
            length, (rows, N, C, H, W).
        manifold: decoded square grid of a two-dimensional latent space, (n·n, C, H, W), row by row from the largest z₂
            (top) to the smallest, in each row from the smallest z₁; even in the standard normal's probability,
            z = Φ⁻¹(u).
        first: a GAN's images before the first update.
        last: from the same noise at the end.
        animation: GIF or WebP of the images in between.
        text: generated text.
        prompt: the beginning of ``text``.
        translations: (source, expected, written) of held-out pairs.
        code_counts: how often each entry of a codebook stands for a part of a test image, integers (K,).
        architecture: its parts and what flows between them, in the order of reading.
        incidents: from its files; None where it kept no record.
        is_watched: whether the doctor watched its training.
        differences: dotted paths of the settings in which the recipe differs from its preset.
        live: the part of it that moves, in a living report.
    """

    name: str
    family: str
    data: DataCard
    recipe: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] | None = None
    metrics: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    originals: Images | None = None
    reconstructions: Images | None = None
    latents: Numbers | None = None
    has_prior: bool = False
    labels: Numbers | None = None
    class_names: tuple[str, ...] = ()
    samples: Images | None = None
    interpolation: Images | None = None
    manifold: Images | None = None
    first: Images | None = None
    last: Images | None = None
    animation: bytes = b""
    text: str = ""
    prompt: str = ""
    translations: Sequence[tuple[str, str, str]] = ()
    code_counts: Numbers | None = None
    architecture: tuple[Stage, ...] = ()
    incidents: Sequence[Incident] | None = None
    is_watched: bool = True
    differences: frozenset[str] = frozenset()
    live: LiveCard | None = None

    @property
    def measured(self) -> Mapping[str, Any]:
        """The metrics of evaluation.json; empty before an evaluation."""
        metrics: Mapping[str, Any] = (self.evaluation or {}).get("metrics", {})
        return metrics

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How they were obtained."""
        protocol: Mapping[str, Any] = (self.evaluation or {}).get("protocol", {})
        return protocol

    def setting(self, path: str) -> Any:
        """The recipe's value at a dotted path (``model.latent``), or None."""
        node: Any = self.recipe
        for part in path.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    def series(self, key: str, split: str = "train", x: str = "step") -> tuple[Numbers, Numbers]:
        """One key of metrics.jsonl over ``step`` or ``elapsed_s``; a value stored as null is NaN."""
        rows = [row for row in self.metrics if row["split"] == split and key in row["values"]]
        steps = np.array([row[x] for row in rows], float)
        values = [row["values"][key] for row in rows]
        return steps, np.array([np.nan if value is None else value for value in values], float)


@dataclass(frozen=True)
class LessonCard:
    """A lesson that a report carries.

    Args:
        title: in the report's language.
        body: ready to be inserted, below headings of the third level.
        css: that the body needs; that of several lessons is written once where it is the same.
    """

    title: str
    body: Markup
    css: str = ""


@dataclass(frozen=True)
class ReportContext:
    """A whole report.

    Args:
        runs: in the order in which they are shown within a family.
        title: empty for the usual one.
        authors: empty leaves a place to write the names.
        course: may be empty.
        institution: may be empty.
        date: of the report, already in ISO form (2026-03-31); may be empty.
        command: what made all of it (``olaria demo``); may be empty.
        notes: what the reader must know (a fallback taken, a data set that was not there).
        activities: the tasks of the assignment, in the author's words; the runs are listed where there are none.
        conclusion: in the author's words, paragraphs apart by an empty line; empty leaves a place to write it.
        is_markdown: whether its marks are Markdown's.
        comparison: of the runs, where several are of a kind.
        lessons: that it carries.
        figures: that its author chose.
        is_short: whether it leaves its appendix out, but for the lessons.
    """

    runs: Sequence[RunCard]
    title: str = ""
    authors: str = ""
    course: str = ""
    institution: str = ""
    date: str = ""
    command: str = ""
    notes: Sequence[Message] = ()
    activities: Sequence[str] = ()
    conclusion: str = ""
    is_markdown: bool = False
    comparison: Comparison = field(default_factory=Comparison)
    lessons: Sequence[LessonCard] = ()
    figures: Sequence[Figure] = ()
    is_short: bool = False
