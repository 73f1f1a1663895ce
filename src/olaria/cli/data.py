"""``olaria data``."""

from __future__ import annotations

from typing import Any

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb, quick, watched
from olaria.i18n import N_, command, translate
from olaria.workflows import data, data_folders
from olaria.workflows.data import DescribedText
from olaria.workflows.requests import Document

HELP = N_("List, fetch, check, describe and mirror data sets.")
FILE_STATES = {"right": N_("right"), "wrong": N_("wrong"), "absent": N_("absent")}
STATISTICS = {
    "shape": N_("channels, height and width"),
    "num_images": N_("images"),
    "classes": N_("classes"),
    "images_per_class": N_("images of each class"),
    "mean": N_("mean"),
    "std": N_("standard deviation"),
    "num_points": N_("points"),
    "num_modes": N_("clusters"),
    "num_pairs": N_("pairs"),
    "num_sources": N_("different sources"),
    "longest_chars": N_("longest, in characters"),
    "mean_chars": N_("mean length, in characters"),
    "alphabet": N_("alphabet"),
    "example": N_("example"),
    "train": N_("training"),
    "validation": N_("validation"),
    "test": N_("test"),
    "source": N_("text"),
    "target": N_("translation"),
}
"""What a description counts, by key."""
_DESCRIBED = {
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
"""What a document says of any data set."""


def _list(shell: Shell, found: Document) -> None:
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
    if found["mirror"] is not None:
        shell.notice(shell.text(N_("mirror: {folder}"), folder=found["mirror"]))


def _get(shell: Shell, found: Document) -> None:
    if "data_sets" not in found:
        folder = (shell.text(N_("folder")), shell.measure(found["folder"]))
        shell.facts([*_described(shell, found), folder])
        return
    names = (N_("data set"), N_("source"), N_("folder"))
    rows = [
        (one["name"], _source(shell, one), shell.measure(one["folder"]))
        for one in found["data_sets"]
    ]
    shell.table([shell.text(name) for name in names], rows)
    for one in found["left_out"]:
        shell.notice(shell.words(one["reason"]))


def _source(shell: Shell, found: dict[str, Any]) -> str:
    from olaria.data.base import SOURCE_TITLES

    return shell.text(SOURCE_TITLES.get(found["source"], found["source"]))


def _described(shell: Shell, found: dict[str, Any]) -> list[tuple[str, str]]:
    for note in found["notes"]:
        shell.notice(shell.words(note))
    return [
        (shell.text(N_("data set")), shell.measure(found["name"])),
        (shell.text(N_("what it is")), shell.measure(translate(found["title"], shell.language))),
        (shell.text(N_("source")), _source(shell, found)),
        (shell.text(N_("licence")), shell.measure(translate(found["licence"], shell.language))),
        (shell.text(N_("citation")), shell.measure(found["citation"])),
        ("sha256", found["sha256"]),
    ]


def _where(shell: Shell, found: Document) -> None:
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


def _use(shell: Shell, found: Document) -> None:
    holds = ", ".join(found["data_sets"]) or None
    facts = [
        (shell.text(N_("mirror")), shell.measure(found["mirror"])),
        (shell.text(N_("it holds")), shell.measure(holds)),
        (shell.text(N_("remembered in")), shell.measure(found["settings"])),
    ]
    shell.facts(facts if found["mirror"] is not None else facts[:1])
    if found["by"] == "OLARIA_MIRROR":
        shell.notice(shell.text(N_("OLARIA_MIRROR is set, and goes before what is remembered")))


def _verify(shell: Shell, found: Document) -> None:
    rows = [
        (one["data_set"], shell.text(FILE_STATES[one["state"]]), shell.measure(one["path"]))
        for one in found["files"]
    ]
    shell.table([shell.text(n) for n in (N_("data set"), N_("state"), N_("file"))], rows)


def _stats(shell: Shell, found: Document) -> None:
    if isinstance(found, DescribedText):
        from olaria.cli.text_facts import text_facts

        measured = text_facts(shell, found, found.target, found.reading)
    else:
        rest = {key: value for key, value in found.items() if key not in _DESCRIBED}
        measured = _measures(shell, rest)
    shell.facts([*_described(shell, found), *measured])


def _measures(shell: Shell, values: dict[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Each number with its name, of the parts of one thing with that of the part; nothing of what the data lack."""
    facts = []
    for key, value in values.items():
        name = shell.text(STATISTICS.get(key, key))
        name = f"{path}: {name}" if path else name
        if isinstance(value, dict):
            facts += _measures(shell, value, name)
        elif value is not None and value != []:
            facts.append((name, shell.measure(value)))
    return facts


def _do_mirror(shell: Shell, request: data_folders.MirrorRequest) -> Document:
    found: Document = data_folders.mirror(request)
    for name in found["left_out"]:
        message = N_(
            "{name} is not in the cache and was left out; olaria data get {name} brings it"
        )
        shell.notice(shell.text(message, name=name))
    return found


def _mirror(shell: Shell, found: Document) -> None:
    for file in found["files"]:
        shell.line(f"{shell.measure(file['path'])}  {shell.size(file['size_bytes'])}")
    use = command("data", "use", str(found["folder"]))
    shell.notice(shell.text(N_("on each machine of the class: {command}"), command=use))


def _clean(shell: Shell, found: Document) -> None:
    for file in found["files"]:
        shell.line(f"{shell.measure(file['path'])}  {shell.size(file['size_bytes'])}")
    message = (
        N_("{count} {count:file|files} deleted: {size} are free")
        if found["deleted"]
        else N_("{count} {count:file|files}, {size}, would be deleted; say --yes to do it")
    )
    size = shell.size(found["size_bytes"])
    shell.notice(shell.text(message, count=len(found["files"]), size=size))


VERBS = {
    "list": Verb(data.ListDataRequest, quick(data.list_datasets), _list),
    "get": Verb(data.GetRequest, watched(data.get, computes=False), _get),
    "where": Verb(data_folders.WhereRequest, quick(data_folders.where), _where),
    "use": Verb(data_folders.UseRequest, quick(data_folders.use), _use),
    "verify": Verb(data.VerifyRequest, quick(data.verify), _verify),
    "stats": Verb(data.StatsRequest, watched(data.stats, computes=False), _stats),
    "mirror": Verb(data_folders.MirrorRequest, _do_mirror, _mirror),
    "clean": Verb(data_folders.CleanRequest, quick(data_folders.clean), _clean),
}
