"""``olaria runs``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from olaria.cli.options import Json, RunName, RunNames
from olaria.cli.shell import Shell
from olaria.i18n import N_, Message

HELP = N_("List, show, compare and remove runs.")
STATES = {
    "new": N_("new"),
    "running": N_("running"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
    "done": N_("done"),
    "damaged": N_("damaged"),
}


def list_runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List all runs."""
    shell: Shell = ctx.obj

    from olaria.workflows.runs import listing

    found = listing()
    if as_json:
        shell.json({"format": 1, "runs": found})
        return
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
        f"{first[0]} {shell.measure(first[1])}" if first else "",
    )


def show(ctx: typer.Context, run: RunName, as_json: Json = False) -> None:
    """Show one run."""
    shell: Shell = ctx.obj

    from olaria.workflows.runs import show as examine

    found = examine(run)
    if as_json:
        shell.json({"format": 1, **found})
        return
    evaluation = found["evaluation"] or {}
    shell.facts(
        [
            (shell.text(N_("run")), shell.measure(found["path"])),
            (shell.text(N_("state")), shell.text(STATES.get(found["state"], found["state"]))),
            (shell.text(N_("checkpoints")), ", ".join(map(str, found["checkpoints"])) or "–"),
            *_flat(shell, "recipe", found["recipe"]),
            *_flat(shell, "provenance", found["provenance"]),
            *_flat(shell, "result", found["result"]),
            *_flat(shell, "protocol", evaluation.get("protocol", {})),
            *_flat(shell, "metrics", evaluation.get("metrics", {})),
        ]
    )


def _flat(shell: Shell, path: str, value: Any) -> list[tuple[str, str]]:
    """Each leaf of a JSON value with its dotted path; a stored message in the user's words."""
    if isinstance(value, dict) and value.keys() == {"id", "fields"}:
        return [(path, shell.words(Message.from_json(value)))]
    if isinstance(value, dict):
        return [
            fact for name, part in value.items() for fact in _flat(shell, f"{path}.{name}", part)
        ]
    return [(path, shell.exact(value))]


def compare(ctx: typer.Context, runs: RunNames, as_json: Json = False) -> None:
    """Show runs side by side."""
    shell: Shell = ctx.obj

    from olaria.workflows.runs import compare as examine

    rows = examine(runs)
    if as_json:
        shell.json({"format": 1, "runs": rows})
        return
    lines: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        (shell.text(N_("preset")), lambda run: shell.measure(run["preset"])),
        (shell.text(N_("data")), lambda run: shell.measure(run["data"])),
        (shell.text(N_("steps")), lambda run: shell.measure(run["steps"])),
        (shell.text(N_("time")), lambda run: shell.duration(run["elapsed_s"])),
        (shell.text(N_("parameters")), lambda run: shell.measure(run["num_parameters"])),
    ]
    table = [(name, *(cell(run) for run in rows)) for name, cell in lines]
    for part in ("final", "metrics"):
        keys = dict.fromkeys(k for run in rows for k, v in run[part].items() if v is not None)
        table += [
            (f"{part}.{key}", *(shell.measure(run[part].get(key)) for run in rows)) for key in keys
        ]
    shell.table(["", *(shell.measure(run["name"]) for run in rows)], table, "<" + ">" * len(rows))
    protocols = [{k: v for k, v in run["protocol"].items() if k != "checkpoint"} for run in rows]
    if any(protocol != protocols[0] for protocol in protocols):
        shell.notice(
            shell.text(
                N_("these runs were not measured by one protocol: do not rank their numbers")
            )
        )


def remove(
    ctx: typer.Context,
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help=N_("really delete it"))] = False,
    as_json: Json = False,
) -> None:
    """Delete a run's folder."""
    shell: Shell = ctx.obj

    from olaria.workflows.runs import remove as delete

    removed = delete(run, confirmed=yes)
    if as_json:
        shell.json({"format": 1, **removed})
        return
    message = N_("deleted {name}: {size} are free")
    shell.line(shell.text(message, name=removed["removed"], size=shell.size(removed["size_bytes"])))


VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "list": (list_runs, N_("all runs, and how far they are")),
    "show": (show, N_("all that is known of one run")),
    "compare": (compare, N_("runs side by side")),
    "rm": (remove, N_("delete a run")),
}
