"""What is said in subtitle files: SubRip (``.srt``), WebVTT (``.vtt``), YouTube's ``.sbv``, SubStation (``.ssa .ass``).

Which of them a file is, its content says, not its name. Programs write them loosely and readers take them so: any
times with an arrow between them begin a cue, whatever their digits and blanks.

WebVTT: https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from olaria.i18n import N_, Message

# Each pattern is matched to stripped lines, and no two of its repetitions can share a blank: time stays linear.
_TIME = r"-?\d{1,3}(?:\s?:\s?\d{1,2}){1,2}(?:\s?[.,:]\s?\d{1,6})?"
_CUE = re.compile(rf"{_TIME}\s*(?:[-–—]{{1,3}}\s?(?:>|&gt;)|→)\s*(?:{_TIME})?(?P<rest>.*)$")
_SBV_CUE = re.compile(r"\d+:\d\d:\d\d\.\d+,\d+:\d\d:\d\d\.\d+(?P<rest>)$")
_PLACING = re.compile(r"\w+:\S*")
"""What stands behind the times and is not said: ``X1:117``, ``align:start``."""
# Neither class of characters runs over another opening, so that a line of openings takes linear time.
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>|<\d+:[\d:.,]+>|\{(?:\\|[a-zA-Z]:)[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]+)>")
_VTT = re.compile(r"\s*WEBVTT\b")
_ASIDE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:\s.*)?$")
_SUBSTATION = re.compile(r"\s*\[Script Info\]", re.IGNORECASE)
_OVERRIDES = re.compile(r"\{[^{}]*\}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_FIELDS = 10
"""Of a dialogue line, the text last, where no ``Format`` says otherwise."""
_FEWEST = 10
"""Different lines, one after another, by which one can tell that a file shows its lines again."""


@dataclass(frozen=True)
class Spoken:
    """What one file says.

    Attributes:
        text: a line for each that is said.
        num_cues: how many cues there were.
        share_left_out: characters that were not said, of all: from 0 to 1.
        num_voices: how often a speaker was named.
        num_repeats: lines left out because the cue before had shown them.
    """

    text: str
    num_cues: int
    share_left_out: float
    num_voices: int = 0
    num_repeats: int = 0


def spoken(text: str) -> Spoken:
    """The lines that are said, without numbers, times, comments, styles and tags; blank lines are left out.

    The speaker whom a WebVTT file names is kept in front: ``<v Ana>Olá`` becomes ``Ana: Olá``. Automatic captions that
    roll, as YouTube's do, show a line in two or three cues: of such a file each is kept once.

    >>> spoken("1\\n0:1 --> 0:2\\n<i>Olá!</i>\\n\\n2\\n0:3 --> 0:4\\n1984\\n").text
    'Olá!\\n1984\\n'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").split("\n")
    if _SUBSTATION.match(text):
        said, num_cues, num_voices = *_dialogue(lines), 0
    else:
        said, num_cues, num_voices = _cues(lines, is_vtt=_VTT.match(text) is not None)
    shown = [line.strip() for line in said if line.strip()]
    once = _once(shown)
    kept = "".join(f"{line}\n" for line in once)
    share = max(0.0, 1 - len(kept) / max(1, len(text)))
    return Spoken(kept, num_cues, share, num_voices, len(shown) - len(once))


def _once(shown: list[str]) -> list[str]:
    """The lines of captions that roll, each once; of others, where few lines repeat the one before, all.

    Blanks do not matter: a line that was built word by word may have one more where a tag stood.
    """
    groups = (list(again) for _, again in groupby(shown, str.split))
    runs = [(again[-1], len(again)) for again in groups]
    rolling = sum(count > 1 for _, count in runs)
    if len(runs) < _FEWEST or 2 * rolling < len(runs):
        return shown
    return [line for line, _ in runs]


