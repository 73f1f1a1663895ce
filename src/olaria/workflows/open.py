"""The Python side of a run: the same verbs as the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from olaria.runs import Run
from olaria.sampling.autoregressive import SamplingConfig


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

    def sample(self, count: int = 64, **options: Any) -> Any:
        """Images (N, C, H, W) in [0, 1], or a text with ``prompt=``; options as of :mod:`olaria.workflows.generate`."""
        from olaria.models import MODELS
        from olaria.workflows.generate import sample_images, sample_text

        if MODELS[self.run.family].data == "images":
            return sample_images(self.run, count=count, **options).images
        drawing = {k: options.pop(k) for k in SamplingConfig.model_fields.keys() & options.keys()}
        return "".join(sample_text(self.run, config=SamplingConfig.parse(drawing), **options))

    def evaluate(self, **options: Any) -> dict[str, Any]:
        """See :func:`olaria.workflows.evaluate.evaluate`."""
        from olaria.workflows.evaluate import evaluate

        return evaluate(self.run, **options)

    def report(self, **options: Any) -> Path:
        """See :func:`olaria.workflows.report.report`."""
        from olaria.workflows.report import report

        return report([self.run], **options)


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
