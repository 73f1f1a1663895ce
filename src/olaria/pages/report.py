"""Runs as one self-contained HTML document: images inline, no network, printable.

It has no script, unless it is a living one: then models of its runs compute in it, by modules of ``pages/play`` inside
the file (:mod:`olaria.pages.link`), and no other script runs.

Its parts are templates; what they say is gathered from the context here, in :mod:`olaria.pages.facts` (what was done
and found), :mod:`olaria.pages.appendix` (what repeats it) and :mod:`olaria.pages.citations` (whose ideas it uses).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from markupsafe import Markup

from olaria import __version__
from olaria.cards.context import DataCard, ReportContext, RunCard, Stage
from olaria.data.base import SOURCE_TITLES
from olaria.errors import RunError
from olaria.families import MODELS
from olaria.families.report import Panel, Section
from olaria.i18n import LANGUAGES, N_, command, translate
from olaria.pages import labels, outline, panels
from olaria.pages.appendix import machines, recipe_tables
from olaria.pages.chosen import chosen
from olaria.pages.citations import Citations
from olaria.pages.facts import activities, facts
from olaria.pages.link import linked
from olaria.pages.live import (
    COLOURS,
    data_block,
    documents,
    live_words,
    main_module,
    settings_block,
)
from olaria.pages.page import environment, rich_text, sound, whole_words
from olaria.pages.pictures import Picture, Pictures
from olaria.pages.planes import Cloud
from olaria.pages.prose import prose
from olaria.pages.theory.told import Theory

FULL_EVALUATION = 10_000
"""Test images, and generated ones, of a full evaluation; a smaller test set is used whole."""

_NUMBER = re.compile(r"\s*\(?\w{1,3}[.)]\s")  # an activity has its own: “1.”, “a)”, “(II)”

INCIDENTS = {
    "warning": N_("Warning"),
    "change": N_("Change"),
    "break": N_("Interruption"),
    "gap": N_("Missing"),
    "note": N_("Note"),
}
"""What each kind of incident is called."""


def build_report(context: ReportContext, language: str = "en") -> str:
    """The report as one HTML text.

    A section is there when a run of one of its families is.

    Args:
        context: the runs and what is known of them.
        language: ``en`` or ``pt``.

    Raises:
        RunError: there is no run to report.
    """
    if not context.runs:
        raise RunError(N_("nothing to report: name at least one run"))
    if language not in LANGUAGES:
        raise ValueError(language)
    template = environment().get_template("report.html.j2")
    return sound(template.render(_variables(context, language)))


def _variables(context: ReportContext, language: str) -> dict[str, Any]:
    """Everything the templates read."""
    parts = _parts(context.runs)
    citations, contents, pictures = Citations(language), Contents(language), Pictures(language)
    planes = _latent_planes(parts)
    theory = Theory(language, citations.cite, _figures(pictures, planes))
    return {
        **_words(language),
        "html_language": {"pt": "pt-BR"}.get(language, language),
        "context": context,
        "version": __version__,
        "family_parts": parts,
        "latent_planes": planes,
        "theory": theory,
        "section_title": lambda part: theory.title(part.section.name) or part.title(language),
        "data_cards": _data_cards(context.runs),
        "architectures": _architectures(context.runs),
        "pictures": pictures,
        "picture": lambda panel, run: panels.picture(panel, run, pictures),
        "labels": labels,
        "source_titles": SOURCE_TITLES,
        "reduced": reduced,
        "contents": contents,
        "outline": outline.SHORT if context.is_short else outline.PARTS,
        "place_of": outline.place,
        "citations": citations,
        "cite": citations.cite,
        "chosen": [chosen(figure) for figure in context.figures],
        **_authored(context, language),
        **_recorded(context.runs),
        "facts": facts(context.runs, context.comparison, language),
        "recipes": recipe_tables(context.runs, language),
        "machines": machines(context.runs, language),
        **_living(context.runs, language),
        "lesson_styles": list(dict.fromkeys(card.css for card in context.lessons if card.css)),
    }


def _living(runs: Sequence[RunCard], language: str) -> dict[str, Any]:
    """What a living page holds besides: its modules, its models, and what is known of each part."""
    parts = {id(run): run.live for run in runs if run.live is not None and run.live.model}
    names = list(dict.fromkeys(part.part for part in parts.values()))
    numbers = {key: number for number, key in enumerate(parts, 1)}

    def room(run: RunCard, panel: Panel) -> dict[str, Any] | None:
        """The part that stands above a panel of a run."""
        part = parts.get(id(run))
        if part is None or part.panel != panel.kind:
            return None
        settings = settings_block(part.settings, language)
        return {"part": part.part, "models": [numbers[id(run)]], "settings": settings}

    play = [
        (labels.without_folders(run.name), parts[id(run)].model) for run in runs if id(run) in parts
    ]
    return {
        "room": room,
        "script": linked(main_module(names, is_lesson=False)) if parts else None,
        "live_data": data_block({"live": live_words(names, language), "colours": COLOURS}),
        "play": documents(play),
    }


def _authored(context: ReportContext, language: str) -> dict[str, Any]:
    """What its author says, and what stands there where they say nothing."""
    own = context.activities
    return {
        "activities": list(own) or activities(context.runs, language),
        "is_numbered": bool(own) and all(_NUMBER.match(text) for text in own),
        "date": dict(zip(("day", "words"), labels.date(context.date, language), strict=True)),
        "conclusion": prose(context.conclusion, context.is_markdown),
    }


def _recorded(runs: Sequence[RunCard]) -> dict[str, list[str]]:
    """Names of the runs of whose training there is nothing to tell, and why."""

    def names(chosen: Iterable[RunCard]) -> list[str]:
        return [labels.without_folders(run.name) for run in chosen]

    return {
        "silent": names(run for run in runs if run.incidents is not None and not run.incidents),
        "unrecorded": names(run for run in runs if run.incidents is None),
        "unwatched": names(run for run in runs if not run.is_watched),
    }


class Contents:
    """What a page has so far: its sections, and its figures and tables, each kind with numbers of its own.

    Args:
        language: of the words.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self.sections: list[tuple[str, Markup]] = []
        self.figures: list[tuple[str, str]] = []
        self.tables: list[tuple[str, str]] = []
        self._letters: Iterator[str] | None = None

    def begin_appendix(self) -> None:
        """From here on sections are called by letters."""
        self._letters = iter(ascii_uppercase)

    def end_appendix(self) -> None:
        """Until here."""
        self._letters = None

    def section(self, identifier: str, title: Markup) -> Markup:
        """The heading of a section."""
        if self._letters is not None:
            words = N_("Appendix {letter}: {title}")
            title = rich_text(words, self._language, letter=next(self._letters), title=title)
        self.sections.append((identifier, title))
        return Markup("<h2>{}</h2>").format(title)

    def figure(self, caption: Markup | str) -> tuple[str, Markup]:
        """Anchor and name (“Figure 3”) of the next figure."""
        return self._next(self.figures, "figure", N_("Figure {number}."), caption)

    def table(self, caption: Markup | str) -> tuple[str, Markup]:
        """The same of the next table."""
        return self._next(self.tables, "table", N_("Table {number}."), caption)

    def _next(
        self, known: list[tuple[str, str]], kind: str, name: str, caption: Markup | str
    ) -> tuple[str, Markup]:
        anchor = f"{kind}-{len(known) + 1}"
        title = rich_text(name, self._language, number=len(known) + 1)
        words = Markup(caption).striptags()
        known.append((anchor, f"{title.striptags()} {_first_sentence(words)}"))
        return anchor, title


