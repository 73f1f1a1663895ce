"""What may be asked of the studio: the requests of the verbs, without what would be a path on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from olaria.data import DATASETS
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message, Setting, command, translate
from olaria.recipes import preset as find_preset
from olaria.runs import Run
from olaria.vocabulary import MAX_TOKENS
from olaria.web.errors import Refused
from olaria.web.index import RunIndex
from olaria.web.pins import Pins
from olaria.web.uploads import Uploads
from olaria.workflows.requests import Request
from olaria.workflows.requests.common import refuse_alone
from olaria.workflows.sample import SampleRequest
from olaria.workflows.train import TrainRequest

BY_ID = ("start", "replay")
"""Settings that name a run: here by its id."""
NOT_TAKEN = ("out", "resume", "nproc", "track")
"""The studio chooses the folder and shows the run itself; a run goes on by a route of its own, and several processes
need a terminal."""

NOT_DRAWN = ("run", "data", "out", "overwrite", "threads")
"""Settings of ``sample`` that are places, or the studio's own."""
MOST_DRAWN = {
    "max_tokens": 20_000,
    "count": 400,
    "steps": 1000,
    "guidance": 100,
    "temperature": 100,
    "top_k": 1_000_000,
}
"""Of one drawing."""
MOST_ALTERNATIVES, MOST_CANDIDATES = 20, 160_000
"""Candidates that come with each token, and with a whole text: who reads slowly lets them wait in memory."""
MOST_LETTERS, MOST_STOPS = 100_000, 16
"""Of a prompt, and of the texts that end one."""

LONGER = ("steps", "budget")
"""Settings that say how far a run is to be trained."""
OF_A_LESSON = ("lesson", "prompt", "static", "seed")
OF_A_REPORT = ("author", "course", "title", "format", "lessons", "live", "short")
"""Settings of ``explain`` and ``report`` that are no places."""
MOST_BESIDE = 12
"""Runs of one page."""


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


def part_of_schema(
    request: type[Request], names: Collection[str], language: str = "en"
) -> dict[str, Any]:
    """The JSON Schema of some settings of a request, its descriptions in the reader's language."""
    found = request.json_schema()
    properties = {
        name: {**about, "description": translate(about["description"], language)}
        for name, about in found["properties"].items()
        if name in names
    }
    return {
        **found,
        "description": translate(found["description"], language),
        "properties": properties,
        "required": [],
    }


def longer_schema() -> dict[str, Any]:
    """What :func:`longer` takes, as a JSON Schema."""
    return part_of_schema(TrainRequest, LONGER)


def longer(values: Mapping[str, Any], run: Run) -> Asked:
    """The training that goes on with a finished run.

    Raises:
        UsageError: a setting is unknown or cannot be what it is; it is named.
        Refused: the run has not come to its end, or has come as far already.
    """
    _refuse_unknown(values, TrainRequest, _others(TrainRequest, LONGER))
    request = TrainRequest.from_json({**values, "resume": str(run.path)})
    if not request.is_longer:
        raise Refused(422, "usage", N_("say how far: give steps or budget"), field="steps")
    if run.state != "done":
        raise Refused(
            409,
            "not_done",
            N_("only a run that has come to its end is trained longer"),
            hint=N_("go on with it first"),
        )
    done = run.result.get("steps")
    if request.steps is not None and isinstance(done, int) and request.steps <= done:
        reason = Message(N_("the run has made {count} {count:step|steps} already"), {"count": done})
        raise _cannot("steps", request.steps, reason)
    return Asked(request, run.name)


def page(
    values: Mapping[str, Any],
    request: type[Request],
    names: Collection[str],
    run_id: str,
    index: RunIndex,
) -> dict[str, Any]:
    """The settings of a page about a run, and about those of ``beside``, which are named by their ids.

    Args:
        values: settings by name.
        request: whose settings they are.
        names: of those that are taken.
        run_id: of the run that it is about.
        index: of the runs.

    Raises:
        UsageError: a setting is unknown or cannot be what it is; it is named.
        Refused: there is no run of an id.
    """
    given = dict(values)
    beside = given.pop("beside", None) or []
    if not isinstance(beside, list) or len(beside) > MOST_BESIDE:
        reason = Message(N_("it must be a list of at most {limit} ids"), {"limit": MOST_BESIDE})
        raise _cannot("beside", beside, reason)
    _refuse_unknown(given, request, _others(request, names))
    runs = [index.run(run_id), *(index.run(_id("beside", one)) for one in beside)]
    return settings_of(request.from_json({**given, "runs": [str(run.path) for run in runs]}))


def of_the_page(values: dict[str, Any], pins: Pins) -> dict[str, Any]:
    """What a page says where the command line names files: the pictures of pinned figures, and a conclusion as text.

    Args:
        values: settings by name; these are taken from it.
        pins: the figures.

    Raises:
        UsageError: one cannot be what it is.
        Refused: there is no figure of an id.
    """
    conclusion, ids = values.pop("conclusion", None) or "", values.pop("figures", None) or []
    if not isinstance(conclusion, str):
        raise _cannot("conclusion", conclusion, Message(N_("it must be text")))
    if len(conclusion) > MOST_LETTERS:
        limit = {"limit": MOST_LETTERS}
        text = N_("it must have at most {limit} {limit:character|characters}")
        raise _cannot("conclusion", conclusion, Message(text, limit))
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise _cannot("figures", ids, Message(N_("it must be a list")))
    found = {"figures": [str(path) for path in pins.paths(ids)]}
    return {**found, "conclusion": conclusion} if conclusion.strip() else found


def _others(request: type[Request], names: Collection[str]) -> list[str]:
    return [one.name for one in request.declared() if one.name not in names]


