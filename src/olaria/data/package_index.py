"""The Python package index as a plain file store: an archive by name, nothing installed or run.

The simple repository interface (PEP 503 pages in HTML, PEP 691 in JSON) leads from a project to its
files; the archive wanted is known by file name and SHA-256. Where to look is pip's configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from olaria.data.archives import Archive
from olaria.data.download import Downloader, DownloadFailed, Fetched, at
from olaria.data.obtained import Obtained
from olaria.data.pip_config import PipConfig, default_index, read_pip_config
from olaria.i18n import N_, Message

JSON_PAGE = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON_PAGE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MAX_PAGE_BYTES = 32_000_000


def fetch_archive(archive: Archive, downloader: Downloader, obtained: Obtained) -> bytes | None:
    """``archive`` from the first place pip would look that has it; None where none has.

    What went wrong is added to ``obtained``: to its notes where the bytes were not the right ones,
    to its absences where there were none.
    """
    config = read_pip_config()
    downloader.certificates = downloader.certificates or config.cert
    downloader.proxy = downloader.proxy or config.proxy
    for place, is_index in _places(config, offline=downloader.offline):
        page = _page_address(place, archive.project) if is_index else place
        try:
            content = _from_place(page, archive, downloader)
        except (DownloadFailed, OSError, ValueError) as error:
            obtained.absences.append(_why(page, error))
            continue
        if content is None:
            reason = Message(N_("no {file} there"), {"file": archive.file})
            obtained.absences.append(at(page, reason))
        elif hashlib.sha256(content).hexdigest() != archive.sha256:
            reason = Message(N_("{file} has the wrong SHA-256"), {"file": archive.file})
            obtained.notes.append(at(page, reason))
        else:
            return content
    return None


def _places(config: PipConfig, offline: bool) -> Iterator[tuple[str, bool]]:
    """(address or folder, whether it is an index), in pip's order; only local ones when offline."""
    for place in config.find_links:
        if not (offline and _is_remote(place)):
            yield place, False
    if config.no_index:
        return
    # pip is asked for its default last of all, since that takes a moment.
    first = config.index_url
    if first is None and not offline:
        first = default_index()
    for index in (first, *config.extra_index_urls):
        if index and not (offline and _is_remote(index)):
            yield index, True


def _from_place(page: str, archive: Archive, downloader: Downloader) -> bytes | None:
    """The archive by way of a page of links, or a folder."""
    folder = _local_path(page)
    if folder is not None:
        if (folder / archive.file).is_file():
            return (folder / archive.file).read_bytes()
        file = folder / "index.html" if folder.is_dir() else folder
        if not file.is_file():
            return None
        links = Fetched(file.read_bytes(), "text/html", file.resolve().as_uri())
    else:
        links = downloader.fetch(page, MAX_PAGE_BYTES, ACCEPT)
    address = _link_to(archive.file, links)
    if address is None:
        return None
    local = _local_path(address)
    if local is not None:
        # A page from the network has no business pointing at this machine's files.
        return local.read_bytes() if folder is not None and local.is_file() else None
    # Credentials of the index belong to its own host only.
    before, now = urlsplit(page), urlsplit(address)
    if "@" in before.netloc and before.hostname == now.hostname and "@" not in now.netloc:
        address = now._replace(netloc=before.netloc).geturl()
    return downloader.fetch(address, archive.size_bytes).content


def _link_to(file: str, page: Fetched) -> str | None:
    """The address of ``file`` on a project's page."""
    if page.media_type == JSON_PAGE:
        entries = json.loads(page.content).get("files", [])
        pairs = [(str(entry.get("filename")), str(entry.get("url"))) for entry in entries]
        base = page.url
    else:
        links = _Links()
        links.feed(page.content.decode("utf-8", "replace"))
        base = urljoin(page.url, links.base)
        pairs = [(unquote(urlsplit(href).path.rpartition("/")[2]), href) for href in links.hrefs]
    return next((urljoin(base, href) for name, href in pairs if name == file), None)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
        if tag == "base" and href:
            self.base = href


def _page_address(index: str, project: str) -> str:
    return f"{index.rstrip('/')}/{project}/"


def _is_remote(place: str) -> bool:
    return urlsplit(place).scheme in ("http", "https")


def _local_path(place: str) -> Path | None:
    """The path a ``file:`` address or a plain path means; None for an address of the network."""
    if _is_remote(place):
        return None
    parts = urlsplit(place)
    return (
        Path(url2pathname(parts.path))
        if parts.scheme == "file"
        else Path(os.path.expanduser(place))
    )


def _why(page: str, error: Exception) -> Message:
    if isinstance(error, DownloadFailed):
        return error.message
    return at(page, Message(N_("{reason}"), {"reason": str(error)}))
