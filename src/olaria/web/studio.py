"""Start the studio: one local server of one folder of runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.i18n import N_, Setting
from olaria.workflows.requests import Request, Result, setting

if TYPE_CHECKING:
    from socket import socket as Socket

    from olaria.web.app import Studio

LOOPBACK = "127.0.0.1"
PORT = 8717
"""Unless it is taken by somebody else."""
LEAST_TOKEN = 8
CLOSING_S = 2
"""Seconds that open connections have when the studio ends."""
BACKLOG, MOST_CONNECTIONS = 128, 256


@dataclass(frozen=True, kw_only=True)
class StudioRequest(Request):
    """What ``studio`` takes."""

    summary = N_("Open the studio in the browser: train, watch and look inside, on this machine.")

    folder: str | Path | None = setting(
        N_("a folder of runs"), default=None, metavar=N_("DIR"), positional=True
    )
    host: str | None = setting(
        N_("let other machines in by this address, such as 0.0.0.0; it needs a token"),
        default=None,
        metavar=N_("ADDRESS"),
        unless=LOOPBACK,
    )
    port: int | None = setting(
        N_("where to listen; 0 takes a free one"),
        default=None,
        metavar="N",
        least=0,
        most=65535,
        unless=str(PORT),
    )
    token: str | None = setting(
        N_("the password of this studio, for reading too"), default=None, metavar=N_("TOKEN")
    )
    no_browser: bool = setting(N_("only print the address"), default=False)

    def check(self) -> None:
        """Other machines need a token that cannot be guessed by trying a few."""
        if self.host is not None and self.token is None and not _is_loopback(self.host):
            raise UsageError(
                N_("{host} lets other machines in: give a {token} too, which they must know"),
                host=Setting("host", self.host),
                token=Setting("token"),
            )
        if self.token is not None and not _is_token(self.token):
            raise UsageError(
                N_("{token} must have at least {count} letters or digits, and - or _ between them"),
                token=Setting("token"),
                count=LEAST_TOKEN,
            )


def _is_loopback(host: str) -> bool:
    from olaria.web.hosts import is_loopback  # a help page needs no sockets

    return is_loopback(host)


def _is_token(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return len(text) >= LEAST_TOKEN and plain.isascii() and plain.isalnum()


@dataclass(frozen=True)
class Opened(Result):
    """A studio that listens.

    Args:
        folder: of its runs.
        url: to open; what stands after # never reaches a log.
        is_open: whether other machines may ask.
    """

    folder: str
    url: str
    is_open: bool

    def to_json(self) -> dict[str, Any]:
        """Where it is."""
        return {"format": 1, "runs": self.folder, "url": self.url, "is_open": self.is_open}


def studio(request: StudioRequest, ready: Callable[[Opened], None]) -> None:
    """Serve the studio until it is stopped.

    Args:
        request: what it is started with.
        ready: gets where it is, once it listens.

    Raises:
        UsageError: an extra is missing, the address is taken, or there is no such folder.
    """
    import secrets

    try:
        import uvicorn

        from olaria.web.app import create_app
        from olaria.web.patience import PatientProtocol
    except ImportError as error:
        if not (error.name or "").startswith(("uvicorn", "fastapi", "starlette")):
            raise
        raise UsageError(
            N_("the studio needs another package ({name}): pip install 'olaria[studio]' brings it"),
            name=error.name,
        ) from None
    from olaria.web.hosts import hosts_of, reachable

    home = _home(request.folder)
    host = request.host or LOOPBACK
    listening = _listening(host, request.port)
    token = request.token or secrets.token_urlsafe(24)
    app = create_app(home, token, hosts=hosts_of(host), guards_reading=request.token is not None)
    port = listening.getsockname()[1]
    url = f"http://{reachable(host)}:{port}/#token={token}"
    ready(Opened(str(home), url, not _is_loopback(host)))
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSING_S,
        limit_concurrency=MOST_CONNECTIONS,
    )
    with listening:
        _server(config, app).run(sockets=[listening])


def _server(config: Any, app: Studio) -> Any:
    """A server that tells its open streams when it is about to end: they end by themselves."""
    import uvicorn

    from olaria.web.patience import answer_first

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[Socket] | None = None) -> None:
            answer_first()
            await super().startup(sockets)

        def handle_exit(self, *words: Any) -> None:
            app.is_closing = True
            super().handle_exit(*words)

    return Server(config)


def _home(folder: str | Path | None) -> Path:
    from olaria.storage.folder import runs_home
    from olaria.storage.paths import user_path

    home = runs_home() if folder is None else user_path(folder)
    if folder is not None and not home.is_dir():
        raise UsageError(N_("there is no folder {path}"), path=str(home))
    return home.absolute()


def _listening(host: str, port: int | None) -> Socket:
    """A socket that is bound once: what is printed is where the studio is.

    Raises:
        UsageError: it cannot be bound.
    """
    import socket

    found: Socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, PORT if port is None else port, type=socket.SOCK_STREAM
        )[0]
        found = socket.socket(family, kind, protocol)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # on Windows, SO_REUSEADDR would share the port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
        except OSError:
            if port is not None:
                raise
            found.bind((address[0], 0, *address[2:]))
        found.listen(BACKLOG)
    except OSError as error:
        if found is not None:
            found.close()
        raise UsageError(
            N_("cannot listen at {host}, port {port} ({reason}): choose another {setting}"),
            host=host,
            port=PORT if port is None else port,
            reason=error.strerror or str(error),
            setting=Setting("port"),
        ) from None
    return found


def open_browser(url: str) -> None:
    """Open an address in the browser, where there is one; the address is printed in any case."""
    import os
    import sys
    import threading
    import webbrowser

    has_screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not has_screen:  # a browser of the terminal would take the terminal
        return

    def opened() -> None:
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(url)

    threading.Thread(target=opened, daemon=True).start()
