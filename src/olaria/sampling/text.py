"""Tokens as they are drawn to text as it is shown: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from olaria.data.tokenizer import Tokenizer
from olaria.sampling.candidates import Draw, DrawRecord

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """The text of a growing sequence of tokens.

    Joined, its pieces are the decoded tokens up to the stop string that is complete first, however characters and
    stop strings are cut into tokens.

    Args:
        tokenizer: decodes.
        stop: strings before which the text ends.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self._ids: list[int] = []  # since the last place where a character surely ended
        self._shown = 0  # characters of those that are told already
        self._held = ""  # what a stop string may begin with
        self.is_over = False
        """Whether a stop string came: what follows is not of the text."""

    def push(self, token: int) -> str:
        """The text that is certain once ``token`` is there; often none."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        # Where the last character's bytes are not all there it reads as U+FFFD; only the last can be so.
        certain = text.removesuffix(_UNFINISHED)
        piece = certain[self._shown :]
        if certain == text:
            self._ids, self._shown = [], 0
        else:
            self._shown = len(certain)
        return self._before_stop(piece)

    def finish(self) -> str:
        """What was held back and is text after all, since nothing follows."""
        rest = self._tokenizer.decode(self._ids)[self._shown :] if self._ids else ""
        piece = self._before_stop(rest) + self._held
        self._ids, self._shown, self._held = [], 0, ""
        return piece

    def _before_stop(self, piece: str) -> str:
        """What may be shown of the held text and ``piece``; a possible beginning of a stop string is held."""
        if self.is_over:
            return ""
        text = self._held + piece
        places = [(text.find(stop) + len(stop), text.find(stop)) for stop in self._stop]
        found = [place for place in places if place[1] >= 0]
        if found:
            self.is_over, self._held = True, ""
            # The one complete first, and of those the one that begins first: as if letters came one by one.
            return text[: min(found)[1]]
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that ``stop`` begins with.

    >>> _overlap("a bowl\\n", "\\n\\n")
    1
    """
    lengths = range(min(len(text), len(stop) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)


class Continuation(Iterator[str]):
    """The text of one row, piece by piece as it is drawn; nothing is drawn after a stop string.

    Args:
        tokens: ids (1,) each, as :func:`olaria.sampling.autoregressive.generate` yields them.
        tokenizer: decodes.
        stop: see :class:`TextStream`.
        num_prompt_tokens: that it goes on from.
        record: of the draws, which ``tokens`` fills.
    """

    def __init__(
        self,
        tokens: Iterator[Tensor],
        tokenizer: Tokenizer,
        stop: Sequence[str] = (),
        num_prompt_tokens: int = 0,
        record: DrawRecord | None = None,
    ) -> None:
        self._stream = TextStream(tokenizer, stop)
        self._record = record or DrawRecord()
        self._pieces = self._drawn(tokens)
        self.num_prompt_tokens = num_prompt_tokens
        self.num_tokens = 0
        """Drawn so far."""

    @property
    def is_stopped(self) -> bool:
        """Whether it ended before a stop string, and not where it had its length."""
        return self._stream.is_over

    def record(self, num_candidates: int) -> None:
        """Keep what each draw chooses from; to be called before the first piece."""
        self._record.num_candidates = num_candidates

    def draws(self) -> list[Draw]:
        """Those since the last call: of the last piece's tokens, and of those whose text is still held back before it.

        At a stop string they go on to its last token, of which the text has nothing.
        """
        return self._record.take()

    def __next__(self) -> str:
        return next(self._pieces)

    def _drawn(self, tokens: Iterator[Tensor]) -> Iterator[str]:
        for token in tokens:
            self.num_tokens += 1
            if piece := self._stream.push(int(token)):
                yield piece
            if self._stream.is_over:
                return
        if piece := self._stream.finish():
            yield piece


def decoded_rows(
    tokens: Iterator[Tensor], tokenizer: Tokenizer, stop: Sequence[str], num_rows: int
) -> list[str]:
    """The texts of several rows; drawing ends when all of them have met a stop string.

    Args:
        tokens: ids (num_rows,) each.
        tokenizer: decodes.
        stop: see :class:`TextStream`.
        num_rows: how many.
    """
    streams = [TextStream(tokenizer, stop) for _ in range(num_rows)]
    texts = [""] * num_rows
    for column in tokens:
        for row, stream in enumerate(streams):
            if not stream.is_over:
                texts[row] += stream.push(int(column[row]))
        if all(stream.is_over for stream in streams):
            return texts
    return [text + stream.finish() for text, stream in zip(texts, streams, strict=True)]