def _cues(lines: Sequence[str], *, is_vtt: bool) -> tuple[list[str], int, int]:
    """What is said, and how many cues and named speakers there are."""
    times = [_CUE.match(line.strip()) or _SBV_CUE.match(line.strip()) for line in lines]
    begins = [place for place, time in enumerate(times) if time]
    apart = _asides(lines, set(begins)) if is_vtt else _numbers(lines, begins)
    said: list[str] = []
    num_voices = 0
    for place, (line, time) in enumerate(zip(lines, times, strict=True)):
        if place in apart:
            continue
        if time:
            words = time["rest"].split()
            line = "" if all(map(_PLACING.fullmatch, words)) else " ".join(words)
        if is_vtt:
            line, count = _VOICE.subn(lambda voice: f"\n{voice[1].strip()}: ", line)
            num_voices += count
        line = _TAGS.sub("", line)
        said += (html.unescape(line) if is_vtt else line).split("\n")
    return said, len(begins), num_voices


def _numbers(lines: Sequence[str], begins: Sequence[int]) -> set[int]:
    """Places of the cues' numbers: right before the times, or blank lines before them where a whole file is so.

    Most cues must have one, so that in a file without numbers what is said stays, be it a number.
    """
    right_before = {place - 1 for place in begins if place and lines[place - 1].strip().isdecimal()}
    if right_before and 2 * len(right_before) >= len(begins):
        return right_before
    before = []
    for place in begins:
        place -= 1
        while place >= 0 and not lines[place].strip():
            place -= 1
        before.append(place if place >= 0 and lines[place].strip().isdecimal() else -1)
    found = set(before) - {-1}
    is_numbered = bool(before) and before[0] >= 0 and 2 * len(found) >= len(begins)
    return found if is_numbered else set()


def _asides(lines: Sequence[str], begins: set[int]) -> set[int]:
    """Places of what WebVTT has besides cues: heading, comments, styles, regions, and the cues' names."""
    apart: set[int] = set()
    is_aside = False
    for place, line in enumerate(lines):
        is_first = place == 0 or not lines[place - 1].strip()
        if place in begins or not line.strip():
            is_aside = False
        elif is_first and _ASIDE.match(line.strip()):
            is_aside = True
        if is_aside or (is_first and place + 1 in begins and place not in begins):
            apart.add(place)
    return apart


def _dialogue(lines: Sequence[str]) -> tuple[list[str], int]:
    """The text of SubStation's dialogue lines, and how many there are; drawings are no text."""
    said: list[str] = []
    num_lines, num_fields, section = 0, _FIELDS, ""
    for line in lines:
        kind, _, rest = line.partition(":")
        kind = kind.strip().lower()
        if line.lstrip().startswith("["):
            section = line.strip().lower()
        elif kind == "format" and section == "[events]":
            num_fields = rest.count(",") + 1
        elif kind == "dialogue":
            num_lines += 1
            text = rest.split(",", num_fields - 1)[-1]
            if not _DRAWING.search(text):
                plain = _OVERRIDES.sub("", text).replace(r"\h", " ")
                said += plain.replace(r"\N", "\n").replace(r"\n", "\n").split("\n")
    return said, num_lines


def subtitle_notes(files: Sequence[tuple[str, Spoken]]) -> list[Message]:
    """How much was left out of subtitle files, each given by its name and what it says."""
    notes = []
    cues = [read for _, read in files if read.num_cues]
    if cues:
        percent = 100 * sum(read.share_left_out for read in cues) / len(cues)
        fields = {
            "cues": sum(read.num_cues for read in cues),
            "files": len(cues),
            "percent": round(percent),
        }
        message = N_(
            "subtitle files: {files}, with {cues} cues; what is said is kept, numbers, times and marks "
            "({percent} % of the characters) are left out"
        )
        notes.append(Message(message, fields))
    num_voices = sum(read.num_voices for read in cues)
    if num_voices:
        message = N_(
            "speakers that subtitle files name: {count}, each kept in front, as in “Ana: ”"
        )
        notes.append(Message(message, {"count": num_voices}))
    num_repeats = sum(read.num_repeats for read in cues)
    if num_repeats:
        message = N_("lines that rolling subtitles show again were left out: {count}")
        notes.append(Message(message, {"count": num_repeats}))
    without = [name for name, read in files if not read.num_cues]
    if without:
        message = N_(
            "subtitle files without times, of which every line is read: {count} ({examples})"
        )
        examples = ", ".join(without[:3])
        notes.append(Message(message, {"count": len(without), "examples": examples}))
    return notes
