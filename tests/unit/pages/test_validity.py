"""The page is valid HTML: a strict parser finds nothing to mend, and what names another part finds it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import html5lib
from bs4 import BeautifulSoup


def test_a_strict_parser_finds_nothing_to_mend(small_report: str) -> None:
    html5lib.HTMLParser(strict=True).parse(small_report)


def test_names_are_used_once_and_links_lead_somewhere(small_report: str) -> None:
    page = BeautifulSoup(small_report, "html.parser")
    names = Counter(str(element["id"]) for element in page.select("[id]"))
    assert [name for name, times in names.items() if times > 1] == []
    targets = [str(link["href"]).removeprefix("#") for link in page.select('a[href^="#"]')]
    assert targets and set(targets) <= set(names)
    for attribute in ("aria-labelledby", "aria-describedby", "for"):
        for element in page.select(f"[{attribute}]"):
            assert set(str(element[attribute]).split()) <= set(names)


def test_headings_leave_out_no_level(small_report: str) -> None:
    page = BeautifulSoup(small_report, "html.parser")
    levels = [int(h.name[1]) for h in page.find_all(["h1", "h2", "h3", "h4", "h5", "h6"])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_column_and_row_has_a_heading(small_report: str) -> None:
    page = BeautifulSoup(small_report, "html.parser")
    tables = page.find_all("table")
    assert tables
    for table in tables:
        assert table.select("th[scope=col]") or table.select("th[scope=row]")
        assert all(
            heading.get("scope") in ("col", "row", "rowgroup") for heading in table.find_all("th")
        )
