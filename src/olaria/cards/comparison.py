"""Runs side by side: which may be ranked, which may not, and the statistics of several seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from olaria.errors import OlariaError
from olaria.evaluation import METRICS
from olaria.families import MODELS
from olaria.runs import Run

NOT_OF_THE_PROTOCOL = ("checkpoint",)
"""Fields of a protocol that describe the run, not the measurement."""


@dataclass(frozen=True)
class Row:
    """One run.

    Args:
        name, preset, size, family, data: as its recipe says.
        seed, steps, elapsed_s, num_parameters: how it was made; None where it has not ended.
        cpu, num_threads: what it was made on.
        protocol: how it was measured, without what differs from run to run; None where it was not.
        metrics: by key.
        recipe: without the seed and the name of the preset, as JSON: equal where runs are each other's repetitions.
    """

    name: str
    preset: str
    size: str
    family: str
    data: str
    seed: int
    steps: int | None
    elapsed_s: float | None
    num_parameters: int | None
    cpu: str | None
    num_threads: int | None
    protocol: dict[str, Any] | None
    metrics: dict[str, Any]
    recipe: str

    @classmethod
    def of(cls, name: str | Path) -> Row:
        """Read a run.

        Raises:
            RunError: there is none of that name, or it is damaged.
        """
        run = Run(name)
        recipe, result, evaluation = run.recipe, run.result, run.evaluation
        machine = run.provenance.get("machine", {})
        content = recipe.model_dump(mode="json", exclude={"seed", "preset"})
        return cls(
            run.name,
            recipe.preset,
            recipe.size,
            run.family,
            recipe.data.name,
            recipe.seed,
            result.get("steps"),
            result.get("elapsed_s"),
            result.get("num_parameters"),
            machine.get("cpu"),
            machine.get("num_threads"),
            None if evaluation is None else measured_by(evaluation["protocol"]),
            {} if evaluation is None else evaluation["metrics"],
            json.dumps(content, sort_keys=True),
        )


@dataclass(frozen=True)
class Group:
    """Runs that one protocol measured: within it, and within one metric, they may be ranked.

    Args:
        rows: in the order requested; those that were not measured have a group of their own, without a protocol.
    """

    protocol: dict[str, Any] | None
    rows: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(row.name for row in self.rows)

    def values(self, key: str) -> tuple[float | None, ...]:
        """One metric of each run; None where a run has none."""
        return tuple(row.metrics.get(key) for row in self.rows)

    def numbers(self) -> list[str]:
        """Metrics that at least one of its runs has as a number, in the order of the table of all metrics."""
        keys = {k for row in self.rows for k, value in row.metrics.items() if _is_number(value)}
        known = [key for key in METRICS if key in keys]
        return known + sorted(keys - set(known))

    def headlines(self) -> list[str]:
        """Those of them that are main metrics of a family of its runs; all where none is."""
        families = [MODELS[row.family] for row in self.rows if row.family in MODELS]
        chosen = {key for family in families for key in family.headlines}
        return [key for key in self.numbers() if key in chosen] or self.numbers()

    def ranks(self, key: str) -> dict[str, int]:
        """Place of each run by one metric, 1 the best, equals together; empty where nothing can be ranked."""
        direction = METRICS[key].direction if key in METRICS else "none"
        values = {
            row.name: row.metrics[key] for row in self.rows if _is_number(row.metrics.get(key))
        }
        if direction == "none" or len(values) < 2:
            return {}
        sign = 1 if direction == "lower" else -1
        return {
            name: 1 + sum(sign * other < sign * value for other in values.values())
            for name, value in values.items()
        }


@dataclass(frozen=True)
class Repetition:
    """Runs of one recipe that differ in their seeds, and their metrics by one protocol.

    Args:
        names, seeds: of the runs.
        metrics: mean and sample standard deviation by key.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    metrics: dict[str, tuple[float, float]]

    def headlines(self) -> dict[str, tuple[float, float]]:
        """Those metrics that are main ones of a family; all where none is."""
        chosen = {key for family in MODELS.values() for key in family.headlines}
        return {key: pair for key, pair in self.metrics.items() if key in chosen} or self.metrics


def compare(names: Sequence[str | Path]) -> list[Group]:
    """Read runs and put those together that one protocol measured.

    Raises:
        RunError: see :meth:`Row.of`.
    """
    return _by_protocol([Row.of(name) for name in names])


def _by_protocol(rows: Sequence[Row]) -> list[Group]:
    """Rows of one protocol together, in their order."""
    together = _grouped(rows, lambda row: json.dumps(row.protocol, sort_keys=True))
    return [Group(group[0].protocol, tuple(group)) for group in together]


