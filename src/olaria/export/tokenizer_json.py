"""Tokenizers as the ``tokenizers`` library's ``tokenizer.json``, which describes all of ours but words.

Byte-level BPE is what GPT-2 has. Bytes are the same without merges. Characters are a BPE that cuts nothing into
pieces, merges nothing and joins its tokens as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from olaria.data.bpe import BPETokenizer, byte_letters
from olaria.data.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer
from olaria.errors import DataError
from olaria.export.strict_json import read_object
from olaria.i18n import N_, Setting

TOKENIZER = "tokenizer.json"
MOST_BYTES = 100_000_000
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_PLAIN: dict[str, Any] = {
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}


def tokenizer_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """The content of ``tokenizer.json``; it encodes what the tokenizer can encode to the same ids.

    Raises:
        DataError: a tokenizer of words, whose spelling of rare ones has no such form.
    """
    if isinstance(tokenizer, CharTokenizer):
        vocab = {character: i for i, character in enumerate(tokenizer.alphabet)}
        return _document(vocab, [], None, {"type": "Fuse"})
    byte_level = {**_BYTE_LEVEL, "use_regex": True}
    if isinstance(tokenizer, ByteTokenizer):
        vocab = {letter: byte for byte, letter in enumerate(byte_letters())}
        return _document(vocab, [], byte_level, byte_level)
    if isinstance(tokenizer, BPETokenizer):
        vocab = {token: i for i, token in enumerate(tokenizer.vocabulary)}
        merges = [list(pair) for pair in tokenizer.merges]
        return _document(vocab, merges, byte_level, byte_level)
    raise DataError(
        N_(
            "a tokenizer of kind {kind} has no form in {file}; a run trained with {tokenizer} "
            "char, byte or bpe has"
        ),
        tokenizer=Setting("tokenizer"),
        kind=tokenizer.kind,
        file=TOKENIZER,
    )


def _document(
    vocab: Mapping[str, int], merges: list[list[str]], cut: Any, join: Any
) -> dict[str, Any]:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": cut,
        "post_processor": None,
        "decoder": join,
        "model": {"type": "BPE", **_PLAIN, "vocab": dict(vocab), "merges": merges},
    }


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a ``tokenizer.json``. Added tokens, such as GPT-2's end of text, stand for their own letters.

    Raises:
        DataError: it is damaged, or of a kind that there is no equal of here; names what is unlike.
    """
    content = read_object(path, MOST_BYTES)
    model = content.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise _unlike(path, "model")
    for name, usual in _PLAIN.items():
        value = model.get(name, usual)
        # What stands for unknown characters is of no use where every byte is known.
        if value not in (usual, "") and name not in ("unk_token", "fuse_unk"):
            raise _unlike(path, name)
    if content.get("normalizer") is not None:
        raise _unlike(path, "normalizer")
    after = content.get("post_processor")
    if after is not None and (not isinstance(after, dict) or after.get("type") != "ByteLevel"):
        raise _unlike(path, "post_processor")  # it adds tokens to a text
    vocab = _vocab(path, model.get("vocab"), content.get("added_tokens") or [])
    merges = _merges(path, model.get("merges"))
    cut = content.get("pre_tokenizer")
    if cut is None:
        return _characters(path, vocab, merges, content.get("decoder"))
    if not isinstance(cut, dict) or cut.get("type") != "ByteLevel":
        raise _unlike(path, "pre_tokenizer")
    if cut.get("add_prefix_space", True) is not False or cut.get("use_regex", True) is not True:
        raise _unlike(path, "pre_tokenizer")
    if not merges and vocab == {letter: byte for byte, letter in enumerate(byte_letters())}:
        return ByteTokenizer()
    return BPETokenizer(vocab, merges)


def _characters(
    path: Path, vocab: Mapping[str, int], merges: list[list[str]], join: Any
) -> CharTokenizer:
    joins = isinstance(join, dict) and join.get("type") == "Fuse"
    ordered = sorted(vocab, key=vocab.__getitem__)
    if merges or not joins or any(len(token) != 1 for token in ordered):
        raise _unlike(path, "pre_tokenizer")
    if [vocab[token] for token in ordered] != list(range(len(ordered))):
        raise _unlike(path, "vocab")
    return CharTokenizer(ordered)


def _vocab(path: Path, vocab: Any, added: Any) -> dict[str, int]:
    """Token to id, with those that were added."""
    if not isinstance(vocab, dict) or not vocab or not isinstance(added, list):
        raise _unlike(path, "vocab")
    together = dict(vocab)
    for entry in added:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise _unlike(path, "added_tokens")
        if together.setdefault(entry["content"], entry.get("id")) != entry.get("id"):
            raise _unlike(path, "added_tokens")
    if any(not isinstance(i, int) or isinstance(i, bool) for i in together.values()):
        raise _unlike(path, "vocab")
    return together


def _merges(path: Path, merges: Any) -> list[list[str]]:
    """Pairs; older files write a pair as one string with a space between."""
    if not isinstance(merges, list):
        raise _unlike(path, "merges")
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    for pair in pairs:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(p, str) for p in pair)
        ):
            raise _unlike(path, "merges")
    return pairs


def _unlike(path: Path, name: str) -> DataError:
    return DataError(
        N_("{path} is not a tokenizer that can be read here: its {name} is of another kind"),
        path=str(path),
        name=name,
    )
