"""What a run tells while it trains, followed line by line and sent on as server-sent events.

A place in the log is ``generation.offset``: a run that goes on from a checkpoint rewrites its log (what came after the
checkpoint is forgotten), and offsets of the old one mean nothing in the new. Who comes with such a place gets ``reset``
and everything from the beginning.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from olaria.characters import encodable_json
from olaria.errors import OlariaError
from olaria.i18n import Message
from olaria.storage import folder as files
from olaria.storage.documents import check_document
from olaria.storage.files import MOST_LINE_BYTES, parsed, storage_errors, too_long
from olaria.storage.folder import RunFolder
from olaria.web.errors import body_of

LOOK_S = 0.25
"""Seconds between two looks at the log."""
BEAT_S = 5.0
"""Seconds after which a beat is sent where nothing else was: a browser's script sees events, not comments."""
READ_BYTES = 1 << 18
"""Of the log, at a time."""
KINDS = (
    "began",
    "step",
    "evaluated",
    "sampled",
    "saved",
    "warned",
    "changed",
    "restarted",
    "finished",
)
_PLACE = re.compile(r"(?:([0-9a-f]{1,32})\.)?([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A place in a log.

    Args:
        offset: bytes before it.
        generation: of the file; empty for whichever is there.
    """

    offset: int = 0
    generation: str = ""

    def __str__(self) -> str:
        return f"{self.generation}.{self.offset}"

    @classmethod
    def read(cls, text: str | None) -> Place:
        """The place that a client names; the beginning where it names none that can be."""
        match = _PLACE.fullmatch(text or "")
        return cls() if match is None else cls(int(match[2]), match[1] or "")


class Log:
    """The log of a run's events, read on from a place.

    Args:
        folder: of the run, which need not be there yet.
        place: to go on from.
    """

    def __init__(self, folder: RunFolder, place: Place) -> None:
        self._folder, self.place = folder, place

    def read(self) -> tuple[bool, list[tuple[Place, dict[str, Any]]]]:
        """What is new: whether the log has begun anew, and its whole lines, each with the place after it.

        Raises:
            DamagedError: a line is none of ours.
        """
        path = self._folder.at(files.EVENTS)
        if not path.is_file():
            return False, []
        with storage_errors(path), path.open("rb") as file:
            found = os.fstat(file.fileno())
            generation = f"{found.st_ino:x}"
            is_other = self.place.generation not in ("", generation)
            is_new = (
                is_other or self.place.offset > found.st_size or not _begins_line(file, self.place)
            )
            offset = 0 if is_new else self.place.offset
            file.seek(offset)
            content = file.read(READ_BYTES)
            if b"\n" not in content and len(content) == READ_BYTES:
                content += file.read(MOST_LINE_BYTES)
                if b"\n" not in content:
                    raise too_long(path, MOST_LINE_BYTES)
        lines = []
        for line in content[: content.rfind(b"\n") + 1].splitlines(keepends=True):
            offset += len(line)
            lines.append((Place(offset, generation), self._row(line)))
        self.place = Place(offset, generation)
        return is_new, lines

    def _row(self, line: bytes) -> dict[str, Any]:
        path = self._folder.at(files.EVENTS)
        try:
            row = parsed(line)
        except ValueError:
            row = None
        check_document(path, [row])
        assert isinstance(row, dict)
        return row


def _begins_line(file: Any, place: Place) -> bool:
    if place.offset == 0:
        return True
    file.seek(place.offset - 1)
    return bool(file.read(1) == b"\n")


async def events(
    log: Log, is_at_work: Callable[[], bool], language: str, is_closing: Callable[[], bool]
) -> AsyncIterator[str]:
    """The events of a run as they come, until it rests, or the studio ends.

    Args:
        log: of the run.
        is_at_work: whether a process is at work on it.
        language: of the sentences in it.
        is_closing: whether the studio is about to end.
    """
    waited_s = 0.0
    yield "retry: 1000\n\n"
    while not is_closing():
        # Asked before the log is read: what a run wrote before it ended is then read for certain.
        works = await asyncio.to_thread(is_at_work)
        try:
            is_new, lines = await asyncio.to_thread(log.read)
        except OlariaError as error:
            yield _event("failed", body_of(error, language))
            return
        if is_new:
            yield _event("reset", {})
        if lines:  # at once: a run may tell a thousand in a second
            yield "".join(_told(place, row, language) for place, row in lines)
            waited_s = 0.0
            continue
        if not works:
            yield _event("end", {})
            return
        if waited_s >= BEAT_S:
            yield _event("beat", {})
            waited_s = 0.0
        await asyncio.sleep(LOOK_S)
        waited_s += LOOK_S


def _told(place: Place, row: Mapping[str, Any], language: str) -> str:
    kind = row["event"] if row["event"] in KINDS else "other"
    return _event(kind, worded(row, language), str(place))


def worded(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A line with its sentence, where it has one, in the reader's language too."""
    stored = row.get("message", row.get("reason"))
    if not Message.is_stored(stored):
        return dict(row)
    return {**row, "text": Message.from_json(stored).text(language)}


def _event(kind: str, data: Mapping[str, Any], place: str = "") -> str:
    lines = [f"id: {place}"] if place else []
    return "\n".join([*lines, f"event: {kind}", f"data: {encodable_json(data)}", "", ""])
