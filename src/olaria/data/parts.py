"""What the names of a user's files say of them: their part (training, validation, test) and their class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from olaria.errors import DataError
from olaria.i18n import N_

Part = Literal["train", "validation", "test"]

# As https://huggingface.co/docs/datasets/repository_structure has them, with what Portuguese adds: what is
# evaluated on is test, so that nothing is chosen on it.
_WORDS: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "treino", "treinamento"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "validacao"), "validation"),
    **dict.fromkeys(
        ("test", "testing", "eval", "evaluation", "teste", "testes", "avaliacao"), "test"
    ),
}
_FILLING = frozenset(
    ("data", "images", "image", "imgs", "img", "files", "of", "conjunto", "de", "dados", "imagens")
)


def part_of(word: str) -> Part | None:
    """The part that a folder or a file (without its suffix) is called after; None where it is called something else.

    Capitals, accents, numbers and words such as ``set`` and ``images`` do not matter, nor what stands before.
    A name alone proves nothing (a class may be called ``test``): ask for a training part and another one.

    >>> [part_of(word) for word in ("train", "Valid", "TESTING", "dev", "eval")]
    ['train', 'validation', 'test', 'validation', 'test']
    >>> [part_of(word) for word in ("treino", "validação", "Validac\u0327a\u0303o", "testes")]
    ['train', 'validation', 'validation', 'test']
    >>> [part_of(word) for word in ("seg_train", "test_set", "TrainSet", "val2017", "train-00000-of-00002")]
    ['train', 'test', 'train', 'validation', 'train']
    >>> [part_of(word) for word in ("cats", "train_station", "tested", "contest", "valley", "test-train", "")]
    [None, None, None, None, None, None, None]
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", word)
        if not unicodedata.combining(letter)
    )
    pieces = [piece.removesuffix("set") for piece in re.findall(r"[^\W\d_]+", plain.lower())]
    pieces = [piece for piece in pieces if piece and piece not in _FILLING]
    parts = {_WORDS[piece] for piece in pieces if piece in _WORDS}
    return _WORDS.get(pieces[-1]) if len(parts) == 1 else None


def organise(
    path: Path, names: Sequence[str]
) -> tuple[list[str], list[int] | None, tuple[str, ...]]:
    """For each name its part (``train``, ``test`` or ""), its label, and the classes' names."""
    folders = [list(PurePosixPath(name).parts[:-1]) for name in names]
    while all(folders) and len({parts[0] for parts in folders}) == 1:
        folders = [parts[1:] for parts in folders]  # the folder that a zip often wraps around
    parts = ["" for _ in names]
    if all(folders) and {inner[0] for inner in folders} == {"train", "test"}:
        parts = [inner[0] for inner in folders]
        folders = [inner[1:] for inner in folders]
    if not any(folders):
        return parts, None, ()
    if not all(folders):
        loose = names[[bool(inner) for inner in folders].index(False)]
        raise DataError(
            N_("{path} has images beside its class folders ({name}); put each in one"),
            path=str(path),
            name=loose,
        )
    class_names = tuple(sorted({inner[0] for inner in folders}))
    index = {name: i for i, name in enumerate(class_names)}
    return parts, [index[inner[0]] for inner in folders], class_names
