"""The report of real runs: complete, without a folder's name, in each format, and never over someone's file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from olaria.cards.comparison import side_by_side
from olaria.cards.context import RunCard
from olaria.cards.run_card import command_of, run_card
from olaria.cards.settings import ReportSettings
from olaria.cli.main import main
from olaria.errors import ConfigError, DamagedError, LessonError, StorageError, UsageError
from olaria.families import MODELS
from olaria.families.report import Panel
from olaria.kinds.base import Effort
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate
from olaria.workflows.face import OpenRun
from olaria.workflows.report import report
from olaria.workflows.train import train

FEW = Effort(num_examples=50, num_samples=60, num_chars=100, num_neighbours=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whose name must appear in nothing that is handed in."""
    return tmp_path_factory.mktemp("secret-place")


@pytest.fixture(scope="module")
def text(folder: Path) -> Run:
    """A bigram of the user's own text, in a folder with a blank in its name."""
    home = folder / "ana maria"
    home.mkdir()
    path = home / "my diary.txt"
    path.write_text("the cat sat on the mat. " * 400)
    return train("bigram-shakespeare", data=str(path), size="tiny", steps=6, out=home / "bigram")


@pytest.fixture(scope="module")
def vaes(folder: Path) -> list[Run]:
    runs = [train("vae-mnist", data="digits", size="tiny", steps=6, seed=seed,
                  settings=["model.hidden=[16]"], out=folder / f"vae-{seed}")
            for seed in (0, 1)]  # fmt: skip
    for run in runs:
        evaluate(run, effort=FEW)
    return [Run(run.path) for run in runs]


def shown(path: Path) -> str:
    """A page's text without its pictures."""
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", path.read_text(encoding="utf-8"))


# -- what it holds ---------------------------------------------------------------------------------


def test_a_report_of_real_runs_has_every_part(folder: Path, text: Run, vaes: list[Run]) -> None:
    page = shown(report([*vaes, text], out=folder / "all.html").path)
    ids = re.findall(r'<section id="([\w-]+)"', page)
    assert ids == ["activities", "data", "vae", "language", "results", "comparison", "troubles",
                   "conclusion", "references",
                   "pictures", "kl", "architectures", "measured", "facts", "repeat"]  # fmt: skip
    count = vaes[0].result["num_parameters"]
    assert page.count(f"{count:,}") >= 4, (
        "in the tiles, the drawing's words, the table, the results"
    )
    assert "One recipe with several seeds: vae-0, vae-1" in page
    assert "Seeds: 0, 1." in page
    assert "Nothing was recorded of: bigram." in page
    assert "(posterior collapse)" not in page, "six steps are no illness"
    assert page.count("trained too little to be judged: after 6 steps") == 2


@pytest.mark.parametrize("language", ["en", "pt"])
def test_nothing_handed_in_names_a_folder_a_user_or_a_machine(
    folder: Path, text: Run, vaes: list[Run], language: str
) -> None:
    page = shown(report([text, *vaes], language=language, out=folder / f"{language}.html").path)
    for private in ("secret-place", "ana maria", str(Path.home()), os.uname().nodename, "/tmp"):
        assert private not in page
    assert "my diary.txt" in page, "the file's own name stays"


def test_the_card_itself_holds_no_folder(text: Run) -> None:
    card = run_card(text)
    assert isinstance(card, RunCard)
    told = repr((card.recipe, card.evaluation, card.command, card.data, card.incidents))
    assert "secret-place" not in told and "ana maria" not in told


