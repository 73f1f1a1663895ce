"""One field of a user's JSON records: an object a line (``.jsonl``), or one array of objects or of texts (``.json``).

Records are JSON values one after another, alone or in an array, so that both files may hold either. A field that is
a chat, a list of messages, is read as lines ``sender: text``, a blank line after each chat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from olaria.data.columns import LOOKED_AT, Texts, choice_needed, folded, listed, no_such_column
from olaria.data.decoding import join_newlines
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

CHAT_KEYS = (("role", "content"), ("from", "value"))
"""Where a message has its sender and its text: as chat models are given them, and as ShareGPT writes them."""
_BLANK = re.compile(r"[\s\ufeff]*")

Record = tuple[int, Any]
"""The line on which a value begins, and the value."""


def json_column(name: str, text: str, column: str | None, notes: list[Message]) -> list[str]:
    """The texts in one field, in the order of the records; of an array of texts these.

    Args:
        name: of the file.
        text: all of it.
        column: the field; None where only one can be meant.
        notes: gets what was left out, and that chats were read.

    Raises:
        UsageError: a field must be chosen, or is not there.
        DataError: a record is no JSON, no object, or its field is no text; the line is named.
    """
    records = _records(name, join_newlines(text))
    first = list(islice(records, LOOKED_AT))
    if not first:
        return []
    if all(value is None or isinstance(value, str) for _, value in first):
        return _plain_texts(name, chain(first, records), column, notes)
    for line, value in first:
        _check_object(name, line, value)
    values = [value for _, value in first]
    if (
        column is None
        and len(values) == 1
        and name.lower().endswith(".json")
        and not _is_array(text)
    ):
        raise DataError(
            N_(
                "{name} is one JSON object ({columns}) and not a list of them; "
                "give an array of objects, or choose a field of text with {setting}"
            ),
            name=name,
            columns=listed(_fields(values)),
            setting=Setting("column"),
        )
    key = _choose(name, values, column)
    texts, num_chats, num_silent = Texts(name, key), 0, 0
    is_there = False
    for line, value in chain(first, records):
        _check_object(name, line, value)
        is_there = is_there or key in value
        content = value.get(key)
        messages = messages_in(content)
        if messages is not None:
            num_chats += bool(messages)
            num_silent += sum(not words.strip() for _, words in messages)
            content = chat_text(messages)
        elif content is not None and not isinstance(content, str):
            raise _not_text(name, line, key, content)
        texts.add(line, content)
    if not is_there:
        raise no_such_column(name, _text_fields(values) or _fields(values), key)
    note_chats(name, key, num_chats, num_silent, notes)
    return texts.all(notes)


def _records(name: str, text: str) -> Iterator[Record]:
    """Every value of the file, of an array every entry."""
    decoder = json.JSONDecoder()
    place, line, counted = _skip(text, 0), 1, 0
    in_array = _is_array(text)
    if in_array:
        place = _skip(text, place + 1)
    while place < len(text):
        if in_array and text.startswith("]", place):
            place, in_array = _skip(text, place + 1), False
            if place < len(text):
                line += text.count("\n", counted, place)
                raise _bad(name, line)
            return
        line, counted = line + text.count("\n", counted, place), place
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise _bad(name, line) from None
        yield line, value
        place = _skip(text, end)
        if in_array and text.startswith(",", place):
            place = _skip(text, place + 1)
        elif in_array and place < len(text) and not text.startswith("]", place):
            raise _bad(name, line)
    if in_array:
        raise DataError(
            N_("the array in {name} does not end; the file is cut, fetch it again"), name=name
        )


def _is_array(text: str) -> bool:
    return text.startswith("[", _skip(text, 0))


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _bad(name: str, line: int) -> DataError:
    return DataError(
        N_("line {line} of {name} is not a JSON object; mend it"), name=name, line=line
    )


def _check_object(name: str, line: int, value: Any) -> None:
    if not isinstance(value, dict):
        raise _bad(name, line)


def _plain_texts(
    name: str, records: Iterable[Record], column: str | None, notes: list[Message]
) -> list[str]:
    """An array of texts."""
    if column is not None:
        raise UsageError(
            N_("{name} is a list of texts and has no column {column}; leave it out"),
            name=name,
            column=listed([column]),
        )
    texts = Texts(name, Message(N_("the list")))
    for line, value in records:
        if value is not None and not isinstance(value, str):
            raise _not_text(name, line, texts.column, value)
        texts.add(line, value)
    return texts.all(notes)


# -- fields ----------------------------------------------------------------------------------------


def _choose(name: str, values: Sequence[Mapping[str, Any]], column: str | None) -> str:
    """The field that is meant: that of the name, else the only text of the first record that has any."""
    if column is not None:
        named = [key for key in _fields(values) if folded(key) == folded(column)]
        return column if column in named or not named else named[0]
    own = next(filter(None, (_text_fields([value]) for value in values)), [])
    if not own:
        raise DataError(
            N_("no field of {name} is text; it has {columns}"),
            name=name,
            columns=listed(_fields(values)),
        )
    if len(own) > 1:
        raise choice_needed(name, _text_fields(values))
    return own[0]


def _fields(values: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for value in values for key in value))


def _text_fields(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """The fields that are a text or a chat in one of the records."""
    found = (
        key
        for value in values
        for key, content in value.items()
        if isinstance(content, str) or messages_in(content)
    )
    return list(dict.fromkeys(found))


def _not_text(name: str, line: int, column: str | Message, content: Any) -> DataError:
    kind = N_("a number")
    if isinstance(content, bool):
        kind = N_("true or false")
    elif isinstance(content, list):
        kind = N_("a list")
    elif isinstance(content, dict):
        kind = N_("an object")
    return DataError(
        N_("{column} is {kind} on line {line} of {name}, not text"),
        column=column,
        kind=Message(kind),
        line=line,
        name=name,
    )


# -- chats -----------------------------------------------------------------------------------------


def chat_text(messages: Sequence[tuple[str, str]]) -> str:
    """A line for each message that has a text."""
    return "".join(f"{sender}: {words}\n" for sender, words in messages if words.strip())


def note_chats(
    name: str, column: str, num_chats: int, num_silent: int, notes: list[Message]
) -> None:
    """Note that chats were read, and how many messages without a text were left out."""
    if num_chats:
        message = N_("{column} of {name} holds chats: each message is read as “sender: text”")
        notes.append(Message(message, {"column": listed([column]), "name": name}))
    if num_silent:
        message = N_(
            "{count} {count:message|messages} of {name} without a text {count:was|were} left out"
        )
        notes.append(Message(message, {"count": num_silent, "name": name}))


def messages_in(content: Any) -> list[tuple[str, str]] | None:
    """Sender and text of each message; None of what is no chat."""
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        return None
    for sender, words in CHAT_KEYS:
        if all(isinstance(one.get(sender), str) and words in one for one in content):
            return [(one[sender], _words(one[words])) for one in content]
    return None


def _words(content: Any) -> str:
    """The text of a message; of one in parts, which may be images too, its texts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
