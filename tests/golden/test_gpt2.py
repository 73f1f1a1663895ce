"""GPT-2 folders against the transformers library: the same logits, the same tokens, both ways; and hostile files."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from olaria.data.tokenizer import Kind, Tokenizer, fit_tokenizer
from olaria.errors import DataError
from olaria.export.gpt2 import GPT2Folder, is_gpt2_folder, open_gpt2, write_gpt2
from olaria.families.language import LanguageConfig
from olaria.models.language import LanguageModel
from olaria.training.randomness import generator, seeded

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEXT = "a roda do oleiro gira — e o barro, 12 vezes, vira peça; não é mágica, it's clay 🏺!\n" * 8
SHAPES = [(1, 1, 8, 4), (2, 2, 16, 12), (3, 4, 32, 33)]
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))


def tokens_of(vocab_size: int, length: int) -> Tensor:
    return torch.randint(0, vocab_size, (3, length), generator=generator(0, "tokens"))


def made(shape: tuple[int, int, int, int], vocab_size: int) -> LanguageModel:
    """Random weights that matter, norms and biases too."""
    layers, heads, width, context = shape
    config = LanguageConfig(context=context, num_layers=layers, num_heads=heads, width=width)
    with seeded(0, "weights"):
        model = LanguageModel(config, vocab_size)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    return model.eval()


def theirs(shape: tuple[int, int, int, int], vocab_size: int) -> Any:
    layers, heads, width, context = shape
    config = transformers.GPT2Config(
        vocab_size=vocab_size,
        n_positions=context,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        bos_token_id=None,
        eos_token_id=None,
    )
    with seeded(1, "weights"):
        model = transformers.GPT2LMHeadModel(config)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    return model.eval()


@torch.no_grad()
def check(ours: LanguageModel, other: Any, context: int, vocab_size: int) -> None:
    tokens = tokens_of(vocab_size, context)
    expected = other(tokens).logits
    assert expected.abs().max() > 1, "the logits say something"
    torch.testing.assert_close(ours(tokens), expected, rtol=0, atol=1e-4)


# -- both ways -------------------------------------------------------------------------------------


@by_shape
def test_what_is_written_is_theirs(shape: tuple[int, int, int, int], tmp_path: Path) -> None:
    tokenizer = fit_tokenizer("char", TEXT)
    model = made(shape, tokenizer.vocab_size)
    write_gpt2(model, tokenizer, tmp_path)
    other, told = transformers.GPT2LMHeadModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    check(model, other.eval(), shape[3], tokenizer.vocab_size)


@by_shape
def test_what_they_write_is_read(shape: tuple[int, int, int, int], tmp_path: Path) -> None:
    tokenizer = fit_tokenizer("byte", TEXT)
    other = theirs(shape, tokenizer.vocab_size)
    write_gpt2(made(shape, tokenizer.vocab_size), tokenizer, tmp_path)  # for tokenizer.json
    other.save_pretrained(tmp_path)
    found = open_gpt2(tmp_path)
    model = LanguageModel(found.config, found.tokenizer.vocab_size)
    model.load_state_dict(found.weights())
    check(model.eval(), other, shape[3], tokenizer.vocab_size)


def test_there_and_back_is_the_same_model(tmp_path: Path) -> None:
    tokenizer = fit_tokenizer("bpe", TEXT, 300)
    model = made(SHAPES[1], tokenizer.vocab_size)
    write_gpt2(model, tokenizer, tmp_path)
    found = open_gpt2(tmp_path)
    assert found.config == model.config
    state = found.weights()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_the_tokenizer_is_theirs_and_comes_back(kind: Kind, tmp_path: Path) -> None:
    tokenizer: Tokenizer = fit_tokenizer(kind, TEXT, 300 if kind == "bpe" else None)
    write_gpt2(made(SHAPES[0], tokenizer.vocab_size), tokenizer, tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    auto = transformers.AutoTokenizer.from_pretrained(tmp_path)
    lines = [TEXT, "  12\n\n\tpeça", "it's not"] + (["日本 🏺 ñ"] if kind != "char" else [])
    for text in lines:
        if kind == "char":
            text = "".join(c for c in text if c in TEXT)
        ids = tokenizer.encode(text).tolist()
        assert other.encode(text).ids == ids
        assert auto(text)["input_ids"] == ids
        assert other.decode(ids) == auto.decode(ids) == text
    again = open_gpt2(tmp_path).tokenizer
    assert again.kind == kind
    assert again.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()


def test_words_have_no_such_form(tmp_path: Path) -> None:
    tokenizer = fit_tokenizer("word", TEXT)
    with pytest.raises(DataError, match="kind word has no form in"):
        write_gpt2(made(SHAPES[0], tokenizer.vocab_size), tokenizer, tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- what comes from elsewhere ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound one."""
    tokenizer = fit_tokenizer("bpe", TEXT, 280)
    write_gpt2(made(SHAPES[1], tokenizer.vocab_size), tokenizer, tmp_path)
    return tmp_path


def opened(folder: Path) -> GPT2Folder:
    """The whole of it, weights too."""
    found = open_gpt2(folder)
    found.weights()
    return found