def test_a_card_holds_what_its_familys_panels_show(
    vaes: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = run_card(vaes[0])
    assert card.samples is not None and card.interpolation is not None
    entry = replace(MODELS["vae"], panels=(Panel("reconstructions"),))
    monkeypatch.setitem(MODELS, "vae", entry)
    bare = run_card(vaes[0])
    assert bare.reconstructions is not None
    assert bare.samples is None and bare.interpolation is None and bare.animation == b""


def test_counts_are_those_of_the_result(text: Run, vaes: list[Run]) -> None:
    for run in (text, vaes[0]):
        card = run_card(run)
        total = sum(stage.num_parameters for stage in card.architecture)
        assert total == run.result["num_parameters"]


def test_differences_from_the_preset_are_known(vaes: list[Run]) -> None:
    card = run_card(vaes[0])
    assert card.differences >= {"data.name", "model.hidden", "training.steps"}
    assert "model.latent" not in card.differences


def test_runs_are_compared_within_a_protocol(text: Run, vaes: list[Run]) -> None:
    found = side_by_side([*vaes, text])
    (group,) = found.groups
    assert group.names == ("vae-0", "vae-1")
    assert set(group.ranks("elbo_nats").values()) == {1, 2}
    assert group.ranks("kl_nats") == {}, "neither direction is better"
    assert len(group.values("elbo_nats")) == 2
    (one,) = found.repeated
    assert one.seeds == (0, 1)
    assert list(found.apart) == []
    assert side_by_side([text]).groups == []


def test_runs_of_a_family_under_two_protocols_are_not_ranked(folder: Path, vaes: list[Run]) -> None:
    third = train("vae-mnist", data="digits", size="tiny", steps=2, out=folder / "third")
    evaluate(third, effort=Effort(num_examples=40, num_samples=60))
    found = side_by_side([vaes[0], Run(third.path)])
    assert found.groups == [] and "num_examples" in found.apart


# -- the command that repeats it -------------------------------------------------------------------


def test_the_command_makes_the_same_recipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = folder / "made.txt"
    made.write_text("abc def\n" * 900)
    run = train(
        "gpt-shakespeare", data=str(made), size="tiny", steps=2, seed=3, out=folder / "first",
        settings=["model.context=16", "training.ema=0", "training.health=false", "model.window=null"],
        tokenizer="bpe",
        vocab_size=270,
        unseen="replace",
    )  # fmt: skip
    words = shlex.split(command_of(run))
    assert words[:2] == ["olaria", "train"]
    monkeypatch.chdir(folder)
    assert main([*words[1:], "--out", "second"]) == 0
    assert Run(folder / "second").recipe == run.recipe


# -- files -----------------------------------------------------------------------------------------


def test_a_report_lies_in_the_runs_folder_and_is_renewed_there(text: Run) -> None:
    first = report([text]).path
    assert first == text.path / "report.html"
    first.write_text("old")
    assert report([text]).path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_someones_file_is_not_replaced(text: Run, tmp_path: Path) -> None:
    out = tmp_path / "mine.html"
    out.write_text("mine")
    with pytest.raises(StorageError, match=r"mine\.html"):
        report([text], out=out)
    assert out.read_text() == "mine"
    assert report([text], out=out, overwrite=True).path.read_text(encoding="utf-8") != "mine"


def test_markdown_has_its_pictures_in_a_folder_of_its_own_beside_it(
    text: Run, tmp_path: Path
) -> None:
    path = report([text], out=tmp_path / "r.md").path
    written = path.read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(r-figures/(figure-\d+\.\w+)\)", written))
    assert named and named == {p.name for p in (tmp_path / "r-figures").iterdir()}
    assert {p.name for p in tmp_path.iterdir()} == {"r.md", "r-figures"}
    assert "## References" in written and "| --" in written
    assert "secret-place" not in written


def test_a_folder_of_pictures_that_leads_out_of_a_run_is_not_followed(
    text: Run, tmp_path: Path
) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    shutil.copytree(text.path, run)
    away.mkdir()
    (run / "report-figures").symlink_to(away)
    with pytest.raises(DamagedError, match="report-figures"):
        report([run], format="md", data=text.recipe.data.name)
    assert list(away.iterdir()) == [] and not (run / "report.md").exists()


def test_a_picture_in_the_way_is_not_replaced(text: Run, tmp_path: Path) -> None:
    report([text], out=tmp_path / "r.md")
    picture = next((tmp_path / "r-figures").iterdir()).name
    other = tmp_path / "other" / "r-figures"
    other.mkdir(parents=True)
    (other / picture).write_text("mine")
    with pytest.raises(StorageError, match=re.escape(picture)):
        report([text], out=other.parent / "r.md")
    left = [p.relative_to(other) for p in other.parent.rglob("*") if p != other]
    assert left == [Path(picture)], "nothing else was written"


def test_two_markdown_reports_in_one_folder_keep_their_own_pictures(
    text: Run, vaes: list[Run], tmp_path: Path
) -> None:
    report([text], out=tmp_path / "relatório 1.md")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    report(vaes, out=tmp_path / "relatório 2.md")
    assert all(path.read_bytes() == content for path, content in before.items())
    for page in tmp_path.glob("*.md"):
        named = re.findall(r"\]\(([^()]+\.(?:svg|png|gif))\)", page.read_text("utf-8"))
        names = {unquote(name) for name in named}
        pictures = (tmp_path / f"{page.stem}-figures").iterdir()
        assert names == {p.relative_to(tmp_path).as_posix() for p in pictures}


def test_a_report_that_cannot_be_written_whole_leaves_nothing(
    text: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from olaria.storage import files

    write = files.write_bytes

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".md":
            raise StorageError("no space left")
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StorageError, match="no space"):
        report([text], out=tmp_path / "r.md")
    assert list(tmp_path.iterdir()) == []


def test_a_character_that_no_font_has_is_noted_once(
    text: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from olaria.pages import fonts

    monkeypatch.setattr(fonts, "_families", lambda characters: {})
    monkeypatch.setattr(fonts, "_drawn_in_colour", lambda characters: set())
    if not find_spec("weasyprint"):  # imported here, it would let cut images pass in later tests
        pytest.skip("no PDFs without weasyprint")
    words = [
        "report",
        str(text.path),
        "--title",
        "Barro \U0001f3fa",
        "--out",
        str(tmp_path / "r.pdf"),
    ]
    assert main(words) == 0
    warned = capsys.readouterr().err
    assert warned.count("U+1F3FA") == 1 and "no font on this computer draws" in warned
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


def test_a_pdf_is_named_and_python_has_the_same_words(
    text: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("olaria.pages.pdf.to_pdf", str.encode)  # a real one is drawn above
    path = OpenRun(text).report(format="pdf", language="pt").path
    assert path == text.path / "report.pdf"
    assert 'lang="pt-BR"' in path.read_text("utf-8")


# -- what the author says --------------------------------------------------------------------------


def test_settings_are_a_file_or_values_and_words_come_first(text: Run, tmp_path: Path) -> None:
    toml = tmp_path / "any.toml"
    toml.write_text('title = "T<1>"\nauthor = "Ana"\ncourse = "Course one"\nlanguage = "pt"\n'
                    'activities = ["A1"]\nconclusion = "So."\n')  # fmt: skip
    page = report(
        [text], settings=toml, course="Course two", out=tmp_path / "a.html"
    ).path.read_text("utf-8")
    assert 'lang="pt-BR"' in page
    for words in ("T&lt;1&gt;", "Ana", "Course two", "A1", "So."):
        assert words in page
    assert "Course one" not in page
    english = report(
        [text], settings=ReportSettings(title="X"), language="en", out=tmp_path / "b.html"
    ).path
    assert "<h1>X</h1>" in english.read_text("utf-8")


@pytest.mark.parametrize("ending", ["md", "txt"])
def test_the_conclusion_is_a_file_of_the_authors(text: Run, tmp_path: Path, ending: str) -> None:
    (tmp_path / "report.toml").write_text('conclusion = "From the settings."\n')
    path = tmp_path / f"conclusão.{ending}"
    path.write_bytes(
        "# Fim\r\n\r\nO *modelo* <b>\r\naprende.\r\n\r\n- um\r\n- dois\r\n".encode("utf-8-sig")
    )
    words = ["report", str(text.path), "--settings", str(tmp_path / "report.toml")]
    words += ["--conclusion", str(path)]
    assert main([*words, "--out", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "From the settings." not in page and "click and write it here" not in page
    assert "&lt;b&gt;" in page and "<b>\naprende" not in page
    is_markdown = ending == "md"
    assert ("<em>modelo</em>" in page) == is_markdown and ("<li>dois</li>" in page) == is_markdown
    assert ("O *modelo*" in page) != is_markdown
    assert main([*words, "--out", str(tmp_path / "r2.md")]) == 0
    assert "aprende" in (tmp_path / "r2.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"caf\xe9", "UTF-8"),
        (b"PK\x03\x04\xff\xfe", "UTF-8"),
        (b"a" * 100_001, "longer"),
        (b"a" * 900_001, "longer"),
        (None, "no"),
    ],
)
def test_a_conclusion_that_is_no_text_is_refused_in_one_line(
    text: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, told: str
) -> None:
    path = tmp_path / "end.docx"
    if content is not None:
        path.write_bytes(content)
    out = tmp_path / "r.html"
    assert main(["report", str(text.path), "--conclusion", str(path), "--out", str(out)]) in (1, 2)
    error = capsys.readouterr().err
    assert told in error and "end.docx" in error and error.count("\n") == 1
    assert not out.exists()


def test_lessons_are_computed_from_the_reports_runs(
    vaes: list[Run], text: Run, tmp_path: Path
) -> None:
    page = report([text, vaes[0]], lessons=["kl"], out=tmp_path / "l.html").path.read_text("utf-8")
    assert '<section id="lessons">' in page and 'class="lesson"' in page
    with pytest.raises(UsageError, match="did you mean kl"):
        report([text], lessons=["kll"])
    with pytest.raises(LessonError):
        report([text], lessons=["gan"], out=tmp_path / "m.html")
    assert not (tmp_path / "m.html").exists()


def test_a_lesson_takes_the_run_of_a_report_that_it_is_of(
    tiny_run: Callable[..., Run], text: Run, tmp_path: Path
) -> None:
    """Another language model in the report once was the fine-tuning lesson's refusal, and with it the report's."""
    base = tiny_run("gpt-shakespeare")
    tuned = tiny_run("gpt-shakespeare", start=base)
    page = report([text, base, tuned], lessons=["fine-tuning"], out=tmp_path / "l.html").path
    assert 'class="lesson"' in page.read_text("utf-8")
    with pytest.raises(LessonError, match="began from random weights"):
        report([base], lessons=["fine-tuning"], out=tmp_path / "m.html")


def test_of_a_reports_runs_a_lesson_leaves_out_what_does_not_fit(
    tiny_run: Callable[..., Run], text: Run, tmp_path: Path
) -> None:
    vae, ae = tiny_run("vae-mnist"), tiny_run("ae-mnist")
    page = report([text, vae, ae], lessons=["vae"], out=tmp_path / "l.html", language="en").path
    assert f"{ae.name}, an autoencoder" in page.read_text("utf-8")


def test_guesses_at_a_lessons_questions_are_shown_or_refused_where_they_do_not_fit(
    text: Run, tmp_path: Path
) -> None:
    out = tmp_path / "guessed.html"
    said = ReportSettings(lessons=("kl",), guesses={"kl": "a"})
    with pytest.raises(
        ConfigError, match="guesses of kl do not fit: its questions have 3, 2, "
    ) as e:
        report([text], settings=said, out=out)
    counts = re.findall(r"\d+", str(e.value).partition(":")[2])
    for wrong in ("z", "a, a"):
        letters = ", ".join(["a"] * (len(counts) - 1) + [wrong])
        with pytest.raises(ConfigError, match="do not fit"):
            report([text], settings=said.updated("guesses", {"kl": letters}), out=out)
    assert not out.exists()
    letters = ", ".join(["b", *["-"] * (len(counts) - 1)])
    page = report([text], settings=said.updated("guesses", {"kl": letters}), out=out).path
    told = re.findall('<p class="guess">(.*?)</p>', page.read_text("utf-8"))
    assert len(told) == len(counts) and "which is right" in told[0]
    assert all(line.startswith("No guess. The right answer is “") for line in told[1:])


# -- the command line ------------------------------------------------------------------------------


def test_report_toml_of_the_working_folder_is_read_and_said(
    text: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.toml").write_text('title = "From the file"\nlanguage = "pt"\n')
    assert main(["report", str(text.path), "--out", "a.html", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"format": 1, "path": "a.html", "language": "pt"}
    assert "report.toml" in err
    page = Path("a.html").read_text("utf-8")
    assert "From the file" in page and 'lang="pt-BR"' in page
    words = ["report", str(text.path), "--lang", "en", "--title", "Mine", "--out", "b.html"]
    assert main(words) == 0
    page = Path("b.html").read_text("utf-8")
    assert "<h1>Mine</h1>" in page and 'lang="en"' in page, "what is said comes before the file"
    assert main(words) == 1, "it is there already"
    assert main([*words, "--overwrite"]) == 0
    Path("report.toml").write_text('titel = "x"\n')
    assert main(["report", str(text.path), "--out", "c.html"]) == 2
    assert "did you mean title" in capsys.readouterr().err
    Path("other.toml").write_text('title = "Other"\n')
    assert main(["report", str(text.path), "--out", "d.html", "--settings", "other.toml"]) == 0
    assert "<h1>Other</h1>" in Path("d.html").read_text("utf-8")


def test_report_toml_beside_the_report_is_read_where_the_working_folder_has_none(
    text: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    beside = there / "report.toml"
    beside.write_text('title = "Beside the report"\n')
    assert main(["report", str(text.path), "--out", str(there / "a.html")]) == 0
    assert str(beside) in capsys.readouterr().err
    assert "<h1>Beside the report</h1>" in (there / "a.html").read_text("utf-8")
    Path("report.toml").write_text('title = "Where I work"\n')
    assert main(["report", str(text.path), "--out", str(there / "b.html")]) == 0
    assert str(beside) not in capsys.readouterr().err
    assert "<h1>Where I work</h1>" in (there / "b.html").read_text("utf-8")
    report([text], out=there / "c.html")
    page = (there / "c.html").read_text("utf-8")
    assert "Where I work" in page, "of the working folder, whoever calls"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "docx"], "html, md, pdf"),
        (["--lessons", "kll"], "did you mean kl"),
        (["--overwrite"], "--out"),
        (["--settings", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_asked_amiss_is_told_before_any_work(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "no-such-run", *words]) in (1, 2)
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_the_ending_tells_the_format(text: Run, tmp_path: Path) -> None:
    assert main(["report", str(text.path), "--out", str(tmp_path / "r.md")]) == 0
    assert (tmp_path / "r.md").read_text("utf-8").startswith("# ")
