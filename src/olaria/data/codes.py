"""Images as lines of letters: a letter for each code of an image's grid, row after row.

So everything that is done with texts can be done with images. ``--data codes:RUN`` names the images of a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.data.base import fingerprint
from olaria.data.places import home
from olaria.data.sources import write_kept
from olaria.errors import StorageError

if TYPE_CHECKING:
    from torch import Tensor

FIRST_LETTER = 0x100
"""Ā: from here on 512 letters follow each other, none of which combines with another."""


def lines_of_codes(codes: Tensor) -> list[str]:
    """Grids of codes, (N, h, w), to a line each, without its end.

    >>> import torch
    >>> lines_of_codes(torch.tensor([[[0, 2], [1, 0]]]))
    ['ĀĂāĀ']
    """
    return ["".join(chr(FIRST_LETTER + code) for code in row) for row in codes.flatten(1).tolist()]


def codes_of_lines(lines: Iterable[str], grid: tuple[int, int], num_codes: int) -> Tensor:
    """Lines to grids of codes, (M, h, w), of those that are an image.

    >>> codes_of_lines(["ĀĂāĀ", "ĀĂ", "abcd"], (2, 2), 3)
    tensor([[[0, 2],
             [1, 0]]])
    """
    import torch

    height, width = grid
    rows = list[list[int]]()
    for line in lines:
        codes = [ord(letter) - FIRST_LETTER for letter in line]
        if len(codes) == height * width and all(0 <= code < num_codes for code in codes):
            rows.append(codes)
    return torch.tensor(rows, dtype=torch.int64).view(-1, height, width)


# -- kept from one opening to the next -------------------------------------------------------------


def recall(key: str) -> str | None:
    """The text that :func:`keep` was given under ``key``; None where there is none, or a damaged one."""
    try:
        digest, _, content = _path(key).read_bytes().partition(b"\n")
        return content.decode() if digest.decode() == fingerprint([content]) else None
    except (OSError, StorageError, UnicodeDecodeError):
        return None


def keep(key: str, text: str) -> None:
    """Store a text of codes, its SHA-256 in the first line; without room it is encoded again next time.

    Args:
        key: of letters and digits, from everything that the text is a function of.
        text: lines of codes.
    """
    content = text.encode()
    try:
        write_kept(_path(key), fingerprint([content]).encode() + b"\n" + content)
    except StorageError:
        return


def _path(key: str) -> Path:
    return home() / "codes" / f"{key}.txt"
