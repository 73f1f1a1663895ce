"""A lesson's figures as what their template lays out: words in the reader's language, numbers in their notation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
from markupsafe import Markup

from olaria.i18n import N_, Message
from olaria.lessons.figures import (
    Bars,
    Choice,
    Cloud,
    Curve,
    Figure,
    Gaussians,
    Guess,
    Heat,
    Images,
    Live,
    NextToken,
    Plot,
    Scatter,
    Strip,
    Table,
    Tokens,
)
from olaria.lessons.texts import visible
from olaria.numbers import Number
from olaria.objectives.divergence import Gaussian, divergence
from olaria.pages import cells, drawing, moving
from olaria.pages.labels import number
from olaria.pages.live import settings_block
from olaria.pages.page import plain_words, rich_words
from olaria.pages.palette import BLUE
from olaria.pages.raster import image_uri

View = dict[str, Any]

MOST_ROWS = 80
"""Of the table behind a curve; of a longer one every second, third, … point is given."""
_SMALLEST_IMAGE, _LARGEST_IMAGE, _ONLY_IMAGE = 56, 140, 224
_STRIP_WIDTH = 660
_LETTER, _AROUND = (
    0.48,
    0.5,
)  # of a name above a map, in rem: its letters on average, and the room around it
_LEVEL = 3  # letters of names above a map that stand level
LONG_STRIP = 30
"""Images from which on a strip is small on paper, and goes on over sheets."""


class Views:
    """Makes the views of one language.

    Args:
        language: of words and numbers.
        play: names of the models that the page holds; what needs another one does not move.

    Attributes:
        parts: the live parts that were asked for, in order.
    """

    def __init__(self, language: str, play: Collection[str] | None = None) -> None:
        self.language, self.play = language, None if play is None else tuple(play)
        self.parts = dict[str, None]()

    def of(self, figure: Figure) -> View:
        """What the template needs of a figure; ``kind`` says which macro lays it out."""
        view = self._of(figure)
        return {"caption": rich_words(figure.caption, self.language), "tables": (), **view}

    def _of(self, figure: Figure) -> View:
        match figure:
            case Plot():
                return self._plot(figure)
            case Scatter():
                return self._scatter(figure)
            case Table():
                rows = cells.table_rows(figure, self.language)
                return {"kind": "table", "columns": self._names(figure.columns), "rows": rows}
            case Bars():
                return self._bars(figure)
            case Heat():
                return self._heat(figure)
            case Tokens():
                return {"kind": "tokens", "cells": cells.token_cells(figure, self.language)}
            case Images():
                return {"kind": "images", "strips": [self._strip(s) for s in figure.strips]}
            case Choice():
                return self._choice(figure)
            case Gaussians():
                return self._gaussians(figure)
            case NextToken():
                return self._next_token(figure)
            case Live():
                return self._live(figure)

    def _names(self, words: Sequence[Any]) -> list[Markup]:
        return cells.names(words, self.language)

    def _plain(self, words: Message | str) -> str:
        return plain_words(words, self.language)

    def _number(self, value: float, digits: int | None = None) -> str:
        return number(value, self.language, digits)

    # -- drawings ----------------------------------------------------------------------------------

    def _plot(self, figure: Plot) -> View:
        ends = [
            Message(
                N_("{name}: from {first} to {last}"),
                {"name": curve.name, "first": Number(curve.y[0]), "last": Number(curve.y[-1])},
            )
            for curve in figure.curves
            if len(curve.y)
        ]
        told = "; ".join([self._plain(figure.caption), *(self._plain(end) for end in ends)])
        tables = [
            self._columns([Curve(figure.x_label, curves[0].x, curves[0].x), *curves])
            for curves in _sharing(figure.curves)
        ]
        svg, narrow = (
            drawing.plot(figure, self.language, told, width)
            for width in (drawing.WIDTH, drawing.NARROW)
        )
        return {"kind": "drawing", "svg": svg, "narrow": narrow, "tables": tables}

    def _columns(self, curves: Sequence[Curve]) -> View:
        stride = -(-len(curves[0].x) // MOST_ROWS)
        columns = [np.asarray(curve.y, float)[::stride] for curve in curves]
        rows = [[self._number(value) for value in row] for row in zip(*columns, strict=True)]
        return {"title": "", "columns": self._names([c.name for c in curves]), "rows": rows}

    def _scatter(self, figure: Scatter) -> View:
        counts = [
            Message(
                N_("{name}: {count} {count:point|points}"), {"name": c.name, "count": len(c.points)}
            )
            for c in figure.clouds
        ]
        told = "; ".join([self._plain(figure.caption), *(self._plain(count) for count in counts)])
        return {
            "kind": "drawing",
            "svg": drawing.scatter(figure, self.language, told),
            "narrow": "",
            "tables": [self._cloud(cloud, figure) for cloud in figure.clouds],
        }

    def _cloud(self, cloud: Cloud, figure: Scatter) -> View:
        """Mean and deviation of each class: a thousand points are no reading."""
        points = np.asarray(cloud.points, float)
        labels = np.zeros(len(points), int) if cloud.labels is None else np.asarray(cloud.labels)
        names = figure.class_names if cloud.labels is not None else ()
        rows = []
        for label in np.unique(labels).tolist():
            some = points[labels == label]
            title = names[label] if label < len(names) else self._plain(cloud.name)
            numbers = (*some.mean(0), *some.std(0))
            rows.append([title, str(len(some)), *(self._number(value) for value in numbers)])
        axes = [self._plain(figure.x_label) or "x", self._plain(figure.y_label) or "y"]
        columns = [
            Message(N_("points of")),
            Message(N_("count")),
            *(Message(N_("mean of {name}"), {"name": axis}) for axis in axes),
            *(Message(N_("deviation of {name}"), {"name": axis}) for axis in axes),
        ]
        title = rich_words(cloud.name, self.language) if len(figure.clouds) > 1 else ""
        return {"title": title, "columns": self._names(columns), "rows": rows}

    # -- tables ------------------------------------------------------------------------------------

    def _bars(self, figure: Bars) -> View:
        first = cells.first_power(figure)
        scale = Message(
            N_(
                "The bars have a logarithmic scale that begins at {first}: equal lengths are equal factors."
            ),
            {"first": Number(first or 0.0)},
        )
        return {
            "scale": "" if first is None else rich_words(scale, self.language),
            "kind": "bars",
            "names": self._names(figure.labels),
            "columns": self._names([name for name, _ in figure.series]),
            "rows": cells.bar_rows(figure, self.language),
            "unit": rich_words(figure.unit, self.language),
        }

    def _heat(self, figure: Heat) -> View:
        columns = self._names(figure.columns)
        longest = max((len(column.striptags()) for column in columns), default=0)
        return {
            "kind": "heat",
            "names": self._names(figure.rows),
            "columns": columns,
            "rows": cells.heat_rows(figure, self.language),
            "row_title": rich_words(figure.row_title, self.language),
            "column_title": rich_words(figure.column_title, self.language),
            "unit": self._plain(figure.unit),
            "dense": len(columns) > cells.NARROW,
            "wide": len(columns) > cells.WIDE,
            # Upright names: the height of their row, in rem.
            "head": round(_LETTER * longest + _AROUND, 2) if longest > _LEVEL else None,
        }

    def _strip(self, strip: Strip) -> View:
        count = len(strip.images)
        largest = _LARGEST_IMAGE if count > 1 else _ONLY_IMAGE
        width = min(largest, max(_SMALLEST_IMAGE, _STRIP_WIDTH // max(1, count) - 10))
        title = rich_words(strip.title, self.language)
        plain = self._plain(strip.title)
        images = []
        for i, image in enumerate(strip.images):
            note = rich_words(strip.notes[i], self.language) if strip.notes else Markup("")
            alt = ", ".join(part for part in (plain, f"{i + 1}", note.striptags()) if part)
            images.append((image_uri(np.asarray(image)), note, alt))
        return {"title": title, "images": images, "width": width, "long": count > LONG_STRIP}

    # -- what moves --------------------------------------------------------------------------------

    def _choice(self, figure: Choice) -> View:
        controls = [
            {
                "name": rich_words(control.name, self.language),
                "labels": [self._label(label) for label in control.labels],
                "kind": control.kind,
                "start": control.start,
                "plays": control.plays,
            }
            for control in figure.controls
        ]
        sizes = [len(control.labels) for control in figure.controls]
        assert prod(sizes) == len(figure.figures), "a figure for each choice"
        start = 0
        for control, size in zip(figure.controls, sizes, strict=True):
            start = start * size + control.start
        return {
            "kind": "choice",
            "controls": controls,
            "panels": [self.of(each) for each in figure.figures],
            "names": [self._chosen(figure, i) for i in range(len(figure.figures))],
            "start": start,
            "printed": figure.printed or (start,),
        }

    def _label(self, words: Message | str) -> str:
        return visible(words) if isinstance(words, str) else self._plain(words)

    def _chosen(self, figure: Choice, index: int) -> str:
        """What is chosen, in words: “layer: 1, head: 2”."""
        words = []
        for control in reversed(figure.controls):
            index, place = divmod(index, len(control.labels))
            words.append(f"{self._plain(control.name)}: {self._label(control.labels[place])}")
        return ", ".join(reversed(words))

    def _gaussians(self, figure: Gaussians) -> View:
        p, q = Gaussian(*figure.p), Gaussian(*figure.q)
        found = divergence(p, q)
        return {
            "kind": "gaussians",
            "p": figure.p,
            "q": figure.q,
            "fixed_q": figure.fixed_q,
            "names": [rich_words(name, self.language) for name in figure.names],
            "svg": moving.gaussians(figure, self.language, self._plain(figure.caption)),
            "closed": self._number(found.closed_form_nats, 3),
            "positive": self._number(found.positive_nats, 3),
            "negative": self._number(found.negative_nats, 3),
            "sum": self._number(found.numerical_nats, 3),
        }

    def _next_token(self, figure: NextToken) -> View:
        logits = np.asarray(figure.logits, np.float64)
        weights = np.exp(logits - logits.max())
        probabilities = weights / weights.sum()
        order = np.argsort(-probabilities, kind="stable")
        largest = probabilities[order[0]]
        rows = [
            (
                visible(figure.tokens[i]),
                cells.Cell(self._number(p, 3), colour=BLUE, width=100 * p / largest),
            )
            for i in order[: figure.shown]
            for p in [float(probabilities[i])]
        ]
        data = [[visible(figure.tokens[i]), round(float(logits[i]), 5)] for i in order]
        return {"kind": "next-token", "rows": rows, "data": data, "shown": figure.shown}

    def _live(self, figure: Live) -> View:
        below = self.of(replace(figure.below, caption=figure.caption))
        play = self.play
        if play is None or not set(figure.models) <= set(play):
            return below
        self.parts[figure.part] = None
        return {
            "kind": "live",
            "part": figure.part,
            "models": [play.index(name) + 1 for name in figure.models],
            "settings": settings_block(figure.settings, self.language),
            "guess": None if figure.guess is None else self._guess(figure.guess),
            "below": below,
            "tables": below["tables"],
        }

    def _guess(self, guess: Guess) -> View:
        answers = [rich_words(answer, self.language) for answer in guess.answers]
        return {"text": rich_words(guess.text, self.language), "answers": answers}


def _sharing(curves: Sequence[Curve]) -> list[list[Curve]]:
    """Neighbouring curves over the same x."""

    def places(curve: Curve) -> bytes:
        return np.asarray(curve.x, float).tobytes()

    return [list(group) for _, group in groupby(curves, places)]
