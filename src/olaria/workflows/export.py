"""Write a run in a form that other tools read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.errors import RunError, StorageError
from olaria.i18n import N_, Setting
from olaria.vocabulary import ExportForm
from olaria.workflows.requests import AnyRun, Checkpoint, Document, Request, setting
from olaria.workflows.requests.common import checkpoint_setting, run_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.runs import Run


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Request):
    """What ``export`` takes."""

    summary = N_("Write a run's model in a form that other tools read.")

    run: AnyRun = run_setting()
    to: ExportForm = setting(N_("which form; huggingface: the folder of a GPT-2 for transformers"))
    out: str | Path = setting(N_("the folder to make"), metavar=N_("FOLDER"))
    checkpoint: Checkpoint | None = checkpoint_setting()


@verb(ExportRequest)
def export(request: ExportRequest) -> Document:
    """Write a run in another form; see :func:`export_huggingface`."""
    from olaria.runs import opened_run

    run = opened_run(request.run)
    path = export_huggingface(run, request.out, checkpoint=request.checkpoint)
    return Document(format=1, run=run.name, form=request.to, path=str(path))


def export_huggingface(
    run: str | Path | Run, out: str | Path, *, checkpoint: str | int | None = None
) -> Path:
    """A GPT-2 folder for the transformers library; it is there whole or not at all.

    Args:
        run: a run of the preset ``gpt2-shakespeare``, or tuned from a GPT-2.
        out: the folder to make.
        checkpoint: ``best``, ``last`` or a step.

    Raises:
        RunError: the run's model has no such form.
        StorageError: something is at ``out`` already.
        DataError: its tokenizer has no such form.
    """
    from olaria.export.gpt2 import write_gpt2
    from olaria.models.language import LanguageModel
    from olaria.runs import opened_run
    from olaria.storage.files import storage_errors

    run = opened_run(run)
    out = Path(out)
    with storage_errors(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise StorageError(
                N_("{path} already exists and is not empty; choose another {out}"),
                path=str(out),
                out=Setting("out"),
            )
    if run.family != "language" or getattr(run.recipe.model, "rung", None) != "gpt":
        raise RunError(
            N_(
                "run {name} is a {family}, which is not of GPT-2's form; "
                "train gpt2-shakespeare to have one that can be exported"
            ),
            name=run.name,
            family=getattr(run.recipe.model, "rung", run.family),
        )
    tokenizer, model = run.tokenizer(), run.model(checkpoint)
    assert isinstance(model, LanguageModel)
    import tempfile

    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target: a rename is whole only within one file system.
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
        try:
            write_gpt2(model, tokenizer, draft)
            draft.chmod(0o755)
            if out.is_dir():  # empty
                out.rmdir()
            draft.rename(out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return out
