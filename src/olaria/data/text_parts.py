"""The parts of a set of texts that their names tell: ``train.txt valid.txt test.txt``, ``treino/… teste/…``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from olaria.data.entries import Entry
from olaria.data.parts import NUM_EXAMPLES, Part, part_of
from olaria.i18n import N_, Message

PART_NAMES: dict[Part, str] = {
    "train": N_("training"),
    "validation": N_("validation"),
    "test": N_("test"),
}


def find_parts(entries: Sequence[Entry]) -> tuple[dict[Part, list[Entry]], list[Entry]] | None:
    """The files of each part, and those of none; None where names tell no parts.

    A word alone proves nothing (a song may be called *The last train*): there must be a training part and another
    whose names are otherwise the same, numbers aside.

    Args:
        entries: files, in order.
    """
    places = [_place(PurePosixPath(entry.name)) for entry in entries]
    sound = {prefix for prefix, parts in _several(places).items() if "train" in parts}
    if not sound:
        return None
    found: dict[Part, list[Entry]] = defaultdict(list)
    rest = []
    for entry, place in zip(entries, places, strict=True):
        if place is not None and place[0] in sound:
            found[place[1]].append(entry)
        else:
            rest.append(entry)
    return dict(found), rest


def untrained_notes(entries: Sequence[Entry]) -> list[Message]:
    """That files called after parts are learnt from, where none is called after the training part."""
    places = [_place(PurePosixPath(entry.name)) for entry in entries]
    if not any("train" not in parts for parts in _several(places).values()):
        return []
    names = [entry.name for entry, place in zip(entries, places, strict=True) if place]
    message = N_(
        "{names} are learnt from as any texts are; there are parts where one is called train and another "
        "validation or test"
    )
    return [Message(message, {"names": ", ".join(names[:NUM_EXAMPLES])})]


def _several(
    places: Sequence[tuple[tuple[str, ...], Part] | None],
) -> dict[tuple[str, ...], set[Part]]:
    """The parts at each path that has two or more."""
    found: dict[tuple[str, ...], set[Part]] = defaultdict(set)
    for place in places:
        if place is not None:
            found[place[0]].add(place[1])
    return {path: parts for path, parts in found.items() if len(parts) > 1}


def _place(path: PurePosixPath) -> tuple[tuple[str, ...], Part] | None:
    """The highest folder or file that is called after a part: its path without the part's word, and the part.

    >>> _place(PurePosixPath("a/wiki.train.tokens")), _place(PurePosixPath("Treino/x.txt"))
    ((('a', 'wiki'), 'train'), (('',), 'train'))
    """
    words = [*path.parts[:-1], path.stem]
    for depth, word in enumerate(words):
        part = part_of(word)
        if part is not None:
            pieces = re.findall(r"[^\W\d_]+", word.lower())
            others = (piece for piece in pieces if not _is_of_a_part(piece))
            return (*words[:depth], " ".join(others)), part
    return None


def _is_of_a_part(piece: str) -> bool:
    """Whether it is the part's word itself, or one that does not matter beside it, such as ``data``."""
    return part_of(piece) is not None or part_of(f"train {piece}") is not None


def part_notes(parts: dict[Part, list[str]], num_left_out: int, examples: str) -> list[Message]:
    """What each part of the texts is used for, and what they share.

    Args:
        parts: the documents of each.
        num_left_out: files of no part.
        examples: some of their names.
    """
    counts: dict[str, int] = {part: len(documents) for part, documents in parts.items()}
    chars = {part: sum(map(len, documents)) for part, documents in parts.items()}
    if "validation" in parts:
        message = N_(
            "parts by their names: documents that train {train}, that validate {validation} "
            "({chars} characters)"
        )
        notes = [Message(message, {**counts, "chars": chars["validation"]})]
    else:
        message = N_("the names tell no part to validate with: it is cut from the training part")
        notes = [Message(message)]
    if "test" in parts:
        message = N_(
            "the test part is set apart, {chars} characters in documents: {test}; "
            "nothing learns from it or is chosen by it"
        )
        notes.append(Message(message, {"test": counts["test"], "chars": chars["test"]}))
    if num_left_out:
        message = N_("files beside the parts that were left out: {count} ({examples})")
        notes.append(Message(message, {"count": num_left_out, "examples": examples}))
    known = {document.strip() for document in parts["train"]}
    for part in ("validation", "test"):
        documents = parts.get(part, [])
        copies = sum(document.strip() in known for document in documents)
        if copies:
            message = N_(
                "documents of the {part} part also in the training part, letter for letter: "
                "{count} of {total}"
            )
            fields = {"count": copies, "total": counts[part], "part": Message(PART_NAMES[part])}
            notes.append(Message(message, fields))
    return notes
