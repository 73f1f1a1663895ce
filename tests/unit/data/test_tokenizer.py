"""Tokenizers: identity, what is unseen, their stored form."""

from __future__ import annotations

import json

import pytest
import torch

from olaria.data.tokenizer import (
    ByteTokenizer,
    CharTokenizer,
    WordTokenizer,
    fit_tokenizer,
    tokenizer_from_json,
)
from olaria.errors import DataError

TEXT = "uma ação, uma reação: 1984 não é 2024?\n" * 3


def test_char_ids_are_ranks_in_the_sorted_alphabet() -> None:
    tokenizer = fit_tokenizer("char", "banana")
    ids = tokenizer.encode("banana")
    assert (ids.tolist(), ids.dtype, tokenizer.vocab_size) == ([1, 0, 2, 0, 2, 0], torch.int64, 3)


def test_words_carry_their_space_and_rare_ones_are_spelt() -> None:
    tokenizer = fit_tokenizer("word", "the cat the cat sat")
    assert isinstance(tokenizer, WordTokenizer)
    assert set(tokenizer.vocabulary) == {*" acehst", " cat"}
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode("sat cat")]
    assert pieces == ["s", "a", "t", " cat"]


@pytest.mark.parametrize("kind", ["char", "word"])
def test_e8_an_unseen_character(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, "ab ab? ba")  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        tokenizer.encode("abç")
    for word in ("'ç' (U+00E7", "unseen=replace", "skip"):
        assert word in str(caught.value)
    assert tokenizer.decode(tokenizer.encode("abç a😀", "replace")) == "ab? a?"
    assert tokenizer.decode(tokenizer.encode("abç a😀", "skip")) == "ab a"


@pytest.mark.parametrize("kind", ["char", "word"])
def test_every_unseen_character_is_named(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, "ab ab ab")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"^3 characters are not in the alphabet: ") as caught:
        tokenizer.encode("zoo a zona")
    for word in ("'n' (U+006E", "'o' (U+006F", "'z' (U+007A", "unseen=replace or unseen=skip"):
        assert word in str(caught.value)
    many = "".join(chr(code) for code in range(0x410, 0x430))
    with pytest.raises(DataError, match=r"32 characters .* and 22 more; use unseen=replace"):
        tokenizer.encode(many)


def test_nothing_of_the_other_text_but_its_letters_is_learnt() -> None:
    words = fit_tokenizer("word", "um gato, um gato", other="o rato, o rato")
    assert isinstance(words, WordTokenizer)
    assert " gato" in words.vocabulary
    assert " rato" not in words.vocabulary
    assert words.decode(words.encode("o rato")) == "o rato"
    pairs = fit_tokenizer("bpe", "um gato, um gato", 300, other="o rato, o rato")
    assert pairs.to_json() == fit_tokenizer("bpe", "um gato, um gato", 300).to_json()


def test_unknown_words_are_counted() -> None:
    words = fit_tokenizer("word", "the cat. the cat. the cat")
    assert isinstance(words, WordTokenizer)
    assert words.count_spelt("the cat, the dog: 12 dogs") == (6, 4)
    assert words.count_spelt("...  \n") == (0, 0)


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_bytes_of_tokens(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, TEXT)  # type: ignore[arg-type]
    ids = tokenizer.encode(TEXT)
    assert tokenizer.bytes_of(ids) == TEXT.encode()
    assert b"".join(tokenizer.bytes_of([i]) for i in ids.tolist()) == TEXT.encode()


def test_nothing_to_replace_with() -> None:
    with pytest.raises(DataError, match="nothing in it can replace"):
        fit_tokenizer("char", "ab").encode("x", "replace")


def test_bytes_of_a_model_need_not_be_utf8() -> None:
    assert ByteTokenizer().decode([0xE7, 0x41]) == "\N{REPLACEMENT CHARACTER}A"


@pytest.mark.parametrize("wrong", [[-1], [3], [0, 99]])
def test_ids_outside_the_vocabulary(wrong: list[int]) -> None:
    with pytest.raises(DataError, match=f"token {wrong[-1]} is outside"):
        CharTokenizer("abc").decode(wrong)


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_stored_form(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, TEXT)  # type: ignore[arg-type]
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert again.kind == kind
    assert torch.equal(again.encode(TEXT), tokenizer.encode(TEXT))
    assert again.to_json() == tokenizer.to_json()


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"format": 2, "kind": "byte"},
        {"format": 1, "kind": "bpe"},
        {"format": 1, "kind": "sentencepiece"},
        {"format": 1, "kind": "char", "alphabet": ["ab"]},
        {"format": 1, "kind": "char", "alphabet": ["a", "a"]},
        {"format": 1, "kind": "word", "vocabulary": "ab"},
    ],
)
def test_foreign_form(stored: dict[str, object]) -> None:
    with pytest.raises(DataError):
        tokenizer_from_json(stored)
