"""A game in the plane from its training to its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import olaria
from olaria.data import PointData
from olaria.errors import OlariaError, RunError, UsageError
from olaria.kinds import draw
from olaria.kinds.points import PointSample
from olaria.runs import Run
from olaria.workflows.data import stats
from olaria.workflows.evaluate import evaluate
from olaria.workflows.report import report
from olaria.workflows.running import resume
from olaria.workflows.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("gan-ring", steps=300, out=tmp_path_factory.mktemp("plane") / "ring")


def test_a_generator_finds_the_ring(run: Run) -> None:
    content = evaluate(run)
    metrics = content.metrics
    assert content.protocol["split"] == "test" and content.protocol["num_modes"] == 8
    assert metrics["modes_covered"] >= 6  # untrained: 0 or 1
    assert metrics["recall"] > 0.3 and content.reasons == {}
    watched = [row["values"] for row in run.metrics() if row["split"] == "validation"]
    assert {"spread", "coverage", "modes_covered", "high_quality_share"} <= set(watched[-1])
    assert 0.5 < watched[-1]["spread"] < 1.5


def test_every_frame_is_a_picture(run: Run) -> None:
    frames = run.samples()
    assert len(frames) > 10
    with Image.open(frames[0]) as first, Image.open(frames[-1]) as last:
        assert first.size == last.size and first.mode == "RGB"
        assert first.tobytes() != last.tobytes()


def test_points_and_their_picture(run: Run, tmp_path: Path) -> None:
    drawn = draw(run, count=50, seed=3)
    assert isinstance(drawn, PointSample)
    assert torch.equal(drawn.points, draw(run, count=50, seed=3).value)
    assert torch.equal(drawn.points, olaria.open(run).sample(50, seed=3).points)
    drawn.save(tmp_path / "points.csv")
    lines = (tmp_path / "points.csv").read_text().splitlines()
    assert lines[0] == "x,y" and len(lines) == 51
    assert [float(cell) for cell in lines[1].split(",")] == pytest.approx(
        drawn.points[0].tolist(), rel=1e-4
    )
    drawn.save(tmp_path / "points.png")
    with Image.open(tmp_path / "points.png") as picture:
        assert picture.width > 500
    with pytest.raises(OlariaError, match="already there"):
        drawn.save(tmp_path / "points.png")
    again = train("gan-ring", data=str(tmp_path / "points.csv"), steps=2, size="tiny",
                  settings=["training.batch_size=8"], out=tmp_path / "again")  # fmt: skip
    data = again.data()
    assert isinstance(data, PointData) and len(data.train) == 41
    assert evaluate(again).reasons.keys() == {
        "modes_covered", "high_quality_share", "precision", "recall", "density", "coverage",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_walk_leads_from_one_draw_of_the_noise_to_another(run: Run, path: str) -> None:
    walk = draw(run, mode="interpolate", path=path, count=400, seed=3)
    assert isinstance(walk, PointSample) and walk.points.shape == (400, 2)
    model = run.model()
    ends = torch.randn(2, 1, model.latent, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(walk.points[[0, -1]], model.generator(ends[:, 0]))
    steps = walk.points.diff(dim=0).norm(dim=1)
    across = (walk.points[-1] - walk.points[0]).norm()
    assert steps.max() < across / 20, "the way has no gaps"
    assert steps.sum() >= across
    straight = draw(run, mode="interpolate", count=400, seed=3).points
    assert torch.equal(straight, walk.points) == (path == "linear")
    told = walk.caption[0].text("en")
    assert ("a straight line" in told) == (path == "linear") and "the way from one draw" in told


def test_what_is_asked_of_another_kind_is_told(tmp_path: Path, run: Run) -> None:
    digits = train("gan-mnist", data="digits", size="tiny", steps=1, out=tmp_path / "digits")
    with pytest.raises(UsageError, match=r"draws points.*leave out temperature"):
        draw(run, temperature=2.0)
    with pytest.raises(UsageError, match=r"use mode=prior or mode=interpolate"):
        draw(run, mode="traverse")
    with pytest.raises(UsageError, match=r"draws images.*leave out temperature"):
        draw(digits, temperature=2.0)
    with pytest.raises(UsageError, match="at least 1"):
        draw(run, count=0)


def test_a_stopped_game_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = train("gan-grid", size="tiny", steps=6, out=tmp_path / "whole")
    with pytest.raises(RunError, match="is finished, after 6 steps"):
        resume(whole.path)
    again = train("gan-grid", size="tiny", steps=6, out=tmp_path / "again")
    first, second = (r.model().state_dict() for r in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_report_shows_the_game(run: Run, tmp_path: Path, language: str) -> None:
    evaluate(run)
    page = report([run], language=language, out=tmp_path / "page.html").path.read_text()
    assert "data:image/gif" in page and ("Clusters found" in page or "Grupos encontrados" in page)
    assert ("points of a plane" in page) or ("pontos de um plano" in page)
    assert "reduced evaluation" not in page and "avaliação reduzida" not in page


def test_stats_of_points() -> None:
    found = stats("ring")
    assert (found["kind"], found["num_modes"], found["num_points"]["test"]) == ("points", 8, 2000)
    assert found["std"] == pytest.approx([2**0.5, 2**0.5], rel=0.05)
