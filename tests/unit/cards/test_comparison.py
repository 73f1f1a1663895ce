"""What may be ranked: one metric, one protocol, and a direction."""

from __future__ import annotations

from typing import Any

import pytest

from olaria.cards import comparison
from olaria.cards.comparison import Group, Row

TEST = {"data": "mnist", "num_samples": 10_000}


def row(
    name: str, *, seed: int = 0, recipe: str = "r", protocol: Any = TEST, **metrics: Any
) -> Row:
    return Row(
        name,
        "gan-mnist",
        "small",
        "gan",
        "mnist",
        seed,
        10,
        1.0,
        5,
        "cpu",
        2,
        protocol,
        metrics,
        recipe,
    )


def compared(*rows: Row, monkeypatch: pytest.MonkeyPatch) -> list[Group]:
    known = {one.name: one for one in rows}
    monkeypatch.setattr(Row, "of", lambda name: known[name])
    return comparison.compare([one.name for one in rows])


def test_the_best_is_first_by_the_metrics_own_direction() -> None:
    group = Group(TEST, (row("a", fd=2.0, coverage=0.7), row("b", fd=1.0, coverage=0.8)))
    assert group.ranks("fd") == {"a": 2, "b": 1}
    assert group.ranks("coverage") == {"a": 2, "b": 1}


def test_equal_values_share_a_place_and_missing_ones_have_none() -> None:
    rows = (row("a", fd=1.0), row("b", fd=1.0), row("c", fd=3.0), row("d", fd=None), row("e"))
    assert Group(TEST, rows).ranks("fd") == {"a": 1, "b": 1, "c": 3}


def test_what_has_no_better_side_is_not_ranked() -> None:
    rows = (row("a", fd_floor=1.0, fd_ci95=[1, 2]), row("b", fd_floor=2.0, fd_ci95=[2, 3]))
    group = Group(TEST, rows)
    assert group.numbers() == ["fd_floor"]
    assert group.ranks("fd_floor") == {}


def test_an_evaluation_without_a_newer_metric_is_compared_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older, newer = (
        row("a", fd=2.0, fd_floor=1.0),
        row("b", fd=1.0, fd_floor=1.0, fd_floor_train=0.5),
    )
    (group,) = compared(older, newer, monkeypatch=monkeypatch)
    assert group.numbers() == ["fd", "fd_floor", "fd_floor_train"]
    assert group.values("fd_floor_train") == (None, 0.5)
    assert group.ranks("fd") == {"a": 2, "b": 1}


def test_another_protocol_is_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**TEST, "num_samples": 500}
    rows = (
        row("a", fd=2.0),
        row("b", fd=1.0, protocol=other),
        row("c", fd=3.0),
        row("d", protocol=None),
    )
    groups = compared(*rows, monkeypatch=monkeypatch)
    assert [[one.name for one in group.rows] for group in groups] == [["a", "c"], ["b"], ["d"]]
    assert [group.ranks("fd") for group in groups] == [{"a": 1, "c": 2}, {}, {}]
    assert comparison.differing(groups) == ["num_samples"]
    stored = comparison.to_json(groups)
    assert [one["ranks"] for one in stored["groups"]] == [{"fd": {"a": 1, "c": 2}}, {}, {}]
    assert [(one["name"], one["group"]) for one in stored["runs"]][1:3] == [("c", 0), ("b", 1)]


def test_seeds_of_one_recipe_are_summed_up_within_a_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = (
        row("a", seed=0, fd=1.0, kd=0.5),
        row("b", seed=1, fd=2.0),
        row("c", seed=2, fd=6.0),
        row("d", seed=3, recipe="another", fd=9.0),
        row("e", seed=4, protocol={**TEST, "k": 3}, fd=9.0),
    )
    (found,) = comparison.repetitions(compared(*rows, monkeypatch=monkeypatch))
    assert found.names == ("a", "b", "c") and found.seeds == (0, 1, 2)
    assert found.metrics == {"fd": (3.0, pytest.approx(7**0.5))}


def test_one_run_twice_is_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (row("a", fd=1.0), row("b", fd=2.0))
    assert comparison.repetitions(compared(*rows, monkeypatch=monkeypatch)) == []
