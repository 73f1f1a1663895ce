"""How a data set is cut into training, validation and test parts; every rule stands here once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.data.base import Images, Pair
    from olaria.data.parts import Part

NUM_VALIDATION = 5_000
LARGE = 50_000
VALIDATION_FRACTION = 0.1
TEST_FRACTION = 0.1
TRAIN_TEXT_FRACTION = 0.9


def num_validation(num_train: int) -> int:
    """How many training images validate: the last 5,000, or 10% where there are fewer than 50,000.

    >>> num_validation(60_000), num_validation(1_617), num_validation(3)
    (5000, 161, 1)
    """
    if num_train >= LARGE:
        return NUM_VALIDATION
    return max(1, int(num_train * VALIDATION_FRACTION))


def split_images(images: Images) -> tuple[Images, Images]:
    """Training images into (train, validation): the last :func:`num_validation` of them validate."""
    cut = len(images) - num_validation(len(images))
    return take(images, slice(None, cut)), take(images, slice(cut, None))


def take(images: Images, which: slice | list[int]) -> Images:
    """Some of the images, with their labels."""
    from olaria.data.base import Images

    return Images(images.x[which], None if images.y is None else images.y[which])


def shuffled(num: int) -> list[int]:
    """A fixed order of ``range(num)``, the same on every machine and version.

    Indices are sorted by the SHA-256 of their decimal digits, so no generator is involved.

    >>> sorted(shuffled(5)), shuffled(5) == shuffled(5)
    ([0, 1, 2, 3, 4], True)
    """
    return sorted(range(num), key=lambda index: hashlib.sha256(b"%d" % index).digest())


def num_test(num_images: int) -> int:
    """How many images are set apart for test where a data set has no test part: 10%, at least 1."""
    return max(1, int(num_images * TEST_FRACTION))


def split_text(text: str) -> tuple[str, str]:
    """The first 90% of the characters train, the rest validate.

    >>> split_text("abcdefghij")
    ('abcdefghi', 'j')
    """
    cut = max(1, int(len(text) * TRAIN_TEXT_FRACTION))
    return text[:cut], text[cut:]


def split_documents(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """Whole documents into (train, validation); equal documents are on one side.

    From the last document to the first, one joins the validation part, with its copies, where that
    brings the part nearer to 10% of the characters; where none does, the shortest does. Of
    documents of about one length these are the last tenth. Within a side they keep their order.

    Args:
        documents: at least two different ones.

    >>> split_documents(["ab", "cd", "ab", "e", "fghijklmnopqrs", "e"])
    (['ab', 'cd', 'ab', 'fghijklmnopqrs'], ['e', 'e'])
    """
    num_chars: dict[str, int] = {}
    for document in documents:
        num_chars[document] = num_chars.get(document, 0) + len(document)
    wanted = (1 - TRAIN_TEXT_FRACTION) * sum(num_chars.values())
    held_out: set[str] = set()
    held_chars = 0
    for document in reversed(num_chars):
        joined = held_chars + num_chars[document]
        if abs(joined - wanted) < abs(held_chars - wanted):
            held_out.add(document)
            held_chars = joined
    held_out = held_out or {min(reversed(num_chars), key=num_chars.__getitem__)}
    train = [document for document in documents if document not in held_out]
    return train, [document for document in documents if document in held_out]


def split_pairs(
    pairs: Sequence[Pair], key: Callable[[Pair], str] = itemgetter(0)
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Pairs into (train, validation) by their sources: all pairs of a source are on one side.

    10% of the different sources validate, at least 1, chosen in :func:`shuffled` order; within a
    side the pairs keep their order.

    Args:
        pairs: (source, target); at least two different keys.
        key: what must not be on both sides; the source unless given.

    >>> split_pairs([("a", "1"), ("b", "2"), ("a", "3")])
    ((('a', '1'), ('a', '3')), (('b', '2'),))
    """
    keys = list(dict.fromkeys(map(key, pairs)))
    num_held_out = max(1, int(len(keys) * VALIDATION_FRACTION))
    held_out = {keys[index] for index in shuffled(len(keys))[-num_held_out:]}
    train = tuple(pair for pair in pairs if key(pair) not in held_out)
    return train, tuple(pair for pair in pairs if key(pair) in held_out)


def cut_three(images: Images) -> tuple[Images, Images, Images]:
    """Images without parts of their own into (train, validation, test), in :func:`shuffled` order."""
    mixed = take(images, shuffled(len(images)))
    cut = len(mixed) - num_test(len(mixed))
    train, validation = split_images(take(mixed, slice(None, cut)))
    return train, validation, take(mixed, slice(cut, None))


def cut_by_parts(images: Images, parts: Sequence[Part | None]) -> tuple[Images, Images, Images]:
    """Images into (train, validation, test) by the part of each; a part that is not there is cut from training.

    Without any part this is :func:`cut_three`.

    Args:
        images: all of them.
        parts: of each; at least two of training where there are some.
    """
    which = {name: [i for i, part in enumerate(parts) if part == name] for name in set(parts)}
    validation, test = which.get("validation", []), which.get("test", [])
    if not validation and not test:
        return cut_three(images)
    train = which["train"]
    # Sorted by class, so the last ones would all be of one: mixed before they are cut.
    mixed = [train[i] for i in shuffled(len(train))]
    if not test:
        cut = len(mixed) - num_test(len(mixed))
        mixed, test = mixed[:cut], mixed[cut:]
    if not validation:
        cut = len(mixed) - num_validation(len(mixed))
        mixed, validation = mixed[:cut], mixed[cut:]
    return take(images, mixed), take(images, validation), take(images, test)


def num_copies(images: Tensor, train: Tensor) -> int:
    """How many of some images, uint8 (N, C, H, W), are training images pixel for pixel.

    Compared by 64 bits of each: of 60,000 images two differ and share them once in ten billion times.
    """
    there = {hash(row.tobytes()) for row in train.numpy()}
    return sum(hash(row.tobytes()) in there for row in images.numpy())
