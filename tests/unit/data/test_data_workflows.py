"""The use cases of the data command, on a small data set of the tests' own."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
import torch

from olaria.data import DATASETS, sources
from olaria.data.statistics import entropies
from olaria.errors import SourceError, UsageError
from olaria.recipes import preset as find_preset
from olaria.recipes.language import recommended
from olaria.workflows import data as workflow
from olaria.workflows import data_folders as folders

CONTENT = b"to be or not to be, that is the question\n" * 20


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror that holds a short tiny-shakespeare, whose hash is made the expected one."""
    known = DATASETS["tiny-shakespeare"]
    file = replace(
        known.files[0],
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        addresses=(),
    )
    monkeypatch.setitem(DATASETS, known.name, replace(known, files=(file,)))
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OLARIA_MIRROR", str(tmp_path / "stick"))
    (tmp_path / "stick" / known.name).mkdir(parents=True)
    (tmp_path / "stick" / known.name / "input.txt").write_bytes(CONTENT)
    return tmp_path / "stick"


def entry() -> dict[str, object]:
    rows = workflow.list_datasets()["data_sets"]
    return next(row for row in rows if row["name"] == "tiny-shakespeare")


def test_get_verify_mirror_and_clean(stick: Path, tmp_path: Path) -> None:
    assert entry()["ready"] is False
    got = workflow.get("tiny-shakespeare")
    assert (got["source"], got["kind"]) == ("mirror", "text")
    assert entry()["ready"] is True
    assert workflow.get("tiny-shakespeare")["source"] == "cache"
    (file,) = folders.where("tiny-shakespeare")["files"]
    assert file["present"] is True

    made = folders.mirror(tmp_path / "second")
    assert (tmp_path / "second" / "tiny-shakespeare" / "input.txt").read_bytes() == CONTENT
    assert "mnist" in made["left_out"]

    assert workflow.verify()["ok"] is True
    Path(file["path"]).write_bytes(b"damaged")
    assert workflow.verify("tiny-shakespeare")["files"][0]["state"] == "wrong"
    assert workflow.verify()["ok"] is False

    stranger = Path(file["path"]).with_name("notes.txt")
    stranger.write_text("mine")
    ended = [stranger.with_name(f".input.txt.abc.{end}") for end in ("tmp", "partial")]
    for left in ended:
        left.write_bytes(b"half")
    listed = folders.clean()
    assert listed["deleted"] is False
    assert Path(file["path"]).exists()
    assert folders.clean(confirmed=True)["size_bytes"] == listed["size_bytes"] > 0
    assert not Path(file["path"]).exists()
    assert stranger.read_text() == "mine" and not any(map(Path.exists, ended))
    for result in (got, made, listed, folders.where(), workflow.list_datasets()):
        json.dumps(result)


def test_clean_deletes_nothing_behind_a_link(stick: Path, tmp_path: Path) -> None:
    workflow.get("tiny-shakespeare")
    (file,) = folders.where("tiny-shakespeare")["files"]
    cached, elsewhere = Path(file["path"]), tmp_path / "large disk"
    cached.parent.rename(elsewhere)
    cached.parent.symlink_to(elsewhere)
    assert workflow.verify()["ok"] is True, "it is read there"
    assert [one for one in folders.clean(confirmed=True)["files"] if "input" in one["path"]] == []
    assert (elsewhere / cached.name).read_bytes() == CONTENT and cached.parent.is_symlink()
    cached.parent.unlink()
    cached.parent.mkdir()
    cached.symlink_to(elsewhere / cached.name)
    folders.clean(confirmed=True)
    assert not cached.is_symlink() and (elsewhere / cached.name).read_bytes() == CONTENT


def test_mirror_gzips_as_published(stick: Path) -> None:
    file = DATASETS["mnist"].files[0]
    first, second = (folders._published(file, b"abc" * 100) for _ in range(2))
    assert first == second
    assert sources._decoded(file, first, "x") == b"abc" * 100


