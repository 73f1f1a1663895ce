"""Figures that were pinned to the report: pictures in a folder below ``.studio`` beside the runs, as ``olaria report
--figures`` takes it."""

from __future__ import annotations

import base64
import csv
import io
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from olaria.cards import figures
from olaria.cards.figures import NUMBERS, PICTURE, WORDS
from olaria.errors import OlariaError, UsageError
from olaria.i18n import N_, Message, Setting
from olaria.storage.files import (
    FORMAT,
    new_files,
    read_document,
    storage_errors,
    write_bytes,
    write_json,
)
from olaria.storage.inside import inside
from olaria.web.errors import Refused
from olaria.web.workers import NOTES

FOLDER = "figures"
MOST_BODY = 9_000_000
"""Bytes of a request that pins: a picture in base64, and its numbers."""
MOST_ROWS = 20_000
_NAME = re.compile(r"figure-(\d{3,9})")


class Pins:
    """What was pinned.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._lock = home, threading.Lock()

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self._home / NOTES / FOLDER

    def all(self) -> list[dict[str, Any]]:
        """What is said of each, in the order in which they were pinned; what cannot be read is left out."""
        found = []
        for pin_id in self._ids():
            with suppress(OlariaError, OSError):
                found.append(self._about(pin_id))
        return found

    def paths(self, ids: Sequence[str]) -> list[Path]:
        """The pictures of ids, in this order.

        Raises:
            Refused: there is none of an id.
        """
        return [self._picture(one) for one in ids]

    def picture(self, pin_id: str) -> bytes:
        """The picture of one.

        Raises:
            Refused: there is none of this id.
        """
        path = self._picture(pin_id)
        with storage_errors(path):
            return path.read_bytes()

    def pin(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a picture with what is said of it, and its numbers.

        Raises:
            UsageError: a value cannot be what it is; it is named.
            DataError: the picture is none, or too large.
            Refused: there are as many as a report takes.
        """
        content = _decoded(values.get("picture"))
        picture, size = figures.sound_picture(content, "picture")
        if len(picture) > figures.MOST_PICTURE_BYTES:
            raise _cannot("picture", N_("it is too large"))
        table = _table(values.get("table"))
        words = {
            "format": FORMAT,
            "caption": figures.plain(values.get("caption"), figures.MOST_CAPTION),
            "command": figures.plain(values.get("command"), figures.MOST_ADDRESS),
            "address": _address(values.get("address")),
            "size": list(size),
        }
        with self._lock:
            ids = self._ids()
            if len(ids) >= figures.MOST_FIGURES:
                raise Refused(
                    409,
                    "too_many",
                    N_("{count} figures are pinned already, as many as a report takes"),
                    hint=N_("delete one that you do not need"),
                    count=len(ids),
                )
            place = inside(self._home, NOTES, FOLDER)
            first = max((int(one.removeprefix("figure-")) for one in ids), default=0) + 1
            endings = (PICTURE, WORDS, *([NUMBERS] if table else []))
            choices = (
                [place / f"figure-{number:03d}{ending}" for ending in endings]
                for number in count(first)
            )
            with new_files(choices) as path:
                if table:
                    write_bytes(path.with_suffix(NUMBERS), table)
                write_json(path.with_suffix(WORDS), words)
                write_bytes(path, picture)
        return self._about(path.stem)

    def say(self, pin_id: str, caption: str) -> dict[str, Any]:
        """Change what is said of one.

        Raises:
            Refused: there is none of this id.
        """
        path = self._picture(pin_id).with_suffix(WORDS)
        words = {**read_document(path), "caption": figures.plain(caption, figures.MOST_CAPTION)}
        write_json(path, words)
        return self._about(pin_id)

    def remove(self, pin_id: str) -> None:
        """Delete one.

        Raises:
            Refused: there is none of this id.
        """
        path = self._picture(pin_id)
        for ending in (PICTURE, WORDS, NUMBERS):
            with storage_errors(path):
                path.with_suffix(ending).unlink(missing_ok=True)

    def _ids(self) -> list[str]:
        with suppress(OSError):
            names = (path.stem for path in self.folder.iterdir() if path.suffix == PICTURE)
            found = [name for name in names if _NAME.fullmatch(name)]
            return sorted(found, key=lambda name: (len(name), name))
        return []

    def _picture(self, pin_id: str) -> Path:
        if pin_id not in self._ids():  # so that no id joins a path
            raise Refused(404, "unknown_figure", N_("there is no such figure here"))
        return inside(self._home, NOTES, FOLDER, f"{pin_id}{PICTURE}")

    def _about(self, pin_id: str) -> dict[str, Any]:
        path = self._picture(pin_id)
        said = read_document(path.with_suffix(WORDS))
        return {
            "id": pin_id,
            "caption": figures.plain(said.get("caption"), figures.MOST_CAPTION),
            "command": figures.plain(said.get("command"), figures.MOST_ADDRESS),
            "address": _address(said.get("address")),
            "has_numbers": path.with_suffix(NUMBERS).is_file(),
        }


def _decoded(value: Any) -> bytes:
    if isinstance(value, str):
        with suppress(ValueError):
            return base64.b64decode(value, validate=True)
    raise _cannot("picture", N_("it must be a PNG in base64"))


def _address(value: Any) -> str:
    """Where the studio shows a view: what stands after ``#``, without a token."""
    text = figures.plain(value, figures.MOST_ADDRESS)
    return text if text.startswith("#room=") and "token=" not in text else ""


def _table(value: Any) -> bytes:
    """Rows of cells as CSV; empty where there are none."""
    if value is None:
        return b""
    if not isinstance(value, list) or len(value) > MOST_ROWS:
        raise _cannot("table", Message(N_("it must be at most {limit} rows"), {"limit": MOST_ROWS}))
    written = io.StringIO()
    writer = csv.writer(written)
    for row in value:
        if not isinstance(row, list) or len(row) > figures.MOST_COLUMNS:
            limit = {"limit": figures.MOST_COLUMNS}
            raise _cannot("table", Message(N_("a row has at most {limit} cells"), limit))
        writer.writerow(
            ["" if cell is None else figures.plain(str(cell), figures.MOST_CELL) for cell in row]
        )
    content = written.getvalue().encode()
    if len(content) > figures.MOST_TABLE_BYTES:
        raise _cannot("table", N_("it is too large"))
    return content


def _cannot(name: str, reason: str | Message) -> UsageError:
    reason = reason if isinstance(reason, Message) else Message(reason)
    return UsageError(N_("{path}: {reason}"), path=Setting(name), reason=reason)
