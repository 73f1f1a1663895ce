"""What goes wrong, as every route answers it: ``{code, message, hint, field}`` with a status of HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from olaria.errors import (
    ConfigError,
    DamagedError,
    DataError,
    MissingError,
    OlariaError,
    ResourceError,
    RunError,
    SourceError,
    StorageError,
    UsageError,
)
from olaria.i18n import LANGUAGES, N_, Message, Setting, detect_language

STATUSES: dict[type[OlariaError], int] = {
    ConfigError: 422,
    UsageError: 422,
    SourceError: 503,
    DataError: 422,
    MissingError: 409,
    RunError: 409,
    DamagedError: 409,
    StorageError: 503,
    ResourceError: 422,
    OlariaError: 409,
}
"""Of an error, by its nearest class: 422 what was asked cannot be, 409 not now, 503 not here."""
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""Of errors in the form of OpenAI's API."""
_FIELD = re.compile(r"[a-z_]+(\.[a-z_]+)*")


class Refused(OlariaError):
    """A request of HTTP that gets no other answer.

    Args:
        status: of HTTP.
        code: one word for programs.
        message_id: see :class:`olaria.errors.OlariaError`.
        field: of the request's body that is wrong.
        hint: what to do, a source string.
        headers: of the answer, besides.
        **fields: the values named in message and hint.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message_id: str,
        *,
        field: str | None = None,
        hint: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        **fields: Any,
    ) -> None:
        super().__init__(message_id, **fields)
        self.status, self.code, self.field, self.headers = status, code, field, headers
        self.hint = Message(hint, fields) if hint else None

    @classmethod
    def because(cls, error: OlariaError, *, field: str) -> Refused:
        """An error of the workflows that is known to be of a field."""
        made = cls(status_of(error), _code(error), error.message.id, field=field)
        hint = error.message.fields.get("hint")
        made.message, made.hint = error.message, hint if isinstance(hint, Message) else None
        return made


def no_such_run() -> Refused:
    """The one answer to every id that is none, whatever it looks like."""
    return Refused(
        404,
        "unknown_run",
        N_("there is no such run here"),
        hint=N_("it may have been moved or deleted: open the list of runs again"),
    )


def bug(error: BaseException) -> Refused:
    """What nobody foresaw. Its text may hold anything, so that only its kind is told."""
    return Refused(
        500,
        "bug",
        N_("this is a bug in Olaria: {kind}"),
        hint=N_("the terminal of the studio shows the details"),
        kind=type(error).__name__,
    )


def status_of(error: OlariaError) -> int:
    """The status of HTTP that an error is answered with."""
    if isinstance(error, Refused):
        return error.status
    return next(STATUSES[one] for one in type(error).__mro__ if one in STATUSES)


def body_of(error: OlariaError, language: str) -> dict[str, str | None]:
    """An error as JSON, in the reader's language."""
    hint = error.hint if isinstance(error, Refused) else error.message.fields.get("hint")
    return {
        "code": error.code if isinstance(error, Refused) else _code(error),
        "message": error.message.text(language),
        "hint": hint.text(language) if isinstance(hint, Message) else None,
        "field": field_of(error),
    }


def told(error: OlariaError, path: str, language: str) -> tuple[dict[str, Any], int]:
    """An error as an address answers it, and its status: below ``/v1/`` in the form of OpenAI's API."""
    body, status = body_of(error, language), status_of(error)
    if "/v1/" not in path:
        return body, status
    status = 400 if status in (409, 413, 415, 422) else status
    said = "; ".join(filter(None, (body["message"], body["hint"])))
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {
        "error": {"message": said, "type": kind, "param": body["field"], "code": body["code"]}
    }, status


def field_of(error: OlariaError) -> str | None:
    """The setting that is wrong: a field of the request, or the dotted path of one of the recipe."""
    if isinstance(error, Refused) and error.field is not None:
        return error.field
    if not isinstance(error, UsageError):
        return None
    values = error.message.fields.values()
    named = [value.name for value in values if isinstance(value, Setting)]
    path = error.message.fields.get("path")
    if not named and isinstance(path, str) and _FIELD.fullmatch(path):
        named = [path]
    return named[0] if named else None


def _code(error: OlariaError) -> str:
    """``UsageError`` is ``usage``, ``NonFiniteLossError`` is ``non_finite_loss``."""
    words = re.findall("[A-Z][a-z]+", type(error).__name__.removesuffix("Error"))
    return "_".join(words).lower() or "failed"


def language_of(query: str | None, accepted: str | None) -> str:
    """The reader's language: what the address says, else what the browser prefers, else the studio's own.

    Args:
        query: ``lang`` of the address.
        accepted: the header ``Accept-Language``.

    >>> language_of(None, "fr, pt-BR;q=0.9, en;q=0.8"), language_of("en", "pt"), language_of(None, "pt;q=0, en")
    ('pt', 'en', 'en')
    """
    if query in LANGUAGES:
        return query
    wanted = []
    for place, part in enumerate((accepted or "")[:500].split(",")):
        name, _, weight = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight or "q=1")
        rank = float(quality[1]) if quality else 0.0
        if rank > 0 and name[:2].lower() in LANGUAGES:
            wanted.append((-rank, place, name[:2].lower()))
    return min(wanted)[2] if wanted else detect_language()
