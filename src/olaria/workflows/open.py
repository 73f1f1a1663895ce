"""The Python side of a run: the same verbs as the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from olaria.runs import Run


class OpenRun:
    """A run with its verbs.

    >>> OpenRun.sample.__name__
    'sample'
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        return repr(self.run)

    def __fspath__(self) -> str:
        """The run's folder: an open run serves wherever a path does."""
        return str(self.run.path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)

    def sample(self, count: int | None = None, **options: Any) -> Any:
        """Images (N, C, H, W) in [0, 1], 64 unless ``count`` says; points (N, 2), 2,000 of them; or a text, a list of
        them where ``count`` is given; a translation, a list of them where ``prompt`` is one.

        Options as of ``draw`` in :mod:`olaria.kinds`: ``mode=``, ``prompt=``, ``temperature=``, ...
        """
        from olaria.kinds import draw

        return draw(self.run, count=count, **options).value

    def evaluate(self, **options: Any) -> dict[str, Any]:
        """See :func:`olaria.workflows.evaluate.evaluate`."""
        from olaria.workflows.evaluate import evaluate

        return evaluate(self.run, **options).to_json()

    def explain(self, lesson: str, *beside: Any, **options: Any) -> Any:
        """A lesson computed from this run; shows itself in a notebook. See :func:`olaria.workflows.explain.explain`.

        Args:
            lesson: an id of :data:`olaria.lessons.LESSONS`.
            *beside: further runs that it is set beside.
            **options: ``prompt``, ``seed``, ``language``.
        """
        from olaria.workflows.explain import explain

        others = [run.run if isinstance(run, OpenRun) else run for run in beside]
        return explain(lesson, runs=[self.run, *others], **options)

    def report(self, **options: Any) -> Path:
        """See :func:`olaria.workflows.report.report`."""
        from olaria.workflows.report import report

        return report([self.run], **options).path


def train(preset: str, **options: Any) -> OpenRun:
    """Train a preset and open its run; options as of :func:`olaria.workflows.train.train`."""
    from olaria.workflows.train import train as train_preset

    return OpenRun(train_preset(preset, **options))


def open_run(run: str | Path) -> OpenRun:
    """Open a run by name or path.

    Raises:
        RunError: there is none; the nearest name is offered.
    """
    return OpenRun(Run(run))
