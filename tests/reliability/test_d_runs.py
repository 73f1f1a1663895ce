"""Group D of docs/reliability.md, a stranger's run: it reads no private file, writes nowhere else, hangs nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from olaria.cards.incidents import incidents
from olaria.cards.run_card import LEFT_OUT, run_card
from olaria.cli.main import main
from olaria.data.config import DataConfig
from olaria.data.images import load_pictures
from olaria.errors import DamagedError, DataError, MissingError, OlariaError, RunError
from olaria.i18n import LANGUAGES, Message
from olaria.runs import Run
from olaria.storage.checkpoint import save_checkpoint
from olaria.storage.files import read_json, write_json
from olaria.storage.folder import RunFolder
from olaria.workflows.evaluate import evaluate
from olaria.workflows.report import report
from olaria.workflows.runs import list_runs, show
from olaria.workflows.sample import sample
from olaria.workflows.train import train

SECRET = "my own secret line\n" * 300
posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A finished and measured run of a kind, made once."""
    home, made = tmp_path_factory.mktemp("strangers"), dict[str, Path]()

    def of(kind: str) -> Path:
        if kind not in made:
            data = "toy-language" if kind == "bigram" else "digits"
            preset = "bigram-shakespeare" if kind == "bigram" else f"{kind}-mnist"
            settings = ["training.checkpoint_every=2", "training.sample_every=2"]
            out = home / kind
            made[kind] = out
            train(preset, data=data, size="tiny", steps=4, settings=settings, out=out)
            evaluate(out)
        return made[kind]

    return of


@pytest.fixture
def copied(trained: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Run]:
    """A copy of it, to be forged."""

    def of(kind: str = "bigram") -> Run:
        shutil.copytree(trained(kind), tmp_path / "run")
        return Run(tmp_path / "run")

    return of


def put(path: Path, *keys: str, value: Any) -> None:
    """Forge one value of a JSON file."""
    content = read_json(path)
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    write_json(path, content)


def without(path: Path, key: str) -> None:
    write_json(path, {name: value for name, value in read_json(path).items() if name != key})


def stopped(run: Run) -> Path:
    """The run as one that can go on."""
    put(run.path / "status.json", "state", value="stopped")
    put(run.path / "recipe.json", "training", "steps", value=6)
    return run.path


# -- D9: private files ----------------------------------------------------------------------------


