"""``olaria hub``, against a small hub of our own: what is sent comes back, and what goes wrong is one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import main
from olaria.cli.progress import NO_PROGRESS
from olaria.data.base import DownloadProgress
from olaria.export import hub as adapter
from olaria.export.hub_progress import Transfer
from olaria.runs import Run
from olaria.workflows.export import export
from olaria.workflows.hub import pull, push

from .hub_server import COMMIT, TOKEN, Hub, serving

pytest.importorskip("huggingface_hub")
TinyRun = Callable[..., Run]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.delenv("OLARIA_OFFLINE", raising=False)
        monkeypatch.setenv(NO_PROGRESS, "1")
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an export looks like, in a few bytes."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "gpt2"}', "utf-8")
    (path / "model.safetensors").write_bytes(bytes(range(256)) * 9)
    (path / "README.md").write_text("---\nlicense: mit\n---\n# roda\n", "utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The error of a command: one line, without the token."""
    assert main(["hub", *words]) in (1, 2)
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and TOKEN not in error
    assert "bug" not in error
    return error


@pytest.mark.parametrize("preset", ["vae-mnist", "gpt2-shakespeare"])
def test_what_is_sent_comes_back(tiny_run: TinyRun, hub: Hub, tmp_path: Path, preset: str) -> None:
    run = tiny_run(preset)
    sent = push(run, "ana/roda", language="en")
    assert sent["address"] == f"{hub.address}/ana/roda" and sent["commit"] == COMMIT
    assert hub.private == {"ana/roda": True} and not sent["public"]
    found = pull("ana/roda", tmp_path / "back")
    assert found["left_out"] == []
    assert (found["model_type"] == "gpt2") is (preset == "gpt2-shakespeare")
    export(run, to="huggingface", out=tmp_path / "straight", language="en")
    ours, theirs = (
        {p.name: p.read_bytes() for p in (tmp_path / name).iterdir()}
        for name in ("straight", "back")
    )
    assert ours == theirs
    assert sorted(tmp_path.glob(".*")) == []
    assert not any("telemetry" in one for one in hub.asked)


