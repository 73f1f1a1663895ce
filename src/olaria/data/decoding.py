"""Bytes to text, strictly: what is not of the encoding is an error that says where and what it may be.

Newlines become ``\\n`` and characters their composed form (NFC), so that an accented letter is one
character whatever typed it.
"""

from __future__ import annotations

import codecs
import unicodedata

from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SIGNATURES = (
    (b"\x89PNG\r\n", N_("a PNG image")),
    (b"\xff\xd8\xff", N_("a JPEG image")),
    (b"GIF8", N_("a GIF image")),
    (b"%PDF-", N_("a PDF document")),
    (b"PK\x03\x04", N_("a zip archive, as .docx and .epub files are")),
    (b"\xd0\xcf\x11\xe0", N_("an old Office document")),
    (b"\x1f\x8b", N_("a gzip archive")),
    (b"SQLite format 3\0", N_("an SQLite database")),
    (b"\x7fELF", N_("a program")),
    (b"MZ\x90", N_("a program")),
)
"""How files that are no text begin."""
LONGEST_SHOWN = 40
"""Characters of a wrong value in an error."""
LOOKED_AT = 1 << 16
"""Bytes from which the kind of a file is guessed."""
MAX_CONTROL_SHARE = 0.01
"""Of bytes no text has, such as 0x01, from which a file is taken for binary."""
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1a\x1b"))


def decode(content: bytes, encoding: str, name: str) -> str:
    """``content`` as text, strictly; a byte order mark at the start is dropped.

    Args:
        content: a whole file.
        encoding: of the file.
        name: of the file, for the errors.

    Raises:
        UsageError: there is no such encoding.
        DataError: the file is no text, or not of that encoding; names the first wrong byte and,
            where there is one, a likely encoding.
    """
    binary = next((kind for mark, kind in SIGNATURES if content.startswith(mark)), None)
    if binary is not None:
        raise DataError(
            N_("{name} is not a text but {kind}; save its text as a .txt file"),
            name=name,
            kind=Message(binary),
        )
    try:
        text = content.decode(encoding)
    except LookupError:
        raise UsageError(
            N_("there is no text encoding {encoding}; common ones: utf-8, cp1252, utf-16"),
            encoding=encoding,
        ) from None
    except UnicodeError as error:
        offset = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise _undecodable(content, encoding, name, offset) from None
    if "\0" in text:
        raise DataError(
            N_(
                "{name} has a NUL at character {offset}, so it is not plain text; if it is UTF-16, "
                "use {suggestion}"
            ),
            name=name,
            offset=text.index("\0"),
            suggestion=Setting("encoding", _unmarked_utf16(content) or "utf-16"),
        )
    return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def suggest_encoding(content: bytes, tried: str) -> str:
    """An encoding other than ``tried`` that does decode ``content``.

    >>> suggest_encoding("ação".encode("cp1252"), "utf-8")
    'cp1252'
    """
    likely = filter(None, (marked_encoding(content), _unmarked_utf16(content)))
    for encoding in (*likely, "utf-8", "cp1252"):
        if codecs.lookup(encoding) == codecs.lookup(tried):
            continue
        try:
            content.decode(encoding)
        except UnicodeError:
            continue
        return encoding
    return "latin-1"


def normalise(text: str) -> str:
    r"""Newlines as ``\n``, characters composed (Unicode NFC): the form of all text that is read or typed.

    >>> normalise("a\r\nb\rc"), len(normalise("a\u0303"))
    ('a\nb\nc', 1)
    """
    return unicodedata.normalize("NFC", join_newlines(text))


def typed(text: object, setting: str) -> str:
    """What a person typed, in the form of what models read; see :func:`normalise`.

    Args:
        text: a prompt, a stop string, a sentence.
        setting: its name, for the error.

    Raises:
        UsageError: it is no text.
    """
    if not isinstance(text, str):
        raise UsageError(
            N_("{path} cannot be {value}: {reason}"),
            path=Setting(setting),
            value=repr(text)[:LONGEST_SHOWN],
            reason=Message(N_("it must be text")),
        )
    return normalise(text)


def join_newlines(text: str) -> str:
    r"""Every end of a line as ``\n``, whether it was ``\r\n``, ``\r`` or that already.

    >>> join_newlines("a\r\nb\rc\n")
    'a\nb\nc\n'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of_text(text: str) -> list[str]:
    r"""The lines of ``text``, which end at a newline and nowhere else.

    ``str.splitlines`` would also cut at form feeds, U+0085 and U+2028, which people have inside their lines.

    >>> lines_of_text("a\x0cb\u2028c\r\nd\n"), lines_of_text("")
    (['a\x0cb\u2028c', 'd'], [])
    """
    lines = join_newlines(text).split("\n")
    return lines if lines[-1] else lines[:-1]


def marked_encoding(content: bytes) -> str | None:
    """The encoding that a byte order mark of UTF-16 or UTF-32 names."""
    return next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)


def is_utf8_with_accents(content: bytes) -> bool:
    """Whether ``content`` is UTF-8 beyond ASCII: what another encoding would most likely garble."""
    if content.isascii():
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(content: bytes, encoding: str, name: str, offset: int) -> DataError:
    """The error for a first wrong byte at ``offset``: binary, mixed, or of another encoding."""
    fields = {"name": name, "encoding": encoding, "offset": offset}
    if not marked_encoding(content) and not _unmarked_utf16(content):
        if _is_binary(content):
            return DataError(
                N_(
                    "{name} is not a text but a binary file, not {encoding} from byte {offset} on; "
                    "give text files"
                ),
                **fields,
            )
        num_wrong = _num_strays(content) if codecs.lookup(encoding).name == "utf-8" else 0
        if num_wrong:
            return DataError(
                N_(
                    "{name} mixes encodings: it is UTF-8 but for {count} {count:byte|bytes}, "
                    "the first at byte {offset}; save all of it as UTF-8"
                ),
                count=num_wrong,
                **fields,
            )
    return DataError(
        N_("{name} is not {encoding} at byte {offset}; try {suggestion}"),
        suggestion=Setting("encoding", suggest_encoding(content, encoding)),
        **fields,
    )


def _is_binary(content: bytes) -> bool:
    sample = content[:LOOKED_AT]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > MAX_CONTROL_SHARE * len(sample)


def _num_strays(content: bytes) -> int:
    """Bytes that are not UTF-8 in a file that otherwise is; 0 where it is of another encoding.

    Text of a one-byte encoding hardly ever holds a valid sequence of UTF-8 beyond ASCII, so one for
    every ten wrong bytes is already a sign of two encodings.
    """
    text = content.decode("utf-8", "surrogateescape")
    num_wrong = sum("\udc80" <= character <= "\udcff" for character in text)
    num_right = sum(character > "\x7f" for character in text) - num_wrong
    return num_wrong if 10 * num_right >= num_wrong else 0


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 without its mark shows by a NUL in every other byte; only European text does so."""
    sample = content[:LOOKED_AT]
    zeros = [sample[start::2].count(0) for start in (0, 1)]
    pairs = len(sample) // 2
    for encoding, (high, low) in {"utf-16-be": zeros, "utf-16-le": zeros[::-1]}.items():
        if high > 0.4 * pairs and low < 0.05 * pairs:
            return encoding
    return None
