"""Images as lines of letters: a letter for each code of an image's grid, row after row.

So everything that is done with texts can be done with images. ``--data codes:RUN`` names the images of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CODES = "codes:"
"""Begins the name of data that are the codes of a run's images."""
FIRST_LETTER = 0x100
"""Ā: from here on 512 letters follow each other, none of which combines with another."""


def lines_of_codes(codes: Tensor) -> list[str]:
    """Grids of codes, (N, h, w), to a line each, without its end.

    >>> import torch
    >>> lines_of_codes(torch.tensor([[[0, 2], [1, 0]]]))
    ['ĀĂāĀ']
    """
    return ["".join(chr(FIRST_LETTER + code) for code in row) for row in codes.flatten(1).tolist()]


def codes_of_lines(
    lines: Iterable[str], grid: tuple[int, int], num_codes: int
) -> tuple[Tensor, Sequence[bool]]:
    """Lines to grids of codes, (M, h, w), of those that are an image, and which of all are.

    >>> codes_of_lines(["ĀĂāĀ", "ĀĂ", "abcd"], (2, 2), 3)
    (tensor([[[0, 2],
             [1, 0]]]), [True, False, False])
    """
    import torch

    height, width = grid
    rows, whole = list[list[int]](), list[bool]()
    for line in lines:
        codes = [ord(letter) - FIRST_LETTER for letter in line]
        whole.append(len(codes) == height * width and all(0 <= c < num_codes for c in codes))
        if whole[-1]:
            rows.append(codes)
    return torch.tensor(rows, dtype=torch.int64).view(-1, height, width), whole
