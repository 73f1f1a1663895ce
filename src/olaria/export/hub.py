"""Folders to and from the Hugging Face hub, through its own library (huggingface.co/docs/huggingface_hub)."""

from __future__ import annotations

import inspect
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from olaria.data.base import Progress
from olaria.errors import OlariaError, StorageError
from olaria.export.hub_files import check_fetched_file, check_listed, travels
from olaria.export.hub_progress import Transfer
from olaria.i18n import N_, Setting

_SWITCHES = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY")
"""Xet keeps a second cache and threads of its own, outside of what is asked for here."""
_MADE_THERE = ".gitattributes"  # what a repository holds that was only made


def check_installed() -> None:
    """Refuse where the hub's library is missing.

    Raises:
        OlariaError: naming what to install.
    """
    if find_spec("huggingface_hub") is None:
        raise OlariaError(
            N_("the hub needs another package ({name}): pip install 'olaria[hub]' brings it"),
            name="huggingface_hub",
        )


def send(
    files: Sequence[Path], repository: str, *, is_public: bool, update: bool
) -> dict[str, Any]:
    """Make a repository and send files in one commit: all of them, or none.

    Args:
        files: plain files, each under its own name.
        repository: ``OWNER/NAME``, or a name of one's own.
        is_public: whether everyone may read it.
        update: whether a repository that holds files already gets one more commit.

    Returns:
        ``repository``, ``address``, ``commit``.

    Raises:
        OlariaError: there is no login, it may not write there, the repository holds files, or nobody answers.
    """
    with _hub(repository) as (api, _):
        from huggingface_hub import CommitOperationAdd
        from huggingface_hub.errors import RepositoryNotFoundError

        owner = api.whoami()["name"]
        repository = repository if "/" in repository else f"{owner}/{repository}"
        address = f"{api.endpoint}/{repository}"
        try:
            found = api.model_info(repository)
        except RepositoryNotFoundError:
            api.create_repo(repository, private=not is_public, repo_type="model")
        else:
            _check_found(found, address, is_public=is_public, update=update)
        commit = api.create_commit(
            repository,
            [CommitOperationAdd(path.name, str(path)) for path in files],
            commit_message="Update the model" if update else "Add the model",
            repo_type="model",
        )
    return {"repository": repository, "address": address, "commit": commit.oid}


