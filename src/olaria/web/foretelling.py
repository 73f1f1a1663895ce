"""The forecast of a training, computed in a process of its own: the studio stays small and loads no PyTorch for it.

``python -m olaria.web.foretelling`` reads a request as JSON and writes the forecast, or the error, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from olaria.characters import encodable_json
from olaria.errors import OlariaError
from olaria.i18n import N_, Message
from olaria.web.errors import Refused, body_of, status_of
from olaria.web.workers import environment
from olaria.workflows.train import TrainRequest

LIMIT_S = 60.0
MOST_WAITING = 3
"""Forecasts that are computed or wait for their turn."""
MARK = "olaria-forecast:"
"""Begins the line that is the answer; libraries may write others."""


class Forecasts:
    """Computes forecasts one after the other: they measure time.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def of(
        self,
        request: TrainRequest,
        language: str,
        has_left: Callable[[], Coroutine[Any, Any, None]],
    ) -> dict[str, Any]:
        """What a training would take; given up where the client leaves.

        Args:
            request: sound.
            language: of an error.
            has_left: returns when the client has left.

        Raises:
            Refused: too many are asked for at once, it takes too long, or the training cannot be.
        """
        if self._waiting >= MOST_WAITING:
            raise Refused(
                429,
                "busy",
                N_("other forecasts are being computed"),
                hint=N_("ask again in a few seconds"),
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        work = asyncio.create_task(self._computed(request, language))
        left = asyncio.create_task(has_left())
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
            return await work if work.done() else {}
        finally:
            self._waiting -= 1
            for task in (work, left):
                task.cancel()
            await asyncio.gather(work, left, return_exceptions=True)

    async def _computed(self, request: TrainRequest, language: str) -> dict[str, Any]:
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "olaria.web.foretelling",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment(self._home, language),
            )  # fmt: skip
            try:
                asked = encodable_json({"request": settings_of(request), "language": language})
                output, _ = await asyncio.wait_for(process.communicate(asked.encode()), LIMIT_S)
            except TimeoutError:
                raise Refused(
                    504,
                    "too_slow",
                    N_("the forecast took longer than {seconds} s and was given up"),
                    hint=N_("the training may begin without it"),
                    seconds=round(LIMIT_S),
                ) from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        return _answer(output)


def settings_of(request: TrainRequest) -> dict[str, Any]:
    """A request as the JSON object that makes it."""
    values = {one.name: getattr(request, one.name) for one in request.declared()}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in values.items()}


def _answer(output: bytes) -> dict[str, Any]:
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(MARK))
            if "error" not in found:
                return found
            error = found["error"]
            made = Refused(found["status"], error["code"], "", field=error["field"])
            made.message = _said(error["message"])
            made.hint = None if error["hint"] is None else _said(error["hint"])
            raise made
    raise Refused(
        503,
        "no_forecast",
        N_("the forecast could not be computed"),
        hint=N_("the training may begin without it"),
    )


def _said(text: str) -> Message:
    """A sentence that is in the reader's language already."""
    return Message(text, is_plain=True)


def main() -> None:
    """Answer the request on the standard input."""
    asked = json.load(sys.stdin)
    try:
        from olaria.workflows.forecast import forecast

        found = forecast(TrainRequest.from_json(asked["request"]), offline=True).to_json()
    except OlariaError as error:
        found = {"status": status_of(error), "error": body_of(error, asked["language"])}
    sys.stdout.write(f"{MARK}{encodable_json(found)}{os.linesep}")


if __name__ == "__main__":
    main()
