"""Options that several verbs share, and the reading of their values.

Every value arrives as text and is read here, so that a wrong one is told in the user's language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from olaria.errors import UsageError, suggestion
from olaria.i18n import N_

RunName = Annotated[str, typer.Argument(metavar=N_("RUN"), help=N_("name or folder of a run"))]
RunNames = Annotated[
    list[str], typer.Argument(metavar=N_("RUN..."), help=N_("names or folders of runs"))
]
Json = Annotated[
    bool, typer.Option("--json", help=N_("one JSON document on the standard output, nothing else"))
]
Seed = Annotated[str, typer.Option("--seed", metavar="N", help=N_("seed of all that is random"))]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="last|best|N",
        help=N_("which checkpoint: the best unless given; N is a step"),
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar=N_("NAME"), help=N_("encoding of text files; utf-8 unless given")
    ),
]
Column = Annotated[
    str | None,
    typer.Option("--column", metavar=N_("NAME"), help=N_("column of a .csv or .jsonl file")),
]
Resize = Annotated[
    str | None,
    typer.Option("--resize", metavar="N", help=N_("make the images squares of N pixels")),
]
Gray = Annotated[bool, typer.Option("--gray", help=N_("reduce colour to one channel"))]
LookedAt = Annotated[
    str | None,
    typer.Argument(
        metavar=N_("[DATA]"),
        help=N_("a data set, or an image, folder or zip; the run's own test images unless given"),
    ),
]
PictureOut = Annotated[
    str | None,
    typer.Option(
        "--out", metavar=N_("FILE"), help=N_("where the picture goes; a free name unless given")
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help=N_("replace the file of --out"))]
TOKENIZERS = ("char", "byte", "word", "bpe")
Tokenizer = Annotated[
    str | None,
    typer.Option(
        "--tokenizer", metavar="|".join(TOKENIZERS), help=N_("how text is cut; char unless given")
    ),
]
VocabSize = Annotated[
    str | None,
    typer.Option(
        "--vocab-size", metavar="N", help=N_("tokens of the tokenizer bpe; 512 unless given")
    ),
]

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SEEDS = 2**63


def seconds(option: str, text: str | None) -> float | None:
    """A duration: ``90``, ``90s``, ``5m``, ``1.5m`` or ``1h``.

    Raises:
        UsageError: it is something else, or not above zero.

    >>> seconds("--budget", "1.5m")
    90.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(s|m|min|h|)", text.strip())
    value = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if value <= 0:
        raise UsageError(
            N_("{option} cannot be {value}: write a duration such as 90s, 5m or 1h"),
            option=option,
            value=text or '""',
        )
    return value


def whole(option: str, text: str | None, least: int = 0, below: int | None = None) -> int | None:
    """A whole number from ``least`` on, smaller than ``below``.

    Raises:
        UsageError: it is something else.

    >>> whole("--steps", "12")
    12
    """
    if text is None:
        return None
    value = int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None
    if value is None or value < least or (below is not None and value >= below):
        raise UsageError(
            N_("{option} cannot be {value}: it must be a whole number, at least {least}")
            if below is None
            else N_("{option} cannot be {value}: it must be a whole number from {least} to {most}"),
            option=option,
            value=text or '""',
            least=least,
            most=None if below is None else below - 1,
        )
    return value


def decimal(option: str, text: str | None) -> float | None:
    """A finite number.

    Raises:
        UsageError: it is something else.

    >>> decimal("--top-p", "0.9")
    0.9
    """
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            N_("{option} cannot be {value}: it must be a number, such as 0.8"),
            option=option,
            value=text or '""',
        )
    return value


def one_of(option: str, text: str | None, known: Sequence[str]) -> str | None:
    """One of the ``known`` words.

    Raises:
        UsageError: it is another; the nearest is offered.

    >>> one_of("--size", "tiny", ("tiny", "small"))
    'tiny'
    """
    if text is not None and text not in known:
        raise UsageError(
            N_("{option} cannot be {value}: {hint}"),
            option=option,
            value=text or '""',
            hint=suggestion(text, known),
        )
    return text


def seed_of(text: str) -> int:
    """The value of ``--seed``.

    Raises:
        UsageError: it is not a seed.
    """
    value = whole("--seed", text, 0, _SEEDS)
    assert value is not None
    return value


def reading(resize: str | None, gray: bool) -> dict[str, int | bool]:
    """How the user's images are read, of :data:`Resize` and :data:`Gray`: only what was asked for."""
    side = whole("--resize", resize, 1)
    return ({} if side is None else {"resize": side}) | ({"gray": True} if gray else {})


def check_overwrite(overwrite: bool, out: str | None) -> None:
    """``--overwrite`` alone would replace a file that nobody named.

    Raises:
        UsageError: there is no ``--out``.
    """
    if overwrite and out is None:
        raise UsageError(N_("--overwrite goes with --out"))


def free_path(stem: str, ending: str) -> Path:
    """A name in the working folder that is not taken: ``stem``, ``stem-2``, …"""
    path, number = Path(stem + ending), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}{ending}")
    return path