def drawing_schema(language: str = "en") -> dict[str, Any]:
    """What :func:`drawing` takes, as a JSON Schema."""
    return part_of_schema(SampleRequest, _others(SampleRequest, NOT_DRAWN), language)


def drawing(values: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The settings of ``sample`` that a JSON object asks of a run.

    Raises:
        UsageError: a setting is unknown, cannot be what it is, or would take too much; it is named.
    """
    _refuse_unknown(values, SampleRequest, NOT_DRAWN)
    for name, most in MOST_DRAWN.items():
        value = values.get(name)
        if isinstance(value, int | float) and value > most:
            raise _cannot(name, value, Message(N_("it must be at most {limit}"), {"limit": most}))
    stops = values["stop"] if isinstance(values.get("stop"), list) else [values.get("stop")]
    if len(stops) > MOST_STOPS:
        reason = Message(N_("there may be at most {limit}"), {"limit": MOST_STOPS})
        raise _cannot("stop", len(stops), reason)
    texts = [("prompt", values.get("prompt")), *(("stop", one) for one in stops)]
    for name, text in texts:
        if isinstance(text, str) and len(text) > MOST_LETTERS:
            limit = {"limit": MOST_LETTERS}
            raise _cannot(
                name,
                text,
                Message(N_("it must have at most {limit} {limit:character|characters}"), limit),
            )
    return settings_of(SampleRequest.from_json({**values, "run": str(run.path)}))


def alternatives(value: Any, max_tokens: Any, *, streams: bool) -> int:
    """How many candidates are to come with each token.

    Args:
        value: as it was asked for.
        max_tokens: of the text.
        streams: whether the text is sent as it comes.

    Raises:
        UsageError: it is no such number, or too much for the text; or the text is not streamed.
    """
    if value is None or value == 0:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MOST_ALTERNATIVES:
        reason = N_("it must be a whole number from {least} to {most}")
        limits = {"least": 0, "most": MOST_ALTERNATIVES}
        raise _cannot("alternatives", value, Message(reason, limits))
    if not streams:
        raise refuse_alone(Setting("alternatives"), Setting("stream"))
    most = MOST_CANDIDATES // (max_tokens if isinstance(max_tokens, int) else MAX_TOKENS)
    if value > most:
        raise _cannot(
            "alternatives", value, Message(N_("it must be at most {limit}"), {"limit": most})
        )
    return value


def sentences(prompt: str | None) -> list[str]:
    """The lines of a prompt that are not blank."""
    return [line for line in (prompt or "").splitlines() if line.strip()]


def drawing_command(settings: Mapping[str, Any], name: str, *, lines: bool = False) -> str:
    """The command that draws the same in a terminal; one for each line of the prompt where each is translated.

    Args:
        settings: as :func:`drawing` gives them.
        name: of the run, by which a terminal finds it.
        lines: whether each line of the prompt is a sentence of its own.
    """
    prompts = (sentences(settings["prompt"]) if lines else []) or [settings["prompt"]]
    found = []
    for prompt in prompts:
        request = SampleRequest.from_json({**settings, "run": name, "prompt": prompt})
        run, *options = request.to_words()
        found.append(command("sample", run, options=options))
    return "\n".join(found)


def settings_of(request: Request) -> dict[str, Any]:
    """A request as the JSON object that makes it."""
    values = {one.name: getattr(request, one.name) for one in request.declared()}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in values.items()}


def _refuse_unknown(
    values: Mapping[str, Any], request: type[Request], not_taken: Collection[str]
) -> None:
    known = [one.name for one in request.declared() if one.name not in not_taken]
    for name in values:
        if name not in known:
            hint = suggestion(name, known)
            raise UsageError(N_("unknown setting {path}: {hint}"), path=Setting(name), hint=hint)


def _cannot(name: str, value: Any, reason: Message) -> UsageError:
    shown = str(value)[:80]
    return UsageError(
        N_("{path} cannot be {value}: {reason}"), path=Setting(name), value=shown, reason=reason
    )


def training(values: Mapping[str, Any], index: RunIndex, uploads: Uploads | None = None) -> Asked:
    """The training that a JSON object asks for.

    Args:
        values: settings by name; runs, and data of the user's own, by their ids.
        index: of the runs.
        uploads: data of the user's own.

    Raises:
        UsageError: a setting is unknown or cannot be what it is; it is named.
        Refused: there is no run of an id.
    """
    _refuse_unknown(values, TrainRequest, NOT_TAKEN)
    given = dict(values)
    if given.get("preset") is None and given.get("replay") is None:
        raise Refused(422, "no_preset", N_("say what to train: choose a preset"), field="preset")
    stem = None
    for name in BY_ID:
        if given.get(name) is not None:
            run = index.run(_id(name, given[name]))
            given[name] = str(run.path)
            stem = run.name if name == "replay" else None
    own = None if uploads is None or not _is_own(given) else uploads.path(str(given["data"]))
    if own is not None:
        given["data"] = str(own)
    request = TrainRequest.from_json(given)
    _check_words(request)
    _check_preset(request.preset)
    if own is None:
        _check_data(request.data)
    if request.replay is not None:
        return Asked(request, str(stem))
    return Asked(request, request.recipe().preset)


def _is_own(values: Mapping[str, Any]) -> bool:
    data = values.get("data")
    return isinstance(data, str) and data not in DATASETS


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


def _check_words(request: Request) -> None:
    """A training is a process, and a word of its command line ends at a zero."""
    for name, value in settings_of(request).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and "\0" in one:
                raise _cannot(name, one, Message(N_("it must not contain the character NUL")))


def _id(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _cannot(name, value, Message(N_("it must be text")))
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
