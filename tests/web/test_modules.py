"""The page's modules: those brought along are the listed ones, and curves are counted right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from olaria.web.files import static
from olaria.web.words import WORDS

ROOT = Path(__file__).parents[2]


def in_node(expression: str) -> Any:
    """What an expression gives as JSON; the functions of lines.js are at hand."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: apt-get install nodejs")
    code = f'import * as lines from "./lines.js"; console.log(JSON.stringify({expression}));'
    ended = subprocess.run(
        [node, "--input-type=module", "--eval", code],
        cwd=str(resources.files("olaria.web").joinpath("static")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_modules_of_others_are_the_listed_ones() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/vendor.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_each_word_of_the_page_is_said_and_each_that_it_says_is_there() -> None:
    files = (content.decode() for name, (content, _) in static().items() if "/" not in name)
    page = "\n".join(files)
    said = set(re.findall(r'\bt\("(\w+)"', page))
    assert said <= set(WORDS)
    begun = tuple(re.findall(r"\bt\(`(\w+)\$", page))
    named = re.findall(r'"(\w+)"|\$(\w+)|\b(\w+):', page)
    others = {name for found in named for name in found}
    unsaid = [name for name in WORDS if name not in said | others and not name.startswith(begun)]
    assert begun and unsaid == []


@pytest.mark.parametrize("factor", [0.0, 0.6, 0.95])
def test_a_smoothed_curve_is_a_filter_without_its_pull_to_zero(factor: float) -> None:
    values = np.random.default_rng(0).normal(size=50).cumsum() + 3
    found = in_node(f"lines.smoothed({values.tolist()}, {factor})")
    weights = 1 - factor ** np.arange(1, 51)
    expected = lfilter([1 - factor], [1, -factor], values) / weights
    assert found == pytest.approx(expected)


def test_a_gap_of_a_smoothed_curve_stays_one_and_counts_for_nothing() -> None:
    found = in_node("[lines.smoothed([4, null, 2, 1], 0.5), lines.smoothed([4, 2, 1], 0.5)]")
    assert found[0][1] is None
    assert [*found[0][:1], *found[0][2:]] == found[1]


def test_the_spread_of_seeds_lies_between_them_where_all_are() -> None:
    first = [0.0, 10.0, 20.0, 40.0], [5.0, 3.0, 4.0, 1.0]
    second = [5.0, 15.0, 35.0], [6.0, 2.0, 2.5]
    found = in_node(f"lines.spread({json.dumps([first, second])})")
    places = found["places"]
    assert (places[0], places[-1], places) == (5.0, 35.0, sorted(places))
    both = np.array([np.interp(places, *curve) for curve in (first, second)])
    assert found["low"] == pytest.approx(both.min(0))
    assert found["high"] == pytest.approx(both.max(0))
    assert found["mean"] == pytest.approx(both.mean(0))


def test_the_spread_has_the_gaps_of_each_and_needs_a_common_place() -> None:
    gap = in_node("lines.spread([[[0, 1, 2], [1, null, 1]], [[0, 1, 2], [2, 2, 2]]])")
    assert (gap["mean"][0], gap["mean"][-1]) == (1.5, 1.5)
    assert None in gap["mean"] and None in gap["low"]
    apart = in_node("lines.spread([[[0, 1], [1, 1]], [[2, 3], [1, 1]]])")
    assert apart == {"places": [], "low": [], "high": [], "mean": []}
