"""The sentence that a lesson of language reads: the user's own, or one of the run's validation text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from olaria.characters import legible
from olaria.data import TextData
from olaria.data.base import PairData
from olaria.data.decoding import lines_of_text
from olaria.data.tokens import Tokenizer
from olaria.data.toy_language import ToyLanguage
from olaria.errors import LessonError
from olaria.i18n import N_, Message, Setting
from olaria.lessons.base import Asked
from olaria.runs import Run

MAX_TOKENS = 32
"""Of a sentence that is shown token by token: more would be too small to read."""
_SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"})
CUT_BY_MODEL = N_(
    "of the {count} tokens of the sentence the first {kept} are kept: the model reads no more at once"
)
CUT = N_(
    "of the {count} tokens of the sentence the first {kept} are kept: "
    "the figures of more would be too small to read"
)


@dataclass(frozen=True)
class Sentence:
    """A text as a run reads it, as far as it is shown.

    ``ids`` are its tokens, int64 (T,), 2 ≤ T ≤ :data:`MAX_TOKENS`, and ``tokens`` each as text; ``notes`` tell how many
    were kept of how many and why, where not all of them were.
    """

    text: str
    ids: Tensor
    tokens: tuple[str, ...]
    tokenizer: Tokenizer
    notes: tuple[Message, ...] = ()


def sentence_of(asked: Asked, run: Run | None = None, most: int = MAX_TOKENS) -> Sentence:
    """The user's sentence, or the first line of the validation text that is long enough.

    It is read by ``run``, the lesson's own where None, and cut to ``most`` tokens and the model's context.

    Raises:
        LessonError: it has fewer than two tokens.
        DataError: it has a character that the run never saw.
    """
    run = run or asked.run
    tokenizer = run.tokenizer()
    text = opening_line(asked, run) if asked.prompt is None else asked.prompt
    context = getattr(run.recipe.model, "context", most)
    is_short = run.family != "bigram" and context < most
    every = tokenizer.encode(text, run.recipe.data.unseen)
    ids = every[: context if is_short else most]
    if len(ids) < 2:
        raise LessonError(
            N_("the sentence has fewer than two tokens and shows nothing: give a longer {prompt}"),
            prompt=Setting("prompt"),
        )
    note = Message(CUT_BY_MODEL if is_short else CUT, {"count": len(every), "kept": len(ids)})
    notes = (note,) if len(ids) < len(every) else ()
    return Sentence(tokenizer.decode(ids), ids, spelt(tokenizer, ids), tokenizer, notes)


def spelt(tokenizer: Tokenizer, ids: Tensor) -> tuple[str, ...]:
    r"""Each token as text; a piece of a character as its bytes, ``\xc3``."""
    return tuple(
        tokenizer.bytes_of([token]).decode("utf-8", "backslashreplace") for token in ids.tolist()
    )


def opening_line(asked: Asked, run: Run, least: int = 16) -> str:
    """The first line of the validation text with so many characters, or the first source of the validation pairs.

    The rest of a line that begins in the training text is taken only where there is no other. The toy language speaks
    two languages, a line in either: there it is the first one in the page's.
    """
    data = run.data(offline=asked.offline)
    if isinstance(data, PairData):
        return data.validation[0][0]
    assert isinstance(data, TextData)
    lines = [line.strip() for line in lines_of_text(data.validation[:10_000])]
    if not data.train.endswith("\n"):  # the texts were cut within a line: its rest comes last
        lines = [*lines[1:], *lines[:1]]
    if isinstance(data.known_entropy, ToyLanguage):
        parse = data.known_entropy.parse
        lines = [line for line in lines if [name for name, _ in parse(line)] == [asked.language]]
    return next((line for line in lines if len(line) >= least), data.validation[:least])


def visible(token: str) -> str:
    """A token whose blanks and control characters can be seen.

    >>> visible(" be\\n"), visible("\\u200b")
    ('␣be↵', '\\\\u200b')
    """
    return legible(token.translate(_SIGNS), blanks=True)


def labels_of(tokens: Sequence[str]) -> tuple[str, ...]:
    """Tokens as names of rows and columns."""
    return tuple(map(visible, tokens))
