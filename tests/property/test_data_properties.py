"""Laws of the data layer on any input."""

from __future__ import annotations

import random
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.data.archives import gunzip
from olaria.data.decoding import decode, normalise, suggest_encoding
from olaria.data.formats import read_idx
from olaria.data.names import distinct, plain_name
from olaria.data.parts import organise, part_of
from olaria.data.split import num_validation, shuffled, split_text
from olaria.data.statistics import entropies
from olaria.data.tokenizer import fit_tokenizer
from olaria.errors import DataError, IntegrityError

texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
@given(text=texts)
def test_decode_of_encode_is_the_text(kind: str, text: str) -> None:
    tokenizer = fit_tokenizer(kind, text)  # type: ignore[arg-type]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.vocab_size for i in ids.tolist())


@given(fitted=texts, other=texts)
def test_skip_drops_exactly_the_unseen(fitted: str, other: str) -> None:
    for kind in ("char", "word"):
        tokenizer = fit_tokenizer(kind, fitted)  # type: ignore[arg-type]
        kept = "".join(character for character in other if character in fitted)
        assert tokenizer.decode(tokenizer.encode(other, "skip")) == kept


@given(text=st.text(min_size=2))
def test_split_text_loses_nothing(text: str) -> None:
    train, validation = split_text(text)
    assert train + validation == text
    assert train
    assert validation


@given(num=st.integers(2, 200_000))
def test_some_train_and_some_validate(num: int) -> None:
    assert 0 < num_validation(num) < num


@given(num=st.integers(0, 300))
def test_shuffled_is_a_permutation(num: int) -> None:
    assert sorted(shuffled(num)) == list(range(num))


@given(text=texts)
def test_entropies_are_ordered(text: str) -> None:
    # Conditioning on the past cannot add uncertainty, up to the one character without a past.
    if len(text) > 1:
        assert 0 <= entropies(text).bigram_nats <= entropies(text[1:]).unigram_nats + 1e-9


@given(content=st.binary(max_size=60), dimensions=st.integers(1, 3))
def test_idx_is_read_whole_or_refused(content: bytes, dimensions: int) -> None:
    packed = struct.pack(">HBB", 0, 8, dimensions) + content
    try:
        array = read_idx(packed, dimensions, "x")
    except IntegrityError:
        return
    assert array.tobytes() == content[4 * dimensions :]


@given(content=st.binary(max_size=200))
def test_gunzip_of_anything_is_refused_or_bounded(content: bytes) -> None:
    with suppress(IntegrityError):
        assert len(gunzip(content, 100, "x")) <= 100


@given(content=st.binary(max_size=50))
def test_suggested_encoding_does_decode(content: bytes) -> None:
    try:
        decode(content, "utf-8", "x")
    except DataError:
        content.decode(suggest_encoding(content, "utf-8"))


@given(text=texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\r" not in once


folder_names = st.sampled_from(["train", "Val", "test", "treino", "teste", "rei", "maçã", "images"])
image_names = st.lists(
    st.tuples(st.lists(folder_names, max_size=3), st.integers(0, 30)).map(
        lambda place: "/".join([*place[0], f"{place[1]}.png"])
    ),
    unique=True,
    max_size=30,
)


@given(names=image_names)
def test_an_image_is_used_or_said_to_be_left_out(names: list[str]) -> None:
    organised = organise(names)
    said = sum(int(note.fields["count"]) for note in organised.notes if "count" in note.fields)
    assert len(organised.classes) + said == len(names)
    # No image to be tested on is trained on.
    for name, part in organised.parts.items():
        words = {part_of(folder) for folder in name.split("/")[:-1]} - {None}
        assert part is None or part in words


@given(names=image_names, seed=st.randoms(use_true_random=False))
def test_neither_order_nor_a_folder_around_changes_the_parts(
    names: list[str], seed: random.Random
) -> None:
    organised = organise(names)
    mixed = seed.sample(names, len(names))
    assert organise(mixed).parts == organised.parts
    assert organise(mixed).classes == organised.classes
    wrapped = organise([f"fotos/{name}" for name in names])
    assert {name.removeprefix("fotos/"): own for name, own in wrapped.classes.items()} == dict(
        organised.classes
    )


@given(names=st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1)))
def test_names_are_plain_and_each_its_own(names: list[str]) -> None:
    plain = [plain_name(name) for name in names]
    assert [plain_name(name) for name in plain] == plain
    assert all(name.encode().decode() == name for name in plain)
    with suppress(ValueError):  # "." has no ending to number
        assert len(set(distinct(plain))) == len(plain)
