"""Parquet files of the user's, as data sets of Hugging Face come: opened, described and read a few rows at a time.

Only the columns that are asked for are read, a row group after the other. What a file claims of its size is checked
before anything is unpacked, and what comes out of it is counted: a dictionary lets few bytes stand for very many.
Nothing that a cell names is opened or fetched.

Source: https://parquet.apache.org/docs/file-format; features as https://huggingface.co/docs/datasets/about_dataset_features
has them, in the metadata ``huggingface`` of the schema.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from olaria.data.columns import choice_needed, folded, listed, no_such_column
from olaria.data.entries import MAX_BYTES, PARQUET_SUFFIX, Entry, check_fetched
from olaria.errors import DataError
from olaria.i18n import N_
from olaria.storage.files import in_megabytes

MAX_COLUMNS = 4096
MAX_ROWS = 5_000_000
MAX_GROUP_BYTES = 1 << 30
"""Of one column in a row group, as the file announces it."""
MAX_UNPACKED, FREE_BYTES = 1000, 1 << 28
"""So many times the bytes of its file may the cells of a column take, once they are beyond what any machine has."""
BATCH_BYTES, BATCH_ROWS = 1 << 26, 4096
"""Of rows in memory: so few are read at once that even rows that are all the largest one fit."""
MAX_FOOTER_STRING, MAX_FOOTER_LIST = 1 << 24, 1 << 17

What = Literal["text", "chat", "pair", "image", "label", "number", "other"]


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Attributes:
        name: as the file has it.
        leaf: what is read of it: its own name, or ``name.bytes`` of an image in a struct.
        what: it holds.
        words: class names by number, where the file declares them; the two languages of a column of pairs.
    """

    name: str
    leaf: str
    what: What
    words: tuple[str, ...] = ()


