"""``olaria sample`` of an image run with classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from olaria.cli.main import main
from olaria.data import ImageData
from olaria.errors import RunError, UsageError
from olaria.kinds import draw
from olaria.runs import Run
from olaria.sampling import latent
from olaria.workflows.reconstruct import reconstruct
from olaria.workflows.train import train

TINY = ("training.precision=float32", "training.ema=0", "training.batch_size=64")


def made(folder: Path, preset: str, *settings: str, data: str = "digits") -> Run:
    """A run of a few steps on scikit-learn's digits."""
    return train(
        preset,
        data=data,
        size="tiny",
        steps=5,
        settings=(*TINY, *settings),
        out=folder / preset,
        offline=True,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("classes"), "cvae-mnist")


def drawn(run: Run, out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Image.Image:
    """The sheet that a command writes, which must succeed."""
    code = main(["sample", str(run.path), "-n", "20", "--out", str(out), "--json", *words])
    text, err = capsys.readouterr()
    assert code == 0, err
    assert json.loads(text)["path"] == str(out)
    return Image.open(out)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--class", "3"),
        ("--class", "3", "--mode", "reconstruct"),
        ("--class", "3", "--mode", "traverse"),
        ("--mode", "interpolate", "--path", "spherical"),
        ("--mode", "reconstruct"),
        ("--mode", "attribute", "--attribute", "3:8"),
    ],
)
def test_every_mode_knows_the_classes(
    words: tuple[str, ...], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = np.asarray(drawn(run, tmp_path / "a.png", capsys, *words))
    assert sheet.std() > 5


def test_each_image_may_have_a_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "each"
    words = ["sample", str(run.path), "--seed", "3", "--out", f"{folder}/"]
    assert main([*words, "-n", "10"]) == 0
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"{number:02}.png" for number in range(1, 11)]
    expected = draw(run, count=10, seed=3).value
    for file, image in zip(files, expected, strict=True):
        pixels = np.asarray(Image.open(file))
        assert pixels.shape == (8, 8)
        assert np.abs(pixels / 255 - image[0].numpy()).max() <= 0.5 / 255 + 1e-6
    capsys.readouterr()
    assert main([*words, "-n", "10"]) != 0
    assert "holds other files" in capsys.readouterr().err
    assert main([*words, "-n", "10", "--overwrite"]) == 0
    assert main([*words, "-n", "9", "--overwrite"]) != 0  # the numbers would not say which are new
    assert len(list(folder.iterdir())) == 10


def test_a_class_makes_a_difference(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets = [
        np.asarray(drawn(run, tmp_path / f"{k}.png", capsys, "--class", k)) for k in ("0", "1")
    ]
    assert (sheets[0] != sheets[1]).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--class", "10"), "there is no class 10: run cvae-mnist knows 0 to 9"),
        (("--class", "-1"), "--class cannot be -1"),
        (("--path", "linear"), "--path goes with --mode interpolate"),
        (("--class", "1", "--prompt", "x"), "--mode and --class are for images"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    words: tuple[str, ...], message: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(run.path), *words]) != 0
    assert message in capsys.readouterr().err


def test_a_run_without_classes_has_none_to_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = made(tmp_path, "vae-mnist")
    assert main(["sample", str(plain.path), "--class", "1"]) == 1
    assert "was not trained with classes" in capsys.readouterr().err


def test_the_classes_of_data_and_model_must_agree(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"digits has 10 classes, not 3; set model\.classes=10"):
        made(tmp_path, "cgan-mnist", "model.classes=3")
    for number in range(30):
        Image.new("L", (8, 8), number * 8).save(tmp_path / f"{number}.png")
    with pytest.raises(RunError, match="carry no classes"):
        made(tmp_path, "cgan-mnist", data=str(tmp_path))


