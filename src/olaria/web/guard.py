"""What stands before every route: who may ask, how much, and what every answer carries.

It is plain ASGI. A middleware that wraps requests and responses would hide that a client has left.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from olaria.characters import encodable_json
from olaria.i18n import N_
from olaria.storage.files import in_megabytes
from olaria.web.errors import Refused, bug, language_of, told
from olaria.web.hosts import Hosts
from olaria.web.pins import MOST_BODY as MOST_FIGURE
from olaria.web.uploads import MOST_BYTES as MOST_UPLOAD

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_TARGET = 2000
"""Letters of an address."""
MOST_HEAD = 16_384
"""Bytes of a request's headers."""
MOST_BODY = 1_000_000
JSON, BYTES = "application/json", "application/octet-stream"
BODY_S = 20.0
"""Seconds in which a body must have come, and each part of a large one; a part now and then does not lengthen them."""
UPLOAD_S = 3600.0


@dataclass(frozen=True)
class Body:
    """What an address takes.

    Args:
        most: bytes.
        kind: its type; none that a form of another site could send.
        seconds: in which all of it must have come, where that is more than one part has.
    """

    most: int = MOST_BODY
    kind: str = JSON
    seconds: float = 0.0


PLAIN = Body()
BODIES = {
    "/api/uploads": Body(MOST_UPLOAD, BYTES, UPLOAD_S),
    "/api/figures": Body(MOST_FIGURE),
}
"""Of addresses that take more than settings: a file that goes to the disk piece by piece, and a picture."""
SAFE = ("GET", "HEAD", "OPTIONS")
PUBLIC = ("/", "/health")
"""Answered without a token in any case: they hold nothing of the user's."""
PUBLIC_BELOW = ("/static/", "/pages/")
"""The same with all below them: our own files, and pages whose address nobody can guess, since a frame and a download
bring no token."""
COSTLY = ("/api/forecast", "/api/lessons")
"""Reading that computes, and so needs the token as changing does."""
COSTLY_OF_A_RUN = ("/live", "/codes", "/nearest")
"""The same of each run: the ends of such addresses."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cache-control": "no-store",
}
"""Of every answer that does not say otherwise; what is no page of ours can do nothing, whatever it holds."""
CLOSING = {"Connection": "close"}
"""Of an answer after which nothing that comes on the connection can be trusted."""
_log = logging.getLogger("olaria.web")


class Guard:
    """Refuses what no page of ours would send.

    Args:
        app: that answers the rest.
        hosts: names that are answered.
        token: of this start, without which nothing is changed.
        guards_reading: whether reading needs the token too.
    """

    def __init__(self, app: App, *, hosts: Hosts, token: str, guards_reading: bool) -> None:
        self._app, self._hosts = app, hosts
        self._token = f"Bearer {token}".encode()
        self._guards_reading = guards_reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # there is none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        language = language_of(_query(scope, "lang"), _header(scope, "accept-language"))
        scope.setdefault("state", {})["language"] = language
        answer = _Answer(send, scope["path"])
        try:
            self._check(scope)
            await self._app(scope, _limited(scope, receive), answer.send)
        except Refused as refused:
            await answer.refuse(refused, language)
        except Exception as error:
            _log.exception("while answering %r", scope["path"][:200])  # it may hold anything
            await answer.refuse(bug(error), language)

    def _check(self, scope: Scope) -> None:
        _check_size(scope)
        hosts = [*_headers(scope, "host")]
        if len(hosts) != 1 or not self._hosts.answers(hosts[0]):
            raise Refused(
                403,
                "wrong_host",
                N_("the studio does not answer to this name"),
                hint=N_("open it by the address that the terminal shows"),
            )
        is_safe = scope["method"] in SAFE
        if not _is_of_ours(scope, hosts[0], is_safe):
            raise Refused(
                403,
                "wrong_origin",
                N_("this was asked by a page of another site"),
                hint=N_("open the studio by the address that the terminal shows"),
            )
        path = _path(scope)
        is_public = path in PUBLIC or path.startswith(PUBLIC_BELOW)
        is_free = is_public or not (self._guards_reading or _computes(path))
        if not (is_safe and is_free):
            self._check_token(scope)
        has_body = scope["method"] in ("POST", "PUT", "PATCH")
        kind = (_header(scope, "content-type") or "").partition(";")[0].strip().lower()
        wanted = _body(scope).kind
        if has_body and kind != wanted:
            code = "not_json" if wanted == JSON else "wrong_type"
            raise Refused(415, code, N_("the content must be {kind}"), kind=wanted)

    def _check_token(self, scope: Scope) -> None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) == 1 and hmac.compare_digest(given[0], self._token):
            return
        raise Refused(
            401,
            "wrong_token",
            N_("the token is missing, or of another start of the studio"),
            hint=N_("open the address that the terminal shows, with all that stands after its #"),
            headers={"WWW-Authenticate": "Bearer"},
        )


def _is_of_ours(scope: Scope, host: str, is_safe: bool) -> bool:
    """Whether the page that asks is ours, or a program that is no browser.

    A browser tells the origin with whatever changes something, ``null`` of a page without one, and since 2020 (Safari
    2023) how the site that asks is related to ours. Another site may only link to the page itself.
    """
    origins = [*_headers(scope, "origin")]
    if origins:
        with suppress(ValueError):  # an address that is none
            parts = urlsplit(origins[0])
            return len(origins) == 1 and parts.scheme in ("http", "https") and parts.netloc == host
        return False
    site = _header(scope, "sec-fetch-site")
    if site not in ("cross-site", "same-site"):
        return True
    is_link = _header(scope, "sec-fetch-mode") == "navigate" and scope["method"] == "GET"
    return is_safe and is_link and _path(scope) == "/"


def _path(scope: Scope) -> str:
    """The address below the place where the studio is mounted; an odd one is none of the public ones."""
    return str(scope["path"]).removeprefix(str(scope.get("root_path", ""))) or "/"


def _computes(path: str) -> bool:
    """Whether an address is answered by seconds of computing."""
    return path in COSTLY or (path.startswith("/api/runs/") and path.endswith(COSTLY_OF_A_RUN))


def _check_size(scope: Scope) -> None:
    if len(scope["raw_path"] or b"") + len(scope["query_string"]) > MOST_TARGET:
        raise Refused(414, "too_long", N_("the address is too long"))
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD:
        raise Refused(431, "too_large", N_("the headers are too large"))
    length = _header(scope, "content-length")
    if length is not None and not re.fullmatch("[0-9]{1,18}", length):
        raise Refused(400, "bad_request", N_("the length of the content is no number"))
    if length is not None and _header(scope, "transfer-encoding") is not None:
        # A proxy on the way might take the other of the two, and where one request ends for the next.
        raise Refused(400, "bad_request", N_("the content has two lengths"), headers=CLOSING)
    if int(length or 0) > _body(scope).most:
        raise _too_large(_body(scope).most)


def _body(scope: Scope) -> Body:
    return BODIES.get(_path(scope), PLAIN)


def _too_large(limit: int) -> Refused:
    if limit <= MOST_BODY:
        text = N_("the content is too large: at most {limit} bytes")
        return Refused(413, "too_large", text, limit=limit)
    text = N_("the file is too large: at most {limit} MB")
    return Refused(413, "too_large", text, limit=in_megabytes(limit))


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The same, ending where a body has too many bytes, whatever its length was said to be, or does not come."""
    size, is_whole = 0, scope["method"] in ("GET", "HEAD")
    body, now = _body(scope), asyncio.get_running_loop().time
    late = now() + max(BODY_S, body.seconds)

    async def limited() -> MutableMapping[str, Any]:
        nonlocal size, is_whole
        if is_whole:  # what comes now is that the client leaves
            return await receive()
        try:
            async with asyncio.timeout_at(min(late, now() + BODY_S)):
                message = await receive()
        except TimeoutError:
            raise Refused(
                408, "too_slow", N_("the content did not come in time"), headers=CLOSING
            ) from None
        size += len(message.get("body", b""))
        if size > body.most:
            raise _too_large(body.most)
        is_whole = not message.get("more_body", False)
        return message

    return limited


