"""Tokens to text as they are drawn: whole characters, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from olaria.data.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer, fit_tokenizer
from olaria.sampling.text import Continuation, TextStream, decoded_rows

ACCENTS = "São João d’Água — ação, 🏺 é öπ\n"
UNFINISHED = "\N{REPLACEMENT CHARACTER}"
letters = st.text("ab\n", max_size=30)


def columns(*rows: Sequence[int]) -> Iterator[Tensor]:
    """As :func:`generate` yields the tokens of these rows."""
    return iter(torch.tensor(rows).unbind(1)) if rows[0] else iter(())


def pieces(tokenizer: Tokenizer, ids: Sequence[int], stop: Sequence[str] = ()) -> list[str]:
    return list(Continuation(columns(ids), tokenizer, stop))


def whole(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return tokenizer.decode(torch.tensor(ids, dtype=torch.int64))


def test_characters_of_several_bytes_come_whole() -> None:
    tokenizer = ByteTokenizer()
    ids = tokenizer.encode(ACCENTS).tolist()
    found = pieces(tokenizer, ids)
    assert found == list(ACCENTS)
    assert all(piece.encode("utf-8") and UNFINISHED not in piece for piece in found)


@given(st.lists(st.one_of(st.integers(0, 255), st.sampled_from([0xC3, 0xE2, 0xF0, 0x9F, 0xA3]))))
def test_any_bytes_read_as_they_would_all_at_once(ids: list[int]) -> None:
    """A model may write bytes that are no UTF-8."""
    tokenizer = ByteTokenizer()
    found = pieces(tokenizer, ids)
    assert "".join(found) == whole(tokenizer, ids)
    assert "" not in found


def test_an_unfinished_character_at_the_end_is_told() -> None:
    assert pieces(ByteTokenizer(), [0x41, 0xC3]) == ["A", UNFINISHED]


def test_tokens_of_several_characters() -> None:
    class Pairs(CharTokenizer):
        """Two bytes a token, so that a token may end within a character and begin with the rest of one."""

        kind = "bpe"  # type: ignore[assignment]

        def __init__(self, content: bytes) -> None:
            self.parts = [content[i : i + 2] for i in range(0, len(content), 2)]

        def decode(self, ids: object) -> str:
            joined = b"".join(self.parts[int(i)] for i in ids)  # type: ignore[attr-defined]
            return joined.decode("utf-8", "replace")

    tokenizer = Pairs(("x" + ACCENTS).encode())
    found = pieces(tokenizer, range(len(tokenizer.parts)))
    assert "".join(found) == "x" + ACCENTS
    assert not any(UNFINISHED in piece for piece in found)


# -- stop strings ----------------------------------------------------------------------------------


def by_letters(text: str, stop: Sequence[str]) -> str:
    """The definition: the first moment at which a stop string is complete."""
    for end in range(1, len(text) + 1):
        starts = [end - len(s) for s in stop if text[:end].endswith(s)]
        if starts:
            return text[: min(starts)]
    return text


@given(letters, st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3))
def test_a_text_ends_before_its_stop_string(text: str, stop: list[str]) -> None:
    tokenizer = CharTokenizer("ab\n")
    found = pieces(tokenizer, tokenizer.encode(text).tolist(), stop)
    assert "".join(found) == by_letters(text, stop)


@given(st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=12), st.data())
def test_it_does_not_matter_how_the_text_is_cut_into_tokens(
    cut: list[str], data: st.DataObject
) -> None:
    """Nor is anything told that a stop string takes back."""
    stop = data.draw(st.lists(st.text("ab\n", min_size=1, max_size=5), max_size=3))
    words = sorted(set(cut))

    class Words(CharTokenizer):
        def __init__(self) -> None: ...
        def decode(self, ids: object) -> str:
            return "".join(words[int(i)] for i in ids)  # type: ignore[attr-defined]

    expected = by_letters("".join(cut), stop)
    told = ""
    for piece in pieces(Words(), [words.index(word) for word in cut], stop):
        told += piece
        assert expected.startswith(told)
    assert told == expected


def test_a_possible_beginning_is_held_and_told_when_it_is_none() -> None:
    tokenizer = CharTokenizer("abc\n")
    stream = TextStream(tokenizer, ["\n\n", "abca"])
    told = [stream.push(int(i)) for i in tokenizer.encode("c\nabcb")]
    assert told == ["c", "", "\n", "", "", "abcb"]
    assert not stream.is_over
    stream.push(int(tokenizer.encode("\n")[0]))
    assert stream.finish() == "\n"


def test_nothing_is_drawn_after_a_stop_string() -> None:
    drawn: list[int] = []

    def source() -> Iterator[Tensor]:
        for token in tokenizer.encode("ab\nab").tolist():
            drawn.append(token)
            yield torch.tensor([token])

    tokenizer = CharTokenizer("ab\n")
    assert list(Continuation(source(), tokenizer, ["\n"])) == ["a", "b"]
    assert len(drawn) == 3


def test_within_a_token_the_stop_string_that_is_complete_first_counts() -> None:
    tokenizer = fit_tokenizer("word", "xabc xabc xabc")
    ids = tokenizer.encode("xabc xabc").tolist()
    assert [tokenizer.decode([i]) for i in ids] == ["x", "a", "b", "c", " xabc"]
    assert "".join(pieces(tokenizer, ids, ["c xa", " x"])) == "xabc"
    assert "".join(pieces(tokenizer, ids, ["c xa", "xab"])) == ""
    assert "".join(pieces(tokenizer, ids, ["c xa", "bc x"])) == "xa"


def test_a_stop_string_of_several_bytes() -> None:
    tokenizer = ByteTokenizer()
    ids = tokenizer.encode("aã—b").tolist()
    assert "".join(pieces(tokenizer, ids, ["—"])) == "aã"


def test_rows_end_each_at_their_own_stop_and_drawing_when_all_have() -> None:
    tokenizer = CharTokenizer("ab\n")
    rows = [tokenizer.encode(text).tolist() for text in ("a\naaaa", "bbb\nbb")]
    drawn = columns(*rows)
    assert decoded_rows(drawn, tokenizer, ["\n"], 2) == ["a", "bbb"]
    assert len(list(drawn)) == 2
    assert decoded_rows(columns(*rows), tokenizer, ["\n\n"], 2) == ["a\naaaa", "bbb\nbb"]


@pytest.mark.parametrize("kind", ["char", "byte", "word"])
def test_every_kind_of_tokenizer_streams(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, ACCENTS * 2)  # type: ignore[arg-type]
    ids = tokenizer.encode(ACCENTS).tolist()
    assert "".join(pieces(tokenizer, ids)) == ACCENTS
