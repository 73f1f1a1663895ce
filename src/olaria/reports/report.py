"""Runs as one self-contained HTML document: images inline, no network, no scripts, printable.

The page's words are English source strings in the templates, translated by ``_``; in them ``*words*`` are
emphasised and ``$z$`` is a mathematical sign. Longer formulas are MathML, which browsers draw by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import count
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from markupsafe import Markup, escape

from olaria import __version__
from olaria.data.base import SOURCE_TITLES
from olaria.errors import RunError
from olaria.i18n import LANGUAGES, N_, translate
from olaria.lessons.kl import TOLERANCE_NATS, P, Q, divergence
from olaria.reports import labels
from olaria.reports.context import DataCard, ReportContext, RunCard
from olaria.reports.curves import DISCRIMINATOR_EQUILIBRIUM_NATS, GENERATOR_EQUILIBRIUM_NATS
from olaria.reports.pictures import Pictures

FULL_EVALUATION = 10_000
"""Test images, and generated ones, of a full evaluation; a smaller test set is used whole."""

_SIGNS = re.compile(r"\$([^$]+)\$")
_INDEX = re.compile(r"_(\w)")
_UPRIGHT = re.compile(r"(log|exp|[0-9½]+)")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")


class _Templates(BaseLoader):
    """Templates beside this module, wherever the package is installed."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        file = resources.files("olaria.reports").joinpath("templates", template)
        if not file.is_file():
            raise TemplateNotFound(template)
        return file.read_text(encoding="utf-8"), None, lambda: True


@cache
def environment() -> Environment:
    """The templates' environment; everything that is not marked safe is escaped."""
    made = Environment(
        loader=_Templates(),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals["_"] = lambda text, **fields: rich_text(text, "en", **fields)
    return made


def rich_text(text: str, language: str, **fields: Any) -> Markup:
    """A source string in ``language`` as HTML: ``*emphasis*``, ``$signs$``; the fields' values are escaped.

    >>> str(rich_text("*no* {x}", "en", x="<b>"))
    '<em>no</em> &lt;b&gt;'
    """
    words = str(escape(translate(text, language)))
    words = _EMPHASIS.sub(r"<em>\1</em>", words)
    words = _SIGNS.sub(_sign, words)
    return Markup(words).format(**fields)


def _sign(found: re.Match[str]) -> str:
    """Names in italics, numbers and function names upright, ``_x`` as an index."""
    body = _INDEX.sub(r"<sub>\1</sub>", found[1])
    body = _UPRIGHT.sub(r"<span>\1</span>", body)
    return f'<i class="sign">{body}</i>'


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
    return {
        **_words(language),
        "html_language": {"pt": "pt-BR"}.get(language, language),
        "context": context,
        "version": __version__,
        "families": families,
        "language_runs": [run for family in labels.LANGUAGE_FAMILIES for run in families[family]],
        "planes": _planes(families),
        "data_cards": _data_cards(context.runs),
        "pictures": Pictures(language),
        "labels": labels,
        "source_titles": SOURCE_TITLES,
        "reduced": reduced,
        "machines": _machines(context.runs, language),
        "kl": {
            "p": P,
            "q": Q,
            "forward": divergence(P, Q),
            "backward": divergence(Q, P),
            "tolerance": TOLERANCE_NATS,
        },
        "balance": {
            "discriminator": DISCRIMINATOR_EQUILIBRIUM_NATS,
            "generator": GENERATOR_EQUILIBRIUM_NATS,
        },
    }


def _words(language: str) -> dict[str, Any]:
    """What puts values into words in the templates. Only ``_`` reads markup, and only in our own strings."""
    figure = count(1)

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
        "clean": labels.without_folders,
        "note": lambda message: labels.without_folders(message.text(language)),
        "num": lambda value: labels.value_text(value, language),
        "number": lambda value, digits=None: labels.number(value, language, digits),
        "duration": lambda seconds: labels.duration(seconds, language),
        "metrics": metrics,
        "family": lambda run: family_title(run, language),
        "protocol_rows": lambda run: labels.protocol_rows(run.protocol, language),
        "next_figure": lambda: next(figure),
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
    """Each data set once, in order of first use."""
    cards: dict[str, DataCard] = {}
    for run in runs:
        cards.setdefault(run.data.name, run.data)
    return list(cards.values())


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


Rows = list[tuple[str, str]]


def _machines(runs: Sequence[RunCard], language: str) -> list[tuple[list[str], Rows]]:
    """Runs with the same hardware and versions together: (run names, name and value of each fact)."""
    groups: list[tuple[list[str], Rows]] = []
    for run in runs:
        rows = _provenance_rows(run.provenance, language)
        for names, known in groups:
            if known == rows:
                names.append(labels.without_folders(run.name))
                break
        else:
            groups.append(([labels.without_folders(run.name)], rows))
    return [(names, rows) for names, rows in groups if rows]


def _provenance_rows(provenance: Mapping[str, Any], language: str) -> Rows:
    """What is shown of a run's provenance; its tables ``machine`` and ``versions`` are opened."""
    machine = provenance.get("machine", {})
    flat = {**provenance, **machine, **machine.get("versions", {})}
    rows = []
    for key, name in labels.PROVENANCE_LABELS.items():
        value = flat.get(key)
        if value is not None:
            in_bytes = key.endswith("_bytes")
            text = labels.size(value, language) if in_bytes else labels.value_text(value, language)
            rows.append((translate(name, language), text))
    return rows
