"""Codes of images, from a run to the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from olaria.data import ImageData
from olaria.errors import EvaluationError, OlariaError, SamplingError, UsageError
from olaria.models.vae import VAE
from olaria.pages import fonts
from olaria.runs import Run
from olaria.workflows import code_files, code_maps
from olaria.workflows.encode import encode
from olaria.workflows.evaluate import evaluate
from olaria.workflows.train import train


def trained(preset: str, out: Path, steps: int = 200) -> Run:
    return train(preset, data="digits", size="tiny", steps=steps, out=out)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained("ae-mnist", tmp_path_factory.mktemp("encode") / "digits")


def test_codes_are_the_encoders_and_as_good_as_evaluation_says(run: Run) -> None:
    found = encode(run)
    data = run.data()
    assert isinstance(data, ImageData)
    with torch.no_grad():
        expected = run.model().encode(data.test.x.float() / 255)
    assert torch.allclose(found.codes, expected, atol=1e-5)
    metrics = evaluate(run).metrics
    assert found.quality == {key: pytest.approx(metrics[key]) for key in found.quality}
    assert len(found.quality) == 4 and found.quality["knn_accuracy"] > 0.5
    assert len(encode(run, split="validation").codes) == len(data.validation)


def test_a_linear_map_of_equal_size_rebuilds_less_of_the_images(run: Run) -> None:
    metrics = evaluate(run).metrics
    assert 0 < metrics["pca_mse"] < 0.1 and metrics["pca_mse"] != metrics["mse"]
    assert 0.5 < metrics["pca_knn_accuracy"] <= 1


@pytest.mark.parametrize("ending", [".tsv", ".npy"])
def test_files_hold_every_image(run: Run, tmp_path: Path, ending: str) -> None:
    found = encode(run)
    path = tmp_path / f"codes{ending}"
    written = code_files.save(found, path)
    assert written == list(code_files.files_of(path, None))
    lines = (tmp_path / "codes.tsv").read_text().splitlines()
    assert len(lines) == len(found.codes) + 1
    first = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
    assert first["name"] == found.inputs.names[0]
    assert found.classes is not None and first["class"] == found.classes[0]
    if ending == ".npy":
        assert np.array_equal(np.load(path, allow_pickle=False), found.codes.numpy())
    else:
        codes = [[float(cell) for cell in line.split("\t")[2:]] for line in lines[1:]]
        assert np.allclose(codes, found.codes.numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(OlariaError, match="already there"):
        code_files.save(found, path)


def test_a_map_goes_beside_the_codes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_maps, "MAP_POINTS", 50)
    mapped = code_maps.on_plane(encode(run), "pca")
    assert len(mapped.points) == 50 and mapped.notes[0].fields["count"] == 50
    path = code_files.map_path(tmp_path / "codes.tsv", "pca")
    written = code_maps.save_map(mapped, path, "digits · pca")
    assert written == [tmp_path / "codes-pca.png", tmp_path / "codes-pca.tsv"]
    with Image.open(path) as picture:
        assert picture.width > 800
    assert len(written[1].read_text().splitlines()) == 51
    assert set(written) < set(code_files.files_of(tmp_path / "codes.tsv", "pca"))


@pytest.mark.parametrize("ending", [".tsv", ".npy"])
@pytest.mark.parametrize("stage", ["on_plane", "save_map"])
def test_where_the_map_cannot_be_made_no_codes_are_left(
    run: Run, tmp_path: Path, ending: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OlariaError("no space left")

    monkeypatch.setattr(code_maps, stage, full)
    with pytest.raises(OlariaError, match="no space"):
        encode(run, map="pca", out=tmp_path / f"codes{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_no_font_draws_is_noted_with_the_map(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_families", lambda characters: {})
    found = encode(run, map="pca")
    names = tuple(f"\U0001f3fa{name}" for name in found.inputs.class_names)
    jugs = replace(
        found,
        inputs=replace(found.inputs, class_names=names),
        request=replace(found.request, out=tmp_path / "codes.tsv"),
    )
    notes = [note.text() for note in jugs.saved().notes]
    assert sum("U+1F3FA" in note for note in notes) == 1
    assert "\U0001f3fa0" in (tmp_path / "codes.tsv").read_text("utf-8")


def test_a_table_has_no_zero_below_zero() -> None:
    assert code_files.columns("z", torch.tensor([[-0.0], [-1.5]])) == [("z1", ["0", "-1.5"])]


def test_the_users_own_images_have_no_classes(run: Run, tmp_path: Path) -> None:
    data = run.data()
    assert isinstance(data, ImageData)
    Image.fromarray(data.test.x[0, 0].numpy()).save(tmp_path / "a\tb.png")
    found = encode(run, str(tmp_path))
    assert torch.allclose(found.codes, encode(run).codes[:1], atol=1e-5)
    assert found.classes is None and set(found.quality.values()) == {None}
    code_files.save(found, tmp_path / "one.tsv")
    assert (tmp_path / "one.tsv").read_text().splitlines()[1].startswith("a b.png\t")
    with pytest.raises(EvaluationError, match="10 images or more, there are 1"):
        code_maps.on_plane(found, "tsne")
    with pytest.raises(UsageError, match="split is of the run's own data"):
        encode(run, str(tmp_path), split="train")


def test_a_model_that_is_told_classes_gets_them(tmp_path: Path) -> None:
    run = trained("cvae-mnist", tmp_path / "classes", steps=5)
    model, data = run.model(), run.data()
    assert isinstance(model, VAE) and isinstance(data, ImageData)
    with torch.no_grad():
        expected = model.codes(data.test.x.float() / 255, data.test.y)
    assert torch.allclose(encode(run).codes, expected, atol=1e-5)
    Image.new("L", (8, 8)).save(tmp_path / "mine.png")
    with pytest.raises(UsageError, match="needs the class of each image"):
        encode(run, str(tmp_path / "mine.png"))


def test_what_has_no_encoder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match="has no encoder"):
        encode(trained("gan-mnist", tmp_path / "gan", steps=1))
