"""The READMEs and the pages of docs say what the code does: commands, settings, metrics, links."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import build
from olaria.cli.words import EVERYWHERE
from olaria.data import DATASETS, DataConfig
from olaria.evaluation import METRICS, extractor
from olaria.families import MODELS
from olaria.kinds import base as efforts
from olaria.recipes import PRESETS, Recipe, preset
from olaria.recipes.training import TrainingConfig
from olaria.sampling.autoregressive import SamplingConfig
from olaria.sampling.translation import DecodingConfig
from olaria.storage import folder

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.pt-BR.md")
PORTUGUESE = sorted((DOCS / "pt").glob("*.md"))
PAGES = (*READMES, *sorted(DOCS.glob("*.md")), *PORTUGUESE)
PAIRS = [READMES, *((DOCS / page.name, page) for page in PORTUGUESE)]
"""Pages that are one text in English and in Portuguese."""
PICTURES = ("report", "vae-manifold", "latents", "kl", "lesson-attention", "lesson-kl", "studio")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].name)
every_readme = pytest.mark.parametrize("page", READMES, ids=lambda path: path.name)
every_family = pytest.mark.parametrize("family", MODELS)


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, content) of each fenced block."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(language, content) for language, content in found]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """The words after ``olaria`` of every command in a block or in the text."""
    texts = [text.replace("\\\n", " ") for kind, text in blocks(page) if kind != "python"]
    lines = [line for text in texts for line in text.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose(page))
    for line in lines:
        found = re.match(r"(?:[A-Z_]+=\S+ )*(?:\S*(?:bin/|Scripts\\))?olaria (.+)", line.strip())
        if found:
            yield shlex.split(found[1])


def rows(page: Path, first: str) -> list[dict[str, str]]:
    """Rows of the tables whose first column is called ``first``: heading to cell, ticks removed."""
    found, headings = [], list[str]()
    for line in prose(page).splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            headings = []
        elif not headings:
            headings = cells
        elif headings[0] == first and set(line) - set("|- "):
            found.append(dict(zip(headings, cells, strict=True)))
    return found


def in_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def check_settings(page: Path, config: type[Any]) -> None:
    """Each field has a row with its default, in the JSON that ``--set`` takes."""
    documented = rows(page, "setting")
    for name, field in config.model_fields.items():
        cells = [
            row["default"] for row in documented if row["setting"] == name and "default" in row
        ]
        assert cells, f"{page.name} does not document {config.__name__}.{name}"
        if field.is_required():
            assert cells == [""]
        else:
            assert in_json(field.default) in [json.loads(cell) for cell in cells if cell], name


# --- commands -------------------------------------------------------------------------------------


@every_page
def test_commands_exist(page: Path) -> None:
    everywhere = {names.split()[0] for names, _ in EVERYWHERE}
    for words in commands(page):
        if words[0] in everywhere or words[0] == "VERB" or words[0] == "VERBO":
            continue
        command = build()
        assert words[0] in command.commands, words
        command, rest = command.commands[words[0]], words[1:]
        if getattr(command, "commands", None) and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command, rest = command.commands[rest[0]], rest[1:]
        known = {name for parameter in command.params for name in parameter.opts} | everywhere
        for word in rest:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, words


@every_readme
def test_a_reader_who_pastes_a_section_in_a_fresh_terminal_finds_olaria(page: Path) -> None:
    activation = re.compile(r"(\. )?\.venv[/\\](bin/activate|Scripts\\activate)$")
    for section in page.read_text(encoding="utf-8").split("\n## "):
        is_known = dict.fromkeys(("sh", "powershell"), False)
        for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            for line in text.splitlines():
                if activation.match(line):
                    is_known[kind] = True
                assert not re.match(r"([A-Z_]+=\S+ )*olaria\b", line) or is_known[kind], line


@every_readme
def test_options_in_the_text_exist(page: Path) -> None:
    def options(command: Any) -> set[str]:
        own = {name for parameter in command.params for name in parameter.opts}
        return own.union(*map(options, getattr(command, "commands", {}).values()))

    known = options(build()) | {names.split()[0] for names, _ in EVERYWHERE}
    assert set(re.findall(r"`(--[a-z-]+)", prose(page))) <= known


@every_page
def test_set_and_presets_are_accepted(page: Path) -> None:
    for words in commands(page):
        if words[:1] != ["train"] or words[1] not in PRESETS:
            continue
        settings = [value for name, value in pairwise(words) if name == "--set"]
        settings = [value for value in settings if value != "name=value"]
        assert isinstance(preset(words[1]).with_settings(settings), Recipe)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"(?:^|`|\S+=\S+ )make ([a-z-]+)", text, re.MULTILINE)) <= targets


@every_pair
def test_a_page_is_one_text_in_two_languages(pair: tuple[Path, Path]) -> None:
    def headings(page: Path) -> list[int]:
        return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]

    def tables(page: Path) -> list[int]:
        return [line.count("|") for line in prose(page).splitlines() if line.startswith("|")]

    def formulas(page: Path) -> list[str]:
        return re.findall(r"^\$\$.*\$\$$", prose(page), re.MULTILINE)

    english, portuguese = pair
    assert headings(english) == headings(portuguese)
    assert tables(english) == tables(portuguese)
    assert formulas(english) == formulas(portuguese)
    kinds = [[kind for kind, _ in blocks(page)] for page in pair]
    assert kinds[0] == kinds[1]
    for (kind, left), (_, right) in zip(blocks(english), blocks(portuguese), strict=True):
        bare = [re.sub(r'"[^"]*"|#.*', "", text).split() for text in (left, right)]
        if kind != "python":  # names of files and of columns are the reader's
            bare = [[word for word in words if not _is_a_name(word)] for words in bare]
        assert bare[0] == bare[1]


def _is_a_name(word: str) -> bool:
    return bool(
        re.fullmatch(r"(my|minhas?|meus?)-[\w.-]+|[\w-]+\.(csv|tsv|txt)|lyrics|letra", word)
    )


@every_readme
def test_the_numbers_of_a_readme_are_marked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert 0 < text.index("<!-- bars:begin -->") < text.index("<!-- bars:end -->")


@pytest.mark.parametrize("page", PORTUGUESE, ids=lambda path: path.name)
def test_each_language_links_to_the_other(page: Path) -> None:
    assert f"(../{page.name})" in page.read_text(encoding="utf-8")
    assert f"(pt/{page.name})" in (DOCS / page.name).read_text(encoding="utf-8")


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [content for kind, content in blocks(READMES[0]) if kind == "python"]
    script = tmp_path / "example.py"
    script.write_text(code.replace("steps=200", "steps=2"), encoding="utf-8")
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    found = runpy.run_path(str(script))
    assert found["images"].shape == (16, 1, 8, 8)
    assert found["page"].path.is_file()
    assert found["found"].to_json()["metrics"].keys() == {"elbo_nats"}


def test_the_guide_to_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "".join(content for kind, content in blocks(DOCS / "python.md") if kind == "python")
    script = tmp_path / "guide.py"
    script.write_text(re.sub(r"steps=\d+", "steps=2", code), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(script))
    assert found["images"].shape == (200, 8, 8) and len(found["codes"]) == 5
    assert found["rebuilt"].shape == (5, 1, 8, 8) and len(found["values"]) > 0


@pytest.mark.parametrize("name", ["sklearn.md", "tune.md"])
def test_the_guides_to_other_tools_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "tune.md":
        pytest.importorskip("optuna")
    code = "".join(content for kind, content in blocks(DOCS / name) if kind == "python")
    short = re.sub(r"steps=\d+", "steps=3", code).replace("VAE(latent", "VAE(steps=3, latent")
    script = tmp_path / "guide.py"
    script.write_text(short, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    found = runpy.run_path(str(script))
    if name == "sklearn.md":
        assert found["rebuilt"].shape == (450, 64) and found["new"].shape == (16, 64)
        assert found["search"].best_estimator_.run_.path.parent.name == "search"
    else:
        assert len(found["found"].trials) == 6


# --- links and pictures ---------------------------------------------------------------------------


@every_page
def test_local_links_resolve(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for target in targets:
        path, _, anchor = target.partition("#")
        if re.match(r"https?://", target):
            continue
        linked = page.parent / path if path else page
        assert linked.is_file(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", prose(linked), re.MULTILINE)
            assert anchor in [title.lower().replace(" ", "-") for title in titles], target


def pictures(page: Path) -> list[str]:
    tags = re.findall(r"<img [^>]*>", page.read_text(encoding="utf-8"))
    assert all('alt="' in tag for tag in tags)
    return [match[1] for tag in tags if (match := re.search(r'src="([^"]+)"', tag))]


def test_pictures_are_those_of_the_language() -> None:
    shown = set()
    for pair in PAIRS:
        for page, language in zip(pair, ("en", "pt"), strict=True):
            for source in pictures(page):
                name, *marks = source.rpartition("/")[2].split(".")[:-1]
                assert marks in ([], [language]), source
                assert (page.parent / source).is_file(), source
                shown.add(name)
    assert shown == {"gan", "tensorboard", *PICTURES}


@every_page
def test_no_path_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.search(r"(?<![\w.])/(home|root|work|tmp|mnt|Users)/|[A-Z]:\\", text)
    assert found is None, found


# --- what the code has ----------------------------------------------------------------------------


def test_the_table_of_families_is_that_of_the_code() -> None:
    table = rows(DOCS / "training.md", "family")
    assert [row["family"] for row in table] == list(MODELS)
    for row, family in zip(table, MODELS.values(), strict=True):
        assert (row["is a"], row["learns from"]) == (family.title, family.data)
        assert row["guide"] == f"[{family.guide}]({family.guide})"
        assert row["lesson"] == (family.lesson or "—")


@every_family
def test_every_setting_of_a_family_is_documented(family: str) -> None:
    page, spec = DOCS / MODELS[family].guide, MODELS[family]
    check_settings(page, spec.config)
    if len(set(spec.sizes.values())) == 1:
        return
    written = rows(page, "size")
    for name, config in spec.sizes.items():
        varying = {key for key in type(config).model_fields if len(
            {getattr(other, key) for other in spec.sizes.values()}) > 1}  # fmt: skip
        # A page may hold the tables of several families: one has this family's columns and values.
        found = [row for row in written if row["size"] == name and varying <= row.keys()]
        assert {key: in_json(getattr(config, key)) for key in varying} in [
            {key: json.loads(row[key]) for key in varying} for row in found
        ]


def test_every_other_setting_is_documented() -> None:
    check_settings(DOCS / "training.md", TrainingConfig)
    check_settings(DOCS / "training.md", DataConfig)
    check_settings(DOCS / "language.md", SamplingConfig)
    check_settings(DOCS / "translation.md", DecodingConfig)


def test_every_preset_is_documented_as_it_is() -> None:
    table = {row["preset"]: row for row in rows(DOCS / "training.md", "preset")}
    assert set(table) == set(PRESETS)
    for name, row in table.items():
        recipe = preset(name)
        assert row["data"] == recipe.data.name
        for setting in ("budget", "batch_size", "learning_rate"):
            assert float(row[setting]) == getattr(recipe.training, setting), (name, setting)
    guides = "".join(
        (DOCS / name).read_text(encoding="utf-8")
        for name in {family.guide for family in MODELS.values()}
    )
    assert [name for name in PRESETS if name not in guides] == []


def test_every_data_set_is_documented() -> None:
    assert [row["name"] for row in rows(DOCS / "training.md", "name")] == list(DATASETS)


def test_every_metric_is_documented_with_unit_and_direction() -> None:
    table = {row["key"]: row for row in rows(DOCS / "protocols.md", "key")}
    assert list(table) == list(METRICS)
    for key, metric in METRICS.items():
        better = "—" if metric.direction == "none" else metric.direction
        assert (table[key]["unit"], table[key]["better"]) == (metric.unit or "1", better), key


def test_the_efforts_are_those_of_the_code() -> None:
    table = rows(DOCS / "protocols.md", "effort")
    assert [row["effort"] for row in table] == ["STANDARD", "FULL", "REDUCED"]
    for row in table:
        effort = vars(getattr(efforts, row["effort"]))
        amounts = {name: value for name, value in effort.items() if name != "sharing"}
        assert {name: json.loads(row[name]) for name in amounts} == amounts


def test_the_feature_networks_are_those_of_the_package() -> None:
    page = DOCS / "protocols.md"
    for row in (row for row in rows(page, "data") if "test accuracy" in row):
        network = extractor.load(row["data"])
        assert network is not None
        assert float(row["test accuracy"]) == round(network.test_accuracy, 3)


def test_the_map_names_every_layer_and_file() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    package = Path(folder.__file__).parents[1]
    modules = [path for path in package.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))]
    parts = [path.stem for path in modules if path.name != "__init__.py"]
    layers = "".join(line for line in text.splitlines() if line.startswith("|"))
    assert [name for name in parts if f"`{name}`" not in layers] == []
    names = [value for key, value in vars(folder).items() if key.isupper() and "." in str(value)]
    assert len(names) > 5
    assert [name for name in names if name not in text] == []


def test_the_python_version_is_the_one_required() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.search(r'requires-python = ">=([\d.]+)"', text)
    assert required is not None
    assert sys.version_info >= tuple(map(int, required[1].split(".")))
    assert all(f"Python {required[1]}" in page.read_text(encoding="utf-8") for page in READMES)


def test_every_promise_has_a_test_of_its_id_and_every_such_test_its_promise() -> None:
    rows = re.findall(
        r"^\| ([A-E]\d+) \| (.*) \|$", (DOCS / "reliability.md").read_text(), re.MULTILINE
    )
    promised = {name for name, words in rows if "does not apply" not in words}
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    tests = {
        name.upper()
        for text in sources
        for name in re.findall(r"^def test_([a-e]\d+)_", text, re.MULTILINE)
    }
    assert len(promised) >= 14 and tests == promised
