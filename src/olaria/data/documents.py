"""The text of ``.docx`` and ``.pdf`` documents; of other kinds, how to save them as text.

Nothing of a document is run, looked up or written to disk. What it claims of its size is checked before it is unpacked.
"""

from __future__ import annotations

import io
import logging
import re
import threading
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from olaria.data.entries import ZIP_ERRORS, Entry
from olaria.errors import DataError
from olaria.i18n import N_

MAX_XML_BYTES = 1 << 26
"""Of a ``.docx``'s text: sixty times a long novel's."""
MAX_PDF_SECONDS = 600.0
"""For the pages of one PDF: a damaged one can keep its reader busy without end."""
_WORD_SPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_HIDDEN = ("Fallback", "moveFrom", "del")
"""Elements whose text is there a second time, or was deleted."""
_MAIN_PART = re.compile(r"word/document\d*\.xml")
_OFFICE = N_(
    "{name} is an office document and is not read; open it in LibreOffice or Word and save it as .txt or .docx"
)
_BOOK = N_("{name} is an e-book and is not read; Calibre saves it as .txt")
_PAGE = N_(
    "{name} is a web page and is not read; save it as .txt in a browser, and a Telegram chat as "
    "JSON where it is exported"
)
_TABLE = N_("{name} is a table in a format that is not read; save it as .csv")
_ARCHIVE = N_("{name} is an archive of a kind that is not read; unpack it, or pack it as a .zip")
_LINK = N_("{name} is a link to a folder, and links are not followed; put the folder itself there")
TOLD = {
    **dict.fromkeys((".doc", ".odt", ".rtf", ".pages", ".wpd"), _OFFICE),
    **dict.fromkeys((".epub", ".mobi", ".azw", ".azw3", ".fb2"), _BOOK),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".mhtml"), _PAGE),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods", ".arrow", ".feather"), _TABLE),
    **dict.fromkeys((".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"), _ARCHIVE),
}
"""Files that are not read, and what to do with them."""


def refusal(entries: Sequence[Entry]) -> DataError | None:
    """The error for files of which none is read, where one of them is known and something can be done about it."""
    for entry in entries:
        text = _LINK if entry.is_link else TOLD.get(entry.suffix)
        if text is not None:
            return DataError(text, name=entry.name)
    return None


# -- Word ------------------------------------------------------------------------------------------


class _Paragraphs:
    """Collects the text of WordprocessingML: ECMA-376, part 1, §17.3."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._open: Counter[str] = Counter()

    def start(self, name: str, _attributes: Any) -> None:
        space, _, local = name.rpartition(" ")
        is_word = space in _WORD_SPACES
        if is_word or local == "Fallback":
            self._open[local] += 1
        if not is_word or not self._open["r"] or self._is_hidden():
            return
        if local == "tab" and not self._open["tabs"]:  # else it is where a tabulator stops
            self.pieces.append("\t")
        elif local in ("br", "cr"):
            self.pieces.append("\n")
        elif local == "noBreakHyphen":
            self.pieces.append("-")

    def end(self, name: str) -> None:
        space, _, local = name.rpartition(" ")
        if space in _WORD_SPACES or local == "Fallback":
            self._open[local] -= 1
        if space in _WORD_SPACES and local == "p" and not self._is_hidden():
            self.pieces.append("\n")

    def text(self, letters: str) -> None:
        if self._open["t"] and not self._is_hidden():
            self.pieces.append(letters)

    def _is_hidden(self) -> bool:
        return any(self._open[name] for name in _HIDDEN)


def read_docx(content: bytes, name: str) -> str:
    """The paragraphs of a Word document, a line each; no headers, footnotes, comments or deleted words.

    Raises:
        DataError: it is damaged, too large, or declares entities, which no document needs.
    """
    found = _Paragraphs()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text

    def refuse(*_declared: Any) -> None:
        raise expat.ExpatError("a document type")

    parser.StartDoctypeDeclHandler = refuse
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            part = next(
                (info for info in archive.infolist() if _MAIN_PART.fullmatch(info.filename)), None
            )
            if part is None or part.file_size > MAX_XML_BYTES:
                raise zipfile.BadZipFile("no text of a fair size")
            parser.Parse(archive.read(part), True)
    except (OSError, LookupError, expat.ExpatError, *ZIP_ERRORS) as error:
        raise DataError(
            N_(
                "{name} is not a sound .docx ({reason}); open it in its program and save it as .txt"
            ),
            name=name,
            reason=str(error),
        ) from None
    return "".join(found.pieces)


# -- PDF -------------------------------------------------------------------------------------------


def read_pdf(content: bytes, name: str) -> list[str]:
    """The text of each page of a PDF.

    Raises:
        DataError: pypdf is not installed; or the document is damaged, locked, holds pictures of text only, or takes
            longer than :data:`MAX_PDF_SECONDS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pypdf  # noqa: F401
    except ImportError:
        raise DataError(
            N_(
                "reading {name} needs another package: pip install 'olaria[documents]' brings it; or "
                "save its text as .txt"
            ),
            name=name,
        ) from None
    # It writes of every oddity that it reads over; an error is the answer here.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    errors: list[BaseException] = []
    until = time.monotonic() + MAX_PDF_SECONDS
    # A thread, since one page alone may keep the library busy: it is waited for no longer than said.
    reader = threading.Thread(target=_read_pages, args=(content, until, pages, errors), daemon=True)
    reader.start()
    reader.join(MAX_PDF_SECONDS)
    if reader.is_alive():
        errors.append(TimeoutError())
    if errors:
        raise _bad_pdf(errors[0], name)
    if not any(page.strip() for page in pages):
        raise DataError(
            N_("{name} has no text in it, only pictures of pages; have the text recognised (OCR)"),
            name=name,
        )
    return pages


class _LockedError(Exception):
    """A PDF that asks for a password."""


def _read_pages(
    content: bytes, until: float, pages: list[str], errors: list[BaseException]
) -> None:
    """Put each page's text into ``pages``, or what went wrong into ``errors``."""
    from pypdf import PasswordType, PdfReader

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = PdfReader(io.BytesIO(content))
            if document.is_encrypted and document.decrypt("") is PasswordType.NOT_DECRYPTED:
                raise _LockedError
            for page in document.pages:
                if time.monotonic() > until:
                    raise TimeoutError
                pages.append(page.extract_text())
    except Exception as error:  # whatever a stranger's file makes the library raise
        errors.append(error)


def _bad_pdf(error: BaseException, name: str) -> DataError:
    if isinstance(error, TimeoutError):
        return DataError(
            N_("{name} takes longer than {seconds} s to read; save its text as .txt"),
            name=name,
            seconds=round(MAX_PDF_SECONDS),
        )
    if isinstance(error, _LockedError) or type(error).__name__ == "DependencyError":
        return DataError(N_("{name} is locked with a password; save it without one"), name=name)
    return DataError(
        N_("{name} is not a sound PDF ({reason}); print it to a new PDF, or save its text as .txt"),
        name=name,
        reason=str(error) or type(error).__name__,
    )
