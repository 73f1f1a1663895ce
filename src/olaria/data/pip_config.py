"""What the user's pip is configured for: where it looks for packages, and how it gets there.

pip's own files and variables are read (https://pip.pypa.io/en/stable/topics/configuration), in its
order: global, user, environment (``sys.prefix``), ``PIP_CONFIG_FILE``, then ``PIP_*`` variables.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PIP_HELP_TIMEOUT_S = 30.0
SECTIONS = ("global", "download")
_DEFAULT_INDEX = re.compile(r"\(default\s+(https?://[^\s)]+)\)")


@dataclass(frozen=True)
class PipConfig:
    """pip's settings that say where packages are.

    Attributes:
        find_links: folders, pages or files to look into first.
        index_url: None where pip's own default applies.
        cert: a file of certificates, or None.
    """

    find_links: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    cert: str | None = None
    proxy: str | None = None


def read_pip_config(
    environ: Mapping[str, str] | None = None, files: list[Path] | None = None
) -> PipConfig:
    """pip's configuration.

    Args:
        environ: of the process where None.
        files: the configuration files, weakest first; pip's usual places where None.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, str] = {}
    for path in _files(environ) if files is None else files:
        values.update(_read(path))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            values[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return PipConfig(
        find_links=tuple(values.get("find-links", "").split()),
        index_url=values.get("index-url"),
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        no_index=values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        cert=values.get("cert"),
        proxy=values.get("proxy"),
    )


def default_index() -> str | None:
    """The index pip uses when nothing is configured: its help says so. None without pip."""
    try:
        told = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--help"],
            capture_output=True,
            text=True,
            timeout=PIP_HELP_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _DEFAULT_INDEX.search(told.stdout)
    return found[1] if found else None


def _files(environ: Mapping[str, str]) -> list[Path]:
    import platformdirs

    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    shared = platformdirs.site_config_dir("pip", appauthor=False, multipath=True)
    folders = [Path(folder) for folder in reversed(shared.split(os.pathsep))]
    files = [folder / name for folder in folders]
    if sys.platform != "win32":
        files.append(Path("/etc") / name)
    if not (named and Path(named).exists()):
        with suppress(RuntimeError):  # nobody's home is known
            files.append(Path.home() / ("pip" if sys.platform == "win32" else ".pip") / name)
            user = platformdirs.user_config_dir("pip", appauthor=False, roaming=True)
            files.append(Path(user) / name)
    files.append(Path(sys.prefix) / name)
    return [*files, Path(named)] if named else files


def _read(path: Path) -> dict[str, str]:
    """The settings of one file; one that pip itself could not read is as good as absent."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    values: dict[str, str] = {}
    for section in SECTIONS:
        if parser.has_section(section):
            items = parser.items(section)
            values.update({key.lower().replace("_", "-"): value for key, value in items})
    return values