def changed(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / name
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_an_older_folder(folder: Path) -> None:
    """Names without their prefix, masks among the tensors, half precision, merges as strings, an added token."""
    path = folder / "model.safetensors"
    before = opened(folder).weights()
    tensors = {name.removeprefix("transformer."): t for name, t in load_file(path).items()}
    half = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    half["h.0.attn.bias"] = torch.ones(1, 1, 12, 12).half()
    half["wte.weight"] = torch.cat((half["wte.weight"], torch.zeros(1, 16).half()))
    save_file(half, path)

    def older(values: dict[str, Any]) -> None:
        model = values["model"]
        model["merges"] = [" ".join(pair) for pair in model["merges"]]
        values["added_tokens"] = [{"id": len(model["vocab"]), "content": "<|endoftext|>"}]

    changed(folder, "tokenizer.json", older)
    changed(folder, "config.json", lambda c: c.update(vocab_size=c["vocab_size"] + 1))
    found = opened(folder)
    for name, value in found.weights().items():
        expected = before[name]
        assert value.dtype == torch.float32
        torch.testing.assert_close(value[: len(expected)], expected, rtol=2e-3, atol=2e-3)
    assert found.tokenizer.decode([found.tokenizer.vocab_size - 1]) == "<|endoftext|>"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("model_type", "llama", "its model_type is llama"),
        ("activation_function", "relu", "its activation_function is relu"),
        ("layer_norm_epsilon", 1e-6, "its layer_norm_epsilon is"),
        ("tie_word_embeddings", False, "its tie_word_embeddings is False"),
        ("scale_attn_by_inverse_layer_idx", True, "inverse_layer_idx is True"),
        ("n_inner", 48, "its n_inner is 48"),
        ("n_head", 3, "multiple of the number of heads"),
        ("n_head", 0, "at least 1"),
        ("n_embd", "16", "n_embd in .* cannot be"),
        ("n_layer", True, "n_layer in .* cannot be true"),
        ("n_layer", 10**9, "its n_layer is 1000000000"),
        ("n_positions", 10**6, "its n_positions is"),
        ("n_layer", 3, r"lacks the tensor h\.2\."),
        ("n_layer", 1, r"tensor transformer\.h\.1\..* has not"),
        ("n_positions", 13, "of shape 12×16; it must be .* of shape 13×16"),
        ("n_embd", 32, "of shape"),
        ("vocab_size", 281, "of shape 280×16; it must be .* of shape 281×16"),
        ("vocab_size", 279, "280 tokens and the model 279"),
    ],
)
def test_settings_that_are_not_those_of_the_file(
    folder: Path, name: str, value: Any, message: str
) -> None:
    changed(folder, "config.json", lambda config: config.update({name: value}))
    with pytest.raises(DataError, match=message):
        open_gpt2(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b'{"n_layer": NaN}', b"\xff{}", b"[" * 100_000],
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_json_that_is_none(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match="not a sound JSON object"):
        open_gpt2(folder)


def test_json_that_is_too_large(folder: Path) -> None:
    (folder / "config.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(DataError, match="1000001 bytes"):
        open_gpt2(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        open_gpt2(folder)


class Bait:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_d4_a_pickle_is_not_opened(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Bait(tmp_path / "ran")))
    assert is_gpt2_folder(folder)
    expected = (
        r"can run programs; .*save_pretrained"
        if name.endswith("bin")
        else "not a sound safetensors"
    )
    with pytest.raises(DataError, match=expected):
        opened(folder)
    assert not (tmp_path / "ran").exists()


def test_d1_damaged_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for broken in (content[:-5], content[:100], b"", (2**62).to_bytes(8, "little") + content[8:]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="not a sound safetensors"):
            opened(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update({"transformer.h.0.ln_1.bias": torch.ones(16).int()}), "is I32"),
        (lambda t: t.update({"transformer.extra": torch.ones(1)}), "tensor transformer.extra"),
        (lambda t: t["transformer.wpe.weight"].fill_(float("nan")), "not finite"),
        (lambda t: t.update({"lm_head.weight": torch.ones(280, 16)}), "tie_word_embeddings"),
    ],
)
def test_tensors_that_do_not_fit(folder: Path, change: Any, message: str) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(DataError, match=message):
        opened(folder)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda t: t.update(normalizer={"type": "Lowercase"}), "normalizer"),
        (lambda t: t.update(pre_tokenizer={"type": "Whitespace"}), "pre_tokenizer"),
        (lambda t: t["pre_tokenizer"].update(add_prefix_space=True), "pre_tokenizer"),
        (lambda t: t.update(post_processor={"type": "TemplateProcessing"}), "post_processor"),
        (lambda t: t["model"].update(type="Unigram"), "model"),
        (lambda t: t["model"].update(dropout=0.1), "dropout"),
        (lambda t: t["model"].update(byte_fallback=True), "byte_fallback"),
        (lambda t: t["model"].update(vocab={"a": "b"}), "vocab"),
        (lambda t: t["model"].update(merges=["a b c"]), "merges"),
        (lambda t: t.update(added_tokens=[{"id": 7}]), "added_tokens"),
        (lambda t: t.update(pre_tokenizer=None), "pre_tokenizer"),
    ],
)
def test_other_tokenizers(folder: Path, change: Any, name: str) -> None:
    changed(folder, "tokenizer.json", change)
    with pytest.raises(DataError, match=f"its {name} is of another kind"):
        open_gpt2(folder)
