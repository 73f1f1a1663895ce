"""Group D of docs/reliability.md: files of strangers. None runs, none is believed, none ends in a traceback.

That no module of Olaria can unpickle or evaluate is in tests/unit/test_layers.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import resource
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

import olaria
from olaria.cli.main import main
from olaria.errors import ConfigError, DamagedError, OlariaError, RunError, StorageError
from olaria.recipes import Recipe, preset
from olaria.runs import Run
from olaria.runs.opening import check_weights
from olaria.storage.checkpoint import load_checkpoint
from olaria.storage.files import read_json, write_json
from olaria.storage.folder import RECIPE, RunFolder
from olaria.training.building import build_model
from olaria.workflows.train import train

FLIPS, CUTS = 1000, 200


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with the checkpoints 2 and 4."""
    settings = ["training.checkpoint_every=2", "training.sample_every=9", "training.ema=0.9"]
    out = tmp_path_factory.mktemp("trained") / "run"
    train(
        "bigram-shakespeare", data="toy-language", size="tiny", steps=4, settings=settings, out=out
    )
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """A copy of it."""
    shutil.copytree(trained, tmp_path / "run")
    return Run(tmp_path / "run")


def forged(folder: Path, name: str, content: bytes) -> None:
    """A checkpoint whose manifest vouches for ``content``: what a stranger can make, too."""
    (folder / name).write_bytes(content)
    manifest = read_json(folder / "manifest.json")
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"size_bytes": len(content), "sha256": digest}
    write_json(folder / "manifest.json", manifest)


# -- D1, D2: headers ------------------------------------------------------------------------------


