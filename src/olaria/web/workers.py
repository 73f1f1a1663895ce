"""Trainings that the studio starts: processes of the command line's own, each in a session of its own.

Nothing of one depends on the studio once it runs. What was started stands in ``.studio`` beside the runs, so that a
studio that is started again knows of trainings that have not made their run's files yet, and of those that never did.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import olaria
from olaria.errors import OlariaError, StorageError
from olaria.i18n import N_
from olaria.storage import folder as files
from olaria.storage.files import FORMAT, free_names, read_document, storage_errors, write_json
from olaria.storage.folder import RunFolder
from olaria.storage.inside import inside
from olaria.storage.new import remove_if_empty
from olaria.web.errors import Refused
from olaria.web.index import id_of, is_at_work
from olaria.workflows.train import TrainRequest

NOTES = ".studio"
"""The folder of what was started, among the runs."""
MOST_AT_ONCE = 4
"""Trainings side by side."""
MOST_NOTED = 50
"""Trainings that are remembered."""
TAIL_BYTES = 4096
PROC = Path("/proc")


@dataclass(frozen=True)
class Job:
    """A training that was started.

    Args:
        id: of its run.
        run: its folder, below that of all runs.
        pid: of its process.
        started: seconds since the epoch.
        words: of the command line, without where it writes.
    """

    id: str
    run: str
    pid: int
    started: float
    words: tuple[str, ...]


class Workers:
    """Starts and stops trainings.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    # -- what was started ------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Everything that is remembered, the latest first; what cannot be read is left out."""
        found = []
        for path in (self.home / NOTES).glob("*.json"):
            with suppress(OlariaError, OSError, TypeError, ValueError, KeyError):
                found.append(self._read(path.name))
        return sorted(found, key=lambda job: -job.started)

    def _read(self, name: str) -> Job:
        path = self._note(name)
        found = read_document(path)
        place = inside(self.home, *_parts(str(found["run"])))
        job = Job(
            id_of(self.home, place),
            place.relative_to(self.home).as_posix(),
            int(found["pid"]),
            float(found["started"]),
            tuple(map(str, found["words"])),
        )
        if name != f"{job.id}.json" or job.pid < 1:
            raise StorageError(
                N_("{path} is damaged: {name} is missing or not what belongs there"),
                path=str(path),
                name="run",
            )
        return job

    def job(self, run_id: str) -> Job | None:
        """The training of an id that was started last; only its own note is read."""
        for path in (self.home / NOTES).glob("*.json"):  # an id never becomes part of a path
            if path.name == f"{run_id}.json":
                with suppress(OlariaError, OSError, TypeError, ValueError, KeyError):
                    return self._read(path.name)
        return None

    def _note(self, name: str) -> Path:
        return inside(self.home, NOTES, name)

    def is_alive(self, job: Job) -> bool:
        """Whether the process of a job is there and is that job's: numbers of processes are given again."""
        with suppress(OSError):
            child = self._children.get(job.pid)
            if child is not None:
                return child.poll() is None
            words = _command_of(job.pid)
            place = os.fsencode(self.home / job.run)
            return b"olaria" in words and any(word.endswith(b"=" + place) for word in words)
        return False

    def problem(self, job: Job) -> str:
        """The last line that a training wrote, which says why it ended."""
        with suppress(OSError, OlariaError), self._note(f"{job.id}.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    # -- starting --------------------------------------------------------------------------------

    def start(self, request: TrainRequest, stem: str, language: str) -> Job:
        """Train something new.

        Args:
            request: sound, without ``out``.
            stem: of the new run's name.
            language: of what the process writes.

        Raises:
            Refused: the same is being trained already, or too much is.
            StorageError: the run's folder cannot be made.
        """
        words = tuple(request.to_words())
        with self._lock:
            self._check_room(words)
            path = self._new_folder(stem)
            return self._launch(path, replace(request, out=str(path)), words, language)

    def resume(self, path: Path, language: str) -> Job:
        """Go on with a run.

        Raises:
            Refused: it is being trained already, or too much is.
        """
        request = TrainRequest(resume=str(path))
        words = tuple(request.to_words())
        with self._lock:
            self._check_room(words)
            return self._launch(path, request, words, language)

    def _check_room(self, words: Sequence[str]) -> None:
        alive = [job for job in self.jobs() if self.is_alive(job)]
        if any(job.words == tuple(words) for job in alive):
            raise Refused(
                409,
                "started_already",
                N_("the same training is under way already"),
                hint=N_("give it another seed, or wait for it"),
            )
        if len(alive) >= MOST_AT_ONCE:
            raise Refused(
                409,
                "too_many",
                N_(
                    "{count} {count:training is|trainings are} under way, and more would only slow each other down"
                ),
                hint=N_("stop one, or wait until one is done"),
                count=len(alive),
            )

    def _new_folder(self, stem: str) -> Path:
        with storage_errors(self.home):
            self.home.mkdir(parents=True, exist_ok=True)
        for name in free_names(stem):
            with storage_errors(self.home / name), suppress(FileExistsError):
                (self.home / name).mkdir()
                return self.home / name
        raise AssertionError("names never end")

    def _launch(
        self, path: Path, request: TrainRequest, words: tuple[str, ...], language: str
    ) -> Job:
        run_id = id_of(self.home, path)
        notes = self.home / NOTES
        # -P: a torch.py in the folder where the studio was started must not be taken for PyTorch.
        command = [sys.executable, "-P", "-m", "olaria", "train", *request.to_words()]
        with storage_errors(notes):
            notes.mkdir(exist_ok=True)
            with self._note(f"{run_id}.log").open("wb") as log:
                started = time.time()
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(self.home, language),
                    **_ALONE,
                )
        self._children[child.pid] = child
        threading.Thread(target=child.wait, daemon=True).start()  # so that it leaves no zombie
        job = Job(run_id, path.relative_to(self.home).as_posix(), child.pid, started, words)
        write_json(self._note(f"{run_id}.json"), {"format": FORMAT, **asdict(job)})
        self._forget_old()
        return job

    def _forget_old(self) -> None:
        for job in self.jobs()[MOST_NOTED:]:
            if not self.is_alive(job):
                self.forget(job)

    def forget(self, job: Job) -> None:
        """Remember a training no more, and remove its folder where nothing was ever written there."""
        for ending in ("json", "log"):
            with storage_errors(self.home / NOTES):
                self._note(f"{job.id}.{ending}").unlink(missing_ok=True)
        remove_if_empty(self.home / job.run)

    # -- stopping --------------------------------------------------------------------------------

    def stop(self, run_id: str, path: Path) -> None:
        """Ask a training to end after its step, with everything saved.

        Raises:
            Refused: nothing is at work on the run, or it cannot be told which process is.
        """
        pid = next(
            (job.pid for job in self.jobs() if job.id == run_id and self.is_alive(job)), None
        )
        if pid is None:
            if not is_at_work(path):
                raise Refused(409, "not_running", N_("this run is not being trained"))
            pid = _holder(RunFolder(path))
        if pid is None:
            raise Refused(
                409,
                "not_ours",
                N_("this run is trained by a process that the studio does not know"),
                hint=N_("stop it where it was started, with Ctrl-C"),
            )
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGTERM)


