"""``olaria sample`` of a text run: options, several texts, what is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olaria.cli.main import main
from olaria.data.tokenizer import Kind
from olaria.kinds import text
from olaria.runs import Run
from olaria.sampling.autoregressive import SamplingConfig
from olaria.workflows.face import OpenRun
from olaria.workflows.train import train

TEXT = "o oleiro gira o barro — e a peça nasce, coração em mãos.\n" * 30
TINY = ("training.precision=float32", "training.compile=off", "model.context=16", "training.ema=0")


def made(folder: Path, kind: Kind) -> Run:
    """A run of a few steps."""
    (folder / "barro.txt").write_text(TEXT, encoding="utf-8")
    return train(
        "gpt-shakespeare",
        data=str(folder / "barro.txt"),
        size="tiny",
        steps=30,
        settings=TINY,
        tokenizer=kind,
        out=folder / kind,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("char"), "char")


def sampled(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The standard output of a command that must succeed."""
    capsys.readouterr()
    code = main(["sample", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--temperature", "0"), "--temperature cannot be 0: it must be greater than 0"),
        (("--temperature", "-1"), "--temperature cannot be -1"),
        (("--temperature", "nan"), "--temperature cannot be nan"),
        (("--top-p", "0"), "--top-p cannot be 0"),
        (("--top-p", "1.01"), "--top-p cannot be 1.01: it must be at most 1"),
        (("--min-p", "2"), "--min-p cannot be 2"),
        (("--repetition-penalty", "0"), "--repetition-penalty cannot be 0"),
        (("--stop", ""), "--stop cannot be"),
        (("--prompt", ""), "the prompt is empty"),
        (("--top-k", "0"), "--top-k cannot be 0"),
        (("-n", "0"), "-n cannot be 0"),
        (("--mode", "prior", "--stop", "x"), "--mode and --class are for images"),
    ],
)
def test_impossible_options_are_told_before_a_run_is_opened(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run does not exist, and that is not what is complained of."""
    assert main(["sample", "no-such-run", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


def test_an_unseen_character_is_named_before_the_model_is_loaded(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "model", None)
    assert main(["sample", str(run.path), "--prompt", "ñ"]) == 1
    assert "'ñ' (U+00F1" in capsys.readouterr().err


def test_a_file_in_the_way_is_told_before_the_model_is_loaded(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "model", None)
    (tmp_path / "taken.txt").write_text("x")
    assert main(["sample", str(run.path), "--out", str(tmp_path / "taken.txt")]) == 1
    assert "is already there" in capsys.readouterr().err


def test_several_texts_and_the_first_is_the_one_alone(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (str(run.path), "--prompt", "o ", "--max-tokens", "20", "--seed", "3")
    alone = sampled(capsys, *words)
    found = json.loads(sampled(capsys, *words, "-n", "3", "--json"))
    assert len(set(found["texts"])) == 3 and found["text"] == found["texts"][0]
    assert alone == "o " + found["text"] + "\n"
    assert all(len(text) == 20 for text in found["texts"])
    shown = sampled(capsys, *words, "-n", "3")
    assert shown == "\n---\n".join("o " + text for text in found["texts"]) + "\n"
    path = tmp_path / "texts.txt"
    sampled(capsys, *words, "-n", "3", "--out", str(path))
    assert path.read_text(encoding="utf-8") + "\n" == shown


def test_it_ends_before_a_stop_string(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = (str(run.path), "--prompt", "o ", "--max-tokens", "200", "--json")
    whole = json.loads(sampled(capsys, *words))["text"]
    stops = (whole[60:62], whole[90:93])
    cut = json.loads(sampled(capsys, *words, "--stop", stops[0], "--stop", stops[1]))["text"]
    assert cut == whole[: min(whole.index(stop) for stop in stops)]


def test_options_change_the_text(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = (str(run.path), "--prompt", "o ", "--max-tokens", "60")
    usual = sampled(capsys, *words)
    assert sampled(capsys, *words) == usual
    greedy = {sampled(capsys, *words, "--top-k", "1", "--seed", seed) for seed in "012"}
    assert len(greedy) == 1
    assert sampled(capsys, *words, "--min-p", "1") == greedy.pop()
    assert sampled(capsys, *words, "--repetition-penalty", "50") != usual


def test_prompts_of_unequal_length(run: Run) -> None:
    config = SamplingConfig(max_tokens=12)
    prompts = ["o barro", "a", "o oleir", None]
    texts = text.several(run, prompts, config, seed=5)
    assert [len(text) for text in texts] == [12] * 4
    assert texts[0] == "".join(text.one(run, "o barro", config, seed=5))
    # What a text is drawn beside does not matter.
    assert text.several(run, prompts[:2], config, seed=5) == texts[:2]


def test_in_python(run: Run) -> None:
    opened = OpenRun(run)
    one = opened.sample(prompt="o ", max_tokens=5, seed=1)
    assert isinstance(one, str) and len(one) == 5
    assert opened.sample(2, prompt="o ", max_tokens=5, seed=1)[0] == one


def test_accents_of_a_byte_model_stream_as_whole_characters(tmp_path: Path) -> None:
    run = made(tmp_path, "byte")
    config = SamplingConfig(max_tokens=300, temperature=2.0)
    found = list(text.one(run, "coração — m", config))
    again = text.several(run, ["coração — m"], config)
    assert "".join(found) == again[0]
    assert all(piece and piece.encode("utf-8") for piece in found)
