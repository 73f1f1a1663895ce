"""A lesson's references name places in a paper in the reader's language; the papers keep their titles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import olaria.lessons
from olaria.i18n import Message
from olaria.lessons.base import PLACES, Step
from olaria.pages.lesson_page import lesson_page


def cited(reference: str, language: str) -> str:
    return Step(Message("a"), (), reference=reference).cited(language)


@pytest.mark.parametrize(
    ("reference", "portuguese"),
    [
        ("Kullback & Leibler 1951, section 2", "Kullback & Leibler 1951, seção 2"),
        ("Clark et al. 2019, sections 3 and 4", "Clark et al. 2019, seções 3 e 4"),
        ("A 2014, equation 1 and proposition 1", "A 2014, equação 1 e proposição 1"),
        ("Kingma & Welling 2014, appendix B", "Kingma & Welling 2014, apêndice B"),
        ("Sennrich et al. 2016, algorithm 1", "Sennrich et al. 2016, algoritmo 1"),
        ("B 2016, A section of theorem and proof", "B 2016, A section of theorem and proof"),
        ("", ""),
    ],
)
def test_places_are_named_in_the_readers_language(reference: str, portuguese: str) -> None:
    assert cited(reference, "en") == reference
    assert cited(reference, "pt") == portuguese


def test_no_reference_of_any_lesson_keeps_an_english_place() -> None:
    place = re.compile(rf"\b({'|'.join(PLACES)})\b (?=[A-Z\d])")
    folder = Path(olaria.lessons.__path__[0])
    forms = {"*.py": r'"([^"\n]*\b(?:19|20)\d\d[^"\n]*)"', "text.en.md": r"\[source\] (.*)"}
    found = [
        text
        for name, form in forms.items()
        for path in folder.rglob(name)
        for text in re.findall(form, path.read_text("utf-8"))
        if place.search(text)
    ]
    found += [
        text
        for path in Path(olaria.lessons.__path__[0]).rglob("text.*.md")
        for text in re.findall(r"^\[source\] (.*)$", path.read_text("utf-8"), re.MULTILINE)
        if place.search(text)
    ]
    assert len(found) > 20
    assert [text for text in found if place.search(cited(text, "pt").replace("theorem", "x"))] == []


def test_the_page_says_so_too(lesson: Any) -> None:
    page = lesson_page(lesson.context, "pt")
    sources = re.findall(r'<p class="source">(.*?)</p>', page)
    assert not [
        text
        for text in sources
        if re.search(r"\b(section|equation|appendix|algorithm)s? [A-Z\d]", text)
    ]
