"""The Hugging Face hub: send a run's model there, and bring a folder from there. Nothing else contacts it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import DataError, SourceError
from olaria.i18n import N_, Message, Setting
from olaria.workflows.requests import AnyData, AnyRun, Checkpoint, Document, Request, setting
from olaria.workflows.requests.common import checkpoint_setting, place_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress


def _repository_setting() -> Any:
    return setting(N_("OWNER/NAME on the hub"), metavar=N_("REPOSITORY"), positional=True)


@dataclass(frozen=True, kw_only=True)
class PushRequest(Request):
    """What ``hub push`` takes."""

    summary = N_(
        "Send a run's model to the Hugging Face hub; only you can see it unless you say so."
    )

    run: AnyRun = setting(
        N_("a run, or a folder that olaria export --to huggingface made"),
        metavar=N_("RUN|FOLDER"),
        positional=True,
    )
    repository: str = _repository_setting()
    public: bool = setting(N_("let everyone see it"), default=False)
    update: bool = setting(
        N_("add a commit to a repository that holds files already"), default=False
    )
    checkpoint: Checkpoint | None = checkpoint_setting()
    run_data: AnyData | None = place_setting()


@dataclass(frozen=True, kw_only=True)
class PullRequest(Request):
    """What ``hub pull`` takes."""

    summary = N_("Bring a model's folder from the Hugging Face hub: safetensors, and no pickle.")

    repository: str = _repository_setting()
    out: str | Path = setting(N_("the folder to make"), metavar=N_("FOLDER"), positional=True)
    revision: str | None = setting(
        N_("branch, tag or commit"),
        default=None,
        metavar=N_("NAME"),
        unless=Message(N_("the main branch")),
    )


@verb(PushRequest)
def push(request: PushRequest, *, offline: bool = False, language: str | None = None) -> Document:
    """Send a model: a run as ``export --to huggingface`` writes it, or a folder as it is, in one commit.

    Args:
        offline: open no connection.
        language: of a run's card; the user's own unless given.

    Raises:
        OlariaError: see :func:`olaria.export.hub.send` and :func:`olaria.workflows.export.export`.
    """
    import tempfile  # here, since help pages can do without what it brings

    from olaria.export.hub import send
    from olaria.export.hub_files import is_model_folder, sent_files
    from olaria.workflows.export import export

    _check(request.repository, offline)
    with tempfile.TemporaryDirectory(prefix="olaria-hub-") as scratch:
        folder = Path(request.run)
        if not is_model_folder(folder):
            folder = Path(scratch) / "model"
            export(
                run=request.run,
                to="huggingface",
                out=folder,
                checkpoint=request.checkpoint,
                run_data=request.run_data,
                language=language,
            )
        elif request.checkpoint is not None:
            raise DataError(
                N_("{path} is a folder of one model, and {checkpoint} chooses among a run's"),
                path=str(folder),
                checkpoint=Setting("checkpoint"),
            )
        files, left_out = sent_files(folder)
        sizes = [{"name": path.name, "size_bytes": path.stat().st_size} for path in files]
        sent = send(files, request.repository, is_public=request.public, update=request.update)
    return Document(format=1, **sent, public=request.public, files=sizes, left_out=left_out)


@verb(PullRequest)
def pull(
    request: PullRequest, *, offline: bool = False, progress: Progress | None = None
) -> Document:
    """Bring the files of a model into a new folder, which is there whole or not at all.

    Args:
        offline: open no connection.
        progress: gets how much has come.

    Raises:
        OlariaError: see :func:`olaria.export.hub.fetch`.
        StorageError: something is at ``out`` already.
    """
    from olaria.export.gpt2 import MOST_CONFIG_BYTES
    from olaria.export.hub import fetch
    from olaria.export.hub_files import CODE, CONFIG
    from olaria.export.strict_json import read_object
    from olaria.workflows.export import free_place, whole_folder

    out = free_place(request.out)
    _check(request.repository, offline)
    fetched: dict[str, Any] = {}
    path = whole_folder(
        out,
        lambda draft: fetched.update(fetch(request.repository, request.revision, draft, progress)),
    )
    model_type = None
    with suppress(DataError):  # told when the folder is used
        model_type = read_object(path / CONFIG, MOST_CONFIG_BYTES).get("model_type")
    return Document(
        format=1,
        repository=request.repository,
        path=str(path),
        model_type=model_type if isinstance(model_type, str) else None,
        has_code=(path / CODE).is_file(),
        **fetched,
    )


def _check(repository: str, offline: bool) -> None:
    """Refuse what needs no connection to be refused.

    Raises:
        OlariaError: the name is none, the library is missing, or no connection may be opened.
    """
    from olaria.data.sources import is_offline
    from olaria.export.hub import check_installed
    from olaria.export.hub_files import check_repository

    check_repository(repository)
    check_installed()
    if offline or is_offline():
        raise SourceError(
            N_("the hub was not asked for {name}: --offline or OLARIA_OFFLINE is set"),
            name=repository,
        )
