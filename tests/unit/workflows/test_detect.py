"""Finding strange images with a run, from its training to the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from olaria.data import DataConfig, ImageData, load
from olaria.errors import DataError, OlariaError, UsageError
from olaria.evaluation import anomaly
from olaria.kinds.image_metrics import detector_of
from olaria.runs import Run
from olaria.workflows.detect import detect
from olaria.workflows.evaluate import evaluate
from olaria.workflows.train import train

LEFT_OUT = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An autoencoder of the small digits that never saw a four."""
    out = tmp_path_factory.mktemp("detect") / "no-fours"
    return train(
        "ae-mnist",
        data="digits",
        size="tiny",
        steps=400,
        settings=["model.latent=6"],
        leave_out=LEFT_OUT,
        out=out,
    )


def test_nothing_is_learnt_of_the_class_that_is_left_out() -> None:
    whole = load("digits")
    data = load("digits", DataConfig(name="digits", leave_out=LEFT_OUT))
    assert isinstance(data, ImageData) and isinstance(whole, ImageData)
    for part, before in ((data.train, whole.train), (data.validation, whole.validation)):
        assert part.y is not None and before.y is not None
        kept = before.y != LEFT_OUT
        assert torch.equal(part.x, before.x[kept]) and torch.equal(part.y, before.y[kept])
        assert len(part) < len(before)
    assert torch.equal(data.test.x, whole.test.x)
    with pytest.raises(DataError, match="no class 10 to leave out"):
        load("digits", DataConfig(name="digits", leave_out=10))


def test_the_class_is_told_from_the_others(run: Run) -> None:
    found = detect(run, score="joint", false_alarms=0.1)
    data = run.data()
    assert isinstance(data, ImageData) and data.test.y is not None
    assert found.is_anomaly is not None
    assert torch.equal(found.is_anomaly, data.test.y == LEFT_OUT)
    assert found.num_calibrated == len(data.validation)
    quality = found.quality()
    assert quality["auroc"] > 0.8  # 0.5 is chance
    assert quality["prevalence"] == pytest.approx(float((data.test.y == LEFT_OUT).float().mean()))
    strange = found.strange
    assert quality["found"] == pytest.approx(float(strange[found.is_anomaly].float().mean()))
    ranked = found.scores[found.order]
    assert torch.equal(ranked, found.scores.sort(descending=True).values)


def test_evaluation_reports_the_same(run: Run) -> None:
    quality = detect(run).quality()
    content = evaluate(run)
    assert content.metrics["auroc"] == pytest.approx(quality["auroc"])
    assert content.metrics["aupr"] == pytest.approx(quality["aupr"])
    protocol = content.protocol
    assert (protocol["left_out"], protocol["anomaly_score"]) == (LEFT_OUT, anomaly.DEFAULT_SCORE)
    assert protocol["prevalence"] == pytest.approx(quality["prevalence"])
    assert {f"auroc_by_{score}" for score in anomaly.SCORES} <= set(protocol)


def test_the_users_own_images(run: Run, tmp_path: Path) -> None:
    data = run.data()
    assert isinstance(data, ImageData)
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.fromarray(data.validation.x[0, 0].numpy()).save(folder / "known.png")
    noise = torch.randint(256, (8, 8), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.to(torch.uint8).numpy()).save(folder / "noise.png")
    (folder / "broken.png").write_bytes(b"no image")
    # The code of noise is near others in so small a space; the way to its reconstruction is long.
    found = detect(run, str(folder), score="error")
    assert found.names == ("known.png", "noise.png")
    assert found.strange.tolist() == [False, True]
    assert (found.quality(), len(found.notes)) == ({}, 1)

    picture = tmp_path / "sheet.png"
    found = detect(run, str(folder), score="error", count=1, out=picture)
    assert found.picture == picture
    told = [line.text("pt") for line in found.caption]
    assert told[0].startswith("trios: ") and "a 1 mais estranha de 2 imagens" in told[1]
    assert told[2].startswith(f"execução {run.name}, passo ")
    with Image.open(picture) as sheet:
        assert (
            sheet.mode == "RGB" and sheet.width > 1.5 * sheet.height
        )  # a triple, over the caption
    with pytest.raises(OlariaError, match="already there"):
        detect(run, str(folder), out=picture)
    Image.new("RGB", (9, 9)).save(folder / "known.png")
    with pytest.raises(DataError, match="differ in size"):
        detect(run, str(folder))


def test_what_cannot_be_looked_at_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="false_alarms cannot be 1: it must be less than 1"):
        detect(run, false_alarms=1.0)
    with pytest.raises(UsageError, match="no data set, file or folder"):
        detect(run, "digitz")
    with pytest.raises(OlariaError, match="needs 9999 validation images, not"):
        detect(run, false_alarms=1e-4)
    picture = tmp_path / "one.png"
    Image.new("L", (9, 9)).save(picture)
    with pytest.raises(DataError, match="1×9×9 and those of run no-fours 1×8×8"):
        detect(run, str(picture))
    assert detect(run, str(picture), resize=8).names == ("one.png",)
    other = train("gan-mnist", data="digits", size="tiny", steps=1, out=tmp_path / "gan")
    with pytest.raises(UsageError, match="only an autoencoder or a VAE"):
        detect(other)


def test_a_vae_can_tell_too(tmp_path: Path) -> None:
    run = train("vae-mnist", data="digits", size="tiny", steps=5, out=tmp_path / "vae")
    data = run.data()
    assert isinstance(data, ImageData)
    scores = detector_of(run.model(), data).look(data.test.x.float() / 255).scores
    assert all(bool(torch.isfinite(values).all()) for values in scores.values())
    assert json.dumps(detect(run).quality()) == "{}"  # no class was left out, so no truth