def tensors_file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of the safetensors format with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HEADERS: dict[str, Callable[[], bytes]] = {
    "longer than the file": lambda: tensors_file({}, length=2**40),
    "longer than any number": lambda: tensors_file({}, length=2**64 - 1),
    "of more than 100 MB": lambda: tensors_file(b"{" + b" " * 100_000_001),
    "of no length": lambda: b"",
    "of seven bytes": lambda: b"\x02\0\0\0\0\0\0",
    "without itself": lambda: struct.pack("<Q", 2),
    "not UTF-8": lambda: tensors_file(b'{"\xff\xfe": 1}'),
    "not JSON": lambda: tensors_file(b"{'a': 1}  "),
    "no object": lambda: tensors_file(b"[1, 2]  "),
    "nested without end": lambda: tensors_file(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
}
LAYOUTS: dict[str, Callable[[], bytes]] = {
    "overlap": lambda: tensors_file({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)),
    "100,000 on one range": lambda: tensors_file(
        {f"t{i}": tensor([2], 0, 8) for i in range(100_000)}, bytes(8)
    ),
    "a hole": lambda: tensors_file({"a": tensor([2], 0, 8), "b": tensor([2], 12, 20)}, bytes(20)),
    "data that no tensor has": lambda: tensors_file({"a": tensor([2], 0, 8)}, bytes(100)),
    "less data than told": lambda: tensors_file({"a": tensor([200], 0, 800)}, bytes(8)),
    "a shape beyond 64 bits": lambda: tensors_file({"a": tensor([2**63, 2], 0, 8)}, bytes(8)),
    "sizes whose product overflows": lambda: tensors_file({"a": tensor([2**32, 2**32], 0, 0)}, b""),
    "a negative shape": lambda: tensors_file({"a": tensor([-2], 0, 8)}, bytes(8)),
    "an end before its start": lambda: tensors_file({"a": tensor([2], 8, 0)}, bytes(8)),
    "a type that is none": lambda: tensors_file({"a": tensor([2], 0, 8, "X9")}, bytes(8)),
}


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def refused(run: Run, content: bytes) -> None:
    """In a checkpoint, though its manifest vouches for it: one line, and no memory taken for what it claims."""
    forged(run.checkpoint("last")[1], "model.safetensors", content)
    before = peak_kb()
    with pytest.raises((DamagedError, RunError)) as error:
        run.model("last", ema=False)
    assert "\n" not in str(error.value) and "model.safetensors" in str(error.value)
    assert peak_kb() - before < 200_000 + 3 * len(content) // 1000


@pytest.mark.parametrize("name", HEADERS)
def test_d1_a_header_that_lies_is_refused(run: Run, name: str) -> None:
    refused(run, HEADERS[name]())


@pytest.mark.parametrize("name", LAYOUTS)
def test_d2_tensors_that_overlap_miss_or_overflow_are_refused(run: Run, name: str) -> None:
    refused(run, LAYOUTS[name]())


# -- D3: bit rot ----------------------------------------------------------------------------------


def test_d3_every_flip_and_every_cut_is_found(run: Run, record_property: Any) -> None:
    draw = Random(0)
    folder = run.checkpoint("last")[1]
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == [
        "ema.safetensors", "manifest.json", "model.safetensors", "state.json", "training.safetensors",
    ]  # fmt: skip
    found = {"flips": 0, "cuts": 0}
    for number in range(FLIPS + CUTS):
        path = draw.choice(files)
        content = path.read_bytes()
        if number < FLIPS:
            place = draw.randrange(len(content))
            changed = bytearray(content)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
        else:
            path.write_bytes(content[: draw.randrange(len(content))])
        with pytest.raises(StorageError) as error:
            run.folder.load_checkpoint("last")
        assert "the run has others: " in str(error.value) or "newer Olaria" in str(error.value)
        found["flips" if number < FLIPS else "cuts"] += 1
        path.write_bytes(content)
    run.folder.load_checkpoint("last")
    record_property(
        "figure", f"D3: {found['flips']} of {FLIPS} flips and {found['cuts']} of {CUTS} cuts found"
    )


# -- D4: pickles ----------------------------------------------------------------------------------


class Bait:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def baits(mark: Path) -> dict[str, bytes]:
    """A pickle in every dress."""
    plain = pickle.dumps(Bait(mark))
    saved, array = io.BytesIO(), io.BytesIO()
    torch.save({"model": Bait(mark)}, saved)
    np.savez(array, allow_pickle=True, x=np.array([Bait(mark)], dtype=object))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for number in range(5):
            archive.writestr(f"a/{number}.png", plain)
    return {
        "model.pt": saved.getvalue(),
        "model.pth": saved.getvalue(),
        "model.bin": saved.getvalue(),
        "model.ckpt": plain,
        "model.pkl": plain,
        "arrays.npz": array.getvalue(),
        "model.safetensors": plain,
        "images.zip": zipped.getvalue(),
        "text.txt": plain,
        "table.csv": plain,
        "pairs.tsv": plain,
        "lines.jsonl": plain,
        "folder/pytorch_model.bin": saved.getvalue(),
        "folder/config.json": b'{"model_type": "gpt2"}',
    }


@pytest.mark.filterwarnings("ignore")
def test_d4_no_pickle_is_opened_at_any_door(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    mark = tmp_path / "ran"
    tried = 0
    for name, content in baits(mark).items():
        path = tmp_path / "baits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    places = [tmp_path / "baits" / name for name in baits(mark)] + [tmp_path / "baits" / "folder"]
    short = ["--steps", "1", "--size", "tiny", "--out", str(tmp_path / "out")]
    for place in places:
        doors = [
            ["train", "vae-mnist", "--data", str(place), *short],
            ["train", "gpt-shakespeare", "--data", str(place), *short],
            ["train", "gan-ring", "--data", str(place), *short],
            ["train", "dates", "--data", str(place), *short],
            ["train", "gpt2-shakespeare", "--from", str(place), *short],
            ["train", "--resume", str(place)],
            ["train", "--replay", str(place)],
            ["eval", str(place)],
            ["sample", str(place)],
            ["report", str(place)],
            ["data", "stats", str(place)],
        ]
        for words in doors:
            assert main(words) != 0, words
            told = capsys.readouterr().err
            assert "Traceback" not in told and "bug in Olaria" not in told, (words, told)
            tried += 1
        for door in (olaria.load_data, olaria.open):
            with pytest.raises(OlariaError):
                door(str(place))
            tried += 1
    for content in baits(mark).values():
        for name in ("model", "ema", "training"):
            forged(run.checkpoint("last")[1], f"{name}.safetensors", content)
            with pytest.raises(OlariaError):
                load_checkpoint(run.checkpoint("last")[1], (name,))
            tried += 1
    assert not mark.exists()
    record_property("figure", f"D4: {tried} baits refused, none opened")


def test_d4_the_bait_is_one(tmp_path: Path) -> None:
    """Or the test above would pass in vain."""
    pickle.loads(baits(tmp_path / "ran")["model.pkl"])  # noqa: S301
    assert (tmp_path / "ran").exists()


# -- D6: configurations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "_target_"), "os.system"),
        (("_target_",), "os.system"),
        (("training", "callback"), "!!python/object/apply:os.system ['true']"),
        (("data", "__class__"), {"__reduce__": ["os.system", "true"]}),
        (("model", "family"), "os.system"),
        (("training", "learning_rate"), "__import__('os').getpid()"),
        (("training", "optimizer"), "torch.optim.SGD"),
    ],
)
def test_d6_a_recipe_that_names_code_is_refused_with_its_path(
    run: Run, path: tuple[str, ...], value: Any, tmp_path: Path
) -> None:
    recipe = read_json(run.path / RECIPE)
    node = recipe
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    write_json(run.path / RECIPE, recipe)
    with pytest.raises(ConfigError) as error:
        _ = Run(run.path).recipe
    assert ".".join(path) in str(error.value) and "\n" not in str(error.value)
    setting = f"{'.'.join(path)}={json.dumps(value)}"
    with pytest.raises(ConfigError):
        preset("vae-mnist").with_settings([setting])


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"format": ' + b"9" * 10_000 + b"}",
        b'{"format": NaN}',
        b'{"format": 1e999}',
        b"!!python/object/apply:os.system ['true']",
        b"a: &a [x, x]\nb: &b [*a, *a]\n",
        b"\xff\xfe",
        b"[]",
        b"",
    ],
    ids=["nest", "deep", "digits", "nan", "infinity", "yaml", "aliases", "binary", "list", "empty"],
)
def test_d6_what_is_no_recipe_is_told_in_a_line(run: Run, content: bytes) -> None:
    (run.path / RECIPE).write_bytes(content)
    with pytest.raises(OlariaError) as error:
        _ = Run(run.path).recipe
    assert "recipe.json" in str(error.value) and len(str(error.value)) < 400


