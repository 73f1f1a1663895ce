"""A command that several processes do together: it starts them, or is one of them."""

from __future__ import annotations

import os
from collections.abc import Callable

import typer

from olaria.cli.shell import Shell
from olaria.errors import LostProcessError, TrainingError, UsageError
from olaria.i18n import Setting
from olaria.training import teamwork
from olaria.training.device import choose_device
from olaria.training.team import Team
from olaria.vocabulary import DEVICE


def together(
    shell: Shell,
    count: int | None,
    follow: Callable[[Team], object],
    ended: str,
    device: str = DEVICE,
) -> bool:
    """Start the processes of a command, or join them; whether nothing else is left to do here.

    Args:
        shell: of the command; its ``team`` is set where this process is one of several.
        count: processes to start.
        follow: what a process does that is not the first.
        ended: what is said where one is killed, of its ``rank`` and the signal's ``number``.
        device: where each computes.

    Raises:
        TrainingError: one was killed.
    """
    if "RANK" in os.environ:
        shell.use_threads()
        shell.team = teamwork.join(device)
        if shell.team.is_first:
            return False
        try:
            follow(shell.team)
        except (LostProcessError, UsageError):  # the first one says so
            raise typer.Exit(1) from None
        return True
    if count is None or count == 1:
        return False
    choose_device(device)  # told once, not by each
    code, killed = teamwork.launch(shell.words_given, count)
    if killed is not None:
        rank, number = killed
        raise TrainingError(ended, rank=rank, number=number, resume=Setting("resume"))
    if code:
        raise typer.Exit(code)
    return True
