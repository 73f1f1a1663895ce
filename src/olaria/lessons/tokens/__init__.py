r"""Tokens: a text becomes integers, and the integers become vectors.

.. math:: x = \operatorname{decode}(\operatorname{encode}(x)), \qquad e_i = 1_i^\top E

A tokenizer cuts a text into tokens and gives each its id: characters, bytes, or byte pairs that were merged because
they often stand side by side (:mod:`olaria.lessons.tokens.merges`). The steps from the ids on are in
:mod:`olaria.lessons.tokens.embeddings`, :mod:`olaria.lessons.tokens.neighbours` and :mod:`olaria.lessons.tokens.kinds`.

Arrays of the steps: ``ids``, (T,); ``characters``, the code points of the text that was decoded; ``num_tokens`` of the
sentence and ``vocab_size``, a number for each tokenizer; and those of the modules named above.

Sources: Gage 1994; Sennrich, Haddow & Birch 2016, algorithm 1 (byte pairs); Radford et al. 2019, section 2.2 (bytes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from olaria.data import TextData
from olaria.data.base import PairData
from olaria.data.bpe import (
    NUM_BYTES,
    BPETokenizer,
    byte_letters,
    split_pieces,
    train_bpe,
)
from olaria.data.tokenizer import (
    WORDS,
    AnyTokenizer,
    ByteTokenizer,
    CharTokenizer,
    WordTokenizer,
    fit_tokenizer,
)
from olaria.data.tokens import Tokenizer, utf8
from olaria.i18n import N_, Message
from olaria.lessons.base import Asked, Check, Lesson, Step
from olaria.lessons.figures import Choice, Control, Table, Tokens
from olaria.lessons.texts import Sentence, sentence_of, spelt, visible
from olaria.lessons.tokens.embeddings import LEAST_TOKENS, opened, row_step
from olaria.lessons.tokens.kinds import kind_step, map_step, members
from olaria.lessons.tokens.merges import merges_step
from olaria.lessons.tokens.neighbours import neighbour_step

READ_CHARS = 100_000
"""Of the training text, read to know which tokens it has."""
READ_PAIRS = 1_000
LEARNED_CHARS = 20_000
"""Of the training text, from which this lesson learns byte pairs."""
NUM_MERGES = 60
SHOWN_TOKENS = 12
MOST_WIDTH = 1024
"""Of the rows that are mapped: wider ones would take seconds."""
MEASURED_CHARS = 2_000
"""Of the validation text, which is cut after every few merges."""

_KINDS = {
    "char": N_("characters"),
    "byte": N_("bytes"),
    "word": N_("words, and single characters for those that are rare"),
    "bpe": N_("bytes, and pieces of text merged from them"),
}
"""What a tokenizer's tokens are."""


@dataclass(frozen=True)
class Texts:
    """What this lesson reads of a run.

    Args:
        sentence: the user's; its text encodes to its ids.
        train: pieces of the training text, each read alone.
        validation: the beginning of the validation text.
        tokenizer: of the run.
    """

    sentence: Sentence
    train: tuple[str, ...]
    validation: str
    tokenizer: AnyTokenizer


def texts_of(asked: Asked) -> Texts:
    """The sentence and the texts of the run that is opened up."""
    sentence = sentence_of(asked)
    tokenizer = sentence.tokenizer
    # A cut may leave half of a character, or spaces that are other tokens without the word after them.
    text = tokenizer.bytes_of(sentence.ids).decode("utf-8", "ignore")
    if not torch.equal(tokenizer.encode(text), sentence.ids):
        sentence = replace(sentence_of(replace(asked, prompt=text)), notes=sentence.notes)
    data = asked.run.data(offline=asked.offline)
    if isinstance(data, PairData):
        train = tuple(text for pair in data.train[:READ_PAIRS] for text in pair)
        validation = "\n".join(text for pair in data.validation[:READ_PAIRS] for text in pair)
    else:
        assert isinstance(data, TextData)
        train, validation = (data.train[:READ_CHARS],), data.validation
    assert isinstance(tokenizer, AnyTokenizer)
    return Texts(sentence, train, validation[:MEASURED_CHARS], tokenizer)


# -- the same in other ways, for the checks ------------------------------------------------------------


def ids_by_hand(tokenizer: Tokenizer, text: str) -> list[int]:
    """What a tokenizer makes of ``text``, by looking for each token in its list.

    >>> ids_by_hand(train_bpe("low lower lowest", 259), "lowly")
    [257, 75, 88]
    """
    if isinstance(tokenizer, CharTokenizer):
        return [tokenizer.alphabet.index(character) for character in text]
    if isinstance(tokenizer, WordTokenizer):
        known = set(tokenizer.vocabulary)
        cut = (([word] if word in known else list(word)) for word in WORDS.findall(text))
        return [tokenizer.vocabulary.index(token) for tokens in cut for token in tokens]
    if isinstance(tokenizer, BPETokenizer):
        names = (name for piece in split_pieces(text) for name in _merged(piece, tokenizer.merges))
        return [tokenizer.vocabulary.index(name) for name in names]
    return list(utf8(text))


