"""Runs as one self-contained HTML document: images inline, no network, no scripts, printable.

Its parts are templates; what they say is gathered from the context here, in :mod:`olaria.pages.facts` (what was done
and found), :mod:`olaria.pages.appendix` (what repeats it) and :mod:`olaria.pages.citations` (whose ideas it uses).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from olaria import __version__
from olaria.cards.context import DataCard, ReportContext, RunCard, Stage
from olaria.data.base import SOURCE_TITLES
from olaria.errors import RunError
from olaria.i18n import LANGUAGES, N_, translate
from olaria.lessons.base import TOLERANCE
from olaria.lessons.kl import P, Q, divergence
from olaria.pages import labels
from olaria.pages.appendix import machines, recipe_tables
from olaria.pages.citations import Citations
from olaria.pages.curves import DISCRIMINATOR_EQUILIBRIUM_NATS, GENERATOR_EQUILIBRIUM_NATS
from olaria.pages.facts import activities, facts
from olaria.pages.formulas import FORMULAS, mathml
from olaria.pages.page import environment, rich_text
from olaria.pages.pictures import Pictures

FULL_EVALUATION = 10_000
"""Test images, and generated ones, of a full evaluation; a smaller test set is used whole."""

_NUMBER = re.compile(r"\s*\(?\w{1,3}[.)]\s")  # an activity has its own: “1.”, “a)”, “(II)”

INCIDENTS = {
    "warning": N_("Warning"),
    "change": N_("Change"),
    "break": N_("Interruption"),
    "gap": N_("Missing numbers"),
    "note": N_("Note"),
}
"""What each kind of incident is called."""


def build_report(context: ReportContext, language: str = "en") -> str:
    """The report as one HTML text.

    A family's section is there when a run of it is; the divergence's section comes with a VAE.

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
    return template.render(_variables(context, language))


def _variables(context: ReportContext, language: str) -> dict[str, Any]:
    """Everything the templates read."""
    families = {
        family: [run for run in context.runs if run.family == family]
        for family in labels.FAMILY_LABELS
    }
    citations, contents = Citations(language), Contents(language)
    return {
        **_words(language),
        "html_language": {"pt": "pt-BR"}.get(language, language),
        "context": context,
        "version": __version__,
        "families": families,
        "language_runs": [run for family in labels.LANGUAGE_FAMILIES for run in families[family]],
        "planes": _planes(families),
        "has_flow": any(run.setting("model.flow") for run in families["vae"]),
        "data_cards": _data_cards(context.runs),
        "architectures": _architectures(context.runs),
        "pictures": Pictures(language),
        "labels": labels,
        "source_titles": SOURCE_TITLES,
        "reduced": reduced,
        "contents": contents,
        "citations": citations,
        "cite": citations.cite,
        "lines": lambda name: [mathml(latex) for latex in FORMULAS[name]],
        **_authored(context, language),
        **_recorded(context.runs),
        "facts": facts(context.runs, context.comparison, language),
        "recipes": recipe_tables(context.runs, language),
        "machines": machines(context.runs, language),
        "lesson_styles": list(dict.fromkeys(card.css for card in context.lessons if card.css)),
        "kl": {
            "p": P,
            "q": Q,
            "forward": divergence(P, Q),
            "backward": divergence(Q, P),
            "tolerance": TOLERANCE,
        },
        "balance": {
            "discriminator": DISCRIMINATOR_EQUILIBRIUM_NATS,
            "generator": GENERATOR_EQUILIBRIUM_NATS,
        },
    }


def _authored(context: ReportContext, language: str) -> dict[str, Any]:
    """What its author says, and what stands there where they say nothing."""
    own = context.activities
    return {
        "activities": list(own) or activities(context.runs, language),
        "is_numbered": bool(own) and all(_NUMBER.match(text) for text in own),
        "is_iso_date": re.fullmatch(r"\d{4}-\d\d-\d\d", context.date) is not None,
        "paragraphs": [text for text in re.split(r"\n\s*\n", context.conclusion) if text.strip()],
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

    def section(self, identifier: str, title: Markup) -> Markup:
        """The heading of a section."""
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
        "note": lambda message: labels.without_folders(message.text(language)),
        "num": lambda value: labels.value_text(value, language),
        "number": lambda value, digits=None: labels.number(value, language, digits),
        "duration": lambda seconds: labels.duration(seconds, language),
        "size": lambda shape: " × ".join(labels.number(side, language, 0) for side in shape) or "1",
        "metrics": metrics,
        "missing": labels.missing,
        "metric": lambda key, value: labels.metric_row(key, value, language),
        "family": lambda run: family_title(run, language),
        "protocol_rows": lambda protocol: labels.protocol_rows(protocol, language),
        "protocol_names": lambda keys: [
            translate(labels.PROTOCOL_LABELS.get(key, key), language) for key in keys
        ],
        "names_of": lambda names: [labels.without_folders(name) for name in names],
        "incident_title": lambda incident: translate(INCIDENTS[incident.kind], language),
    }


def family_title(run: RunCard, language: str) -> str:
    """What a run is of; on the ladder of language models also the rung."""
    title = translate(labels.FAMILY_LABELS.get(run.family, run.family), language)
    rung = run.setting("model.rung")
    return labels.without_folders(title if rung is None else f"{title}: {rung}")


def _planes(families: Mapping[str, Sequence[RunCard]]) -> list[RunCard]:
    """The first autoencoder and the first VAE that show a latent plane."""
    shown = ([r for r in families[f] if r.latents is not None][:1] for f in ("autoencoder", "vae"))
    return [run for runs in shown for run in runs]


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
    is_text = run.family in (*labels.LANGUAGE_FAMILIES, "translation")
    if is_text or run.setting("model.family") == "plane-gan":  # as many points as the test part has
        return None
    split = run.protocol.get("split", "test")
    examples = min(FULL_EVALUATION, run.data.sizes.get(split, FULL_EVALUATION))
    for key, full in (("num_samples", FULL_EVALUATION), ("num_examples", examples)):
        done = run.protocol.get(key)
        if isinstance(done, int) and done < full:
            return done, full
    return None
