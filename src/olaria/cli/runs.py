"""``olaria runs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from olaria.cli import metrics
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb, quick
from olaria.i18n import N_, translate
from olaria.workflows import runs
from olaria.workflows.requests import Document
from olaria.workflows.words import LABELS, STATES

if TYPE_CHECKING:
    from olaria.cards.comparison import Group

HELP = N_("List, show, compare and remove runs.")


def _list(shell: Shell, listed: Document) -> None:
    found = listed["runs"]
    if not found:
        shell.notice(shell.text(N_("there are no runs yet; make one with olaria train")))
        return
    names = (
        N_("run"),
        N_("preset"),
        N_("data"),
        N_("state"),
        N_("steps"),
        N_("time"),
        N_("result"),
    )
    shell.table([shell.text(name) for name in names], [_row(shell, run) for run in found], "<<<<>>")


def _row(shell: Shell, run: dict[str, Any]) -> tuple[str, ...]:
    state = shell.text(STATES.get(run["state"], run["state"]))
    if run["state"] == "damaged":
        return (shell.measure(run["name"]), "", "", state, "", "", shell.words(run["error"]))
    final = ((name, value) for name, value in run["final"].items() if name != "loss")
    first = next(final, next(iter(run["final"].items()), None))
    return (
        shell.measure(run["name"]),
        shell.measure(run["preset"]),
        shell.measure(run["data"]),
        state,
        shell.measure(run["steps"]),
        shell.duration(run["elapsed_s"]),
        f"{_short(shell, first[0])} {shell.metric(*first)}" if first else "",
    )


def _short(shell: Shell, key: str) -> str:
    """What a metric is called where there is little room."""
    return shell.text(LABELS[key]) if key in LABELS else metrics.title(shell, key)


def _show(shell: Shell, found: Document) -> None:
    from olaria.cli.run_facts import show_run

    show_run(shell, found)


def _compare(shell: Shell, found: runs.Compared) -> None:
    from olaria.cards import comparison

    groups = found.groups
    _made(shell, groups)
    for number, group in enumerate(groups):
        _measured(shell, group, _letter(number))
    for one in comparison.repetitions(groups):
        seeds = ", ".join(map(str, one.seeds))
        shell.line()
        shell.line(shell.text(N_("one recipe with seeds {seeds}: mean ± deviation"), seeds=seeds))
        facts = [
            (metrics.title(shell, key), f"{shell.measure(mean)} ± {shell.measure(deviation)}")
            for key, (mean, deviation) in one.metrics.items()
        ]
        shell.facts(facts)
    names = comparison.differing(groups)
    if names:
        from olaria.pages.labels import PROTOCOL_LABELS

        names = [translate(PROTOCOL_LABELS.get(name, name), shell.language) for name in names]
        shell.notice(
            shell.text(
                N_("not ranked across protocols, which differ in: {names}"), names=", ".join(names)
            )
        )


COLUMNS = 4
"""Metrics beside each other: what a terminal of 80 characters holds."""


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _made(shell: Shell, groups: Sequence[Group]) -> None:
    """A row for each run: how it was made, on what, and which protocol measured it."""
    names = (
        N_("run"),
        N_("preset"),
        N_("seed"),
        N_("steps"),
        N_("time"),
        N_("parameters"),
        N_("protocol"),
    )
    rows: list[tuple[str, ...]] = []
    machines: dict[tuple[str | None, int | None], list[str]] = {}
    for number, group in enumerate(groups):
        for row in group.rows:
            machines.setdefault((row.cpu, row.num_threads), []).append(row.name)
            rows.append(
                (
                    shell.measure(row.name),
                    shell.measure(row.preset),
                    shell.exact(row.seed),
                    shell.measure(row.steps),
                    shell.duration(row.elapsed_s),
                    shell.measure(row.num_parameters),
                    "–" if group.protocol is None else _letter(number),
                )
            )
    shell.table([shell.text(name) for name in names], rows, "<<>>>><")
    shell.line()
    for (cpu, threads), found in machines.items():
        shell.line(
            shell.text(
                N_("{runs}: {cpu}, {threads} {threads:thread|threads}"),
                runs=shell.text(N_("all")) if len(machines) == 1 else ", ".join(found),
                cpu=cpu or "–",
                threads=threads or "–",
            )
        )


def _measured(shell: Shell, group: Group, letter: str) -> None:
    """What one protocol found: a row for each run, the place of each value behind it."""
    shell.line()
    if group.protocol is None:
        names = ", ".join(row.name for row in group.rows)
        shell.line(
            shell.text(N_("not measured: {names}; measure with olaria eval RUN"), names=names)
        )
        return
    from olaria.pages.labels import protocol_rows

    told = ", ".join(
        f"{name} {value}"
        for name, value in protocol_rows(
            {name: value for name, value in group.protocol.items() if "sha256" not in name},
            shell.language,
        )
    )
    shell.line(shell.text(N_("protocol {letter}: {told}"), letter=letter, told=told))
    keys = group.numbers()
    for start in range(0, len(keys), COLUMNS):
        part = keys[start : start + COLUMNS]
        ranks = {key: group.ranks(key) for key in part}
        rows = []
        for row in group.rows:
            cells = []
            for key in part:
                place = ranks[key].get(row.name)
                value = shell.metric(key, row.metrics.get(key))
                cells.append(f"{value} ({place})" if place else value)
            rows.append((shell.measure(row.name), *cells))
        shell.line()
        headings = [shell.text(N_("run")), *(metrics.title(shell, key) for key in part)]
        shell.table(headings, rows, "<" + ">" * len(part))


def _remove(shell: Shell, removed: Document) -> None:
    message = N_("deleted {name}: {size} are free")
    shell.line(shell.text(message, name=removed["removed"], size=shell.size(removed["size_bytes"])))


VERBS = {
    "list": Verb(runs.ListRunsRequest, quick(runs.list_runs), _list),
    "show": Verb(runs.ShowRequest, quick(runs.show), _show),
    "compare": Verb(runs.CompareRequest, quick(runs.compare), _compare),
    "rm": Verb(runs.RemoveRequest, quick(runs.remove), _remove),
}
