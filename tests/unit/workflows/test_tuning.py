"""Begin from another run: what is carried over, what grows, what stands alone afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from olaria.cli.main import main
from olaria.data.tokenizer import fit_tokenizer
from olaria.errors import MissingError, OlariaError, RunError, UsageError
from olaria.families.language import LanguageConfig
from olaria.i18n import Message
from olaria.models.language import LanguageModel
from olaria.runs import Run
from olaria.runs.tuning import extended
from olaria.training.events import Answer, Event, Stepped, Stop
from olaria.training.inheritance import grow, model_sha256
from olaria.training.interruption import INTERRUPTED
from olaria.training.randomness import seeded
from olaria.workflows.export import export_huggingface
from olaria.workflows.running import replay, resume, train_recipe
from olaria.workflows.train import TrainRequest, train

pytestmark = pytest.mark.usefixtures("seldom")

BASE = "the potter turns the wheel and the clay turns into a bowl\n" * 40
NEW = "a oleira gira a roda e o barro vira vaso; não é mágica\n" * 40
KNOWN = "the wheel into the bowl and the potter turns the clay\n" * 40
SETTINGS = ("training.precision=float32", "training.compile=off", "training.ema=0.9")
LORA = {"lora_rank": 2, "lora_targets": ["qkv", "feed_out"], "lora_alpha": 4.0}
every_kind = pytest.mark.parametrize("preset", ["gpt-shakespeare", "gpt2-shakespeare"])
every_way = pytest.mark.parametrize("lora", [{}, LORA], ids=["whole", "lora"])


class Texts:
    """Texts and base runs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("base", BASE), ("new", NEW), ("known", KNOWN)):
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")

    def path(self, data: str) -> Path:
        return self.folder / f"{data}.txt"

    def train(self, out: str, preset: str, data: str, **options: Any) -> Run:
        options = {"steps": 6, **options}
        settings = (*SETTINGS, *options.pop("settings", ()))
        return train(
            preset, data=self.path(data), settings=settings, out=self.folder / out, **options
        )

    def untrained(self, out: str, preset: str, data: str, **options: Any) -> Run:
        """A run of no step, which the shell does not offer."""
        request = TrainRequest.of(preset=preset, data=self.path(data), settings=SETTINGS, **options)
        return train_recipe(request.recipe().ending(0, None), self.folder / out)

    def base(self, preset: str, tokenizer: str = "char") -> Run:
        name = f"base-{preset}-{tokenizer}"
        if (self.folder / name).exists():
            return Run(self.folder / name)
        return self.train(name, preset, "base", size="tiny", tokenizer=tokenizer)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return Texts(tmp_path_factory.mktemp("tuning"))


@pytest.fixture
def out(request: pytest.FixtureRequest) -> str:
    """A free name for a run."""
    return str(request.node.name).replace("/", "-")


def logits(run: Run, which: str | int | None = None, *, ema: bool = False) -> Tensor:
    model: Any = run.model(which, ema=ema)
    tokens = torch.arange(60).remainder(15).view(2, 30)
    found: Tensor = model(tokens)
    return found


# -- what is carried over --------------------------------------------------------------------------


@every_kind
@every_way
def test_it_begins_as_the_base(texts: Texts, out: str, preset: str, lora: dict[str, Any]) -> None:
    base = texts.base(preset)
    run = texts.untrained(out, preset, "known", start=base.path, **lora)
    assert run.recipe.model == base.recipe.model and run.recipe.size == "tiny"
    assert run.tokenizer().to_json() == base.tokenizer().to_json()
    torch.testing.assert_close(logits(run), logits(base, ema=True), rtol=0, atol=1e-6)


