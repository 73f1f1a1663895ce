"""What ``olaria sample`` does with each kind of run: it draws images, codes, points or text, or it translates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.cli import options
from olaria.cli.shell import Shell

if TYPE_CHECKING:
    from olaria.runs import Run
    from olaria.sampling.autoregressive import SamplingConfig


@dataclass(frozen=True)
class Asked:
    """The words of one command, read; None and {} stand for what was not given.

    Args:
        count: how many.
        picture: which images: ``mode``, ``label``, ``path``, ``attribute``.
        drawing: settings of a draw of text, fields of ``SamplingConfig``.
        config: the same, checked.
        prompt: where the text begins.
        unseen: what to do with an unknown character of the prompt.
        beam: translations followed.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        out: file to write.
        overwrite: it may be there.
        as_json: print JSON.
    """

    count: int | None
    picture: dict[str, Any]
    drawing: dict[str, Any]
    config: SamplingConfig
    prompt: str | None
    unseen: str | None
    beam: int | None
    seed: int
    checkpoint: str | None
    offline: bool
    out: str | None
    overwrite: bool
    as_json: bool

    @property
    def drawing_words(self) -> list[str]:
        """The options behind :attr:`drawing`."""
        return [f"--{name.replace('_', '-')}" for name in self.drawing]

    @property
    def where(self) -> dict[str, Any]:
        """What every draw is told."""
        return {"seed": self.seed, "checkpoint": self.checkpoint, "offline": self.offline}

    @property
    def each(self) -> bool:
        """Whether each image gets a file of its own: ``--out`` ends as folders do."""
        return self.out is not None and self.out.endswith(("/", os.sep))

    def file(self, run: Run) -> Path:
        """Where pictures go: as asked, else a free name after the run."""
        return (
            options.free_path(f"{run.name}-samples", ".png") if self.out is None else Path(self.out)
        )


def show(shell: Shell, run: Run, asked: Asked) -> None:
    """Draw what the run's family draws, and show it or write it and name the file.

    Raises:
        UsageError: words that would have no effect on this run, or a file that is there.
    """
    from olaria.kinds import draw
    from olaria.kinds.images import ImageSample
    from olaria.kinds.text import TextSample
    from olaria.storage.files import refuse_overwriting

    if asked.out is not None and not asked.each:
        refuse_overwriting(Path(asked.out), asked.overwrite)
    sample = draw(
        run,
        count=asked.count,
        **asked.picture,
        **asked.drawing,
        prompt=asked.prompt,
        unseen=asked.unseen,
        beam=asked.beam,
        seed=asked.seed or None,
        checkpoint=asked.checkpoint,
        offline=asked.offline or None,
    )
    path = None if asked.out is None else Path(asked.out)
    if path is None and sample.suffix == ".png":
        path = asked.file(run)
    if path is not None and asked.each and isinstance(sample, ImageSample):
        sample.save_each(path, overwrite=asked.overwrite)
    elif path is not None:
        sample.save(path, overwrite=asked.overwrite)
    if asked.as_json:
        shell.json({"format": 1, "run": run.name, **sample.to_json(path)})
    elif path is not None:
        shell.path(path)
    elif isinstance(sample, TextSample):
        for piece in sample.stream():
            shell.piece(piece)
        shell.piece("\n")
    else:
        shell.piece(sample.whole)  # type: ignore[attr-defined]
