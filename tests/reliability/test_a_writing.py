"""Group A of docs/reliability.md: whatever ends a write, what was whole before is whole after."""

from __future__ import annotations

import errno
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import olaria
from olaria.errors import DamagedError, RunError, StorageError
from olaria.i18n import Message
from olaria.recipes.training import TrainingConfig
from olaria.storage import checkpoint, files
from olaria.storage.background import Background
from olaria.storage.checkpoint import load_checkpoint, save_checkpoint
from olaria.storage.files import append_line, read_json, read_lines, write_atomic, write_json
from olaria.storage.folder import RunFolder
from olaria.training import sizing
from olaria.training.estimate import Memory
from olaria.training.events import Event, Finished, Saving, Warned
from olaria.training.recorder import Recorder

KILLS = 50
NUM_WEIGHTS = 50_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")
pytestmark = pytest.mark.usefixtures("synced_disk")


def tensors(value: float, count: int = 8) -> dict[str, dict[str, torch.Tensor]]:
    """Those of a checkpoint, all of one value."""
    return {name: {"w": torch.full((count,), value)} for name in ("model", "training")}


def save(run: RunFolder, step: int, **options: Any) -> list[Path]:
    """A checkpoint whose tensors tell its step."""
    options = {"best": False, "keep_last": 2, **options}
    return run.save_checkpoint(step, tensors(step), {"step": step}, **options)


