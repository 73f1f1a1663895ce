"""``olaria studio``."""

from __future__ import annotations

import sys

import typer

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_, Message
from olaria.web.studio import Opened, StudioRequest, open_browser, studio
from olaria.workflows.requests import Result


def _do(shell: Shell, request: StudioRequest) -> Result:
    def ready(opened: Opened) -> None:
        if shell.as_json:
            shell.json(opened.to_json())
        else:
            _show(shell, opened)
        sys.stdout.flush()
        if not (request.no_browser or shell.as_json):
            open_browser(opened.url)

    studio(request, ready)
    raise typer.Exit  # everything was shown when it began


def _show(shell: Shell, opened: Opened) -> None:
    shell.line(shell.text(N_("the studio is at {url}"), url=opened.url))
    if opened.is_open:
        shell.warning(
            Message(
                N_(
                    "other machines can reach the studio, and nothing between them and it is encrypted: whoever knows "
                    "the token can train here and read the runs"
                )
            )
        )
    shell.notice(shell.text(N_("Ctrl-C ends the studio; trainings go on")))


VERB = Verb(StudioRequest, _do, _show)
