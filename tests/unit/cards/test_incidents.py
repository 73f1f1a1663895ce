"""What went wrong is read from a run's files: warnings, changes, stops, what is missing; and nothing is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from olaria.cards.incidents import PLANNED, incidents
from olaria.i18n import Message
from olaria.runs import Run
from olaria.storage.folder import EVENTS, METRICS, STATUS
from olaria.training.events import NO_TIME
from olaria.training.health import Health
from olaria.training.interruption import INTERRUPTED
from olaria.workflows.train import train


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "done"
    return train("bigram-shakespeare", data="toy-language", size="tiny", steps=4, out=folder)


@pytest.fixture
def run(done: Run, tmp_path: Path) -> Run:
    """A copy whose files a test may write."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in done.path.iterdir():
        if path.is_file() and path.suffix in (".json", ".jsonl"):
            (folder / path.name).write_bytes(path.read_bytes())
    return Run(folder)


def append(run: Run, name: str, *lines: dict[str, Any]) -> None:
    with (run.path / name).open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def event(name: str, step: int, **fields: Any) -> dict[str, Any]:
    return {"step": step, "elapsed_s": 1.0, "event": name, **fields}


def told(run: Run, language: str = "en") -> list[tuple[str, str]]:
    found = incidents(run)
    assert found is not None
    return [(incident.kind, incident.message.text(language)) for incident in found]


def test_a_run_of_which_there_is_nothing_to_tell(run: Run) -> None:
    assert incidents(run) == []


def test_without_events_nothing_is_claimed(run: Run) -> None:
    (run.path / EVENTS).unlink()
    assert incidents(run) is None


def test_the_doctors_words_come_with_their_numbers(run: Run) -> None:
    message = Message("the loss has grown to {loss}, from {least}; try a smaller "
                      "training.learning_rate", {"loss": 3.25, "least": 1.5})  # fmt: skip
    append(run, EVENTS, event("warned", 7, message=message.to_json(), kind="diverged"),
           event("warned", 0, message=Message("fine").to_json(), is_note=True))  # fmt: skip
    assert told(run) == [("warning", message.text("en")), ("note", "fine")]
    assert "3,25" in told(run, "pt")[0][1], "in the reader's notation"
    assert Health.__doc__ is not None and "diverged" in Health.__doc__


def test_a_format_of_its_own_is_respected(run: Run) -> None:
    message = {"id": "{seconds:g} seconds are too short for a size above {size}",
               "fields": {"seconds": 2.5, "size": "tiny"}}  # fmt: skip
    append(run, EVENTS, event("warned", 0, message=message))
    assert told(run)[0][1].startswith("2.5 seconds")


def test_rescues_are_told(run: Run) -> None:
    append(run, EVENTS, event("changed", 9, path="training.learning_rate", value=0.0015),
           event("restarted", 9))  # fmt: skip
    changed, restarted = told(run)
    assert changed == ("change", "training.learning_rate was set to 0.0015")
    assert restarted[0] == "change" and "went back" in restarted[1]
    assert "0,0015" in told(run, "pt")[0][1]


def test_stops_and_resumptions_are_told(run: Run) -> None:
    stop = event(
        "finished", 4, reason={"id": INTERRUPTED, "fields": {}}, train_s=1, rate=1, final={}
    )
    began = next(line for line in run.folder.lines(EVENTS) if line["event"] == "began")
    append(run, EVENTS, stop, {**began, "step": 4})
    assert told(run) == [
        ("break", "the run ended: stopped by Ctrl-C"),
        ("break", "the run went on"),
    ]


def test_the_planned_end_is_what_the_loop_says(done: Run) -> None:
    (end,) = (line for line in done.folder.lines(EVENTS) if line["event"] == "finished")
    assert end["reason"]["id"] == PLANNED


def test_a_run_that_made_no_step_says_so(run: Run) -> None:
    (run.path / STATUS).write_text(json.dumps({"format": 1, "state": "done", "pid": 1, "step": 0}))
    assert told(run) == [("break", "the run ended before its first step")]
    append(
        run,
        EVENTS,
        event("finished", 0, reason=Message(NO_TIME).to_json(), train_s=0, rate=0, final={}),
    )
    assert told(run) == [("break", "the run ended before its first step")], "told once"


@pytest.mark.parametrize(
    ("state", "word"), [("failed", "failed at step 3"), ("running", "not ended")]
)
def test_a_run_that_did_not_end_says_so(run: Run, state: str, word: str) -> None:
    (run.path / STATUS).write_text(json.dumps({"format": 1, "state": state, "pid": 1, "step": 3}))
    ((kind, words),) = told(run)
    assert kind == "break" and word in words


def test_numbers_that_were_none_are_told(run: Run) -> None:
    append(run, METRICS, *[
        {"step": step, "elapsed_s": 1.0, "split": "train", "values": {"loss": None, "mse": 1.0}}
        for step in range(10, 15)
    ])  # fmt: skip
    ((kind, words),) = told(run)
    assert kind == "gap" and "loss (train) was not finite at 5" in words
    assert "10, 11, 12, …" in words
