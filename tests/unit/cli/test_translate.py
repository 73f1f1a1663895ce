"""A run that translates, from the user's table to the report: what is shown, stored and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olaria.cli.main import main
from olaria.errors import ConfigError, RunError, UsageError
from olaria.kinds import draw
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate
from olaria.workflows.face import OpenRun
from olaria.workflows.report import report
from olaria.workflows.running import replay, resume
from olaria.workflows.train import train

WORDS = (
    "gato",
    "oleiro",
    "peça",
    "mão",
    "barro",
    "casa",
    "mesa",
    "copo",
    "jarra",
    "prato",
    "forno",
)
TABLE = "".join(f"{word}\t{word[::-1]}\n" for word in (*WORDS, *(word + "s" for word in WORDS)))
SETTINGS = ("training.batch_size=4", "training.precision=float32", "training.ema=0")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "palavras.tsv"
    path.write_text(TABLE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(table: Path) -> Run:
    return train(
        "pt-en",
        data=str(table),
        size="tiny",
        steps=30,
        settings=SETTINGS,
        out=table.parent / "run",
    )


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    capsys.readouterr()
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_prints_the_translation_alone(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(run.path)
    code, out, _ = called(capsys, "sample", path, "--prompt", "gato", "--beam", "3")
    (expected,) = OpenRun(run).sample(prompt=["gato"], beam=3)
    assert (code, out) == (0, expected + "\n")
    _, out, _ = called(capsys, "sample", path, "--prompt", "gato", "--json")
    document = json.loads(out)
    assert document["text"] == OpenRun(run).sample(prompt="gato")
    assert document["prompt"] == "gato"
    target = tmp_path / "out.txt"
    called(capsys, "sample", path, "--prompt", "gato", "--out", str(target))
    assert target.read_text(encoding="utf-8") == document["text"] + "\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give it the text to translate with --prompt"),
        (("--prompt", " "), "give it the text to translate with --prompt"),
        (("--prompt", "gato", "--temperature", "2"), "leave out --temperature"),
        (("--prompt", "gato", "--top-k", "2", "-n", "3"), "leave out -n, --top-k"),
        (("--prompt", "gato", "--beam", "0"), "--beam cannot be 0"),
        (("--prompt", "gato", "--beam", "99"), "beam cannot be 99: it must be at most 64"),
        (("--prompt", "xyz!"), "not in the alphabet"),
        (("--prompt", "gato" * 20), "has 80 tokens, more than the context of 64"),
    ],
)
def test_what_cannot_be_translated_is_told_in_one_line(
    words: tuple[str, ...], message: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(capsys, "sample", str(run.path), *words)
    assert code in (1, 2) and out == ""
    assert message in err and len(err.strip().splitlines()) == 1


def test_the_unseen_may_be_skipped(run: Run) -> None:
    assert draw(run, prompt="ga!to", unseen="skip").value == draw(run, prompt="gato").value


def test_it_watches_translations_and_keeps_the_best(run: Run) -> None:
    values = [row["values"] for row in run.metrics() if row["split"] == "validation"]
    assert values and set(values[0]) == {"loss", "loss_nats_per_token", "exact_match"}
    assert values[-1]["loss"] < values[0]["loss"]
    text = run.samples()[-1].read_text(encoding="utf-8")
    assert all(" → " in line for line in text.splitlines())
    assert set(run.result["final"]) == set(values[0])
    assert run.result["tokens_per_s"] > 0


def test_an_evaluation_says_how_it_was_made(run: Run) -> None:
    found = evaluate(run)
    assert list(found.metrics) == ["loss_nats_per_token", "exact_match", "bleu", "chrf"]
    protocol = found.protocol
    assert (protocol["split"], protocol["num_examples"], protocol["decoding"]) == (
        "validation",
        2,
        "greedy",
    )
    loss = found.metrics["loss_nats_per_token"]
    assert loss == pytest.approx(run.result["final"]["loss"], rel=1e-4)


def test_the_report_shows_what_was_expected_and_what_was_written(run: Run) -> None:
    evaluate(run)
    (held_out, _) = run.data().validation  # type: ignore[union-attr]
    for language, word in (("en", "Encoder–decoder"), ("pt", "Source")):
        page = report([run], language=language, out=run.path / f"{language}.html").path
        text = page.read_text(encoding="utf-8")
        assert held_out[0] in text and held_out[1] in text
        assert 'id="translation"' in text
        assert language == "pt" or word in text


def test_a_replay_is_the_run_and_there_is_nothing_to_resume(
    run: Run, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="is finished, after"):
        resume(run.path)
    again = replay(run.path, out=tmp_path / "again")
    assert [row["values"] for row in again.metrics()] == [row["values"] for row in run.metrics()]


@pytest.mark.parametrize(
    ("preset", "data", "message"),
    [
        ("gpt-shakespeare", "reverse", "gpt learns from text and reverse holds none"),
        ("vae-mnist", "reverse", "vae learns from images and reverse holds none"),
        ("pt-en", "toy-language", "holds none; give it a .tsv file"),
        ("pt-en", "digits", "holds none; give it a .tsv file"),
    ],
)
def test_data_of_another_kind_is_refused(
    preset: str, data: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=message):
        train(preset, data=data, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_that_does_not_fit_the_recipe(table: Path, tmp_path: Path) -> None:
    chosen = ["training.batch_size=21"]
    with pytest.raises(
        ConfigError, match="batch_size 21 is larger than the training data, 20 pairs"
    ):
        train("pt-en", data=str(table), size="tiny", steps=1, settings=chosen, out=tmp_path / "no")
    run = train("pt-en", data=str(table), size="tiny", steps=1, out=tmp_path / "run")
    assert run.recipe.training.batch_size == 2


def test_only_what_translates_takes_a_beam(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("o oleiro gira o barro\n" * 20, encoding="utf-8")
    made = train("bigram-shakespeare", data=str(text), steps=1, out=tmp_path / "bigram")
    code, _, err = called(capsys, "sample", str(made.path), "--beam", "2")
    assert code == 2 and "draws text: leave out --beam" in err
    with pytest.raises(UsageError, match="leave out beam"):
        draw(made, prompt="a", beam=2)
