"""The target "run" of fuzz.py: a run folder, of which any file may be anything, a link, or called anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

RUN_FILES = (
    "recipe.json",
    "provenance.json",
    "status.json",
    "result.json",
    "evaluation.json",
    "tokenizer.json",
    "metrics.jsonl",
    "events.jsonl",
    "checkpoints/last.json",
    "checkpoints/step-000001/state.json",
    "samples/step-000000.txt",
)
"""Of a run folder; the first byte of what is tried says which one the rest is, or becomes the name of, or a link."""
_LINK, _NAME = len(RUN_FILES), len(RUN_FILES) + 1


@cache
def _trained(home: Path) -> Path:
    """A sound run of one step, of a model and a text that take no time."""
    from olaria.workflows.evaluate import evaluate
    from olaria.workflows.train import train

    path, text = home / "trained", home / "text.txt"
    text.write_text("the potter turns the clay and the clay turns the wheel. " * 40)
    settings = ["training.sample_every=1", "training.checkpoint_every=1"]
    train("bigram-shakespeare", data=text, size="tiny", steps=1, settings=settings, out=path)
    evaluate(path)
    return path


def read_run(home: Path, content: bytes) -> None:
    """As a file of a run folder: all that lists, shows, compares and reports read, but the model's own work."""
    from olaria.errors import OlariaError

    run = home / "run"
    if not run.exists():
        shutil.copytree(_trained(home), run)
    which, rest = content[0] % (_NAME + 1) if content else 0, content[1:]
    secret = home / "secret"
    secret.write_text("secret")
    name = RUN_FILES[rest[0] % len(RUN_FILES)] if which == _LINK and rest else RUN_FILES[which % 11]
    path = run / name
    sound = path.read_bytes()
    added: Path | None = None
    try:
        if which == _LINK:
            path.unlink()
            path.symlink_to(secret)
        elif which == _NAME:
            with suppress(OSError, ValueError):
                named = path.parent / os.fsdecode(rest.replace(b"/", b"").replace(b"\0", b""))
                if not named.exists():
                    named.write_bytes(rest)
                    added = named
        else:
            path.write_bytes(rest)
        for read in _run_readers():
            with suppress(OlariaError):
                assert "secret" not in str(read(run)), "a link was followed"
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(sound)
        if added is not None:
            added.unlink(missing_ok=True)
    assert secret.read_text() == "secret"


def _run_readers() -> list[Callable[[Path], object]]:
    from olaria.cards import run_card as cards
    from olaria.cards.comparison import compare, side_by_side, to_json
    from olaria.cards.incidents import incidents
    from olaria.cards.run_card import command_of
    from olaria.pages.appendix import machines
    from olaria.pages.facts import facts
    from olaria.pages.labels import evaluation_rows, protocol_rows
    from olaria.runs import Run
    from olaria.training.records import past
    from olaria.workflows.runs import list_runs, show

    cards.TEXT_CHARS = 10  # what the model writes is not what is tried

    def told(path: Path) -> str:
        found = incidents(Run(path)) or []
        return " ".join(one.message.text(language) for one in found for language in ("en", "pt"))

    def measured(path: Path) -> object:
        evaluation = Run(path).evaluation or {}
        return evaluation_rows(evaluation, "pt"), protocol_rows(evaluation["protocol"], "en")

    def written(path: Path) -> object:
        card = cards.run_card(Run(path), offline=True)
        together = side_by_side([Run(path), Run(path)])
        return facts([card], together, "pt"), machines([card], "en"), card.series("loss")

    return [
        lambda path: show(path).to_json(),
        lambda _: list_runs().to_json(),
        lambda path: to_json(compare([path, path])),
        lambda path: command_of(Run(path)),
        lambda path: (Run(path).samples(), Run(path).class_names, Run(path).fractions()),
        lambda path: Run(path).tokenizer().decode([0, 1]),
        lambda path: list(past(Run(path).folder)),
        lambda path: Run(path).model(),
        told,
        measured,
        written,
    ]


def seeds(home: Path) -> list[bytes]:
    """Each file as it is, each as a link, and two names."""
    files = [
        bytes([place]) + (_trained(home) / name).read_bytes()
        for place, name in enumerate(RUN_FILES)
    ]
    links = [bytes([_LINK, place]) for place in range(len(RUN_FILES))]
    return [*files, *links, bytes([_NAME]) + b"step-9.txt", bytes([_NAME]) + b"step-00001"]