def test_a_map_of_the_plane_and_a_way_between_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plane = made(tmp_path, "vae-mnist", "model.latent=2")
    with drawn(plane, tmp_path / "map.png", capsys, "--mode", "manifold") as grid:
        assert grid.width == 1414 < grid.height  # 20 by 20, over the caption
    words = ("--mode", "attribute", "--attribute", "0:1")
    with drawn(plane, tmp_path / "way.png", capsys, *words) as strips:
        assert strips.width > 2 * strips.height  # two rows of nine, over the caption


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode", "attribute"), "needs --attribute K:L"),
        (("--attribute", "1:2"), "needs --attribute K:L"),
        (("--mode", "attribute", "--attribute", "3"), "takes two classes, such as 3:8, not 3"),
        (("--mode", "attribute", "--attribute", "3:"), "takes two classes"),
        (("--mode", "attribute", "--attribute", "3:x"), "--attribute"),
        (("--mode", "attribute", "--attribute", "3:10"), "there is no class 10: digits has 0 to 9"),
        (("--mode", "manifold"), "needs two latent dimensions"),
    ],
)
def test_a_way_needs_two_classes_that_there_are(
    words: tuple[str, ...], message: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(run.path), *words]) in (1, 2)
    assert message in capsys.readouterr().err


def test_reconstructions_of_ones_own_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = made(tmp_path, "ae-mnist")
    Image.new("L", (8, 8), 200).save(tmp_path / "mine.png")
    assert main(["reconstruct", str(plain.path), "mine.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [image["name"] for image in found["images"]] == ["mine.png"]
    assert found["mse"] == pytest.approx(found["images"][0]["mse"])
    assert found["psnr_db"] == pytest.approx(-10 * np.log10(found["mse"]))
    assert main(["reconstruct", str(plain.path), "--lang", "pt", "-n", "5"]) == 0
    assert "imagens" in capsys.readouterr().out
    with Image.open(tmp_path / "ae-mnist-reconstructions-2.png") as sheet:
        assert sheet.width > sheet.height
    assert main(["reconstruct", str(plain.path), "--out", found["picture"]]) == 1
    assert "already" in capsys.readouterr().err
    other = made(tmp_path, "gan-mnist")
    assert main(["reconstruct", str(other.path)]) == 1
    assert "has no encoder" in capsys.readouterr().err


def test_classes_are_told_to_what_is_rebuilt(run: Run) -> None:
    found = reconstruct(run)
    data = run.data()
    assert isinstance(data, ImageData)
    expected = latent.reconstruct(run.model(), data.test.x.float() / 255, data.test.y)
    assert np.allclose(found.images.numpy(), expected.numpy(), atol=1e-6)
    with pytest.raises(UsageError, match="needs the class of each image"):
        reconstruct(run, "mnist", offline=True)


CAPTIONED = [
    (("sample",), "semente 0"),
    (("sample", "--class", "3", "--seed", "7"), "semente 7"),
    (("sample", "--mode", "interpolate"), "semente 0"),
    (("sample", "--mode", "traverse"), "semente 0"),
    (("sample", "--mode", "reconstruct"), "semente 0"),
    (("sample", "--mode", "attribute", "--attribute", "3:8"), "semente 0"),
    (("reconstruct",), "reconstrução"),
    (("encode", "--map", "pca"), "eixos"),
]


@pytest.mark.parametrize(("words", "told"), CAPTIONED, ids=str)
def test_pictures_say_what_they_show_in_the_users_language(
    words: tuple[str, ...],
    told: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from olaria.storage import captions

    lines: list[str] = []
    real = captions._broken

    def kept(text: str, *rest: object) -> list[str]:
        lines.append(text)
        return real(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(captions, "_broken", kept)
    verb, *options = words
    out = tmp_path / ("a.tsv" if verb == "encode" else "a.png")
    assert main([verb, str(run.path), "--lang", "pt", "--out", str(out), *options]) == 0
    capsys.readouterr()
    text = "\n".join(lines)
    assert told in text and f"execução {run.name}, passo 5" in text and "{" not in text
    with Image.open(tmp_path / ("a-pca.png" if verb == "encode" else "a.png")) as picture:
        assert picture.width >= 480
