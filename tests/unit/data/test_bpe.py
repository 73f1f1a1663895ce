"""Byte-level BPE by hand: merges, bytes of tokens, foreign and damaged vocabularies."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.data.bpe import BPETokenizer, byte_letters, split_pieces, train_bpe
from olaria.data.tokenizer import fit_tokenizer, tokenizer_from_json
from olaria.errors import DataError, UsageError

any_text = st.text(st.characters(exclude_categories=["Cs"]))
BYTES = {letter: rank for rank, letter in enumerate(sorted(byte_letters()))}


def made(*merges: tuple[str, str]) -> BPETokenizer:
    """The bytes and these merges."""
    vocab = dict(BYTES)
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    return BPETokenizer(vocab, merges)


def pieces_of(tokenizer: BPETokenizer, text: str) -> list[str]:
    return [tokenizer.decode([i]) for i in tokenizer.encode(text)]


def test_merges_by_hand() -> None:
    # The words of Sennrich et al., fig. 1. Counts: es, st 9 (of equals the smaller ids: e < s);
    # est 9; lo, ow 7; low 7; then ew, ne, w·est, Ġn and Ġ·low 6 each, and what they become.
    text = "low " * 5 + "lower " * 2 + "newest " * 6 + "widest " * 3
    merges = [" ".join(pair) for pair in train_bpe(text, 256 + 8).merges]
    assert merges == ["e s", "es t", "l o", "lo w", "e w", "n ew", "Ġ low", "Ġ new"]


def test_it_stops_where_no_pair_comes_twice() -> None:
    assert train_bpe("abcdefg", 1000).vocab_size == 256
    assert train_bpe("", 1000).vocab_size == 256
    assert len(train_bpe("abab abab", 1000).merges) == 2


def test_the_most_urgent_merge_comes_first_and_the_leftmost_of_equals() -> None:
    tokenizer = made(("b", "c"), ("a", "b"), ("a", "a"))
    assert pieces_of(tokenizer, "abc") == ["a", "bc"]
    assert pieces_of(tokenizer, "ab") == ["ab"]
    assert pieces_of(tokenizer, "aaa") == ["aa", "a"]
    assert pieces_of(tokenizer, "aaaaa") == ["aa", "aa", "a"]


def test_no_token_crosses_a_piece() -> None:
    assert split_pieces("don't  stop: 1984é!\n\n x") == [
        "don", "'t", " ", " stop", ":", " 1984", "é", "!", "\n\n", " x",
    ]  # fmt: skip
    tokenizer = made(("t", ":"), ("o", "p"))
    assert pieces_of(tokenizer, "stop:t:") == ["s", "t", "op", ":", "t", ":"]


@given(any_text)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(split_pieces(text)) == text


@given(fitted=any_text, other=any_text)
def test_any_text_survives_whatever_it_was_fitted_to(fitted: str, other: str) -> None:
    tokenizer = train_bpe(fitted, 300)
    ids = tokenizer.encode(other)
    assert tokenizer.decode(ids) == other
    assert tokenizer.bytes_of(ids) == other.encode()
    assert ids.dtype == torch.int64


@given(any_text)
def test_a_larger_vocabulary_begins_as_the_smaller_and_needs_no_more_tokens(text: str) -> None:
    small, large = train_bpe(text, 270), train_bpe(text, 300)
    assert large.merges[: len(small.merges)] == small.merges
    assert len(large.encode(text)) <= len(small.encode(text)) <= len(text.encode())


def test_a_token_may_end_within_a_character() -> None:
    tokenizer = made(("ð", "Ł"))  # the first two bytes of 🏺
    ids = tokenizer.encode("🏺")
    assert tokenizer.bytes_of(ids[:1]) == "🏺".encode()[:2]
    assert tokenizer.decode(ids[:1]) == "\N{REPLACEMENT CHARACTER}"
    assert tokenizer.decode(ids) == "🏺"


def test_a_marker_of_another_vocabulary_is_its_own_text() -> None:
    vocab = {**BYTES, "<|fim do texto|>": 256, "<|end|>": 257}
    tokenizer = BPETokenizer(vocab, [])
    assert tokenizer.decode([256, 257]) == "<|fim do texto|><|end|>"
    assert 257 not in tokenizer.encode("<|end|>").tolist()  # in a text it stays text


def test_stored_form() -> None:
    tokenizer = fit_tokenizer("bpe", "a ação, a reação, a nação", 262)
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert again.to_json() == tokenizer.to_json()
    assert torch.equal(again.encode("canção"), tokenizer.encode("canção"))
    assert (again.kind, again.vocab_size) == ("bpe", 262)


@pytest.mark.parametrize(
    "changes",
    [
        {"merges": None},
        {"merges": [["a"]]},
        {"merges": [["a", "b"]]},  # ab has no token
        {"merges": [["a", 1]]},
        {"vocabulary": ["a", "b"]},  # not all bytes
        {"vocabulary": [*BYTES, "a"]},
        {"vocabulary": "ab"},
        {"vocabulary": [*BYTES, 3]},
    ],
)
def test_damaged_form(changes: dict[str, Any]) -> None:
    stored = {"format": 1, "kind": "bpe", "vocabulary": list(BYTES), "merges": [], **changes}
    with pytest.raises(DataError):
        tokenizer_from_json(stored)


def test_ids_with_a_gap() -> None:
    with pytest.raises(DataError, match="without a gap"):
        BPETokenizer({**BYTES, "ab": 300}, [])


@pytest.mark.parametrize("wrong", [-1, 256])
def test_ids_outside_the_vocabulary(wrong: int) -> None:
    with pytest.raises(DataError, match=f"token {wrong} is outside"):
        made().decode([wrong])


def test_half_a_surrogate_pair_is_no_text() -> None:
    for use in (made().encode, lambda text: train_bpe(text, 300)):
        with pytest.raises(DataError, match="surrogate"):
            use("a\ud800")


@pytest.mark.parametrize("kind", ["char", "byte", "word"])
def test_a_size_is_for_bpe_alone(kind: str) -> None:
    with pytest.raises(UsageError, match="tokenizer=bpe"):
        fit_tokenizer(kind, "abc", 300)  # type: ignore[arg-type]
