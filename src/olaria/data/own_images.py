"""The user's images as a data set: cut into parts, with a word on what each part holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olaria.data.base import ImageData, Images, fingerprint
from olaria.data.names import plain_name
from olaria.data.parts import NUM_EXAMPLES, Part
from olaria.data.split import cut_by_parts, num_copies
from olaria.errors import DataError
from olaria.i18n import N_, Message


def own_images(
    path: Path,
    images: Images,
    parts: Sequence[Part | None],
    class_names: tuple[str, ...],
    notes: Sequence[Message],
) -> ImageData:
    """A data set of the user's images.

    Args:
        path: that was named.
        images: all of them.
        parts: of each; None where it has none.
        class_names: in order; empty where there are none.
        notes: what was noted when they were read.

    Raises:
        DataError: there are too few to train on.
    """
    given = {part: sum(own == part for own in parts) for part in ("train", "validation", "test")}
    if any(parts) and given["train"] < 2:
        raise DataError(
            N_("{path} has fewer than two training images; add some to that part"), path=str(path)
        )
    splits = cut_by_parts(images, parts)
    train, validation, test = splits
    return ImageData(
        name=plain_name(path.name),
        title=plain_name(path.name),
        train=train,
        validation=validation,
        test=test,
        class_names=class_names,
        source="user file",
        sha256=fingerprint_of(splits),
        citation="",
        licence="",
        notes=(
            *notes,
            *_parts(given, splits),
            *_absent(class_names, train, test),
            *_duplicates(train, validation, test),
        ),
    )


def fingerprint_of(splits: Sequence[Images]) -> str:
    """SHA-256 of the shapes, pixels and labels of all parts."""
    parts = []
    for images in splits:
        parts.append(repr(tuple(images.x.shape)).encode())
        parts.append(images.x.contiguous().numpy().tobytes())
        parts.append(b"" if images.y is None else images.y.numpy().astype("<i8").tobytes())
    return fingerprint(parts)


def _parts(given: dict[str, int], splits: tuple[Images, Images, Images]) -> list[Message]:
    """The images of each part that was given, and how many of training stand in for one that was not."""
    if not given["validation"] and not given["test"]:
        return []
    message = N_(
        "the parts are as given: {train} {train:image trains|images train}, "
        "{validation} {validation:validates|validate}, {test} {test:tests|test}"
    )
    found = [Message(message, given)]
    _, validation, test = splits
    if not given["validation"]:
        message = N_("no validation part is given: {count} of the training images validate")
        found.append(Message(message, {"count": len(validation)}))
    if not given["test"]:
        message = N_("no test part is given: {count} of the training images test")
        found.append(Message(message, {"count": len(test)}))
    return found


def _absent(class_names: Sequence[str], train: Images, test: Images) -> list[Message]:
    """Classes of so few images that a part has none."""
    found = []
    for images, text in (
        (train, N_("no training image is of class {names}, which no model will learn")),
        (test, N_("no test image is of class {names}, which no metric will see")),
    ):
        held = set() if images.y is None else set(images.y.tolist())
        names = [name for label, name in enumerate(class_names) if label not in held]
        if names:
            more = ["…"] * (len(names) > NUM_EXAMPLES)
            found.append(Message(text, {"names": ", ".join([*names[:NUM_EXAMPLES], *more])}))
    return found


def _duplicates(train: Images, validation: Images, test: Images) -> list[Message]:
    """How many images that are measured on have exactly the pixels of one that is trained on."""
    parts = {"validation": validation, "test": test}
    counts = {name: num_copies(part.x, train.x) for name, part in parts.items()}
    message = N_(
        "{test} test {test:image|images} and {validation} validation "
        "{validation:image|images} have exactly the pixels of a training image: what is "
        "measured on them flatters"
    )
    return [Message(message, counts)] if any(counts.values()) else []
