"""A page's tokenizers give the ids, texts and bytes that Python's give."""

from __future__ import annotations

import random
import sys
import unicodedata
from typing import Any

import pytest

from olaria.data.bpe import BPETokenizer, split_pieces
from olaria.data.decoding import normalise
from olaria.data.tokenizer import WORDS, CharTokenizer, WordTokenizer, fit_tokenizer
from olaria.errors import DataError

LEARNT = (
    "O coração não vê: a ação da nação, três vezes três, é são.\nIt's the cat's hat; they'll see, "
    "we've seen. O coração da maçã. 12 olhos, 345 mãos — “sim”… naïve café, Ελλάδα, 東京 東京, "
    "🙂🙂 👩‍👩‍👧 İstanbul?\n" * 3
)
HARD = [
    "",
    "é",
    "e\u0301",
    "ção",
    "c\u0327a\u0303o",
    "o coração não vê",
    "It's they'll 've 'S  two  spaces \n\n tabs\t\tend ",
    " lead, trail ",
    "🙂👩‍👩‍👧🇧🇷",
    "東京Ελλάδα",
    "Straße ﬁn ①²½ Ⅷ ٣٤",
    "x_y __init__ 1_000 a1b2",
    "\r\nold\rmac\r\n",
    "\u00a0nbsp\u2009thin\u3000wide\u2028line\x85next\x1cfile",
    "\ufeffbom \ufeff",
    "NUL\x00 DEL\x7f ESC\x1b",
    "a" * 300,
    " " * 257,
    "\u0301alone \u200d\u200c joiner",
    "<script>alert('x')</script>",
    "\U0010ffff\U00020000\ue000",
    "İıŞşĞğ",
]
TOKENIZERS = {kind: fit_tokenizer(kind, LEARNT) for kind in ("char", "byte", "word")} | {
    "bpe": fit_tokenizer("bpe", LEARNT, 340)
}


def stored(tokenizer: Any, unseen: str = "error") -> dict[str, Any]:
    """As a document holds it."""
    return {**tokenizer.to_json(), "unseen": unseen}


@pytest.mark.parametrize("unseen", ["replace", "skip"])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_hard_texts_have_the_ids_of_python(text_in_node: Any, kind: str, unseen: Any) -> None:
    tokenizer = TOKENIZERS[kind]
    encoded, decoded = text_in_node(
        ["encode", HARD],
        ["decode", [tokenizer.encode(normalise(text), unseen).tolist() for text in HARD]],
        tokenizer=stored(tokenizer, unseen),
    )
    for text, result, read in zip(HARD, encoded, decoded, strict=True):
        ids = tokenizer.encode(normalise(text), unseen)
        assert result["ids"] == ids.tolist(), text
        assert result["pieces"] == [tokenizer.decode([i]) for i in result["ids"]]
        assert read == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", ["char", "word"])
@pytest.mark.parametrize("unseen", ["error", "replace", "skip"])
def test_an_unknown_character_is_named_with_what_the_run_does(
    text_in_node: Any, kind: str, unseen: Any
) -> None:
    tokenizer = TOKENIZERS[kind]
    (results,) = text_in_node(["encode", HARD], tokenizer=stored(tokenizer, unseen))
    alphabet = set(LEARNT)
    by = "?" if unseen == "replace" else None
    for text, result in zip(HARD, results, strict=True):
        unknown = [
            {"character": character, "at": at, "action": unseen, "by": by}
            for at, character in enumerate(normalise(text))
            if character not in alphabet
        ]
        assert result["unknown"] == unknown
        if unseen == "error" and unknown:
            with pytest.raises(DataError):
                tokenizer.encode(normalise(text), unseen)


def test_nothing_replaces_where_the_alphabet_has_no_replacement(text_in_node: Any) -> None:
    tokenizer = CharTokenizer("ab")
    (results,) = text_in_node(["encode", ["axb"]], tokenizer=stored(tokenizer, "replace"))
    assert results[0]["ids"] == [0, 1]
    assert results[0]["unknown"] == [{"character": "x", "at": 1, "action": "error", "by": None}]
    with pytest.raises(DataError):
        tokenizer.encode("axb", "replace")


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_half_a_character_is_refused_and_all_else_is_known(text_in_node: Any, kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    results, halves = text_in_node(
        ["encode", HARD], ["encode", ["a\ud83db"]], tokenizer=stored(tokenizer)
    )
    assert all(result["unknown"] == [] for result in results)
    assert [found["at"] for found in halves[0]["unknown"]] == [1]
    assert halves[0]["ids"] == tokenizer.encode("ab").tolist()
    with pytest.raises(DataError):
        tokenizer.encode("a\ud83db")


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_each_token_has_the_text_and_the_bytes_of_python(text_in_node: Any, kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    ids = list(range(tokenizer.vocab_size))
    (pieces,) = text_in_node(["pieces", ids], tokenizer=stored(tokenizer))
    for i, piece in zip(ids, pieces, strict=True):
        assert piece == {"text": tokenizer.decode([i]), "bytes": list(tokenizer.bytes_of([i]))}


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_broken_bytes_read_as_in_python(text_in_node: Any, kind: str) -> None:
    draw = random.Random(0)
    tokenizer = TOKENIZERS[kind]
    rows = [
        [draw.randrange(tokenizer.vocab_size) for _ in range(draw.randint(1, 12))]
        for _ in range(300)
    ]
    (decoded,) = text_in_node(["decode", rows], tokenizer=stored(tokenizer))
    assert decoded == [tokenizer.decode(row) for row in rows]


def test_long_pieces_and_odd_merges_are_merged_as_in_python(text_in_node: Any) -> None:
    """A merge that reaches a token by another way than the one that made it, and a piece of 30,000 bytes."""
    letters = [chr(point) for point in (97, 98, 99)]
    base = TOKENIZERS["bpe"].vocabulary[:256]
    merges = [("b", "c"), ("ab", "c"), ("a", "bc"), ("a", "b"), ("abc", "a"), ("a", "a")]
    vocabulary = [*base, "bc", "abc", "ab", "abca", "aa"]
    tokenizer = BPETokenizer({token: i for i, token in enumerate(vocabulary)}, merges)
    draw = random.Random(1)
    texts = ["".join(draw.choices(letters, k=draw.randint(1, 40))) for _ in range(200)]
    texts.append("".join(draw.choices(letters, k=30_000)))
    (results,) = text_in_node(["encode", texts], tokenizer=stored(tokenizer))
    for text, result in zip(texts, results, strict=True):
        assert result["ids"] == tokenizer.encode(text).tolist()


def test_every_character_is_cut_as_in_python(text_in_node: Any) -> None:
    """Of those that Python's Unicode tables know; a browser's may know more."""
    known = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) not in ("Cn", "Cs", "Co")
    ]
    joined = "".join(f" a{c}a {c}1" for c in known)
    (cut,) = text_in_node(["split", [joined]])
    assert cut[0] == split_pieces(joined)
    sample = random.Random(0).sample(known, 4000)
    texts = [normalise(f"x{c}y") for c in sample]
    vocabulary = sorted({*"".join(texts)}) + [t for t in texts if WORDS.fullmatch(t)]
    words = WordTokenizer(dict.fromkeys(vocabulary))
    (results,) = text_in_node(["encode", texts], tokenizer=stored(words))
    assert [r["ids"] for r in results] == [words.encode(t).tolist() for t in texts]
