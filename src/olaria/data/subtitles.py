"""The spoken lines of subtitle files."""

from __future__ import annotations

import re

_CUE_TIMES = re.compile(r"^\s*(\d+:)?\d+:\d+[,.]\d+\s+-->.*$")
_CUE_TAGS = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}")


def subtitles(text: str) -> str:
    """The spoken lines of a subtitle file: no cue numbers, times or tags."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    times = [bool(_CUE_TIMES.match(line)) for line in lines]
    # A number alone is a cue's own only right before its times.
    numbers = [
        line.strip().isdigit() and index + 1 < len(lines) and times[index + 1]
        for index, line in enumerate(lines)
    ]
    spoken = [
        _CUE_TAGS.sub("", line).strip()
        for line, is_time, is_number in zip(lines, times, numbers, strict=True)
        if not is_time and not is_number
    ]
    return "".join(line + "\n" for line in spoken if line)
