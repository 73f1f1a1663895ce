"""What each JSON file of a run folder holds, checked where it is opened: a run may be damaged, or a stranger's.

More may stand in a file than is told here, since later versions add to it; what is read of it is of the type that its
readers take. recipe.json and tokenizer.json are checked by what they become.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    Required,  # which pydantic asks for
)

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypeAliasType, TypedDict

from olaria.errors import DamagedError
from olaria.i18n import N_

MOST_LETTERS = 20_000
MOST_NAMED = 200
"""Letters of a place that an error names."""
LARGEST = 1e100
"""Beyond any number that a run has: float32 ends at 3.4e38."""

Text = Annotated[str, Field(max_length=MOST_LETTERS)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**64)]
Real = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Numbers = dict[Text, Real | None]
Plain = TypeAliasType(
    "Plain", "bool | Whole | Real | Text | list[Plain] | dict[Text, Plain] | None"
)
"""Any JSON value of sizes that can be shown."""
_READ = ConfigDict(strict=True, extra="allow")


@with_config(_READ)
class StoredMessage(TypedDict, total=False):
    """A sentence, as :meth:`olaria.i18n.Message.to_json` writes it."""

    id: Required[Text]
    fields: Required[dict[Text, Plain]]


@with_config(_READ)
class Status(TypedDict, total=False):
    """status.json."""

    state: Required[Literal["running", "stopped", "failed", "done"]]
    pid: Count | None
    step: Count


@with_config(_READ)
class Machine(TypedDict, total=False):
    """Where a run was trained."""

    versions: dict[Text, Text | None]
    cpu: Text | None
    num_cpus: Count | None
    num_threads: Count | None
    memory_bytes: Count | None


@with_config(_READ)
class Described(TypedDict, total=False):
    """What a run has stored of its data."""

    title: Text
    citation: Text
    licence: Text
    sizes: dict[Text, Count]
    class_names: list[Text]


@with_config(_READ)
class Base(TypedDict, total=False):
    """The run that another was tuned from, or trains on."""

    name: Required[Text]
    checkpoint: Count | None
    vocab_size: Count
    grown: list[Text]
    model_sha256: Text
    steps: Count
    elapsed_s: Real


@with_config(_READ)
class Provenance(TypedDict, total=False):
    """provenance.json."""

    machine: Machine
    commit: Text | None
    data_source: Text
    data_sha256: Text
    painter_sha256: Text
    dimensions: Required[
        Annotated[int, Field(ge=1, lt=2**31)]
        | Annotated[list[Annotated[int, Field(ge=1, lt=2**31)]], Field(min_length=3, max_length=3)]
    ]
    precision: Text | None
    data: Described
    base: Base


@with_config(_READ)
class Ended(TypedDict, total=False):
    """result.json."""

    family: Text
    steps: Count
    elapsed_s: Real
    train_s: Real
    num_parameters: Count
    peak_memory_bytes: Count | None
    epochs: Real
    predicted: Numbers
    reason: StoredMessage
    final: Numbers


@with_config(_READ)
class Evaluation(TypedDict, total=False):
    """evaluation.json."""

    protocol: Required[dict[Text, Plain]]
    metrics: Required[dict[Text, Plain]]
    reasons: dict[Text, StoredMessage]


@with_config(_READ)
class Pointer(TypedDict, total=False):
    """checkpoints/last.json and best.json."""

    step: Required[Count]


@with_config(_READ)
class Progress(TypedDict, total=False):
    """state.json of a checkpoint."""

    step: Required[Count]
    updates: Required[Count]
    fraction: Required[Real]
    elapsed_s: Required[Real]
    train_s: Required[Real]
    best: Required[Real | None]
    best_step: Count | None
    changes: Required[list[Annotated[list[Plain], Field(min_length=2, max_length=2)]]]
    restarted: Count
    num_restarts: Count


@with_config(_READ)
class MetricsRow(TypedDict, total=False):
    """A line of metrics.jsonl."""

    step: Required[Count]
    elapsed_s: Real
    split: Required[Text]
    values: Required[Numbers]


@with_config(_READ)
class EventRow(TypedDict, total=False):
    """A line of events.jsonl."""

    step: Required[Count]
    elapsed_s: Real
    event: Required[Text]
    split: Text
    values: Numbers
    fraction: Real
    learning_rate: Real
    rate: Real
    eta_s: Real | None
    message: StoredMessage
    reason: StoredMessage
    path: Text
    value: Plain


DOCUMENTS: dict[str, Any] = {
    "status.json": Status,
    "provenance.json": Provenance,
    "result.json": Ended,
    "evaluation.json": Evaluation,
    "last.json": Pointer,
    "best.json": Pointer,
    "state.json": Progress,
    "metrics.jsonl": list[MetricsRow],  # of logs, all lines
    "events.jsonl": list[EventRow],
}
"""By the name of the file."""
_NEEDED = {
    "step": ("fraction", "values"),
    "evaluated": ("split", "values"),
    "warned": ("message",),
    "changed": ("path", "value"),
    "finished": ("reason",),
}
"""What a line of events.jsonl has besides, by its event."""


def check_document(path: Path, value: Any) -> None:
    """Refuse what is not of the types that its readers take.

    Args:
        path: of a file in a run folder.
        value: its content; of a log, the values of its lines.

    Raises:
        DamagedError: something is missing, of another type or of no reasonable size; the file and the place are named.
    """
    if path.name not in DOCUMENTS:
        return
    place = _wrong(DOCUMENTS[path.name], value)
    if place is None and path.name == "events.jsonl":
        place = next(_lacking(value), None)
    if place is None:
        return
    if isinstance(value, list) and place:
        raise DamagedError(
            N_("{path} is damaged: at line {line}, {name} is missing or not what belongs there"),
            path=str(path),
            line=int(place[0]) + 1,
            name=_dotted(place[1:]),
        )
    raise DamagedError(
        N_("{path} is damaged: {name} is missing or not what belongs there"),
        path=str(path),
        name=_dotted(place),
    )


def _wrong(form: Any, value: Any) -> list[str | int] | None:
    """The place of the first thing that does not fit; None where all does."""
    try:
        _adapter(form).validate_python(value)
    except ValidationError as error:
        location = error.errors(include_url=False, include_input=False)[0]["loc"]
        return _place(value, location)
    except RecursionError:
        return []
    return None


def _lacking(lines: Sequence[Mapping[str, Any]]) -> Iterator[list[str | int]]:
    for number, line in enumerate(lines):
        for name in _NEEDED.get(line["event"], ()):
            if name not in line:
                yield [number, name]


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _place(value: Any, location: Sequence[str | int]) -> list[str | int]:
    """A pydantic location without the types that it tried on the way."""
    place: list[str | int] = []
    for number, part in enumerate(location):
        if isinstance(value, dict) and (part in value or number == len(location) - 1):
            place.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            place.append(part)
            value = value[part]
    return place


def _dotted(place: Sequence[str | int]) -> str:
    name = ".".join(map(str, place)) or "{}"
    return name if len(name) <= MOST_NAMED else name[:MOST_NAMED] + "…"
