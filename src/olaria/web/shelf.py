"""All runs that a person sees: those in the folder, and those that a started training has not made yet."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from olaria.characters import encodable
from olaria.errors import OlariaError
from olaria.i18n import N_
from olaria.runs import Run
from olaria.storage import folder as files
from olaria.storage.folder import RunFolder
from olaria.web.errors import Refused, no_such_run
from olaria.web.index import RUNNING, RunIndex, is_at_work
from olaria.web.workers import Job, Workers

STARTING, FAILED = "starting", "failed"
ENDED = ("stopped", FAILED, "done")
LEAVING_S = 5.0
"""In which a process ends that has written its last word."""


class Shelf:
    """The index of the runs and the trainings that were started, together.

    Args:
        index: of the runs.
        workers: that train.
    """

    def __init__(self, index: RunIndex, workers: Workers) -> None:
        self.index, self.workers = index, workers

    def cards(self) -> list[dict[str, Any]]:
        """One for each, the latest changed first."""
        jobs = {job.id: job for job in self.workers.jobs()}
        cards = [self._told(card, jobs.pop(card["id"], None)) for card in self.index.cards()]
        cards += map(self._without_run, jobs.values())
        return sorted(cards, key=lambda card: (-card["changed"], card["name"]))

    def card(self, run_id: str) -> dict[str, Any]:
        """One of them.

        Raises:
            Refused: there is none of this id.
        """
        job = self.job(run_id)
        try:
            return self._told(self.index.card(run_id), job)
        except Refused:
            if job is None:
                raise
            return self._without_run(job)

    def job(self, run_id: str) -> Job | None:
        """The training of an id that was started last."""
        return self.workers.job(run_id)

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run, which a started training may not have filled yet.

        Raises:
            Refused: there is none of this id.
        """
        try:
            return self.index.run(run_id).folder
        except Refused:
            job = self.job(run_id)
            if job is None:
                raise
            return RunFolder(self.index.home / job.run)

    def is_at_work(self, run_id: str, path: Path) -> bool:
        """Whether something is still to come of a run."""
        if is_at_work(path):
            return True
        job = self.job(run_id)
        return job is not None and self.workers.is_alive(job)

    def stop(self, run_id: str) -> None:
        """Ask a training to end after its step, with everything saved.

        Raises:
            Refused: there is none of this id, or nothing that the studio knows is at work on it.
        """
        self.workers.stop(run_id, self.folder(run_id).path)

    def resume(self, run_id: str, language: str) -> Job:
        """Go on with a run that has not come to its end.

        Raises:
            Refused: it is being trained, or is done.
            RunError: it has no checkpoint to go on from.
        """
        run = self.index.run(run_id)
        if self._goes_on(run_id, run):
            raise Refused(409, "running", N_("this run is being trained"))
        if run.state == "done":
            raise Refused(409, "done", N_("this run has come to its end"))
        run.folder.checkpoint_path("last")
        return self.workers.resume(run.path, language)

    def _goes_on(self, run_id: str, run: Run) -> bool:
        """Whether something is at work on a run; one that has just ended is given the time to leave."""
        end = time.monotonic() + LEAVING_S
        while self.is_at_work(run_id, run.path):
            if run.state not in ENDED or time.monotonic() > end:
                return True
            time.sleep(LEAVING_S / 100)
        return False

    def dismiss(self, run_id: str) -> None:
        """Forget a training that never became a run; nothing that was trained is touched.

        Raises:
            Refused: there is none of this id, it is a run, or it is still at work.
        """
        job = self.job(run_id)
        if job is None:
            raise no_such_run()
        if files.is_run(self.index.home / job.run) or self.workers.is_alive(job):
            raise Refused(409, "is_run", N_("only a training that never began can be put away"))
        self.workers.forget(job)

    def _told(self, card: dict[str, Any], job: Job | None) -> dict[str, Any]:
        """A run's card, and what the training that was started for it adds."""
        if job is None or card["state"] in (RUNNING, "damaged"):
            return card
        has_answered = self._status_changed(job) >= job.started
        if self.workers.is_alive(job):
            is_ending = has_answered and card["state"] in ENDED
            return card if is_ending else {**card, "state": STARTING}
        # One that failed, or ended without a word in the run's status, says why in its own log.
        is_told = has_answered and card["state"] != FAILED
        return card if is_told else {**card, "problem": self.workers.problem(job)}

    def _status_changed(self, job: Job) -> float:
        with suppress(OlariaError, OSError):
            return RunFolder(self.index.home / job.run).at(files.STATUS).stat().st_mtime
        return 0.0

    def _without_run(self, job: Job) -> dict[str, Any]:
        card = {
            "id": job.id,
            "name": encodable(Path(job.run).name),
            "state": STARTING,
            "changed": job.started,
        }
        if self.workers.is_alive(job):
            return card
        return {**card, "state": FAILED, "problem": self.workers.problem(job)}
