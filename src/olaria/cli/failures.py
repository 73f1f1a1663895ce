"""What went wrong, as one line on the standard error and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import typer

from olaria.cli.shell import Shell
from olaria.errors import OlariaError
from olaria.i18n import N_, Message

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143


class Terminated(BaseException):
    """SIGTERM came while nothing was being trained."""


def exit_code(error: BaseException, shell: Shell) -> int:
    """Tell the user about ``error``; the process's exit code."""
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, BrokenPipeError):  # the reader of our output has seen enough
        _close_output()
        return FAILED
    if shell.debug:
        traceback.print_exception(error)
    message, code = _explain(error)
    # Who stops a command knows it: that is no error.
    is_stopped = code in (INTERRUPTED, TERMINATED)
    line = shell.text(
        N_("olaria: {text}") if is_stopped else N_("olaria: error: {text}"), text=message
    )
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        return code
    if isinstance(error, OSError):
        _close_output()
    return code


def _explain(error: BaseException) -> tuple[Message, int]:
    if isinstance(error, OlariaError):
        return error.message, error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return Message(N_("stopped by Ctrl-C")), INTERRUPTED
    if isinstance(error, Terminated):
        return Message(N_("stopped by the system (SIGTERM)")), TERMINATED
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        advice = N_("out of memory; try --size tiny or a smaller --set training.batch_size=N")
        return Message(advice), FAILED
    if isinstance(error, OSError):
        return _refusal(error), FAILED
    fields = {"kind": type(error).__name__, "problem": _first_line(error)}
    return Message(
        N_("this is a bug in Olaria: {kind}: {problem}; --debug shows the details"), fields
    ), FAILED


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]


def _refusal(error: OSError) -> Message:
    """What the operating system refused."""
    path = str(error.filename) if error.filename is not None else "–"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Message(N_("no space left to write (file: {path}); free some"), {"path": path})
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Message(N_("no permission for {path}; choose another place"), {"path": path})
    reason = error.strerror or _first_line(error)
    return Message(
        N_("the system refused: {reason} (file: {path})"), {"reason": reason, "path": path}
    )


def _close_output() -> None:
    """Let nothing more be written to a standard output that is gone, nor complain about that at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