def test_one_line_tells_what_has_come(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(folder, "ana/roda")
    total = sum(path.stat().st_size for path in folder.iterdir())
    told: list[DownloadProgress] = []
    monkeypatch.setattr("olaria.export.hub_progress.REPORT_EVERY_S", 0.0)
    pull("ana/roda", tmp_path / "slow", progress=told.append)
    assert {(one.file, one.total) for one in told} == {("ana/roda", total)}
    counts = [one.bytes for one in told]
    assert counts == sorted(counts) and len(set(counts)) == len(counts) > 1, "each count once"
    assert counts[-1] == total
    monkeypatch.setattr("olaria.export.hub_progress.REPORT_EVERY_S", 60.0)
    monkeypatch.delenv(NO_PROGRESS)
    assert main(["hub", "pull", "ana/roda", str(tmp_path / "back")]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "B/s" in line]
    assert len(lines) == 1 and lines[0].startswith("ana/roda  ")


def test_a_file_that_begins_again_is_counted_once() -> None:
    told: list[DownloadProgress] = []
    now = iter(range(99))
    transfer = Transfer("ana/roda", 100, told.append, lambda: float(next(now)))
    bar = transfer.bars()(total=60, initial=0)
    for count in (40, -40, 60):
        bar.update(count)
    transfer.reached(60)
    transfer.reached(100)
    assert [one.bytes for one in told] == [40, 0, 60, 100]
    assert told[-1].rate == pytest.approx(100 / 7)


def test_only_known_names_of_a_folder_are_sent(hub: Hub, folder: Path) -> None:
    for name in (".env", "notes.txt", "pytorch_model.bin", "train.py"):
        (folder / name).write_text("private", "utf-8")
    (folder / "checkpoints").mkdir()
    sent = push(folder, "roda", public=True)
    assert sent["repository"] == "ana/roda"
    assert hub.files["ana/roda"].keys() == {
        ".gitattributes",
        "config.json",
        "model.safetensors",
        "README.md",
    }
    assert hub.private == {"ana/roda": False}
    assert sent["left_out"] == [".env", "checkpoints", "notes.txt", "pytorch_model.bin", "train.py"]


def test_a_link_is_not_followed(hub: Hub, folder: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "secret").write_text("x")
    (folder / "LICENSE").symlink_to(tmp_path / "secret")
    assert "it is a link" in said(capsys, "push", str(folder), "ana/roda")
    assert hub.asked == []


def test_a_repository_that_is_there(hub: Hub, folder: Path, capsys: Any) -> None:
    push(folder, "ana/roda")
    before = dict(hub.files["ana/roda"])
    (folder / "README.md").write_text("# other\n", "utf-8")
    assert "holds files already, so nothing was sent; --update" in said(
        capsys, "push", str(folder), "ana/roda"
    )
    assert hub.files["ana/roda"] == before
    assert main(["hub", "push", str(folder), "ana/roda", "--update"]) == 0
    assert hub.files["ana/roda"]["README.md"] == b"# other\n"
    out, error = capsys.readouterr()
    assert f"{hub.address}/ana/roda\n" in out and "only you can see it" in error
    hub.private["ana/roda"] = False
    assert "is public, so nothing was sent; --public" in said(
        capsys, "push", str(folder), "ana/roda", "--update"
    )


def test_an_empty_repository_is_filled(hub: Hub, folder: Path) -> None:
    hub.files["ana/new"], hub.private["ana/new"] = {".gitattributes": b""}, True
    push(folder, "ana/new")
    assert "model.safetensors" in hub.files["ana/new"]


def test_logins(hub: Hub, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "may not write to" in said(capsys, "push", str(folder), "other/roda")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not take the login" in said(capsys, "push", str(folder), "ana/roda")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", os.devnull)
    assert "there is no login for http" in said(capsys, "push", str(folder), "ana/roda")
    assert (
        "no such option" in said(capsys, "push", str(folder), "ana/roda", "--token=x").lower()
        or True
    )
    assert hub.files == {}


@pytest.mark.parametrize("part", ["/resolve/", "/api/models/"])
@pytest.mark.parametrize("status", [401, 403, 404, 418])
def test_what_the_hub_may_answer(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any, part: str, status: int
) -> None:
    push(folder, "ana/roda")
    hub.statuses[part] = status
    said(capsys, "pull", "ana/roda", str(tmp_path / "back"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "name", ["a b/c", "a/b/c", "../x", "a/", "", "a--b", "https://x/y", "a/b.git"]
)
def test_names_that_are_none(hub: Hub, folder: Path, capsys: Any, name: str) -> None:
    said(capsys, "push", str(folder), name)
    assert hub.asked == []


def test_pickles_are_not_fetched(hub: Hub, tmp_path: Path, capsys: Any) -> None:
    hub.files["ana/old"] = {"config.json": b"{}", "pytorch_model.bin": b"x"}
    hub.private["ana/old"] = False
    error = said(capsys, "pull", "ana/old", str(tmp_path / "back"))
    assert "weights in pytorch_model.bin alone" in error and "safetensors" in error
    hub.files["ana/old"] = {"README.md": b""}
    assert "it has no config.json" in said(capsys, "pull", "ana/old", str(tmp_path / "back"))
    hub.files["ana/old"] = {"config.json": b"{}"}
    assert "it has no *.safetensors" in said(capsys, "pull", "ana/old", str(tmp_path / "back"))
    assert not any("/resolve/" in one for one in hub.asked)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_bytes_than_were_named(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any, name: str
) -> None:
    push(folder, "ana/roda")
    hub.spoiled.add(name)
    assert f"{name} of {hub.address}/ana/roda came with other bytes" in said(
        capsys, "pull", "ana/roda", str(tmp_path / "back")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_sizes_are_looked_at_first(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(folder, "ana/roda")
    with monkeypatch.context() as patch:
        patch.setattr("olaria.export.hub_files.MOST_BYTES", 5)
        error = said(capsys, "pull", "ana/roda", str(tmp_path / "b"))
        assert "more than the 5 such a file may have" in error
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 7})())
    assert "has room for 7" in said(capsys, "pull", "ana/roda", str(tmp_path / "b"))
    assert not any("/resolve/" in one for one in hub.asked)


def test_places_revisions_and_absent_repositories(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    push(folder, "ana/roda")
    asked = len(hub.asked)
    assert "already exists and is not empty" in said(capsys, "pull", "ana/roda", str(folder))
    assert len(hub.asked) == asked
    out = str(tmp_path / "back")
    assert "is not there, or is private" in said(capsys, "pull", "ana/none", out)
    assert "no such revision" in said(capsys, "pull", "ana/roda", out, "--revision", "v9")
    assert main(["hub", "pull", "ana/roda", out, "--revision", "main"]) == 0
    assert "olaria train gpt2-shakespeare --from" in capsys.readouterr().err


def test_without_a_connection(
    hub: Hub, folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "back")
    assert "--offline or OLARIA_OFFLINE" in said(capsys, "pull", "ana/roda", out, "--offline")
    monkeypatch.delenv("OLARIA_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in said(capsys, "push", str(folder), "ana/roda")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert hub.asked == []
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "gives no answer (ConnectionRefusedError)" in said(capsys, "pull", "ana/roda", out)
    monkeypatch.setattr(adapter, "find_spec", lambda _: None)
    assert "pip install 'olaria[hub]'" in said(capsys, "pull", "ana/roda", out)
    assert not Path(out).exists()


def test_the_group_alone_shows_its_page(capsys: Any) -> None:
    assert main(["hub"]) == 0
    assert "push" in capsys.readouterr().out


def test_the_library_is_left_as_it_was(hub: Hub, folder: Path) -> None:
    from huggingface_hub import constants, utils

    assert not utils.are_progress_bars_disabled()
    before = {name: os.environ.get(name) for name in adapter._SWITCHES}
    known = {name: getattr(constants, name) for name in adapter._SWITCHES}
    push(folder, "ana/roda")
    assert before == {name: os.environ.get(name) for name in adapter._SWITCHES}
    assert known == {name: getattr(constants, name) for name in adapter._SWITCHES}
    assert not utils.are_progress_bars_disabled()


def test_as_json(hub: Hub, folder: Path, capsys: Any) -> None:
    assert main(["hub", "push", str(folder), "ana/roda", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == 1 and not found["public"] and TOKEN not in json.dumps(found)