def _first_sentence(words: str) -> str:
    """A caption as a list of figures has it: what comes before the first explanation.

    >>> _first_sentence("Losses of vae-1.2: measured values. Light: as logged.")
    'Losses of vae-1.2'
    """
    return re.split(r"[.:?!](?:\s|$)", words, maxsplit=1)[0]


def _words(language: str) -> dict[str, Any]:
    """What puts values into words in the templates. Only ``_`` reads markup, and only in our own strings."""

    def metrics(run: RunCard, *keys: str) -> list[labels.MetricRow]:
        if run.evaluation is None:
            return []
        if not keys:
            return labels.evaluation_rows(run.evaluation, language)
        found = ((key, run.measured.get(key)) for key in keys)
        return [labels.metric_row(k, value, language) for k, value in found if value is not None]

    return {
        "_": lambda text, **fields: rich_text(text, language, **fields),
        "plain": lambda text: labels.without_folders(translate(text, language)),
        "data_name": lambda title: labels.data_name(title, language),
        "clean": labels.without_folders,
        "command": command,
        "words": whole_words,
        "note": lambda message: labels.without_folders(message.text(language)),
        "num": lambda value: labels.value_text(value, language),
        "number": lambda value, digits=None: labels.number(value, language, digits),
        "duration": lambda seconds: labels.duration(seconds, language),
        "size": lambda shape: " × ".join(labels.number(side, language, 0) for side in shape) or "1",
        "metrics": metrics,
        "missing": labels.missing,
        "metric": lambda key, value: labels.metric_row(key, value, language),
        "family": lambda run: family_title(run, language),
        "entry": lambda run: MODELS[run.family],
        "caption": lambda panel, run: rich_text(
            panels.caption(panel, run), language, name=labels.without_folders(run.name)
        ),
        "protocol_rows": lambda protocol: labels.protocol_rows(protocol, language),
        "protocol_names": lambda keys: [
            translate(labels.PROTOCOL_LABELS.get(key, key), language) for key in keys
        ],
        "names_of": lambda names: [labels.without_folders(name) for name in names],
        "incident_title": lambda incident: translate(INCIDENTS[incident.kind], language),
    }


