"""Files under any fault: old bytes stay, cut lines are left out, changed bits are found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from olaria.errors import StorageError
from olaria.storage.checkpoint import is_complete, load_checkpoint, save_checkpoint
from olaria.storage.files import append_line, read_json, read_lines, write_atomic, write_json
from olaria.storage.folder import RunFolder
from olaria.storage.images import make_grid
from olaria.training.randomness import generator

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates are no text: UTF-8 has no bytes for them.
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=3), inner),
    max_leaves=6,
)
objects = st.dictionaries(st.text("abcé", max_size=3), values, max_size=3)
few = settings(max_examples=20)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@few
@given(values, values)
def test_json_comes_back_as_it_went(first: Any, second: Any) -> None:
    with folder() as home:
        for value in (first, second):
            write_json(home / "a" / "b.json", value)
            assert read_json(home / "a" / "b.json") == value
        assert [path.name for path in (home / "a").iterdir()] == ["b.json"]


@few
@given(st.binary(), st.binary(), st.sampled_from([OSError(28, "full"), ValueError("no")]))
def test_a_failed_write_leaves_the_old_bytes_and_nothing_else(
    old: bytes, part: bytes, failure: Exception
) -> None:
    def write(temporary: Path) -> None:
        temporary.write_bytes(part)
        raise failure

    with folder() as home:
        (home / "file").write_bytes(old)
        with pytest.raises(StorageError if isinstance(failure, OSError) else ValueError):
            write_atomic(home / "file", write)
        assert (home / "file").read_bytes() == old
        assert [path.name for path in home.iterdir()] == ["file"]


@few
@given(st.lists(objects, min_size=1, max_size=4), st.data())
@example([{"name": "é"}], None)
def test_lines_cut_anywhere_lose_only_what_was_cut(
    lines: list[Any], data: st.DataObject | None
) -> None:
    with folder() as home:
        path = home / "log.jsonl"
        for line in lines:
            append_line(path, line)
        assert read_lines(path) == lines
        content = path.read_bytes()
        # Without data, in the middle of the last letter.
        cut = data.draw(st.integers(0, len(content))) if data else len(content) - 4
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        read = read_lines(path)
        # A last line that lacks nothing but its end may be kept.
        assert read[:whole] == lines[:whole] and len(read) <= whole + 1
        assert read == lines[: len(read)]


@few
@given(st.lists(objects, min_size=2, max_size=4), st.data())
def test_a_broken_line_in_the_middle_is_told(lines: list[Any], data: st.DataObject) -> None:
    broken = data.draw(st.integers(0, len(lines) - 2))
    texts = [json.dumps(line) for line in lines]
    texts[broken] = texts[broken][:-1]
    with folder() as home:
        (home / "log.jsonl").write_text("\n".join(texts) + "\n")
        with pytest.raises(StorageError) as caught:
            read_lines(home / "log.jsonl")
        assert caught.value.message.fields["line"] == broken + 1


# -- checkpoints -----------------------------------------------------------------------------------

TENSORS = {
    "model": {"w": torch.arange(6.0).view(2, 3), "b": torch.ones(2)},
    "training": {"0.step": torch.tensor(3.0)},
}
STATE = {"format": 1, "step": 3, "best": None, "changes": [["learning_rate", 0.1]]}


def same(loaded: dict[str, dict[str, torch.Tensor]]) -> bool:
    """Whether these are :data:`TENSORS`."""
    return loaded.keys() == TENSORS.keys() and all(
        loaded[file].keys() == group.keys()
        and all(torch.equal(loaded[file][name], value) for name, value in group.items())
        for file, group in TENSORS.items()
    )


def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", TENSORS, STATE)
    tensors, state = load_checkpoint(tmp_path / "c")
    assert same(tensors) and state == STATE
    some, state = load_checkpoint(tmp_path / "c", ("model",))
    assert list(some) == ["model"] and state == STATE


@given(st.data())
def test_d3_a_flipped_bit_is_found(data: st.DataObject) -> None:
    with folder() as home:
        save_checkpoint(home / "c", TENSORS, STATE)
        files = ["model.safetensors", "training.safetensors", "state.json", "manifest.json"]
        path = home / "c" / data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        try:
            tensors, state = load_checkpoint(home / "c")
        except StorageError:
            return
        # The manifest holds a little that says nothing of the content: its spaces, its sizes.
        assert path.name == "manifest.json" and same(tensors) and state == STATE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"files"', b'"filer"'),
        (b'"files"', b'"fil\xe5s"'),
        (b'"sha256"', b'"sha255"'),
        (b'"model.safetensors"', b'"../model.safetensor"'),
        (b"{", b"["),
    ],
)
def test_a_damaged_manifest_is_told_like_any_other_damage(
    old: bytes, new: bytes, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "c", TENSORS, STATE)
    path = tmp_path / "c" / "manifest.json"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(StorageError):
        load_checkpoint(tmp_path / "c")


@few
@given(st.sampled_from(["model.safetensors", "state.json"]), st.data())
def test_a_short_or_missing_file_is_found(name: str, data: st.DataObject) -> None:
    with folder() as home:
        save_checkpoint(home / "c", TENSORS, STATE)
        path = home / "c" / name
        content = path.read_bytes()
        cut = data.draw(st.none() | st.integers(0, len(content) - 1))
        path.unlink() if cut is None else path.write_bytes(content[:cut])
        with pytest.raises(StorageError):
            load_checkpoint(home / "c")


saves = st.lists(st.booleans(), min_size=1, max_size=9)  # each: whether it was the best so far


@few
@given(saves, st.integers(1, 4))
def test_retention_keeps_the_best_and_the_last(best: list[bool], keep_last: int) -> None:
    with folder() as home:
        run = RunFolder(home)
        tensors = {"model": {"w": torch.ones(1)}}
        for step, is_best in enumerate(best, 1):
            run.save_checkpoint(step, tensors, {"step": step}, best=is_best, keep_last=keep_last)
        last = set(range(max(1, len(best) - keep_last + 1), len(best) + 1))
        bests = [step for step, is_best in enumerate(best, 1) if is_best]
        assert run.checkpoint_steps() == sorted(last | set(bests[-1:]))
        assert run.checkpoint_path("last").name == f"step-{len(best):06d}"
        chosen = bests[-1] if bests else len(best)
        assert run.checkpoint_path().name == f"step-{chosen:06d}"
        found = {int(path.name.removeprefix("step-")) for path in home.glob("checkpoints/step-*")}
        assert found == set(run.checkpoint_steps()), "a dropped checkpoint is gone from the disk"


@few
@given(st.sets(st.integers(1, 9), min_size=1), st.sets(st.integers(1, 9)))
def test_a_checkpoint_without_manifest_is_none(saved: set[int], crashed: set[int]) -> None:
    with folder() as home:
        run = RunFolder(home)
        for step in saved:
            path = home / "checkpoints" / f"step-{step:06d}"
            save_checkpoint(path, {"model": {"w": torch.ones(1)}}, {})
            if step in crashed:
                (path / "manifest.json").unlink()
                assert not is_complete(path)
                with pytest.raises(StorageError):
                    load_checkpoint(path)
        assert run.checkpoint_steps() == sorted(saved - crashed)


# -- pictures --------------------------------------------------------------------------------------


@given(
    st.integers(1, 12),
    st.sampled_from([1, 3]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.none() | st.integers(1, 5),
    st.integers(1, 3),
)
def test_a_grid_holds_every_image_where_it_belongs(
    count: int, channels: int, size: tuple[int, int], columns: int | None, scale: int
) -> None:
    shape = (count, channels, *size)
    images = torch.randint(0, 256, shape, generator=generator(0, "grid")).to(torch.uint8)
    picture = make_grid(images, columns, scale)
    square = next(n for n in range(1, 13) if n * n >= count)
    full = [n for n in range(square, count + 1) if count % n == 0 and n * n <= 4 * count]
    across = columns or min(full, default=square)
    down = -(-count // across)
    assert picture.size == (
        scale * (across * (size[1] + 2) + 2),
        scale * (down * (size[0] + 2) + 2),
    )
    assert picture.mode == ("L" if channels == 1 else "RGB")
    for index, image in enumerate(images):
        top, left = (size[0] + 2) * (index // across) + 2, (size[1] + 2) * (index % across) + 2
        corner = picture.getpixel((scale * left, scale * top))
        first = image[:, 0, 0].tolist()
        assert corner == (first[0] if channels == 1 else tuple(first))