@every_kind
@every_way
def test_the_alphabet_grows_at_its_end(
    texts: Texts, out: str, preset: str, lora: dict[str, Any]
) -> None:
    base = texts.base(preset)
    run = texts.train(out, preset, "new", start=base.path, **lora)
    old, new = base.tokenizer().to_json()["alphabet"], run.tokenizer().to_json()["alphabet"]
    assert new[: len(old)] == old
    assert new[len(old) :] == sorted(set(NEW) - set(old)) != []
    assert run.dimensions() == len(new)
    told = run.provenance["base"]
    assert told["name"] == base.name and told["checkpoint"] == base.checkpoint()[0]
    assert told["vocab_size"] == len(old)
    assert told["model_sha256"] == model_sha256(base.model().state_dict())
    grown = {"gpt-shakespeare": "head.weight", "gpt2-shakespeare": "embedding.weight"}[preset]
    assert grown in told["grown"]
    # The new rows are learnt, with adapters too.
    before = grow(base.model().state_dict()[grown], run.model().state_dict()[grown].shape)
    after = run.model(ema=False).state_dict()[grown]
    assert not torch.allclose(after[len(old) :], before[len(old) :])
    notes = [e for e in run.folder.lines("events.jsonl") if "never saw" in json.dumps(e)]
    assert len(notes) == 1 and "'ã' (U+00E3" in json.dumps(notes[0], ensure_ascii=False)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_other_tokenizers(texts: Texts, out: str, tokenizer: str) -> None:
    base = texts.base("gpt-shakespeare", tokenizer)
    run = texts.train(out, "gpt-shakespeare", "new", start=base.path)
    added = run.tokenizer().vocab_size - base.tokenizer().vocab_size
    assert added == (len(set(NEW) - set(BASE)) if tokenizer == "word" else 0)
    assert run.recipe.data.tokenizer == tokenizer
    assert run.tokenizer().decode(run.tokenizer().encode(NEW)) == NEW


def test_unseen_characters_may_be_skipped_instead(texts: Texts, out: str) -> None:
    base = texts.base("gpt-shakespeare")
    run = texts.train(out, "gpt-shakespeare", "new", start=base.path, unseen="skip")
    assert run.dimensions() == base.dimensions()


@every_kind
def test_adapters_alone_are_trained_and_merged_when_opened(
    texts: Texts, out: str, preset: str
) -> None:
    base = texts.base(preset)
    run = texts.train(out, preset, "known", start=base.path, **LORA)
    width, layers = run.recipe.model.width, run.recipe.model.num_layers  # type: ignore[union-attr]
    assert run.result["num_parameters"] == layers * 2 * (4 * width + 5 * width)
    before, after = base.model().state_dict(), run.model(ema=False).state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in changed} == {"qkv", "feed_out"}
    assert all(name.endswith("weight") for name in changed)


# -- a run of its own ------------------------------------------------------------------------------


@every_way
def test_it_opens_goes_on_and_is_evaluated_when_the_base_is_gone(
    texts: Texts, out: str, tmp_path: Path, lora: dict[str, Any]
) -> None:
    def at_three(event: Event) -> Answer:
        stops = isinstance(event, Stepped) and event.step == 3 and stopping
        return Stop(Message(INTERRUPTED)) if stops else None

    base = texts.base("gpt-shakespeare")
    moved = tmp_path / "base"
    shutil.copytree(base.path, moved)
    tuning = {"start": moved, **lora}
    stopping = False
    straight = texts.train(out + "-straight", "gpt-shakespeare", "new", **tuning)
    stopping = True
    stopped = texts.train(out, "gpt-shakespeare", "new", **tuning, listeners=[at_three])
    stopped.folder.status("stopped", 3)
    shutil.rmtree(moved)
    again = resume(stopped.path)
    assert again.state == "done" and again.result["steps"] == 6
    assert torch.equal(logits(again, "last", ema=True), logits(straight, "last", ema=True))
    text = "".join(sampled(again))
    assert len(text) == 20
    with pytest.raises(MissingError, match="was tuned from base, which is not at"):
        replay(again.path)


def sampled(run: Run) -> Any:
    from olaria.kinds.text import one
    from olaria.sampling.autoregressive import SamplingConfig

    return one(run, "o b", SamplingConfig(max_tokens=20))