def family_title(run: RunCard, language: str) -> str:
    """What a run is of; on the ladder of language models also the rung."""
    title = translate(MODELS[run.family].title, language)
    rung = run.setting("model.rung")
    return labels.without_folders(title if rung is None else f"{title}: {rung}")


@dataclass(frozen=True)
class Part:
    """A section of the report and the runs that are in it.

    Args:
        section: as the entries of its families say.
        runs: by family, in the order of :data:`olaria.families.MODELS`.
    """

    section: Section
    runs: list[RunCard]

    def title(self, language: str) -> str:
        """Its heading where no document has one: the family's."""
        return translate(MODELS[self.runs[0].family].title, language)


def _parts(runs: Sequence[RunCard]) -> list[Part]:
    """The sections that the runs need, in the order of their families."""
    parts: dict[str, Part] = {}
    for name, family in MODELS.items():
        for run in runs:
            if run.family == name:
                part = parts.setdefault(family.section.name, Part(family.section, []))
                part.runs.append(run)
    return list(parts.values())


@dataclass(frozen=True)
class LatentPlanes:
    """Latent planes for one figure, on the same axes.

    Args:
        runs: the first of each family that shows one.
        specks: those among them whose points are a speck there, and of a model whose latent vectors have a prior.
    """

    runs: list[RunCard]
    specks: list[RunCard]


def _latent_planes(parts: Sequence[Part]) -> LatentPlanes | None:
    """None where no section compares them."""
    if not any(part.section.compares_planes for part in parts):
        return None
    runs, reach = dict[str, RunCard](), dict[str, float]()
    for part in parts:
        for run in part.runs:
            if run.latents is not None and run.family not in runs:
                runs[run.family], reach[run.family] = run, Cloud("", run.latents).reach
    specks = [
        run for name, run in runs.items() if run.has_prior and 2 * reach[name] < max(reach.values())
    ]
    return LatentPlanes(list(runs.values()), specks)


def _figures(
    pictures: Pictures, planes: LatentPlanes | None
) -> Mapping[str, Callable[[Sequence[RunCard]], Picture | None]]:
    """What draws each of :data:`olaria.pages.theory.FIGURES` for the runs of a section."""
    planes = planes or LatentPlanes([], [])
    return {
        "losses": pictures.language_losses,
        "latents": lambda _runs: pictures.latents(planes.runs),
        "specks": lambda _runs: pictures.latents(planes.specks),
        "areas": lambda _runs: pictures.kl(),
    }


def _data_cards(runs: Sequence[RunCard]) -> list[DataCard]:
    """Each data set once, in order of first use; the same images at another size are another."""
    cards: dict[tuple[str, str], DataCard] = {}
    for run in runs:
        cards.setdefault((run.data.name, run.data.sha256), run.data)
    return list(cards.values())


def _architectures(runs: Sequence[RunCard]) -> list[tuple[list[RunCard], tuple[Stage, ...]]]:
    """Each architecture once, with the runs that have it."""
    found: list[tuple[list[RunCard], tuple[Stage, ...]]] = []
    for run in runs:
        alike = [having for having, stages in found if stages == run.architecture]
        if alike:
            alike[0].append(run)
        elif run.architecture:
            found.append(([run], run.architecture))
    return found


def reduced(run: RunCard) -> tuple[int, int] | None:
    """(done, full) where an image run was evaluated on fewer images, or with fewer samples, than the protocol says."""
    if MODELS[run.family].data != "images":  # texts and points are measured whole
        return None
    split = run.protocol.get("split", "test")
    examples = min(FULL_EVALUATION, run.data.sizes.get(split, FULL_EVALUATION))
    for key, full in (("num_samples", FULL_EVALUATION), ("num_examples", examples)):
        done = run.protocol.get(key)
        if isinstance(done, int) and done < full:
            return done, full
    return None
