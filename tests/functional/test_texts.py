"""The user's own texts through the command line: what bad input gets, and what good input is told."""

from __future__ import annotations

import json
import re
import shlex
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXT = "o oleiro gira o barro e o barro vira um pote\n" * 60
FAST = ("--size", "tiny", "--steps", "2", "--set", "model.context=16")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def olaria(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The real entry point in this process, in an empty folder; exit code, output and messages."""
    from olaria.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", "runs")

    def run(*words: str) -> tuple[int, str, str]:
        handler = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        try:
            code = main(list(words))
        finally:
            signal.signal(signal.SIGTERM, handler)
        return code, *capsys.readouterr()

    return run


def done(result: tuple[int, str, str]) -> tuple[str, str]:
    code, out, err = result
    assert code == 0, err
    return out, err


BAD: list[tuple[str, bytes, tuple[str, ...], int, str]] = [
    ("empty", b"", (), 1, "holds no text to learn from"),
    ("blank", b" \n \n", (), 1, "holds no text to learn from"),
    ("short", b"abc", (), 1, "use a longer text"),
    ("context", b"a short text.\n" * 4, ("--set", "model.context=128"), 1, "lower model.context"),
    ("image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", (), 1, "is not a text but a PNG image"),
    ("binary", bytes(range(256)) * 9, (), 1, "is not a text but a binary file"),
    ("cp1252", "não é".encode("cp1252"), (), 1, "not utf-8 at byte 1; try --encoding cp1252"),
    ("mixed", "não é ".encode() + "não é".encode("cp1252"), (), 1, "first at byte 9; save all"),
    ("utf16", "não é".encode("utf-16-le"), (), 1, "try --encoding utf-16-le"),
    ("encoding", b"abc", ("--encoding", "utf-9"), 2, "no text encoding utf-9"),
    ("size", b"abc", ("--vocab-size", "300"), 2, "--vocab-size is for --tokenizer bpe"),
    ("few", b"abc", ("--tokenizer", "bpe", "--vocab-size", "256"), 2, "at least 257"),
    ("many", b"abc", ("--tokenizer", "bpe", "--vocab-size", "9999999"), 2, "at most 1000000"),
    ("kind", b"abc", ("--tokenizer", "bep"), 2, "did you mean bpe?"),
    ("column", b"abc", ("--column", "text"), 2, "has no columns"),
]


@pytest.mark.parametrize(
    ("name", "content", "words", "code", "said"), BAD, ids=[case[0] for case in BAD]
)
def test_bad_input_is_one_line_before_any_work(
    olaria: Command, name: str, content: bytes, words: tuple[str, ...], code: int, said: str
) -> None:
    Path("a.txt").write_bytes(content)
    got, out, err = olaria("train", "gpt-shakespeare", "--data", "a.txt", "--size", "tiny", *words)
    assert (got, out) == (code, "")
    assert err.startswith("olaria: error:")
    assert said in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["a.txt"]


def test_a_byte_pair_run_from_its_text_to_its_samples(olaria: Command) -> None:
    Path("a.txt").write_text(TEXT, "utf-8")
    words = ("--data", "a.txt", "--tokenizer", "bpe", "--vocab-size", "400", *FAST)
    _, err = done(olaria("train", "gpt-shakespeare", *words, "--out", "run"))
    assert "gives" in err and "tokens, not 400" in err
    assert json.loads(Path("run/tokenizer.json").read_text())["kind"] == "bpe"
    out, _ = done(olaria("eval", "run", "--json"))
    found = json.loads(out)
    metrics = found["metrics"]
    assert found["protocol"]["tokenizer"] == "bpe"
    assert metrics["bits_per_byte"] == pytest.approx(metrics["bits_per_char"], rel=1e-6)  # ASCII
    assert metrics["loss_nats_per_token"] > 2 * metrics["loss_nats_per_char"]
    out, _ = done(olaria("sample", "run", "--prompt", "çã 🏺", "--max-tokens", "20"))
    assert out.startswith("çã 🏺")


def test_what_was_done_with_documents_and_words_is_told(olaria: Command) -> None:
    with zipfile.ZipFile("a.zip", "w") as made:
        for number in range(10):
            made.writestr(f"{number}.txt", f"{TEXT[:400]}capítulo {number}\n")
    words = ("--data", "a.zip", "--tokenizer", "word", *FAST, "--out", "run")
    _, err = done(olaria("train", "gpt-shakespeare", *words))
    assert "10 documents, none on both sides: 9 train, 1 validates with 10 % of the" in err
    assert re.search("words to validate on (is|are) unknown: spelt letter by letter", err)
    assert "warning: 10 documents" not in err
    kept = [json.loads(line) for line in Path("run/events.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "warned" and event["is_note"] for event in kept) == 2


def test_unseen_characters_of_a_prompt(olaria: Command) -> None:
    Path("a.txt").write_text(TEXT, "utf-8")
    done(olaria("train", "gpt-shakespeare", "--data", "a.txt", *FAST, "--out", "run"))
    code, _, err = olaria("sample", "run", "--prompt", "o Ωoleiro ç", "--max-tokens", "3")
    assert code == 1
    assert "2 characters are not in the alphabet: 'ç' (U+00E7" in err
    for unseen in ("replace", "skip"):
        words = ("--prompt", "o Ωoleiro ç", "--max-tokens", "3", "--unseen", unseen)
        done(olaria("sample", "run", *words))


def test_stats_in_both_languages(olaria: Command) -> None:
    Path("a.txt").write_text(TEXT, "utf-8")
    for words in (["--tokenizer", "word"], ["--tokenizer", "bpe", "--vocab-size", "300"], []):
        document: Any = json.loads(done(olaria("data", "stats", "a.txt", *words, "--json"))[0])
        assert document["tokenizer"]["kind"] == (words[1] if words else "char")
        english, _ = done(olaria("data", "stats", "a.txt", *words))
        portuguese, _ = done(olaria("data", "stats", "a.txt", *words, "--lang", "pt"))
        assert len(english.splitlines()) == len(portuguese.splitlines())
        assert "olaria train bigram-shakespeare --size tiny --data a.txt" in portuguese
        assert "nats/char = " in english


def test_the_suggested_command_reads_the_text_as_it_was_described(
    olaria: Command, tmp_path: Path
) -> None:
    rows = "".join(f"{i};o oleiro gira o barro, disse ele {i}\r\n" for i in range(200))
    (tmp_path / "falas do filme.csv").write_text("id;a fala\r\n" + rows, "utf-16")
    how = ("--column", "a fala", "--encoding", "utf-16", "--tokenizer", "bpe")
    out, _ = done(olaria("data", "stats", "falas do filme.csv", *how))
    line = next(line for line in out.splitlines() if line.startswith("suits it"))
    words = shlex.split(line.removeprefix("suits it"))
    assert words[0] == "olaria"
    done(olaria(*words[1:], "--steps", "1", "--out", "run"))