class _Answer:
    """What is sent back, with the headers of every answer."""

    def __init__(self, send: Send, path: str) -> None:
        self._send, self._path, self._has_begun = send, path, False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass a message of ASGI on."""
        if message["type"] == "http.response.start":
            self._has_begun = True
            own = list(message.get("headers", []))
            names = {name.lower() for name, _ in own}
            added = ((name.encode(), value.encode()) for name, value in HEADERS.items())
            own += [(name, value) for name, value in added if name not in names]
            message = {**message, "headers": own}
        await self._send(message)

    async def refuse(self, refused: Refused, language: str) -> None:
        """Answer with an error; where an answer has begun, break it off."""
        if self._has_begun:
            raise refused
        body, status = told(refused, self._path, language)
        content = encodable_json(body).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "content-language": language,
            **refused.headers,
        }
        await self.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (name.lower().encode(), value.encode()) for name, value in headers.items()
                ],
            }
        )
        await self.send({"type": "http.response.body", "body": content})


def _headers(scope: Mapping[str, Any], name: str) -> Iterator[str]:
    wanted = name.encode()
    return (value.decode("latin-1") for key, value in scope["headers"] if key == wanted)


def _header(scope: Mapping[str, Any], name: str) -> str | None:
    return next(_headers(scope, name), None)


def _query(scope: Mapping[str, Any], name: str) -> str | None:
    if len(scope["query_string"]) > MOST_TARGET:
        return None
    try:
        found = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100)
        return str(found[name][0])
    except (KeyError, ValueError):
        return None