@pytest.mark.parametrize("fingerprint", [None, "0" * 64])
def test_d9_a_file_that_only_the_recipe_names_is_not_shown(
    copied: Callable[[], Run], tmp_path: Path, fingerprint: str | None
) -> None:
    run, private = copied(), tmp_path / "private.txt"
    private.write_text(SECRET)
    put(run.path / "recipe.json", "data", "name", value=str(private))
    without(run.path / "provenance.json", "data_sha256")
    if fingerprint is not None:
        put(run.path / "provenance.json", "data_sha256", value=fingerprint)
    with pytest.raises(RunError):
        run.data()
    report([run.path], out=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "secret line" not in page and "private.txt" in page
    with pytest.raises(RunError):
        train(resume=stopped(run))


def test_d9_a_person_may_name_what_the_run_does_not_know(
    copied: Callable[[], Run], tmp_path: Path
) -> None:
    run, own = copied(), tmp_path / "own.txt"
    own.write_text(SECRET)
    put(run.path / "recipe.json", "data", "name", value="/gone/own.txt")
    without(run.path / "provenance.json", "data_sha256")
    with pytest.raises(MissingError):
        run.data()
    assert "secret line" in run.with_data_at(str(own)).data().train  # type: ignore[union-attr]


@posix
def test_d9_a_device_is_no_data(copied: Callable[[], Run]) -> None:
    run = copied()
    put(run.path / "recipe.json", "data", "name", value="/dev/zero")
    with pytest.raises(MissingError):
        run.data()


# -- D10: links, pipes, sizes ---------------------------------------------------------------------

READERS: dict[str, Callable[[Path], object]] = {
    "show": lambda run: show(run).to_json(),
    "report": lambda run: report([run], out=run.parent / "report.html"),
    "sample": lambda run: sample(run, out=run.parent / "sample.txt", max_tokens=5),
    "resume": lambda run: train(resume=stopped(Run(run))),
}


@posix
@pytest.mark.parametrize("name", ["samples", "checkpoints"])
def test_d10_nothing_is_written_through_a_linked_folder(
    copied: Callable[[], Run], tmp_path: Path, name: str
) -> None:
    run, outside = copied(), tmp_path / "outside"
    shutil.move(run.path / name, outside)
    (run.path / name).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    for read in READERS.values():
        try:
            read(run.path)
        except OlariaError as error:
            assert name in str(error)
    assert sorted(outside.rglob("*")) == before


@posix
@pytest.mark.parametrize("name", ["events.jsonl", "metrics.jsonl", "run.lock", "status.json"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_d10_a_link_or_a_pipe_is_neither_read_nor_written(
    copied: Callable[[], Run], tmp_path: Path, name: str, kind: str
) -> None:
    run, victim = copied(), tmp_path / "victim"
    stopped(run)
    victim.write_text("{}")
    (run.path / name).unlink(missing_ok=True)
    if kind == "link":
        (run.path / name).symlink_to(victim)
    else:
        os.mkfifo(run.path / name)
    with pytest.raises(DamagedError, match="is not opened"):
        train(resume=run.path)
    assert victim.read_text() == "{}"
    assert name in str(show(run.path).to_json()["damaged"]) or name in (
        "run.lock",
        "events.jsonl",
        "metrics.jsonl",
    )


@posix
@pytest.mark.parametrize("name", ["result.json", "evaluation.json"])
def test_d10_a_place_that_is_written_last_is_looked_at_first(
    copied: Callable[[], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A training of hours once ended in the refusal."""
    run = copied()
    stopped(run)
    (run.path / name).unlink()
    (run.path / name).symlink_to(tmp_path / "outside")
    before = (run.path / "metrics.jsonl").read_bytes()
    with pytest.raises(DamagedError, match=f"{name} is not opened"):
        train(resume=run.path)
    assert (run.path / "metrics.jsonl").read_bytes() == before
    if name == "evaluation.json":
        monkeypatch.setattr(Run, "model", lambda *_: pytest.fail("it was measured"))
        with pytest.raises(DamagedError, match=r"evaluation\.json is not opened"):
            evaluate(run.path)
    assert not (tmp_path / "outside").exists()


def test_d10_a_file_of_holes_is_told_by_its_size(copied: Callable[[], Run]) -> None:
    run = copied()
    for name in ("events.jsonl", "result.json", "checkpoints/step-000004/model.safetensors"):
        with (run.path / name).open("r+b") as file:
            file.truncate(1 << 36)
    with pytest.raises(DamagedError, match=r"events\.jsonl"):
        run.fractions()
    with pytest.raises(DamagedError, match=r"result.json is damaged: .* over 67"):
        _ = run.result
    with pytest.raises(DamagedError, match=r"model\.safetensors is damaged: it takes 68719"):
        run.model("last", ema=False)


@pytest.mark.parametrize("name", ["training.safetensors", "state.json", "other.safetensors"])
def test_d10_holes_that_a_manifest_vouches_for_are_not_hashed(
    copied: Callable[[], Run], name: str
) -> None:
    """100 GB of them take no room on a disk, and once took an hour: their size is looked at first."""
    run = copied()
    folder = run.checkpoint("last")[1]
    (folder / name).touch()
    with (folder / name).open("r+b") as file:
        file.truncate(1 << 28)
    manifest = read_json(folder / "manifest.json")
    manifest["files"][name] = {"size_bytes": 1 << 28, "sha256": "0" * 64}
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(DamagedError, match=rf"{name} is damaged: .* which none of ours has"):
        train(resume=stopped(run))


# -- D11: stored sentences ------------------------------------------------------------------------

FORGED = (
    "{x:>300000000}",
    "{x.__class__.__mro__}",
    "{x[0]}",
    "{x!r:>300000000}",
    "{x" * 5000,
    "{}",
    "{0}",
    "no run named {name}: {hint}",  # ours, without its fields
)


@pytest.mark.parametrize("text", FORGED)
@pytest.mark.parametrize(
    "value", ["a" * 10**6, 1e308, 10**400, None, [1], {"id": "{x:>9}", "fields": {"x": {}}}]
)
def test_d11_a_stored_sentence_is_no_program(text: str, value: Any) -> None:
    nested: Any = value
    for _ in range(30):
        nested = {"id": text, "fields": {"x": nested, "name": nested}}
    message = Message.from_json(nested)
    for language in LANGUAGES:
        shown = message.text(language)
        assert len(shown) <= 20_000 and "<class" not in shown


def test_d11_an_id_of_no_catalog_is_filled_in_plainly() -> None:
    stored = {"id": "the old {count} of {x.y} {z:>9}", "fields": {"count": 1.5, "x": "a", "z": "b"}}
    assert Message.from_json(stored).text("pt") == "the old 1,5 of {x.y} {z:>9}"
    known = {
        "id": "run {name} is a {family} and has no tokenizer",
        "fields": {"name": "a", "family": "vae"},
    }
    assert Message.from_json(known).text("pt").startswith("a execução a ")


def test_d11_a_report_of_a_forged_sentence_is_small(copied: Callable[[], Run]) -> None:
    run = copied()
    message = {"id": "{x:>300000000}", "fields": {"x": "a"}}
    line = {"step": 4, "elapsed_s": 1.0, "event": "warned", "message": message}
    with (run.path / "events.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert [one.message.text() for one in incidents(run) or []] == ["{x:>300000000}"]


# -- D12: JSON of another form --------------------------------------------------------------------

FORMS: list[tuple[str, tuple[str, ...], Any]] = [
    ("provenance.json", ("dimensions",), "abc"),
    ("provenance.json", ("dimensions",), [1, 8]),
    ("provenance.json", ("dimensions",), 29),
    ("provenance.json", ("machine",), [1]),
    ("provenance.json", ("data", "class_names"), "abc"),
    ("result.json", ("num_parameters",), "many"),
    ("result.json", ("final",), 3),
    ("result.json", ("reason",), "because"),
    ("evaluation.json", ("metrics",), [1, 2]),
    ("evaluation.json", ("metrics", "elbo_nats"), 1e308),
    ("evaluation.json", ("metrics", "elbo_nats"), 10**1000),
    ("evaluation.json", ("protocol",), 3),
    ("evaluation.json", ("reasons",), {"fd": "x"}),
    ("status.json", ("step",), "x"),
    ("status.json", ("state",), ["done"]),
]


@pytest.mark.parametrize(("name", "keys", "value"), FORMS)
def test_d12_a_value_of_another_type_is_told_by_file_and_place(
    copied: Callable[[str], Run], name: str, keys: tuple[str, ...], value: Any
) -> None:
    run = copied("vae")
    put(run.path / name, *keys, value=value)
    with pytest.raises(
        DamagedError, match=f"{name} is damaged: {keys[-1] if len(keys) == 1 else ''}"
    ):
        for part in ("dimensions", "status", "result", "evaluation"):
            found = getattr(run, part)
            if callable(found):
                found()
    shown = show(run.path).to_json()
    assert shown["recipe"]["seed"] == 0
    assert shown["damaged"] or name == "provenance.json"


@pytest.mark.parametrize(
    "name", ["result.json", "evaluation.json", "metrics.jsonl", "events.jsonl"]
)
def test_d12_a_report_names_the_damaged_file_and_shows_the_others(
    copied: Callable[[str], Run], name: str
) -> None:
    run = copied("vae")
    (run.path / name).write_text("[1]\n")
    card = run_card(run)
    gaps = [one.message.text() for one in card.incidents or [] if one.kind == "gap"]
    assert len(gaps) == 1 and f"{name} is damaged" in gaps[0]
    assert card.samples is not None and LEFT_OUT not in gaps[0]


@pytest.mark.parametrize(
    "line",
    [
        "1",
        '{"step": 1}',
        '{"step": "1", "split": "train", "values": {}}',
        '{"step": 1, "split": "train", "values": {"loss": "low"}}',
        '{"step": 1, "split": "train", "values": {"loss": 1e300}}',
    ],
)
def test_d12_a_line_of_another_form_is_told_by_its_number(
    copied: Callable[[], Run], line: str
) -> None:
    run = copied()
    whole = (run.path / "metrics.jsonl").read_text().splitlines()
    (run.path / "metrics.jsonl").write_text("\n".join([*whole[:2], line, *whole[2:], ""]))
    with pytest.raises(DamagedError, match=r"metrics\.jsonl is damaged: at line 3"):
        run.metrics()


def test_d12_a_list_of_runs_shows_the_sound_ones(
    copied: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied()
    shutil.copytree(run.path, run.path.parent / "sound")
    put(run.path / "status.json", "state", value=3)
    monkeypatch.setenv("OLARIA_RUNS", str(run.path.parent))
    assert [one["state"] for one in list_runs()["runs"]] == ["damaged", "done"]


def test_d12_a_state_of_another_form_is_no_place_to_go_on_from(copied: Callable[[], Run]) -> None:
    run = copied()
    folder = run.checkpoint("last")[1]
    tensors, state = RunFolder(run.path).load_checkpoint("last")
    shutil.rmtree(folder)
    save_checkpoint(folder, tensors, {**state, "updates": "many"})
    with pytest.raises(DamagedError, match=r"state.json is damaged: updates"):
        train(resume=stopped(run))


# -- D13: sizes that are claimed ------------------------------------------------------------------

CLAIMS: list[tuple[str, tuple[str, ...], Any]] = [
    ("vae", ("model", "hidden"), [64] * 100_000),
    ("vae", ("model", "flow"), 1_000_000),
    ("vae", ("model", "latent"), 50_000_000),
    ("gan", ("model", "generator_depth"), 1_000_000),
    ("gan", ("model", "generator_width"), 10_000_000),
]


@pytest.mark.parametrize(("kind", "keys", "value"), CLAIMS)
def test_d13_a_model_beyond_its_weights_is_never_built(
    copied: Callable[[str], Run], kind: str, keys: tuple[str, ...], value: Any
) -> None:
    import resource

    run = copied(kind)
    put(run.path / "recipe.json", *keys, value=value)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RunError, match="larger than the weights"):
        run.model()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB


def test_d13_images_of_a_claimed_size_are_too(copied: Callable[[str], Run]) -> None:
    run = copied("vae")
    put(run.path / "provenance.json", "dimensions", value=[3, 1_000_000, 1_000_000])
    with pytest.raises(RunError, match="larger than the weights"):
        run.model()


def test_d13_pixels_are_counted_over_all_images(tmp_path: Path) -> None:
    """Files of a few kilobytes: thirty of them, of 64 million pixels each, once took 5.8 GB."""
    Image.new("RGB", (4000, 4000)).save(tmp_path / "0.png")
    for number in range(1, 8):
        shutil.copy(tmp_path / "0.png", tmp_path / f"{number}.png")
    with pytest.raises(
        DataError, match=r"up to 5\.png would take 288\.0 MB of memory and are files of 0\.\d MB"
    ):
        load_pictures(tmp_path, DataConfig(name=str(tmp_path)))
    gray = load_pictures(tmp_path, DataConfig(name=str(tmp_path), gray=True)).x
    assert gray.shape == (8, 1, 4000, 4000), "a third of the bytes"
    small = load_pictures(tmp_path, DataConfig(name=str(tmp_path), resize=8)).x
    assert small.shape == (8, 3, 8, 8)


def test_d13_no_side_is_longer_than_a_photographs(tmp_path: Path) -> None:
    """A PNG of 1×64,000,000 pixels and 60 kB took 2 GB: what a row costs does not depend on its width."""
    for number, size in enumerate([(1, 65_536), (65_536, 1), (1, 65_535), (1, 65_535)]):
        Image.new("L", size).save(tmp_path / f"{number}.png")
    found = load_pictures(tmp_path, DataConfig(name=str(tmp_path), resize=8))
    assert found.x.shape == (2, 1, 8, 8)
    assert [note.text() for note in found.notes] == [
        "2 unreadable images were left out: 0.png, 1.png"
    ]


# -- D14: weights that are no numbers -------------------------------------------------------------


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda w: w * torch.nan, "NaN or infinity"),
        (lambda w: w + torch.inf, "NaN or infinity"),
        (lambda w: w.half(), "other types of numbers"),
        (lambda w: w.long(), "other types of numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["vae", "gan", "vq"])
def test_d14_weights_that_nothing_can_be_computed_with_are_refused(
    copied: Callable[[str], Run],
    kind: str,
    forge: Callable[[torch.Tensor], torch.Tensor],
    words: str,
) -> None:
    run = copied(kind)
    step, folder = run.checkpoint()
    tensors, state = RunFolder(run.path).load_checkpoint(step)
    name, weight = next(
        (k, v) for k, v in tensors["model"].items() if v.is_floating_point() and v.ndim > 1
    )
    shutil.rmtree(folder)
    save_checkpoint(folder, {part: {**own, **({name: forge(weight)} if name in own else {})}
                             for part, own in tensors.items()}, state)  # fmt: skip
    with pytest.raises(RunError, match=f"{words}.*{name}"):
        run.model()


def test_d14_an_optimizer_of_another_model_is_refused(copied: Callable[[], Run]) -> None:
    run = copied()
    step, folder = run.checkpoint("last")
    tensors, state = RunFolder(run.path).load_checkpoint(step)
    first = next(iter(tensors["training"]))
    shutil.rmtree(folder)
    forged = {**tensors["training"], first: torch.zeros(3, 3, 3)}
    save_checkpoint(folder, {**tensors, "training": forged}, state)
    with pytest.raises(DamagedError, match="state of the optimizer"):
        train(resume=stopped(run))


# -- D15: tables ----------------------------------------------------------------------------------


def test_d15_no_cell_of_a_table_is_a_formula(
    trained: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("=HYPERLINK(1)", "+1", "-2", "@SUM(1)", "-x", "\u202eabc"):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        Image.new("L", (8, 8), 200).save(folder / f"{name}.png")
    assert (
        main(
            [
                "encode",
                str(trained("vae")),
                str(tmp_path / "images"),
                "--out",
                str(tmp_path / "codes.tsv"),
            ]
        )
        == 0
    )
    capsys.readouterr()
    cells = [
        cell
        for line in (tmp_path / "codes.tsv").read_text().splitlines()
        for cell in line.split("\t")
    ]
    odd = [cell for cell in cells if cell[:1] in tuple("=+-@") and not _is_number(cell)]
    assert not odd and any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert "\u202e" not in "".join(cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
