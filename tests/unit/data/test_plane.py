"""Points in the plane: what is generated, and what people's tables hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from olaria.data import DataConfig, PointData, load
from olaria.data.plane import LEAST_POINTS
from olaria.errors import DataError, OlariaError, RunError, UsageError
from olaria.recipes import preset
from olaria.runs.opening import load_data


def loaded(name: str) -> PointData:
    data = load(name)
    assert isinstance(data, PointData)
    return data


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25)])
def test_points_are_drawn_from_the_clusters_that_they_name(name: str, count: int) -> None:
    data = loaded(name)
    assert data.modes is not None and data.mode_std is not None and len(data.modes) == count
    distance, nearest = torch.cdist(data.train, data.modes).min(1)
    assert nearest.bincount(minlength=count).min() > 0.8 * len(data.train) / count
    # Of the two coordinates around a centre: E r² = 2σ².
    assert distance.square().mean().item() == pytest.approx(2 * data.mode_std**2, rel=0.05)
    assert torch.equal(data.train, loaded(name).train) and data.sha256 == loaded(name).sha256


def test_parts_are_apart_and_alike() -> None:
    data = loaded("spiral")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16200, 1800, 2000]
    assert data.modes is None and data.train.dtype == torch.float32
    assert not torch.isin(data.test[:, 0], data.train[:, 0]).all()
    assert torch.allclose(data.train.mean(0), data.test.mean(0), atol=0.1)


def test_a_spiral_turns_twice_around_the_middle() -> None:
    x, y = loaded("spiral").train.unbind(1)
    radius, angle = (x.square() + y.square()).sqrt(), torch.atan2(y, x)
    turns = radius / 2 * 2 - angle / (
        2 * torch.pi
    )  # r = 2w, φ = 4πw: r/2·2 turns, less the part of one
    off = (turns - turns.round()).abs()
    assert off[radius > 0.5].median() < 0.05  # 0.25 if there were no spiral


@pytest.mark.parametrize("separator", [",", ";", "\t", "  "])
@pytest.mark.parametrize("heading", ["", "x{0}y\n"])
def test_tables_of_two_numbers(tmp_path: Path, separator: str, heading: str) -> None:
    rows = [f"{i / 4}{separator}{-i}" for i in range(60)]
    path = tmp_path / "mine.csv"
    path.write_text(heading.format(separator) + "\n".join([*rows[:30], "", *rows[30:]]))
    recipe = preset("gan-ring").updated("data.name", str(path))
    data = load_data(recipe)
    assert isinstance(data, PointData) and data.notes == () and data.source == "user file"
    every = torch.cat((data.train, data.validation, data.test))
    assert sorted(every[:, 0].tolist()) == [i / 4 for i in range(60)]
    assert torch.equal(every[:, 1], -4 * every[:, 0])


def test_c2_decimal_commas_and_strange_lines(tmp_path: Path) -> None:
    path = tmp_path / "meus.csv"
    rows = [f"{i},5;{i}" for i in range(60)]
    path.write_text("\n".join([*rows, "1;2;3", "a;b", "nan;1", "inf;0"]), "utf-8-sig")
    data = load(str(path), wanted="points")
    assert isinstance(data, PointData)
    assert data.notes[0].fields == {"count": 4, "line": 61}
    assert data.train[:, 0].frac().eq(0.5).all()


@pytest.mark.parametrize(
    ("first", "row", "ending", "encoding"),
    [
        ("sep=;\nx;y\n", "{0},5;{0};", "\r\n", "utf-8-sig"),
        ("x\ty\n", "{0}.5\t{0}", "\n", "utf-16"),
        ("x,y,\n", "{0}.5,{0},", "\r", "utf-8"),
        ("largura\u2028(cm),altura\x85(cm)\n", "{0}.5,{0}", "\n", "utf-8"),
    ],
)
def test_points_as_spreadsheets_write_them(
    tmp_path: Path, first: str, row: str, ending: str, encoding: str
) -> None:
    path = tmp_path / "meus.csv"
    text = first + "\n".join(row.format(i) for i in range(60)) + "\n" + "1;2;3\n"
    path.write_bytes(text.replace("\n", ending).encode(encoding))
    data = load(str(path), wanted="points")
    assert isinstance(data, PointData)
    assert [note.fields for note in data.notes] == [{"count": 1, "line": 61 + first.count("\n")}]
    assert data.train[:, 0].frac().eq(0.5).all() and len(data.train) == 49


def test_a_line_that_no_table_has_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{i},{i}\n" for i in range(60)) + '1,"' + "x" * 200_000 + "\n")
    data = load(str(path), wanted="points")
    assert [note.fields for note in data.notes] == [{"count": 1, "line": 61}]


def test_what_are_no_points_is_told(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("1,2\n" * (LEAST_POINTS - 1))
    with pytest.raises(DataError, match=r"few\.csv has 49 points"):
        load(str(path), wanted="points")
    path.write_text("1,2\n" * LEAST_POINTS)
    with pytest.raises(DataError, match="all the same"):
        load(str(path), wanted="points")
    with pytest.raises(RunError, match="points in the plane and digits holds none"):
        load_data(preset("gan-ring").updated("data.name", "digits"))
    with pytest.raises(RunError, match="learns from images and ring holds none"):
        load_data(preset("gan-mnist").updated("data.name", "ring"))
    with pytest.raises(UsageError, match="the setting resize has no effect on ring"):
        load("ring", DataConfig(name="ring", resize=8))
    with pytest.raises(OlariaError):
        load(str(path))  # unless asked for points, a table is text, which has a column
