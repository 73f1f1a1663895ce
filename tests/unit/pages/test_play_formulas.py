"""Formulas that stand in Python and in the page's script: both give the same numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from typing import Any

import numpy as np
import pytest
import torch

from olaria.i18n import agreeing
from olaria.lessons.base import Asked
from olaria.lessons.kl.scene import Mixture, Scene
from olaria.lessons.kl.steps import PEAKS
from olaria.lessons.kl.ways import ByTorch
from olaria.objectives.divergence import Gaussian, divergence, integrand
from olaria.pages.labels import number
from olaria.pages.lesson_page import difference
from olaria.pages.moving import round_above
from olaria.sampling.autoregressive import SamplingConfig, filter_logits
from olaria.sampling.latent import Walk, on_the_way

GAUSSIANS = [
    (0.0, 1.0, 1.0, 1.5),
    (-2.5, 0.2, 0.0, 1.0),
    (3.0, 3.9, -4.0, 0.6),
    (1.0, 1.0, 1.0, 1.0),
]
FILTERS = [(1.0, 40, 1.0), (0.5, 40, 1.0), (2.0, 5, 1.0), (1.0, 40, 0.5), (1.3, 12, 0.7)]
LOGITS = np.sort(np.random.default_rng(0).normal(size=40) * 2)[::-1]
NUMBERS = [
    0.0, 1.0, -0.5, 0.42, 2.1, 1234.5678, -1e-7, 3e-5, 1e6, 99999.5,
    1.283e-13, -1.283e-13, 1e-300, 9.9994e-6, 9.9996e-6, 1e-5,  # 9.9996e-6 is rounded to 0.00001
]  # fmt: skip


def in_node(code: str) -> Any:
    """What a module prints as JSON; ``./…`` are the modules of the pages."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: apt-get install nodejs")
    ended = subprocess.run(
        [node, "--input-type=module", "--eval", code],
        cwd=str(resources.files("olaria.pages").joinpath("play")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_areas_and_the_closed_form_are_pythons() -> None:
    found = in_node(
        f"""
import {{ areas, closedForm, integrand }} from "./gaussians.js";
console.log(JSON.stringify({json.dumps(GAUSSIANS)}.map(([a, b, c, d]) =>
  [closedForm([a, b], [c, d]), ...areas([a, b], [c, d]), integrand(0.3, [a, b], [c, d])])));"""
    )
    for case, told in zip(GAUSSIANS, found, strict=True):
        p, q = Gaussian(*case[:2]), Gaussian(*case[2:])
        area = divergence(p, q)
        at = float(integrand(p, q, np.array([0.3]))[0])
        expected = (area.closed_form_nats, area.positive_nats, area.negative_nats, at)
        assert told == pytest.approx(expected, rel=1e-5, abs=1e-5), case


def test_the_filter_is_the_samplers() -> None:
    found = in_node(
        f"""
import {{ filtered }} from "./next_token.js";
const logits = {json.dumps(LOGITS.tolist())};
console.log(JSON.stringify({json.dumps(FILTERS)}.map((rule) => filtered(logits, ...rule))));"""
    )
    for (t, k, p), told in zip(FILTERS, found, strict=True):
        config = SamplingConfig(temperature=t, top_k=k, top_p=p)
        kept = filter_logits(torch.tensor(LOGITS.copy())[None], config)
        assert told == pytest.approx(kept.softmax(-1)[0].tolist(), abs=1e-6), (t, k, p)


MIXTURES = [
    PEAKS,
    Mixture((0.3, 0.7), (Gaussian(-3.0, 0.4), Gaussian(1.0, 1.2))),
    Mixture((0.5, 0.5), (Gaussian(0.0, 1.0), Gaussian(0.5, 0.8))),
]


def test_the_best_fits_of_two_peaks_are_the_lessons() -> None:
    cases = [[m.weights, [(g.mean, g.std) for g in m.parts]] for m in MIXTURES]
    found = in_node(
        f"""
import {{ both, logMixture, moments, searched }} from "./peaks.js";
console.log(JSON.stringify({json.dumps(cases)}.map(([weights, parts]) => {{
  const p = {{ weights, parts }}, fits = [moments(p), ...parts.map((part) => searched(p, part))];
  return [fits, fits.map((q) => both(p, q)), logMixture(p, 0.3)];
}})));"""
    )
    way = ByTorch(Scene.of(Asked()))
    for p, (fits, nats, log_p) in zip(MIXTURES, found, strict=True):
        expected = [way.moments(p), *(way.searched(p, part) for part in p.parts)]
        assert np.array(fits) == pytest.approx(
            np.array([(q.mean, q.std) for q in expected]), abs=2e-4
        )
        again = [way.both(p, Gaussian(*q)) for q in fits]
        assert np.array(nats) == pytest.approx(np.array(again), rel=1e-6)  # means in float32
        assert log_p == pytest.approx(np.log(way.density(p, np.array([0.3]))[0]), abs=1e-9)


@pytest.mark.parametrize("path", ["spherical", "linear"])
def test_noise_on_the_way_is_the_samplers(path: Walk) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    found = in_node(
        f"""
import {{ between }} from "./walk.js";
const [a, b] = {json.dumps([a.tolist(), b.tolist()])}, isArc = {json.dumps(path == "spherical")};
console.log(JSON.stringify([...Array(7).keys()].map((k) => between(a, b, k / 6, isArc))));"""
    )
    expected = on_the_way(torch.tensor(a)[None], torch.tensor(b)[None], 7, path)[0]
    assert np.array(found) == pytest.approx(
        expected.numpy(), abs=1e-6
    )  # parts of the way in float32


@pytest.mark.parametrize("language", ["en", "pt"])
def test_numbers_are_written_as_python_writes_them(language: str) -> None:
    tag = {"en": "en", "pt": "pt-BR"}[language]
    small = [abs(value) for value in NUMBERS]
    found = in_node(
        f"""
import {{ roundAbove, tiny, written }} from "./numbers.js";
const numbers = {json.dumps(NUMBERS)}, small = {json.dumps(small)};
console.log(JSON.stringify([
  numbers.map((x) => written(x, undefined, "{tag}")), numbers.map((x) => written(x, 3, "{tag}")),
  small.map((x) => tiny(x, "{tag}")), small.filter((x) => x).map(roundAbove)]));"""
    )
    assert found[0] == [number(value, language) for value in NUMBERS]
    assert found[1] == [number(value, language, 3) for value in NUMBERS]
    assert found[2] == [difference(value, language) for value in small]
    assert found[3] == pytest.approx([round_above(value) for value in small if value])


def test_words_agree_with_their_counts_as_in_python() -> None:
    text = "{count} of {total} {total:run|runs}, {other}"
    asked: list[dict[str, object]] = [
        {"count": count, "total": total} for count in (0, 1) for total in (0, 1, 2, "1.000", "1")
    ]
    found = in_node(
        f"""
import {{ filled }} from "./numbers.js";
console.log(JSON.stringify({json.dumps(asked)}.map((fields) => filled({json.dumps(text)}, fields))));"""
    )
    expected = [
        agreeing(text, fields)
        .replace("{count}", str(fields["count"]))
        .replace("{total}", str(fields["total"]))
        for fields in asked
    ]
    assert found == expected and found[1] == "0 of 1 run, {other}"


def test_f7_a_name_in_a_saved_table_is_no_formula() -> None:
    rows = [["step", "=HYPERLINK(1)", "@x", "-2"], [-1, None, 'a "b", c', "a\rb"], ["\t=1", "+a"]]
    found = in_node(
        f"""
import {{ csv }} from "./csv.js";
console.log(JSON.stringify(csv({json.dumps(rows)})));"""
    )
    assert found.split("\r\n") == [
        "step,'=HYPERLINK(1),'@x,-2",
        '-1,,"a ""b"", c","a\rb"',
        "'\t=1,'+a",
        "",
    ], "a number below zero is one, also as text"


def test_names_in_a_plane_do_not_cover_each_other() -> None:
    wanted = [
        [150, 150, 10, 14],
        [152, 149, 10, 14],
        [150, 150, 60, 14],
        [299, 2, 40, 14],
        [20, 280, 10, 14],
    ]
    taken = [[150, 160, 50, 14]]
    found = in_node(
        f"""
import {{ apart }} from "./plane_view.js";
console.log(JSON.stringify(apart({wanted}, {taken}, 300)));"""
    )
    assert found[-1] == wanted[-1]  # nothing is in its way
    for (x, y, width, height), (left, top, *_) in zip(found, wanted, strict=True):
        assert width / 2 <= x <= 300 - width / 2 and height / 2 <= y <= 300 - height / 2
        assert np.hypot(x - left, y - top) < 60
    boxes = [*taken, *found]
    for i, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[:i]:
            across = abs(x - left) >= (width + wide) / 2 - 1e-9
            assert across or abs(y - top) >= (height + high) / 2 - 1e-9
