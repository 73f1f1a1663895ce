"""A run that ends after so many times over its training data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import main
from olaria.data import load
from olaria.errors import UsageError
from olaria.workflows.running import replay
from olaria.workflows.train import TrainRequest, train

pytestmark = pytest.mark.usefixtures("seldom")

SMALL: dict[str, Any] = {"size": "tiny", "settings": ["training.batch_size=300"]}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_text("o oleiro gira o barro e o barro gira o oleiro\n" * 100, "utf-8")
    return path


@pytest.mark.parametrize("epochs", [1, 2, 0.5])
def test_an_epoch_of_images_is_every_whole_batch_once(tmp_path: Path, epochs: float) -> None:
    run = train("ae-mnist", data="digits", epochs=epochs, out=tmp_path / "r", **SMALL)
    batches = len(load("digits", offline=True).train) // 300
    assert run.result["steps"] == run.recipe.training.steps == round(epochs * batches)
    assert run.result["epochs"] == pytest.approx(epochs, abs=0.2)


def test_several_updates_in_a_step_are_counted(tmp_path: Path) -> None:
    settings = [*SMALL["settings"], "model.discriminator_updates=2"]
    words = {"data": "digits", "size": "tiny", "settings": settings, "out": tmp_path / "r"}
    run = train("gan-mnist", epochs=2, **words)
    assert run.result["epochs"] == 2.0


def test_an_epoch_of_text_is_as_many_windows_as_hold_it(text: Path, tmp_path: Path) -> None:
    settings = ["training.batch_size=4", "model.context=16"]
    words = {"data": text, "size": "tiny", "settings": settings, "out": tmp_path / "r"}
    run = train("gpt-shakespeare", epochs=1, **words)
    tokens = run.provenance["data"]["sizes"]["train"]
    assert run.result["steps"] == round(tokens / (4 * 16))
    again = replay(run.path, out=tmp_path / "again")
    assert again.result["steps"] == run.result["steps"]


def test_the_smallest_part_of_an_epoch_is_a_step(tmp_path: Path) -> None:
    run = train("ae-mnist", data="digits", epochs=1e-9, out=tmp_path / "r", **SMALL)
    assert run.result["steps"] == 1


@pytest.mark.parametrize("other", [{"steps": 3}, {"budget": "3s"}, {"resume": "auto"}])
def test_one_end_at_a_time(other: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"give .*epochs.*, not both"):
        TrainRequest.of(preset="ae-mnist", epochs=2, **other)


def test_a_run_that_is_gone_on_with_has_its_own_end() -> None:
    for fixed in ("resume", "replay"):
        with pytest.raises(UsageError, match="takes everything from its run; leave out epochs"):
            TrainRequest.of(**{fixed: "run"}, epochs=2)


@pytest.mark.parametrize("epochs", ["0", "-1", "nan", "many"])
def test_impossible_epochs(epochs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "ae-mnist", "--epochs", epochs]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1 and "--epochs cannot be" in told.err
