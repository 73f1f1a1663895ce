"""JSON from strangers: small enough, one object, no name twice, no number that is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from olaria.data.entries import fetched
from olaria.errors import DataError
from olaria.i18n import N_
from olaria.storage.files import parsed, storage_errors


def read_object(path: Path, most_bytes: int) -> dict[str, Any]:
    """The JSON object in ``path``.

    Args:
        path: a file.
        most_bytes: larger files are not read.

    Raises:
        DataError: it is not there, too large, or not such an object; names the reason.
    """
    content = read_whole(path, most_bytes)
    try:
        value = parsed(content, _once)
    except ValueError as error:  # also what is not UTF-8
        raise _not_json(path, str(error).splitlines()[0][:120]) from None
    if not isinstance(value, dict):
        raise _not_json(path, type(value).__name__)
    return value


def read_whole(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file of a folder.

    Raises:
        DataError: it is not there, or too large.
        StorageError: it was not fetched.
    """
    with storage_errors(path):
        if not path.is_file():
            raise DataError(N_("{path} is missing; give a whole folder"), path=str(path))
        size = path.stat().st_size
        if size > most_bytes:
            raise DataError(
                N_("{path} has {size} bytes, more than the {most} such a file may have"),
                path=str(path),
                size=size,
                most=most_bytes,
            )
        return fetched(path.read_bytes(), str(path))


def take(
    values: Mapping[str, Any], name: str, kind: type | tuple[type, ...], path: Path, default: Any
) -> Any:
    """A value of an object, of the type that it must have.

    Raises:
        DataError: it is of another type; a truth value is not a number.
    """
    value = values.get(name, default)
    is_right = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
    if not is_right and value is not default:
        raise DataError(
            N_("{name} in {path} cannot be {value}"),
            name=name,
            path=str(path),
            value=json.dumps(value, ensure_ascii=False)[:60],
        )
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice")
    return values


def _not_json(path: Path, reason: str) -> DataError:
    return DataError(
        N_("{path} is not a sound JSON object ({reason})"), path=str(path), reason=reason
    )
