r"""Paths as people write them, on the command line, in Python, in variables and in what Olaria stores.

On Linux a name is bytes, and Python has a half surrogate for each byte that is not UTF-8. No file in UTF-8 can hold
that, so such a byte is written ``\xe7`` wherever a name is shown or stored (:func:`olaria.characters.encodable`), and
:func:`user_path` reads what was written so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from olaria.characters import encodable
from olaria.errors import UsageError
from olaria.i18n import N_

_ESCAPE = re.compile(r"\\x([89a-f][0-9a-f])|\\u(d[89a-f][0-9a-f]{2})")
_BYTES = 0xDC00
"""Where Python's half surrogates of bytes begin."""


def user_path(named: str | os.PathLike[str]) -> Path:
    r"""The path that a person named: ``~`` is their home, and ``\xe7`` a byte where no file has that very name.

    Raises:
        UsageError: it is empty, no file can have such a name, or there is no home folder.
    """
    text = os.fspath(named)
    if not text.strip():
        raise UsageError(N_("a path is empty; name a file or a folder"))
    try:
        is_possible = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half a character that stands for no byte
        is_possible = False
    if not is_possible:
        raise UsageError(N_("no file can have the name {path}; choose another"), path=text)
    path = _at_home(text)
    if not os.path.lexists(path) and _ESCAPE.search(str(path)):
        meant = _ESCAPE.sub(_unescaped, str(path))
        path = Path(meant) if os.path.lexists(meant) else path
    return path


def folder_of(variable: str) -> Path | None:
    """The folder that an environment variable names; None where it is unset or blank.

    Raises:
        UsageError: see :func:`user_path`.
    """
    named = os.environ.get(variable, "")
    return user_path(named) if named.strip() else None


@contextmanager
def openable(path: Path) -> Iterator[Path]:
    """The path by which a library that takes UTF-8 alone, such as safetensors, opens a file, whatever it is called."""
    if str(path) == encodable(str(path)) or not Path("/proc/self/fd").is_dir():
        yield path
        return
    with path.open("rb") as file:
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _at_home(text: str) -> Path:
    path = Path(text)
    first = path.parts[0] if path.parts else ""
    if not first.startswith("~") or (first != "~" and os.path.lexists(first)):
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # nobody's home is known
        if first != "~":  # such as ~$draft.docx, which is no user's
            return path
        raise UsageError(
            N_("{path} needs a home folder, and there is none here; write the whole path"),
            path=text,
        ) from None


def _unescaped(match: re.Match[str]) -> str:
    return chr(_BYTES + int(match[1], 16) if match[1] else int(match[2], 16))
