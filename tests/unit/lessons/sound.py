"""What the tests of lessons demand of steps: checks that hold, figures that fit together, texts that are complete."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from olaria.i18n import LANGUAGES
from olaria.lessons.base import Step
from olaria.lessons.figures import (
    Bars,
    Choice,
    Figure,
    Heat,
    Images,
    Live,
    NextToken,
    Plot,
    Scatter,
    Table,
    Tokens,
)


def all_figures(figures: Sequence[Figure]) -> Iterator[Figure]:
    """Some figures, those that a choice shows one at a time, and those beneath a live part."""
    for figure in figures:
        yield figure
        if isinstance(figure, Choice):
            yield from all_figures(figure.figures)
        if isinstance(figure, Live):
            yield from all_figures((figure.below,))


def assert_sound(
    steps: Sequence[Step],
    *,
    figures: bool = False,
    source: bool = False,
    unchecked: Callable[[Step], bool] = lambda step: False,
    widest: int | None = None,
    most_choices: int = 40,
) -> None:
    """Checks hold, figures fit together, and every text can be put into words in both languages.

    Args:
        steps: of a lesson.
        figures: whether each step must have one.
        source: whether each must name the functions that made its numbers.
        unchecked: which steps may go without a check.
        widest: rows and columns of a heat map, at most.
        most_choices: figures of one choice, at most.
    """
    assert steps
    for step in steps:
        title = step.title.text()
        assert step.checks or unchecked(step), title
        assert step.figures or not figures, title
        assert step.source or not source, title
        for language in LANGUAGES:
            assert step.title.text(language)
            assert "{" not in step.title.text(language) + step.text.text(language), title
        for check in step.checks:
            assert check.count > 0
            assert check.holds, (title, check.text.text(), check.difference)
        for figure in all_figures(step.figures):
            assert_fits(figure, widest, most_choices)


def assert_fits(figure: Figure, widest: int | None = None, most_choices: int = 40) -> None:
    """Names and numbers of a figure are as many as each other; see :func:`assert_sound`."""
    caption = figure.caption
    assert isinstance(caption, str) or "{" not in caption.text("en") + caption.text("pt")
    match figure:
        case Plot():
            assert 0 < len(figure.curves) <= 6
            for curve in figure.curves:
                assert curve.x.shape == curve.y.shape and curve.x.size
                assert np.isfinite(curve.y).all()
                assert curve.kind == "points" or (np.diff(curve.x) >= 0).all()
        case Bars():
            assert {len(values) for _, values in figure.series} == {len(figure.labels)}
        case Heat():
            assert figure.values.shape == (len(figure.rows), len(figure.columns))
            assert widest is None or max(figure.values.shape) <= widest
        case Images():
            assert len({len(strip.images) for strip in figure.strips}) == 1
            for strip in figure.strips:
                assert strip.images.ndim == 4 and strip.images.shape[1] in (1, 3)
                assert len(strip.notes) in (0, len(strip.images))
                most = 255 if strip.images.dtype == np.uint8 else 1
                assert 0 <= strip.images.min() <= strip.images.max() <= most
        case Scatter():
            for cloud in figure.clouds:
                assert cloud.points.ndim == 2 and cloud.points.shape[1] == 2
                assert cloud.labels is None or len(cloud.labels) == len(cloud.points)
                assert cloud.labels is None or cloud.labels.max() < len(figure.class_names)
            if figure.surface is not None:
                assert figure.extent is not None
                assert 0 <= figure.surface.min() <= figure.surface.max() <= 1
            assert figure.arrows is None or figure.arrows.shape[1] == 4
        case Table():
            assert {len(row) for row in figure.rows} == {len(figure.columns)}
        case Tokens():
            assert figure.values is None or len(figure.values) == len(figure.tokens)
            assert len(figure.notes) in (0, len(figure.tokens))
        case NextToken():
            assert len(figure.tokens) == len(figure.logits)
        case Choice():
            count = math.prod(len(control.labels) for control in figure.controls)
            assert len(figure.figures) == count <= most_choices
            assert all(0 <= place < count for place in figure.printed)
            assert all(0 <= control.start < len(control.labels) for control in figure.controls)


def failing(steps: Sequence[Step]) -> list[int]:
    """Places of the steps with a check that does not hold."""
    return [i for i, step in enumerate(steps) if not all(check.holds for check in step.checks)]


def make_wrong(
    monkeypatch: pytest.MonkeyPatch, way: type, method: str, wrong: Callable[[Any], Any]
) -> None:
    """Let a method of a way to compute give what ``wrong`` makes of the right values."""
    right = getattr(way, method)
    monkeypatch.setattr(way, method, lambda *words: wrong(right(*words)))
