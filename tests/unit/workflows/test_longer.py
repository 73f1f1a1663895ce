"""A finished run is trained longer, and a run of any family begins from another one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from olaria.cards.run_card import command_of
from olaria.cli.main import main
from olaria.errors import MissingError, RunError, UsageError
from olaria.families import MODELS
from olaria.i18n import Message
from olaria.models.base import Model
from olaria.runs import Run
from olaria.runs.longer import trained_in_all
from olaria.training.events import Answer, Event, Stepped, Stop
from olaria.training.inheritance import model_sha256
from olaria.workflows.running import replay, resume
from olaria.workflows.train import train

pytestmark = pytest.mark.usefixtures("seldom")

STEPS = 6
FAMILIES = {
    "autoencoder": ("ae-mnist", "digits", ()),
    "vae": ("vae-mnist", "digits", ("training.ema=0.9",)),
    "vq": ("vq-mnist", "digits", ()),
    "gan": ("gan-mnist", "digits", ()),
    "plane-gan": ("gan-ring", "ring", ()),
    "gpt": ("gpt-shakespeare", "t.txt", ("model.context=16",)),
    "bigram": ("bigram-shakespeare", "t.txt", ()),
    "translation": ("pt-en", "t.tsv", ("model.context=16",)),
}
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("longer")
    (place / "t.txt").write_text("o oleiro gira o barro e o barro gira o oleiro\n" * 200, "utf-8")
    pairs = (f"peça {i}\tpiece {i}\n" for i in range(80))
    (place / "t.tsv").write_text("".join(pairs), "utf-8")
    return place


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))


def finished(folder: Path, family: str) -> Run:
    """A finished run of a family; made once."""
    if not (folder / family).exists():
        preset, data, settings = FAMILIES[family]
        data = str(folder / data) if "." in data else data
        settings = (*settings, "training.precision=float32")
        where: dict[str, Any] = {"data": data, "settings": settings, "out": folder / family}
        train(preset, size="tiny", steps=STEPS, **where)
    return Run(folder / family)


def weights(model: Model) -> str:
    return model_sha256(model.state_dict())


@every_family
def test_a_finished_run_says_so_and_trains_on_in_a_new_one(folder: Path, family: str) -> None:
    run = finished(folder, family)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.json*")}
    way = re.escape(f"is finished, after 6 steps; resume='{run.path}' steps=12 trains it on")
    for call in (lambda: resume(run.path), lambda: train(resume=run)):
        with pytest.raises(RunError, match=way):
            call()
    told: list[Message] = []
    longer = train(resume=run, steps=10, notify=told.append)
    assert longer.result["steps"] == 4 and longer.state == "done" and longer.name != run.name
    assert "a new run begins from its last weights" in told[0].text()
    assert "for 4 steps more" in told[0].text() and len(told) == 1
    base = longer.provenance["base"]
    assert base["name"] == run.name and base["checkpoint"] == STEPS
    assert base["model_sha256"] == weights(run.model("last"))
    assert trained_in_all(longer)["steps"] == 10
    assert command_of(longer) == f"olaria train --resume {family} --steps 10"
    # What was finished stays as it was.
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*.json*")} == before
    assert {**longer.recipe.model_dump(), "tuning": None, "training": None} == {
        **run.recipe.model_dump(),
        "tuning": None,
        "training": None,
    }


@every_family
def test_longer_runs_repeat_and_go_on_exactly(folder: Path, family: str, tmp_path: Path) -> None:
    def stop(event: Event) -> Answer:
        return Stop(Message("stop")) if isinstance(event, Stepped) and event.step == 2 else None

    run = finished(folder, family)
    longer = train(resume=run, steps=STEPS + 4, out=tmp_path / "longer")
    again = replay(longer.path, out=tmp_path / "again")
    assert weights(again.model("last")) == weights(longer.model("last"))
    cut = train(resume=run, steps=STEPS + 4, out=tmp_path / "cut", listeners=[stop])
    cut.folder.status("stopped", 2)
    resumed = resume(cut.path)
    assert weights(resumed.model("last")) == weights(longer.model("last"))
    further = train(resume=longer, steps=STEPS + 6, out=tmp_path / "further")
    assert further.result["steps"] == 2 and trained_in_all(further)["steps"] == STEPS + 6


@every_family
def test_every_family_begins_from_another_run(folder: Path, family: str, tmp_path: Path) -> None:
    run = finished(folder, family)
    out = tmp_path / "tuned"
    tuned = train(run.recipe.preset, data=run.recipe.data.name, start=run, steps=1, out=out)
    assert tuned.recipe.model == run.recipe.model and tuned.recipe.size == "tiny"
    assert tuned.provenance["base"]["model_sha256"] == weights(run.model())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"steps": 6}, "has made 6 steps, and steps counts all: steps=12 trains it for 6 more"),
        ({"steps": 1}, "steps=7 trains it for 1 more"),
        ({"budget": 0.001}, r"and budget counts all: budget=\d+s trains it for 0 s more"),
        ({"steps": 9, "seed": 3}, "resume takes everything from its run; leave out seed"),
        ({"out": "x"}, "resume takes everything from its run; leave out out"),
    ],
)
def test_less_than_was_done_is_refused(
    folder: Path, more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        train(resume=finished(folder, "vae"), **more)
    assert not any(tmp_path.iterdir())


def test_a_budget_trains_on_too(folder: Path, tmp_path: Path) -> None:
    run, told = finished(folder, "vae"), []
    seconds = run.result["elapsed_s"] + 3
    longer = train(resume=run, budget=seconds, notify=told.append)
    assert longer.recipe.training.budget == pytest.approx(3, abs=0.01)
    assert longer.result["steps"] > 0 and "for 3 s more" in told[0].text()
    assert command_of(longer).startswith("olaria train --resume vae --budget ")


def test_an_unfinished_run_keeps_its_end(folder: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> Answer:
        return Stop(Message("stop")) if isinstance(event, Stepped) and event.step == 2 else None

    run = train(
        "vae-mnist", data="digits", size="tiny", steps=5, out=tmp_path / "r", listeners=[stop]
    )
    run.folder.status("stopped", 2)
    for more in ({"steps": 40}, {"budget": 60}):
        with pytest.raises(UsageError, match=r"is not finished and goes on to its own end \(5\)"):
            train(resume=run, **more)
    assert train(resume=run, steps=5).result["steps"] == 5  # its own end


def test_settings_of_the_loss_may_change_and_those_of_the_network_not(
    folder: Path, tmp_path: Path
) -> None:
    run = finished(folder, "vae")
    where: dict[str, Any] = {"data": "digits", "start": run, "steps": 2}
    freer = train("vae-mnist", settings=["model.beta=0.5"], out=tmp_path / "a", **where)
    assert freer.recipe.model.beta == 0.5  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="a tuned model has its base's form"):
        train("vae-mnist", settings=["model.latent=3"], **where)
    with pytest.raises(UsageError, match="is a vae and ae-mnist trains a autoencoder"):
        train("ae-mnist", **where)
    with pytest.raises(UsageError, match="lora_rank is for models of text"):
        train("vae-mnist", lora_rank=2, **where)
    with pytest.raises(RunError, match="was trained on images of 1×8×8 and these are 1×16×16"):
        train("vae-mnist", resize=16, **where)


def test_a_base_that_was_moved(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished(folder, "vae").path, tmp_path / "here" / "vae")
    longer = train(resume=run, steps=STEPS + 2, out=tmp_path / "here" / "longer")
    shutil.move(tmp_path / "here", tmp_path / "there")
    there = Run(tmp_path / "there" / "longer")
    again = replay(there.path, out=tmp_path / "again")  # found beside it
    assert weights(again.model("last")) == weights(there.model("last"))
    base = shutil.move(tmp_path / "there" / "vae", tmp_path / "elsewhere")
    with pytest.raises(MissingError, match=r"tuned from vae, which is not at .*start=RUN"):
        train(replay=there, out=tmp_path / "third")
    assert not (tmp_path / "third").exists()
    with pytest.raises(RunError, match="has changed since run longer was tuned from it"):
        train(replay=there, start=longer_of(folder), out=tmp_path / "third")
    assert train(replay=there, start=base, out=tmp_path / "third").state == "done"
    assert longer.name == "longer"


def longer_of(folder: Path) -> Path:
    if not (folder / "another").exists():
        train("vae-mnist", data="digits", size="tiny", steps=2, out=folder / "another")
    return folder / "another"


def test_the_shell_says_that_there_is_nothing_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(folder, "vae")
    assert main(["train", "--resume", str(run.path)]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert f"--resume {run.path} --steps 12" in told.err
    assert main(["train", "--resume", str(run.path), "--steps", "8", "--lang", "pt"]) == 0
    assert "uma nova execução começa dos últimos pesos dela" in capsys.readouterr().err
    assert set(FAMILIES) - {"bigram"} <= set(MODELS)
