"""What takes seconds, computed in a process of its own that ends with it: the studio stays small and loads no PyTorch.

``python -m olaria.web.computing`` reads a job as JSON and writes how far it is, and the answer or the error, as JSON,
each in a line that begins with :data:`MARK`. A process that nobody waits for any more is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from olaria.characters import encodable_json
from olaria.errors import OlariaError
from olaria.i18n import N_, Message
from olaria.web.errors import Refused, body_of, status_of
from olaria.web.workers import environment

MARK = "olaria-answer:"
"""Begins a line that is for the studio; libraries may write others."""
MOST_LINE_BYTES = 1 << 24
TOLD_S = 0.25
"""Seconds between two lines that say how far a download is."""
Found = dict[str, Any]


class Lane:
    """Computes one job of its kind after the other.

    Args:
        home: where the runs lie.
        limit_s: seconds after which a job is given up.
        most_waiting: jobs that are computed or wait for their turn.
    """

    def __init__(self, home: Path, limit_s: float, most_waiting: int = 3) -> None:
        self._home, self._limit_s, self._most_waiting = home, limit_s, most_waiting
        self._turn, self._waiting = asyncio.Lock(), 0

    def check_room(self) -> None:
        """Refuse a job where too many wait.

        Raises:
            Refused: they do.
        """
        if self._waiting >= self._most_waiting:
            raise Refused(
                429,
                "busy",
                N_("others of its kind are being computed"),
                hint=N_("ask again in a few seconds"),
                headers={"Retry-After": "5"},
            )

    async def of(self, job: str, request: Found, language: str) -> Found:
        """The answer to a job; it is given up where this is cancelled.

        Args:
            job: one of :data:`JOBS`.
            request: its settings.
            language: of the reader.

        Raises:
            Refused: too many are asked for at once, it takes too long, or it cannot be.
        """
        async with aclosing(self.told(job, request, language)) as stream:
            async for found in stream:
                if "answer" in found:
                    answer: Found = found["answer"]
                    return answer
        raise AssertionError("a job ends with an answer or an error")

    async def told(self, job: str, request: Found, language: str) -> AsyncGenerator[Found, None]:
        """``{"progress": …}`` as often as there is news, then ``{"answer": …}``; see :meth:`of`."""
        self.check_room()
        self._waiting += 1
        try:
            async with (
                self._turn,
                asyncio.timeout(self._limit_s),
                aclosing(self._computed(job, request, language)) as stream,
            ):
                async for found in stream:
                    yield found
        except TimeoutError:
            raise Refused(
                504,
                "too_slow",
                N_("it took longer than {seconds} s and was given up"),
                seconds=round(self._limit_s),
            ) from None
        finally:
            self._waiting -= 1

    async def _computed(
        self, job: str, request: Found, language: str
    ) -> AsyncGenerator[Found, None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "olaria.web.computing",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(self._home, language),
            limit=MOST_LINE_BYTES,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            asked = {"job": job, "request": request, "language": language}
            process.stdin.write(encodable_json(asked).encode())
            process.stdin.close()
            async for line in process.stdout:
                text = line.decode("utf-8", "replace")
                if not text.startswith(MARK):
                    continue
                found: Found = json.loads(text.removeprefix(MARK))
                if "error" in found:
                    raise refused(found["status"], found["error"])
                yield found
                if "answer" in found:
                    return
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        raise Refused(503, "no_answer", N_("the process that computed it ended without an answer"))


def refused(status: int, error: Found) -> Refused:
    """An error that another process tells, whose sentences are in the reader's language already."""
    made = Refused(status, error["code"], "", field=error["field"])
    made.message = Message(error["message"], is_plain=True)
    made.hint = None if error["hint"] is None else Message(error["hint"], is_plain=True)
    return made


# -- in the process --------------------------------------------------------------------------------


def _forecast(request: Found, _language: str) -> Found:
    from olaria.workflows.forecast import forecast
    from olaria.workflows.train import TrainRequest

    return forecast(TrainRequest.from_json(request), offline=True).to_json()


