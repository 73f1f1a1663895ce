"""Where data sets are kept on this machine: Olaria's own folder, and a mirror that a class uses.

What the user wants remembered is ``settings.json`` in Olaria's own folder. Whatever a later Olaria keeps there stays.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from olaria.characters import encodable
from olaria.errors import DamagedError, StorageError
from olaria.i18n import N_
from olaria.storage.files import json_text, read_document, write_bytes
from olaria.storage.paths import folder_of, user_path

FORMAT = 1
VARIABLE = "OLARIA_MIRROR"


def home() -> Path:
    """Olaria's own folder: ``OLARIA_HOME``, else the user's cache folder of this system.

    Raises:
        StorageError: the user has no home folder.
    """
    named = folder_of("OLARIA_HOME")
    if named is not None:
        return named
    import platformdirs

    try:
        folder = Path(platformdirs.user_cache_dir("olaria", appauthor=False))
    except RuntimeError:  # nobody's home is known; older versions give a path that begins with ~
        folder = Path("~")
    if folder.is_absolute():
        return folder
    raise StorageError(
        N_("there is no home folder to keep data sets in; set OLARIA_HOME=DIR, a folder for them")
    )


def cache_folder() -> Path:
    """Where downloaded data sets are kept, one folder each."""
    return home() / "data"


def settings_path() -> Path:
    """The file of what is remembered for this user."""
    return home() / "settings.json"


@dataclass(frozen=True)
class Mirror:
    """A folder that data sets are taken from before any network.

    Args:
        folder: laid out ``<data set>/<file>``.
        by: what names it.
    """

    folder: Path
    by: Literal["OLARIA_MIRROR", "settings"]


def mirror() -> Mirror | None:
    """The mirror in use: that of ``OLARIA_MIRROR``, else the remembered one.

    Raises:
        StorageError: what is remembered cannot be read.
    """
    named = folder_of(VARIABLE)
    if named is not None:
        return Mirror(named, "OLARIA_MIRROR")
    try:
        path = settings_path()
    except StorageError:  # without a home folder nothing was ever remembered
        return None
    try:
        stored = _remembered(path).get("mirror")
    except DamagedError as error:
        raise StorageError(
            N_("{reason}; olaria data use DIR writes it anew"), reason=error.message
        ) from None
    return None if stored is None else Mirror(user_path(stored), "settings")


def mirror_folder() -> Path | None:
    """The folder of :func:`mirror`."""
    found = mirror()
    return None if found is None else found.folder


def remember_mirror(folder: Path | None) -> None:
    """Keep a mirror for all that this user does from now on; None forgets it.

    Raises:
        StorageError: it cannot be kept, or a newer Olaria wrote what is remembered.
    """
    path = settings_path()
    try:
        settings = _remembered(path)
    except DamagedError:
        settings = {}
    if folder is None and "mirror" not in settings and not path.exists():
        return
    settings.pop("mirror", None)
    if folder is not None:
        # The working folder is another next time; a link stays one, since a stick is mounted anew under it.
        settings["mirror"] = encodable(os.path.abspath(folder))
    write_bytes(path, json_text({**settings, "format": FORMAT}).encode(), cannot_write)


def _remembered(path: Path) -> dict[str, Any]:
    """The settings; none where the file is not there.

    Raises:
        DamagedError: it is there, and is no such file.
        StorageError: it cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    settings = read_document(path)
    named = settings.get("mirror")
    if named is not None and not (isinstance(named, str) and named.strip() and "\0" not in named):
        raise DamagedError(N_("{path} is damaged: its mirror is no folder"), path=str(path))
    return settings


def cannot_write(path: Path, error: OSError) -> StorageError:
    """The error of a file that data are kept in."""
    return StorageError(
        N_(
            "cannot write {path} ({reason}); free some space, or use another folder "
            "(OLARIA_HOME=DIR is where data sets are kept)"
        ),
        path=str(path),
        reason=error.strerror or str(error),
    )
