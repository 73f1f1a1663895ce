"""Whole documents on one side of the split, copies with them, and what is said of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.data import DataConfig, TextData, load
from olaria.data.split import split_documents, split_text
from olaria.kinds.text_stats import text_stats
from olaria.runs.opening import tokenizer_of

documents_ = st.lists(st.text("abc", min_size=1, max_size=30), min_size=2, max_size=25).filter(
    lambda documents: len(set(documents)) > 1
)


def text_of(path: Path, **settings: object) -> TextData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


def notes_of(path: Path, **settings: object) -> list[str]:
    return [note.text() for note in text_of(path, **settings).notes]


@given(documents_)
def test_nothing_is_lost_and_nothing_is_on_both_sides(documents: list[str]) -> None:
    train, validation = split_documents(documents)
    assert sorted(train + validation) == sorted(documents)
    assert not set(train) & set(validation)
    assert train
    assert validation
    for side in (train, validation):
        places = [documents.index(document) for document in dict.fromkeys(side)]
        assert places == sorted(places)


@given(st.integers(10, 200), st.integers(1, 9))
def test_of_equal_lengths_the_last_tenth_validates(count: int, length: int) -> None:
    documents = [f"{number:0{length + 3}d}" for number in range(count)]
    train, validation = split_documents(documents)
    assert documents == train + validation
    assert abs(len(validation) - count / 10) <= 0.5


@given(documents_)
def test_no_single_change_brings_the_part_nearer_to_a_tenth(documents: list[str]) -> None:
    # The walk goes once, so it is not the best subset; but no document outside would still help.
    train, validation = split_documents(documents)
    wanted = sum(map(len, documents)) / 10
    held = sum(map(len, validation))
    if held <= wanted:
        for document in set(train):
            joined = held + len(document) * train.count(document)
            assert abs(joined - wanted) >= abs(held - wanted) - 1e-9


def test_a_long_last_document_does_not_become_the_validation_text() -> None:
    assert split_documents(["short", "x" * 500]) == (["x" * 500], ["short"])


def test_a_folder_is_split_between_files(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"text number {number}", "utf-8")
    data = text_of(tmp_path)
    assert data.validation == "text number 9\n"
    assert data.train.endswith("text number 8\n\n")
    assert data.num_documents == 10
    assert [note.text() for note in data.notes] == [
        "10 documents, none on both sides: 9 train, 1 validates with 10 % of the characters"
    ]


def test_copies_stay_together(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for number in range(9):
            made.writestr(f"{number}.txt", f"text number {number}")
        made.writestr("x.txt", "text number 0\r\n")  # the same once newlines are normalised
    data = text_of(tmp_path / "a.zip")
    assert "number 0" in data.train
    assert "number 0" not in data.validation
    assert "1 document is a copy of another; copies stay together" in [
        note.text() for note in data.notes
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_row_is_a_document(kind: str, tmp_path: Path) -> None:
    rows = [f"fala {number}\ncom duas linhas" for number in range(20)]
    file = tmp_path / f"a.{kind}"
    if kind == "csv":
        file.write_text("fala\n" + "".join(f'"{row}"\n' for row in rows), "utf-8")
    else:
        file.write_text("".join(json.dumps({"fala": row}) + "\n" for row in rows), "utf-8")
    data = text_of(file)
    assert data.num_documents == 20
    assert data.train == "".join(row + "\n" for row in rows[:18])
    assert data.validation == "".join(row + "\n" for row in rows[18:])


def test_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"t": "again and again"}\n' * 5)
    data = text_of(file)
    assert (data.train, data.validation) == split_text("again and again\n")
    assert notes_of(file) == ["all 5 documents are the same: one is kept"]


def test_documents_of_very_different_length_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("word " * 2000)
    (tmp_path / "readme.txt").write_text("by hand")
    assert any("differ too much in length" in note for note in notes_of(tmp_path))


def test_one_document_is_cut_at_nine_tenths_and_kept_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n  one text \n\n" * 10, "utf-8")
    data = text_of(tmp_path / "a.txt")
    assert (data.train, data.validation) == split_text("\n\n  one text \n\n" * 10)
    assert (data.num_documents, data.notes) == (1, ())


def test_built_in_texts_are_cut_at_nine_tenths() -> None:
    # toy-language at the next line's end, so that both parts have an exact probability
    data = load("toy-language")
    assert isinstance(data, TextData)
    assert data.num_documents == 1


def test_words_and_byte_pairs_are_of_the_training_part(tmp_path: Path) -> None:
    words = " ".join(f"treino{number % 7}" for number in range(200))
    held_out = " ".join(f"validar{number % 3}" for number in range(20))
    (tmp_path / "a.txt").write_text(f"{words} {held_out}", "utf-8")
    for kind in ("word", "bpe"):
        data = text_of(tmp_path / "a.txt")
        options = DataConfig.parse({"name": "a.txt", "tokenizer": kind})
        tokenizer = tokenizer_of(options, data)
        tokens = tokenizer.to_json()["vocabulary"]
        assert any("treino" in token for token in tokens)
        assert not any("validar" in token for token in tokens)
        assert tokenizer.decode(tokenizer.encode(data.validation)) == data.validation


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0c", "\x0b", "\x1c", "\x1e"])
def test_a_line_ends_at_a_newline_and_nowhere_else(mark: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(f"uma{mark}linha\r\n".encode() * 50)
    data = load(str(tmp_path / "a.txt"))
    assert isinstance(data, TextData)
    assert text_stats(data, DataConfig(name="a"))["num_lines"] == 50
