"""``report.toml``: an author's settings of a report, in a file beside the runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from olaria.config import Config, setting_problem
from olaria.errors import ConfigError, StorageError, suggestion
from olaria.i18n import N_
from olaria.storage.files import storage_errors
from olaria.storage.paths import user_path
from olaria.vocabulary import LessonName

MAX_LETTERS = 100_000
"""Of one text."""
_MAX_BYTES = 8 * MAX_LETTERS
"""Of a file."""
_MARKDOWN = (".md", ".markdown")
_GUESSES = re.compile(r"[a-z-](\s*,?\s*[a-z-])*")
NO_GUESS = "-"
"""In the place of a question that was not answered."""

Text = Annotated[str, Field(max_length=MAX_LETTERS)]


class ReportSettings(Config):
    """Everything is optional; words of the command line come before it."""

    title: Text = ""
    author: tuple[Text, ...] = ()
    """A list of names; in the file one name alone will do."""
    course: Text = ""
    institution: Text = ""
    date: Text = ""
    """As it is to be read; a date of TOML's own (2026-03-31) will do. The day of writing unless given."""
    language: Literal["pt", "en"] | None = None
    lessons: tuple[Text, ...] = ()
    """Ids of the lessons whose figures the report carries."""
    guesses: Mapping[Text, Text] = Field(default_factory=dict)
    """By a lesson's id, what its reader guessed: for each of its questions, in order, the letter of an answer (``a`` is
    the first), or ``-``; the report shows them beside the right answers."""
    activities: tuple[Text, ...] = ()
    """The tasks of the assignment, one text each; the runs are listed where there are none."""
    conclusion: Text = ""
    """The author's conclusion, paragraphs apart by an empty line; a place to write it is left unless given."""

    @property
    def authors(self) -> str:
        """All names in one line."""
        return "; ".join(self.author)

    def guessed(self, lesson: str) -> tuple[int | None, ...]:
        """Places of the answers that were guessed, from 0, None for no guess; empty where nothing is said of a lesson.

        >>> ReportSettings(guesses={"vae": "b, a, -"}).guessed("vae")
        (1, 0, None)
        """
        letters = re.findall(r"[a-z-]", self.guesses.get(lesson, ""))
        return tuple(None if one == NO_GUESS else ord(one) - ord("a") for one in letters)

    @field_validator("guesses")
    @classmethod
    def _of_lessons(cls, guesses: Mapping[str, str]) -> Mapping[str, str]:
        for lesson, letters in guesses.items():
            if lesson not in get_args(LessonName):
                hint = suggestion(lesson, get_args(LessonName))
                raise setting_problem(
                    N_("there is no lesson {name}: {hint}"), name=lesson, hint=hint
                )
            if not _GUESSES.fullmatch(letters):
                raise setting_problem(
                    N_("write the guesses of {name} as letters: {example}"),
                    name=lesson,
                    example='"b, a, -"',
                )
        return guesses


def read_settings(path: str | Path) -> ReportSettings:
    """Read a ``report.toml``.

    Raises:
        StorageError: it cannot be read.
        ConfigError: it is no TOML, a name is unknown (the nearest is offered), or a value is of another kind.
    """
    path = user_path(path)
    content = _content(path)
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of the encoding, or of TOML
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            N_("{path} is not TOML: {reason}"), path=str(path), reason=reason
        ) from None
    if isinstance(values.get("author"), str):
        values["author"] = [values["author"]]
    try:
        return ReportSettings.parse(_plain(values))
    except ConfigError as error:
        raise ConfigError(N_("{path}: {reason}"), path=path.name, reason=error.message) from None


def read_conclusion(path: str | Path) -> tuple[str, bool]:
    """A file's text, and whether it is Markdown, as its ending says.

    Raises:
        StorageError: it cannot be read.
        ConfigError: it is not UTF-8, or too long.
    """
    path = user_path(path)
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        message = N_("{path} is no text in UTF-8; save the conclusion as plain text or Markdown")
        raise ConfigError(message, path=str(path)) from None
    if len(text) > MAX_LETTERS:
        message = N_("{path} is longer than {most} characters; shorten it")
        raise ConfigError(message, path=str(path), most=MAX_LETTERS)
    lines = "\n".join(text.replace("\r\n", "\n").split("\r"))
    return _plain(lines), path.suffix.lower() in _MARKDOWN


def _content(path: Path) -> bytes:
    """A file's bytes; a file without an end, or far beyond what people write, is not read."""
    with storage_errors(path):
        is_special = path.exists() and not path.is_file()
        if not is_special:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            if len(content) <= _MAX_BYTES:
                return content
    if is_special:
        raise StorageError(N_("{path} is not a file"), path=str(path))
    raise ConfigError(N_("{path} is longer than {most} bytes"), path=str(path), most=_MAX_BYTES)


def _plain(value: Any) -> Any:
    """TOML's values as JSON's: its dates as they are written, and no text with signs that no page may hold."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return "".join(letter for letter in value if letter.isprintable() or letter in "\n\t")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int | float) else str(value)
