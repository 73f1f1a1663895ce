"""The parts of a set of texts: what is called test neither trains nor validates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from olaria.data import DataConfig, TextData, load
from olaria.errors import DataError


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def read(path: Path, **settings: Any) -> TextData:
    data = load(path, DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("Train.TXT", "Dev.TXT", "Test.TXT"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("ptb.train.txt", "ptb.val.txt", "ptb.test.txt"),
        ("texto-treino.md", "texto-validação.md", "texto-teste.md"),
        ("train/1.txt", "val/1.txt", "test/1.txt"),
        ("corpus/Treino/um.txt", "corpus/Validacao/dois.txt", "corpus/Teste/tres.txt"),
        ("train-00000-of-00001.txt", "validation-00000-of-00001.txt", "test-00000-of-00001.txt"),
    ],
)
def test_parts_by_their_names(tmp_path: Path, train: str, validation: str, test: str) -> None:
    texts = {train: "a roda gira\n" * 20, validation: "b barro\n" * 3, test: "z nunca\n" * 5}
    data = read(lay(tmp_path, texts))
    assert (data.train, data.validation) == (texts[train], texts[validation])
    assert (data.num_documents, "z" in data.text) == (2, False)
    notes = [note.text() for note in data.notes]
    assert (
        notes[0] == "parts by their names: documents that train 1, that validate 1 (24 characters)"
    )
    assert notes[1].startswith("the test part is set apart, 40 characters in documents: 1;")


def test_without_a_validation_part_it_is_cut_from_training(tmp_path: Path) -> None:
    data = read(lay(tmp_path, {"train.txt": "a" * 100, "test.txt": "z" * 50}))
    assert (data.train, data.validation) == ("a" * 90, "a" * 10)
    assert "tell no part to validate with" in data.notes[0].text()


def test_validation_alone_validates(tmp_path: Path) -> None:
    data = read(lay(tmp_path, {"x_train.txt": "a" * 100, "x_val.txt": "b" * 50}))
    assert (data.train, data.validation) == ("a" * 100, "b" * 50)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "json"])
def test_the_rows_of_each_part_stay_there(tmp_path: Path, suffix: str) -> None:
    def rows(*texts: str) -> str:
        if suffix == "csv":
            return "text\n" + "".join(f"{text}\n" for text in texts)
        return "".join(json.dumps({"text": text}) + "\n" for text in texts)

    parts = {"train": ("um", "dois", "sete"), "valid": ("três", "dois"), "test": ("sete", "oito")}
    lay(tmp_path, {f"{part}.{suffix}": rows(*texts) for part, texts in parts.items()})
    data = read(tmp_path)
    assert (data.train, data.validation) == ("um\ndois\nsete\n", "três\ndois\n")
    notes = [note.text() for note in data.notes]
    copies = "also in the training part, letter for letter"
    assert f"documents of the validation part {copies}: 1 of 2" in notes
    assert f"documents of the test part {copies}: 1 of 2" in notes


def test_parts_inside_folders_of_another_order(tmp_path: Path) -> None:
    names = [f"{kind}/{part}.txt" for kind in ("prosa", "verso") for part in ("test", "train")]
    data = read(lay(tmp_path, {name: f"{name} é o texto\n" * 9 for name in names}))
    assert "test" not in data.text


def test_files_beside_the_parts_are_left_out_and_named(tmp_path: Path) -> None:
    files = {"train.txt": "a" * 100, "test.txt": "z" * 50, "README.md": "sobre os dados"}
    data = read(lay(tmp_path, files))
    assert "sobre" not in data.text
    assert "files beside the parts that were left out: 1 (README.md)" in [
        note.text() for note in data.notes
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("test.txt", "capitulo.txt"),
        ("train.txt", "capitulo.txt"),
        ("valid.txt", "test.txt"),
        ("The last train.txt", "Driving test.txt"),
        ("trainer.txt", "tester.txt"),
        ("train.txt", "training.txt"),
    ],
)
def test_a_word_alone_makes_no_part(tmp_path: Path, names: tuple[str, ...]) -> None:
    data = read(lay(tmp_path, {name: f"{name}\n" * 9 for name in names}))
    assert data.num_documents == 2
    assert all(name in data.text for name in names)


@pytest.mark.parametrize(
    ("names", "is_said"),
    [
        (("dev.txt", "test.txt"), True),
        (("wiki.validação.txt", "wiki.teste.txt"), True),
        (("val/a.txt", "test/a.txt"), True),
        (("teste.txt", "outro.txt"), False),
        (("teste 1.txt", "teste 2.txt"), False),
        (("train.txt", "test.txt"), False),
    ],
)
def test_parts_without_one_to_train_on_are_noted(
    tmp_path: Path, names: tuple[str, ...], is_said: bool
) -> None:
    notes = read(lay(tmp_path, dict.fromkeys(names, "a roda gira\n" * 9))).notes
    found = [note for note in notes if "are learnt from as any texts are" in note.text("en")]
    assert bool(found) == is_said
    assert all(name in note.text("pt") for note in found for name in names)


@pytest.mark.parametrize("empty", ["train.txt", "valid.txt"])
def test_an_empty_part_is_named(tmp_path: Path, empty: str) -> None:
    texts = {"train.txt": "a" * 90, "valid.txt": "b" * 9} | {empty: "\n"}
    with pytest.raises(DataError, match=f"{empty} holds no text"):
        read(lay(tmp_path, texts))
