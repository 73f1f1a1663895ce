"""The run folder: names, locks, logs, pointers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from olaria.errors import RunError, StorageError
from olaria.storage.checkpoint import is_thin, thin
from olaria.storage.folder import RunFolder, find_run, is_run, list_runs
from olaria.storage.new import new_folder

pytestmark = pytest.mark.usefixtures("synced_disk")

TENSORS = {"model": {"w": torch.ones(1)}}


def made(path: Path) -> RunFolder:
    """A run with an empty recipe."""
    run = RunFolder(path)
    run.create({"preset": "x"}, {"torch": "0"})
    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs lie."""
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_a_run_is_made_found_and_listed(home: Path) -> None:
    made(home / "vae-mnist")
    made(home / "demo" / "gan")
    (home / "notes").mkdir()
    assert is_run(home / "vae-mnist") and not is_run(home / "notes")
    assert list_runs() == [home / "demo" / "gan", home / "vae-mnist"]
    assert find_run("vae-mnist") == find_run(home / "vae-mnist") == home / "vae-mnist"


def test_an_unknown_name_offers_the_nearest(home: Path) -> None:
    with pytest.raises(RunError, match="no runs"):
        find_run("vae-mnist")
    made(home / "vae-mnist")
    with pytest.raises(RunError, match="did you mean vae-mnist"):
        find_run("vae-mnits")


def test_a_free_name_is_taken_where_it_is_chosen(home: Path) -> None:
    with new_folder("vae") as one, new_folder("vae") as two:  # nothing is written yet
        assert (one, two) == (home / "vae", home / "vae-2")
        assert one.is_dir() and two.is_dir()
    made(home / "gan")
    (home / "gan-2").symlink_to(home / "gone")
    with new_folder("gan") as three:
        assert three == home / "gan-3"


def test_names_chosen_by_many_threads_differ(home: Path) -> None:
    def choose(_: int) -> Path:
        with new_folder("vae") as path:
            return path

    with ThreadPoolExecutor(8) as pool:
        chosen = list(pool.map(choose, range(40)))
    assert len(set(chosen)) == 40
    assert {*home.iterdir()} == {*chosen}


@pytest.mark.parametrize("error", [RunError("no"), KeyboardInterrupt()])
def test_a_name_that_nothing_was_written_to_is_given_back(home: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), new_folder("vae") as path, RunFolder(path).locked():
        raise error
    assert not (home / "vae").exists()
    with pytest.raises(type(error)), new_folder("vae") as path:
        made(path)
        raise error
    assert is_run(home / "vae")
    (home / "mine").mkdir()
    with pytest.raises(type(error)), new_folder("vae", home / "mine"):
        raise error
    assert (home / "mine").is_dir()  # the user's, though empty


def test_a_home_of_runs_that_cannot_be_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file")
    with pytest.raises(StorageError, match="runs"), new_folder("vae"):
        pass
    monkeypatch.setenv("OLARIA_RUNS", str(home.parent / "other"))
    with new_folder("é" * 200) as path:  # 400 bytes
        assert path.is_dir()
    with new_folder("é" * 200) as path:
        assert path.name.endswith("-2")


def test_a_taken_place_is_refused_and_left_as_it_is(home: Path) -> None:
    made(home / "a")
    with pytest.raises(RunError, match="already holds a run"):
        made(home / "a")
    (home / "b").mkdir()
    (home / "b" / "thesis.txt").write_text("dear")
    with pytest.raises(RunError, match="not empty"):
        made(home / "b")
    assert [path.name for path in (home / "b").iterdir()] == ["thesis.txt"]
    (home / "c").mkdir()
    made(home / "c")


def test_status_is_as_designed(home: Path) -> None:
    run = made(home / "a")
    run.status("done", 7)
    status = run.read("status.json")
    assert status.keys() == {"format", "state", "pid", "step"}
    assert (status["format"], status["state"], status["step"]) == (1, "done", 7)


def test_a_log_forgets_what_came_after_a_step(home: Path) -> None:
    run = made(home / "a")
    for step in (1, 2, 2, 3, 5):
        run.append("metrics.jsonl", {"step": step, "split": "train", "values": {}})
    run.truncate("metrics.jsonl", 2)
    assert [line["step"] for line in run.lines("metrics.jsonl")] == [1, 2, 2]
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "val')  # a crash
    run.truncate("metrics.jsonl", 2)
    run.append("metrics.jsonl", {"step": 3, "split": "train", "values": {}})
    assert [line["step"] for line in run.lines("metrics.jsonl")] == [1, 2, 2, 3]
    run.truncate("events.jsonl", 2)
    assert run.lines("events.jsonl") == []


