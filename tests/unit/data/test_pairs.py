"""Pairs: what the generated ones are, how they are split, and what a bad table is told."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.data import DATASETS, DataConfig, PairData, load
from olaria.data.base import Pair
from olaria.data.dates import FIRST, FORMS, LAST, written
from olaria.data.pairs import encode_texts, references
from olaria.data.split import split_pairs
from olaria.data.tokenizer import fit_tokenizer
from olaria.data.toy_language import ToyLanguage
from olaria.errors import DataError, StorageError, UsageError

GENERATED = [name for name, data_set in DATASETS.items() if data_set.kind == "pairs"]
cells = st.text("abc", min_size=1, max_size=2)


def pairs_of(name: str | Path, **settings: object) -> PairData:
    data = load(str(name), DataConfig.parse({"name": str(name), **settings}))
    assert isinstance(data, PairData)
    return data


def table(folder: Path, content: str | bytes, name: str = "pairs.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- splitting -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(cells, cells), min_size=2).filter(lambda p: len({x for x, _ in p}) > 1))
def test_no_source_is_on_both_sides_and_no_pair_is_lost(pairs: list[Pair]) -> None:
    train, validation = split_pairs(pairs)
    assert not {x for x, _ in train} & {x for x, _ in validation}
    assert sorted([*train, *validation]) == sorted(pairs)
    num_sources = len({x for x, _ in pairs})
    assert len({x for x, _ in validation}) == max(1, num_sources // 10)
    assert list(train) == [pair for pair in pairs if pair in train]


# -- generated pairs -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERATED)
def test_held_out_sources_are_new_and_each_source_has_one_target(name: str) -> None:
    data = pairs_of(name)
    assert data.source == "generated"
    train, validation = dict(data.train), dict(data.validation)
    assert not train.keys() & validation.keys()
    assert len(train) == len(data.train) and len(validation) == len(data.validation) > 1000
    again = pairs_of(name)
    assert (again.sha256, again.train) == (data.sha256, data.train)


def test_reverse_is_reversed_and_has_every_length() -> None:
    data = pairs_of("reverse")
    assert all(target == source[::-1] for source, target in (*data.train, *data.validation))
    assert {len(source) for source, _ in data.train} == set(range(2, 17))


def test_toy_translation_is_what_the_grammar_says() -> None:
    data, grammar = pairs_of("toy-translation"), ToyLanguage()
    for source, target in data.validation[::40]:
        assert grammar.translate(source) == target


def test_a_held_out_date_is_in_training_in_no_form() -> None:
    data = pairs_of("dates")
    assert not {iso for _, iso in data.train} & {iso for _, iso in data.validation}
    for _, iso in data.validation:
        assert FIRST <= datetime.date.fromisoformat(iso) <= LAST


def test_no_written_date_has_two_readings() -> None:
    meaning: dict[str, datetime.date] = {}
    date = FIRST
    short = [form for form in FORMS if "month" not in form and "mês" not in form]
    assert len(short) == 8
    while date <= LAST:
        for form in short if date.day < 13 else ():
            assert meaning.setdefault(written(date, form), date) == date
        date += datetime.timedelta(1)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{semana}, {dia} de {mês} de {year}", "terça-feira, 3 de março de 1998"),
        ("{dd}/{mm}/{yy}", "03/03/98"),
        ("{weekday}, {month} {d}, {year}", "Tuesday, March 3, 1998"),
        ("the {nth} of {month}, {year}", "the 3rd of March, 1998"),
        ("{d}-{mes}-{yy}", "3-mar-98"),
    ],
)
def test_forms_of_a_date(form: str, expected: str) -> None:
    assert form in FORMS
    assert written(datetime.date(1998, 3, 3), form) == expected


def test_english_ordinals() -> None:
    days = (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31)
    found = [written(datetime.date(1990, 1, day), "{nth}") for day in days]
    assert " ".join(found) == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th 31st"


# -- the user's table ------------------------------------------------------------------------------


def test_a_table_in_another_encoding_with_other_newlines(tmp_path: Path) -> None:
    path = table(tmp_path, "pão\tbread\r\nmaçã\tapple\r\na\u0303\tx\r\n".encode("utf-16"))
    data = pairs_of(path, encoding="utf-16")
    assert sorted([*data.train, *data.validation]) == [
        ("maçã", "apple"),
        ("pão", "bread"),
        ("ã", "x"),
    ]
    assert (data.name, data.source) == ("pairs.tsv", "user file")


def test_repeated_lines_are_counted_and_other_targets_are_kept(tmp_path: Path) -> None:
    data = pairs_of(table(tmp_path, "a\tx\nb\ty\na\tx\na\tz\n"))
    assert sorted([*data.train, *data.validation]) == [("a", "x"), ("a", "z"), ("b", "y")]
    assert [note.fields for note in data.notes] == [{"count": 1}]
    assert references([*data.train, *data.validation])["a"] == ["x", "z"]


def test_a_third_column_of_authors_is_left_out_and_noted(tmp_path: Path) -> None:
    credit = "CC-BY 2.0 (France) Attribution: tatoeba.org #2877272 (CM) & #1 (x)"
    data = pairs_of(table(tmp_path, f"Go.\tVai.\t{credit}\nHi.\tOi.\t{credit}\n"))
    assert data.text == "Go.\nVai.\nHi.\nOi.\n"
    assert data.notes[0].text("en").startswith("the third column of 2 lines, their licence")
    # A line without it may be shifted: it is named.
    with pytest.raises(DataError, match=r"line 1 of pairs\.tsv has 3 columns"):
        pairs_of(table(tmp_path, f"Go.\tVai.\t{credit}\nHi.\tOi.\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a\tx\nb\n", "line 2 of pairs.tsv has 1 column,"),
        ("a\tx\n\nb\ty\n", "line 2 of pairs.tsv has 1 column,"),
        ("a\tx\ty\n", "line 1 of pairs.tsv has 3 columns"),
        ("a\tx\nb\t \n", "line 2 of pairs.tsv has an empty side"),
        ("a\tx\na\ty\n", "have one source"),
        ("pão\tbread\n".encode("cp1252"), "not utf-8 at byte 1; try encoding=cp1252"),
        (b"a\x00\tx\n", "NUL"),
    ],
)
def test_a_bad_table_is_told_what_and_where(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        pairs_of(table(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_table_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, "a\tx\nb\ty\n")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        pairs_of(path)


def test_a_tab_too_many_at_the_end_is_nothing(tmp_path: Path) -> None:
    assert pairs_of(table(tmp_path, "a\tx\t\nb\ty\t\t\n\t\n\t\t\n")).text == "a\nx\nb\ny\n"
    with pytest.raises(DataError, match=r"line 2 of pairs\.tsv has 3 columns"):
        pairs_of(table(tmp_path, "a\tx\nb\ty\tz\n"))


@pytest.mark.parametrize("settings", [{"column": "a"}, {"resize": 8}, {"gray": True}])
def test_a_setting_without_effect_is_an_error(settings: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no effect"):
        path = table(tmp_path, "a\tx\nb\ty\n")
        load(str(path), DataConfig.parse({"name": str(path), **settings}), wanted="pairs")


# -- encoding --------------------------------------------------------------------------------------


def test_a_text_beyond_the_context_is_named_with_what_would_do() -> None:
    tokenizer = fit_tokenizer("char", "abc")
    rows = encode_texts(["ab", "cab"], tokenizer, 3)
    assert [row.tolist() for row in rows] == [[0, 1], [2, 0, 1]]
    assert rows[0].dtype == torch.int64
    with pytest.raises(DataError, match=r"“cab” has 3 tokens.*model\.context=3"):
        encode_texts(["ab", "cab", "a"], tokenizer, 2)
    with pytest.raises(DataError, match=r"“a{39}…” has 90 tokens"):
        encode_texts(["a" * 90], tokenizer, 2)


def test_unseen_characters_of_a_text() -> None:
    tokenizer = fit_tokenizer("char", "abc")
    with pytest.raises(DataError, match="not in the alphabet"):
        encode_texts(["a!"], tokenizer, 9)
    assert encode_texts(["a!"], tokenizer, 9, "skip")[0].tolist() == [0]
    with pytest.raises(DataError, match="nothing is left of “!”"):
        encode_texts(["a", "!"], tokenizer, 9, "skip")
