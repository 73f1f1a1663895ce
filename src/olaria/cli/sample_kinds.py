"""What ``olaria sample`` does with each kind of run: it draws images, codes, points or text, or it translates."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.cli import options
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.kinds.generate import ImageSample
    from olaria.runs import Run
    from olaria.sampling.autoregressive import SamplingConfig

SEPARATOR = "\n---\n"
"""Between two of several texts."""


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
    from olaria.data.codes import CODES
    from olaria.families import MODELS
    from olaria.storage.files import refuse_overwriting

    kind = MODELS[run.family].data
    if asked.beam is not None and kind != "pairs":
        raise UsageError(
            N_("--beam is for runs that translate; run {name} is a {family}"),
            name=run.name,
            family=run.family,
        )
    if asked.out is not None and not asked.each:
        refuse_overwriting(Path(asked.out), asked.overwrite)
    about_text = bool(asked.drawing or asked.prompt is not None or asked.unseen)
    if kind == "pairs":
        _translation(shell, run, asked)
    elif kind == "points":
        _points(shell, run, asked)
    elif run.recipe.data.name.startswith(CODES) and asked.prompt is None:
        _codes(shell, run, asked)
    elif about_text or (kind == "text" and not asked.picture):
        _text(shell, run, asked)
    else:
        _images(shell, run, asked)


def _only(run: Run, message: str, words: list[str]) -> None:
    """What would have no effect is an error."""
    if words:
        raise UsageError(message, name=run.name, words=", ".join(words))


def _images(shell: Shell, run: Run, asked: Asked) -> None:
    from olaria.kinds.generate import sample_images

    count: dict[str, Any] = {} if asked.count is None else {"count": asked.count}
    _pictures(
        shell, run, asked, partial(sample_images, run, **count, **asked.picture, **asked.where)
    )


def _codes(shell: Shell, run: Run, asked: Asked) -> None:
    """Codes are drawn at a temperature and no more."""
    from olaria.kinds.other_samples import sample_coded

    words = [word for word in asked.drawing_words if word != "--temperature"]
    _only(
        run,
        N_("run {name} paints codes: it takes -n and --temperature; leave out {words}"),
        words + ["--mode, --class"] * bool(asked.picture),
    )
    draw = partial(
        sample_coded,
        run,
        count=asked.count or 64,
        temperature=asked.config.temperature,
        seed=asked.seed,
        checkpoint=asked.checkpoint,
    )
    _pictures(shell, run, asked, draw)


def _pictures(shell: Shell, run: Run, asked: Asked, draw: Callable[[], ImageSample]) -> None:
    from olaria.kinds.generate import save_each, save_images

    drawn, path = draw(), asked.file(run)
    save = save_each if asked.each else save_images
    save(drawn, path, overwrite=asked.overwrite)
    _name_file(shell, run, asked, path, [*drawn.images.shape])


def _points(shell: Shell, run: Run, asked: Asked) -> None:
    """Points are drawn from noise alone."""
    from olaria.kinds.other_samples import sample_points, save_points

    words = asked.drawing_words + ["--prompt"] * (asked.prompt is not None)
    _only(
        run,
        N_("run {name} draws points: it takes -n, --seed and --out; leave out {words}"),
        words + ["--mode, --class"] * bool(asked.picture),
    )
    drawn, path = sample_points(run, count=asked.count or 2000, **asked.where), asked.file(run)
    save_points(drawn, path, overwrite=asked.overwrite)
    _name_file(shell, run, asked, path, [*drawn.points.shape])


def _name_file(shell: Shell, run: Run, asked: Asked, path: Path, shape: list[int]) -> None:
    if asked.as_json:
        shell.json({"format": 1, "run": run.name, "path": str(path), "shape": shape})
    else:
        shell.path(path)


def _text(shell: Shell, run: Run, asked: Asked) -> None:
    from olaria.kinds.generate import sample_text, sample_texts, save_text

    start, out, count = asked.prompt or "", asked.out, asked.count or 1
    how: dict[str, Any] = {**asked.where, "config": asked.config, "unseen": asked.unseen}
    if not asked.as_json and out is None and count == 1:
        pieces = sample_text(run, prompt=asked.prompt, **how)
        shell.piece(start)
        for piece in pieces:
            shell.piece(piece)
        shell.piece("\n")
        return
    texts = sample_texts(run, [asked.prompt] * count, **how)
    whole = SEPARATOR.join(start + text for text in texts)
    if out is not None:
        save_text(whole, Path(out), overwrite=asked.overwrite)
    if asked.as_json:
        document = {"format": 1, "run": run.name, "prompt": start, "path": out}
        shell.json({**document, "text": texts[0], "texts": texts})
    elif out is not None:
        shell.path(Path(out))
    else:
        shell.piece(whole + "\n")


def _translation(shell: Shell, run: Run, asked: Asked) -> None:
    """A translation is searched for, not drawn."""
    from olaria.kinds.generate import save_text
    from olaria.kinds.translate import translate_texts
    from olaria.sampling.translation import DecodingConfig

    _only(
        run,
        N_("run {name} translates: it takes --prompt and --beam; leave out {words}"),
        asked.drawing_words
        + ["--mode, --class"] * bool(asked.picture)
        + ["-n"] * (asked.count is not None),
    )
    config, prompt = DecodingConfig.parse({"beam": asked.beam or 1}), asked.prompt or ""
    looking: dict[str, Any] = {"unseen": asked.unseen, "checkpoint": asked.checkpoint}
    (text,) = translate_texts(run, [prompt], config=config, **looking)
    if asked.out is not None:
        save_text(text + "\n", Path(asked.out), overwrite=asked.overwrite)
    if asked.as_json:
        document = {"format": 1, "run": run.name, "prompt": prompt, "text": text}
        shell.json({**document, "path": asked.out})
    elif asked.out is not None:
        shell.path(Path(asked.out))
    else:
        shell.piece(text + "\n")
