"""What was done and what was found, as lines that claim nothing beyond what the runs' files say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from olaria.cards.comparison import Comparison, Group
from olaria.cards.context import RunCard
from olaria.families import MODELS
from olaria.i18n import N_, Message, translate
from olaria.pages import labels

_MOST_RANKED = 6
"""Runs whose places by one metric are told in one line."""


@dataclass(frozen=True)
class Facts:
    """Lines to write from.

    Args:
        title: the run's name, or what the lines are about.
        lines: already in the reader's language.
    """

    title: str
    lines: list[str]


def activities(runs: Sequence[RunCard], language: str) -> list[str]:
    """The runs as what was asked for, those of one family on one data set together."""
    together: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        data = labels.data_name(run.data.title, language)
        together.setdefault((run.family, data), []).append(labels.without_folders(run.name))
    return [
        translate(MODELS[family].activity, language).format(data=data, runs=", ".join(names))
        for (family, data), names in together.items()
    ]


def facts(runs: Sequence[RunCard], comparison: Comparison, language: str) -> list[Facts]:
    """Of each run how it was made and its main metrics with their protocol; then what may be ranked."""
    found = [
        Facts(labels.without_folders(run.name), [*_made(run, language), *_found(run, language)])
        for run in runs
    ]
    ranked = [line for group in comparison.groups for line in _ranked(group, language)]
    if ranked:
        found.append(Facts(translate(N_("Side by side"), language), ranked))
    return [one for one in found if one.lines]


def _made(run: RunCard, language: str) -> Iterator[str]:
    result = run.result
    parts = []
    if result.get("num_parameters") is not None:
        text = translate(N_("{num} parameters"), language)
        parts.append(text.format(num=labels.value_text(result["num_parameters"], language)))
    if result.get("steps") is not None and result.get("train_s") is not None:
        time = labels.duration(result["train_s"], language).replace(" ", "\N{NO-BREAK SPACE}")
        steps = labels.value_text(result["steps"], language)
        fields = {"steps": steps, "time": time}
        parts.append(Message(N_("{steps} {steps:step|steps} in {time}"), fields).text(language))
    if parts:
        yield "; ".join(parts)
    if run.incidents is not None:
        count = sum(incident.kind == "warning" for incident in run.incidents)
        text = translate(N_("warnings recorded while it trained: {count}"), language)
        yield text.format(count=count)


def _found(run: RunCard, language: str) -> Iterator[str]:
    protocol = protocol_in_short(run, language)
    for key in MODELS[run.family].headlines:
        if run.measured.get(key) is not None:
            row = labels.metric_row(key, run.measured[key], language)
            yield f"{row.name}: {row.value}" + (f" ({protocol})" if protocol else "")


def protocol_in_short(run: RunCard, language: str) -> str:
    """The split and how much of it: “test, 10,000 examples”, or tokens."""
    protocol, parts = run.protocol, []
    split = protocol.get("split")
    if split is not None:
        parts.append(translate(labels.SPLIT_LABELS.get(split, str(split)), language))
    if protocol.get("num_examples") is not None:
        num = labels.value_text(protocol["num_examples"], language)
        examples, tokens = N_("{num} {num:example|examples}"), N_("{num} {num:token|tokens}")
        text = tokens if labels.counts_tokens(protocol) else examples
        parts.append(Message(text, {"num": num}).text(language))
    return labels.without_folders(", ".join(parts))


def _ranked(group: Group, language: str) -> Iterator[str]:
    for key in group.headlines():
        places = group.ranks(key)
        values = dict(zip(group.names, group.values(key), strict=True))
        order = sorted(places, key=lambda name: (places[name], name))[:_MOST_RANKED]
        shown = "; ".join(
            f"{places[name]}. {labels.without_folders(name)} "
            f"{labels.metric_row(key, values[name], language).value}"
            for name in order
        )
        if shown:
            yield f"{labels.metric_row(key, None, language).name}: {shown}"
