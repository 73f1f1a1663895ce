"""What the folder of a run tells a tracker, each thing once."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any

from olaria.families import MODELS
from olaria.storage.files import parsed
from olaria.storage.folder import EVALUATION, EVENTS, METRICS, RECIPE, RunFolder
from olaria.trackers import About, Tracker

_OF_TOKENS = ("text", "pairs")


class Story:
    """Reads a run's folder for a tracker: a finished run at once, one that trains as it goes on.

    Values are those of metrics.jsonl under ``metric/split``. The learning rate and the speed are those of the step with
    which a row of the training ends, as events.jsonl has them.

    Args:
        folder: of the run.

    Raises:
        DamagedError: a file of the folder is not what its readers take.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        recipe = folder.read(RECIPE)
        began_s = folder.at(RECIPE).stat().st_mtime
        self.about = About(folder.path.resolve().name, folder.path, recipe, began_s)
        is_text = MODELS[recipe["model"]["family"]].data in _OF_TOKENS
        self._speed = f"speed/{'tokens' if is_text else 'examples'}_per_second"
        self._metrics = folder.at(METRICS)
        self._rows = folder.lines(METRICS)
        self._read_bytes = self._size()
        self._seconds = 0.0
        self._shown: set[str] = set()
        self._are_samples_new = True
        self._rates: dict[int, tuple[float | None, float | None]] = {}
        self._drawn_s: dict[int, float] = {}
        ends = {row["step"] for row in self._rows}
        for event in folder.lines(EVENTS):
            if event["event"] == "step" and event["step"] in ends:
                self.note_step(event["step"], event.get("learning_rate"), event.get("rate"))
            elif event["event"] == "sampled":
                self.note_sample(event["step"], event.get("elapsed_s", 0.0))

    def note_step(self, step: int, learning_rate: float | None, speed: float | None) -> None:
        """Keep what only the event of a step tells, for the row that it may end."""
        self._rates[step] = (learning_rate, speed)

    def note_sample(self, step: int, seconds: float) -> None:
        """Keep when a sample was drawn."""
        self._drawn_s[step] = seconds
        self._are_samples_new = True

    @property
    def has_metrics(self) -> bool:
        """Whether there is a row that was not told yet."""
        return bool(self._rows) or self._size() > self._read_bytes

    def tell(self, tracker: Tracker) -> None:
        """Tell the rows and the samples that were not told yet, by step."""
        samples = {path: int(path.stem.removeprefix("step-")) for path in self._new_samples()}
        for row in self._new_rows():
            while samples and next(iter(samples.values())) < row["step"]:
                self._tell_first(samples, tracker)
            split, step, self._seconds = row["split"], row["step"], row.get("elapsed_s", 0.0)
            values = {f"{name}/{split}": value for name, value in row["values"].items()}
            if split == "train" and step in self._rates:
                values["schedule/learning_rate"], values[self._speed] = self._rates[step]
            tracker.numbers(step, self._seconds, _with_nan(values))
        self._rates.clear()
        while samples:
            self._tell_first(samples, tracker)

    def _tell_first(self, samples: dict[Path, int], tracker: Tracker) -> None:
        """Tell the first of some samples, which is taken out of them; their steps ascend."""
        path = next(iter(samples))
        step = samples.pop(path)
        tell = tracker.picture if path.suffix == ".png" else tracker.words
        tell(step, self._drawn_s.get(step, self._seconds), path)

    def tell_evaluation(self, tracker: Tracker) -> None:
        """Tell what ``olaria eval`` measured, at the step of its checkpoint, where the run was evaluated."""
        found = self._folder.read(EVALUATION)
        if found is None:
            return
        split, step = found["protocol"].get("split", "test"), found["protocol"].get("checkpoint")
        numbers = {n: v for n, v in found["metrics"].items() if type(v) in (int, float)}
        values = {f"{name}/{split}": float(value) for name, value in numbers.items()}
        tracker.numbers(step if isinstance(step, int) else 0, self._seconds, values)

    def _new_samples(self) -> list[Path]:
        if not self._are_samples_new:
            return []
        self._are_samples_new = False
        new = [path for path in self._folder.samples() if path.name not in self._shown]
        self._shown.update(path.name for path in new)
        return new

    def _new_rows(self) -> list[dict[str, Any]]:
        rows, self._rows = self._rows, []
        if self._size() > self._read_bytes:  # a run that trains writes whole lines
            with self._metrics.open("rb") as file:
                file.seek(self._read_bytes)
                content = file.read()
            self._read_bytes += len(content)
            rows += map(parsed, content.splitlines())
        return rows

    def _size(self) -> int:
        try:
            return self._metrics.stat().st_size
        except FileNotFoundError:
            return 0


def _with_nan(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: nan if value is None else value for name, value in values.items()}