def _merged(piece: str, merges: Sequence[tuple[str, str]]) -> list[str]:
    """The names of a piece's tokens: every merge in the order it was learned, from left to right."""
    names = [byte_letters()[byte] for byte in utf8(piece)]
    for left, right in merges:
        place = 0
        while place < len(names) - 1:
            if (names[place], names[place + 1]) == (left, right):
                names[place : place + 2] = [left + right]
            place += 1
    return names


# -- the steps -----------------------------------------------------------------------------------------


def cut_step(texts: Texts) -> Step:
    """The sentence as tokens with their ids."""
    sentence, tokenizer = texts.sentence, texts.tokenizer
    ids = sentence.ids.numpy()
    return Step(
        Message(N_("The text is cut")),
        Message(
            N_(
                "The tokenizer of this run knows {vocab} tokens, which are {kind}. It cuts these {chars} characters "
                "into {count} tokens, and each has a number, its *id*. The model reads the ids alone; they are names "
                "and not quantities, so id 5 is no nearer to 6 than to 60."
            ),
            {
                "vocab": tokenizer.vocab_size,
                "kind": Message(_KINDS[tokenizer.kind]),
                "chars": len(sentence.text),
                "count": len(ids),
            },
        ),
        r"x_1, x_2, \ldots, x_T \in \{0, 1, \ldots, V-1\}",
        (
            Tokens(
                Message(N_("The sentence, token by token, each with its id.")),
                sentence.tokens,
                notes=tuple(Message(N_("id {id}"), {"id": int(i)}) for i in ids),
            ),
        ),
        {"ids": ids},
        (type(tokenizer).encode,),
        (
            Check(
                Message(N_("the ids, found again by looking for each token in the vocabulary")),
                ids,
                ids_by_hand(tokenizer, sentence.text),
            ),
        ),
        notes=sentence.notes,
    )


def back_step(texts: Texts) -> Step:
    """Decoding what was encoded."""
    sentence, tokenizer = texts.sentence, texts.tokenizer
    decoded = tokenizer.decode(sentence.ids)
    points, expected = _code_points(decoded), _code_points(sentence.text)
    same = sum(a == b for a, b in zip(decoded, sentence.text, strict=False))
    reads_all = tokenizer.kind in ("byte", "bpe")
    text = (
        N_(
            "Joined in their order the tokens are the text again: {same} of {count} characters are the same. And no "
            "text is foreign to this tokenizer, because each of the 256 bytes is a token of its own."
        )
        if reads_all
        else N_(
            "Joined in their order the tokens are the text again: {same} of {count} characters are the same. A "
            "character that this run's text never had has no id, though: it cannot be read at all, unless it is "
            "replaced or left out."
        )
    )
    return Step(
        Message(N_("And back again")),
        Message(text, {"same": same, "count": len(sentence.text)}),
        r"\operatorname{decode}(\operatorname{encode}(x)) = x",
        (_token_table(sentence),),
        {"characters": points},
        (type(tokenizer).decode,),
        (
            Check(
                Message(
                    N_("the decoded characters are those of the sentence, by their Unicode numbers")
                ),
                points,
                expected,
            ),
        ),
    )


def _token_table(sentence: Sentence) -> Table:
    times = Counter(sentence.ids.tolist())  # in the order of the sentence
    ids, tokenizer = list(times)[:SHOWN_TOKENS], sentence.tokenizer
    rows = tuple(
        (i, tokenizer.bytes_of([i]).hex(" "), visible(token), times[i])
        for i, token in zip(ids, spelt(tokenizer, torch.tensor(ids)), strict=True)
    )
    heads = (N_("id"), N_("bytes (UTF-8, hexadecimal)"), N_("token"), N_("times in the sentence"))
    caption = Message(
        N_("The first {count} different ids of the sentence, and what each is decoded to."),
        {"count": len(rows)},
    )
    return Table(caption, tuple(map(Message, heads)), rows)


