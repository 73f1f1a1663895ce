"""Whole files, written atomically: a temporary file beside the target, synced, then renamed over it."""

from __future__ import annotations

import errno
import glob
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from olaria.characters import encodable, encodable_json
from olaria.errors import DamagedError, StorageError
from olaria.i18n import N_, Setting

UNFINISHED = ".tmp"
"""Ends the name of a file that is being written."""
_PREFIX_LETTERS, _STEM_BYTES = 50, 200
MOST_BYTES = 1 << 26
"""Of a document (a tokenizer of 50,000 byte pairs takes 2 MB)."""
MOST_LOG_BYTES, MOST_LINE_BYTES = 1 << 30, 1 << 22
MOST_DIGITS = 300
"""Of a whole number, which may then be counted with as any other."""
FORMAT = 1
"""Of the documents of a run. It grows when an older Olaria could misread a newer one."""


Explain = Callable[[Path, OSError], StorageError]
"""Words for the operating system's refusal of a file that is no run's: their remedy is another setting."""


@contextmanager
def storage_errors(
    path: Path, size_bytes: int | None = None, explain: Explain | None = None
) -> Iterator[None]:
    """Turn the operating system's refusals into one line each.

    Args:
        path: what is read or written.
        size_bytes: of what is written, where it is known.
        explain: makes that line; where None it is about a file of a run.

    Raises:
        StorageError: no space, no permission, or another failure at ``path``.
    """
    try:
        yield
    except OSError as error:
        if explain is not None:
            raise explain(path, error) from error
        if error.errno == errno.ENOSPC and size_bytes is not None:
            raise StorageError(
                N_(
                    "no space left to write {path}: it takes {needed} MB and {free} MB are free; "
                    "free some, or choose another place"
                ),
                path=str(path),
                needed=in_megabytes(size_bytes),
                free=in_megabytes(free_bytes(path)),
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = N_("no space left to write {path}; free some, or choose another place")
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = N_("no permission for {path}; choose another place with {out} or OLARIA_RUNS")
        else:
            raise StorageError(
                N_("cannot use {path}: {reason}"),
                path=str(path),
                reason=error.strerror or str(error),
            ) from error
        raise StorageError(message, path=str(path), out=Setting("out")) from error


def free_bytes(path: Path) -> int:
    """Free space where ``path`` lies, or will lie."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def in_megabytes(size_bytes: int) -> float:
    """For messages: megabytes (10⁶ bytes) to a tenth."""
    return round(size_bytes / 1e6, 1)


def write_atomic(
    path: Path,
    write: Callable[[Path], object],
    size_bytes: int | None = None,
    explain: Explain | None = None,
) -> None:
    """Publish at ``path`` what ``write`` puts into a temporary file; on failure ``path`` stays as it was.

    Args:
        path: the final name.
        write: fills the file whose path it is given.
        size_bytes: of what it writes, where it is known.
        explain: see :func:`storage_errors`.

    Raises:
        StorageError: see :func:`storage_errors`.
    """
    import tempfile  # here, since it brings much that readers and help pages can do without

    with storage_errors(path, size_bytes, explain):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target: a rename is atomic only within one file system.
        descriptor, name = tempfile.mkstemp(
            prefix=_prefix(path), suffix=UNFINISHED, dir=path.parent
        )
        os.close(descriptor)
        temporary = Path(name)
        try:
            write(temporary)
            sync(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, explain: Explain | None = None) -> None:
    """Publish ``content``; see :func:`write_atomic`."""
    write_atomic(path, lambda temporary: temporary.write_bytes(content), len(content), explain)


def unfinished(path: Path) -> list[Path]:
    """What writers of ``path`` left beside it that were ended before they published."""
    # ".partial" is how data sets were fetched before this module wrote them.
    return [
        left
        for suffix in (UNFINISHED, ".partial")
        for left in sorted(path.parent.glob(f"{glob.escape(_prefix(path))}*{suffix}"))
    ]


def _prefix(path: Path) -> str:
    """Begins the name of the temporary file; short, since a name of the longest kind leaves no room for more."""
    return f".{path.name[:_PREFIX_LETTERS]}."


def write_text(path: Path, text: str) -> None:
    """Publish ``text`` as UTF-8; see :func:`write_atomic` and :func:`olaria.characters.encodable`."""
    write_bytes(path, encodable(text).encode())


def write_json(path: Path, value: Any) -> None:
    """Publish ``value`` as indented JSON; NaN and infinity are refused, null stands for them."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """``value`` as a file's indented JSON; NaN and infinity are refused."""
    return encodable_json(value, indent=2, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """The JSON value in ``path``.

    Raises:
        StorageError: it cannot be read, or is not JSON.
    """
    with storage_errors(path), path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise too_long(path, MOST_BYTES)
    try:
        return parsed(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    except json.JSONDecodeError as error:
        line = error.lineno
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DamagedError(
            N_("{path} is damaged: not JSON ({reason})"), path=str(path), reason=reason
        ) from None
    raise DamagedError(N_("{path} is damaged: not JSON at line {line}"), path=str(path), line=line)


def parsed(content: bytes, as_object: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Strict JSON: UTF-8, finite numbers of a reasonable length, no nest without end.

    Args:
        content: the text.
        as_object: what an object's names and values become; a dictionary unless given.

    Raises:
        ValueError: it is not.
    """
    try:
        return json.loads(
            content.decode(),
            object_pairs_hook=as_object,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999, which json takes for infinity
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``, one of ours.

    Raises:
        StorageError: see :func:`read_json`; or a newer Olaria wrote it, whose form is not known here.
        DamagedError: it is no object, or of a format that never was.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise DamagedError(N_("{path} is damaged: not a JSON object"), path=str(path))
    found = value.get("format", FORMAT)
    if not isinstance(found, int) or found < 1:
        raise DamagedError(N_("{path} is damaged: it has no format"), path=str(path))
    if found > FORMAT:
        raise StorageError(
            N_(
                "{path} was written by a newer Olaria (format {found}, and this one reads {known}): "
                "update Olaria to use it"
            ),
            path=str(path),
            found=found,
            known=FORMAT,
        )
    return value


def append_line(path: Path, value: Any) -> None:
    """Append ``value`` as one line of JSON in one write, so that a crash leaves whole lines before it.

    Raises:
        StorageError: it could not be written; nothing of it is left in the file.
    """
    line = json_line(value).encode()
    with storage_errors(path, len(line)), path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if file.write(line) < len(line):  # what a disk does that fills up
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def json_line(value: Any) -> str:
    """``value`` as one line of JSON; NaN and infinity are refused."""
    return encodable_json(value, allow_nan=False) + "\n"


def read_lines(path: Path) -> list[Any]:
    """The values of a file of JSON lines; a last line that a crash cut short is left out.

    Raises:
        DamagedError: a line is no JSON, or longer than any of ours.
    """
    if not path.exists():
        return []
    values = []
    # Split as bytes: a crash may cut within a letter.
    with storage_errors(path), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MOST_LOG_BYTES:
            raise too_long(path, MOST_LOG_BYTES)
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                raise too_long(path, MOST_LINE_BYTES)
            if line == b"\n":
                continue
            try:
                values.append(parsed(line))
            except ValueError:
                if not line.endswith(b"\n"):  # the last one
                    break
                raise DamagedError(
                    N_("{path} is damaged: not JSON at line {line}"), path=str(path), line=number
                ) from None
    return values


def too_long(path: Path, limit: int) -> DamagedError:
    """The error of a file that is larger than any of ours; it is not read."""
    return DamagedError(
        N_("{path} is damaged: it, or a line of it, has over {limit} MB, which none of ours has"),
        path=str(path),
        limit=in_megabytes(limit),
    )


def sync(path: Path) -> None:
    """Ask the disk to hold what was written; folders cannot be opened for it everywhere."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags if path.is_dir() else os.O_RDWR | flags & ~os.O_RDONLY)
    except OSError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_overwriting(path: Path, overwrite: bool) -> None:
    """Tell before any work that a file is in the way.

    Raises:
        StorageError: it is there, and ``overwrite`` was not said.
    """
    if os.path.lexists(path) and not overwrite:
        raise _already_there(path)


def _already_there(path: Path) -> StorageError:
    return StorageError(
        N_("{path} is already there; choose another {out}, or say {overwrite}"),
        path=str(path),
        out=Setting("out"),
        overwrite=Setting("overwrite"),
    )


def free_names(stem: str, ending: str = "") -> Iterator[str]:
    """Names to try for something new: ``stem``, ``stem-2``, …

    >>> names = free_names("vae-samples", ".png")
    >>> next(names), next(names)
    ('vae-samples.png', 'vae-samples-2.png')
    """
    while len(os.fsencode(stem)) > _STEM_BYTES:  # a file system takes about 255 in all
        stem = stem[:-1]
    yield stem + ending
    yield from (f"{stem}-{number}{ending}" for number in count(2))


@contextmanager
def new_files(choices: Iterable[Sequence[Path]]) -> Iterator[Path]:
    """Take the names of files that are to be written, so that no other process or thread gets them.

    Each file is made, empty, at the moment its name is chosen: looking for a free name and writing there later would
    let two writers choose the same one. All of them are removed when an error occurs: they belong together.

    Args:
        choices: the files that are written together; the first of which all names are free are taken.

    Returns:
        The first of these files.

    Raises:
        StorageError: no choice is free, or a file cannot be made.
    """
    taken: list[Path] = []
    refused: StorageError | None = None
    for paths in choices:
        try:
            for path in paths:
                with storage_errors(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.open("xb").close()
                taken.append(path)
            break
        except StorageError as error:
            _give_back(taken)
            taken = []
            if not isinstance(error.__cause__, FileExistsError):
                raise
            refused = _already_there(path)
    if not taken:
        assert refused is not None
        raise refused
    try:
        yield taken[0]
    except BaseException:
        _give_back(taken)
        raise


def _give_back(taken: Sequence[Path]) -> None:
    for path in taken:
        with suppress(OSError):
            path.unlink()
