r"""Text to token ids and back, from ``tokenizer.json``; the standard library is all that it needs.

Three kinds are in the form that the tokenizers library reads too. Of *characters*, each is a token. *Bytes* are the 256
bytes of the text in UTF-8. *Byte pairs* begin as bytes, and frequent neighbours have grown together: a text is cut into
pieces, about words with the space before them, and in each piece the pair that was merged first in training is merged
first. The fourth kind, *words*, has a token for each frequent word with the space before it and for each character.

    tokenizer = Tokenizer(".")                 # the folder of tokenizer.json
    tokenizer.decode(tokenizer.encode("oi"))   # oi
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

WORD = re.compile(r" ?\w+|.", re.DOTALL)
CONTRACTION = re.compile(r"'(?:[sdmt]|ll|ve|re)")
# On a text of classes, one for each character: (L)etter, (N)umber, space, other (S)pace, anything else (X).
PIECE = re.compile(r" ?L+| ?N+| ?X+|[ S]+(?![LNX])|[ S]+")


class Tokenizer:
    """The tokenizer of a folder."""

    def __init__(self, folder: str | Path) -> None:
        content = json.loads((Path(folder) / "tokenizer.json").read_text("utf-8"))
        self.kind = "word"
        if "model" in content:
            self.kind = "byte" if content["pre_tokenizer"] else "char"
            self.ids: dict[str, int] = content["model"]["vocab"]
            pairs = enumerate(content["model"]["merges"])
            self.ranks = {(left, right): rank for rank, (left, right) in pairs}
        else:
            self.ids = {word: number for number, word in enumerate(content["vocabulary"])}
        self.tokens = sorted(self.ids, key=self.ids.__getitem__)
        self.letters = byte_letters()
        self.bytes = {letter: byte for byte, letter in enumerate(self.letters)}

    def encode(self, text: str) -> list[int]:
        """The ids of a text; a character that is none of its alphabet is a KeyError that names it."""
        if self.kind == "char":
            return [self.ids[character] for character in text]
        if self.kind == "word":
            words = WORD.findall(text)
            spelt = ([word] if word in self.ids else list(word) for word in words)
            return [self.ids[token] for tokens in spelt for token in tokens]
        return [self.ids[token] for piece in pieces(text) for token in self.merged(piece)]

    def decode(self, ids: list[int]) -> str:
        """The text of some ids."""
        text = "".join(self.tokens[number] for number in ids)
        if self.kind != "byte":
            return text
        return bytes(self.bytes[letter] for letter in text).decode("utf-8", "replace")

    def merged(self, piece: str) -> list[str]:
        """A piece as tokens: bytes, in which neighbours are merged for as long as there is a rule for a pair."""
        tokens = [self.letters[byte] for byte in piece.encode("utf-8")]
        while len(tokens) > 1:
            pairs = pairwise(tokens)
            ranked = [(self.ranks[pair], at) for at, pair in enumerate(pairs) if pair in self.ranks]
            if not ranked:
                break
            _, at = min(ranked)
            tokens[at : at + 2] = [tokens[at] + tokens[at + 1]]
        return tokens


def byte_letters() -> list[str]:
    """A visible character for each of the 256 bytes, as GPT-2's files write them."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    stand_ins = iter(range(256, 512))
    return [chr(byte if byte in visible else next(stand_ins)) for byte in range(256)]


def pieces(text: str) -> list[str]:
    """The text in GPT-2's pieces: contractions, words, numbers, signs, spaces."""
    classes = "".join(map(class_of, text))
    found, at = [], 0
    while at < len(text):
        match = CONTRACTION.match(text, at) or PIECE.match(classes, at)
        found.append(text[at : match.end()])
        at = match.end()
    return found


def class_of(character: str) -> str:
    """See PIECE."""
    if character == " ":
        return " "
    category = unicodedata.category(character)[0]
    if category == "Z" or character in "\t\n\v\f\r\x85":
        return "S"
    return category if category in "LN" else "X"
