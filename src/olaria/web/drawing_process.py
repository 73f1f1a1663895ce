"""The process that draws for the studio: it loads PyTorch, and ends when the studio does.

``python -m olaria.web.drawing_process`` reads jobs from the standard input, a JSON object a line, and writes what comes
of them to the standard output in the same form. Several texts are drawn in turn, a piece of each at a time, and each
has its own generator and its own cache: what one is does not depend on the others.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.characters import encodable_json
from olaria.errors import OlariaError
from olaria.i18n import N_, Setting
from olaria.runs import Run
from olaria.storage import folder as files
from olaria.web.errors import Refused, body_of, bug, status_of

if TYPE_CHECKING:
    from olaria.sampling.candidates import Candidate, Draw

MOST_KEPT = 2
"""Models in memory."""
MOST_LINES = 200
"""Sentences that are translated at once."""
DIGITS = 6
"""Significant ones of a probability."""
Message = dict[str, Any]


class KeptRun(Run):
    """A run whose model and tokenizer stay in memory."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._kept: OrderedDict[object, Any] = OrderedDict()
        self._tokenizer: Any = None

    def model(self, which: str | int | None = None, *, ema: bool = True) -> Any:
        """See :meth:`olaria.runs.Run.model`."""
        place = self.checkpoint(which)[1]
        key = (place, place.stat().st_mtime_ns, ema)
        if key not in self._kept:
            self._kept[key] = super().model(which, ema=ema)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def tokenizer(self) -> Any:
        """See :meth:`olaria.runs.Run.tokenizer`."""
        self._tokenizer = self._tokenizer or super().tokenizer()
        return self._tokenizer


class Kept:
    """The runs that were drawn from last."""

    def __init__(self) -> None:
        self._runs: OrderedDict[object, KeptRun] = OrderedDict()

    def run(self, path: str) -> KeptRun:
        """The run in a folder; opened again where another one lies there now."""
        with suppress(OSError):
            found = (Path(path) / files.RECIPE).stat()
            key = (path, found.st_mtime_ns, found.st_ino)
            if key not in self._runs:
                self._runs[key] = KeptRun(path)
                if len(self._runs) > MOST_KEPT:
                    self._runs.popitem(last=False)
            self._runs.move_to_end(key)
            return self._runs[key]
        return KeptRun(path)  # which says what is wrong


def drawn(job: Message, kept: Kept) -> Iterator[Message]:
    """What comes of a job, piece by piece.

    Args:
        job: ``request``, the settings of ``sample`` whose run is a folder; ``language``; ``within``, whether a prompt
            that is longer than the context is refused; ``alternatives``, how many candidates come with each token; and
            ``lines``, whether each line of the prompt is a sentence of its own.
        kept: the runs in memory.

    Raises:
        OlariaError: the run cannot draw that.
    """
    from olaria.sampling.text import Continuation
    from olaria.workflows.sample import SampleRequest, sample

    settings = job["request"]
    run = kept.run(settings["run"])
    if job.get("lines"):
        if run.recipe.kind != "pairs":
            raise _without_effect("lines", run)
        yield from _translated(job, run)
        return
    if run.recipe.kind == "text" and settings.get("count") is not None:
        raise Refused(422, "usage", N_("ask for one text at a time"), field="count")
    request = SampleRequest.from_json({**settings, "run": run})
    made = sample(request, language=job["language"], offline=True)
    pieces = getattr(made.sample, "pieces", None)
    if isinstance(pieces, Continuation):
        if job.get("within"):
            _check_context(pieces, run.model(request.checkpoint))
        pieces.record(job.get("alternatives") or 0)
        text_of = cache(lambda token: str(run.tokenizer().decode([token])))
        yield {"begun": {"kind": "text", "prompt_tokens": pieces.num_prompt_tokens}}
        for piece in pieces:
            draws = pieces.draws()
            tokens = [_token(draw, text_of) for draw in draws]
            yield {"piece": piece, "tokens": tokens} if tokens else {"piece": piece}
        finish = "stop" if pieces.is_stopped else "length"
        yield {"done": {"tokens": pieces.num_tokens, "finish": finish, "seed": made.seed}}
        return
    if job.get("alternatives"):
        raise _without_effect("alternatives", run)
    if made.sample.suffix != ".png":
        yield {"begun": {"kind": "text", "prompt_tokens": 0}}
        yield {"piece": str(made.to_json().get("text", ""))}
        yield {"done": {"tokens": 0, "finish": "stop", "seed": made.seed}}
        return
    yield {"begun": {"kind": "picture"}}
    with tempfile.TemporaryDirectory(prefix="olaria-") as folder:
        place = Path(folder) / "drawn.png"
        made.sample.save(place)
        yield {"picture": base64.b64encode(place.read_bytes()).decode()}
    yield {"done": {"seed": made.seed}}


