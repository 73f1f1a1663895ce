"""``olaria hub``."""

from __future__ import annotations

from olaria.cli.shell import Shell, one_line
from olaria.cli.verb import Verb, watched
from olaria.i18n import N_, command
from olaria.workflows import hub
from olaria.workflows.requests import Document

HELP = N_("Send a model to the Hugging Face hub, and bring one from there.")


def _do_push(shell: Shell, request: hub.PushRequest) -> Document:
    return hub.push(request, offline=shell.offline, language=shell.language)


def _files(shell: Shell, found: Document) -> None:
    for one in found["files"]:
        shell.line(f"{one_line(one['name'])}  {shell.size(one['size_bytes'])}")
    if found["left_out"]:
        names = ", ".join(map(one_line, found["left_out"][:5]))
        count = len(found["left_out"])
        message = N_("{count} {count:file|files} left out: {names}")
        names += ", …" if count > 5 else ""
        shell.notice(shell.text(message, count=count, names=names))


def _push(shell: Shell, found: Document) -> None:
    _files(shell, found)
    shell.line(one_line(found["address"]))
    shown = N_("everyone can see it") if found["public"] else N_("only you can see it")
    shell.notice(shell.text(shown))


def _pull(shell: Shell, found: Document) -> None:
    _files(shell, found)
    shell.line(one_line(found["path"]))
    if found["model_type"] == "gpt2":
        options = ("--from", found["path"], "--data", shell.text(N_("my-text.txt")))
        tune = N_("train it further on a text of yours: {command}")
        shown = command("train", "gpt2-shakespeare", options=options)
        shell.notice(shell.text(tune, command=shown))
    elif found["has_code"]:
        read = N_(
            "model.py is a program of the repository's owner: read it before you run it; "
            "README.md says how"
        )
        shell.notice(shell.text(read))
    else:
        other = N_("Olaria reads GPT-2 folders alone; README.md says what opens this one")
        shell.notice(shell.text(other))


VERBS = {
    "push": Verb(hub.PushRequest, _do_push, _push),
    "pull": Verb(hub.PullRequest, watched(hub.pull, computes=False), _pull),
}
