"""What a search for settings varies: ``training.learning_rate=1e-4..1e-2 log`` or ``model.activation=relu,gelu``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.i18n import N_, Setting

if TYPE_CHECKING:
    from olaria.recipes import Recipe

EXAMPLE = "training.learning_rate=1e-4..1e-2 log"
VARIED = ("model", "training")
"""Sections of a recipe that a search may change: the data stay, so that values compare."""
ENDS = ("training.steps", "training.budget")
_RANGE = re.compile(r"(\S+?)\.\.(\S+?)(?:\s+(\S+))?")


@dataclass(frozen=True)
class Dimension:
    """One setting that is varied.

    Args:
        path: of the setting.
        low: the least value of a range.
        high: the largest.
        log: whether the range is searched by its logarithm.
        whole: whether it holds whole numbers alone.
        choices: values to choose from, instead of a range.
    """

    path: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def suggested(self, trial: Any) -> Any:
        """The value that an Optuna trial proposes."""
        if self.choices:
            words = [json.dumps(value) for value in self.choices]
            return json.loads(trial.suggest_categorical(self.path, words))
        if self.whole:
            return trial.suggest_int(self.path, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that the recipe must take: both ends of a range, or each choice."""
        kind = int if self.whole else float
        return self.choices or (kind(self.low), kind(self.high))


def parse_space(words: Sequence[str], recipe: Recipe) -> tuple[Dimension, ...]:
    """The dimensions of a search, each checked against the recipe.

    Args:
        words: ``NAME=LOW..HIGH``, ``NAME=LOW..HIGH log`` or ``NAME=A,B,C``.
        recipe: whose settings are varied.

    Raises:
        UsageError: a word of another form, a range without a width, or a setting that is not the model's or of the
            training.
        ConfigError: a setting that there is not, or a value that it does not take.
    """
    dimensions = tuple(map(parse_dimension, words))
    seen = set[str]()
    for one in dimensions:
        if one.path in seen:
            raise UsageError(
                N_("{search} names {path} twice"), search=Setting("search"), path=one.path
            )
        seen.add(one.path)
        section = one.path.partition(".")[0]
        if section not in VARIED and section in type(recipe).model_fields:
            raise UsageError(
                N_(
                    "{search} varies settings of the model and the training, and {path} is none: "
                    "values of other data or seeds do not compare"
                ),
                search=Setting("search"),
                path=one.path,
            )
        if one.path in ENDS:
            raise UsageError(
                N_("how long a trial trains is not searched; set it by {steps} or {budget}"),
                steps=Setting("steps"),
                budget=Setting("budget"),
            )
        for value in one.ends:
            recipe.updated(one.path, value)
    return dimensions


def parse_dimension(word: str) -> Dimension:
    """One word of a search.

    >>> parse_dimension("model.latent=4..64 log")
    Dimension(path='model.latent', low=4.0, high=64.0, log=True, whole=True, choices=())
    >>> parse_dimension("model.hidden=[64],[256, 256]").choices
    ([64], [256, 256])

    Raises:
        UsageError: it has another form.
    """
    path, equals, text = (part.strip() for part in word.partition("="))
    if not equals or not path or not text:
        raise UsageError(
            N_("{search} {word} has no range; write it as {example}"),
            search=Setting("search"),
            word=word,
            example=Setting("search", EXAMPLE),
        )
    found = _RANGE.fullmatch(text)
    if found is None:
        return Dimension(path, choices=_choices(word, text))
    low, high = _number(found[1]), _number(found[2])
    log = found[3] == "log"
    if low is None or high is None or found[3] not in (None, "log"):
        raise _refused(word, N_("a range is LOW..HIGH, or LOW..HIGH log"))
    if low >= high:
        raise _refused(word, N_("the first end of a range is below the second"))
    if log and low <= 0:
        raise _refused(word, N_("a range by its logarithm begins above 0"))
    whole = all(re.fullmatch(r"[+-]?\d+", end) for end in (found[1], found[2]))
    return Dimension(path, low, high, log, whole)


def _choices(word: str, text: str) -> tuple[Any, ...]:
    from olaria.config import parse_value

    parts, depth, begin = list[str](), 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append(text[begin:place])
            begin = place + 1
    parts.append(text[begin:])
    values = tuple(parse_value(part.strip()) for part in parts)
    if len(values) < 2:
        raise _refused(word, N_("it is neither a range LOW..HIGH nor several values with commas"))
    return values


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _refused(word: str, reason: str) -> UsageError:
    from olaria.i18n import Message

    return UsageError(
        N_("{search} cannot be {word}: {reason}"),
        search=Setting("search"),
        word=word,
        reason=Message(reason),
    )
