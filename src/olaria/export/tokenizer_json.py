"""Tokenizers as the ``tokenizers`` library's ``tokenizer.json``, which describes all of ours but words.

Byte-level BPE is what GPT-2 has. Bytes are the same without merges. Characters are a BPE that cuts nothing into
pieces, merges nothing and joins its tokens as they are. Older folders have the vocabulary and the merges of a
byte-level BPE in two files, ``vocab.json`` and ``merges.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from olaria.data.bpe import BPETokenizer, byte_letters, split_pieces
from olaria.data.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer
from olaria.errors import DataError
from olaria.export.strict_json import read_object, read_whole
from olaria.i18n import N_, Message, Setting

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
MOST_BYTES = 100_000_000
MOST_NAMED = 10
"""Tokens that a note names."""
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
# Of these, other values change nothing, or nothing where every byte is known; the last is looked at apart.
_FREE = ("unk_token", "fuse_unk", "ignore_merges")
_GPT2_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


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


# -- in --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Described:
    """What the files of a byte-pair tokenizer say.

    Args:
        path: of the file that errors name.
        vocab: token to id.
        added: the same of tokens that were added to it, such as GPT-2's end of text.
        merges: pairs of tokens.
        cut: into pieces; None where a text is one.
        join: of tokens to a text.
        whole_first: whether a piece that is a token is not merged but taken whole.
    """

    path: Path
    vocab: Mapping[str, int]
    added: Mapping[str, int]
    merges: Sequence[Sequence[str]]
    cut: Any
    join: Any
    whole_first: bool = False


def read_tokenizer(folder: Path, num_rows: int) -> tuple[Tokenizer, tuple[Message, ...]]:
    """The tokenizer of a folder: its ``tokenizer.json``, else its ``vocab.json`` and ``merges.txt``.

    Added tokens stand for their own letters, and no text becomes them. Those that the embedding has no row for, as
    the transformers library adds them when it saves, are left out.

    Args:
        folder: of a model.
        num_rows: of its embedding.

    Returns:
        The tokenizer, and notes for the reader.

    Raises:
        DataError: a file is missing or damaged, or of a kind that there is no equal of here; names what is unlike.
    """
    is_old = not (folder / TOKENIZER).is_file() and (folder / VOCABULARY).is_file()
    if not is_old and not (folder / TOKENIZER).is_file():
        raise DataError(
            N_("{path} is missing; the transformers library writes it: {command}"),
            path=str(folder / TOKENIZER),
            command='AutoTokenizer.from_pretrained("old").save_pretrained("new")',
        )
    described = _of_two_files(folder) if is_old else _of_one_file(folder / TOKENIZER)
    has_letters = described.cut is None
    if any(described.vocab.get(token, i) != i for token, i in described.added.items()):
        raise _unlike(described.path, "added_tokens")
    added = {t: i for t, i in described.added.items() if len(t) == 1 or not has_letters}
    vocab = _with_added(described.vocab, added, num_rows)
    left_out = [repr(token) for token in described.added if token not in vocab]
    notes = []
    if left_out:
        message = N_("added tokens in {path} are left out, since no text becomes them: {names}")
        rest = ["…"] if len(left_out) > MOST_NAMED else []
        names = ", ".join([*left_out[:MOST_NAMED], *rest])
        notes = [Message(message, {"path": str(described.path), "names": names})]
    make = _characters if has_letters else _byte_level
    return make(described, vocab), tuple(notes)


def _of_one_file(path: Path) -> _Described:
    content = read_object(path, MOST_BYTES)
    model = content.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise _unlike(path, "model")
    for name, usual in _PLAIN.items():
        value = model.get(name, usual)
        if value not in (usual, "", 0) and name not in _FREE:
            raise _unlike(path, name)
    if not _is_empty(content.get("normalizer"), "normalizers"):
        raise _unlike(path, "normalizer")
    if not _adds_nothing(content.get("post_processor")):
        raise _unlike(path, "post_processor")
    return _Described(
        path,
        _vocab(path, model.get("vocab")),
        _added(path, content.get("added_tokens") or []),
        _merges(path, model.get("merges")),
        content.get("pre_tokenizer"),
        content.get("decoder"),
        whole_first=bool(model.get("ignore_merges")),
    )


def _of_two_files(folder: Path) -> _Described:
    """The older form, which is byte-level BPE always; its settings lie in a third file, where there is one."""
    settings = folder / TOKENIZER_CONFIG
    if settings.is_file():
        values = read_object(settings, MOST_BYTES)
        for name in ("add_prefix_space", "add_bos_token"):
            if values.get(name):
                raise _unlike(settings, name)
    path = folder / MERGES
    try:
        text = read_whole(path, MOST_BYTES).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _unlike(path, "merges") from None
    lines = [line for line in text.split("\n") if line and not line.startswith("#version")]
    vocab = _vocab(folder / VOCABULARY, read_object(folder / VOCABULARY, MOST_BYTES))
    cut = {**_BYTE_LEVEL, "use_regex": True}
    return _Described(folder / VOCABULARY, vocab, {}, _merges(path, lines), cut, cut)


def _with_added(
    vocab: Mapping[str, int], added: Mapping[str, int], num_rows: int
) -> dict[str, int]:
    """The vocabulary with the added tokens that go on where it ends, as far as the embedding has rows."""
    together = {**vocab, **added}
    taken = set(together.values())
    size = next(i for i in range(len(taken) + 1) if i not in taken)
    return {t: i for t, i in together.items() if t in vocab or i < min(size, num_rows)}


def _byte_level(described: _Described, vocab: Mapping[str, int]) -> Tokenizer:
    if not _cuts_as_gpt2(described.cut):
        raise _unlike(described.path, "pre_tokenizer")
    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    if not described.merges and vocab == letters:
        return ByteTokenizer()
    tokenizer = BPETokenizer(vocab, described.merges)
    if described.whole_first and not _merges_to_all(tokenizer):
        raise _unlike(described.path, "ignore_merges")
    return tokenizer


def _merges_to_all(tokenizer: BPETokenizer) -> bool:
    """Whether the merges lead to every token that is a whole piece, so that ignoring them changes nothing."""
    for token in range(tokenizer.vocab_size):
        try:
            text = tokenizer.bytes_of([token]).decode("utf-8")
        except UnicodeDecodeError:
            continue  # a piece is whole characters
        if split_pieces(text) == [text] and tokenizer.encode(text).tolist() != [token]:
            return False
    return True


def _characters(described: _Described, vocab: Mapping[str, int]) -> CharTokenizer:
    join, path = described.join, described.path
    joins = isinstance(join, dict) and join.get("type") == "Fuse"
    ordered = sorted(vocab, key=vocab.__getitem__)
    if described.merges:
        raise _unlike(path, "pre_tokenizer")
    if not joins:
        raise _unlike(path, "decoder")
    if any(len(token) != 1 for token in ordered):
        raise _unlike(path, "vocab")
    if [vocab[token] for token in ordered] != list(range(len(ordered))):
        raise _unlike(path, "vocab")
    return CharTokenizer(ordered)


def _is_empty(step: Any, parts: str) -> bool:
    """Whether it is none, or a sequence of none."""
    if not isinstance(step, dict):
        return step is None
    return step.get("type") == "Sequence" and step.get(parts) == []


def _adds_nothing(after: Any) -> bool:
    """Whether a post-processor leaves the tokens of one text as they are."""
    if not isinstance(after, dict):
        return after is None
    kind = after.get("type")
    if kind == "Sequence" and isinstance(after.get("processors"), list):
        return all(map(_adds_nothing, after["processors"]))
    if kind == "TemplateProcessing" and isinstance(after.get("single"), list):
        pieces = after["single"]
        return len(pieces) == 1 and isinstance(pieces[0], dict) and "Sequence" in pieces[0]
    return kind == "ByteLevel"


def _cuts_as_gpt2(cut: Any) -> bool:
    """Whether a text is cut by GPT-2's pattern and written in bytes, in one step or in two."""
    if not isinstance(cut, dict):
        return False
    steps = cut.get("pretokenizers") if cut.get("type") == "Sequence" else [cut]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return False
    if not steps or steps[-1].get("type") != "ByteLevel":
        return False
    if steps[-1].get("add_prefix_space", True) is not False:
        return False
    by_pattern = steps[-1].get("use_regex", True)
    if len(steps) == 1:
        return by_pattern is True
    split = {"pattern": {"Regex": _GPT2_PIECES}, "behavior": "Isolated", "invert": False}
    return by_pattern is False and steps[:-1] == [{"type": "Split", **split}]


def _vocab(path: Path, vocab: Any) -> dict[str, int]:
    """Token to id."""
    if not isinstance(vocab, dict) or not vocab:
        raise _unlike(path, "vocab")
    if any(not isinstance(i, int) or isinstance(i, bool) for i in vocab.values()):
        raise _unlike(path, "vocab")
    return vocab


def _added(path: Path, added: Any) -> dict[str, int]:
    """The same of tokens that were added."""
    together: dict[str, int] = {}
    for entry in added if isinstance(added, list) else [None]:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise _unlike(path, "added_tokens")
        token, i = entry["content"], entry.get("id")
        if not token or not isinstance(i, int) or together.setdefault(token, i) != i:
            raise _unlike(path, "added_tokens")
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
