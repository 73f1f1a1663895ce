"""The runs of text by the API that programs know from OpenAI: ``/v1/models`` and ``/v1/completions``."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from olaria.characters import encodable_json
from olaria.errors import OlariaError, UsageError
from olaria.families import MODELS
from olaria.i18n import N_, Message, Setting
from olaria.runs import Run
from olaria.web import asking
from olaria.web.drawing import Drawing
from olaria.web.errors import Refused, told
from olaria.web.routes.drawing import Streamed, switched
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left

if TYPE_CHECKING:
    from olaria.web.app import Studio

SAME = ("max_tokens", "temperature", "top_p", "seed", "top_k", "min_p", "repetition_penalty")
"""Settings of a drawing by the same name; the last three are ours and not OpenAI's."""
IDLE: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "logprobs": (None,),
    "suffix": (None, ""),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
}
"""Parameters that are taken only with the values that change nothing."""
SCHEMA = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {
        "model": {"type": "string"},
        "prompt": {"type": "string"},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": asking.MOST_DRAWN["max_tokens"]},
        "temperature": {"type": "number", "minimum": 0},
        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "seed": {"type": "integer", "minimum": 0},
        "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "stream": {"type": "boolean"},
        "echo": {"type": "boolean"},
        "user": {"type": "string"},
    },
}


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/v1/models")(show_models)
    app.get("/v1/models/{model}")(show_model)
    app.post("/v1/completions", openapi_extra=taken(SCHEMA))(complete)


def show_models(request: Request) -> Response:
    """The runs that go on with a text."""
    return answer({"object": "list", "data": [*map(_model, _cards(studio_of(request)))]})


def show_model(request: Request, model: str) -> Response:
    """One of them, by its id or its name."""
    return answer(_model(_card(studio_of(request), model)))


def _cards(app: Studio) -> list[dict[str, Any]]:
    kinds = {name: entry.data for name, entry in MODELS.items()}
    return [card for card in app.shelf.cards() if kinds.get(card.get("family", "")) == "text"]


def _card(app: Studio, model: Any) -> dict[str, Any]:
    found = [card for card in _cards(app) if model in (card["id"], card["name"])]
    if len(found) != 1:
        raise Refused(
            404,
            "model_not_found",
            N_("there is no model {name}"),
            field="model",
            hint=N_("/v1/models lists the ids"),
            name=str(model)[:80],
        )
    return found[0]


def _model(card: Mapping[str, Any]) -> dict[str, Any]:
    created, name = int(card["changed"]), card["name"]
    return {
        "id": card["id"], "object": "model", "created": created, "owned_by": "olaria", "name": name,
    }  # fmt: skip


async def complete(request: Request) -> Response:
    """Go on with a prompt; with ``stream`` as server-sent events that end with ``[DONE]``."""
    values, app, language = await json_body(request), studio_of(request), language_of(request)
    card, run = await asyncio.to_thread(_chosen, app, values)
    streams, has_usage = (
        switched(values, "stream"),
        _wants_usage(values.pop("stream_options", None)),
    )
    echo = switched(values, "echo")
    settings = asking.drawing(_drawing(values), run)
    drawing = await unless_left(request, app.drawers.begin(settings, language, within=True))
    reply = _Reply(card["id"], settings["prompt"] if echo else "", drawing)
    if streams:
        return Streamed(drawing, reply.events(language, has_usage))
    try:
        return await unless_left(request, reply.whole())
    finally:
        drawing.close()


def _chosen(app: Studio, values: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    card = _card(app, values.pop("model", None))
    return card, app.shelf.index.run(card["id"])


def _wants_usage(options: Any) -> bool:
    return isinstance(options, dict) and options.get("include_usage") is True


def _drawing(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of a drawing that the parameters stand for.

    Raises:
        UsageError: one cannot be; it is named.
    """
    values.pop("user", None)
    for name, allowed in IDLE.items():
        if values.pop(name, None) not in allowed:
            raise UsageError(
                N_("{path} cannot be {value}: {reason}"),
                path=Setting(name),
                value="…",
                reason=Message(N_("this model has nothing of the kind; leave it out")),
            )
    found = {name: values.pop(name) for name in SAME if values.get(name) is not None}
    for name in SAME:
        values.pop(name, None)
    stop, prompt = values.pop("stop", None), values.pop("prompt", None)
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        raise UsageError(
            N_("{path} cannot be {value}: {reason}"),
            path=Setting("prompt"),
            value=str(prompt)[:80],
            reason=Message(N_("it must be text")),
        )
    if stop is not None:
        found["stop"] = [stop] if isinstance(stop, str) else stop
    temperature = found.get("temperature")
    if temperature == 0 and not isinstance(temperature, bool):
        found |= {"temperature": None, "top_k": 1}
    # Without a seed each answer is another one, as programs expect it here.
    return {**values, "seed": secrets.randbelow(1 << 31), **found, "prompt": prompt}


class _Reply:
    """The answer to one request.

    Args:
        model: the run's id.
        before: the text to begin with.
        drawing: what follows.
    """

    def __init__(self, model: str, before: str, drawing: Drawing) -> None:
        self._model, self._before, self._drawing = model, before, drawing
        self._id, self._created = f"cmpl-{secrets.token_hex(12)}", int(time.time())

    async def whole(self) -> Response:
        """All of it at once."""
        pieces = [self._before]
        done: dict[str, Any] = {}
        async for message in self._drawing.messages():
            pieces.append(message.get("piece", ""))
            done = message.get("done", done)
        return answer(
            {**self._part("".join(pieces), done.get("finish")), "usage": self._usage(done)}
        )

    async def events(self, language: str, has_usage: bool) -> AsyncIterator[str]:
        """It piece by piece."""
        write: Callable[[Any], str] = lambda found: f"data: {encodable_json(found)}\n\n"
        try:
            if self._before:
                yield write(self._part(self._before, None))
            async for message in self._drawing.messages():
                if "piece" in message:
                    yield write(self._part(message["piece"], None))
                elif "done" in message:
                    yield write(self._part("", message["done"]["finish"]))
                    if has_usage:
                        usage = self._usage(message["done"])
                        yield write({**self._part("", None), "choices": [], "usage": usage})
        except OlariaError as error:
            yield write(told(error, "/v1/", language)[0])
            return
        yield "data: [DONE]\n\n"

    def _part(self, text: str, finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }

    def _usage(self, done: Mapping[str, Any]) -> dict[str, int]:
        before, drawn = int(self._drawing.begun["prompt_tokens"]), int(done.get("tokens", 0))
        return {
            "prompt_tokens": before, "completion_tokens": drawn, "total_tokens": before + drawn,
        }  # fmt: skip
