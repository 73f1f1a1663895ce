"""Downloading over plain HTTP: short connect timeout, a cap on size, cut transfers noticed.

An address that does not answer is remembered, so that four files behind one dead host cost one
timeout and not four. Only ``http`` and ``https`` are ever opened, redirects included.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message as Headers
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from olaria.data.base import DownloadProgress, Progress
from olaria.errors import SourceError
from olaria.i18n import N_, Message

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 20.0
NUM_ATTEMPTS = 2
CHUNK_BYTES = 1 << 16
REPORT_EVERY_S = 0.1


class DownloadFailed(SourceError):
    """One address did not give the file; the next source is tried."""


@dataclass(frozen=True)
class Fetched:
    """An answer: its content, its media type and the address it finally came from."""

    content: bytes
    media_type: str
    url: str


@dataclass
class Downloader:
    """Fetches addresses for one ``load``, and remembers which hosts are dead.

    Args:
        progress: called about ten times a second, and once at the end of each file.
        offline: the caller wants no connection; :meth:`fetch` must not be called then.
        certificates: of an additional authority (pip's ``cert``), a file.
        proxy: for both schemes; else what the environment says.
    """

    progress: Progress | None = None
    offline: bool = False
    certificates: str | None = None
    proxy: str | None = None
    _dead: dict[str, Message] = field(default_factory=dict)

    def fetch(self, url: str, limit_bytes: int, accept: str = "*/*") -> Fetched:
        """The content at ``url``, at most ``limit_bytes`` of it.

        Raises:
            DownloadFailed: no connection, a refusal, a cut transfer (after a second attempt), or
                more than ``limit_bytes``.
        """
        assert not self.offline
        host = urlsplit(url).hostname or ""
        if host in self._dead:
            raise _failed(self._dead[host])
        for attempt in range(1, NUM_ATTEMPTS + 1):
            try:
                return self._fetch(url, limit_bytes, accept)
            except urllib.error.HTTPError as error:
                raise _failed(
                    at(url, Message(N_("HTTP error {code}"), {"code": error.code}))
                ) from None
            except urllib.error.URLError as error:
                self._dead[host] = at(host, _reason(error.reason))
                raise _failed(self._dead[host]) from None
            except (http.client.HTTPException, OSError, _Cut) as error:
                if attempt == NUM_ATTEMPTS:
                    raise _failed(at(url, _reason(error))) from None
        raise AssertionError("unreachable")

    def _fetch(self, url: str, limit_bytes: int, accept: str) -> Fetched:
        address, authorization = _without_credentials(url)
        request = urllib.request.Request(
            address,
            headers={"Accept": accept, "User-Agent": "olaria", "Accept-Encoding": "identity"},
        )
        if authorization:
            # Unredirected, so that another host never sees it.
            request.add_unredirected_header("Authorization", authorization)
        with self._opener.open(request, timeout=CONNECT_TIMEOUT_S) as answer:
            headers: Headers = answer.headers
            content = self._read(answer, limit_bytes, _length(headers), address)
            return Fetched(content, headers.get_content_type(), answer.url)

    def _read(self, answer: Any, limit_bytes: int, total: int | None, url: str) -> bytes:
        name = urlsplit(url).path.rpartition("/")[2]
        started = reported = time.monotonic()
        content = bytearray()
        while chunk := answer.read(CHUNK_BYTES):
            content += chunk
            if len(content) > limit_bytes:
                reason = Message(N_("more than the expected {limit} bytes"), {"limit": limit_bytes})
                raise _failed(at(url, reason))
            now = time.monotonic()
            if now - reported >= REPORT_EVERY_S:
                reported = now
                self._report(name, len(content), total, now - started)
        # http.client does not complain of a short answer read in pieces.
        if total is not None and len(content) != total:
            raise _Cut(f"{len(content)}/{total}")
        self._report(name, len(content), total, time.monotonic() - started)
        return bytes(content)

    def _report(self, name: str, done: int, total: int | None, elapsed_s: float) -> None:
        if self.progress is not None and name:
            self.progress(DownloadProgress(name, done, total, done / max(elapsed_s, 1e-9)))

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Only HTTP and HTTPS: the usual opener would also follow ``file:`` and ``ftp:``."""
        proxies = {"http": self.proxy, "https": self.proxy} if self.proxy else None
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(proxies),
            _HTTPHandler(),
            _HTTPSHandler(context=self._tls()),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.certificates and os.path.isfile(self.certificates):
            context.load_verify_locations(cafile=self.certificates)
        elif self.certificates and os.path.isdir(self.certificates):
            context.load_verify_locations(capath=self.certificates)
        return context


def shown(url: str) -> str:
    """An address without its credentials, query and fragment.

    >>> shown("https://me:secret@host.example/simple/?token=1")
    'https://host.example/simple/'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class _Cut(Exception):
    """The transfer ended before its announced length."""


class _HTTPConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self._create_connection = _connect  # http.client's own hook
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_S)


class _HTTPSConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self._create_connection = _connect
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_S)


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPConnection, req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._tls_context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPSConnection, req, context=self._tls_context)


def _connect(address: tuple[str, int], *_: object) -> socket.socket:
    """A connection within :data:`CONNECT_TIMEOUT_S` in all, name resolution included.

    ``socket.create_connection`` gives each of a host's addresses the whole timeout, and the name
    resolver knows none; behind a firewall that drops packets that adds up to minutes.
    """
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    failure: OSError = TimeoutError()
    for family, kind, protocol, _name, place in _resolve(*address):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(remaining)
            connection.connect(place)
            connection.settimeout(CONNECT_TIMEOUT_S)  # for the TLS handshake
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def _resolve(host: str, port: int) -> list[Any]:
    answers: list[Any] = []
    failures: list[OSError] = []

    def ask() -> None:
        try:
            answers.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT_S)
    if thread.is_alive():
        raise TimeoutError
    if failures:
        raise failures[0]
    return answers


def _without_credentials(url: str) -> tuple[str, str | None]:
    parts = urlsplit(url)
    user, at, netloc = parts.netloc.rpartition("@")
    address = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
    if not at:
        return address, None
    encoded = base64.b64encode(unquote(user).encode("utf-8")).decode("ascii")
    return address, f"Basic {encoded}"


def _length(headers: Headers) -> int | None:
    value = str(headers.get("Content-Length", ""))
    return int(value) if value.isdigit() else None


def _reason(error: object) -> Message:
    if isinstance(error, TimeoutError):
        return Message(N_("no answer"))
    if isinstance(error, socket.gaierror):
        return Message(N_("name not found (no network?)"))
    if isinstance(error, _Cut):
        return Message(N_("cut after {part} bytes"), {"part": str(error)})
    return Message(N_("{reason}"), {"reason": getattr(error, "strerror", None) or str(error)})


def at(place: str, reason: Message) -> Message:
    """What went wrong at an address (credentials left out) or in a folder."""
    place = shown(place) if "://" in place else place
    return Message(N_("{place}: {reason}"), {"place": place, "reason": reason})


def _failed(message: Message) -> DownloadFailed:
    return DownloadFailed(message.id, **message.fields)
