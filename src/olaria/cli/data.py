"""``olaria data``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import Column, Encoding, Gray, Json, Resize, Tokenizer, VocabSize
from olaria.cli.shell import Shell
from olaria.i18n import N_, translate

HELP = N_("List, fetch, check, describe and mirror data sets.")
FILE_STATES = {"right": N_("right"), "wrong": N_("wrong"), "absent": N_("absent")}

Name = Annotated[str, typer.Argument(metavar=N_("NAME"), help=N_("name of a data set"))]
AnyName = Annotated[
    str | None, typer.Argument(metavar=N_("NAME"), help=N_("name of a data set; all unless given"))
]


def list_data(ctx: typer.Context, as_json: Json = False) -> None:
    """List the data sets."""
    shell: Shell = ctx.obj

    from olaria.workflows.data import list_datasets

    found = list_datasets()
    if as_json:
        shell.json(found)
        return
    names = (N_("data set"), N_("size"), N_("here"), N_("what it is"))
    rows = [
        (
            one["name"],
            shell.size(one["size_bytes"]) if one["size_bytes"] else "–",
            shell.measure(one["ready"]),
            translate(one["title"], shell.language),
        )
        for one in found["data_sets"]
    ]
    shell.table([shell.text(name) for name in names], rows, "<><")


def get(ctx: typer.Context, name: Name, as_json: Json = False) -> None:
    """Bring a data set into the cache."""
    shell: Shell = ctx.obj

    from olaria.cli.progress import display
    from olaria.workflows import data

    with display(shell) as shown:
        found = data.get(name, offline=shell.offline, progress=shown.downloaded)
    if as_json:
        shell.json(found)
    else:
        shell.facts(
            [*_described(shell, found), (shell.text(N_("folder")), shell.measure(found["folder"]))]
        )


def _described(shell: Shell, found: dict[str, Any]) -> list[tuple[str, str]]:
    from olaria.data.base import SOURCE_TITLES

    for note in found["notes"]:
        shell.notice(shell.words(note))
    source = SOURCE_TITLES.get(found["source"], found["source"])
    return [
        (shell.text(N_("data set")), shell.measure(found["name"])),
        (shell.text(N_("what it is")), shell.measure(translate(found["title"], shell.language))),
        (shell.text(N_("source")), shell.text(source)),
        (shell.text(N_("licence")), shell.measure(translate(found["licence"], shell.language))),
        (shell.text(N_("citation")), shell.measure(found["citation"])),
        ("sha256", found["sha256"]),
    ]


def where(ctx: typer.Context, name: AnyName = None, as_json: Json = False) -> None:
    """Show the folders that are looked into."""
    shell: Shell = ctx.obj

    from olaria.workflows import data

    found = data.where(name)
    if as_json:
        shell.json(found)
        return
    facts = [
        (shell.text(N_("home")), shell.measure(found["home"])),
        (shell.text(N_("cache")), shell.measure(found["cache"])),
        (shell.text(N_("mirror")), shell.measure(found["mirror"])),
        (shell.text(N_("offline")), shell.measure(found["offline"])),
    ]
    for file in found.get("files", ()):
        facts.append(("", ""))
        facts.append((shell.text(N_("file")), shell.measure(file["path"])))
        facts.append((shell.text(N_("here")), shell.measure(file["present"])))
        facts.append((shell.text(N_("in a mirror")), shell.measure(file["mirror_name"])))
        facts += [(shell.text(N_("address")), shell.measure(one)) for one in file["addresses"]]
    shell.facts(facts)


def verify(ctx: typer.Context, name: AnyName = None, as_json: Json = False) -> None:
    """Check the content of cached files."""
    shell: Shell = ctx.obj

    from olaria.workflows import data

    found = data.verify(name)
    if as_json:
        shell.json(found)
    else:
        rows = [
            (one["data_set"], shell.text(FILE_STATES[one["state"]]), shell.measure(one["path"]))
            for one in found["files"]
        ]
        shell.table([shell.text(n) for n in (N_("data set"), N_("state"), N_("file"))], rows)
    if not found["ok"]:
        raise typer.Exit(1)


def stats(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar=N_("NAME|PATH"), help=N_("a data set, or your images or text"))
    ],
    encoding: Encoding = None,
    column: Column = None,
    tokenizer: Tokenizer = None,
    vocab_size: VocabSize = None,
    resize: Resize = None,
    gray: Gray = False,
    as_json: Json = False,
) -> None:
    """Describe a data set or the user's own files."""
    shell: Shell = ctx.obj
    given = {
        "name": name,
        "encoding": encoding,
        "column": column,
        "tokenizer": options.one_of("--tokenizer", tokenizer, options.TOKENIZERS),
        "vocab_size": options.whole("--vocab-size", vocab_size, 257),
        "resize": options.whole("--resize", resize, 1),
        "gray": gray or None,
    }

    from olaria.cli.progress import display
    from olaria.data import DataConfig
    from olaria.workflows import data

    config = DataConfig.parse({key: value for key, value in given.items() if value is not None})
    with display(shell) as shown:
        found = data.stats(name, config, offline=shell.offline, progress=shown.downloaded)
    if as_json:
        shell.json(found)
        return
    described = {
        "format",
        "name",
        "title",
        "kind",
        "source",
        "sha256",
        "licence",
        "citation",
        "notes",
    }
    if found["kind"] == "text":
        from olaria.cli.text_facts import text_facts

        measured = text_facts(shell, found, name)
    else:
        rest = {key: value for key, value in found.items() if key not in described}
        measured = _measures(shell, rest)
    shell.facts([*_described(shell, found), *measured])


