"""A lesson asked for: which run, which words, what is written, how it shows itself."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from olaria.cli.main import main
from olaria.errors import UsageError
from olaria.families import MODELS
from olaria.lessons import LESSONS, Check
from olaria.vocabulary import LessonName
from olaria.workflows.explain import explain


def test_the_command_knows_every_lesson() -> None:
    assert list(get_args(LessonName)) == list(LESSONS)


def test_every_family_of_a_lesson_is_one() -> None:
    assert {family for lesson in LESSONS.values() for family in lesson.families} <= set(MODELS)


def test_an_unknown_lesson_brings_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean vae"):
        explain("vea")


def test_a_sentence_for_a_lesson_that_reads_none_is_refused() -> None:
    with pytest.raises(UsageError, match="leave prompt out"):
        explain("kl", prompt="to be")


def test_a_run_beside_itself_is_refused(tiny_run: Any) -> None:
    run = tiny_run("vae-mnist")
    with pytest.raises(UsageError, match="named twice"):
        explain("vae", runs=(run, str(run.path)))


def test_it_shows_itself_in_a_notebook_in_a_frame_of_its_own() -> None:
    found = explain("kl", language="pt")
    shown = found._repr_html_()
    assert (
        shown.startswith("<iframe srcdoc=") and 'sandbox="allow-scripts allow-downloads"' in shown
    )
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1])  # type: ignore[index]
    assert page == found.html() and 'lang="pt-BR"' in page
    assert "6 steps" in repr(found)


def test_the_page_is_a_file_alone_and_tells_no_folder(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "kl.html"
    assert main(["explain", "kl", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["lesson"] == "kl" and document["path"] == str(out)
    assert all(check["holds"] for step in document["steps"] for check in step["checks"])
    page = out.read_text(encoding="utf-8")
    assert str(tmp_path) not in page and "olaria explain kl" in re.sub("<[^>]+>", "", page)
    assert [path.name for path in tmp_path.iterdir()] == ["kl.html"]


def test_a_file_of_the_users_stays(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "mine.html"
    out.write_text("mine")
    assert main(["explain", "kl", "--out", str(out)]) == 1
    assert out.read_text() == "mine" and "--overwrite" in capsys.readouterr().err
    assert main(["explain", "kl", "--out", str(out), "--overwrite"]) == 0
    assert out.read_text() != "mine"


def test_the_lessons_are_listed(capsys: Any) -> None:
    assert main(["explain", "--lang", "pt"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in LESSONS) and "divergência" in text


def test_a_check_that_does_not_hold_is_told_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(Check, "difference", property(lambda self: 1.0))
    assert main(["explain", "kl", "--out", str(tmp_path / "kl.html")]) == 1
    told = capsys.readouterr()
    assert "does not hold in step" in told.err and "1.0e+00" in told.out


def test_a_lesson_without_its_run_names_the_way(capsys: Any) -> None:
    needing = next(name for name in LESSONS if LESSONS[name].needs_run)
    assert main(["explain", needing]) == 1
    assert "olaria train" in capsys.readouterr().err


def test_the_page_of_a_lesson_is_made_without_matplotlib() -> None:
    code = "import sys, olaria.workflows.explain; print('matplotlib' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_no_english_is_left_in_portuguese() -> None:
    english, portuguese = explain("kl", language="en").html(), explain("kl", language="pt").html()
    for text in re.findall(
        r">([^<>{}]{25,})<", re.sub(r"<pre.*?</pre>", "", english.split("<script")[0], flags=re.S)
    ):
        assert text not in portuguese or not re.search(r" (the|of|is|and) ", text), text


def test_a_page_holds_the_model_unless_it_is_to_be_static(tiny_run: Any) -> None:
    run = tiny_run("ae-mnist")
    live = explain("autoencoder", runs=(run,), language="en")
    static = explain("autoencoder", runs=(run,), language="en", static=True)
    assert set(live.context.play) == {run.name} and not static.context.play
    page, still = live.html(), static.html()
    assert 'id="play-1"' in page and "play-1" not in still and "data-live" not in still
    assert len(still) < len(page) and "--static" in still and "--static" not in page
    assert [step.title for step in live.steps] == [step.title for step in static.steps]


def test_a_model_that_is_too_large_for_a_page_is_told(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("ae-mnist")
    monkeypatch.setattr("olaria.workflows.played.MOST_IN_FLOAT32", 1)
    rounded = explain("autoencoder", runs=(run,), language="en")
    assert rounded.context.play[run.name]["precision"] == "float16" and not rounded.notes
    monkeypatch.setattr("olaria.workflows.played.MOST_IN_PAGE", 1)
    still = explain("autoencoder", runs=(run,), language="en")
    assert not still.context.play and "stand still" in still.notes[0].text("en")
    assert "data-live" not in still.html()


def test_a_model_that_only_decodes_is_there_without_its_encoder(tiny_run: Any) -> None:
    vae, ae = tiny_run("vae-mnist"), tiny_run("ae-mnist")
    found = explain("vae", runs=(vae, ae), language="en").context.play
    steps = {name for name in found if name.startswith(f"{vae.name}/")}
    assert set(found) - steps == {vae.name, ae.name}
    assert found[vae.name]["encodes"], "what the reader draws is encoded"
    assert not found[ae.name]["encodes"]
    assert not any(name.startswith("encoder") for name in found[ae.name]["tensors"])


def test_a_page_of_many_models_is_told_to_be_large(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tiny_run("vae-mnist"), tiny_run("ae-mnist")
    assert not explain("vae", runs=runs, language="en").notes
    monkeypatch.setattr("olaria.workflows.played.MOST_BYTES", 1)
    large = explain("vae", runs=runs, language="en")
    assert "mail programs may refuse" in large.notes[0].text("en") and large.context.play


def test_many_decoders_are_rounded_to_8_bits_and_what_encodes_is_not(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae, ae = tiny_run("vae-mnist"), tiny_run("ae-mnist")
    monkeypatch.setattr("olaria.workflows.played.MOST_IN_FLOAT32", 1)
    monkeypatch.setattr("olaria.workflows.played.MOST_IN_FLOAT16", 1)
    play = explain("vae", runs=(vae, ae), language="en").context.play
    assert [play[run.name]["precision"] for run in (vae, ae)] == ["float16", "int8"]
    gan = tiny_run("gan-mnist")
    document = explain("gan", runs=(gan,), language="en").context.play[gan.name]
    assert document["precision"] == "float16"
