"""JSON records: lines or an array, faults of single ones, chats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from olaria.data import DataConfig, ImageData, TextData, load
from olaria.data.records import json_column
from olaria.errors import DataError, UsageError
from olaria.i18n import Message

GOOD = [{"titulo": f"canto {i}", "text": f"a roda gira {i}"} for i in range(6)]
TEXTS = [record["text"] for record in GOOD]
OPENAI = [{"role": "user", "content": "como?"}, {"role": "assistant", "content": "com barro"}]
SHAREGPT = [{"from": "human", "value": "como?"}, {"from": "gpt", "value": "com barro"}]


def lines(*records: object, ending: str = "\n") -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + ending for record in records)


def column(text: str, name: str | None = None) -> list[str]:
    return json_column("a.jsonl", text, name, [])


def noted(text: str, name: str | None = None) -> list[str]:
    notes: list[Message] = []
    json_column("a.jsonl", text, name, notes)
    return [note.text() for note in notes]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\n\n", "  \n\t\n", "\n\x0c\n"])
def test_ends_of_lines_between_records(ending: str) -> None:
    assert column(lines(*GOOD, ending=ending), "text") == TEXTS


@pytest.mark.parametrize(
    "mark", ["\u2028", "\u2029", "\x85", "\x0c", "\x0b", "\x1c", "\x1d", "\x1e"]
)
def test_only_a_newline_ends_a_line(mark: str) -> None:
    record = {"text": f"antes{mark}depois"}
    text = f'{{"text": "antes{mark}depois"}}\n' if mark > "\x1f" else lines(record)
    assert column(text) == [record["text"]]
    with pytest.raises(DataError, match="line 2 of"):
        column(text + "quebrada\n")


@pytest.mark.parametrize(
    "record", [{"titulo": "sem letra"}, {"text": None}, {"text": ""}, {"text": " \n"}, {}]
)
def test_records_without_the_text_are_left_out_and_counted(record: dict[str, object]) -> None:
    text = lines(*GOOD[:3], record, record, *GOOD[3:])
    assert column(text, "text") == TEXTS
    assert noted(text, "text") == [
        "2 records of a.jsonl without a text in text were left out; the first is on line 4"
    ]


def test_no_record_with_a_text() -> None:
    with pytest.raises(DataError, match=r"a\.jsonl has 3 records, none with a text in text"):
        column(lines(*[{"text": None}] * 3), "text")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, "a number"),
        (0.5, "a number"),
        (True, "true or false"),
        ([1], "a list"),
        ({"pt": "x"}, "an object"),
    ],
)
def test_a_field_of_another_type_names_the_line(value: object, kind: str) -> None:
    text = lines(*GOOD[:3], {"text": value}, *GOOD[3:])
    with pytest.raises(DataError, match=rf"text is {kind} on line 4 of a\.jsonl, not text"):
        column(text, "text")


@pytest.mark.parametrize(
    "broken",
    ['{"text": "cort', "{'text': 'x'}", "[1]", "3", '"a"', "null", "[" * 100_000, "9" * 5000],
)
def test_a_broken_record_names_the_line(broken: str) -> None:
    text = lines(*GOOD[:3]) + broken + "\n" + lines(*GOOD[3:])
    with pytest.raises(DataError, match=r"line 4 of a\.jsonl is not a JSON object"):
        column(text, "text")


def test_an_emoji_that_was_cut_in_two_names_the_line() -> None:
    assert column('{"text": "forno \\ud83d\\udd25"}') == ["forno \N{FIRE}"]
    with pytest.raises(DataError, match=r"text has half of a surrogate pair on line 3 of a\.jsonl"):
        column(lines(*GOOD[:2]) + '{"text": "forno \\ud83d"}\n', "text")
    with pytest.raises(UsageError, match=r"the columns \?, b; choose one"):
        column('{"\\ud83d": "x", "b": "y"}')


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_an_array_of_objects(name: str, indent: int | None, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\ufeff" + json.dumps(GOOD, indent=indent), "utf-8")
    data = load(str(tmp_path / name), DataConfig(name="a", column="text"))
    assert isinstance(data, TextData)
    assert sorted(data.text.splitlines()) == sorted(TEXTS)


def test_records_of_an_array_are_named_by_their_lines() -> None:
    with pytest.raises(DataError, match="text is a number on line 5 of"):
        column('[\n {"text": "a"},\n {\n  "text": "b"},\n {"text": 3}\n]\n', "text")
    with pytest.raises(DataError, match="line 2 of"):
        column('[{"text": "a"},\n{"text": "b"\n')
    with pytest.raises(DataError, match="does not end"):
        column('[{"text": "a"},\n{"text": "b"}\n')
    with pytest.raises(DataError, match="line 2 of"):
        column('[{"text": "a"}]\n{"text": "b"}\n')


def test_an_array_of_texts(tmp_path: Path) -> None:
    assert column('["um", null,\n"dois"]') == ["um", "dois"]
    assert noted('["um", null,\n""]') == [
        "2 records of a.jsonl without a text in the list were left out; the first is on line 1"
    ]
    with pytest.raises(UsageError, match="list of texts and has no column text"):
        column('["um", "dois"]', "text")
    (tmp_path / "a.json").write_text('["um", "dois"]')
    assert isinstance(load(str(tmp_path / "a.json")), TextData)


@pytest.mark.parametrize(
    "text",
    ['{"data": [1, 2]}', '{"text": ["um", "dois"]}', "[[1, 2], [3, 4]]", "3", "{}", "[]", "["],
)
def test_any_other_json_is_refused_in_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError) as caught:
        load(str(tmp_path / "a.json"))
    assert "\n" not in str(caught.value) and "columns ;" not in str(caught.value)


def test_one_object_is_no_list_of_texts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"version": "1.1", "data": [{"title": "x"}]}')
    with pytest.raises(DataError, match=r"a\.json is one JSON object \(version, data\) and not"):
        load(str(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text('{"version": "1.1", "text": "um texto\\ninteiro"}')
    data = load(str(tmp_path / "a.json"), DataConfig(name="a", column="text"))
    assert isinstance(data, TextData) and data.text == "um texto\ninteiro\n"


def test_no_field_is_text() -> None:
    with pytest.raises(DataError, match=r"no field of a\.jsonl is text; it has n, dados"):
        column(lines({"n": 1, "dados": {"text": "x"}}))
    with pytest.raises(UsageError, match="no column text; it has n, dados"):
        column(lines({"n": 1, "dados": {"text": "x"}}), "text")


def test_long_lists_of_fields_are_cut() -> None:
    with pytest.raises(UsageError, match="the columns a b, c; choose one"):
        column(lines({"a\n b": "x", "c": "y"}))
    with pytest.raises(UsageError, match="campo 7 and 32 more; choose one"):
        column(lines({f"campo {number}": "x" for number in range(40)}))


# -- chats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "chat", "senders"),
    [("messages", OPENAI, ("user", "assistant")), ("conversations", SHAREGPT, ("human", "gpt"))],
)
def test_chats_keep_their_senders(field: str, chat: object, senders: tuple[str, str]) -> None:
    text = lines({field: chat}, {field: chat})
    expected = f"{senders[0]}: como?\n{senders[1]}: com barro\n"
    assert column(text) == column(text, field) == [expected] * 2
    assert noted(text) == [
        f"{field} of a.jsonl holds chats: each message is read as “sender: text”"
    ]


def test_a_chat_beside_a_text_is_chosen_by_name() -> None:
    text = lines({"id": "x7", "messages": OPENAI})
    with pytest.raises(UsageError, match="has the columns id, messages; choose one"):
        column(text)
    assert len(column(text, "messages")) == 1


def test_messages_in_parts_and_without_a_text() -> None:
    parts = [{"type": "text", "text": "olhe"}, {"type": "image_url", "image_url": {}}]
    chat = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    text = lines({"messages": chat}, {"messages": []})
    assert column(text, "messages") == ["user: olhe\n"]
    assert noted(text, "messages")[1:] == [
        "1 message of a.jsonl without a text was left out",
        "1 record of a.jsonl without a text in messages was left out; the first is on line 2",
    ]


@pytest.mark.parametrize("chat", [["um"], [{"who": "x"}], [{"role": 1, "content": "x"}], "chat"])
def test_what_is_no_chat(chat: object) -> None:
    text = lines({"messages": OPENAI}, {"messages": chat})
    if isinstance(chat, str):
        assert column(text) == ["user: como?\nassistant: com barro\n", "chat"]
        return
    with pytest.raises(DataError, match="messages is a list on line 2"):
        column(text)


# -- beside other files ----------------------------------------------------------------------------


def test_json_and_tsv_beside_texts_or_images_describe_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"o texto {name}\n" * 3)
    for name in ("meta.json", "more.json", "labels.tsv"):
        (tmp_path / name).write_text('{"licence": "CC0"}')
    data = load(str(tmp_path))
    assert isinstance(data, TextData) and data.num_documents == 2
    for level in range(6):
        Image.new("L", (4, 4), level).save(tmp_path / f"{level}.png")
    assert isinstance(load(str(tmp_path)), ImageData)
