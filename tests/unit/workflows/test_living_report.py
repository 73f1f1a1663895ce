"""``olaria report --live``: which runs move, with what they begin, how their models travel, and what is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from olaria.cards.run_card import NUM_SAMPLES, run_card
from olaria.cli.main import main
from olaria.errors import UsageError
from olaria.runs import Run
from olaria.sampling import latent
from olaria.workflows.face import OpenRun
from olaria.workflows.report import ReportRequest, report

TinyRun = Callable[..., Run]
CASES = {
    "ae-mnist": ("reconstructions", "live_plane"),
    "vae-mnist model.latent=2": ("manifold", "live_plane"),
    "vae-mnist": ("reconstructions", "live_plane"),
    "gan-mnist": ("samples", "live_walk"),
    "gan-ring": ("first-and-last", "live_game"),
    "bigram-shakespeare": ("text", "live_bigram"),
    "gpt-shakespeare": ("text", "live_prompt"),
    "dates": ("translations", "live_translation"),
}


def documents(page: str) -> list[dict[str, Any]]:
    """The models of a page."""
    found = re.findall(r'id="play-\d+"[^>]*>(.*?)</script>', page, re.S)
    return [json.loads(one) for one in found]


@pytest.mark.parametrize("words", CASES)
def test_each_family_has_its_part_above_one_of_its_panels(tiny_run: TinyRun, words: str) -> None:
    run = tiny_run(*words.split())
    card = run_card(run, live=True)
    assert card.live is not None
    assert (card.live.panel, card.live.part) == CASES[words]
    assert run_card(run).live is None


def test_the_plane_begins_at_test_images_with_the_decoder_alone(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist")
    live = run_card(run, live=True).live
    assert live is not None and live.only_decodes
    assert len(live.settings["starts"]) == 6 and len(live.settings["points"]) > 100
    spread = live.settings["high"] - live.settings["low"]
    assert list(spread) == sorted(spread, reverse=True), "the dimensions used most come first"


def test_a_plane_of_two_dimensions_has_the_first_one_along(tiny_run: TinyRun) -> None:
    live = run_card(tiny_run("vae-mnist", "model.latent=2"), live=True).live
    assert live is not None and live.settings["names"] == ["z₁", "z₂"]


def test_the_walk_leads_from_the_first_sample_to_the_second(tiny_run: TinyRun) -> None:
    run = tiny_run("gan-mnist")
    card, model = run_card(run, live=True), run.model()
    assert card.live is not None and card.samples is not None
    z = torch.tensor(np.array(card.live.settings["ends"]), dtype=torch.float32)
    assert z.shape[0] == 2 < NUM_SAMPLES
    drawn = (latent.decode(model, z) * 255).round().to(torch.uint8).numpy()  # type: ignore[arg-type]
    assert (abs(drawn.astype(int) - card.samples[:2].astype(int)) <= 1).all()


def test_a_prompt_is_the_beginning_of_the_text_beneath(tiny_run: TinyRun) -> None:
    card = run_card(tiny_run("gpt-shakespeare"), live=True)
    assert card.live is not None
    words = card.live.settings["text"]
    assert 0 < len(words) <= 24 and card.text.lstrip().startswith(words)


@pytest.fixture(scope="module")
def page(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A living report of an autoencoder and a game of points."""
    runs = [tiny_run("ae-mnist"), tiny_run("gan-ring")]
    out = tmp_path_factory.mktemp("living") / "report.html"
    found = report(runs, live=True, out=out)
    assert found.notes == ()
    return out.read_text(encoding="utf-8")


def test_models_travel_rounded_and_without_what_only_encodes(page: str, tiny_run: TinyRun) -> None:
    autoencoder, game = documents(page)
    assert autoencoder["precision"] == "float16" and game["precision"] == "float32"
    assert not any(name.startswith("encoder") for name in autoencoder["tensors"])
    assert {proof["call"] for proof in autoencoder["proof"]} == {"decode"}
    count = sum(weight.numel() for weight in tiny_run("ae-mnist").model().parameters())
    assert len(autoencoder["weights"]) < count * 2 * 4 / 3 * 0.6


def test_without_live_the_page_has_no_script(tiny_run: TinyRun, tmp_path: Path) -> None:
    report([tiny_run("gan-ring")], out=tmp_path / "report.html")
    still = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in still and "data-live" not in still
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in still


def test_a_model_that_is_too_large_and_a_page_that_is_large_are_told(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [tiny_run("gan-ring"), tiny_run("gpt-shakespeare")]
    least = sum(weight.numel() for weight in runs[0].model().state_dict().values())
    monkeypatch.setattr("olaria.workflows.played.MOST_IN_PAGE", least)
    monkeypatch.setattr("olaria.workflows.played.MOST_BYTES", 1000)
    found = report(runs, live=True, out=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(documents(page)) == 1 and page.count("data-live=") == 1
    model, size = (note.text("en") for note in found.notes)
    assert f"run {runs[1].name} has" in model and "stand still" in model
    assert size.startswith("the page has ") and "fewer runs" in size


def test_where_nothing_can_move_it_says_so(tiny_run: TinyRun, tmp_path: Path) -> None:
    found = report([tiny_run("vq-mnist")], live=True, out=tmp_path / "report.html")
    assert [note.text("en") for note in found.notes] == [
        "none of these runs has a part that moves: the page stands still"
    ]
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", [{"format": "pdf"}, {"format": "md"}, {"out": "a.pdf"}])
def test_on_paper_nothing_moves(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="live is for a page in html: nothing moves in"):
        ReportRequest(runs=("no-such-run",), live=True, **asked)


def test_the_command_says_so_in_one_line_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.pdf"
    assert main(["report", "no-such-run", "--live", "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert "--live is for a page in html: nothing moves in pdf" in told.err
    assert not out.exists()


def test_python_has_it_too(tiny_run: TinyRun, tmp_path: Path) -> None:
    run = OpenRun(tiny_run("gan-ring").path)
    page = Path(run.report(live=True, out=tmp_path / "report.html"))
    assert "data-live" in page.read_text(encoding="utf-8")
