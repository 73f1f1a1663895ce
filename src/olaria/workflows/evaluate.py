"""The verb ``evaluate``: measure a run on what it has not seen, and keep it in evaluation.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from olaria.errors import EvaluationError, LostProcessError, UsageError, suggestion
from olaria.i18n import N_, Message
from olaria.workflows.requests import AnyData, AnyRun, Checkpoint, Request, Result, setting
from olaria.workflows.requests.common import (
    checkpoint_setting,
    nproc_setting,
    place_setting,
    refuse_processes,
    run_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress
    from olaria.kinds.base import Effort
    from olaria.training.team import Team


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(Request):
    """What ``evaluate`` takes."""

    summary = N_("Measure a run on what it has not seen.")

    run: AnyRun = run_setting()
    metrics: tuple[str, ...] = setting(
        N_("show only this metric, by its key or its name; may be repeated"),
        default=(),
        metavar=N_("METRIC"),
        flag="--metric",
        unless=Message(N_("all")),
    )
    full: bool = setting(
        N_("also what takes long: the corrected likelihood of a VAE"), default=False
    )
    data: AnyData | None = place_setting()
    checkpoint: Checkpoint | None = checkpoint_setting()
    nproc: int | None = nproc_setting(N_("measure in N processes that share the work"))
    threads: int | None = threads_setting()

    def check(self) -> None:
        """Every metric must be one that there is; it may be called as the tables call it."""
        from olaria.evaluation.naming import key_named

        keys = dict.fromkeys(map(key_named, self.metrics))
        object.__setattr__(self, "metrics", tuple(keys))

    @classmethod
    def words(cls) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The metrics: key and title of each."""
        from olaria.evaluation import METRICS

        return N_("Metrics"), tuple((key, metric.title) for key, metric in METRICS.items())


@dataclass(frozen=True)
class Evaluation(Result):
    """What was measured.

    Args:
        run: its name.
        family: of its model.
        protocol: how it was measured.
        metrics: every metric of the family; None where one is unavailable.
        reasons: why, for each that is None.
        chosen: metrics to show; all where empty.
    """

    run: str
    family: str
    protocol: dict[str, Any]
    metrics: Mapping[str, Any]
    reasons: Mapping[str, Message] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()

    def showing(self, names: tuple[str, ...]) -> Evaluation:
        """The same with fewer metrics; with all where none are named.

        Raises:
            UsageError: the run has no such metric.
        """
        from olaria.evaluation.naming import named

        for name in names:
            if name not in self.metrics:
                raise UsageError(
                    N_("metric {name} does not apply here: {hint}"),
                    name=named(name),
                    hint=suggestion(name, self.metrics),
                )
        kept = {name: self.metrics[name] for name in names or self.metrics}
        return replace(self, chosen=names, metrics=kept)

    @property
    def notes(self) -> tuple[Message, ...]:
        """What the numbers cannot be read without."""
        found, copies = [], self.protocol.get("num_examples_in_training")
        if copies:
            text = N_(
                "{count} of {total} test {total:image|images} {count:is also a training "
                "image|are also training images}: the numbers say less of new ones"
            )
            total = self.protocol.get("num_images", self.protocol["num_examples"])
            found.append(Message(text, {"count": copies, "total": total}))
        if self.protocol.get("likelihood") == "gaussian":
            found.append(
                Message(
                    N_(
                        "the nats are those of a density: they may fall below 0 without end, "
                        "and are not compared with those of other pixels"
                    )
                )
            )
        return tuple(found)

    def __repr__(self) -> str:
        return f"<evaluation of {self.run}: {', '.join(self.chosen or self.metrics)}>"

    def _repr_html_(self) -> str:
        """For notebooks: each metric with its unit, and why the others have no value."""
        from olaria.i18n import detect_language
        from olaria.pages.labels import NOTHING, evaluation_rows, missing
        from olaria.workflows.displays import line, table, words

        found = evaluation_rows(self.to_json(), detect_language())
        rows = [
            (row.name, f"{row.value}\N{NO-BREAK SPACE}{row.better}".rstrip(), row.explanation)
            for row in found
            if row.value != NOTHING
        ]
        without = [line(f"{', '.join(names)}: {why or NOTHING}") for why, names in missing(found)]
        return table((words(N_("metric")), words(N_("value")), ""), rows, (1,)) + "".join(without)

    def to_json(self) -> dict[str, Any]:
        """``{"format", "run", "family", "protocol", "metrics", "reasons"}``, of the metrics to show."""
        names = self.chosen or tuple(self.metrics)
        reasons = {
            name: reason.to_json()
            for name, reason in self.reasons.items()
            if name in names or not self.chosen
        }
        return {
            "format": 1,
            "run": self.run,
            "family": self.family,
            "protocol": self.protocol,
            "metrics": {name: self.metrics[name] for name in names},
            "reasons": reasons,
        }


@verb(EvaluateRequest)
def evaluate(
    request: EvaluateRequest,
    *,
    effort: Effort | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    team: Team | None = None,
) -> Evaluation:
    """Measure a run. All its metrics are stored as evaluation.json, whichever are to be shown.

    Args:
        effort: how much is drawn; by ``full`` unless given.
        offline: open no connection.
        progress: gets what is downloaded.
        team: of the processes that measure together, of which the first keeps what is found; alone unless given.

    Raises:
        UsageError: no such metric.
        EvaluationError: another process of the team is lost.
    """
    from olaria.evaluation.gathered import Gathered
    from olaria.kinds import kind_named
    from olaria.kinds.base import FULL, SEED, STANDARD
    from olaria.sharing import Sharing
    from olaria.storage.folder import EVALUATION
    from olaria.workflows.given import opened

    if team is None:
        refuse_processes(request.nproc)
    run = opened(request.run, request.data)
    run.folder.at(EVALUATION)  # where it cannot be stored, nothing is measured
    effort = effort or (FULL if request.full else STANDARD)
    if team is not None:
        effort = replace(effort, sharing=Sharing(team.summed, team.joined))
    step, _ = run.checkpoint(request.checkpoint)
    model = run.model(request.checkpoint)  # first: no model is told before data is read
    data = run.data(offline=offline, progress=progress)
    kind = kind_named(run.recipe.kind)
    try:
        measured = kind.measure(run, model, data, effort, offline)
    except LostProcessError as error:
        raise EvaluationError(
            N_("another process ended or cannot be reached ({reason}); measure again"),
            reason=error.message.fields["reason"],
        ) from None
    protocol = {
        "data": data.name,
        "data_sha256": data.sha256,
        "split": kind.split,
        "seed": SEED,
        "checkpoint": step,
        "ema": run.recipe.training.ema > 0,
        "precision": "float32",
        **measured.protocol,
    }
    kept = Gathered.of(measured.metrics, measured.reasons)
    found = Evaluation(run.name, run.family, protocol, kept.metrics, kept.reasons)
    shown = found.showing(request.metrics)
    if team is None or team.is_first:
        run.folder.write(EVALUATION, found.to_json())
    return shown