def _without_effect(name: str, run: Run) -> Refused:
    return Refused(
        422,
        "usage",
        N_("the setting {setting} has no effect on {name}; leave it out"),
        field=name,
        setting=Setting(name),
        name=run.name,
    )


def _token(draw: Draw, text_of: Callable[[int], str]) -> Message:
    """A token with its probabilities, as JSON: the others are rows of id, text, probability and that of the draw."""

    def row(one: Candidate) -> tuple[int, str, float, float]:
        return one.token, text_of(one.token), _rounded(one.probability), _rounded(one.drawn_with)

    names = ("id", "token", "probability", "drawn_with")
    drawn = dict(zip(names, row(draw.drawn), strict=True))
    return {**drawn, "alternatives": [*map(row, draw.likeliest)]}


def _rounded(probability: float) -> float:
    return float(f"{probability:.{DIGITS}g}")


def _translated(job: Message, run: Run) -> Iterator[Message]:
    """The translation of each line of the prompt, as soon as it is there."""
    from olaria.web.asking import sentences
    from olaria.workflows.sample import SampleRequest, sample

    settings = job["request"]
    lines = sentences(settings["prompt"])
    if len(lines) > MOST_LINES:
        message = N_("{count} sentences are too many at once; translate at most {limit}")
        raise Refused(422, "usage", message, field="prompt", count=len(lines), limit=MOST_LINES)
    for number, line in enumerate(lines or [settings["prompt"]]):
        request = SampleRequest.from_json({**settings, "run": run, "prompt": line})
        text = sample(request, language=job["language"], offline=True).sample.value
        if number == 0:
            yield {"begun": {"kind": "text", "prompt_tokens": 0}}
        yield {"piece": f"{text}\n"}
    yield {"done": {"tokens": 0, "finish": "stop", "seed": None}}


def _check_context(pieces: Any, model: Any) -> None:
    count, limit = pieces.num_prompt_tokens, int(model.context)
    if count > limit:
        raise Refused(
            400,
            "context_length_exceeded",
            N_(
                "the prompt has {count} {count:token|tokens} and exceeds the available context of {limit}"
            ),
            field="prompt",
            count=count,
            limit=limit,
        )


class Process:
    """Reads jobs, works at all of them in turn, and writes what comes of them.

    Args:
        source: of the jobs, line by line.
        target: gets the answers.
    """

    def __init__(self, source: Any, target: Any) -> None:
        self._source, self._target = source, target
        self._new: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stopped: set[int] = set()
        self._at_work: dict[int, tuple[str, Iterator[Message]]] = {}
        self._kept = Kept()

    def run(self) -> None:
        """Work until the process ends."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            while not (self._at_work and self._new.empty()):
                job = self._new.get()
                if job["id"] not in self._stopped:
                    self._at_work[job["id"]] = (job["language"], drawn(job, self._kept))
            for number, (language, work) in [*self._at_work.items()]:
                self._advance(number, language, work)

    def _listen(self) -> None:
        for line in self._source:
            job = json.loads(line)
            if job.get("stop"):
                self._stopped.add(job["id"])
            else:
                self._new.put(job)
        os._exit(0)  # the studio has ended, and nobody reads what is still drawn

    def _advance(self, number: int, language: str, work: Iterator[Message]) -> None:
        """Take one more piece of a job."""
        found: Message | None
        try:
            found = {"stopped": True} if number in self._stopped else next(work, None)
        except OlariaError as error:
            found = {"error": body_of(error, language), "status": status_of(error)}
        except Exception as error:
            traceback.print_exc()
            found = {"error": body_of(bug(error), language), "status": 500}
        if found is not None:
            self._target.write(encodable_json({"id": number, **found}).encode() + b"\n")
            self._target.flush()
        if found is None or found.keys() & {"done", "error", "stopped"}:
            del self._at_work[number]
            self._stopped.discard(number)


def main() -> None:
    """Work for the studio at the other end of the pipes."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the studio, which then closes the pipe
    with suppress(AttributeError, OSError):
        os.nice(5)  # the studio answers first
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    Process(sys.stdin.buffer, target).run()


if __name__ == "__main__":
    main()
