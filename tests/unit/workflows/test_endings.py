"""A file's ending says its format: another one is refused before any work, with those that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import main
from olaria.errors import UsageError
from olaria.kinds import KINDS, kind_named
from olaria.workflows.detect import DetectRequest
from olaria.workflows.encode import EncodeRequest
from olaria.workflows.explain import ExplainRequest
from olaria.workflows.reconstruct import ReconstructRequest
from olaria.workflows.report import ReportRequest, format_of

Run = Callable[..., Any]
STRANGE = ["rel.docx", "rel.odt", "rel", "rel.", "rel.html.txt", "pdf", ".pdf", "a.pdf/rel.xyz"]


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("report", "no-such-run"), ".html, .htm, .pdf, .md, .markdown"),
        (("explain", "kl"), ".html, .htm"),
        (("encode", "no-such-run"), ".tsv, .npy"),
        (("reconstruct", "no-such-run"), ".png"),
        (("detect", "no-such-run"), ".png"),
    ],
)
def test_an_unknown_ending_is_refused_with_those_that_are_known(
    words: tuple[str, ...],
    known: str,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before the run is opened, which does not exist."""
    assert main([*words, "--out", str(tmp_path / name)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert f"--out cannot be {tmp_path / name}: it must end in {known}\n" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.HTML", "b.c.Pdf", "ä.markdown", "x.MD", "y.htm"])
def test_capitals_do_not_matter(name: str) -> None:
    ReportRequest(runs=("r",), out=name)
    ReportRequest(runs=("r",), out=Path(name))
    ExplainRequest(out="Page.HTML")
    EncodeRequest(run="r", out="Codes.NPY")
    for request in (ReconstructRequest, DetectRequest):
        request(run="r", out="Picture.PNG")


def test_a_format_that_is_named_needs_no_ending() -> None:
    request = ReportRequest(runs=("r",), out="rel", format="pdf")
    assert format_of(request.format, request.out) == "pdf"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_under_which_endings_it_is_written(kind: str) -> None:
    assert kind_named(kind).endings


@pytest.mark.parametrize(
    ("preset", "good", "known"),
    [
        ("ae-mnist", ["a.png", "b/"], ".png, /"),
        ("gan-ring", ["a.png", "b.csv"], ".png, .csv"),
        ("bigram-shakespeare", ["a.txt", "b", "c.md"], ".txt, .md"),
    ],
)
def test_samples_too_by_what_the_run_draws(
    tiny_run: Run,
    preset: str,
    good: list[str],
    known: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tiny_run(preset)
    monkeypatch.chdir(tmp_path)
    mode = ["--mode", "reconstruct"] if preset == "ae-mnist" else []
    for name in good:
        assert main(["sample", str(run.path), *mode, "--out", name]) == 0
        assert Path(name).exists()
    capsys.readouterr()
    for name in ("x.jpg", "x.docx", "x.pdf"):
        assert main(["sample", str(run.path), *mode, "--out", name]) == 2
        assert f"--out cannot be {name}: it must end in {known}" in capsys.readouterr().err
        assert not Path(name).exists()


def test_in_python_too(tiny_run: Run, tmp_path: Path) -> None:
    sample = kind_named("images").draw(tiny_run("vae-mnist"), count=1)
    for name in ("a.jpg", "a", "a.gif"):
        with pytest.raises(UsageError, match=r"it must end in \.png"):
            sample.save(tmp_path / name)
    with pytest.raises(UsageError, match=r"it must end in \.html"):
        ExplainRequest(lesson="kl", out=tmp_path / "kl.pdf")
    assert list(tmp_path.iterdir()) == []