def _lessons(_request: Found, language: str) -> Found:
    from olaria.lessons import LESSONS
    from olaria.pages.page import plain_words
    from olaria.workflows.explain import Lessons

    found = Lessons(language).to_json()
    for one in found["lessons"]:
        one["introduction"] = plain_words(LESSONS[one["lesson"]].introduction, language)
    return found


def _explain(request: Found, language: str) -> Found:
    from olaria.workflows.explain import ExplainRequest, explain

    found = explain(ExplainRequest.from_json(request), language=language, offline=True)
    notes = [note.text(language) for note in found.notes]
    return {**found.to_json(), "notes": notes}


def _report(request: Found, language: str) -> Found:
    from olaria.workflows.report import ReportRequest, report

    notes = list[Message]()
    with _as_file(request.pop("conclusion", None)) as conclusion:
        asked = ReportRequest.from_json({**request, "conclusion": conclusion})
        found = report(asked, language=language, notify=notes.append, offline=True)
    said = [note.text(language) for note in (*notes, *found.notes)]
    return {**found.to_json(), "notes": said}


def _live(request: Found, language: str) -> Found:
    from olaria.runs import Run
    from olaria.workflows.living import living

    return _written(living(Run(request["run"]), language), request["out"])


def _codes(request: Found, _language: str) -> Found:
    from olaria.runs import Run
    from olaria.workflows.rooms import codes

    return _written(codes(Run(request["run"])), request["out"])


def _nearest(request: Found, _language: str) -> Found:
    from olaria.runs import Run
    from olaria.workflows.rooms import nearest

    return _written(nearest(Run(request["run"]), request["seed"]), request["out"])


def _written(found: Found, out: str) -> Found:
    """Leave a large answer in a file, which the studio sends without reading it."""
    Path(out).write_text(encodable_json(found, allow_nan=False), encoding="utf-8")
    return {"is_whole": not found["notes"]}


@contextmanager
def _as_file(text: str | None) -> Iterator[str | None]:
    """A conclusion that was written in the page, where the report reads it from."""
    if text is None:
        yield None
        return
    with TemporaryDirectory(prefix="olaria-words-") as folder:
        path = Path(folder) / "conclusion.md"
        path.write_text(text, encoding="utf-8")
        yield str(path)


def _get(request: Found, _language: str) -> Found:
    from olaria.data.base import DownloadProgress
    from olaria.workflows.data import GetRequest, get

    last = 0.0

    def progress(found: DownloadProgress) -> None:
        nonlocal last
        if time.monotonic() - last > TOLD_S or found.bytes == found.total:
            last = time.monotonic()
            tell({"progress": {**vars(found), "file": Path(found.file).name}})

    found = get(GetRequest.from_json(request), progress=progress).to_json()
    return {name: value for name, value in found.items() if name != "folder"}


def _verify(request: Found, _language: str) -> Found:
    from olaria.workflows.data import VerifyRequest, verify

    found = verify(VerifyRequest.from_json(request)).to_json()
    files = [{**file, "path": Path(file["path"]).name} for file in found["files"]]
    return {**found, "files": files}


def _describe(request: Found, _language: str) -> Found:
    from olaria.workflows.fitting import described

    return described(request["path"])


JOBS: dict[str, Callable[[Found, str], Found]] = {
    "forecast": _forecast,
    "lessons": _lessons,
    "explain": _explain,
    "report": _report,
    "live": _live,
    "codes": _codes,
    "nearest": _nearest,
    "get": _get,
    "verify": _verify,
    "describe": _describe,
}


def tell(found: Found) -> None:
    """Write a line for the studio."""
    sys.stdout.write(f"{MARK}{encodable_json(found)}\n")
    sys.stdout.flush()


def main() -> None:
    """Do the job on the standard input."""
    asked = json.load(sys.stdin)
    language = asked["language"]
    try:
        tell({"answer": JOBS[asked["job"]](asked["request"], language)})
    except OlariaError as error:
        tell({"status": status_of(error), "error": body_of(error, language)})


if __name__ == "__main__":
    main()
