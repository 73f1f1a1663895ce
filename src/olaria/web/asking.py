"""What may be asked of the studio: the requests of the verbs, without what would be a path on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from olaria.data import DATASETS
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message, Setting, translate
from olaria.recipes import preset as find_preset
from olaria.web.errors import Refused
from olaria.web.index import RunIndex
from olaria.workflows.requests import Request
from olaria.workflows.train import TrainRequest

BY_ID = ("start", "replay")
"""Settings that name a run: here by its id."""
NOT_TAKEN = ("out", "resume", "nproc")
"""The studio chooses the folder, a run goes on by a route of its own, and several processes need a terminal."""


@dataclass(frozen=True)
class Asked:
    """A training that may begin.

    Args:
        request: sound, and so is its recipe.
        stem: of the new run's name.
    """

    request: TrainRequest
    stem: str


def schema(language: str = "en") -> dict[str, Any]:
    """What :func:`training` takes, as a JSON Schema whose descriptions are in the reader's language."""
    found = TrainRequest.json_schema()
    properties = {
        name: {**about, "description": translate(about["description"], language)}
        for name, about in found["properties"].items()
        if name not in NOT_TAKEN
    }
    return {
        **found,
        "description": translate(found["description"], language),
        "properties": properties,
    }


def training(values: Mapping[str, Any], index: RunIndex) -> Asked:
    """The training that a JSON object asks for.

    Args:
        values: settings by name; runs by their ids.
        index: of the runs.

    Raises:
        UsageError: a setting is unknown or cannot be what it is; it is named.
        Refused: there is no run of an id.
    """
    known = [one.name for one in TrainRequest.declared() if one.name not in NOT_TAKEN]
    for name in values:
        if name not in known:
            hint = suggestion(name, known)
            raise UsageError(N_("unknown setting {path}: {hint}"), path=Setting(name), hint=hint)
    given = dict(values)
    if given.get("preset") is None and given.get("replay") is None:
        raise Refused(422, "no_preset", N_("say what to train: choose a preset"), field="preset")
    stem = None
    for name in BY_ID:
        if given.get(name) is not None:
            run = index.run(_id(name, given[name]))
            given[name] = str(run.path)
            stem = run.name if name == "replay" else None
    request = TrainRequest.from_json(given)
    _check_preset(request.preset)
    _check_data(request.data)
    if request.replay is not None:
        return Asked(request, str(stem))
    return Asked(request, request.recipe().preset)


def from_words(request: type[Request], words: Mapping[str, list[str]]) -> dict[str, Any]:
    """The JSON object that the words of an address stand for: text becomes numbers where numbers belong.

    Args:
        request: whose settings they are.
        words: by name, in order.

    Raises:
        UsageError: a word is no value of its setting.
    """
    forms = {one.name: one.form for one in request.declared()}
    found: dict[str, Any] = {}
    for name, texts in words.items():
        form = forms.get(name)
        if form is None:
            found[name] = texts[-1]  # told as unknown
        elif not form.takes_value:
            found[name] = {"true": True, "false": False}.get(texts[-1], texts[-1])
        else:
            read = form.read(name, texts if form.is_repeated else texts[-1])
            found[name] = [*read] if isinstance(read, tuple) else read
    return found


def _id(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(
            N_("{path} cannot be {value}: {reason}"),
            path=Setting(name),
            value=str(value)[:80],
            reason=Message(N_("it must be text")),
        )
    return value


def _check_preset(name: str | None) -> None:
    if name is None:
        return
    try:
        find_preset(name)
    except UsageError as error:
        raise Refused.because(error, field="preset") from None


def _check_data(name: Any) -> None:
    """A data set's name; a path of this machine is nothing that a page may name."""
    if name is None or name in DATASETS:
        return
    raise UsageError(
        N_("{option} cannot be {value}: {hint}"),
        option=Setting("data"),
        value=str(name)[:80],
        hint=suggestion(str(name), DATASETS),
    )