def fetch(
    repository: str, revision: str | None, folder: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Bring the files of one commit that travel, each compared with its hash.

    Args:
        repository: ``OWNER/NAME``.
        revision: branch, tag or commit; the main branch unless given.
        folder: is there and empty.
        progress: gets how much has come, of all files together.

    Returns:
        ``address``, ``commit``, ``files`` (names and sizes), ``left_out`` (names).

    Raises:
        OlariaError: it is no model in safetensors, it does not fit here, or it cannot be reached.
    """
    with _hub(repository) as (api, address):
        found = api.model_info(repository, revision=revision, files_metadata=True)
        listed = sorted(
            (one for one in found.siblings or () if one.rfilename != _MADE_THERE),
            key=lambda one: one.rfilename,
        )
        files = [one for one in listed if travels(one.rfilename)]
        left_out = [one.rfilename for one in listed if one not in files]
        check_listed(files, left_out, folder, address)
        transfer = Transfer(repository, sum(one.size for one in files), progress)
        # Early versions of the library let nobody else draw their bars.
        takes_bars = "tqdm_class" in inspect.signature(api.hf_hub_download).parameters
        bars = {"tqdm_class": transfer.bars()} if takes_bars else {}
        done = 0
        for one in files:
            path = api.hf_hub_download(
                repository, one.rfilename, revision=found.sha, local_dir=str(folder), **bars
            )
            check_fetched_file(Path(path), one, address)
            done += one.size
            transfer.reached(done)
        shutil.rmtree(folder / ".cache", ignore_errors=True)  # the library's own notes
    sizes = [{"name": one.rfilename, "size_bytes": one.size} for one in files]
    return {"address": address, "commit": found.sha, "files": sizes, "left_out": left_out}


def _check_found(found: Any, address: str, *, is_public: bool, update: bool) -> None:
    """Refuse a repository that would show the files to everyone, or would replace some, unasked."""
    if not found.private and not is_public:
        raise StorageError(
            N_("{address} is public, so nothing was sent; {public} sends to it all the same"),
            address=address,
            public=Setting("public"),
        )
    if not update and any(one.rfilename != _MADE_THERE for one in found.siblings or ()):
        raise StorageError(
            N_("{address} holds files already, so nothing was sent; {update} adds a commit to it"),
            address=address,
            update=Setting("update"),
        )


@contextmanager
def _hub(repository: str) -> Iterator[tuple[Any, str]]:
    """The library's client, quiet, and a repository's address; what goes wrong becomes one line."""
    before = {name: os.environ.get(name) for name in _SWITCHES}
    os.environ.update(dict.fromkeys(_SWITCHES, "1"))
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    try:
        from huggingface_hub import HfApi, constants

        bars: Any = import_module("huggingface_hub.utils")  # its types do not name what it exports
        # Read once, when the library is imported, which may have been long ago.
        known = {name: getattr(constants, name, None) for name in _SWITCHES}
        for name in _SWITCHES:
            setattr(constants, name, True)
        logger.setLevel(logging.CRITICAL)
        has_bars = not bars.are_progress_bars_disabled()
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
        address = f"{endpoint}/{repository}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                bars.disable_progress_bars()
                yield HfApi(endpoint=endpoint, library_name="olaria"), address
        except Exception as error:
            raise _told(error, endpoint, address) from None
        finally:
            for name, value in known.items():
                setattr(constants, name, value)
            if has_bars:
                bars.enable_progress_bars()
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _told(error: Exception, endpoint: str, address: str) -> Exception:
    """The library's error in one line, without anything that was sent; one that is not the hub's stays itself."""
    from huggingface_hub import errors

    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) and len(chain) < 9:
        chain.append(inner)  # type: ignore[arg-type]
    fields = {"endpoint": endpoint, "address": address}
    for one in chain:
        if isinstance(one, OlariaError):
            return one
        if isinstance(one, errors.LocalTokenNotFoundError):
            return OlariaError(_NO_LOGIN, **fields)
        if isinstance(one, errors.OfflineModeIsEnabled):
            return OlariaError(N_("HF_HUB_OFFLINE is set, so {endpoint} is not asked"), **fields)
        for kind, text in (
            (errors.GatedRepoError, N_("{address} asks for its owner's leave; ask on its page")),
            (errors.RepositoryNotFoundError, _NO_REPOSITORY),
            (errors.RevisionNotFoundError, N_("{address} has no such revision; see its page")),
        ):
            if isinstance(one, kind):
                return OlariaError(text, **fields)
        if isinstance(one, errors.HfHubHTTPError):
            status = one.response.status_code
            return OlariaError(_STATUS.get(status, _ANSWERED), **fields, status=status)
    if any(isinstance(one, errors.HTTPError) for one in chain):  # type: ignore[attr-defined]
        return OlariaError(
            N_("{endpoint} gives no answer ({reason}); check the network, or HF_ENDPOINT"),
            **fields,
            reason=type(chain[-1]).__name__,
        )
    return error


_NO_LOGIN = N_("there is no login for {endpoint}: run hf auth login, or set HF_TOKEN")
_NO_REPOSITORY = N_(
    "{address} is not there, or is private: check the name, or run hf auth login as who may read it"
)
_ANSWERED = N_("{endpoint} answered with status {status}, so nothing was done; try again later")
_STATUS = {
    401: N_("{endpoint} does not take the login: run hf auth login again, or check HF_TOKEN"),
    403: N_("the login may not write to {address}: make a token that may write"),
    409: N_("{address} is there already, and this login cannot see it; choose another name"),
}
