"""``olaria train``."""

from __future__ import annotations

import os

import typer

from olaria.cli import metrics
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.errors import LostProcessError, TrainingError, UsageError
from olaria.i18n import N_, command, quoted
from olaria.vocabulary import DEVICE
from olaria.workflows.files import next_verbs
from olaria.workflows.train import Trained, TrainRequest, train


def _do(shell: Shell, request: TrainRequest) -> Trained:
    from olaria.training.threads import saying

    with saying(request.threads):  # the processes that are started here, and those that follow, too
        if _together(shell, request.nproc, request.device or DEVICE):
            raise typer.Exit
    from olaria.cli.progress import display
    from olaria.training import machine

    with display(shell) as shown:
        shell.use_threads()
        return Trained(
            train(
                request,
                offline=shell.offline,
                listeners=[shown],
                progress=shown.downloaded,
                notify=lambda message: shell.notice(shell.words(message)),
                started=machine.process_started(),
                team=shell.team,
            ),
            request.track,
        )


def _together(shell: Shell, count: int | None, device: str) -> bool:
    """Start the processes of a run, or follow the first of them; whether nothing else is left to do here."""
    if "RANK" in os.environ:
        from olaria.training import teamwork
        from olaria.workflows.running import follow

        shell.use_threads()
        shell.team = teamwork.join(device)
        if shell.team.is_first:
            return False
        try:
            follow(shell.team, offline=shell.offline)
        except (LostProcessError, UsageError):  # the first one says so
            raise typer.Exit(1) from None
        return True
    if count is None or count == 1:
        return False
    from olaria.training import teamwork
    from olaria.training.device import choose_device

    choose_device(device)  # told once, not by each
    code, message = teamwork.launch(shell.words_given, count)
    if message is not None:
        raise TrainingError(message.id, **message.fields)
    if code:
        raise typer.Exit(code)
    return True


def _show(shell: Shell, trained: Trained) -> None:
    run, result = trained.run, trained.run.result
    shell.facts(
        [
            (shell.text(N_("run")), shell.measure(str(run.path))),
            (shell.text(N_("steps")), shell.number(result["steps"])),
            (shell.text(N_("time")), shell.duration(result["elapsed_s"])),
        ]
    )
    shell.line()
    metrics.show(shell, metrics.final(result["final"]))
    steps = " · ".join(command(verb, run.shortest) for verb in next_verbs(run.family))
    shell.notice(shell.text(N_("next: {steps}"), steps=steps))
    if trained.track == "tensorboard":
        seen = quoted("tensorboard", "--logdir", str(run.path))
        shell.notice(shell.text(N_("in TensorBoard: {command}"), command=seen))


VERB = Verb(TrainRequest, _do, _show)
