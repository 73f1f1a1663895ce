"""GPT-2 folders that the transformers and tokenizers libraries make by themselves, as people bring them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from olaria.cli.main import main
from olaria.errors import DataError
from olaria.export.gpt2 import open_gpt2
from olaria.models.language import LanguageModel

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEXT = "a roda do oleiro gira — e o barro, 12 vezes, vira peça; não é mágica, it's clay 🏺!\n" * 8
END = "<|endoftext|>"
WEIGHTS = "model.safetensors"


def cut(folder: Path) -> Any:
    """A tokenizer of the library, saved as GPT-2's first one was: ``vocab.json`` and ``merges.txt``."""
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(
        [TEXT], vocab_size=300, min_frequency=1, special_tokens=[END], show_progress=False
    )
    trained.save_model(str(folder))
    assert {path.name for path in folder.iterdir()} == {"vocab.json", "merges.txt"}
    return trained


def model_of(num_rows: int, **others: Any) -> Any:
    settings = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 32, **others}
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=num_rows, **settings)
    return transformers.GPT2LMHeadModel(config).eval()


def compare(folder: Path, theirs: Any, trained: Any, atol: float = 1e-4) -> list[str]:
    """That tokens and logits are those of the libraries; gives the notes."""
    found = open_gpt2(folder)
    tokens = trained.encode(TEXT).ids
    assert found.tokenizer.encode(TEXT).tolist() == tokens
    ours = LanguageModel(found.config, found.tokenizer.vocab_size).eval()
    ours.load_state_dict(found.weights())
    ids = torch.tensor([tokens[:32]])
    with torch.no_grad():
        wanted = theirs(ids).logits[..., : found.tokenizer.vocab_size]
        torch.testing.assert_close(ours(ids), wanted, rtol=0, atol=atol)
    return [note.text("en") for note in found.notes]


def test_vocabulary_and_merges(tmp_path: Path) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size())
    theirs.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    assert compare(tmp_path, theirs, trained) == []


def test_the_slow_form_read_and_saved_by_the_library(tmp_path: Path) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size())
    (tmp_path / "new").mkdir()
    theirs.save_pretrained(tmp_path / "new")
    transformers.GPT2TokenizerFast.from_pretrained(tmp_path).save_pretrained(tmp_path / "new")
    assert compare(tmp_path / "new", theirs, trained) == []


@pytest.mark.parametrize("multiple", [64, 128])
def test_a_padded_vocabulary(tmp_path: Path, multiple: int) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size())
    theirs.resize_token_embeddings(trained.get_vocab_size(), pad_to_multiple_of=multiple)
    rows = theirs.config.vocab_size
    assert rows % multiple == 0
    theirs.save_pretrained(tmp_path)
    (note,) = compare(tmp_path, theirs, trained)
    unused = rows - trained.get_vocab_size()
    assert note.startswith(f"{unused} rows of the embedding") and note.endswith(
        "no token uses them"
    )


@pytest.mark.parametrize("with_head", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_tied_weights(tmp_path: Path, with_head: bool, dtype: torch.dtype) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size()).to(dtype)
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    assert "lm_head.weight" not in tensors
    if with_head:
        tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
        save_file(tensors, tmp_path / WEIGHTS)
    assert compare(tmp_path, theirs.float(), trained) == []


def test_weights_that_are_not_tied(tmp_path: Path) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size(), tie_word_embeddings=False)
    theirs.save_pretrained(tmp_path)
    with pytest.raises(DataError, match="its tie_word_embeddings is False"):
        open_gpt2(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    config["tie_word_embeddings"] = True  # what it says is no proof
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(DataError, match="its tie_word_embeddings is False"):
        open_gpt2(tmp_path).weights()


def test_several_files(tmp_path: Path) -> None:
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size())
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 1
    assert compare(tmp_path, theirs, trained) == []


def test_fewer_rows_than_tokens(tmp_path: Path) -> None:
    trained = cut(tmp_path)
    model_of(trained.get_vocab_size() - 7).save_pretrained(tmp_path)
    with pytest.raises(DataError, match="they are not of one model"):
        open_gpt2(tmp_path)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "pytorch_model-00001-of-00002.bin"]
)
def test_a_pickle_alone(tmp_path: Path, capsys: Any, name: str) -> None:
    """One line says what to do, and what it says does it."""
    trained = cut(tmp_path)
    theirs = model_of(trained.get_vocab_size())
    theirs.config.save_pretrained(tmp_path)
    torch.save(theirs.state_dict(), tmp_path / name)
    words = ["train", "gpt2-shakespeare", "--from", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{name} is not opened: a file of this kind can run" in error
    assert 'GPT2LMHeadModel.from_pretrained("old").save_pretrained("new")' in error
    assert not (tmp_path / "run").exists()


def test_what_the_message_says_works(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    trained = cut(old)
    theirs = model_of(trained.get_vocab_size())
    theirs.config.save_pretrained(old)
    torch.save(theirs.state_dict(), old / "pytorch_model.bin")
    transformers.GPT2LMHeadModel.from_pretrained(old).save_pretrained(new)
    with pytest.raises(DataError, match="AutoTokenizer") as error:
        open_gpt2(new)
    assert "\n" not in str(error.value)
    transformers.AutoTokenizer.from_pretrained(old).save_pretrained(new)
    assert compare(new, theirs, trained) == []


OTHERS: dict[str, Callable[[], Any]] = {
    "gpt_neo": lambda: transformers.GPTNeoConfig(num_layers=2, attention_types=[[["global"], 2]]),
    "llama": lambda: transformers.LlamaConfig(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_are_named(tmp_path: Path, name: str) -> None:
    cut(tmp_path)
    OTHERS[name]().save_pretrained(tmp_path)
    save_file({"x": torch.ones(1)}, tmp_path / WEIGHTS)
    with pytest.raises(DataError, match=f"its model_type is {name}"):
        open_gpt2(tmp_path)