def _measures(shell: Shell, values: dict[str, Any], path: str = "") -> list[tuple[str, str]]:
    facts = []
    for name, value in values.items():
        if isinstance(value, dict):
            facts += _measures(shell, value, f"{path}{name}.")
        else:
            facts.append((path + name, shell.measure(value)))
    return facts


def mirror(
    ctx: typer.Context,
    folder: Annotated[
        str, typer.Argument(metavar=N_("FOLDER"), help=N_("to write into: the class's USB stick"))
    ],
    as_json: Json = False,
) -> None:
    """Write every cached data set for others."""
    shell: Shell = ctx.obj

    from olaria.workflows import data

    found = data.mirror(folder)
    for name in found["left_out"]:
        message = N_(
            "{name} is not in the cache and was left out; olaria data get {name} brings it"
        )
        shell.notice(shell.text(message, name=name))
    if as_json:
        shell.json(found)
        return
    for file in found["files"]:
        shell.line(f"{shell.measure(file['path'])}  {shell.size(file['size_bytes'])}")
    message = N_("use it with OLARIA_MIRROR={folder}")
    shell.notice(shell.text(message, folder=found["folder"]))


def clean(
    ctx: typer.Context,
    name: AnyName = None,
    yes: Annotated[bool, typer.Option("--yes", help=N_("really delete them"))] = False,
    as_json: Json = False,
) -> None:
    """Delete cached data sets."""
    shell: Shell = ctx.obj

    from olaria.workflows import data

    found = data.clean(name, confirm=yes)
    if as_json:
        shell.json(found)
        return
    for file in found["files"]:
        shell.line(f"{shell.measure(file['path'])}  {shell.size(file['size_bytes'])}")
    message = (
        N_("{count} files deleted: {size} are free")
        if yes
        else N_("{count} files, {size}, would be deleted; say --yes to do it")
    )
    shell.notice(
        shell.text(message, count=len(found["files"]), size=shell.size(found["size_bytes"]))
    )


VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "list": (list_data, N_("all data sets, and whether they are here")),
    "get": (get, N_("bring a data set into the cache")),
    "where": (where, N_("the folders that are looked into")),
    "verify": (verify, N_("check the content of cached files")),
    "stats": (stats, N_("what a data set or your own files hold")),
    "mirror": (mirror, N_("write the cached data sets for a class without network")),
    "clean": (clean, N_("delete cached data sets")),
}
