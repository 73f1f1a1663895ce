"""The listener that feeds a tracker from the folder that the recorder writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from olaria.i18n import N_, Message
from olaria.storage.folder import RunFolder
from olaria.trackers import Tracker, check_installed, open_tracker
from olaria.trackers.story import Story
from olaria.training import events
from olaria.training.interruption import INTERRUPTED, TERMINATED
from olaria.vocabulary import TrackerName


class Tracking:
    """Tells a tracker what the recorder has written; it comes after the recorder.

    It begins with all that the folder holds, so that a resumed run is told once, from its first step. Where the tracker
    fails, the run goes on without it.

    Args:
        name: of the tracker.
        folder: of the run.
        finish: called with the end of the run; None unless something else is to be told then.

    Raises:
        OlariaError: the tracker's package is not installed.
    """

    def __init__(
        self, name: TrackerName, folder: RunFolder, finish: Callable[[], None] = lambda: None
    ) -> None:
        check_installed(name)
        self._name, self._folder, self._finish = name, folder, finish
        self._story: Story | None = None
        self._tracker: Tracker | None = None
        self._is_off = False

    def __call__(self, event: events.Event) -> events.Answer:
        """Tell the tracker what is new."""
        if self._is_off:
            return None
        try:
            self._follow(event)
        except Exception as error:  # whatever another program does, training goes on
            self._is_off = True
            self.close()
            message = Message(
                N_("{tracker} failed ({reason}): the run goes on without it"),
                {"tracker": self._name, "reason": " ".join(f"{error!r}".split())},
            )
            return events.Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)
        return None

    def close(self) -> None:
        """Leave the tracker of a run that came to no end, or that can no longer be told."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            with suppress(Exception):  # there is another error, which is the one to be told
                tracker.close(is_done=False)

    def _follow(self, event: events.Event) -> None:
        if self._story is None or self._tracker is None:
            if not isinstance(event, events.Began):
                return
            self._story = Story(self._folder)
            self._tracker = open_tracker(self._name, self._story.about, self._folder.path)
        if isinstance(event, events.Stepped):
            self._story.note_step(event.step, event.learning_rate, event.rate)
            if not self._story.has_metrics:
                return
        elif isinstance(event, events.Sampled):
            self._story.note_sample(event.step, event.elapsed_s)
        self._story.tell(self._tracker)
        if isinstance(event, events.Finished):
            tracker, self._tracker = self._tracker, None
            tracker.close(is_done=event.reason.id not in (INTERRUPTED, TERMINATED))
            self._finish()
