"""Tables as spreadsheets write them, and the faults of single rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.data import DataConfig, TextData, load
from olaria.data.tables import csv_column
from olaria.errors import DataError, UsageError
from olaria.i18n import Message

SPOKEN = ["um, dois", "três; quatro", 'ela disse "oi"']


def column(text: str, name: str | None = None, file: str = "a.csv") -> list[str]:
    return csv_column(file, text, name, [])


def noted(text: str, name: str | None = None) -> list[str]:
    notes: list[Message] = []
    csv_column("a.csv", text, name, notes)
    return [note.text() for note in notes]


def text_of(path: Path, **settings: object) -> TextData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def table(delimiter: str, ending: str = "\n", first: str = "") -> str:
    rows = [f"{number}{delimiter}{quoted(cell)}" for number, cell in enumerate(SPOKEN)]
    return first + ending.join([f"id{delimiter}fala", *rows]) + ending


# -- the delimiter ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_ends_of_lines(delimiter: str, ending: str) -> None:
    assert column(table(delimiter, ending), "fala") == SPOKEN


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;;\n", "sep=;\r", "\n sep=;\n"])
def test_the_first_line_may_name_the_delimiter(first: str) -> None:
    assert column(table(";", "\n", first), "fala") == SPOKEN
    # Even one that no heading would make anyone guess.
    assert column(table("#", "\n", first.replace(";", "#")), "fala") == SPOKEN


@pytest.mark.parametrize(
    "heading",
    [
        '"Fala (texto, tom, cena)";Numero',
        "Fala (texto, tom, cena);Numero",
        '"Fala\r\n(texto, tom, cena)";Numero',
    ],
)
def test_a_heading_may_hold_other_delimiters(heading: str) -> None:
    text = "\r\n".join([heading, *(f'"linha {i}, dita";{i}' for i in range(9))])
    assert column(text, "Fala (texto, tom, cena)") == [f"linha {i}, dita" for i in range(9)]


def test_decimal_commas_do_not_part_cells() -> None:
    text = "nota;peso;fala\n1,5;2,25;um\n3,0;4,75;dois\n"
    assert column(text, "fala") == ["um", "dois"]


def test_a_table_of_one_column_needs_no_quotes() -> None:
    assert column("fala\nOlá, mundo\nsim, sim, sim\n") == ["Olá, mundo", "sim, sim, sim"]


def test_utf16_tabs_as_spreadsheets_save_unicode_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table("\t", "\r\n").encode("utf-16"))
    with pytest.raises(DataError, match=r"try encoding=utf-16$"):
        text_of(tmp_path / "a.csv", column="fala")
    assert text_of(tmp_path / "a.csv", column="fala", encoding="utf-16").num_documents == 3


def test_a_tsv_is_a_table_where_a_column_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("origem\tfala\num\to pote\ndois\ta roda, o barro\n", "utf-8")
    data = text_of(tmp_path / "a.tsv", column="fala")
    assert sorted(data.text.splitlines()) == ["a roda, o barro", "o pote"]
    assert not isinstance(load(str(tmp_path / "a.tsv")), TextData)
    with pytest.raises(UsageError, match="origem, fala; choose one"):
        load(str(tmp_path / "a.tsv"), wanted="text")


cells_ = st.lists(st.text(st.sampled_from("aé\"',;\t|\n \u2028\x85\x0c"), max_size=9), max_size=12)


@given(
    cells_,
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
)
def test_what_a_spreadsheet_wrote_is_read(
    cells: list[str], delimiter: str, ending: str, quoting: Any, names_delimiter: bool
) -> None:
    stream = io.StringIO(newline="")
    if names_delimiter:
        stream.write(f"sep={delimiter}{ending}")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow(["id", "fala"])
    for number, cell in enumerate(cells):
        writer.writerow([f"n{number}", cell.replace("\n", ending)])
    filled = [cell for cell in cells if cell.strip()]
    if cells and not filled:
        with pytest.raises(DataError, match="none with a text in fala"):
            column(stream.getvalue(), "fala")
    else:
        assert column(stream.getvalue(), "fala") == filled


# -- rows ------------------------------------------------------------------------------------------


def test_delimiters_too_many_at_the_end_of_rows() -> None:
    some = "id;fala\n1;um;\n2;dois\n3;três;;\n"
    every = "id;fala;\n1;um;\n2;dois;\n3;três;\n"
    assert column(some, "fala") == column(every, "fala") == ["um", "dois", "três"]


def test_blank_rows_at_the_end_are_none() -> None:
    text = "id;fala\n1;um\n2;dois\n;\n;;\n\n \n"
    assert column(text, "fala") == ["um", "dois"]
    assert not noted(text, "fala")


def test_a_row_is_named_by_its_number_and_its_line() -> None:
    rows = [f'{i};"primeira\r\nsegunda {i}"' for i in range(1, 6)]
    text = "\r\n".join(["id;fala", "", *rows, "6"])
    with pytest.raises(
        DataError, match=r"row 8 of a\.csv \(line 13 of the file\) has 1 cell and the heading 2"
    ):
        column(text, "fala")
    with pytest.raises(DataError, match=r"row 3 of a\.csv \(line 4 of the file\) has 3 cells"):
        column('sep=;\nid;fala\n1;"um"\n2;dois;três\n', "fala")


def test_rows_without_a_text_are_left_out_and_counted() -> None:
    text = 'id,fala\n1,um\n2,"a\nb"\n3,\n4,  \n5,fim\n'
    assert column(text, "fala") == ["um", "a\nb", "fim"]
    assert noted(text, "fala") == [
        "2 records of a.csv without a text in fala were left out; the first is on line 5"
    ]
    with pytest.raises(DataError, match=r"a\.csv has 2 records, none with a text in fala"):
        column("id,fala\n1,\n2,\n", "fala")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\n1,x\n2,"y\n3,z\n', r"row 3 of a\.csv \(line 3 of the file\) opens a quote that is"),
        ('a,b\n1,"x, y"z\n', r"row 2 .*line 2 .*behind a closing quote"),
        ('sep=,\na,b\n1,"x\n\ny"\n2,"z\nz" \n', r"row 3 .*line 6 .*behind a closing quote"),
        ('"a"b,c\n1,"x"\n', r"row 1 .*line 1 .*behind a closing quote"),
    ],
)
def test_faults_of_quotes_name_the_row(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        column(text, "b")


def test_quotes_inside_a_cell_without_quotes_are_text() -> None:
    assert column('a,b\n1,ela disse "oi" e 5" de barro\n', "b") == ['ela disse "oi" e 5" de barro']


def test_quotes_around_a_part_of_a_cell_are_text_too_and_counted() -> None:
    text = 'a;b\n1;"Olá" disse ela\n2;"um ""dois"""\n"3"x;"disse: "oi" e foi"\n4;quatro\n'
    expected = ['"Olá" disse ela', 'um "dois"', '"disse: "oi" e foi"', "quatro"]
    assert column(text, "b") == expected
    assert noted(text, "b") == [
        "2 rows of a.csv have text behind a closing quote: their quotes are read as text; "
        "the first is on line 2"
    ]


