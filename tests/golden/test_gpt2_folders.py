"""GPT-2 folders as they lie about: padded, saved again, older, in several files, the other way round."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from olaria.data.bpe import BPETokenizer, byte_letters
from olaria.data.tokenizer import Kind, Tokenizer, fit_tokenizer
from olaria.errors import DataError, StorageError
from olaria.export.gpt2 import GPT2Folder, open_gpt2, write_gpt2
from olaria.families.language import LanguageConfig
from olaria.models.language import LanguageModel
from olaria.training.randomness import seeded

TEXT = "a roda do oleiro gira — e o barro, 12 vezes, vira peça; não é mágica, it's clay 🏺!\n" * 8
LAYERS, HEADS, WIDTH, CONTEXT = 2, 2, 16, 12
WEIGHTS = "model.safetensors"

Change = Callable[[dict[str, Any]], object]


def made(folder: Path, kind: Kind) -> tuple[LanguageModel, Tokenizer]:
    """A sound folder, and what it holds."""
    tokenizer: Tokenizer = fit_tokenizer(kind, TEXT, 300 if kind == "bpe" else None)
    form = LanguageConfig(context=CONTEXT, num_layers=LAYERS, num_heads=HEADS, width=WIDTH)
    with seeded(0, "weights"):
        model = LanguageModel(form, tokenizer.vocab_size)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    folder.mkdir(exist_ok=True)
    write_gpt2(model.eval(), tokenizer, folder)
    return model, tokenizer


def changed(folder: Path, name: str, change: Change) -> None:
    values = json.loads((folder / name).read_text("utf-8"))
    change(values)
    (folder / name).write_text(json.dumps(values, ensure_ascii=False), "utf-8")


def rewritten(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file({name: t.contiguous() for name, t in tensors.items()}, folder / WEIGHTS)


def check(found: GPT2Folder, model: LanguageModel, tokenizer: Tokenizer, atol: float = 0) -> None:
    """That a folder holds this model and this tokenizer."""
    assert found.tokenizer.kind == tokenizer.kind
    assert found.tokenizer.vocab_size == tokenizer.vocab_size
    assert found.tokenizer.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()
    assert found.config == model.config
    state = found.weights()
    assert state.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=atol)


def notes_of(found: GPT2Folder, language: str = "en") -> list[str]:
    return [note.text(language) for note in found.notes]


# -- rows that no token uses -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
@pytest.mark.parametrize("with_head", [False, True])
def test_rows_that_no_token_uses_are_left_out(tmp_path: Path, kind: Kind, with_head: bool) -> None:
    model, tokenizer = made(tmp_path, kind)

    def pad(tensors: dict[str, Tensor]) -> None:
        rows = tensors["transformer.wte.weight"]
        tensors["transformer.wte.weight"] = torch.cat((rows, torch.ones(64, WIDTH)))
        if with_head:
            tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()

    rewritten(tmp_path, pad)
    size = tokenizer.vocab_size + 64
    changed(tmp_path, "config.json", lambda config: config.update(vocab_size=size))
    found = open_gpt2(tmp_path)
    check(found, model, tokenizer)
    assert notes_of(found) == [
        f"64 rows of the embedding in {tmp_path} are left out: no token uses them"
    ]
    assert notes_of(found, "pt") != notes_of(found)


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_added_tokens_without_a_row_are_left_out(tmp_path: Path, kind: Kind) -> None:
    model, tokenizer = made(tmp_path, kind)
    entries = [
        {"id": tokenizer.vocab_size + i, "content": content, "special": True}
        for i, content in enumerate(["<|endoftext|>", "[PAD]"])
    ]
    changed(tmp_path, "tokenizer.json", lambda values: values.update(added_tokens=entries))
    found = open_gpt2(tmp_path)
    check(found, model, tokenizer)
    assert "'<|endoftext|>', '[PAD]'" in notes_of(found)[0]


def test_an_added_token_far_behind_the_others(tmp_path: Path) -> None:
    """At a row of its own, behind rows that no token uses."""
    model, tokenizer = made(tmp_path, "bpe")
    size = tokenizer.vocab_size
    rewritten(
        tmp_path,
        lambda t: t.update(
            {"transformer.wte.weight": torch.cat((t["transformer.wte.weight"], torch.ones(9, 16)))}
        ),
    )
    changed(tmp_path, "config.json", lambda config: config.update(vocab_size=size + 9))
    entry = {"id": size + 8, "content": "<|endoftext|>"}
    changed(tmp_path, "tokenizer.json", lambda values: values.update(added_tokens=[entry]))
    found = open_gpt2(tmp_path)
    check(found, model, tokenizer)
    assert len(found.notes) == 2


# -- tokenizers that do the same -------------------------------------------------------------------

ONLY_THE_TEXT = [{"Sequence": {"id": "A", "type_id": 0}}]
GPT2_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
IN_TWO_STEPS = {
    "type": "Sequence",
    "pretokenizers": [
        {
            "type": "Split",
            "pattern": {"Regex": GPT2_PIECES},
            "behavior": "Isolated",
            "invert": False,
        },
        {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": False,
        },
    ],
}


def in_one_sequence(values: dict[str, Any]) -> None:
    steps = [values["pre_tokenizer"]]
    values["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}


SAME: dict[str, Change] = {
    "template": lambda v: v.update(
        post_processor={
            "type": "TemplateProcessing",
            "single": ONLY_THE_TEXT,
            "pair": [*ONLY_THE_TEXT, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {},
        }
    ),
    "bytes after": lambda v: v.update(post_processor={"type": "ByteLevel", "trim_offsets": False}),
    "two after": lambda v: v.update(
        post_processor={
            "type": "Sequence",
            "processors": [
                {"type": "ByteLevel", "trim_offsets": True},
                {"type": "TemplateProcessing", "single": ONLY_THE_TEXT},
            ],
        }
    ),
    "no normalizers": lambda v: v.update(normalizer={"type": "Sequence", "normalizers": []}),
    "one step": in_one_sequence,
    "two steps": lambda v: v.update(pre_tokenizer=IN_TWO_STEPS),
    "merges as strings": lambda v: v["model"].update(
        merges=[" ".join(pair) for pair in v["model"]["merges"]]
    ),
    "whole pieces first": lambda v: v["model"].update(ignore_merges=True),
    "no dropout": lambda v: v["model"].update(dropout=0.0),
    "empty affixes": lambda v: v["model"].update(
        continuing_subword_prefix="", end_of_word_suffix="", unk_token="<unk>", fuse_unk=True
    ),
    "cut and filled up": lambda v: v.update(
        truncation={"max_length": 12, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": "BatchLongest", "pad_id": 0, "pad_token": "!"},
    ),
    "older than all this": lambda v: [
        v["model"].pop(name) for name in ("ignore_merges", "byte_fallback", "dropout")
    ],
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_tokenizers_that_do_the_same(tmp_path: Path, change: Change) -> None:
    model, tokenizer = made(tmp_path, "bpe")
    changed(tmp_path, "tokenizer.json", change)
    check(open_gpt2(tmp_path), model, tokenizer)


OTHER: dict[str, tuple[Change, str]] = {
    "a token before": (
        lambda v: v.update(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, *ONLY_THE_TEXT],
            }
        ),
        "post_processor",
    ),
    "one of two adds": (
        lambda v: v.update(
            post_processor={
                "type": "Sequence",
                "processors": [{"type": "ByteLevel"}, {"type": "RobertaProcessing"}],
            }
        ),
        "post_processor",
    ),
    "another pattern": (
        lambda v: v.update(
            pre_tokenizer=json.loads(json.dumps(IN_TWO_STEPS).replace("p{N}+", "p{N}{1,3}"))
        ),
        "pre_tokenizer",
    ),
    "a normalizer": (
        lambda v: v.update(normalizer={"type": "Sequence", "normalizers": [{"type": "NFKC"}]}),
        "normalizer",
    ),
    "a token that no merge leads to": (
        lambda v: v["model"].update(ignore_merges=True, merges=v["model"]["merges"][:-1]),
        "ignore_merges",
    ),
}


@pytest.mark.parametrize(("change", "name"), OTHER.values(), ids=OTHER.keys())
def test_tokenizers_that_do_not_are_named(tmp_path: Path, change: Change, name: str) -> None:
    made(tmp_path, "bpe")
    changed(tmp_path, "tokenizer.json", change)
    with pytest.raises(DataError, match=f"its {name} is of another kind"):
        open_gpt2(tmp_path)


LETTERS: dict[str, tuple[Change, str]] = {
    "no decoder": (lambda v: v.pop("decoder"), "decoder"),
    "a token of two letters": (lambda v: v["model"]["vocab"].update({"ab": 99}), "vocab"),
    "merges": (lambda v: v["model"].update(merges=["a b"]), "pre_tokenizer"),
}


@pytest.mark.parametrize(("change", "name"), LETTERS.values(), ids=LETTERS.keys())
def test_what_is_unlike_in_tokenizers_of_letters(tmp_path: Path, change: Change, name: str) -> None:
    made(tmp_path, "char")
    changed(tmp_path, "tokenizer.json", change)
    with pytest.raises(DataError, match=f"its {name} is of another kind"):
        open_gpt2(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", WEIGHTS])
def test_files_that_git_lfs_has_not_fetched(tmp_path: Path, name: str) -> None:
    made(tmp_path, "char")
    (tmp_path / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(StorageError, match=rf"{name} was not fetched, .* run git lfs pull"):
        open_gpt2(tmp_path)


# -- the older form --------------------------------------------------------------------------------


def as_two_files(folder: Path, tokenizer: Tokenizer, first: str = "#version: 0.2\n") -> None:
    """``vocab.json`` and ``merges.txt`` in place of ``tokenizer.json``."""
    (folder / "tokenizer.json").unlink()
    vocab = {letter: byte for byte, letter in enumerate(byte_letters())}
    merges: tuple[tuple[str, str], ...] = ()
    if isinstance(tokenizer, BPETokenizer):
        vocab = {token: i for i, token in enumerate(tokenizer.vocabulary)}
        merges = tokenizer.merges
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), "utf-8")
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "merges.txt").write_text(first + lines, "utf-8")


@pytest.mark.parametrize("kind", ["byte", "bpe"])
@pytest.mark.parametrize("first", ["#version: 0.2\n", "", "#version: 0.2 - by tokenizers\r\n"])
def test_vocabulary_and_merges_in_two_files(tmp_path: Path, kind: Kind, first: str) -> None:
    model, tokenizer = made(tmp_path, kind)
    as_two_files(tmp_path, tokenizer, first)
    check(open_gpt2(tmp_path), model, tokenizer)


def test_what_is_wrong_with_two_files(tmp_path: Path) -> None:
    _, tokenizer = made(tmp_path, "bpe")
    as_two_files(tmp_path, tokenizer)
    settings = tmp_path / "tokenizer_config.json"
    kept = settings.read_text("utf-8")
    settings.write_text('{"add_prefix_space": true}', "utf-8")
    with pytest.raises(DataError, match=r"tokenizer_config\.json .* its add_prefix_space is"):
        open_gpt2(tmp_path)
    settings.write_text(kept, "utf-8")
    merges = tmp_path / "merges.txt"
    for content in (b"#version: 0.2\na b c\n", b"\xff\xfe"):
        merges.write_bytes(content)
        with pytest.raises(DataError, match=r"merges\.txt .* its merges is of another kind"):
            open_gpt2(tmp_path)
    merges.unlink()
    with pytest.raises(DataError, match=r"merges\.txt is missing"):
        open_gpt2(tmp_path)
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json is missing; .*AutoTokenizer.*save"):
        open_gpt2(tmp_path)


# -- weights ---------------------------------------------------------------------------------------


def in_several_files(folder: Path) -> dict[str, str]:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(tensors)}
    for file in set(places.values()):
        save_file({name: t for name, t in tensors.items() if places[name] == file}, folder / file)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    return places


def test_weights_in_several_files(tmp_path: Path) -> None:
    model, tokenizer = made(tmp_path, "bpe")
    in_several_files(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
    check(open_gpt2(tmp_path), model, tokenizer)


@pytest.mark.parametrize(
    "map_", [{}, [], {"a": "../b.safetensors"}, {"a": "/etc/passwd"}, {"a": 1}]
)
def test_an_index_that_leads_elsewhere(tmp_path: Path, map_: Any) -> None:
    made(tmp_path, "bpe")
    in_several_files(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": map_}), "utf-8")
    with pytest.raises(DataError, match=r"does not name the files|1 is missing"):
        open_gpt2(tmp_path)


def test_a_file_of_several_that_is_missing_or_doubled(tmp_path: Path) -> None:
    made(tmp_path, "bpe")
    in_several_files(tmp_path)
    first, second = sorted(tmp_path.glob("model-*.safetensors"))
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match="has a tensor"):
        open_gpt2(tmp_path)
    second.write_bytes(kept)
    first.unlink()
    with pytest.raises(DataError, match=r"model-00001-of-00002\.safetensors is missing"):
        open_gpt2(tmp_path)


@pytest.mark.parametrize("prefix", ["", "transformer."])
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_prefixes_formats_masks_and_a_tied_head(
    tmp_path: Path, prefix: str, dtype: torch.dtype
) -> None:
    model, tokenizer = made(tmp_path, "bpe")

    def change(tensors: dict[str, Tensor]) -> None:
        old = {n.removeprefix("transformer."): t.to(dtype) for n, t in tensors.items()}
        tensors.clear()
        tensors.update({prefix + name: tensor for name, tensor in old.items()})
        tensors["lm_head.weight"] = old["wte.weight"].clone()
        tensors[f"{prefix}h.1.attn.bias"] = torch.ones(1, 1, CONTEXT, CONTEXT, dtype=torch.bool)
        tensors[f"{prefix}h.1.attn.masked_bias"] = torch.tensor(-1e4)

    rewritten(tmp_path, change)
    check(
        open_gpt2(tmp_path),
        model,
        tokenizer,
        atol=1e-2 if dtype in (torch.float16, torch.bfloat16) else 0,
    )


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_linear_weights_are_refused_as_a_whole(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "bpe")

    def turn(tensors: dict[str, Tensor]) -> None:
        turned = {
            prefix + name.removeprefix("transformer."): t.T if ".c_" in name and t.ndim == 2 else t
            for name, t in tensors.items()
        }
        tensors.clear()
        tensors.update(turned)

    rewritten(tmp_path, turn)
    monkeypatch.setattr(torch.Tensor, "float", lambda _: pytest.fail("a number was read"))
    with pytest.raises(
        DataError, match=rf"^{prefix}h\.0\.attn\.c_attn\.weight in .* is 48×16 .* 16×48: .*Linear"
    ):
        open_gpt2(tmp_path)


# -- by the transformers library -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
@pytest.mark.parametrize("own_class", [False, True])
def test_what_transformers_saves_again(tmp_path: Path, kind: Kind, own_class: bool) -> None:
    """Read and saved by the library, of our export as it is and of one that does not name its tokenizer's class."""
    transformers = pytest.importorskip("transformers")
    model, tokenizer = made(tmp_path / "ours", kind)
    if not own_class:
        (tmp_path / "ours" / "tokenizer_config.json").unlink()
        if kind == "char":
            pytest.skip("the library takes it for GPT-2's own tokenizer, and that cuts bytes")
    theirs = tmp_path / "theirs"
    transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "ours").save_pretrained(theirs)
    transformers.AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(theirs)
    assert (theirs / "generation_config.json").is_file()
    check(open_gpt2(theirs), model, tokenizer)
    again = tmp_path / "again"
    again.mkdir()
    found = open_gpt2(theirs)
    copy = LanguageModel(found.config, found.tokenizer.vocab_size)
    copy.load_state_dict(found.weights())
    write_gpt2(copy, found.tokenizer, again)
    other, loading = transformers.GPT2LMHeadModel.from_pretrained(again, output_loading_info=True)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert other.config.vocab_size == tokenizer.vocab_size