def saving(step: int, *, best: bool = False) -> Saving:
    content, state = tensors(step), {"step": step, "changes": []}
    return Saving(step=step, elapsed_s=0.0, best=best, tensors=content, state=state)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with a checkpoint of step 20."""
    folder = RunFolder(tmp_path / "run")
    folder.create({"format": 1}, {})
    save(folder, 20)
    return folder


# -- A1, A3 to A5: order and failures -------------------------------------------------------------


@pytest.mark.parametrize("failure", [MemoryError, KeyboardInterrupt, RuntimeError])
def test_a1_a_save_that_raises_halfway_leaves_nothing(
    run: RunFolder, failure: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def cut(content: object) -> bytes:
        calls.append(1)
        if len(calls) == 2:
            raise failure
        return b"half"

    monkeypatch.setattr("safetensors.torch.save", cut)
    with pytest.raises(failure):
        save(run, 30)
    assert len(calls) == 2
    assert names(run.path / "checkpoints") == {"step-000020", "last.json"}
    assert run.load_checkpoint()[1] == {"step": 20}


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a3_a_failed_overwrite_leaves_the_old_bytes(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path / "last.json", {"step": 20})
    before = (tmp_path / "last.json").read_bytes()

    def refuse(*words: Any, **options: Any) -> None:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(*((os, "fsync", refuse) if name == "fsync" else (Path, "replace", refuse)))
    with pytest.raises(StorageError, match="broken disk"):
        write_json(tmp_path / "last.json", {"step": 30})
    assert (tmp_path / "last.json").read_bytes() == before and names(tmp_path) == {"last.json"}


def test_a4_a_half_checkpoint_is_passed_over_and_named(run: RunFolder) -> None:
    save(run, 30)
    (run.path / "checkpoints" / "step-000030" / "manifest.json").unlink()
    for junk in ("step-000099.old", "step-x", ".step-000098.tmp"):
        (run.path / "checkpoints" / junk).mkdir()
    assert run.checkpoint_path("last").name == run.checkpoint_path().name == "step-000020"
    assert [path.name for path in run.half_checkpoints()] == ["step-000030"]
    with pytest.raises(RunError, match="it has: 20"):
        run.load_checkpoint(30)


def test_a4_the_newest_complete_is_the_last_whatever_the_pointer_says(run: RunFolder) -> None:
    pointer = (run.path / "checkpoints" / "last.json").read_bytes()
    save(run, 30)
    (run.path / "checkpoints" / "last.json").write_bytes(pointer)  # killed before it was moved
    assert run.load_checkpoint("last")[1] == {"step": 30}


def test_a5_what_is_published_is_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        done.append("publish " + target.name)
        return replace(self, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are Linux's to tell")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    save_checkpoint(tmp_path / "checkpoints" / "step-000001", tensors(1), {})
    published = [step.removeprefix("publish ") for step in done if step.startswith("publish")]
    assert published == ["model.safetensors", "training.safetensors", "state.json", "manifest.json"]
    for name in published:
        place = done.index(f"publish {name}")
        assert done[place - 1].startswith(f"sync .{name}.")
        assert done[place + 1] == "sync step-000001"
    assert done[-1] == "sync checkpoints"


# -- A2: the process is killed --------------------------------------------------------------------


def saves_for_ever(path: Path, first: int, acknowledged: Any) -> None:
    """Saves one step after the other, and tells each that returned."""
    run = RunFolder(path)
    content = {
        "model": {"w": torch.empty(NUM_WEIGHTS)},
        "training": {"m": torch.empty(NUM_WEIGHTS)},
    }
    for step in range(first, first + 10_000):
        for group in content.values():
            for tensor in group.values():
                tensor.fill_(step)
        state = {"step": step, "best_step": step - step % 3}
        run.save_checkpoint(step, content, state, best=step % 3 == 0, keep_last=1)
        append_line(path / "metrics.jsonl", {"step": step})
        acknowledged.value = step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a2_a_killed_saver_always_leaves_its_last_complete_checkpoint(
    tmp_path: Path, record_property: Any
) -> None:
    context = multiprocessing.get_context("fork")
    draw = random.Random(0)
    run = RunFolder(tmp_path / "run")
    run.create({"format": 1}, {})
    acknowledged, halves = context.Value("q", 0, lock=False), 0
    for _ in range(KILLS):
        first = acknowledged.value + 1
        child = context.Process(target=saves_for_ever, args=(run.path, first, acknowledged))
        child.start()
        while acknowledged.value < first:  # at least one more, or nothing would be tested
            assert child.is_alive()
            time.sleep(0.001)
        time.sleep(draw.uniform(0.0, 0.03))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        halves += len(run.half_checkpoints())
        loaded, state = run.load_checkpoint("last")
        assert state["step"] in (acknowledged.value, acknowledged.value + 1)
        for group in loaded.values():
            assert all(bool((tensor == state["step"]).all()) for tensor in group.values())
        run.mend_best(state["best_step"])
        if state["best_step"]:
            assert run.load_checkpoint("best")[1]["step"] == state["best_step"]
        assert [line["step"] for line in read_lines(run.path / "metrics.jsonl")][-1] in (
            state["step"], state["step"] - 1,
        )  # fmt: skip
        acknowledged.value = state["step"]
    saves = acknowledged.value
    record_property("figure", f"A2: {KILLS} kills survived, {saves} saves, {halves} half written")
    assert halves > 0, "no kill came while a checkpoint was being written"


# -- A6, A7, A8: where it is written --------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "olaria-test", str(place)], capture_output=True
    )
    if done.returncode != 0:
        pytest.skip("a disk may not be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a6_another_file_system_for_temporary_files_does_not_matter(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert small_disk.stat().st_dev != tmp_path.stat().st_dev
    run = RunFolder(small_disk / "run")
    save(run, 1)
    assert run.load_checkpoint()[1] == {"step": 1}


def test_a7_a_full_disk_is_told_in_numbers_and_leaves_what_was_there(small_disk: Path) -> None:
    run = RunFolder(small_disk / "run")
    run.create({"format": 1}, {})
    for step in range(3):
        run.append("metrics.jsonl", row(step))
    save(run, 20)
    with pytest.raises(StorageError) as refused:
        run.save_checkpoint(30, tensors(30.0, 7_500_000), {}, best=False, keep_last=1)
    assert "it takes 30.0 MB and " in str(refused.value) and "model.safetensors" in str(
        refused.value
    )
    assert 0 < refused.value.message.fields["free"] < 21
    assert names(run.path / "checkpoints") == {"step-000020", "last.json"}
    assert run.load_checkpoint()[1] == {"step": 20}
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(StorageError, match="no space left"):
        for step in range(3, 4000):
            run.append("metrics.jsonl", row(step))
    steps = [line["step"] for line in run.lines("metrics.jsonl")]
    assert steps == list(range(len(steps))) and len(steps) >= 3
    (small_disk / "filler").unlink()
    run.append("metrics.jsonl", row(len(steps)))
    assert len(run.lines("metrics.jsonl")) == len(steps) + 1


def row(step: int) -> dict[str, Any]:
    return {"step": step, "split": "train", "values": {}}


@posix
def test_a7_a_limit_on_the_size_of_files_is_told(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match="no space left"):
            save_checkpoint(tmp_path / "c", tensors(1.0, 30_000), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "c").exists()


def test_a8_a_disk_that_cannot_hold_the_checkpoints_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(0, 0, 10_000_000, 0, 0, 20_000_000, 10_000_000, 0, 0, 0)
    asked: list[Path] = []

    def free(path: Path) -> int:
        asked.append(path)
        return 159_000_000

    monkeypatch.setattr(sizing, "free_bytes", free)
    training = TrainingConfig(steps=1)
    [warning] = sizing.room(memory, tmp_path / "run", training)
    assert asked == [tmp_path / "run"], "the disk of the run, not another"
    assert "will take about 160.0 MB and 159.0 MB are free" in warning.text("en")
    training = training.updated("keep_last", 1)
    assert sizing.room(memory, tmp_path, training) == []
    [warning] = sizing.room(memory, tmp_path, training.updated("keep_spaced", True))
    assert "will take about 200.0 MB" in warning.text("en"), "eight times the weights more"


def test_a8_free_space_is_that_of_the_place_itself(small_disk: Path) -> None:
    assert files.free_bytes(small_disk / "not" / "yet") <= 20 * 2**20


# -- A9: what is kept -----------------------------------------------------------------------------


def test_a9_nothing_old_goes_before_the_new_is_durable(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    removed, published = checkpoint.remove, write_json

    def remove(folder: Path) -> None:
        order.append(f"remove {folder.name}")
        removed(folder)

    def publish(path: Path, value: Any) -> None:
        published(path, value)
        order.append(f"publish {path.name}")

    monkeypatch.setattr(checkpoint, "remove", remove)
    monkeypatch.setattr(checkpoint, "write_json", publish)
    save(run, 30, keep_last=1)
    assert order == ["publish state.json", "publish manifest.json", "remove step-000020"]


def test_a9_a_save_that_fails_drops_nothing(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StorageError("full")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    for step in (30, 40, 50):
        with pytest.raises(StorageError):
            save(run, step, keep_last=1)
    assert run.checkpoint_steps() == [20]


def test_a9_what_cannot_be_deleted_is_a_warning(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "held by another program", str(path))

    recorder = Recorder(run, keep_last=1)
    monkeypatch.setattr(shutil, "rmtree", refuse)
    answer = recorder(saving(30))
    assert isinstance(answer, Warned) and "step-000020" in answer.message.text("en")
    assert run.checkpoint_steps() == [30], "one that is deleted in part counts as none"


# -- A10, A11: in the background ------------------------------------------------------------------


def test_a10_a_snapshot_is_of_the_moment_it_was_asked_for(run: RunFolder) -> None:
    recorder = Recorder(run, keep_last=2, in_background=True)
    event = saving(30)
    recorder(event)
    event.tensors["model"]["w"].fill_(-1.0)
    event.state["changes"].append("later")
    recorder.close()
    loaded, state = run.load_checkpoint("last")
    assert loaded["model"]["w"].tolist() == [30.0] * 8 and state["changes"] == []


def finished() -> Event:
    return Finished(step=40, elapsed_s=0.0, reason=Message("end"), train_s=1.0, rate=1.0, final={})


@pytest.mark.parametrize("then", [saving(40), finished()], ids=["next save", "end"])
def test_a11_a_failure_in_the_background_is_raised(
    run: RunFolder, then: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StorageError("full")

    recorder = Recorder(run, keep_last=1, in_background=True)
    monkeypatch.setattr(checkpoint, "write_bytes", full)
    assert recorder(saving(30, best=True)) is None
    with pytest.raises(StorageError, match="full"):
        recorder(then)
    recorder.close()
    assert (
        run.checkpoint_steps() == [20]
        and read_json(run.path / "checkpoints" / "last.json")["step"] == 20
    )
    assert not (run.path / "checkpoints" / "best.json").exists()


def test_a11_work_is_done_one_after_the_other() -> None:
    background: Background[int] = Background()
    assert background.settle() is None
    background.begin(lambda: 3)
    assert background.settle() == 3 and background.settle() is None
    background.close()


# -- A12 to A15 -----------------------------------------------------------------------------------


@posix
def test_a12_a_file_that_is_mapped_may_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(100_000)}, path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        old = load_file(path)["w"]
        content = mapped[:]
        write_atomic(path, lambda place: save_file({"w": torch.ones(10)}, place))
        assert mapped[:] == content
        assert not old.any() and len(old) == 100_000
    assert load_file(path)["w"].tolist() == [1.0] * 10


def test_a14_a_second_writer_is_refused_with_the_pid_of_the_first(run: RunFolder) -> None:
    run.status("stopped", 20)
    (run.path / "status.json").write_text(
        (run.path / "status.json").read_text().replace(str(os.getpid()), "1")
    )
    with run.locked(), pytest.raises(RunError) as refused, RunFolder(run.path).locked():
        pass
    assert f"is being written by process {os.getpid()};" in str(refused.value)
    assert read_json(run.path / "status.json")["state"] == "stopped"
    with run.locked():
        pass


def test_a_damaged_checkpoint_names_the_others(run: RunFolder) -> None:
    save(run, 30)
    path = run.path / "checkpoints" / "step-000030" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedError, match=r"is damaged.*has others: 20 .*delete .*step-000030"):
        run.load_checkpoint("last")
    assert load_checkpoint(run.checkpoint_path(20))[1] == {"step": 20}


CHOOSE = """
import sys
from types import SimpleNamespace
from olaria.storage.new import new_folder
from olaria.workflows.files import new_place

request = SimpleNamespace(out=None, overwrite=False)
sys.stdin.readline()
for _ in range(10):
    with new_folder("vae") as path:
        (path / "recipe.json").write_text("{}")
    with new_place(request, "vae-samples", ".png") as picture:
        picture.write_text("x")
    print(path.name, picture.name)
"""


def test_a15_processes_that_choose_a_name_at_once_get_different_ones(tmp_path: Path) -> None:
    (tmp_path / "runs" / "vae").mkdir(parents=True)  # its writer was killed before it wrote
    (tmp_path / "vae-samples.png").touch()
    env = {**os.environ, "OLARIA_RUNS": "runs", "PYTHONPATH": str(Path(olaria.__file__).parents[1])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CHOOSE],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    chosen = [line.split() for writer in writers for line in writer.communicate()[0].splitlines()]
    names = {f"vae-{number}" for number in range(2, 42)}
    assert len(chosen) == 40
    assert {run for run, _ in chosen} == names
    assert {picture for _, picture in chosen} == {f"vae-samples-{n}.png" for n in range(2, 42)}
