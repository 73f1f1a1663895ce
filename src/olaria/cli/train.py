"""``olaria train``."""

from __future__ import annotations

from functools import partial

import typer

from olaria.cli import metrics
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_, command, quoted
from olaria.vocabulary import DEVICE
from olaria.workflows.files import next_verbs
from olaria.workflows.train import Trained, TrainRequest, train

_ENDED = N_("process {rank} of the run was ended by signal {number}; go on with {resume}")


def _do(shell: Shell, request: TrainRequest) -> Trained:
    from olaria.cli.together import together
    from olaria.training.threads import saying
    from olaria.workflows.running import follow

    following = partial(follow, offline=shell.offline)
    with saying(request.threads):  # the processes that are started here, and those that follow, too
        if together(shell, request.nproc, following, _ENDED, request.device or DEVICE):
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
