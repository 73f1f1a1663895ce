"""Olaria in Python: the verbs of the command line as functions and as methods of a run, with the same settings."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from olaria.errors import UnknownNameError, suggestion
from olaria.i18n import N_, Message, detect_language, translate
from olaria.numbers import Number, format_number
from olaria.runs import Run
from olaria.storage.folder import RunFolder
from olaria.workflows import detect as detecting
from olaria.workflows import displays, given
from olaria.workflows import encode as encoding
from olaria.workflows import evaluate as evaluating
from olaria.workflows import explain as explaining
from olaria.workflows import export as exporting
from olaria.workflows import reconstruct as reconstructing
from olaria.workflows import report as reporting
from olaria.workflows import runs as listing
from olaria.workflows import sample as sampling
from olaria.workflows import train as training
from olaria.workflows.decoding import checked, decoded
from olaria.workflows.files import next_verbs
from olaria.workflows.recipe_settings import in_words, refuse_recipe_settings
from olaria.workflows.requests import Checkpoint, Document, Request, Result
from olaria.workflows.requests.forms import refused
from olaria.workflows.requests.verbs import check_besides, computing, describe
from olaria.workflows.warned import warn, warn_of
from olaria.workflows.words import LABELS, SHORT, STATES

if TYPE_CHECKING:
    from torch.nn import Module

    from olaria.kinds.images import ImageSample
    from olaria.training.events import Listener
    from olaria.workflows.history import History

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=Result)
INNER = {
    *("folder", "fractions", "model", "places", "places_setting", "shortest", "with_data_at"),
}
"""Of a run, what the verbs use and nobody types."""
BESIDES = {
    "effort": "how much is drawn, an olaria.kinds.base.Effort; by full unless given.",
    "language": "of what is written (en, pt); yours unless given.",
    "offline": "open no connection.",
    "progress": "a function that gets how far a download is.",
}
"""Of what a verb takes besides its settings, what a person at a notebook may want."""


def _documented(
    request: type[Request],
    verb: Callable[..., Any],
    *,
    without: Collection[str] = ("run",),
    first: Collection[str] = (),
) -> Callable[[F], F]:
    """Give a function the signature and the settings' help of a verb.

    Args:
        request: of the verb.
        verb: it.
        without: settings that the function fills in.
        first: parameters of the function itself, before the settings.
    """

    def decorate(function: F) -> F:
        own = inspect.signature(function).parameters
        before = [own[name] for name in first]
        known = {one.name for one in request.declared()}
        around = inspect.signature(verb).parameters
        besides = [one for name, one in around.items() if name in BESIDES and name not in known]
        besides += [one for one in own.values() if one.kind is one.KEYWORD_ONLY]
        besides = list({one.name: one for one in besides}.values())
        returns = inspect.signature(function).return_annotation
        skipped = {*without, *first, *(one.name for one in besides)}
        # A shell writes pictures and tables under a free name, Python returns them.
        in_memory = request not in (training.TrainRequest, reporting.ReportRequest)
        describe(
            function,
            request,
            without=skipped,
            before=before,
            besides=besides,
            returns=returns,
            unless={"out": "nothing is written"} if in_memory else {},
            words={one.name: BESIDES[one.name] for one in besides if one.name in BESIDES},
        )
        return function

    return decorate


class OpenRun(Run):
    """A run with the verbs of the command line. Each takes the command's settings by their names.

    Args:
        run: its name or folder, or an opened run.

    Raises:
        RunError: there is none; the nearest name is offered.
    """

    def __dir__(self) -> list[str]:
        names = (name for name in super().__dir__() if not name.startswith("_"))
        return sorted({*names} - INNER)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        # A notebook, or another process that gets the run, may change its working folder.
        self.folder = RunFolder(self.path.absolute())
        self.path = self.folder.path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return self.path.resolve() == other.path.resolve() and self.places == other.places

    def __hash__(self) -> int:
        return hash(self.path.resolve())

    if not TYPE_CHECKING:  # a type checker is to find what there is not

        def __getattr__(self, name: str) -> Any:
            # Python asks for names of its own before a run has any, when it is copied.
            if name.startswith("_"):
                raise AttributeError(name)
            hint = suggestion(name, dir(self))
            raise UnknownNameError(N_("a run has no {name}: {hint}"), name=name, hint=hint)

    @_documented(sampling.SampleRequest, sampling.sample, first=("self", "count"))
    def sample(self, count: int | None = None, **settings: Any) -> Any:
        """Draw from the run what its kind of data has.

        Args:
            count: how many: 64 images, 2,000 points or one text unless given.

        Returns:
            Images (N, C, H, W) in [0, 1] or points (N, 2), which serve as an array and have their tensor in ``.images``
            or ``.points``; a text, a list of them where ``count`` is given; a translation, a list of them where
            ``prompt`` is one.
        """
        prompt = settings.get("prompt")
        if isinstance(prompt, list | tuple):
            return self._translations(prompt, count=count, **settings)
        besides = {name: settings.pop(name) for name in BESIDES.keys() & settings.keys()}
        given = sampling.SampleRequest.of(run=self, count=count, **settings)
        with computing(given.threads):  # a text is drawn while it is read
            return sampling.sample(given, **besides).sample.for_python

    def _translations(self, prompts: Sequence[str], **settings: Any) -> Any:
        """Several texts at once, which no command takes."""
        from olaria.kinds import draw

        offline = settings.pop("offline", None)
        request = sampling.SampleRequest.of(run=self, **{**settings, "prompt": None})
        given = request.given(sampling.ASKED)
        given |= {"prompt": list(prompts), "seed": request.seed or None, "offline": offline}
        with computing(request.threads):
            drawn = sampling.Drawn(
                self, request, draw(self, **given, checkpoint=request.checkpoint)
            )
        return (drawn if request.out is None else drawn.saved()).sample.for_python

    @_documented(encoding.EncodeRequest, encoding.encode, first=("self",))
    def encode(self, *data: Any, **settings: Any) -> encoding.Encoded:
        """Latent vectors of images.

        ``data`` may also be images themselves, a NumPy array or a tensor: (N, H, W) or (N, H, W, C), uint8 or floating
        in [0, 1], or the pair of them and their classes.

        Returns:
            Serves as an array (N, latent), and has the tensor in ``.codes``.
        """
        return _warned(encoding.encode(self, *data, **settings))

    def decode(
        self, z: Any, *, y: Any | None = None, checkpoint: Checkpoint | None = None
    ) -> ImageSample:
        """Latent vectors to images.

        Args:
            z: (N, latent), floating: an array, a tensor or what :meth:`encode` gave.
            y: classes, (N,) whole numbers from 0, of a model that is given them; in turn where None.
            checkpoint: ``last``, ``best`` or a step.

        Returns:
            Images (N, C, H, W) in [0, 1]; of a VAE the means of its pixels.

        Raises:
            UsageError: the run is not of images, or ``y`` is given to a model without classes.
            DataError: a wrong shape or type, or values that are not finite.
        """
        return decoded(self, z, y, checkpoint)

    @_documented(reconstructing.ReconstructRequest, reconstructing.reconstruct, first=("self",))
    def reconstruct(self, *data: Any, **settings: Any) -> reconstructing.Rebuilt:
        """Images through the bottleneck and back; ``data`` as of :meth:`encode`.

        Returns:
            Serves as an array (N, C, H, W), and has the tensor in ``.images`` and each image's error in ``.errors``.
        """
        return _warned(reconstructing.reconstruct(self, *data, **settings))

    @_documented(detecting.DetectRequest, detecting.detect, first=("self",))
    def detect(self, *data: Any, **settings: Any) -> detecting.Detection:
        """Score images by how strange they are to the run; ``data`` as of :meth:`encode`."""
        return _warned(detecting.detect(self, *data, **settings))

    @_documented(
        evaluating.EvaluateRequest, evaluating.evaluate, first=("self",), without=("run", "nproc")
    )
    def evaluate(self, **settings: Any) -> evaluating.Evaluation:
        """Measure the run on what it was not trained on; every metric is kept in evaluation.json."""
        return evaluating.evaluate(self, **settings)

    @_documented(
        explaining.ExplainRequest,
        explaining.explain,
        without=("runs",),
        first=("self", "lesson", "beside"),
    )
    def explain(
        self, lesson: str | None = None, *beside: Any, **settings: Any
    ) -> explaining.Explained | explaining.Lessons:
        """A lesson computed from the run; a list of them where none is named.

        Args:
            lesson: an id of that list.
            beside: further runs that it is set beside.
        """
        return explaining.explain(lesson=lesson, runs=(self, *beside), **settings)

    @_documented(
        reporting.ReportRequest, reporting.report, without=("runs",), first=("self", "beside")
    )
    def report(self, *beside: Any, **settings: Any) -> reporting.Report:
        """Write the run up, with the runs ``beside`` it, as one page."""
        told = {"spoken": detect_language(), "notify": warn}
        return reporting.report(runs=(self, *beside), **told, **settings)

    def compare(self, *others: Any) -> listing.Compared:
        """This run and others side by side."""
        return listing.compare(runs=(self, *others))

    @_documented(exporting.ExportRequest, exporting.export, first=("self",))
    def export(self, **settings: Any) -> Document:
        """Write the run in a form that other tools read."""
        return exporting.export(self, **settings)

    @property
    def history(self) -> History:
        """What the training wrote down, as arrays: ``history.train["loss"].values``."""
        from olaria.workflows.history import History

        return History(self.metrics())

    def torch(self, checkpoint: Checkpoint | None = None) -> Module:
        """The model as a plain PyTorch module, in evaluation mode and without gradients; adapters are merged.

        Args:
            checkpoint: ``last``, ``best`` or a step; the best, where one was kept, or the last unless given.
        """
        return self.model(checked(checkpoint))

    def _repr_html_(self) -> str:
        """For notebooks: what it is, how far it is, and what may be done next."""
        from olaria.data.given import is_kept
        from olaria.families import MODELS

        words, result = displays.words, self.result
        steps = format_number(result.get("steps", self.status.get("step", 0)), detect_language(), 0)
        final = [_measured(name, value) for name, value in result.get("final", {}).items()]
        data = self.recipe.data.name
        data = words(N_("given in Python")) if is_kept(data) else Path(data).name
        rows = [
            (words(N_("run")), self.name),
            (words(N_("family")), words(MODELS[self.family].title)),
            (words(N_("data")), data),
            (words(N_("state")), words(STATES.get(self.state, self.state))),
            (words(N_("steps")), steps),
            *final,
        ]
        methods = {"eval": "evaluate"}
        calls = (f"run.{methods.get(verb, verb)}()" for verb in next_verbs(self.family))
        following = " · ".join([*calls, "run.history"])
        below = displays.line(words(N_("next: {steps}"), steps=following))
        return displays.table((), rows) + below


def _warned(result: T) -> T:
    """A verb's result, after its notes."""
    for note in result.notes:
        warn(note)
    return result