def _code_points(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([ord(character) for character in text], np.int64)


def kinds_step(texts: Texts, learned: BPETokenizer, width: int | None) -> Step:
    """The sentence as characters, bytes and byte pairs; and in the run's own way, where that is another.

    Args:
        texts: of the run.
        learned: byte pairs of the beginning of its training text.
        width: numbers in a row of its table; None for as many as there are tokens, a bigram's.
    """
    text = texts.sentence.text
    own = texts.tokenizer
    letters = own if own.kind == "char" else fit_tokenizer("char", _learned_from(texts), other=text)
    tokenizers: list[tuple[Message, AnyTokenizer]] = [
        (Message(N_("characters")), letters),
        (Message(N_("bytes")), ByteTokenizer()),
        (Message(N_("byte pairs, learned here")), learned),
    ]
    if own.kind in ("word", "bpe"):
        name = N_("words, of the run") if own.kind == "word" else N_("byte pairs, of the run")
        tokenizers.append((Message(name), own))
    names = tuple(name for name, _ in tokenizers)
    encoded = [tokenizer.encode(text) for _, tokenizer in tokenizers]
    counts = np.array([len(ids) for ids in encoded])
    sizes = np.array([tokenizer.vocab_size for _, tokenizer in tokenizers])
    numbers = sizes * (sizes if width is None else width)
    rows = zip(names, counts, len(text) / counts, sizes, numbers, strict=True)
    heads = (
        N_("tokenizer"),
        N_("tokens of the sentence"),
        N_("characters per token"),
        N_("tokens it knows"),
        N_("numbers in the table of vectors"),
    )
    words = (
        N_(
            "The same sentence is {chars} tokens of characters, {bytes} of bytes, and {pairs} of byte pairs with "
            "{merges} merges. Fewer tokens are quicker to read; the price is a larger table, since a bigram has a row "
            "for each token, and in it a number for each token that may follow."
        )
        if width is None
        else N_(
            "The same sentence is {chars} tokens of characters, {bytes} of bytes, and {pairs} of byte pairs with "
            "{merges} merges. Fewer tokens are quicker to read and let the same context reach further back; the "
            "price is a larger table, since each token has a row of {width} numbers in this run."
        )
    )
    return Step(
        Message(N_("Characters, bytes, byte pairs")),
        Message(
            words,
            {
                "chars": int(counts[0]),
                "bytes": int(counts[1]),
                "pairs": int(counts[2]),
                "merges": len(learned.merges),
                "width": width,
            },
        ),
        "",
        (
            Choice(
                Message(N_("One sentence, cut in different ways.")),
                (Control(Message(N_("tokenizer")), names, "select", len(names) - 1),),
                tuple(
                    Tokens(name, spelt(tokenizer, ids))
                    for (name, tokenizer), ids in zip(tokenizers, encoded, strict=True)
                ),
                tuple(range(len(names))),
            ),
            Table(
                Message(N_("What each costs: tokens to read, and numbers to learn.")),
                tuple(map(Message, heads)),
                tuple((name, int(n), float(c), int(v), int(p)) for name, n, c, v, p in rows),
            ),
        ),
        {"num_tokens": counts, "vocab_size": sizes},
        (fit_tokenizer, train_bpe),
        (
            Check(
                Message(N_("the number of tokens of each, cut again by the plainest rule")),
                counts,
                [len(ids_by_hand(tokenizer, text)) for _, tokenizer in tokenizers],
            ),
            Check(
                Message(N_("the tokens known, counted as the different texts that the ids spell")),
                sizes[:3],
                [_num_texts(tokenizer) for _, tokenizer in tokenizers[:3]],
            ),
        ),
    )


def _num_texts(tokenizer: AnyTokenizer) -> int:
    return len({tokenizer.bytes_of([i]) for i in range(tokenizer.vocab_size)})


def _learned_from(texts: Texts) -> str:
    return "\n".join(texts.train)[:LEARNED_CHARS]


def steps(asked: Asked) -> tuple[Step, ...]:
    """From the text to ids and back, the ways to cut it, from the ids to vectors, and what is alike among them."""
    texts = texts_of(asked)
    sentence, source = texts.sentence, _learned_from(texts)
    learned = train_bpe(source, NUM_BYTES + NUM_MERGES)
    embedding = opened(asked.run, texts.tokenizer, texts.train)
    width = None if embedding.is_bigram else embedding.width
    found = [cut_step(texts), back_step(texts), kinds_step(texts, learned, width)]
    if learned.merges:
        found.append(merges_step(learned, source, texts.validation))
    found.append(row_step(embedding, sentence))
    if len(embedding.ids) >= LEAST_TOKENS:
        found.append(neighbour_step(embedding, sentence, asked.seed))
        kinds = members(embedding, texts.tokenizer)
        if kinds:
            found.append(kind_step(embedding, kinds, asked.seed))
        if 1 < embedding.width <= MOST_WIDTH:
            found.append(map_step(embedding, kinds))
    return tuple(found)


LESSON = Lesson(
    title=Message(N_("From text to vectors: tokens and embeddings")),
    introduction=Message(
        N_(
            "A language model reads no letters. A text is cut into tokens, a token is a number, and the number picks a "
            "vector that the run has learned."
        )
    ),
    steps=steps,
    families=("bigram", "language", "gpt", "translation"),
    preset="gpt-shakespeare",
    takes_prompt=True,
)