def test_a_blank_before_a_quote_is_no_text_where_the_rows_fit_only_so() -> None:
    assert column('id, fala\n1, "um, dois"\n2, "três, quatro"\n', "fala") == [
        "um, dois",
        "três, quatro",
    ]
    assert column('id, fala\n1, "um"\n2, dois\n', "fala") == [' "um"', " dois"], "as they stand"


# -- columns ---------------------------------------------------------------------------------------


def test_two_columns_of_one_name_are_chosen_by_number() -> None:
    text = "fala,id,fala\num,1,dois\ntrês,2,quatro\n"
    with pytest.raises(UsageError, match=r"2 columns named fala.*column=1, column=3"):
        column(text, "fala")
    assert column(text, "1") == ["um", "três"]
    assert column(text, "3") == ["dois", "quatro"]
    assert column("2,a\num,x\n", "2") == ["um"], "a name goes before a number"


@pytest.mark.parametrize("asked", ["0", "4", "²", "-1", "9" * 5000])
def test_no_such_column(asked: str) -> None:
    with pytest.raises(UsageError, match="has no column") as caught:
        column("a,b,c\n1,x,y\n", asked)
    assert len(str(caught.value)) < 200


def test_a_typed_name_takes_the_form_of_the_heading() -> None:
    assert column("ac\u0327a\u0303o , b\num,1\n", "ação") == ["um"]
    assert column("ação,b\num,1\n", "ac\u0327a\u0303o") == ["um"]


def test_long_lists_of_columns_are_cut() -> None:
    names = [f"fala {number}" for number in range(30)]
    text = ",".join(names) + "\n" + ",".join(["oi"] * 30) + "\n"
    with pytest.raises(UsageError, match="fala 7 and 22 more; choose one"):
        column(text)
    with pytest.raises(UsageError) as caught:
        column("x" * 5000 + ",b\num,dois\n")
    assert len(str(caught.value)) < 200


def test_only_columns_of_text_are_offered() -> None:
    with pytest.raises(UsageError, match="has text in fala, nome and numbers elsewhere; choose"):
        column("id,nota,fala,nome\n1,2.5,um,ana\n2,3.5,dois,zé\n")


@pytest.mark.parametrize(
    "text",
    [
        "label,pixel0,pixel1\n" + "5,0,255\n" * 20,
        "largura,altura,especie\n" + "5.1,3.5,setosa\n6,2,virginica\n" * 10,
        "5.1,3.5,1.4,Iris-setosa\n" + "4.9,3.0,1.4,Iris-setosa\n" * 10,
        "x;y;z\n" + "1,5;2,5;3\n" * 9,
    ],
)
def test_a_table_of_numbers_is_no_text(text: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv is a table of numbers, \d columns"):
        column(text)


def test_a_column_of_numbers_is_read_where_it_is_named_and_noted() -> None:
    text = "a,b\n1,x\n2,y\n"
    assert column(text, "a") == ["1", "2"]
    assert noted(text, "a") == ["the column a of a.csv holds nothing but numbers"]
    nameless = ",b\n1,x\n2,y\n"
    assert noted(nameless, "1") == ["the column 1 of a.csv holds nothing but numbers"]


@pytest.mark.parametrize("text", ["", "\n\n", "sep=;\n", "a;b\n", "a\n"])
def test_a_table_without_rows_holds_no_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises((DataError, UsageError)) as caught:
        text_of(tmp_path / "a.csv")
    assert "columns ;" not in str(caught.value)
