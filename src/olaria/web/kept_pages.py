"""Lessons and reports that were made for the page, as long as the studio runs.

A frame and a download send no token, so that each page has an address of its own that nobody can guess.
"""

from __future__ import annotations

import html
import io
import re
import secrets
import shutil
import tempfile
import threading
import weakref
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from olaria.i18n import N_
from olaria.storage.files import storage_errors
from olaria.web.errors import Refused

MOST_KEPT = 20
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".md": "text/markdown; charset=utf-8",
    ".zip": "application/zip",
}
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]{1,20000})"')
PLAIN = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'"
)
"""Of a page that says nothing itself: it shows, and does nothing."""
FRAMED = "frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
"""Of every page: it may be framed by the studio, and is of no origin."""


@dataclass(frozen=True)
class KeptPage:
    """A file that was made.

    Args:
        path: where it lies.
        folder: of it alone, which goes with it.
    """

    path: Path
    folder: Path

    @property
    def kind(self) -> str:
        """Its type."""
        return TYPES[self.path.suffix]

    def content(self) -> bytes:
        """Of the file."""
        with storage_errors(self.path):
            return self.path.read_bytes()

    def policy(self, content: bytes) -> str:
        """What a page may do: what it says itself, by the hashes of its scripts, and never more than a sandbox lets."""
        head = content.partition(b"<body")[0]  # what stands in the body may be anybody's
        found = _POLICY.search(head.decode("utf-8", "replace"))
        return f"{html.unescape(found[1]) if found else PLAIN}; {FRAMED}"


class KeptPages:
    """The pages that were made last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: OrderedDict[str, KeptPage] = OrderedDict()
        self._known: dict[str, tuple[str, dict[str, Any]]] = {}

    def place(self) -> Path:
        """A folder for a new one, which nobody else may read; it goes when these pages do."""
        folder = Path(tempfile.mkdtemp(prefix="olaria-page-"))
        weakref.finalize(self, forget, folder)
        return folder

    def keep(self, path: Path, folder: Path) -> str:
        """Keep a file, with the pictures that lie beside it as one archive; the key of its address."""
        beside = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        if len(beside) > 1:
            path = _archive(path, beside, folder)
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._pages[key] = KeptPage(path, folder)
            gone = [*self._pages][:-MOST_KEPT]
            pages = [self._pages.pop(old) for old in gone]
        for page in pages:
            forget(page.folder)
        return key

    def know(self, mark: str, key: str, told: dict[str, Any]) -> None:
        """Remember what a page was made of, and what was told of it."""
        with self._lock:
            known = {old: one for old, one in self._known.items() if one[0] in self._pages}
            self._known = {**known, mark: (key, told)}

    def known(self, mark: str) -> dict[str, Any] | None:
        """What was told of the page that was made of the same, as long as it is kept."""
        with self._lock:
            key, told = self._known.get(mark, ("", None))
            if key not in self._pages:
                return None
            self._pages.move_to_end(key)
            return told

    def page(self, key: str) -> KeptPage:
        """The page of a key.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            found = self._pages.get(key)
        if found is None:
            raise Refused(404, "unknown_page", N_("this page is gone; make it again"))
        return found


def forget(folder: Path) -> None:
    """Remove what was made."""
    shutil.rmtree(folder, ignore_errors=True)


def _archive(path: Path, files: list[Path], folder: Path) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder).as_posix())
    whole = path.with_suffix(".zip")
    with storage_errors(whole):
        whole.write_bytes(content.getvalue())
    return whole
