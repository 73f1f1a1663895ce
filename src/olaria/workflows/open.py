"""The Python side of a run: the same verbs as the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from olaria.i18n import N_
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

    def sample(self, count: int | None = None, **options: Any) -> Any:
        """Images (N, C, H, W) in [0, 1], 64 unless ``count`` says; points (N, 2), 2,000 of them; or a text, a list of
        them where ``count`` is given.

        Options as of :mod:`olaria.kinds.generate`: ``mode=``, ``prompt=``, ``temperature=``, ...
        """
        from olaria.families import MODELS
        from olaria.kinds.generate import sample_images, sample_text, sample_texts
        from olaria.kinds.other_samples import sample_points

        if MODELS[self.run.family].data == "images":
            return sample_images(self.run, count=64 if count is None else count, **options).images
        if MODELS[self.run.family].data == "points":
            return sample_points(self.run, count=2000 if count is None else count, **options).points
        if MODELS[self.run.family].data == "pairs":
            return self._translated(count, **options)
        drawing = {k: options.pop(k) for k in SamplingConfig.model_fields.keys() & options.keys()}
        options["config"] = SamplingConfig.parse(drawing)
        if count is not None:
            return sample_texts(self.run, [options.pop("prompt", None)] * count, **options)
        return "".join(sample_text(self.run, **options))

    def _translated(self, count: int | None, prompt: str | Sequence[str], **options: Any) -> Any:
        """One text or a list of them; ``beam`` and ``length_penalty`` as of :class:`DecodingConfig`."""
        from olaria.errors import UsageError
        from olaria.kinds.translate import translate_texts
        from olaria.sampling.translation import DecodingConfig

        if count is not None:
            raise UsageError(N_("a run that translates takes a list of texts instead of a count"))
        search = {k: options.pop(k) for k in DecodingConfig.model_fields.keys() & options.keys()}
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        found = translate_texts(self.run, texts, config=DecodingConfig.parse(search), **options)
        return found[0] if isinstance(prompt, str) else found

    def evaluate(self, **options: Any) -> dict[str, Any]:
        """See :func:`olaria.workflows.evaluate.evaluate`."""
        from olaria.workflows.evaluate import evaluate

        return evaluate(self.run, **options)

    def explain(self, lesson: str, *beside: Any, **options: Any) -> Any:
        """A lesson computed from this run; shows itself in a notebook. See :func:`olaria.workflows.explain.explain`.

        Args:
            lesson: an id of :data:`olaria.lessons.LESSONS`.
            *beside: further runs that it is set beside.
            **options: ``prompt``, ``seed``, ``language``.
        """
        from olaria.workflows.explain import explain

        others = [run.run if isinstance(run, OpenRun) else run for run in beside]
        return explain(lesson, [self.run, *others], **options)

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
