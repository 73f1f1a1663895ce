"""What can go wrong, as one tree.

::

    OlariaError                 exit 1
    ├── UsageError              exit 2: the command's words are off
    │   ├── UnknownNameError    Python: a run or the package has nothing of this name
    │   └── ConfigError         a recipe, a setting or an option has a wrong value
    ├── DataError               a data set, an image or a text cannot be used
    │   ├── SourceError         no source could give the bytes
    │   └── IntegrityError      bytes came, but not the right ones
    ├── RunError                a run folder is missing, busy, incomplete or another run's
    │   └── MissingError        what a run was made from is not where it was
    ├── StorageError            reading or writing a file failed (no space, no permission)
    │   └── DamagedError        a file of ours is not what was written
    ├── ResourceError           what is asked for needs more memory than the machine has
    ├── TrainingError           training had to stop
    │   ├── NonFiniteLossError  the loss became NaN or infinite; nothing was updated
    │   └── LostProcessError    one of the processes that trained together is gone
    ├── SamplingError           a sample cannot be drawn as asked (prompt, temperature, …)
    ├── EvaluationError         a metric cannot be computed as asked
    ├── LessonError             a run cannot carry the lesson that is asked of it
    └── DocumentError           a document of ours is not of its form; file and line are named

An error carries a message id and its fields: *what* happened, *where*, and *what to do*. It is put
into words where it is shown. ``assert`` is for our own invariants only.
"""

from __future__ import annotations

import linecache
import re
import traceback
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from olaria.i18n import N_, Message, detect_language
from olaria.vocabulary import SYNONYMS

MOST_SUGGESTED = 3


class OlariaError(Exception):
    """Base of every error a user may see.

    Args:
        message_id: English source string marked with :func:`olaria.i18n.N_`: what, where, what to do.
        **fields: the values named in it.
    """

    exit_code = 1

    def __init__(self, message_id: str, **fields: Any) -> None:
        self.message = Message(message_id, fields)
        super().__init__(message_id)

    def __str__(self) -> str:
        return self.message.text(detect_language())

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the person's own lines and the error, without the calls inside Olaria."""
        lines = []
        for frame, number in traceback.walk_tb(self.__traceback__):
            owner = str(frame.f_globals.get("__name__")).partition(".")[0]
            if owner in ("olaria", "IPython"):
                continue
            path = frame.f_code.co_filename
            fields = {"number": number, "code": linecache.getline(path, number).strip()}
            is_cell = "__file__" not in frame.f_globals
            place = N_("line {number}: {code}") if is_cell else N_("{path}, line {number}: {code}")
            lines.append(Message(place, {**fields, "path": path}).text(detect_language()))
        return [*lines, f"{type(self).__name__}: {self}"]


class OlariaWarning(UserWarning):
    """What a person should know, in Python: a note or a warning that a command would show."""


class UsageError(OlariaError):
    """The request itself is malformed."""

    exit_code = 2


class UnknownNameError(UsageError, AttributeError):
    """A run, or the package, has nothing of this name."""


class ConfigError(UsageError):
    """A setting has an unknown name or an impossible value."""


class DataError(OlariaError):
    """Data that cannot be used."""


class SourceError(DataError):
    """No source gave the bytes."""


class IntegrityError(DataError):
    """The bytes are not the expected ones."""


class RunError(OlariaError):
    """A run folder that cannot be used as asked."""


class MissingError(RunError):
    """The data of a run, or a run that it was made from, is not where it was."""


class StorageError(OlariaError):
    """A file could not be read or written."""


class DamagedError(StorageError):
    """A file's content is not what was written."""


class ResourceError(OlariaError):
    """The machine has not enough memory."""


class TrainingError(OlariaError):
    """Training had to stop."""


class NonFiniteLossError(TrainingError):
    """The loss is NaN or infinite; the optimizer has not moved."""


class LostProcessError(TrainingError):
    """A process that trains with others no longer hears one of them."""


class SamplingError(OlariaError):
    """A sample cannot be drawn as asked."""


class EvaluationError(OlariaError):
    """A metric cannot be computed as asked."""


class LessonError(OlariaError):
    """A run cannot carry a lesson, or a sentence cannot be read by it."""


class DocumentError(OlariaError):
    """A document with the prose of a lesson or of the report is not of its form."""


def suggestion(name: str, known: Iterable[str]) -> Message:
    """“ Did you mean …?” for the nearest of ``known``, or the list of them.

    A word for the same thing is near (``lr``, ``atenção``), and so is a part of a name.

    >>> suggestion("vae-mnits", ["vae-mnist", "gan-mnist"]).text()
    'did you mean vae-mnist?'
    >>> suggestion("VAE", ["cvae-mnist", "gan-mnist", "vae-cifar10", "vae-mnist"]).text()
    'did you mean vae-cifar10, vae-mnist?'
    >>> suggestion("--lr", ["--seed", "--set training.learning_rate=…"]).text()
    'did you mean --set training.learning_rate=…?'
    """
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return Message(N_("did you mean {name}?"), {"name": ", ".join(near)})
    return Message(N_("known: {names}"), {"names": ", ".join(names)})


def nearest(name: str, names: list[str]) -> list[str]:
    """Those whose parts hold what the words of ``name`` mean; else the one that is spelt most like it."""
    typed = folded(name)
    typed = SYNONYMS.get(typed, typed)
    words = {known: folded(known) for known in names}
    same = [known for known, word in words.items() if typed and f"-{typed}-" in f"-{word}-"]
    return same[:MOST_SUGGESTED] or get_close_matches(name, names, n=1)


def folded(name: str) -> str:
    """Lower case without accents, all that parts words a hyphen.

    >>> folded("--Atenção_local")
    'atencao-local'
    """
    plain = unicodedata.normalize("NFD", name.lower())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "-".join(re.findall("[a-z0-9]+", letters))
