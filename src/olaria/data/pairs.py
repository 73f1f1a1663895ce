"""Pairs of texts to translate between: letters reversed, the toy language, the user's own table.

Whatever they come from, a source is either in training or in validation, never in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.data.base import DataSet, Pair, PairData, Request, fingerprint
from olaria.data.config import DataConfig
from olaria.data.split import split_pairs
from olaria.errors import DataError
from olaria.i18n import N_, Message, Setting

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from olaria.data.tokenizer import Tokenizer, Unseen

PAIR_SUFFIX = ".tsv"
Drawn = tuple[tuple[Pair, ...], tuple[Pair, ...], str]
"""What :func:`drawn` gives."""
SEED = 0
NUM_WORDS = 20_000
MIN_LETTERS, MAX_LETTERS = 2, 16
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NUM_SENTENCES = 20_000
SHOWN_CHARS = 40
"""Of a text that an error names."""
_CREDIT = re.compile(r"([^\t]+\t[^\t]+)\tCC[- ](?:BY|0)\b[^\t]*\t*")
"""A line of Tatoeba's pairs as https://www.manythings.org/anki has them: the last cell names licence and authors."""


def random_words(n: int, generator: Generator) -> list[str]:
    """``n`` strings of independent letters, 2 to 16 long with equal probability."""
    import torch

    lengths = torch.randint(MIN_LETTERS, MAX_LETTERS + 1, (n,), generator=generator).tolist()
    letters = torch.randint(len(LETTERS), (n, MAX_LETTERS), generator=generator).tolist()
    return [
        "".join(LETTERS[letter] for letter in row[:length])
        for row, length in zip(letters, lengths, strict=True)
    ]


def load_reverse(request: Request) -> PairData:
    """20,000 strings drawn with seed 0, each with its letters from last to first."""
    return generated(request.data_set, *_reversed())


@cache
def _reversed() -> Drawn:
    import torch

    words = random_words(NUM_WORDS, torch.Generator().manual_seed(SEED))
    return drawn([(word, word[::-1]) for word in dict.fromkeys(words)])


def load_toy_translation(request: Request) -> PairData:
    """The different ones among 20,000 sentences drawn with seed 0, as (Portuguese, English)."""
    return generated(request.data_set, *_translated())


@cache
def _translated() -> Drawn:
    import torch

    from olaria.data.toy_language import ToyLanguage

    pairs = ToyLanguage().sample_pairs(NUM_SENTENCES, torch.Generator().manual_seed(SEED))
    return drawn(list(dict.fromkeys(pairs)))


def drawn(pairs: Sequence[Pair], key: Callable[[Pair], str] = itemgetter(0)) -> Drawn:
    """Training and validation pairs, and the SHA-256 of both: always the same, so made once in a process.

    Args:
        pairs: different ones, drawn from a seed.
        key: what must not be on both sides; the source unless given.
    """
    train, validation = split_pairs(pairs, key)
    return train, validation, pairs_fingerprint((*train, *validation))


def generated(
    data_set: DataSet, train: tuple[Pair, ...], validation: tuple[Pair, ...], sha256: str
) -> PairData:
    """What :func:`drawn` made, under the names of its data set."""
    return PairData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        source="generated",
        sha256=sha256,
        citation=data_set.citation,
        licence=data_set.licence,
    )


def load_tsv(path: Path, options: DataConfig) -> PairData:
    """The user's own pairs: a line each, source and target with a tab between; no heading.

    A line that was there before is left out and counted. A source may have several targets: they
    stay on one side of the split. A third column is left out where it says in every line whose the sentences are.

    Raises:
        DataError: the file is not of the encoding, a line is not a pair, or there are too few.
        StorageError: the file cannot be read.
    """
    from olaria.data.decoding import decode, lines_of_text, normalise
    from olaria.data.entries import read_file

    lines = lines_of_text(normalise(decode(read_file(path), options.encoding, path.name)))
    while lines and not lines[-1].strip():  # rows that a spreadsheet left empty
        lines.pop()
    if not lines:
        raise DataError(N_("{path} is empty; give a pair of texts a line"), path=str(path))
    credited = [match[1] for match in map(_CREDIT.fullmatch, lines) if match]
    is_credited = len(credited) == len(lines)
    lines = credited if is_credited else lines
    rows = [_pair(path.name, number, line) for number, line in enumerate(lines, start=1)]
    return _own_pairs(path, rows, _credit_notes(len(rows) * is_credited))


