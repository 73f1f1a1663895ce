"""The reference of verbs is that of the code."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from olaria.cli.main import AFTER, GROUPS, VERBS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_pages_are_those_of_the_code(tool: ModuleType, language: str) -> None:
    page = tool.PAGES[language].read_text(encoding="utf-8")
    assert page == tool.written(language), "stale: python scripts/reference.py"


def test_every_verb_has_its_section_options_and_examples(tool: ModuleType) -> None:
    page = tool.written("en")
    sections = {part.split("\n")[0]: part for part in page.split("\n## olaria ")[1:]}
    single = {**VERBS, **AFTER}
    grouped = {f"{group} {name}" for group, (verbs, _) in GROUPS.items() for name in verbs}
    assert sections.keys() == single.keys() | grouped == tool.EXAMPLES.keys()
    for name, verb in single.items():
        for one in verb.request.declared():
            flag = one.metavar if one.about.positional else one.flag
            assert re.search(rf"^\| `{re.escape(flag)}[ `]", sections[name], re.MULTILINE), flag


def test_a_bar_does_not_end_a_cell(tool: ModuleType) -> None:
    assert r"| `--size tiny\|small\|base` |" in tool.written("en")
    assert tool._table(("a",), [("b|c",)]).splitlines()[-1] == r"| b\|c |"


def test_a_stale_page_is_found_and_written(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {language: tmp_path / f"{language}.md" for language in tool.PAGES}
    monkeypatch.setattr(tool, "PAGES", pages)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    assert tool.main(["--check"]) == 1 and not any(tmp_path.iterdir())
    assert tool.main([]) == 0 and tool.main(["--check"]) == 0
    pages["pt"].write_text(pages["pt"].read_text("utf-8") + "x", "utf-8")
    assert tool.main(["--check"]) == 1