def test_samples_are_in_the_order_of_their_steps(home: Path) -> None:
    run = made(home / "a")
    for step in (2_000_000, 5, 40):
        run.sample_path(step, "png").touch()
    names = [path.name for path in run.samples()]
    assert names == ["step-000005.png", "step-000040.png", "step-2000000.png"]


def test_checkpoints_by_name_and_number(home: Path) -> None:
    run = made(home / "a")
    with pytest.raises(RunError, match="no complete checkpoint"):
        run.checkpoint_path()
    for step, best in ((5, False), (10, True), (15, False)):
        run.save_checkpoint(step, TENSORS, {}, best=best, keep_last=5)
    expected = {None: 10, "best": 10, "last": 15, 5: 5, "5": 5, "000005": 5}
    for which, step in expected.items():
        assert run.checkpoint_path(which).name == f"step-{step:06d}"
    for which in (7, "7", "worst", "-5"):
        with pytest.raises(RunError, match="5, 10, 15"):
            run.checkpoint_path(which)


def test_without_a_best_the_last_is_read(home: Path) -> None:
    run = made(home / "a")
    for step in (5, 10):
        run.save_checkpoint(step, TENSORS, {}, best=False, keep_last=5)
    assert run.checkpoint_path().name == "step-000010"
    with pytest.raises(RunError):
        run.checkpoint_path("best")


def test_steps_are_ordered_as_numbers(home: Path) -> None:
    run = made(home / "a")
    for step in (999_999, 1_000_000, 1_000_001):
        run.save_checkpoint(step, TENSORS, {}, best=False, keep_last=2)
    assert run.checkpoint_steps() == [1_000_000, 1_000_001]


def test_spaced_checkpoints_stay_as_weights_alone(home: Path) -> None:
    run = made(home / "a")
    tensors = {name: {"w": torch.ones(2)} for name in ("model", "ema", "training")}
    for step in (1, 4, 10, 16, 20, 30):
        run.save_checkpoint(step, tensors, {}, best=step == 4, keep_last=2, keep_spaced=True)
    assert run.checkpoint_steps() == [1, 4, 16, 20, 30]
    kept = {step: run.load_checkpoint(step)[0].keys() for step in run.checkpoint_steps()}
    whole, thin = {"model", "ema", "training"}, {"ema"}
    assert kept == {1: thin, 4: whole, 16: thin, 20: whole, 30: whole}
    assert run.checkpoint_path().name == "step-000004", "the best is whole"
    assert not run.at("checkpoints", "step-000001", "training.safetensors").exists()
    assert [is_thin(run.checkpoint_path(step)) for step in (1, 4)] == [True, False]


def test_a_checkpoint_that_a_crash_left_half_thinned_is_complete(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(home / "a")
    run.save_checkpoint(
        1, {"model": {"w": torch.ones(2)}, "training": {}}, {}, best=False, keep_last=1
    )

    def crash(*_: object, **__: object) -> None:
        raise PermissionError

    folder = run.checkpoint_path(1)
    with monkeypatch.context() as patch, pytest.raises(StorageError):
        patch.setattr(Path, "unlink", crash)
        thin(folder)
    assert run.load_checkpoint(1)[0].keys() == {"model"}
    thin(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "model.safetensors",
        "state.json",
    ]


def test_a_step_is_written_once_and_may_become_the_best_later(home: Path) -> None:
    run = made(home / "a")
    for value, best in ((1.0, False), (2.0, True)):
        tensors = {"model": {"w": torch.full((2,), value)}}
        run.save_checkpoint(5, tensors, {"best": best}, best=best, keep_last=1)
    loaded, state = run.load_checkpoint("best")
    assert loaded["model"]["w"].tolist() == [1.0, 1.0] and state == {"best": False}


def test_a_second_writer_that_comes_at_once_knows_no_process(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "vae")
    with run.locked(), pytest.raises(RunError) as refused, RunFolder(run.path).locked():
        pass
    assert "is being written by another process; wait" in refused.value.message.text("en")
    assert "gravada por outro processo; espere" in refused.value.message.text("pt")
