"""Settings that several verbs share."""

from __future__ import annotations

from typing import Any

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import (
    ENCODING,
    MOST_THREADS,
    RESIZE_SIDES,
    SEED_LIMIT,
    TIMES,
    TOKENIZER,
    VOCAB_SIZE,
    VOCAB_SIZES,
    Times,
    TokenizerKind,
)
from olaria.workflows.requests import AnyData, AnyPlaces, AnyRun, Checkpoint, Request, setting

WHERE_DATA_LIE = N_("where the run's own data is now, if it was moved")
A_FREE_NAME = Message(N_("a free name"))


def refuse_alone(one: Setting, other: Setting) -> UsageError:
    """The error of a setting that does nothing without another."""
    return UsageError(N_("{one} goes with {other}"), one=one, other=other)


def refuse_processes(count: int | None) -> None:
    """Refuse to start processes from within Python.

    Raises:
        UsageError: more than one is asked for.
    """
    if count not in (None, 1):
        raise UsageError(
            N_("{nproc} starts processes of the command line; leave it out here"),
            nproc=Setting("nproc"),
        )


def run_setting() -> AnyRun:
    """The run that a verb reads."""
    return setting(N_("name or folder of a run"), metavar=N_("RUN"), positional=True)


def checkpoint_setting() -> Checkpoint | None:
    """Which of a run's checkpoints is read."""
    return setting(  # type: ignore[no-any-return]
        N_("which checkpoint; N is a step"),
        default=None,
        metavar="last|best|N",
        unless=Message(N_("the best, where one was kept, or the last")),
    )


def threads_setting() -> int | None:
    """How many threads a verb computes with; the variable says it for all of them."""
    return setting(  # type: ignore[no-any-return]
        N_("number of threads; OLARIA_NUM_THREADS sets it for every command"),
        default=None,
        metavar="N",
        least=1,
        most=MOST_THREADS,
        unless=Message(N_("the processor's cores")),
    )


def nproc_setting(meaning: str) -> int | None:
    """In how many processes a verb does its work."""
    return setting(meaning, default=None, metavar="N", least=1)  # type: ignore[no-any-return]


def seed_setting() -> int:
    """The seed of a verb that draws."""
    return setting(  # type: ignore[no-any-return]
        N_("random seed"), default=0, metavar="N", least=0, below=SEED_LIMIT
    )


# -- images and texts that a verb reads -------------------------------------------------------------


def images_setting() -> AnyData | None:
    """Images that a run is shown."""
    return setting(
        N_("a data set, or an image, folder or zip"),
        default=None,
        metavar=N_("DATA"),
        positional=True,
        unless=Message(N_("the run's own test images")),
    )


def place_setting() -> AnyData | None:
    """Where the data of a run lie that was copied without them, or whose data were moved."""
    return setting(WHERE_DATA_LIE, default=None, metavar=N_("NAME|PATH"), flag="--data")


def places_setting() -> AnyPlaces:
    """The same of several runs."""
    return setting(WHERE_DATA_LIE, default=(), metavar=N_("NAME|PATH"), flag="--data")


def resize_setting() -> int | None:
    """How large the user's images are made."""
    least, most = RESIZE_SIDES
    return setting(  # type: ignore[no-any-return]
        N_("make the images squares of N pixels"),
        default=None,
        metavar="N",
        least=least,
        most=most,
    )


def gray_setting() -> bool:
    """Whether the user's images lose their colour."""
    return setting(N_("reduce colour to one channel"), default=False)  # type: ignore[no-any-return]


def encoding_setting() -> str | None:
    """How the user's texts are decoded."""
    return setting(  # type: ignore[no-any-return]
        N_("encoding of text files"), default=None, metavar=N_("NAME"), unless=ENCODING
    )


def column_setting() -> str | None:
    """Where in a table the user's texts are."""
    return setting(  # type: ignore[no-any-return]
        N_("column of a .csv, .tsv or .parquet file, field of a .jsonl or .json"),
        default=None,
        metavar=N_("NAME"),
    )


def times_setting() -> Times | None:
    """Whether the times of a chat's messages are read."""
    return setting(  # type: ignore[no-any-return]
        N_("times of the messages of an exported chat"), default=None, unless=TIMES
    )


def tokenizer_setting() -> TokenizerKind | None:
    """How a text is cut."""
    return setting(N_("how text is cut"), default=None, unless=TOKENIZER)  # type: ignore[no-any-return]


def vocab_size_setting() -> int | None:
    """How many tokens the tokenizer ``bpe`` has."""
    least, most = VOCAB_SIZES
    return setting(  # type: ignore[no-any-return]
        N_("tokens of the tokenizer bpe"),
        default=None,
        metavar="N",
        least=least,
        most=most,
        unless=str(VOCAB_SIZE),
    )


READING = (
    "encoding",
    "tokenizer",
    "vocab_size",
    "unseen",
    "resize",
    "gray",
    "leave_out",
    "column",
    "times",
)
"""Settings that say how data is read: fields of :class:`olaria.data.DataConfig`."""


def reading_of(request: Request) -> dict[str, Any]:
    """How data is read: only what the request says."""
    said = {name: getattr(request, name, None) for name in READING}
    return {name: value for name, value in said.items() if value is not None and value is not False}


# -- files that a verb writes -----------------------------------------------------------------------


def out_setting(
    help: str, *, metavar: str = N_("FILE"), unless: str | Message = A_FREE_NAME
) -> Any:
    """Where a verb writes."""
    return setting(help, default=None, metavar=metavar, unless=unless)


def overwrite_setting() -> bool:
    """Whether a file that is there may be replaced."""
    return setting(N_("replace a file that is there"), default=False)  # type: ignore[no-any-return]


def check_overwrite(request: Any) -> None:
    """Alone, ``overwrite`` would replace a file that nobody named.

    Raises:
        UsageError: there is no ``out``.
    """
    if request.overwrite and request.out is None:
        raise refuse_alone(Setting("overwrite"), Setting("out"))
