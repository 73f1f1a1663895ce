"""What the machine allows, and what is refused before data is read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from olaria.data.base import TextData
from olaria.errors import ResourceError
from olaria.i18n import Message
from olaria.recipes import Recipe, preset
from olaria.training import machine, sizing
from olaria.training.events import Stepped, Warned
from olaria.training.feed import TextFeed
from olaria.training.sizing import Notes, held_bytes, refuse_absurd, size_up
from olaria.workflows.train import train

GB = 10**9


def recipe(*settings: str, name: str = "gpt-shakespeare", size: Any = "tiny") -> Recipe:
    return preset(name, size).ending(10, None).with_settings(list(settings))


def text(count: int) -> TextData:
    content = ("o barro gira " * (count // 13 + 1))[:count]
    return TextData("x", "x", content, content[:50], "user file", "0", "", "")


def sized(made: Recipe, count: int = 20_000) -> sizing.Sized:
    feed = TextFeed(torch.arange(count) % 11, 32, made.training.batch_size, 0)
    return size_up(made, 11, feed, text(count), 4)


def words(notes: tuple[Message, ...]) -> str:
    return " | ".join(note.text() for note in notes)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the memory that the machine is said to have."""
    return lambda size: monkeypatch.setattr(machine, "memory_limit_bytes", lambda: size)


@pytest.mark.parametrize(
    "setting", ["model.width=1000000", "model.num_layers=1000000", "model.context=100000000"]
)
def test_c5_the_absurd_is_refused_before_data_is_read(
    setting: str, tmp_path: Path, memory: Any
) -> None:
    memory(16 * GB)
    missing = str(tmp_path / "missing.txt")  # were it looked for, the error would be another
    words = {"data": missing, "steps": 1, "settings": [setting], "out": tmp_path / "run"}
    times: list[float] = []
    for _ in range(3):  # the first time pays for imports
        began = time.process_time()
        with pytest.raises(ResourceError) as refused:
            train("gpt-shakespeare", **words)
        times.append(time.process_time() - began)
    assert min(times[1:]) < 1
    line = str(refused.value)
    assert "\n" not in line and ("size" in line or "layers" in line)
    assert not (tmp_path / "run").exists()


def test_what_depends_on_the_data_is_refused_once_it_is_known(memory: Any) -> None:
    memory(8 * GB)
    refuse_absurd(recipe("training.batch_size=1000000"))
    with pytest.raises(ResourceError):
        sized(recipe("training.batch_size=1000000"))
    with pytest.raises(ResourceError):
        size_up(recipe(), 10**8, TextFeed(torch.arange(100), 32, 1, 0), text(100), 1)


def test_what_is_ordinary_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = sizing.build_model

    def noted(made: Recipe, dimensions: Any) -> Any:
        built.append(made.preset)
        return build(made, dimensions)

    monkeypatch.setattr(sizing, "build_model", noted)
    refuse_absurd(recipe("model.width=64"))
    found = sized(recipe("model.width=64"))
    assert len(built) == 1 and found.model is not None
    ours, fresh = (one.state_dict() for one in (found.model, build(recipe("model.width=64"), 11)))
    assert all(torch.equal(ours[name], fresh[name]) for name in fresh)
    assert all(p.grad is None and p.requires_grad for p in found.model.parameters())


def test_what_is_far_beyond_the_sizes_is_built_without_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for setting in ("model.num_layers=100", "model.context=100000"):
        with pytest.raises(AssertionError, match="was built"):
            monkeypatch.setattr(sizing, "without_content", _complain)
            refuse_absurd(recipe(setting))
    assert sizing._small(recipe(), 10**8) is None
    assert sizing._small(recipe("model.num_layers=100"), 11) is None


def _complain(build: Any, limit: int | None, **_: object) -> None:
    raise AssertionError("it was built without content")


def test_a_tight_machine_is_warned_of(memory: Any) -> None:
    memory(64 * GB)
    plenty = sized(recipe())
    assert plenty.memory is not None and plenty.notes == ()
    memory(round(plenty.memory.total / 0.9))
    assert "close other programs" in words(sized(recipe()).notes)
    memory(plenty.memory.total - 1)
    with pytest.raises(ResourceError):
        sized(recipe())
    memory(None)
    assert sized(recipe()).notes == ()


def test_a_model_too_large_for_its_text_is_noted() -> None:
    assert "size=tiny suits it better" in words(sized(recipe(size="small")).notes)
    assert "size=tiny" in words(sized(recipe(name="gpt2-shakespeare", size="small")).notes)
    assert sized(recipe(size="small"), 500_000).notes == ()
    assert sized(recipe(name="bigram-shakespeare"), 100).notes == ()


def test_what_is_held_counts_once() -> None:
    tensor, content = torch.zeros(100), "x" * 1000
    assert held_bytes({"a": tensor, "b": [tensor, tensor], "c": None, "d": 3}) == 400
    assert 1000 <= held_bytes((content, content)) < 1100
    assert held_bytes(text(500)) > 500


def test_notes_are_told_once_one_after_the_other() -> None:
    event = Stepped(step=3, elapsed_s=1, fraction=0, learning_rate=0, values={}, rate=0, eta_s=0)
    notes = Notes([Message("a"), Message("b")])
    told = [notes(event) for _ in range(4)]
    messages = [answer.message.id for answer in told if isinstance(answer, Warned)]
    assert messages == ["a", "b"] and told[2:] == [None, None]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "500\n"}, [500]),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, []),
        ({"sys/fs/cgroup/memory.max": "700"}, [700]),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/x\n",
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "300\n",
            },
            [300],
        ),
    ],
)
def test_limits_of_control_groups(
    files: dict[str, str], expected: list[int], tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert sorted(set(machine._group_limits(tmp_path))) == expected


def test_the_limit_is_the_smallest_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: 1000)
    monkeypatch.setattr(machine, "_group_limits", lambda: [2000, 700])
    assert machine.memory_limit_bytes() == 700
    monkeypatch.setattr(machine, "_group_limits", list)
    assert machine.memory_limit_bytes() == 1000
    monkeypatch.setattr(machine, "memory_bytes", lambda: None)
    assert machine.memory_limit_bytes() is None
