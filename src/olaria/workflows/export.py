"""Write a run in a form that other tools read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.errors import RunError, StorageError, UsageError
from olaria.i18n import N_, Message, Setting, detect_language
from olaria.numbers import Number
from olaria.vocabulary import ExportForm
from olaria.workflows.requests import AnyData, AnyRun, Checkpoint, Document, Request, setting
from olaria.workflows.requests.common import checkpoint_setting, place_setting, run_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.tokenizer import Tokenizer
    from olaria.export.card import Told
    from olaria.models.base import Model
    from olaria.runs import Run


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Request):
    """What ``export`` takes."""

    summary = N_("Write a run's model in a form that other tools read, or its training as a film.")

    run: AnyRun = run_setting()
    to: ExportForm = setting(
        N_(
            "which form; torch: plain PyTorch; onnx: graphs for onnxruntime; huggingface: for the Hugging "
            "Face hub, a GPT-2 as transformers reads it; tensorboard: the training's course; gif: the images "
            "of its training as a film"
        )
    )
    out: str | Path = setting(
        N_("the folder to make; of the form gif, the file"), metavar=N_("FOLDER|FILE")
    )
    checkpoint: Checkpoint | None = checkpoint_setting()
    run_data: AnyData | None = place_setting()

    def check(self) -> None:
        if self.to == "gif" and self.checkpoint is not None:
            raise UsageError(
                N_("{checkpoint} has no part in {to}: a film shows the whole training"),
                checkpoint=Setting("checkpoint"),
                to=Setting("to", "gif"),
            )


@verb(ExportRequest)
def export(request: ExportRequest, *, language: str | None = None) -> Document:
    """Write a run in another form: a folder, or a film's file, that is there whole or not at all.

    Args:
        language: of the folder's README; the user's own unless given.

    Raises:
        RunError: its weights are not finite, or it kept no images.
        StorageError: something is at ``out`` already.
        DataError: its tokenizer has no such form.
        OlariaError: the form needs packages that are not installed.
    """
    from olaria.workflows import given

    run = given.opened(request.run, request.run_data, setting="run_data")
    write = _FORMS[request.to]
    path = write(run, request.out, request.checkpoint, language or detect_language())
    return Document(format=1, run=run.name, form=request.to, path=str(path))


def export_huggingface(
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None = None,
    language: str = "en",
) -> Path:
    """A folder as the Hugging Face hub has them, of any family; see :func:`export`.

    A GPT-2 is written as the transformers library reads it, every other model as plain PyTorch.

    Args:
        run: any run.
        out: the folder to make.
        checkpoint: ``best``, ``last`` or a step.
        language: of its README.
    """
    from olaria.export.hub_folder import write_hub

    return _exported(write_hub, run, out, checkpoint, language)


def export_torch(
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None = None,
    language: str = "en",
) -> Path:
    """A folder that PyTorch alone opens, of any family; see :func:`export`.

    Args:
        run: any run.
        out: the folder to make.
        checkpoint: ``best``, ``last`` or a step.
        language: of its README.
    """
    from olaria.export.torch_folder import write_torch

    return _exported(write_torch, run, out, checkpoint, language)


def export_onnx(
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None = None,
    language: str = "en",
) -> Path:
    """A folder of graphs that onnxruntime runs, of any family; see :func:`export`.

    Args:
        run: any run.
        out: the folder to make.
        checkpoint: ``best``, ``last`` or a step.
        language: of its README.
    """
    from olaria.export.onnx_folder import check_installed, write_onnx

    free_place(out)
    check_installed()
    return _exported(write_onnx, run, out, checkpoint, language)


def export_tensorboard(
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None = None,
    language: str = "en",  # noqa: ARG001 (the folder has no prose)
) -> Path:
    """What ``--track tensorboard`` writes while a run trains, of any run; see :func:`export`.

    Args:
        run: any run that was trained.
        out: the folder to make.
        checkpoint: of the latent vectors: ``best``, ``last`` or a step.
        language: has no part in it.
    """
    from olaria.runs import opened_run
    from olaria.trackers import check_installed
    from olaria.workflows.tracking import write_tensorboard

    run = opened_run(run)
    out = free_place(out)
    check_installed("tensorboard")
    return whole_folder(out, lambda folder: write_tensorboard(run, folder, checkpoint))


def export_gif(
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None = None,  # noqa: ARG001 (a film shows the whole training)
    language: str = "en",
) -> Path:
    """The images of a run's training as a film; see :func:`export`.

    Args:
        run: one that drew images while it trained.
        out: the file to make.
        checkpoint: has no part in it.
        language: of the line below the images.
    """
    from olaria.export.gif import film
    from olaria.runs import opened_run
    from olaria.storage.files import new_files, write_bytes

    run, out = opened_run(run), Path(out)
    if out.exists():
        raise StorageError(
            N_("{path} already exists; choose another {out}"), path=str(out), out=Setting("out")
        )
    sheets = [path for path in run.samples() if path.suffix == ".png"]
    if not sheets:
        raise RunError(N_("run {name} kept no images of its training"), name=run.name)
    samples = [(int(path.stem.removeprefix("step-")), path) for path in sheets]

    def caption(step: int) -> str:
        return Message(N_("step {step}"), {"step": Number(step, 0)}).text(language)

    content = film(samples, caption)
    with new_files([[out]]):
        write_bytes(out, content)
    return out


_FORMS: dict[ExportForm, Callable[..., Path]] = {
    "huggingface": export_huggingface,
    "torch": export_torch,
    "onnx": export_onnx,
    "tensorboard": export_tensorboard,
    "gif": export_gif,
}


def _exported(
    write: Callable[[Run, Model, Tokenizer | None, Path, Told], None],
    run: str | Path | Run,
    out: str | Path,
    checkpoint: str | int | None,
    language: str,
) -> Path:
    """A folder that ``write`` fills."""
    from olaria.evaluation import METRICS
    from olaria.export.card import Told
    from olaria.families import MODELS
    from olaria.pages.labels import protocol_rows
    from olaria.runs import opened_run

    run, out = opened_run(run), free_place(out)
    tokenizer = run.tokenizer() if MODELS[run.family].data in ("text", "pairs") else None
    model = run.model(checkpoint)
    _check_finite(run, model)
    told = Told(checkpoint, language, METRICS, protocol_rows)
    return whole_folder(out, lambda folder: write(run, model, tokenizer, folder, told))


def _check_finite(run: Run, model: Model) -> None:
    """Refuse weights that compute nothing.

    Raises:
        RunError: one is not finite.
    """
    for name, value in model.state_dict().items():
        if not value.isfinite().all():
            raise RunError(
                N_(
                    "the weights of run {run} hold numbers that are not finite ({name}), so they are not exported; "
                    "name an earlier {checkpoint}"
                ),
                run=run.name,
                name=name,
                checkpoint=Setting("checkpoint"),
            )


def free_place(out: str | Path) -> Path:
    """The place of a folder to make.

    Raises:
        StorageError: something is there already, and it is no empty folder.
    """
    from olaria.storage.files import storage_errors

    out = Path(out)
    with storage_errors(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise StorageError(
                N_("{path} already exists and is not empty; choose another {out}"),
                path=str(out),
                out=Setting("out"),
            )
    return out


def whole_folder(out: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a folder beside ``out``, and give it that name once it is complete."""
    import tempfile  # here, since help pages can do without what it brings

    from olaria.storage.files import storage_errors

    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target: a rename is whole only within one file system.
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
        try:
            write(draft)
            draft.chmod(0o755)
            if out.is_dir():  # empty
                out.rmdir()
            draft.rename(out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return out
