"""Exported folders are whole or not there, and what is in them runs without Olaria."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from safetensors.torch import load_file, save_file

from olaria.errors import OlariaError, RunError
from olaria.export import onnx_folder, torch_folder
from olaria.export.card import TEXTS as CARDS
from olaria.export.gif import BAND, MOST_BYTES, film
from olaria.families.gan import PLANE_SIZES
from olaria.nn.ode import Sampler
from olaria.runs import Run
from olaria.sampling.readers import CachedReader
from olaria.storage.images import read_png
from olaria.vocabulary import Solver
from olaria.workflows.export import export

TinyRun = Callable[..., Run]
ALONE = """
import sys
sys.path += {places}
import {packages}
sys.path.insert(0, ".")
known = {{name.split(".")[0] for name in [*sys.modules, *sys.stdlib_module_names]}}
known |= {{"model", "tokenizer", "run"}}
assert "olaria" not in known
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in known:
            raise ImportError(f"{{name}} is not part of what the folder needs")
sys.meta_path.insert(0, Refuse())
"""
"""The beginning of a program in which nothing can be imported but the standard library and some packages."""
MODELS = [
    ("vae-mnist", (), "model.decode(inputs['x'])", lambda m, x: m.images(x)),
    ("gan-mnist", (), "model.generate(inputs['x'])", lambda m, x: m.images(x)),
    ("flow-mnist", (), "model.generate(inputs['x'])", lambda m, x: m.images(x)),
    ("gpt2-shakespeare", ("data.tokenizer=bpe",), "model(inputs['x'])", lambda m, x: m(x)),
    ("dates", (), "model(inputs['x'], inputs['x'])", lambda m, x: m(x, x)),
]


def alone(folder: Path, packages: str, program: str) -> str:
    """What a program of Python prints that runs in a folder, with the packages and nothing else."""
    roots = [find_spec(name.split(".")[0]) for name in packages.split(", ")]
    places = [str(Path(str(root and root.origin)).parents[1]) for root in roots]
    beginning = ALONE.format(packages=packages, places=places)
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", beginning + program],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loader(folder: Path) -> str:
    """The program in a folder's README."""
    text = (folder / "README.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("preset", "settings", "call", "wanted"), MODELS, ids=lambda x: str(x)[:9])
def test_a_torch_folder_opens_with_torch_and_safetensors_alone(
    tiny_run: TinyRun,
    tmp_path: Path,
    preset: str,
    settings: tuple[str, ...],
    call: str,
    wanted: Callable[[Any, Any], Any],
) -> None:
    run, folder = tiny_run(preset, *settings), tmp_path / "out"
    document = export(run, to="torch", out=folder, language="en")
    assert document == {"format": 1, "run": run.name, "form": "torch", "path": str(folder)}
    model: Any = run.model()
    is_text = run.family in ("language", "translation")
    x = torch.arange(12).view(2, 6) if is_text else torch.randn(3, model.latent)
    save_file({"x": x}, folder / "inputs.safetensors")
    lines = loader(folder)
    assert len(lines.splitlines()) <= 10
    end = f"""
from safetensors.torch import load_file, save_file
inputs = load_file("inputs.safetensors")
save_file({{"y": {call}.contiguous()}}, "outputs.safetensors")
"""
    alone(folder, "torch, safetensors.torch", lines + end)
    found = load_file(folder / "outputs.safetensors")["y"]
    with torch.no_grad():
        torch.testing.assert_close(found, wanted(model, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_card_says_what_is_known_of_the_run(
    tiny_run: TinyRun, tmp_path: Path, language: str
) -> None:
    run = tiny_run("vae-mnist")
    export(run, to="torch", out=tmp_path / "out", language=language)
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert not re.search(r"\{(if )?\w+\}", text.replace("{0", ""))
    data = run.provenance["data"]
    assert data["licence"] in text and data["citation"] in text
    for name, value in load_file(tmp_path / "out" / "model.safetensors").items():
        assert f"| `{name}` | {tuple(value.shape)} |" in text


@pytest.mark.slow
def test_the_velocity_of_an_onnx_folder_leads_to_points_of_the_data(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    for package in onnx_folder.PACKAGES:
        pytest.importorskip(package)
    run, folder = tiny_run("flow-ring"), tmp_path / "out"
    export(run, to="onnx", out=folder, language="en")
    model: Any = run.model()
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 2), np.float32))
    with torch.no_grad():
        x, times = z, [torch.full((6,), step / 8) for step in range(8)]
        for time in times:
            x = x + model.velocity(x, time) / 8
        wanted = {"": model.points(z), "8": model.centre + model.spread * x}
    assert not torch.allclose(model.spread, torch.ones(())), "units that differ"
    for steps, points in wanted.items():
        program = f"import sys\nsys.argv = {['run', '6', *steps]}\nimport run"
        lines = alone(folder, "numpy, onnxruntime", program).split()
        found = torch.tensor([[float(word) for word in line.split(",")] for line in lines])
        torch.testing.assert_close(found, points, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("loss", "changed", "condition"),
    [
        ("hinge", None, "logit"),
        ("least-squares", None, "squares"),
        ("wasserstein", None, "critic"),
        ("wasserstein", "non-saturating", "logit"),
    ],
)
def test_what_a_logit_means_is_a_matter_of_the_loss(
    loss: Any, changed: str | None, condition: str
) -> None:
    lines = [{"event": "changed", "path": "model.loss", "value": changed}] if changed else []
    run: Any = SimpleNamespace(
        recipe=SimpleNamespace(model=PLANE_SIZES["tiny"].model_copy(update={"loss": loss})),
        folder=SimpleNamespace(lines=lambda _name: lines),
    )
    assert onnx_folder._outputs(run) == {condition: "yes"}
    for language in ("en", "pt"):
        text = (CARDS / f"onnx.{language}.md").read_text("utf-8")
        assert text.count(f"{{if {condition}}} - `logit` ") == 1


def test_a_gpt_in_onnxruntime_writes_what_ours_writes(tiny_run: TinyRun, tmp_path: Path) -> None:
    for package in onnx_folder.PACKAGES:
        pytest.importorskip(package)
    run, folder = tiny_run("gpt-local-shakespeare", "model.num_layers=1"), tmp_path / "out"
    export(run, to="onnx", out=folder, language="pt")
    tokenizer, model = run.tokenizer(), run.model()
    ids, draw = tokenizer.encode("o "), np.random.default_rng(0)
    reader, new = CachedReader(model), ids[None]
    count = 2 * int(run.recipe.model.context) + 5  # type: ignore[attr-defined]
    for _ in range(count):
        logits = reader.read(new)[0].numpy()
        new = torch.tensor([[int((logits + draw.gumbel(size=len(logits))).argmax())]])
        ids = torch.cat((ids, new[0]))
    program = f"import run\nprint(run.write('o ', {count}), end='')"
    assert alone(folder, "numpy, onnxruntime", program) == tokenizer.decode(ids)
    settings = json.loads((folder / "config.json").read_text())
    assert settings["chunk"] == run.recipe.model.chunk  # type: ignore[attr-defined]
    assert "| `with_cache.onnx` | → | `start` | int64 | () |" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("solver", "power", "guidance", "noise"),
    [("heun", 1.0, 2.5, 0.0), ("midpoint", 1.5, 0.0, 0.5), ("euler", 1.5, 1.0, 0.7)],
)
def test_a_flow_in_onnxruntime_draws_what_ours_draws(
    tiny_run: TinyRun,
    tmp_path: Path,
    solver: Solver,
    power: float,
    guidance: float,
    noise: float,
) -> None:
    for package in onnx_folder.PACKAGES:
        pytest.importorskip(package)
    run, folder = tiny_run("cflow-mnist", data="digits"), tmp_path / "out"
    model: Any = run.model()
    model.sampler = Sampler(4, solver, power, guidance, noise)
    export(run, to="onnx", out=folder, language="en")
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"solver": solver, "step_power": power, "step_noise": noise}
    (folder / "config.json").write_text(json.dumps(settings))
    program = f"""
sys.argv = ["run.py", "3", "1", "{guidance}", "4"]
import run
numpy.save("images.npy", run.images)
"""
    assert "samples.ppm mean 0." in alone(folder, "numpy, onnxruntime", program)
    shape = (model.sampler.draws, 3, model.latent // model.sampler.draws)
    z = np.random.default_rng(0).standard_normal(shape, np.float32).swapaxes(0, 1).reshape(3, -1)
    with torch.no_grad():
        wanted = model.images(torch.from_numpy(z), torch.ones(3, dtype=torch.int64))
    found = torch.from_numpy(np.load(folder / "images.npy"))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    assert (folder / "samples.ppm").read_bytes().startswith(b"P6 24 8 255\n")


@pytest.mark.parametrize("form", ["torch", "onnx", "huggingface"])
def test_nothing_is_overwritten_and_nothing_is_left_of_a_failure(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    run = tiny_run("vae-mnist")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    with pytest.raises(OlariaError, match="already exists and is not empty"):
        export(run, to=form, out=tmp_path / "taken")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch_folder, "write_text", fail)
    monkeypatch.setattr(onnx_folder, "standalone", fail)
    monkeypatch.setattr(onnx_folder, "check_installed", lambda: None)
    with pytest.raises(OlariaError, match="no space left"):
        export(run, to=form, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_what_is_missing_is_named(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(OlariaError, match=re.escape("(onnx): pip install 'olaria[onnx]'")):
        export(tiny_run("vae-mnist"), to="onnx", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_is_not_exported(tiny_run: TinyRun, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run("vae-mnist").path, copy)
    for path in copy.glob("checkpoints/*/*.safetensors"):
        path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(OlariaError) as caught:
        export(copy, to="torch", out=tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


# -- films -------------------------------------------------------------------------------------------


def frames_of(file: Path) -> list[Image.Image]:
    with Image.open(file) as gif:
        assert gif.info["loop"] == 0
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]


def test_a_film_has_the_sheets_of_the_run_in_order(tiny_run: TinyRun, tmp_path: Path) -> None:
    run, out = tiny_run("vae-mnist"), tmp_path / "new" / "vae.gif"
    found = export(run, to="gif", out=out)
    assert found["path"] == str(out) and out.stat().st_size <= MOST_BYTES
    frames, sheets = frames_of(out), [read_png(path) for path in run.samples()]
    assert len(frames) == len(sheets) > 1
    for frame, sheet in zip(frames, sheets, strict=True):
        factor = frame.width // sheet.width
        assert frame.size == (sheet.width * factor, sheet.height * factor + BAND)
        shown = frame.crop((0, 0, frame.width, frame.height - BAND)).convert("L")
        assert shown.resize(sheet.size, Image.Resampling.NEAREST).tobytes() == sheet.tobytes()
    export(run, to="gif", out=tmp_path / "again.gif")
    assert (tmp_path / "again.gif").read_bytes() == out.read_bytes()


def test_a_film_keeps_its_ends_its_colours_and_its_limit(tmp_path: Path) -> None:
    draw, samples = np.random.default_rng(0), []
    for step in range(0, 400, 2):
        noise = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        noise[:16] = (200, 0, 0) if step == 0 else (0, 0, 200)
        samples.append((step, tmp_path / f"{step}.png"))
        Image.fromarray(noise).save(samples[-1][1])
    captions: list[int] = []
    whole = film(samples, lambda step: captions.append(step) or str(step))  # type: ignore[func-returns-value]
    assert (len(captions), captions[0], captions[-1]) == (120, 0, 398)
    assert captions == sorted(captions)
    small = film(samples, str, most_bytes=len(whole) // 4)
    assert len(small) <= len(whole) // 4
    (tmp_path / "small.gif").write_bytes(small)
    first, *_, last = frames_of(tmp_path / "small.gif")
    for frame, wanted in ((first, (200, 0, 0)), (last, (0, 0, 200))):
        assert np.abs(np.subtract(frame.getpixel((9, 9)), wanted)).max() < 30


def test_a_film_is_of_images_and_replaces_nothing(tiny_run: TinyRun, tmp_path: Path) -> None:
    out = tmp_path / "film.gif"
    with pytest.raises(RunError, match="kept no images"):
        export(tiny_run("bigram-shakespeare"), to="gif", out=out)
    with pytest.raises(OlariaError, match="no part in to=gif"):
        export(tiny_run("vae-mnist"), to="gif", out=out, checkpoint="last")
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(OlariaError, match="already exists"):
        export(tiny_run("vae-mnist"), to="gif", out=out)
    assert out.read_text() == "mine"
