"""Metrics by the names that people call them: their keys, and their titles in any of our languages."""

from __future__ import annotations

from olaria.errors import UsageError, folded, nearest, suggestion
from olaria.evaluation import METRICS
from olaria.i18n import LANGUAGES, N_, Message, translate


def key_named(name: str) -> str:
    """The key of a metric that is called by its key or by its title, in any of our languages.

    Raises:
        UsageError: there is none; those nearest are offered, with both of their names.

    >>> key_named("fd"), key_named("frechet distance"), key_named("Distância de Fréchet")
    ('fd', 'fd', 'fd')
    """
    keys = dict.fromkeys(METRICS, "") | {
        translate(metric.title, language): key
        for key, metric in METRICS.items()
        for language in LANGUAGES
    }
    meant = {folded(word): key or word for word, key in keys.items()}
    if folded(name) in meant:
        return meant[folded(name)]
    near = dict.fromkeys(keys[word] or word for word in nearest(name, [*keys]))
    hint = suggestion(name, METRICS)
    if near:
        hint = Message(N_("did you mean {name}?"), {"name": tuple(map(named, near))})
    raise UsageError(N_("unknown metric {name}: {hint}"), name=name, hint=hint)


def named(key: str) -> Message:
    """A metric by both of its names.

    >>> named("fd").text()
    'fd (Fréchet distance)'
    """
    return Message(N_("{key} ({title})"), {"key": key, "title": Message(METRICS[key].title)})
