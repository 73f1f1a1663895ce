"""Byte-level BPE against the ``tokenizers`` library: pieces, merges, ids and encodings."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olaria.data.bpe import BPETokenizer, byte_letters, split_pieces, train_bpe
from olaria.data.tokenizer import tokenizer_from_json

library = pytest.importorskip("tokenizers")
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

DOCS = Path(__file__).parents[2] / "docs"
MIRROR = os.environ.get("OLARIA_MIRROR")
# Machado de Assis, Memórias póstumas de Brás Cubas, 1881, chapter I.
MACHADO = """Algum tempo hesitei se devia abrir estas memórias pelo princípio ou pelo fim, isto é, se
poria em primeiro lugar o meu nascimento ou a minha morte. Suposto o uso vulgar seja começar pelo
nascimento, duas considerações me levaram a adotar diferente método: a primeira é que eu não sou
propriamente um autor defunto, mas um defunto autor, para quem a campa foi outro berço; a segunda é
que o escrito ficaria assim mais galante e mais novo. Moisés, que também contou a sua morte, não a
pôs no introito, mas no cabo: diferença radical entre este livro e o Pentateuco.

\tDito isto, expirei às duas horas da tarde de uma sexta-feira do mês de agosto de 1869, na minha
bela chácara de Catumbi. Tinha uns sessenta e quatro anos, rijos e prósperos, era solteiro...   !!!
"""
ODD = "it's WE'LL they're\u00a0x\u2003y ٣ ½ ²x 中文字 日本 naïve 🏺🏺 e\u0301\x1c\x1f\x85z\r\n\r\n  -----\n"


def learnt_by_library(text: str, vocab_size: int) -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([text], trainer)
    return made


TEXTS = [
    pytest.param(MACHADO, id="machado"),
    pytest.param(ODD * 3, id="odd"),
    pytest.param((DOCS / "language.md").read_text(encoding="utf-8"), id="language.md"),
    pytest.param((DOCS / "training.md").read_text(encoding="utf-8"), id="training.md"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_merges_ids_and_encoding_are_the_librarys(text: str) -> None:
    theirs = learnt_by_library(text, 400)
    model = json.loads(theirs.to_str())["model"]
    ours = train_bpe(text, 400)
    assert [list(pair) for pair in ours.merges] == [list(pair) for pair in model["merges"]]
    assert dict(zip(ours.vocabulary, range(ours.vocab_size), strict=True)) == model["vocab"]
    for other in (text, MACHADO, ODD):
        assert ours.encode(other).tolist() == theirs.encode(other).ids
        assert ours.decode(ours.encode(other)) == other


@settings(max_examples=30)
@given(
    text=st.text("ab -\nçã", max_size=120),
    other=st.text("ab -\nçã", max_size=60),
    num_merges=st.integers(1, 60),
)
def test_ties_are_broken_as_in_the_library(text: str, other: str, num_merges: int) -> None:
    # Few letters make many pairs equally frequent, and long runs of one letter.
    theirs = learnt_by_library(text * 2, 256 + num_merges)
    ours = train_bpe(text * 2, 256 + num_merges)
    merges = json.loads(theirs.to_str())["model"]["merges"]
    assert [list(pair) for pair in ours.merges] == [list(pair) for pair in merges]
    assert ours.encode(other).tolist() == theirs.encode(other).ids


def test_letters_numbers_and_spaces_are_the_librarys() -> None:
    # The first and last character of every run of one category, of those in Unicode since 3.2:
    # younger ones may be in one of the two tables and not yet in the other.
    categories = [unicodedata.category(chr(point))[0] for point in range(0x30000)]
    edges = [i for i in range(1, 0x30000) if categories[i - 1] != categories[i]]
    known = [chr(i) for edge in edges for i in (edge - 1, edge) if categories[i] != "C"]
    old = [c for c in known if unicodedata.ucd_3_2_0.category(c) != "Cn"] + ["\x1c", "\x1f", "\x85"]
    text = "".join(f"a{character}1 {character}" for character in old)
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs = [text[slice(*span)] for _, span in by_bytes.pre_tokenize_str(text)]
    assert len(old) > 1000
    assert split_pieces(text) == theirs


def test_the_bytes_letters_are_the_librarys() -> None:
    assert sorted(byte_letters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    for byte in range(128):
        ((letters, _),) = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(
            chr(byte)
        )
        assert letters == byte_letters()[byte]


def test_a_tokenizer_file_of_the_library_is_read_and_the_other_way() -> None:
    theirs = learnt_by_library(MACHADO, 500)
    model = json.loads(theirs.to_str())["model"]
    ours = BPETokenizer(model["vocab"], model["merges"])
    assert ours.encode(MACHADO).tolist() == theirs.encode(MACHADO).ids
    again = tokenizer_from_json(json.loads(json.dumps(ours.to_json())))
    vocab = dict(zip(again.vocabulary, range(again.vocab_size), strict=True))  # type: ignore[union-attr]
    back = Tokenizer(models.BPE(vocab, [tuple(pair) for pair in again.merges]))  # type: ignore[union-attr]
    back.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert back.encode(MACHADO).ids == theirs.encode(MACHADO).ids


@pytest.mark.slow
@pytest.mark.skipif(MIRROR is None, reason="OLARIA_MIRROR is not set")
@pytest.mark.parametrize("file", ["tiny-shakespeare/input.txt", "texts/bras-cubas.txt"])
@pytest.mark.parametrize("vocab_size", [512, 4096])
def test_whole_books_agree(file: str, vocab_size: int) -> None:
    path = Path(str(MIRROR), file)
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    text = path.read_text(encoding="utf-8")
    theirs = learnt_by_library(text, vocab_size)
    ours = train_bpe(text, vocab_size)
    merges = json.loads(theirs.to_str())["model"]["merges"]
    assert [list(pair) for pair in ours.merges] == [list(pair) for pair in merges]
    assert ours.encode(text).tolist() == theirs.encode(text).ids