def test_stats_of_text_and_images(stick: Path) -> None:
    text = workflow.stats("tiny-shakespeare")
    assert text["num_chars"] == {"train": 738, "validation": 82}
    assert text["alphabet_size"] == len(set(CONTENT.decode()))
    toy = workflow.stats("toy-language")
    bigram_nats = toy["bigram_entropy_bits_per_char"] * math.log(2)
    assert toy["known_entropy_nats_per_char"] < bigram_nats
    digits = workflow.stats("digits")
    assert digits["shape"] == [1, 8, 8]
    assert sum(digits["images_per_class"]["test"]) == digits["num_images"]["test"]
    json.dumps([text, toy, digits])


def test_entropies_by_hand() -> None:
    bit = math.log(2)
    assert entropies("aabb").unigram_nats == pytest.approx(bit)
    assert entropies("aaab").unigram_nats == pytest.approx((0.75 * math.log2(4 / 3) + 0.5) * bit)
    # pairs aa, ab, bb: after a come a and b equally often, after b always b
    assert entropies("aabb").bigram_nats == pytest.approx(2 / 3 * bit)
    assert entropies("a").bigram_nats == 0


def test_counted_entropies_are_too_low_by_about_the_bias() -> None:
    # Independent letters: both entropies are log 8. 600 texts give the mean to 0.001 nats.
    draws = torch.randint(8, (600, 200), generator=torch.Generator().manual_seed(0)) + ord("a")
    found = [entropies(bytes(row).decode()) for row in draws.to(torch.uint8).tolist()]
    for name, tolerance in (("unigram", 0.003), ("bigram", 0.02)):
        shortfall = math.log(8) - fmean(getattr(one, f"{name}_nats") for one in found)
        bias = fmean(getattr(one, f"{name}_bias_nats") for one in found)
        assert shortfall == pytest.approx(bias, abs=tolerance)
        assert shortfall > 5 * tolerance


def test_stats_of_a_text_with_each_tokenizer(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a ação, a reação, a nação.\n" * 100, "utf-8")
    found = {
        kind: workflow.stats(str(file), tokenizer=kind) for kind in ("char", "byte", "word", "bpe")
    }
    text = file.read_text("utf-8")
    num_tokens = {kind: sum(one["tokenizer"]["num_tokens"].values()) for kind, one in found.items()}
    assert (num_tokens["char"], num_tokens["byte"]) == (len(text), len(text.encode()))
    assert max(num_tokens["word"], num_tokens["bpe"]) < len(text) / 2
    assert found["word"]["tokenizer"]["num_spelt_validation_words"] < 5
    assert found["char"]["num_documents"] == 1
    assert found["char"]["unigram_entropy_bits_per_char"] == pytest.approx(
        found["char"]["unigram_entropy_nats_per_char"] / math.log(2)
    )
    assert found["char"]["recommended"]["preset"] == "bigram-shakespeare"
    found_300 = workflow.stats(str(file), tokenizer="bpe", vocab_size=300)
    assert found_300["tokenizer"]["vocab_size"] < 300
    json.dumps(found)


@pytest.mark.parametrize(
    ("num_chars", "preset"),
    [(500, "bigram-shakespeare"), (50_000, "gpt-shakespeare"), (10_000_000, "gpt-shakespeare")],
)
def test_recommended_presets_exist_at_their_size(num_chars: int, preset: str) -> None:
    name, advice = recommended(num_chars)
    assert name == preset
    assert find_preset(name, advice.size).training.budget is not None


def test_unknown_name_and_absent_data(stick: Path) -> None:
    for use in (workflow.get, folders.where, workflow.verify, folders.clean):
        with pytest.raises(UsageError, match="did you mean mnist"):
            use("mnits")
    with pytest.raises(SourceError, match="fashion-mnist"):
        workflow.get("fashion-mnist", offline=True)