def load_parquet(path: Path) -> PairData:
    """The user's own pairs in Parquet files; see :func:`olaria.data.parquet_texts.parquet_pairs`.

    Raises:
        DataError: a file is damaged or holds no pairs, or there are too few.
        StorageError: the files cannot be read.
    """
    from olaria.data.decoding import normalise
    from olaria.data.entries import find_entries
    from olaria.data.parquet import is_parquet
    from olaria.data.parquet_texts import parquet_pairs

    notes: list[Message] = []
    found = [parquet_pairs(entry, notes) for entry in find_entries(path) if is_parquet(entry)]
    rows = [(normalise(source), normalise(target)) for own in found for source, target in own]
    return _own_pairs(path, rows, notes)


def _own_pairs(path: Path, rows: Sequence[Pair], notes: Sequence[Message]) -> PairData:
    """A data set of the user's pairs; of equal ones the first is kept.

    Raises:
        DataError: there are too few.
    """
    pairs = list(dict.fromkeys(rows))
    num_sources = len({source for source, _ in pairs})
    if num_sources < 2:
        raise DataError(
            N_(
                "all lines of {path} have one source; "
                "give at least two, one to learn from and one to be tested on"
            ),
            path=str(path),
        )
    train, validation = split_pairs(pairs)
    return PairData(
        name=path.name,
        title=path.name,
        train=train,
        validation=validation,
        source="user file",
        sha256=pairs_fingerprint((*train, *validation)),
        citation="",
        licence="",
        notes=(*notes, *_repeated(len(rows) - len(pairs))),
    )


def _credit_notes(num_lines: int) -> list[Message]:
    if not num_lines:
        return []
    message = N_(
        "the third column of {count} {count:line, its licence and authors,|lines, their "
        "licence and authors,} is left out; credit them where you publish"
    )
    return [Message(message, {"count": num_lines})]


def references(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Every target of each different source, in order of first appearance.

    >>> references([("a", "x"), ("b", "y"), ("a", "z")])
    {'a': ['x', 'z'], 'b': ['y']}
    """
    found: dict[str, list[str]] = {}
    for source, target in pairs:
        found.setdefault(source, []).append(target)
    return found


def encode_texts(
    texts: Sequence[str], tokenizer: Tokenizer, context: int, unseen: Unseen = "error"
) -> list[Tensor]:
    """Token ids of each text, int64 (T_i,), 1 ≤ T_i ≤ ``context``.

    Raises:
        DataError: a text is longer than the context (the longest is told), or nothing is left of it.
    """
    rows = [tokenizer.encode(text, unseen) for text in texts]
    longest = max(range(len(rows)), key=lambda place: len(rows[place]))
    if len(rows[longest]) > context:
        raise DataError(
            N_(
                "“{text}” has {count} tokens, more than the context of {context}; shorten it, or "
                "train with {setting}"
            ),
            setting=Setting("model.context", str(len(rows[longest]))),
            text=_shown(texts[longest]),
            count=len(rows[longest]),
            context=context,
        )
    for text, row in zip(texts, rows, strict=True):
        if not len(row):
            raise DataError(
                N_("nothing is left of “{text}”: all of it was skipped as unseen"),
                text=_shown(text),
            )
    return rows


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def pairs_fingerprint(pairs: Iterable[Pair]) -> str:
    """SHA-256 of the pairs as lines of a table."""
    return fingerprint(f"{source}\t{target}\n".encode() for source, target in pairs)


def _pair(name: str, number: int, row: str) -> Pair:
    """Two cells, neither empty."""
    cells = row.split("\t")
    while len(cells) > 2 and not cells[-1].strip():  # a tab too many at the end
        cells.pop()
    if len(cells) != 2:
        raise DataError(
            N_(
                "line {line} of {name} has {found} {found:column|columns}, not 2 with a tab "
                "between; mend it"
            ),
            line=number,
            name=name,
            found=len(cells),
        )
    source, target = cells
    if not source.strip() or not target.strip():
        raise DataError(
            N_("line {line} of {name} has an empty side; give both or delete it"),
            line=number,
            name=name,
        )
    return source, target


def _repeated(count: int) -> list[Message]:
    if not count:
        return []
    return [
        Message(
            N_(
                "{count} {count:line that was there before was|lines that were there "
                "before were} left out"
            ),
            {"count": count},
        )
    ]


REVERSE = DataSet(
    name="reverse",
    title=N_("Reversed: strings of random letters and the same from last to first"),
    kind="pairs",
    load=load_reverse,
    citation="",
    licence="CC0 1.0",
)
TOY_TRANSLATION = DataSet(
    name="toy-translation",
    title=N_("Toy translation: Portuguese sentences of the toy language and their English"),
    kind="pairs",
    load=load_toy_translation,
    citation="",
    licence="CC0 1.0",
)