def _measured(name: str, value: Any) -> tuple[str, str]:
    """What a metric is called, and its value."""
    from olaria.pages.labels import metric_row

    language = detect_language()
    row = metric_row(name, value, language)
    short = LABELS.get(name) or SHORT.get(name)
    return translate(short, language) if short else row.name, row.value


@_documented(training.TrainRequest, training.train, without=("nproc",))
def train(
    *preset: Any,
    progress: bool | None = None,
    listeners: Sequence[Listener] = (),
    **settings: Any,
) -> OpenRun:
    """Train a preset, or your own data with it, and open the run.

    ``data`` is the name of a data set, a path, images (an array or tensor (N, H, W) or (N, H, W, C), uint8 or floating
    in [0, 1]), a pair of images and labels, points (N, 2), or a string that is a text. What should be known is an
    :class:`olaria.OlariaWarning`. In a notebook one line tells how far it is, what should be known stands under it, and
    the stop button ends the training after its step: the stopped run is returned, to be looked at, or to be gone on
    with by ``resume``. A script gets :class:`olaria.training.interruption.Interrupted` then. ``settings`` may also be a
    dictionary, ``{"model.latent": 2}``.

    Args:
        progress: tell how far it is; unless given, in a notebook.
        listeners: functions that get every event.

    Raises:
        OlariaError: in one line, what is wrong and what to do.
    """
    from olaria.training.interruption import INTERRUPTED_CODE, Interrupted
    from olaria.workflows import notebook

    check_besides({"listeners": listeners})
    known = {one.name for one in training.TrainRequest.declared()}
    known |= inspect.signature(train).parameters.keys()
    refuse_recipe_settings(preset[0] if preset else settings.get("preset"), settings.keys() - known)
    if "settings" in settings:
        settings["settings"] = in_words(settings["settings"])
    if progress is not None and not isinstance(progress, bool):
        raise refused("progress", progress, N_("it must be true or false"))
    is_notebook, reporter = notebook.in_notebook(), None
    if is_notebook if progress is None else progress:
        line = notebook.NotebookLine() if is_notebook else notebook.ScriptLine()
        reporter = notebook.ProgressReporter(line)
        settings["progress"], settings["notify"] = reporter.downloaded, reporter.message
        listeners = [reporter, *listeners]
    else:
        settings.setdefault("notify", warn)
        listeners = [warn_of, *listeners]
    try:
        run = OpenRun(training.train(*preset, listeners=listeners, **settings))
    except Interrupted as stopped:
        if not is_notebook or stopped.exit_code != INTERRUPTED_CODE:
            raise
        if reporter is not None:
            reporter.close()
        run = OpenRun(stopped.message.fields["path"])
        stopped_at = N_("stopped at step {step}, all is saved; go on with olaria.train(resume=run)")
        message = Message(stopped_at, {"step": Number(run.status["step"], 0)})
        notebook.ProgressReporter(notebook.NotebookLine()).message(message)
        return run
    if reporter is not None:
        reporter.close()
    return run


def open_run(run: str | os.PathLike[str], *, data: Any = None) -> OpenRun:
    """Open a run by name or path.

    Args:
        run: its name or folder, or an opened run.
        data: where the run's own data is now, if it was moved; or the data themselves.

    Raises:
        RunError: there is none; the nearest name is offered.
    """
    request = evaluating.EvaluateRequest.of(run=run, data=data)
    return OpenRun(request.run).with_data_at(*given.opened(request.run, request.data).places)