def repetitions(groups: Iterable[Group]) -> list[Repetition]:
    """Runs of one recipe with two seeds or more, within each protocol."""
    repeated = []
    for group in groups:
        for rows in _grouped(group.rows, lambda row: row.recipe):
            seeds = tuple(row.seed for row in rows)
            if group.protocol is None or len(set(seeds)) < 2:
                continue
            numbers = {
                key: [row.metrics[key] for row in rows if _is_number(row.metrics.get(key))]
                for key in group.numbers()
            }
            metrics = {k: (fmean(v), stdev(v)) for k, v in numbers.items() if len(v) == len(rows)}
            repeated.append(Repetition(tuple(row.name for row in rows), seeds, metrics))
    return repeated


@dataclass(frozen=True)
class Comparison:
    """The runs of a report side by side.

    Args:
        groups: of two runs or more that one protocol measured.
        repeated: recipes that were run with several seeds.
        apart: fields of the protocols in which runs of one family differ, so that they are not ranked.
    """

    groups: Sequence[Group] = ()
    repeated: Sequence[Repetition] = ()
    apart: Sequence[str] = ()

    @property
    def has_more(self) -> bool:
        """Whether its runs have metrics besides the main ones."""
        groups = any(group.headlines() != group.numbers() for group in self.groups)
        return groups or any(one.headlines() != one.metrics for one in self.repeated)


def side_by_side(runs: Sequence[Run]) -> Comparison:
    """What a report shows of runs together; empty where no two are of a kind."""
    groups = _by_protocol([row for row in map(_row_of, runs) if row is not None])
    apart = dict.fromkeys(
        name
        for family in dict.fromkeys(run.family for run in runs)
        for name in differing([_of_family(group, family) for group in groups])
    )
    ranked = [group for group in groups if group.protocol is not None and len(group.rows) > 1]
    return Comparison(ranked, repetitions(groups), list(apart))


def _row_of(run: Run) -> Row | None:
    """A run's row; None where something is damaged that a comparison reads, as its own pages say."""
    try:
        return Row.of(run.path)
    except OlariaError:
        return None


def _of_family(group: Group, family: str) -> Group:
    """The same without the runs of other families; without a protocol where none is left."""
    rows = tuple(row for row in group.rows if row.family == family)
    return Group(group.protocol if rows else None, rows)


def to_json(groups: Sequence[Group]) -> dict[str, Any]:
    """Everything as JSON values."""
    return {
        "runs": [
            {**{k: v for k, v in vars(row).items() if k != "recipe"}, "group": number}
            for number, group in enumerate(groups)
            for row in group.rows
        ],
        "groups": [
            {
                "protocol": group.protocol,
                "runs": [row.name for row in group.rows],
                "ranks": {key: ranks for key in group.numbers() if (ranks := group.ranks(key))},
            }
            for group in groups
        ],
        "repetitions": [
            {
                "runs": list(one.names),
                "seeds": list(one.seeds),
                "metrics": {k: {"mean": m, "stdev": s} for k, (m, s) in one.metrics.items()},
            }
            for one in repetitions(groups)
        ],
    }


def measured_by(stored: dict[str, Any]) -> dict[str, Any]:
    """An evaluation's protocol without what differs from run to run: equal where two may be ranked."""
    return {name: value for name, value in stored.items() if name not in NOT_OF_THE_PROTOCOL}


def differing(groups: Sequence[Group]) -> list[str]:
    """Names of the fields in which the protocols of the groups differ."""
    protocols = [group.protocol for group in groups if group.protocol is not None]
    names = dict.fromkeys(name for protocol in protocols for name in protocol)
    return [
        name
        for name in names
        if any(protocol.get(name) != protocols[0].get(name) for protocol in protocols)
    ]


def settings_apart(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Settings of the recipes in which runs differ, by dotted path, and each run's value; None where it has none.

    The seed and the name of the preset are no part of them, as in :attr:`Row.recipe`.

    >>> from types import SimpleNamespace as Run
    >>> small, large = '{"model": {"latent": 2, "depth": 3}}', '{"model": {"latent": 8, "depth": 3}}'
    >>> settings_apart([Run(recipe=small), Run(recipe=large)])
    {'model.latent': [2, 8]}
    """
    flat = [dict(_flat(json.loads(row.recipe))) for row in rows]
    names = dict.fromkeys(name for one in flat for name in one)
    found = {name: [one.get(name) for one in flat] for name in names}
    return {
        name: values
        for name, values in found.items()
        if any(value != values[0] for value in values)
    }


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _flat(part, f"{before}{name}.")
        else:
            yield before + name, part


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> list[list[Row]]:
    """Rows with equal keys together, in the order of their first."""
    together: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        together[key(row)].append(row)
    return list(together.values())