def test_d6_a_number_of_ten_thousand_digits_is_no_setting() -> None:
    for text in ("9" * 10_000, "[" * 100_000):
        with pytest.raises(ConfigError) as error:
            preset("vae-mnist").with_settings([f"model.latent={text}"])
        assert len(str(error.value)) < 300


# -- D7: tensors that do not fit ------------------------------------------------------------------


def test_d7_all_tensors_that_do_not_fit_are_listed_at_once(tmp_path: Path) -> None:
    recipe: Recipe = preset("vae-mnist", "tiny")
    model = build_model(recipe, (1, 28, 28))
    stored = dict(model.state_dict())
    check_weights(model, stored, tmp_path)
    missing, turned, *_ = stored
    del stored[missing]
    stored[turned] = torch.zeros(3)
    stored["strange.weight"] = torch.zeros(2, 5)
    with pytest.raises(RunError) as error:
        check_weights(model, stored, tmp_path)
    told = str(error.value)
    assert "3 tensors differ" in told and "\n" not in told
    for name in (missing, f"{turned} [3] ≠", "strange.weight [2, 5] ≠ -"):
        assert name in told


# -- D8: hostile strings --------------------------------------------------------------------------

HOSTILE = "\x1b]0;own\x07\x1b[2J\u202eevil\u2066<img src=x onerror=alert(1)>"


def test_d8_names_cannot_steer_a_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "runs"
    named = home / HOSTILE.replace("/", "")
    shutil.copytree(run.path, named)
    recipe = read_json(named / RECIPE)
    write_json(named / RECIPE, {**recipe, "preset": HOSTILE + "x" * 1_000_000})
    monkeypatch.setenv("OLARIA_RUNS", str(home))
    for words in (["runs", "list"], ["runs", "show", named.name], ["runs", "compare", named.name],
                  ["runs", "show", HOSTILE], ["train", HOSTILE], ["data", "stats", HOSTILE],
                  ["train", "vae-mnist", "--set", f"model.latent={HOSTILE}"],
                  ["train", "vae-mnist", "--set", f"{HOSTILE}=1"],
                  ["train", "--resume", named.name, HOSTILE]):  # fmt: skip
        main(words)
        out, err = capsys.readouterr()
        for mark in ("\x1b", "\x07", "\u202e", "\u2066"):
            assert mark not in out + err, (words, mark)
        assert "bug in Olaria" not in err


def test_d8_the_folder_of_a_run_is_no_way_out(run: Run, tmp_path: Path) -> None:
    """A manifest and a recipe name files of their own; they reach no other."""
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(b"secret")
    folder = run.checkpoint("last")[1]
    manifest = read_json(folder / "manifest.json")
    manifest["files"]["../../../secret.safetensors"] = {
        "size_bytes": 6,
        "sha256": hashlib.sha256(b"secret").hexdigest(),
    }
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(DamagedError):
        RunFolder(run.path).load_checkpoint("last")
    assert secret.read_bytes() == b"secret"