def _parts(place: str) -> list[str]:
    """The folders of a run's place among the runs, as a note names it.

    Raises:
        ValueError: it leads out.
    """
    parts = place.split("/")
    if any(part in ("", ".", "..") or part != Path(part).name for part in parts):
        raise ValueError(f"{place} leads out")
    return parts


def environment(home: Path, language: str) -> dict[str, str]:
    """Of a process that the studio starts: the runs and the package are the studio's own."""
    package = str(Path(olaria.__file__).parents[1])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package, *others]),
        "OLARIA_RUNS": str(home),
        "OLARIA_LANG": language,
    }


def _command_of(pid: int) -> list[bytes]:
    """The words that a process was started with; none where it is gone, or the system does not tell."""
    if PROC.is_dir():
        return (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    if os.name == "posix":
        told = subprocess.run(
            ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
        )
        return told.stdout.strip().split(b" ")
    return []


_ALONE: dict[str, Any] = (
    {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    if os.name == "nt"
    else {"start_new_session": True}
)
"""What a process needs to outlive the one that started it."""


def _holder(folder: RunFolder) -> int | None:
    """The process that holds a run, None where that is not certain.

    What ``status.json`` names may be any process at all in a folder that came from elsewhere: it is believed only
    where the system says that this process has the run's lock file open.
    """
    pid = folder.read(files.STATUS, {}).get("pid")
    if pid is None or not PROC.is_dir():
        return None
    with suppress(OSError):
        lock = folder.at(files.LOCK).stat()
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(descriptor.stat(), lock):
                    return int(pid)
    return None
