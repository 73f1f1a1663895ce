"""Draw from a run: images, points or text, as its kind of data has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting, detect_language
from olaria.storage.endings import FOLDER, refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import (
    BEAM,
    MAX_TOKENS,
    MODE,
    MOST_BEAM,
    NUM_IMAGES,
    NUM_POINTS,
    WALK,
    Mode,
    Solver,
    Unseen,
    Walk,
)
from olaria.workflows.files import new_place
from olaria.workflows.requests import (
    AnyData,
    AnyRun,
    Checkpoint,
    Request,
    Result,
    TwoClasses,
    setting,
)
from olaria.workflows.requests.common import (
    check_overwrite,
    checkpoint_setting,
    out_setting,
    overwrite_setting,
    place_setting,
    refuse_alone,
    run_setting,
    seed_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.kinds.base import Sample
    from olaria.runs import Run

PICTURE = ("mode", "label", "path", "attribute")
"""Settings that say which images."""
STEPS = ("steps", "solver", "guidance")
"""Settings that say how a model draws in steps."""
DRAW = (
    "max_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "stop",
)
"""Settings that say how the next token is drawn."""
TEXT = ("prompt", "unseen", *DRAW)
ASKED = ("count", "beam", *PICTURE, *STEPS, *TEXT)
"""Settings that a kind of data is asked for what it draws with; it refuses those that it does not have."""


@dataclass(frozen=True, kw_only=True)
class SampleRequest(Request):
    """What ``sample`` takes."""

    summary = N_("Draw images or text from a run.")

    run: AnyRun = run_setting()
    count: int | None = setting(
        N_("how many"),
        default=None,
        metavar="N",
        flag="-n",
        least=1,
        unless=Message(
            N_("{images} images, {points} points or one text"),
            {"images": NUM_IMAGES, "points": NUM_POINTS},
        ),
    )
    mode: Mode | None = setting(
        N_("which images; of points, prior or interpolate"), default=None, unless=MODE
    )
    label: int | None = setting(
        N_("images of one class, from 0"),
        default=None,
        metavar="K",
        flag="--class",
        least=0,
        unless=Message(N_("in turn")),
    )
    path: Walk | None = setting(N_("how the mode interpolate walks"), default=None, unless=WALK)
    attribute: TwoClasses | None = setting(
        N_("the classes that the mode attribute leads from and to, from 0"),
        default=None,
        metavar="K:L",
    )
    steps: int | None = setting(
        N_("of a model that draws in steps, how many"),
        default=None,
        metavar="N",
        least=1,
        unless=Message(N_("as the model has it")),
    )
    solver: Solver | None = setting(
        N_("what each of these steps does"),
        default=None,
        unless=Message(N_("as the model has it")),
    )
    guidance: float | None = setting(
        N_("above 1, such images agree more with their class and vary less"),
        default=None,
        metavar="W",
        least=0,
        unless="1",
    )
    prompt: str | None = setting(N_("where the text begins"), default=None, metavar=N_("TEXT"))
    max_tokens: int | None = setting(
        N_("how much text"), default=None, metavar="N", least=1, unless=str(MAX_TOKENS)
    )
    temperature: float | None = setting(
        N_("below 1 tamer, above 1 wilder text"), default=None, metavar="T", above=0, unless="1"
    )
    top_k: int | None = setting(
        N_("draw from the K likeliest tokens only"), default=None, metavar="K", least=1
    )
    top_p: float | None = setting(
        N_("draw from the likeliest that reach probability P"),
        default=None,
        metavar="P",
        above=0,
        most=1,
    )
    min_p: float | None = setting(
        N_("leave out what is under P times the likeliest"),
        default=None,
        metavar="P",
        least=0,
        most=1,
    )
    repetition_penalty: float | None = setting(
        N_("above 1, what stands there already comes less often"),
        default=None,
        metavar="R",
        above=0,
        unless="1",
    )
    stop: tuple[str, ...] = setting(
        N_("end before this text; may be repeated"), default=(), metavar=N_("TEXT")
    )
    beam: int | None = setting(
        N_("follow the N likeliest translations"),
        default=None,
        metavar="N",
        least=1,
        most=MOST_BEAM,
        unless=Message(N_("{count}, greedy"), {"count": BEAM}),
    )
    unseen: Unseen | None = setting(
        N_("what to do with an unknown character of the prompt"),
        default=None,
        unless=Message(N_("as in training")),
    )
    seed: int = seed_setting()
    data: AnyData | None = place_setting()
    checkpoint: Checkpoint | None = checkpoint_setting()
    out: str | Path | None = out_setting(
        N_("where to write; of images, FOLDER/ for each in a file"),
        unless=Message(N_("a free name for images, else nowhere")),
    )
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """What goes with what; before a run is opened."""
        check_overwrite(self)
        if self.path is not None and self.mode != "interpolate":
            raise refuse_alone(Setting("path"), Setting("mode", "interpolate"))
        if self.given(PICTURE) and self.given(TEXT):
            raise UsageError(
                N_(
                    "{mode} and {label} are for images, the settings of a prompt for text; give one kind"
                ),
                mode=Setting("mode"),
                label=Setting("label"),
            )
        if self.prompt == "":
            raise UsageError(
                N_("the prompt is empty; write where to begin, or leave {prompt} out"),
                prompt=Setting("prompt"),
            )
        if "" in self.stop:
            raise UsageError(
                N_("{path} cannot be {value}: {reason}"),
                path=Setting("stop"),
                value='""',
                reason=Message(
                    N_("it must have at least {limit} {limit:character|characters}"), {"limit": 1}
                ),
            )

    def given(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Those of the settings that were given."""
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value not in (None, ())}

    @property
    def has_folder(self) -> bool:
        """Whether each image gets a file of its own: ``out`` ends as folders do."""
        return self.out is not None and str(self.out).endswith((FOLDER, os.sep))


