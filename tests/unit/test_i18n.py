from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from typing import Any

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from olaria.characters import legible
from olaria.i18n import (
    LANGUAGES,
    LOCALES,
    N_,
    Message,
    detect_language,
    translate,
)
from olaria.numbers import Number
from olaria.training.records import FORMER

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def test_portuguese_comes_from_the_committed_catalog() -> None:
    assert (LOCALES / "pt_BR" / "LC_MESSAGES" / "olaria.mo").is_file()
    assert translate("did you mean {name}?", "pt") == "você quis dizer {name}?"
    assert translate("did you mean {name}?", "en") == "did you mean {name}?"


def test_an_unknown_text_and_an_empty_one_stay_as_they_are() -> None:
    for language in LANGUAGES:
        assert translate("no such source string", language) == "no such source string"
        assert translate("", language) == ""  # not the catalog's header


def test_a_message_translates_the_messages_inside_it() -> None:
    inner = Message(N_("did you mean {name}?"), {"name": "vae-mnist"})
    outer = Message(N_("unknown setting {path}: {hint}"), {"path": "a", "hint": inner})
    assert outer.text() == "unknown setting a: did you mean vae-mnist?"
    assert outer.text("pt") == "configuração desconhecida a: você quis dizer vae-mnist?"


@given(st.text(), st.dictionaries(st.text(), plain))
def test_a_message_survives_storing(text: str, fields: dict[str, Any]) -> None:
    message = Message(text, {**fields, "inner": Message("x {a}", {"a": 1})})
    stored = json.loads(json.dumps(message.to_json()))
    assert Message.from_json(stored) == message


numbers = st.builds(
    Number, st.floats(allow_nan=False, allow_infinity=False), st.none() | st.integers(0, 6)
)


@given(st.text(), st.dictionaries(st.text(), numbers | st.integers() | st.text()))
def test_numbers_survive_storing_with_their_digits(text: str, fields: dict[str, Any]) -> None:
    message = Message("{inner}", {"inner": Message(text, fields), "count": Number(3, 0)})
    stored = json.loads(json.dumps(message.to_json(), allow_nan=False))
    assert Message.from_json(stored) == message
    plain_fields = stored["fields"]["inner"]["fields"]
    assert not any(isinstance(value, dict) for value in plain_fields.values())


def test_a_stored_number_is_written_as_the_one_that_was_stored() -> None:
    message = Message("{a} {b} {c}", {"a": Number(1234.5, 1), "b": Number(0.5, 4), "c": 12345})
    stored = json.loads(json.dumps(message.to_json()))
    assert Message.from_json(stored).text("pt") == message.text("pt") == "1.234,5 0,5000 12345"


def test_numbers_of_rows_without_digits_are_written_in_the_readers_notation() -> None:
    old = {"id": "{loss} after {seconds:g} s, step {step}",
           "fields": {"loss": 3.25, "seconds": 2.5, "step": 12000}}  # fmt: skip
    assert Message.from_json(old).text("pt") == "3,25 after 2,5 s, step 12000"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_stored_as_null(value: float) -> None:
    stored = json.dumps(Message("{x}", {"x": Number(value, 2)}).to_json(), allow_nan=False)
    assert Message.from_json(json.loads(stored)).text() == "—"


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "pt_BR.UTF-8"}, "pt"),
        ({"LANG": "PT"}, "pt"),
        ({"LANG": "de_DE"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "pt_BR", "LC_ALL": "en_US"}, "en"),
        ({"LANG": "pt_BR", "LC_ALL": ""}, "pt"),
        ({"LC_MESSAGES": "pt_PT", "LANG": "en"}, "pt"),
        ({"OLARIA_LANG": "pt", "LC_ALL": "en_US"}, "pt"),
    ],
)
def test_detect_language(environ: dict[str, str], language: str) -> None:
    assert detect_language(environ) == language


HIDDEN = (
    *map(chr, [*range(0x20), *range(0x7F, 0xA0)]),
    *("\u00ad", "\u200b", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff", "\u2028", "\u2029"),
    *(
        "\u3164",
        "\u2800",
        "\u034f",
        "\ud800",
        "\ue000",
        "\ufdd0",
        "\uffff",
        "\U000e0041",
        "\U0010fffe",
    ),
)


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_what_is_not_seen_is_escaped_wherever_it_stands(hidden: str) -> None:
    for text in (hidden, f"a{hidden}b", f"é{hidden}", f"{hidden} "):
        shown = legible(text)
        assert hidden not in shown and f"{ord(hidden):x}" in shown and shown.isprintable()
        assert legible(shown) == shown
    assert legible(hidden, keep=hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "São João — “pão” ≈ 3 € 🏺", "e\u0301a\u0303", "1 000\u00a0kB", "\u0645\u06cc\u200c\u062e",
        "\u0915\u094d\u200d\u0937", "👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "中文\u3000字", "नमस्ते",
    ],
)  # fmt: skip
def test_what_is_seen_stays(text: str) -> None:
    assert legible(text) == text


