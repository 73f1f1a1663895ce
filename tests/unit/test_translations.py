from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


tool = load("translations")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    (root / "reports" / "templates").mkdir(parents=True)
    (root / "a.py").write_text(
        'raise DataError(N_("no images in {path}; "\n    "put some there"), path=p)\n'
        "translate(variable, language)\n"
    )
    (root / "reports" / "templates" / "page.html").write_text(
        '<h1>{{ _("Samples") }}</h1>{% if x %}{{ _("{n} steps", n=n) }}{{ _(label) }}{% endif %}'
    )
    return root


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "pt_BR" / "LC_MESSAGES" / "olaria.po"


FULL = {
    "no images in {path}; put some there": "não há imagens em {path}; coloque algumas lá",
    "Samples": "Amostras",
    "{n} steps": "{n} passos",
}


def test_strings_are_collected_from_code_and_templates(package: Path) -> None:
    assert tool.collect(package) == {
        "no images in {path}; put some there": {"a.py"},
        "Samples": {"reports/templates/page.html"},
        "{n} steps": {"reports/templates/page.html"},
    }


def test_a_complete_catalog_has_no_problems(package: Path, catalog: Path) -> None:
    tool.update(tool.collect(package), FULL, catalog)
    assert tool.problems(tool.collect(package), catalog) == []
    assert tool.read_catalog(catalog) == FULL


def test_updating_again_gives_the_same_bytes(package: Path, catalog: Path) -> None:
    tool.update(tool.collect(package), FULL, catalog)
    before = [catalog.read_bytes(), catalog.with_suffix(".mo").read_bytes()]
    tool.update(tool.collect(package), tool.read_catalog(catalog), catalog)
    assert [catalog.read_bytes(), catalog.with_suffix(".mo").read_bytes()] == before
    assert b"Date" not in before[0]
    assert b"Babel" not in before[0] + before[1]


def test_a_string_without_portuguese_is_a_problem(package: Path, catalog: Path) -> None:
    tool.update(tool.collect(package), {**FULL, "Samples": ""}, catalog)
    (problem,) = tool.problems(tool.collect(package), catalog)
    assert problem == "no Portuguese for 'Samples' (reports/templates/page.html)"


@pytest.mark.parametrize("translation", ["passos", "{m} passos", "{n} passos {m}"])
def test_other_fields_in_the_translation_are_a_problem(
    package: Path, catalog: Path, translation: str
) -> None:
    tool.update(tool.collect(package), {**FULL, "{n} steps": translation}, catalog)
    found = tool.problems(tool.collect(package), catalog)
    assert [problem.split(" (")[0] for problem in found] == ["fields differ"]


def test_an_entry_no_longer_used_is_a_problem_until_the_next_update(
    package: Path, catalog: Path
) -> None:
    tool.update(tool.collect(package), FULL, catalog)
    (package / "a.py").unlink()
    found = tool.problems(tool.collect(package), catalog)
    assert any(problem.startswith("no longer used: 'no images") for problem in found)
    tool.update(tool.collect(package), tool.read_catalog(catalog), catalog)
    assert tool.problems(tool.collect(package), catalog) == []


def test_a_stale_or_missing_compiled_catalog_is_a_problem(package: Path, catalog: Path) -> None:
    tool.update(tool.collect(package), FULL, catalog)
    text = catalog.read_text(encoding="utf-8")
    catalog.write_text(text.replace("Amostras", "Exemplos"), encoding="utf-8")
    assert tool.problems(tool.collect(package), catalog) == [
        "olaria.mo is stale; run: make translations"
    ]
    catalog.with_suffix(".mo").unlink()
    assert tool.problems(tool.collect(package), catalog) != []


def test_json_files_are_merged_later_ones_win(tmp_path: Path) -> None:
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    one.write_text(json.dumps({"a": "1", "b": "1"}))
    two.write_text(json.dumps({"b": "2"}))
    assert tool.merged({"a": "0", "c": "0"}, [one, two]) == {"a": "1", "b": "2", "c": "0"}
    two.write_text("[]")
    with pytest.raises(tool.Problem, match="must be"):
        tool.merged({}, [two])


def test_a_text_that_cannot_be_collected_is_a_problem(package: Path) -> None:
    (package / "b.py").write_text('N_(f"{x} steps")\n')
    with pytest.raises(tool.Problem, match=r"b\.py: line 1: N_ must be given one plain string"):
        tool.collect(package)


def test_fields_that_only_repeat_or_move_are_no_problem() -> None:
    assert tool.mismatch("{a} of {b}", "{b}: {a}, {a}") is None
    assert tool.mismatch("{a:.2f} {{x}}", "{a:.1f}") is None
    assert tool.mismatch("a ", "a") is not None


def test_our_own_catalog_is_complete() -> None:
    assert tool.problems(tool.collect(), tool.CATALOG) == []
