"""Bring the catalogs up to date with the sources: ``make translations``.

Collects every English source string, that is the text in ``N_("...")`` and ``translate("...")`` of
the package and ``_("...")`` of its page templates, into the Portuguese catalog, and compiles that.
Strings without Portuguese stay empty there, to be filled in by hand or with ``--merge``.

Options: ``--merge FILE.json ...`` takes translations from files ``{"English": "Português", ...}``;
``--check`` changes nothing and fails when a string has no Portuguese, when the two sides name
different fields, when an entry is no longer used, or when the compiled catalog is stale.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, TemplateSyntaxError, nodes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))  # the package of this tree, wherever another is installed

from olaria.config import texts_of_fields  # noqa: E402

PACKAGE = ROOT / "src" / "olaria"
CATALOG = PACKAGE / "locales" / "pt_BR" / "LC_MESSAGES" / "olaria.po"
MARKERS = ("N_", "translate")
SETTINGS = ("families/", "recipes/", "data/config.py")
"""Where the settings of a recipe are declared."""
TEMPLATES = {".html", ".jinja", ".j2", ".md", ".svg", ".txt"}

AGREES = re.compile(r"\{(\w+):[^{}|]*\|([^{}|]*)\}")
"""Words that agree with a count, as in ``{count:image|images}``: its name, and the plural."""

Sources = dict[str, set[str]]  # source string -> files that use it


class Problem(Exception):
    """A source or a catalog that has to be mended; one line."""


class StableCatalog(Catalog):
    """A catalog whose header has nothing that changes by itself: no dates, no versions."""

    @property  # type: ignore[misc]  # Babel's can be set, too
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "olaria"),
            ("Language", "pt_BR"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


# --- collecting -----------------------------------------------------------------------------------


def strings_in_python(code: str) -> Iterator[str]:
    """Marked strings of a module, in order.

    Raises:
        Problem: ``N_`` marks something that is not a plain string.

    >>> list(strings_in_python('a = N_("no " "images"); translate(a); translate("yes", "pt")'))
    ['no images', 'yes']
    """
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in MARKERS:
            continue
        text = node.args[0]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value
        elif name == "N_":
            raise Problem(f"line {node.lineno}: N_ must be given one plain string")


def strings_of_settings(code: str) -> Iterator[str]:
    r"""What the settings of a recipe mean: the texts under the fields of its configurations.

    >>> list(strings_of_settings("class A(ModelConfig):\n    x: int\n    'Its size.'"))
    ['Its size.']
    """
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ClassDef) and any(
            getattr(base, "id", "").endswith("Config") for base in node.bases
        ):
            yield from (text for _, text in texts_of_fields(node))


def strings_in_template(source: bytes) -> Iterator[str]:
    """Strings in ``_("...")`` and ``_("...", name=value)`` of a Jinja template.

    What is not a plain string, such as ``_(label)``, comes translated from marked Python code.

    >>> list(strings_in_template(b'{{ _("{num} steps", num=3) }}{{ _(label) }}'))
    ['{num} steps']
    """
    for call in Environment().parse(source.decode("utf-8")).find_all(nodes.Call):
        text = call.args[0] if call.args else None
        marked = isinstance(call.node, nodes.Name) and call.node.name == "_"
        if marked and isinstance(text, nodes.Const) and isinstance(text.value, str):
            yield text.value


def collect(package: Path = PACKAGE) -> Sources:
    """Every source string of the package, with the files that use it.

    Raises:
        Problem: a marked text cannot be collected; names its file.
    """
    sources: Sources = {}
    for path in sorted(package.rglob("*")):
        where = path.relative_to(package).as_posix()
        try:
            if path.suffix == ".py":
                code = path.read_text(encoding="utf-8")
                texts = list(strings_in_python(code))
                if where.startswith(SETTINGS):
                    texts += strings_of_settings(code)
            elif "templates" in path.parts and path.suffix in TEMPLATES:
                texts = list(strings_in_template(path.read_bytes()))
            else:
                continue
        except (Problem, SyntaxError, TemplateSyntaxError) as error:
            raise Problem(f"{where}: {error}") from None
        for text in texts:
            sources.setdefault(text, set()).add(where)
    sources.pop("", None)
    return sources


# --- catalogs -------------------------------------------------------------------------------------


def read_catalog(path: Path) -> dict[str, str]:
    """Source string to translation; entries marked fuzzy count as not translated."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        catalog = read_po(file)
    return {
        str(entry.id): "" if entry.fuzzy else str(entry.string) for entry in catalog if entry.id
    }


