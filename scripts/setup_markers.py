"""The conditions of a lock's pins, for any Python and system. Standard library only.

pip knows conditions of the Python that it runs on, whatever it downloads for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from setup_words import SetupError, words


def holds(marker: str, values: Mapping[str, str]) -> bool:
    """Whether a condition holds.

    >>> holds("python_full_version < '3.12' and sys_platform != 'win32'",
    ...       {"python_full_version": "3.11.2", "sys_platform": "linux"})
    True

    Raises:
        SetupError: it has a form that locks do not have.
    """
    try:
        return _holds(ast.parse(marker.strip(), mode="eval").body, values)
    except (SyntaxError, KeyError, TypeError):
        raise SetupError(
            words("a condition of the lock is not known: {text}", text=marker)
        ) from None


def _holds(node: ast.expr, values: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_holds(one, values) for one in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise TypeError
    name, value = node.left, node.comparators[0]
    if not (isinstance(name, ast.Name) and isinstance(value, ast.Constant)):
        raise TypeError
    found: Any = values[name.id]
    wanted: Any = str(value.value)
    if "version" in name.id:
        found, wanted = ([int(n) for n in re.findall(r"\d+", text)] for text in (found, wanted))
    match node.ops[0]:
        case ast.Eq():
            return bool(found == wanted)
        case ast.NotEq():
            return bool(found != wanted)
        case ast.Lt():
            return bool(found < wanted)
        case ast.LtE():
            return bool(found <= wanted)
        case ast.Gt():
            return bool(found > wanted)
        case ast.GtE():
            return bool(found >= wanted)
    raise TypeError


def selected(lock: str, values: Mapping[str, str]) -> str:
    """The pins of a lock, with their hashes, whose conditions hold, without those conditions.

    >>> selected("a==1 ; os_name == 'nt' \\\\\\n  --hash=sha256:0\\nb==2\\n", {"os_name": "posix"})
    'b==2\\n'
    """
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    kept = []
    for block in blocks:
        if not block[:1].isalnum():
            continue
        first, _, rest = block.partition("\n")
        pin, _, marker = first.removesuffix("\\").partition(";")
        if not marker or holds(marker, values):
            kept.append(f"{pin.rstrip()} \\\n{rest}" if rest else f"{pin.rstrip()}\n")
    return "".join(kept)