def test_marks_and_joiners_with_nothing_to_join_are_escaped() -> None:
    assert legible("\u0301a \u0303") == "\\u0301a \\u0303"
    assert legible("a\u200db\u200c") == "a\\u200db\\u200c"
    assert legible("a\u00a0b\u2003c", blanks=True) == "a\\xa0b\\u2003c"


def test_importing_olaria_does_not_import_torch() -> None:
    code = "import sys, olaria, olaria.i18n, olaria.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("former", FORMER)
def test_notes_of_older_runs_read_in_portuguese(former: str) -> None:
    assert translate(former, "pt") != former


# -- one and many ----------------------------------------------------------------------------------

COUNTED = "count|num|found|steps|done|threads|images|labels|layers|messages|epochs|seconds|points"
NEVER_ONE = (
    "Grey: data; the arrows are",  # a constant number of points
    # of what a model or a large text has
    "a model with {weights} weights", "codebook of {count} entries", "table of {count} rows",
    "{num} entries of {size}", "{num} parameters", "training {count} parameters", "bars: {used}",
    "{part}: {layers}", "this model has over", "{name} was tuned by adapters", "{num} characters",
    "{count} characters are enough", "{count} characters are few", "{count} characters feed",
    "{path} has {found} tokens", "{path} is damaged: it has {found}", "“{text}” has {count}",
    "{family} on {data}", "The model runs in this page", "The output of the head: all values",
    "The text has {count} tokens, and", "run {name} has {count} numbers",
    # of what is only said where there are several
    "{recipe}: mean of {count} seeds", "It is made of {count} tokens", "Euclidean distance over all",
    "Median distance of {count} samples",
    # limits, and what is beyond them
    "More than {count} characters are not kept", "The longest has {count} tokens",
    "The text has {count} tokens and", "there are {count} files of yours",
    "{count} figures are pinned already", "{count} sentences are too many",
    "{name} has {count} columns, more than",
    "all {count} documents", "{count} documents, none", "{count} processes cannot",
    "{name} has {count} columns named", "each point is the code", "a square map", "strips of",
    "most of the {count}", "the classes of {count}", "the map shows", "reduced evaluation",
    # fixed by the form of a file, or by us
    "the archive holds {found} plays", "row {row} of {name} is not", "{name} holds IDX",
    "{token} must have at least", "Your text has more than {count}", "stranger than ", "less strange than all {count}",
    "{part}: {images} images", "{images} images,",
)  # fmt: skip


def test_words_agree_with_a_count_of_one() -> None:
    with (LOCALES / "pt_BR" / "LC_MESSAGES" / "olaria.po").open("rb") as file:
        entries = [entry for entry in read_po(file) if entry.id]
    after_count = re.compile(rf"\{{({COUNTED})\}} (?:[a-z-]+ )?(?!counts|is|was|has)[a-z]+s\b(?!')")
    rigid = [
        entry.id
        for entry in entries
        if any(f"{{{name}:" not in entry.id for name in after_count.findall(entry.id))
        and not entry.id.startswith(NEVER_ONE)
        and not all(where.startswith("lessons/") for where, _ in entry.locations)
    ]
    assert rigid == [], "write {count} {count:image|images}"
    of_few = [start for start in NEVER_ONE if not any(e.id.startswith(start) for e in entries)]
    assert of_few == [], "no longer a sentence"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_agreement_reads_well_for_one_and_for_many(language: str) -> None:
    with (LOCALES / "pt_BR" / "LC_MESSAGES" / "olaria.po").open("rb") as file:
        ids = [str(entry.id) for entry in read_po(file) if entry.id and "|" in str(entry.id)]
    agreeing = [one for one in ids if re.search(r"\{\w+:[^{}|]*\|[^{}|]*\}", one)]
    assert len(agreeing) > 60
    for text in agreeing:
        fields = dict.fromkeys(re.findall(r"\{(\w+)", text), 1)
        one = Message(text, fields).text(language)
        many = Message(text, dict.fromkeys(fields, 2)).text(language)
        assert "|" not in one + many and "{" not in one + many and "  " not in one + many
        assert one.replace("1", "2") != many or language == "pt", text


@pytest.mark.parametrize("one", [1, "1", Number(1, 0), Number(1.0)])
def test_what_is_one_in_any_notation_has_the_singular(one: object) -> None:
    text = "{count} {count:step|steps}"
    assert Message(text, {"count": one}).text("en") == "1 step"
    assert Message(text, {"count": one}).text("pt") == "1 passo"
    for many in (0, 2, "1,000", Number(1.5), None):
        assert Message(text, {"count": many}).text("en").endswith(" steps")


def test_sentences_of_runs_before_they_agreed_are_known_still() -> None:
    stored = {"id": "{count} images of 16 bits were reduced to 8", "fields": {"count": 3}}
    assert Message.from_json(stored).text("pt") == "imagens de 16 bits reduzidas a 8: 3"
    stored = {"id": "{count} steps", "fields": {"count": 1}}
    assert Message.from_json(stored).text("pt") == "1 passo"
    newer = {"id": "{count} new {count:thing|things}", "fields": {"count": 1}}
    assert Message.from_json(newer).text("en") == "1 new thing"