def build(sources: Sources, translations: dict[str, str]) -> Catalog:
    """The catalog of exactly ``sources``."""
    catalog = StableCatalog(locale="pt_BR", fuzzy=False, header_comment="# Olaria in Portuguese.")
    for text in sorted(sources):
        locations = [(where, 0) for where in sorted(sources[text])]
        # Without flags: a % or a brace does not make our texts C's or Python's format strings.
        entry = catalog.add(text, translations.get(text, ""), locations)
        entry.flags.clear()
    return catalog


def written(catalog: Catalog) -> bytes:
    """The catalog as a .po file."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, include_lineno=False, sort_output=True)
    return buffer.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """The catalog as a .mo file; the same bytes for the same entries.

    Sentences that older runs keep know no singular: those that agree with a count now are found by their plural too.
    """
    whole = StableCatalog(locale="pt_BR", fuzzy=False)
    for entry in catalog:
        if entry.id:
            whole.add(AGREES.sub(r"\2", str(entry.id)), entry.string)
            whole.add(entry.id, entry.string)
    buffer = io.BytesIO()
    write_mo(buffer, whole)
    return buffer.getvalue()


# --- checking -------------------------------------------------------------------------------------


def fields(text: str) -> set[str]:
    """Names of the fields in a text.

    >>> sorted(fields("{path} has {count:,d} images, 100 % {{literal}} %(size)s"))
    ['count', 'path', 'size']
    """
    plain = text.replace("{{", "").replace("}}", "")
    plain = AGREES.sub("", plain)  # words may agree with a count in one language alone
    return set(re.findall(r"\{(\w+)[^{}]*\}", plain)) | set(re.findall(r"%\((\w+)\)", text))


def mismatch(source: str, translation: str) -> str | None:
    """What makes ``translation`` unusable for ``source``."""
    if fields(source) != fields(translation):
        names = " ".join(sorted(fields(source) ^ fields(translation)))
        return f"fields differ ({names}): {source!r}"
    for name, _plural in AGREES.findall(source + translation):
        if name not in fields(source):
            return f"nothing is counted by {name}: {source!r}"
    if (source[:1].isspace(), source[-1:].isspace()) != (
        translation[:1].isspace(),
        translation[-1:].isspace(),
    ):
        return f"space at the start or end differs: {source!r}"
    return None


def problems(sources: Sources, catalog_path: Path) -> list[str]:
    """All that is wrong with the catalog at ``catalog_path``, one line each."""
    translations = read_catalog(catalog_path)
    found = [
        f"no Portuguese for {text!r} ({', '.join(sorted(sources[text]))})"
        for text in sorted(sources)
        if not translations.get(text)
    ]
    pairs = [(text, other) for text, other in sorted(translations.items()) if other]
    found += [line for text, other in pairs if (line := mismatch(text, other)) is not None]
    found += [f"no longer used: {text!r}" for text in sorted(translations.keys() - sources.keys())]
    compiled_path = catalog_path.with_suffix(".mo")
    expected = compiled(build(sources, translations))
    if not compiled_path.exists() or compiled_path.read_bytes() != expected:
        found.append(f"{compiled_path.name} is stale; run: make translations")
    return found


def merged(translations: dict[str, str], files: Iterable[Path]) -> dict[str, str]:
    """``translations`` with those of JSON ``files`` over them.

    Raises:
        Problem: a file is not a JSON object of strings.
    """
    result = dict(translations)
    for path in files:
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Problem(f"{path}: {error}") from None
        if not isinstance(entries, dict) or not all(isinstance(t, str) for t in entries.values()):
            raise Problem(f'{path}: must be {{"English": "Português", ...}}')
        result.update(entries)
    return result


def update(sources: Sources, translations: dict[str, str], catalog_path: Path) -> None:
    """Write the catalog and its compiled form."""
    catalog = build(sources, translations)
    catalog_path.parent.mkdir(parents=True, exist_ok=True)
    catalog_path.write_bytes(written(catalog))
    catalog_path.with_suffix(".mo").write_bytes(compiled(catalog))


def main(arguments: list[str] | None = None) -> int:
    """Update or check; one line for each problem, exit code 1 where there is one."""
    parser = argparse.ArgumentParser(description="Olaria's translation catalogs.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail on problems")
    parser.add_argument("--merge", nargs="+", type=Path, default=[], metavar="FILE.json")
    options = parser.parse_args(arguments)
    try:
        sources = collect()
        if not options.check:
            for text in sorted(merged({}, options.merge).keys() - sources.keys()):
                print(f"notice: merged, but not a source string: {text!r}", file=sys.stderr)
            update(sources, merged(read_catalog(CATALOG), options.merge), CATALOG)
        found = problems(sources, CATALOG)
    except Problem as error:
        found = [str(error)]
        sources = {}
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(sources)} source strings, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
