"""What printing leaves in a text is taken out again, and counted: page numbers, cut words, ligatures."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from olaria.i18n import N_, Message

LIGATURES = "".join(map(chr, range(0xFB00, 0xFB07)))
SOFT_HYPHEN, FORM_FEED = "\u00ad", "\f"
_BLANKS = "\u00a0\u2007\u202f"
_PAGE_NUMBER = re.compile(
    r"\W{0,9}(?:(?:page|página|pág|pag|p)\W{1,3})?(\d{1,5})(?:\s?(?:/|of|de)\s?\d{1,5})?\W{0,9}",
    re.IGNORECASE,
)
_LONGEST_LINE = 40
"""Characters of a line that may be a page's number."""
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# What stands before the hyphen is looked up in the text, so that a long word is not tried at each of its letters.
_CUT = re.compile(r"(?<=[^\W\d_])-[ \t]*\n[ \t]*([^\W\d_]+)(\S*)[ \t]*")
_LONGEST_WORD = 60
_LEAST_PAGES = 2
"""Numbers that count on alike, from which they are pages'."""


def mend(pages: Sequence[str]) -> tuple[str, Counter[str]]:
    """The text of printed pages, a blank line between two, and how often each kind of trace was mended.

    Args:
        pages: as a reader of PDF gives them.
    """
    counts: Counter[str] = Counter()
    text = "\n\n".join(_without_numbers([_plain(page, counts) for page in pages], counts))
    known = set(_WORDS.findall(text.lower()))

    def whole(cut: re.Match[str]) -> str:
        before = re.search(r"[^\W\d_]+$", text[max(0, cut.start() - _LONGEST_WORD) : cut.start()])
        first, rest = before[0] if before else "", cut[1]
        if not (rest[0].islower() or first.isupper()):
            return cut[0]
        counts["words"] += 1
        joined = (first + rest).lower()
        hyphen = "-" if joined not in known and f"{first}-{rest}".lower() in known else ""
        return f"{hyphen}{rest}{cut[2]}\n"

    return _CUT.sub(whole, text), counts


def _plain(page: str, counts: Counter[str]) -> str:
    """One page without the characters that only printing needs, or that no text has."""
    for kind, letters in (("soft", SOFT_HYPHEN), ("ligatures", LIGATURES), ("blanks", _BLANKS)):
        counts[kind] += sum(map(page.count, letters))
    page = re.sub(rf"{SOFT_HYPHEN}[ \t]*\n[ \t]*(\S+)[ \t]*", r"\1\n", page).replace(
        SOFT_HYPHEN, ""
    )
    page = page.translate({ord(letter): " " for letter in _BLANKS})
    page = re.sub(
        f"[{LIGATURES}]", lambda ligature: unicodedata.normalize("NFKC", ligature[0]), page
    )
    page = page.replace("\u2010", "-").replace("\r\n", "\n").replace("\r", "\n")
    sound = "".join(c for c in page if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    counts["controls"] += len(page) - len(sound)
    return sound


def _without_numbers(pages: Sequence[str], counts: Counter[str]) -> list[str]:
    """The pages without a number alone on their first or last line that counts on from page to page."""
    lines = [page.strip("\n \t").split("\n") for page in pages]
    for edge in (0, -1):
        numbers = [
            _PAGE_NUMBER.fullmatch(own[edge].strip()) if len(own[edge]) <= _LONGEST_LINE else None
            for own in lines
        ]
        offsets = [int(found[1]) - place if found else None for place, found in enumerate(numbers)]
        shared = Counter(offset for offset in offsets if offset is not None).most_common(1)
        if not shared or shared[0][1] < _LEAST_PAGES:
            continue
        for own, offset in zip(lines, offsets, strict=True):
            if offset == shared[0][0]:
                own[edge] = ""
                counts["numbers"] += 1
    return ["\n".join(own).strip("\n") for own in lines]


def mending_notes(counts: Counter[str]) -> list[Message]:
    """What was mended in documents."""
    if not counts.total():
        return []
    kinds = ("numbers", "words", "soft", "ligatures", "blanks", "controls")
    message = N_(
        "taken out of PDF documents: {numbers} page {numbers:number|numbers}, {words} "
        "{words:hyphen|hyphens} of words cut at a line's end, {soft} soft "
        "{soft:hyphen|hyphens}, {ligatures} {ligatures:ligature|ligatures}, {blanks} "
        "non-breaking {blanks:space|spaces}, {controls} control "
        "{controls:character|characters}"
    )
    return [Message(message, {kind: counts[kind] for kind in kinds})]


def printed_notes(texts: Sequence[str]) -> list[Message]:
    """Of plain texts, which nobody mends: the traces of printing that they hold."""
    fields = {
        "feeds": sum(text.count(FORM_FEED) for text in texts),
        "soft": sum(text.count(SOFT_HYPHEN) for text in texts),
        "ligatures": sum(sum(map(text.count, LIGATURES)) for text in texts),
    }
    if not any(fields.values()):
        return []
    message = N_(
        "the text seems to come from a PDF and is read as it is, form feeds: {feeds}, soft hyphens: "
        "{soft}, ligatures: {ligatures}; give the .pdf itself to have them mended"
    )
    return [Message(message, fields)]
