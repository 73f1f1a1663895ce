"""What is typed takes the form of what was read: prompts, stop strings, sentences of lessons, sources."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria import open as open_run
from olaria.data.tokenizer import fit_tokenizer
from olaria.data.tokens import look_alike
from olaria.errors import DataError, UsageError
from olaria.workflows.explain import explain

TEXT = "coração de barro,\nção de avó e de irmã\n" * 60
READ = "coração\nde avó"
TYPED = {
    "decomposed": unicodedata.normalize("NFD", READ),
    "carriage returns": READ.replace("\n", "\r\n"),
    "old Mac": unicodedata.normalize("NFD", READ).replace("\n", "\r"),
}


@pytest.fixture(scope="module", params=["char", "byte", "bpe", "word"])
def text_run(
    request: pytest.FixtureRequest,
    tiny_run: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    path = tmp_path_factory.mktemp("typed") / "avo.txt"
    path.write_text(TEXT, "utf-8")
    settings = ("model.context=16", f"data.tokenizer={request.param}")
    return open_run(tiny_run("gpt-shakespeare", *settings, data=str(path), steps=5).path)


@pytest.mark.parametrize("form", TYPED)
def test_a_prompt_is_drawn_from_as_it_would_have_been_read(text_run: Any, form: str) -> None:
    expected = text_run.sample(prompt=READ, max_tokens=30, seed=3)
    assert text_run.sample(prompt=TYPED[form], max_tokens=30, seed=3) == expected


@pytest.mark.parametrize("form", TYPED)
def test_a_stop_string_ends_the_text_as_it_would_have_been_read(text_run: Any, form: str) -> None:
    whole = text_run.sample(prompt=READ, max_tokens=300, seed=1)
    stop = "ã" if "ã" in whole else whole[40:42]
    if form != "carriage returns":
        stop, typed = stop, unicodedata.normalize("NFD", stop)
    else:
        stop, typed = "\n", "\r\n"
    expected = text_run.sample(prompt=READ, max_tokens=300, seed=1, stop=[stop])
    assert text_run.sample(prompt=READ, max_tokens=300, seed=1, stop=[typed]) == expected


def test_a_lesson_reads_a_sentence_as_it_would_have_been_read(text_run: Any) -> None:
    expected = explain("tokens", (text_run,), prompt=READ)
    typed = explain("tokens", (text_run,), prompt=TYPED["old Mac"])
    assert json.dumps(expected.to_json()) == json.dumps(typed.to_json())


def test_what_is_translated_takes_the_form_of_the_sources(
    tiny_run: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "pares.tsv"
    pairs = [f"coração {a}{b}\tHEART {b}{a}\t" for a in "áéíóúüâ" for b in "ãõçàêôñäëïöåæ"]
    path.write_bytes(unicodedata.normalize("NFD", "\r\n".join(pairs)).encode())
    run = open_run(tiny_run("pt-en", data=str(path), steps=2).path)
    source = "coração áã"
    typed = unicodedata.normalize("NFD", source)
    assert run.sample(prompt=typed) == run.sample(prompt=source)
    assert run.sample(prompt=[typed, source]) == [run.sample(prompt=source)] * 2


def test_what_is_no_text_is_refused_in_a_line(tiny_run: Callable[..., Any], text_run: Any) -> None:
    with pytest.raises(UsageError, match=r"prompt cannot be \['a', 'b'\]: it must be text"):
        text_run.sample(prompt=["a", "b"])
    with pytest.raises(UsageError, match="prompt cannot be 3: it must be text"):
        open_run(tiny_run("pt-en", steps=2).path).sample(prompt=["o gato", 3])


def test_nothing_that_is_asked_of_several_texts_is_dropped(tiny_run: Callable[..., Any]) -> None:
    run = open_run(tiny_run("pt-en", steps=2).path)
    for prompt in ("o gato", ["o gato", "a casa"]):
        with pytest.raises(UsageError, match="leave out steps, solver"):
            run.sample(prompt=prompt, steps=3, solver="heun")


# -- characters that look alike --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "alphabet", "alike"),
    [
        (" ", "ab\u202f", "\u202f"),
        ("\u202f", "ab ", " "),
        ("\N{NO-BREAK SPACE}", "ab \u202f", " "),
        ("\u2019", "ab'", "'"),
        ('"', "ab\u201c\u201d", "\u201c"),
        ("-", "ab\u2014", "\u2014"),
        ("\u2212", "ab-", "-"),
        ("º", "abo°", "°"),
        ("\uff41", "ab", "a"),
        ("\u0430", "ab", "a"),
        ("\u0391", "AB", "A"),
        ("ç", "abc", ""),
        ("²", "a2", ""),
        ("é", "e", ""),
    ],
)
def test_what_looks_alike_is_named(typed: str, alphabet: str, alike: str) -> None:
    assert look_alike(typed, alphabet) == alike
    for kind in ("char", "word"):
        with pytest.raises(DataError) as caught:
            fit_tokenizer(kind, alphabet * 2).encode(alphabet[0] + typed)
        message = str(caught.value)
        assert f"U+{ord(typed):04X}" in message
        assert (f"it has {alike!r} (U+{ord(alike or 'x'):04X}" in message) == bool(alike)


def test_one_of_several_that_looks_alike_is_named() -> None:
    with pytest.raises(DataError, match=r"'ç' .*it has '\\u202f' .*looks like ' '"):
        fit_tokenizer("char", "ab\u202f").encode("a ç")
