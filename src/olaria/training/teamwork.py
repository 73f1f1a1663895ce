"""A run of several processes: how they start and meet, and what the first process sends to the others.

``torchrun`` starts them on one machine or on several and sets the environment; ``--nproc`` starts them here.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as processes

import olaria
from olaria.errors import ConfigError, RunError, TrainingError
from olaria.i18n import N_, Setting
from olaria.recipes import Recipe
from olaria.training.device import choose_device
from olaria.training.engine import Trainer
from olaria.training.interruption import handling
from olaria.training.prepared import Prepared
from olaria.training.team import Team, in_short

JOIN_S = 60
"""Within which all processes must have joined."""
SILENT_S = 7200
"""After which a silent process is given up: the first process may evaluate for long. A process that ended is noticed
at once."""
LEAVE_S = 10
"""For the others to report their errors after one process has ended."""


def is_one_of_several(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether ``torchrun`` or ``--nproc`` started this process beside others."""
    return environment.get("WORLD_SIZE", "1") != "1" and "RANK" in environment


def join(device: str = "cpu") -> Team:
    """Meet the other processes until this one ends; alone, where there are none.

    Args:
        device: where this one trains, see :func:`olaria.training.device.choose_device`.

    Raises:
        ConfigError: the environment makes no sense, or there is no such device.
        TrainingError: not all of them joined.
    """
    place = choose_device(device)
    if not is_one_of_several():
        return Team(device=place)
    words = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "MASTER_PORT")}
    for name, word in words.items():
        if not word.isdecimal():
            raise ConfigError(
                N_("{name}={value} is not a number; start the processes by torchrun or {nproc}"),
                nproc=Setting("nproc"),
                name=name,
                value=word,
            )
    rank, size = int(words["RANK"]), int(words["WORLD_SIZE"])
    if rank >= size:
        raise ConfigError(
            N_(
                "process {rank} of {size} cannot be: ranks begin at 0; start them by torchrun or "
                "{nproc}"
            ),
            nproc=Setting("nproc"),
            rank=rank,
            size=size,
        )
    try:
        ways = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
        processes.init_process_group(ways, timeout=timedelta(seconds=JOIN_S))
        # Its threads must end before the interpreter does: a thread that still runs then aborts the process.
        atexit.register(processes.destroy_process_group)
        group = processes.new_group(timeout=timedelta(seconds=SILENT_S))
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            N_(
                "the {size} processes of this run did not meet at {address}:{port} within {seconds} s ({reason}); "
                "start all of them, with the same address and number"
            ),
            size=size,
            address=os.environ.get("MASTER_ADDR", ""),
            port=words["MASTER_PORT"],
            seconds=JOIN_S,
            reason=in_short(error),
        ) from None
    return Team(rank, size, group, place)


# -- what the first process sends ------------------------------------------------------------------


def send_plan(
    team: Team,
    recipe: Recipe,
    fractions: list[float] | None = None,
    epochs: float | None = None,
) -> None:
    """Send the recipe, the schedule of a repeated run, and how often the data is gone over to the other processes."""
    if team.size > 1:
        plan = {"recipe": recipe.model_dump(mode="json"), "fractions": fractions, "epochs": epochs}
        team.words(plan)


def receive_plan(team: Team) -> tuple[Recipe, list[float] | None, float | None]:
    """What the first process sent in :func:`send_plan`."""
    plan = team.words(None)
    return Recipe.parse(plan["recipe"], "recipe"), plan["fractions"], plan["epochs"]


def begin(team: Team, prepared: Prepared, trainer: Trainer) -> None:
    """Give all processes the weights, optimizers and counts of the first.

    Raises:
        RunError: the data differs between the processes.
    """
    if team.size == 1:
        return
    if team.words(prepared.data.sha256) != prepared.data.sha256:
        raise RunError(
            N_("the data {data} is not the same for all processes of this run; fetch it anew"),
            data=prepared.recipe.data.name,
        )
    tensors, state = trainer.state()
    trainer.restore(team.tensors(tensors), team.words(state))


# -- starting them here -----------------------------------------------------------------------------


def launch(words: Sequence[str], count: int) -> tuple[int, tuple[int, int] | None]:
    """Run a command of Olaria in several processes that do it together.

    Args:
        words: after ``olaria``.
        count: of processes.

    Returns:
        The exit code of the first process, or of the one that failed; and the number of the one that was killed, and
        that of the signal.
    """
    threads = os.environ.get("OLARIA_NUM_THREADS", "").strip() or str(
        max(1, torch.get_num_threads() // count)
    )
    source = str(Path(olaria.__file__).resolve().parents[1])
    shared = {
        **os.environ,
        "OLARIA_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH")))),
    }
    command = [sys.executable, "-m", "olaria", *words]
    team = [subprocess.Popen(command, env={**shared, **place}) for place in places(count)]
    with handling(_passed_on(team[0])):
        _wait(team)
    codes = [process.returncode for process in team]
    for rank, code in enumerate(codes):
        if code < 0 and code != -signal.SIGTERM:
            return 1, (rank, -code)
    return next((code for code in codes if code), 0), None


def places(count: int) -> list[dict[str, str]]:
    """Environment variables of ``count`` processes on this machine that meet at a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    return [meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def _wait(team: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until all have ended. When one fails the others should fail too; after :data:`LEAVE_S` they are killed."""
    while any(process.poll() is None for process in team):
        if any(process.returncode for process in team):
            deadline = time.monotonic() + LEAVE_S
            while time.monotonic() < deadline and any(p.poll() is None for p in team):
                time.sleep(0.05)
            for process in team:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            return
        time.sleep(0.05)


def _passed_on(first: subprocess.Popen[bytes]) -> Callable[[int, Any], None]:
    """Ctrl-C reaches all processes of a terminal by itself; a SIGTERM is passed on to the first, which decides."""

    def passed(number: int, _frame: Any) -> None:
        if number == signal.SIGTERM:
            first.send_signal(number)

    return passed