@dataclass(frozen=True)
class Drawn(Result):
    """What was drawn.

    Args:
        run: that drew it.
        request: that it answers.
        sample: images, points, texts or translations.
        file: where it was written, if anywhere.
    """

    run: Run
    request: SampleRequest
    sample: Sample
    file: Path | None = None

    @property
    def value(self) -> Any:
        """It as plain tensors or text."""
        return self.sample.value

    @property
    def seed(self) -> int | None:
        """Of the draws, which gives the same again; None where nothing is drawn at random."""
        from inspect import signature

        from olaria.kinds import kind_named

        draw = kind_named(self.run.recipe.kind).draw
        is_random = "seed" in signature(draw).parameters and self.request.mode != "manifold"
        return self.request.seed if is_random else None

    def saved(self) -> Drawn:
        """The same with its file: where the request says, else pictures under a free name."""
        request, out = self.request, self.request.out
        if self.file is not None or (out is None and self.sample.suffix != ".png"):
            return self
        if request.has_folder:
            self.sample.save_each(Path(str(out)), overwrite=request.overwrite)
            return replace(self, file=Path(str(out)))
        with new_place(request, f"{self.run.name}-samples", ".png") as path:
            self.sample.save(path, overwrite=True)
        return replace(self, file=path)

    def stream(self) -> Iterator[str]:
        """A text, piece by piece as it is drawn; nothing of what is no text."""
        return self.sample.stream()

    def to_json(self) -> dict[str, Any]:
        """The texts; of what is no text, where it is and its shape; and the seed of the draws."""
        drawn = self.sample.to_json(self.file)
        return {"format": 1, "run": self.run.name, "seed": self.seed, **drawn}


@verb(SampleRequest)
def sample(request: SampleRequest, *, language: str | None = None, offline: bool = False) -> Drawn:
    """Draw what the run's kind of data has.

    Args:
        language: of what pictures say of themselves; the user's own unless given.
        offline: open no connection.

    Returns:
        What was drawn; it is written where ``out`` is given, and pictures by :meth:`Drawn.saved`. A single text is
        drawn while it is read.

    Raises:
        UsageError: a setting would have no effect on this run.
        StorageError: a file is in the way.
    """
    from olaria.kinds import draw, kind_named
    from olaria.workflows.given import opened

    run = opened(request.run, request.data)
    if request.out is not None and not request.has_folder:
        refuse_overwriting(Path(request.out), request.overwrite)
    endings = kind_named(run.recipe.kind).endings
    refuse_other_endings(request.out, endings, folder=request.has_folder)
    given = request.given(ASKED)
    seed, no_connection = request.seed or None, offline or None
    found = draw(run, **given, seed=seed, checkpoint=request.checkpoint, offline=no_connection)
    drawn = Drawn(run, request, found.spoken(language or detect_language()))
    return drawn if request.out is None else drawn.saved()