def test_a_repetition_is_the_same_and_needs_the_same_base(
    texts: Texts, out: str, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(texts.base("gpt-shakespeare").path, base)
    run = texts.train(out, "gpt-shakespeare", "new", start=base, **LORA)
    again = replay(run.path, out=texts.folder / f"{out}-again")
    assert torch.equal(logits(again), logits(run))
    (base / "checkpoints" / "best.json").unlink()
    shutil.rmtree(next((base / "checkpoints").glob("step-000006")))
    with pytest.raises(OlariaError):
        replay(run.path, out=texts.folder / f"{out}-third")


def test_a_tuned_run_is_a_base_too(texts: Texts, out: str) -> None:
    base = texts.base("gpt-shakespeare")
    first = texts.train(out, "gpt-shakespeare", "new", start=base.path, **LORA)
    second = texts.train(out + "-2", "gpt-shakespeare", "base", start=first.path, **LORA)
    assert second.dimensions() == first.dimensions()
    assert second.provenance["base"]["grown"] == []


# -- GPT-2 folders ---------------------------------------------------------------------------------


def test_a_gpt2_folder_in_and_out(texts: Texts, out: str, tmp_path: Path) -> None:
    base = texts.base("gpt2-shakespeare", "bpe")
    folder = export_huggingface(base, tmp_path / "gpt2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpt2"]
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        "README.md",
    }
    run = texts.untrained(out, "gpt2-shakespeare", "new", start=folder)
    torch.testing.assert_close(logits(run, ema=False), logits(base, ema=True))
    assert run.provenance["base"]["name"] == "gpt2"
    assert run.provenance["base"]["checkpoint"] is None
    assert run.recipe.data.tokenizer == "bpe"


@every_way
def test_a_padded_gpt2_folder_trains_and_comes_back_without_its_padding(
    texts: Texts, out: str, tmp_path: Path, lora: dict[str, Any]
) -> None:
    base = texts.base("gpt2-shakespeare", "bpe")
    folder = export_huggingface(base, tmp_path / "padded")
    tensors, config = load_file(folder / "model.safetensors"), folder / "config.json"
    rows = tensors["transformer.wte.weight"]
    tensors["transformer.wte.weight"] = torch.cat((rows, torch.ones(64, rows.shape[1])))
    save_file(tensors, folder / "model.safetensors")
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "vocab_size": len(rows) + 64}))
    run = texts.train(out, "gpt2-shakespeare", "new", start=folder, steps=2, **lora)
    events = (run.path / "events.jsonl").read_text("utf-8").splitlines()
    notes = [json.loads(line)["message"] for line in events if "no token uses" in line]
    assert [Message.from_json(note).fields["count"] for note in notes] == [64]
    replay(run.path, out=tmp_path / "again")  # the base is what it was
    back = export_huggingface(run, tmp_path / "back")
    assert json.loads((back / "config.json").read_text()) == values
    assert len(load_file(back / "model.safetensors")["transformer.wte.weight"]) == len(rows)


def test_nothing_is_written_over(texts: Texts, tmp_path: Path) -> None:
    base = texts.base("gpt2-shakespeare")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("taken", "file"):
        with pytest.raises(OlariaError, match="already exists and is not empty"):
            export_huggingface(base, tmp_path / name)
    (tmp_path / "empty").mkdir()
    assert (export_huggingface(base, tmp_path / "empty") / "config.json").is_file()


def test_what_is_no_gpt2_is_exported_as_plain_pytorch(texts: Texts, tmp_path: Path) -> None:
    for preset in ("gpt-shakespeare", "norm-shakespeare"):
        folder = export_huggingface(texts.base(preset), tmp_path / preset)
        assert (folder / "model.py").is_file() and (folder / "tokenizer.json").is_file()


def test_a_gpt2_of_words_has_no_form(texts: Texts, tmp_path: Path) -> None:
    with pytest.raises(OlariaError, match="kind word has no form"):
        export_huggingface(texts.base("gpt2-shakespeare", "word"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "small"}, r"model\.context=32, .* and this asks for 128, "),
        ({"settings": ["model.width=64"]}, r"has model\.width=32 and this asks for 64"),
        ({"preset": "gpt2-shakespeare"}, r"is a gpt and gpt2-shakespeare trains a language"),
        ({"preset": "vae-mnist"}, "is a gpt and vae-mnist trains a vae"),
        ({"tokenizer": "byte"}, r"\(char\) is carried over .* out tokenizer"),
        ({"vocab_size": 300}, "leave out vocab_size"),
        ({"lora_rank": 2, "lora_targets": ["kqv"]}, "no layer to adapt is named kqv: did you"),
        ({"lora_rank": 0}, "lora_rank cannot be 0"),
        ({"lora_alpha": 0.0}, "lora_alpha cannot be 0"),
        ({"lora_targets": []}, "lora_targets cannot be"),
    ],
)
def test_contradictions(texts: Texts, options: dict[str, Any], message: str) -> None:
    base = texts.base("gpt-shakespeare")
    given = {"preset": "gpt-shakespeare", "start": base.path, **options}
    with pytest.raises(UsageError, match=message):
        texts.train("refused", given.pop("preset"), "new", **given)
    assert not (texts.folder / "refused").exists()