class Table:
    """A Parquet file that was opened.

    Args:
        entry: its file.

    Raises:
        DataError: pyarrow is not installed; or the file is damaged, or announces more than is read.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        parquet = _library(entry.name)
        try:
            if entry.place is not None:
                check_fetched(entry.place)
            source = BytesIO(entry.read()) if entry.place is None else str(entry.place)
            self._file = parquet.ParquetFile(
                source,
                pre_buffer=False,
                buffer_size=1 << 16,
                thrift_string_size_limit=MAX_FOOTER_STRING,
                thrift_container_size_limit=MAX_FOOTER_LIST,
            )
            about = self._file.metadata
            num_columns = max(about.num_columns, len(self._file.schema_arrow))
            groups = [about.row_group(place) for place in range(about.num_row_groups)]
            self.group_rows = [group.num_rows for group in groups]
            self.num_rows = sum(self.group_rows)
            columns = [] if num_columns > MAX_COLUMNS else list(_columns(self._file.schema_arrow))
        except _errors() as error:
            raise _damaged(entry.name, error) from None
        if num_columns > MAX_COLUMNS or not 0 <= self.num_rows <= MAX_ROWS:
            raise DataError(
                N_(
                    "{name} has {rows} rows in {columns} columns, more than are read; take a part of it"
                ),
                name=entry.name,
                rows=self.num_rows,
                columns=num_columns,
            )
        self.columns: Sequence[Column] = columns

    def of(self, *what: What) -> list[Column]:
        """The columns that hold one of these."""
        return [column for column in self.columns if column.what in what]

    def named(self, name: str) -> Column:
        """The column of that name.

        Raises:
            UsageError: there is none.
        """
        for column in self.columns:
            if name == column.name or folded(name) == folded(column.name):
                return column
        raise no_such_column(self.entry.name, [column.name for column in self.columns], name)

    def cells(self, *columns: Column, first: int = 0) -> Iterator[tuple[Any, ...]]:
        """The cells of each row, from row ``first`` on; read as they are asked for.

        Raises:
            DataError: the file is damaged there, or unpacks to more than is read.
        """
        most = min(MAX_BYTES, max(FREE_BYTES, MAX_UNPACKED * self.entry.size_bytes))
        unpacked = 0
        try:
            for skipped, batch in self._batches([column.leaf for column in columns], first):
                unpacked += batch.nbytes
                if unpacked > most:
                    raise _too_large(self.entry.name, unpacked)
                rows = batch.slice(skipped)
                yield from zip(*(_plain(rows, column) for column in columns), strict=True)
        except _errors() as error:
            raise _damaged(self.entry.name, error) from None

    def _batches(self, leaves: Sequence[str], first: int) -> Iterator[tuple[int, Any]]:
        """Some rows at a time from the one that holds row ``first``, and how many of them lie before it."""
        place = 0
        for group, count in enumerate(self.group_rows):
            if place + count <= first:
                place += count
                continue
            at_once = self._rows_at_once(group, leaves)
            for batch in self._file.iter_batches(
                at_once, row_groups=[group], columns=list(leaves), use_threads=False
            ):
                if place + len(batch) > first:
                    yield max(0, first - place), batch
                place += len(batch)

    def _rows_at_once(self, group: int, leaves: Sequence[str]) -> int:
        """So few that they fit, were each of them as large as all that the group announces."""
        about, largest = self._file.metadata.row_group(group), 1
        for place in range(about.num_columns):
            column = about.column(place)
            if any(f"{column.path_in_schema}.".startswith(f"{leaf}.") for leaf in leaves):
                largest = max(largest, column.total_uncompressed_size)
        if largest > MAX_GROUP_BYTES:
            raise _too_large(self.entry.name, largest)
        return max(1, min(BATCH_ROWS, BATCH_BYTES // largest))


def is_parquet(entry: Entry) -> bool:
    """Whether a file is called as Parquet files are."""
    return entry.suffix == PARQUET_SUFFIX


def text_column(table: Table, column: str | None) -> Column:
    """The column whose texts are meant: that of the name, else ``text``, else the only one that holds texts.

    Raises:
        DataError: none holds texts, or not the one that is named.
        UsageError: one must be chosen, or is not there.
    """
    name, own = table.entry.name, table.of("text", "chat")
    if column is not None:
        found = table.named(column)
        if found.what in ("text", "chat"):
            return found
        raise DataError(
            N_("the column {column} of {name} holds no texts; those that do: {columns}"),
            column=listed([found.name]),
            name=name,
            columns=listed([one.name for one in own]) or "–",
        )
    called = [one for one in own if folded(one.name).lower() == "text"]
    if len(called) == 1 or len(own) == 1:
        return (called or own)[0]
    if not own:
        raise DataError(
            N_("no column of {name} is text; it has {columns}"),
            name=name,
            columns=listed([one.name for one in table.columns]),
        )
    raise choice_needed(name, [one.name for one in own])


# -- columns ---------------------------------------------------------------------------------------


def _columns(schema: Any) -> Iterator[Column]:
    features = _features(schema.metadata)
    for field in schema:
        about = features.get(field.name)
        yield _column(field.name, field.type, about if isinstance(about, dict) else {})


def _column(name: str, kind: Any, about: dict[str, Any]) -> Column:
    from pyarrow import types

    declared = about.get("_type")
    if types.is_dictionary(kind):
        kind = kind.value_type
    is_bytes = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    if types.is_struct(kind):
        parts = {field.name: field.type for field in kind}
        inner = parts.get("bytes")
        if inner is not None and (types.is_binary(inner) or types.is_large_binary(inner)):
            # Sounds are stored so too.
            is_image = declared in (None, "Image")
            return Column(name, f"{name}.bytes", "image" if is_image else "other")
        texts = [key for key, part in parts.items() if types.is_string(part)]
        if len(parts) == len(texts) == 2 and declared in (None, "Translation"):
            return Column(name, name, "pair", tuple(texts))
        return Column(name, name, "other")
    if is_bytes:
        return Column(name, name, "image" if declared in (None, "Image") else "other")
    if types.is_integer(kind) and declared == "ClassLabel":
        words = about.get("names")
        sound = isinstance(words, list) and all(isinstance(word, str) for word in words)
        return Column(name, name, "label", tuple(map(_word, words)) if sound and words else ())
    if is_text:
        return Column(name, name, "text")
    if types.is_list(kind) or types.is_large_list(kind):
        return Column(name, name, "chat" if types.is_struct(kind.value_type) else "other")
    is_number = types.is_integer(kind) or types.is_boolean(kind) or types.is_floating(kind)
    return Column(name, name, "number" if is_number else "other")


def _features(metadata: Any) -> dict[str, Any]:
    """What Hugging Face's library wrote of the columns; nothing where that is missing or makes no sense."""
    try:
        found = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _word(text: str) -> str:
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8").strip())


def _plain(rows: Any, column: Column) -> list[Any]:
    cells: list[Any] = rows.column(column.name).to_pylist()
    if column.leaf != column.name:
        return [None if cell is None else cell.get("bytes") for cell in cells]
    return cells


# -- errors ----------------------------------------------------------------------------------------


def _library(name: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            N_(
                "reading {name} needs another package: pip install 'olaria[parquet]' brings it; or "
                "save the data as a folder of images, or as .csv"
            ),
            name=name,
        ) from None
    return parquet


def _errors() -> tuple[type[BaseException], ...]:
    """What a stranger's file makes the library raise."""
    import pyarrow

    return (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        MemoryError,
    )


def _damaged(name: str, error: BaseException) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
    return DataError(
        N_("{name} is not a sound Parquet file ({reason}); fetch it again"),
        name=name,
        reason=folded(reason) or type(error).__name__,
    )


def _too_large(name: str, size_bytes: int) -> DataError:
    return DataError(
        N_("a column of {name} unpacks to {size} MB or more, more than is read; take a part of it"),
        name=name,
        size=in_megabytes(size_bytes),
    )
