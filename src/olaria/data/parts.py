"""What the names of a user's files say of them: their part (training, validation, test) and their class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from olaria.errors import DataError
from olaria.i18n import N_, Message

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


_DEPTH = 4
"""Folders above a part that are looked through for it."""
NUM_EXAMPLES = 3

Folders = tuple[str, ...]


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
    return _part_and_rest(word)[0]


@lru_cache(maxsize=1 << 12)
def _part_and_rest(word: str) -> tuple[Part | None, Folders]:
    """The part, and what else the word says: ``seg`` of ``seg_train``."""
    letters = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    pieces = [piece.removesuffix("set") for piece in re.findall(r"[^\W\d_]+", plain.lower())]
    pieces = [piece for piece in pieces if piece and piece not in _FILLING]
    if not pieces or len({_WORDS[piece] for piece in pieces if piece in _WORDS}) != 1:
        return None, ()
    return _WORDS.get(pieces[-1]), tuple(piece for piece in pieces if piece not in _WORDS)


@dataclass(frozen=True)
class Organised:
    """The user's images by part and class.

    Attributes:
        parts: of each image that is used, by its name; None where there are no parts.
        classes: of the same; None where it has none.
        notes: what was left out.
        by_table: whether the classes are from the table; numbers are then in the order of their size.
    """

    parts: Mapping[str, Part | None]
    classes: Mapping[str, str | None]
    notes: tuple[Message, ...] = ()
    by_table: bool = False

    def labelled(
        self, path: Path, names: Sequence[str], order: Sequence[str] = ()
    ) -> tuple[list[int] | None, tuple[str, ...]]:
        """The classes of ``names`` as numbers from 0, None where there are none; and their names in order.

        Args:
            path: for the error.
            names: of images.
            order: of the classes, where the table tells one.

        Raises:
            DataError: some have a class and some have none.
        """
        found = [own for own in map(self.classes.get, names) if own is not None]
        if found and len(found) < len(names):
            raise DataError(
                N_("{path} has images beside its class folders ({name}); put each in one"),
                path=str(path),
                name=next(name for name in names if self.classes[name] is None),
            )
        class_names = sorted(set(found))
        if self.by_table and set(order) >= set(class_names):
            class_names.sort(key=list(order).index)
        elif self.by_table and all(map(str.isdecimal, class_names)):
            class_names.sort(key=int)
        index = {name: place for place, name in enumerate(class_names)}
        return [index[own] for own in found] or None, tuple(class_names)


def organise(names: Sequence[str], table: Mapping[str, str] | None = None) -> Organised:
    """The part and the class of each image, by its folders.

    Args:
        names: of the images, with their folders.
        table: classes by name, used where no folder is a class; images that it does not name are left out.
    """
    notes: list[Message] = []
    folders = {name: tuple(name.split("/")[:-1]) for name in names}
    level = _level_of_parts(set(folders.values()))
    parts: dict[str, Part | None] = {
        name: level.part(own) if level else None for name, own in folders.items()
    }
    if level is None:
        inner = _unwrapped(folders)
    else:
        strays = [name for name, part in parts.items() if part is None]
        left_out(
            N_(
                "{count} {count:image is in no part and was|images are in no part and "
                "were} left out: {examples}"
            ),
            strays,
            notes,
        )
        folders = {name: own for name, own in folders.items() if parts[name]}
        inner = level.without_parts(folders)
    classes = {name: own[0] if own else None for name, own in inner.items()}
    bare: list[str] = []
    by_table = table is not None and not any(classes.values())
    if table is not None and by_table:
        classes = {name: table.get(name) for name in classes}
        bare = [name for name, own in classes.items() if own is None]
    elif any(classes.values()):
        bare = _parts_without_classes(parts, classes)
    left_out(
        N_(
            "{count} {count:image carries no class and was|images carry no class and "
            "were} left out: {examples}"
        ),
        bare,
        notes,
    )
    for name in bare:
        del classes[name]
    return Organised(parts, classes, (*notes, *_like_parts(classes.values())), by_table)


def left_out(text: str, names: Sequence[str], notes: list[Message]) -> None:
    """Note files that are not used, with some of their names."""
    if names:
        more = ["…"] * (len(names) > NUM_EXAMPLES)
        examples = ", ".join([*names[:NUM_EXAMPLES], *more])
        notes.append(Message(text, {"count": len(names), "examples": examples}))


@dataclass(frozen=True)
class _Level:
    """Where the folders of the parts are.

    Attributes:
        depth: folders above them.
        rests: what the names of training folders say besides; those of the other parts say the same.
    """

    depth: int
    rests: frozenset[Folders]

    def part(self, folders: Folders) -> Part | None:
        """Of the image in ``folders``."""
        if len(folders) <= self.depth:
            return None
        part, rest = _part_and_rest(folders[self.depth])
        return part if rest in self.rests else None

    def without_parts(self, folders: Mapping[str, Folders]) -> dict[str, Folders]:
        """The folders that are left to be classes, above the part (``cats/train``) or below it."""
        above = _unwrapped({name: own[: self.depth] for name, own in folders.items()})
        below = {name: own[self.depth + 1 :] for name, own in folders.items()}
        parts = {name: self.part(own) for name, own in folders.items()}
        single = {
            parts[name] for name, own in below.items() if not own or part_of(own[0]) != parts[name]
        }
        for name, own in below.items():
            if parts[name] not in single:  # seg_train/seg_train
                below[name] = own[1:]
        if len({own[:1] for own in below.values()}) == 1 and _is_filling(
            next(iter(below.values()))
        ):
            below = {name: own[1:] for name, own in below.items()}  # train/images
        return {name: above[name] + own for name, own in below.items()}


def _level_of_parts(folders: Collection[Folders]) -> _Level | None:
    """The first level at which some folder has a training part and another one."""
    for depth in range(_DEPTH):
        siblings: dict[Folders, dict[str, tuple[Part | None, Folders]]] = {}
        for own in folders:
            if len(own) > depth:
                word = own[depth]
                siblings.setdefault(own[:depth], {})[word] = _part_and_rest(word)
        rests = frozenset[Folders]().union(*map(_rests, siblings.values()))
        if rests:
            return _Level(depth, rests)
    return None


def _rests(words: Mapping[str, tuple[Part | None, Folders]]) -> set[Folders]:
    """What a training folder and another part beside it say besides; nothing where these folders are no parts.

    They say the same, unless all folders are parts and one is plainly for training (``Training``, ``PublicTest``).
    """
    found = {*words.values()}
    same = {
        rest
        for part, rest in found
        if part == "train"
        and any(other[0] not in (None, part) and other[1] == rest for other in found)
    }
    parts = {part for part, _ in found}
    if ("train", ()) in found and None not in parts and len(parts) > 1:
        return {rest for _, rest in found}
    return same


def _unwrapped(folders: Mapping[str, Folders]) -> dict[str, Folders]:
    """Without the folders that all are in, as a zip often wraps one around."""
    inner = dict(folders)
    while inner and all(inner.values()) and len({own[0] for own in inner.values()}) == 1:
        inner = {name: own[1:] for name, own in inner.items()}
    return inner


def _is_filling(folders: Folders) -> bool:
    return bool(folders) and folders[0].lower() in _FILLING


def _parts_without_classes(
    parts: Mapping[str, Part | None], classes: Mapping[str, str | None]
) -> list[str]:
    """The images of those parts that are for no training and in which none has a class."""
    classed = {parts[name] for name, own in classes.items() if own}
    return [name for name in classes if parts[name] not in classed and parts[name] != "train"]


def _like_parts(classes: Iterable[str | None]) -> list[Message]:
    """A word on classes that are called as parts are."""
    different = sorted({name for name in classes if name})
    found = [name for name in different if part_of(name) and not _part_and_rest(name)[1]]
    if not found:
        return []
    message = N_(
        "the folders {names} were read as classes; there are parts where one is called train and "
        "another validation or test"
    )
    return [Message(message, {"names": ", ".join(found[:NUM_EXAMPLES])})]