def test_dropout_may_differ(texts: Texts, out: str) -> None:
    base = texts.base("gpt-shakespeare")
    settings = ["model.dropout=0.1"]
    run = texts.train(out, "gpt-shakespeare", "known", start=base.path, settings=settings)
    assert run.recipe.model.dropout == 0.1  # type: ignore[union-attr]


def test_what_is_no_base(texts: Texts, tmp_path: Path) -> None:
    images = train("vae-mnist", data="digits", size="tiny", steps=1, out=tmp_path / "digits")
    with pytest.raises(UsageError, match="is a vae and gpt-shakespeare trains a gpt"):
        texts.train("refused", "gpt-shakespeare", "new", start=images.path)
    with pytest.raises(RunError, match="no run named nothing"):
        texts.train("refused", "gpt-shakespeare", "new", start="nothing")


# -- pieces ----------------------------------------------------------------------------------------


def test_rows_and_columns_grow_by_their_mean() -> None:
    weight = torch.randn(3, 3)
    grown = grow(weight, torch.Size((5, 5)))
    assert torch.equal(grown[:3, :3], weight)
    torch.testing.assert_close(grown[4, :3], weight.mean(0))
    torch.testing.assert_close(grown[:3, 3], weight.mean(1))
    torch.testing.assert_close(grown[3, 4], weight.mean())


def test_a_word_tokenizer_spells_new_words() -> None:
    tokenizer = fit_tokenizer("word", BASE)
    longer = extended(tokenizer, NEW)
    assert longer.decode(longer.encode(NEW + BASE)) == NEW + BASE
    assert longer.encode(BASE).tolist() == tokenizer.encode(BASE).tolist()
    assert extended(longer, BASE) is longer


def test_the_fingerprint_sees_every_number_and_name() -> None:
    with seeded(0, "weights"):
        state = LanguageModel(LanguageConfig(width=8, num_layers=1, num_heads=1), 5).state_dict()
    before = model_sha256(state)
    assert before == model_sha256(dict(reversed(state.items())))
    other: list[Callable[[dict[str, Tensor]], Any]] = [
        lambda s: s.update({"embedding.weight": s["embedding.weight"].T}),
        lambda s: s.update({"norm.bias": s["norm.bias"] + 1e-3}),
        lambda s: s.update({"norm.bios": s.pop("norm.bias")}),
    ]
    for change in other:
        changed = dict(state)
        change(changed)
        assert model_sha256(changed) != before


# -- the command line ------------------------------------------------------------------------------


def test_from_the_command_line(
    texts: Texts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = texts.base("gpt2-shakespeare")
    words = ["--data", str(texts.folder / "new.txt"), "--steps", "2", "--out", str(tmp_path / "t")]
    adapters = ["--lora-rank", "2", "--lora-targets", "qkv, feed_in", "--lora-alpha", "8"]
    assert main(["train", "gpt2-shakespeare", "--from", str(base.path), *words, *adapters]) == 0
    tuning = Run(tmp_path / "t").recipe.tuning
    assert tuning is not None
    assert (tuning.rank, tuning.targets, tuning.alpha) == (2, ("qkv", "feed_in"), 8.0)
    capsys.readouterr()
    out = ["--to", "huggingface", "--out", str(tmp_path / "gpt2")]
    assert main(["export", str(tmp_path / "t"), *out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / "gpt2")
    assert main(["export", str(tmp_path / "t"), *out]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train gpt-shakespeare --lora-rank 2", "--lora-rank goes with --from"),
        (
            "train gpt-shakespeare --from x --lora-targets qkv",
            "--lora-targets goes with --lora-rank",
        ),
        ("train gpt-shakespeare --from x --lora-rank 0", "--lora-rank cannot be 0"),
        ("train --resume x --from y", "leave out --from"),
        ("train gpt-shakespeare --resume auto --from y", "--from begins a new run"),
        ("export x", "the setting --to is missing"),
        ("export x --to onxx --out y", "--to cannot be onxx"),
    ],
)
def test_words_that_do_not_go_together(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    assert message in capsys.readouterr().err
