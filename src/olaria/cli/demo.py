"""``olaria demo``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import Message
from olaria.workflows.demo import DemoRequest, Practice, demo


def _do(shell: Shell, request: DemoRequest) -> Practice:
    from olaria.cli.progress import display

    shell.use_threads()
    with display(shell) as shown:

        def announce(message: Message) -> None:
            shown.close()
            shell.notice(shell.words(message))

        return demo(
            request,
            language=shell.language,
            offline=shell.offline,
            listeners=[shown],
            progress=shown.downloaded,
            announce=announce,
        )


def _show(shell: Shell, found: Practice) -> None:
    for path in (found.path, *found.pages):
        shell.path(path)


VERB = Verb(DemoRequest, _do, _show)
