"""Modules inside one page: what is linked, what is refused, and that the page allows these texts alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

import pytest

from olaria.pages.link import LinkError, imported, linked, module_text, modules

MODULES = {
    "olaria/a.js": 'import {\n  b,\n} from "./b.js";\nimport "olaria/c.js";\nexport const a = b;\n',
    "olaria/b.js": 'export { c as b } from "olaria/c.js";\n',
    "olaria/c.js": '/** import {x} from a comment is none.\n * import("./z.js") */\nexport const c = 1;\n',
    "olaria/x.js": 'import { y } from "olaria/y.js";\n',
    "olaria/y.js": 'import { x } from "olaria/x.js";\n',
    "olaria/lost.js": 'import "olaria/nowhere.js";\n',
}
WRITTEN = {
    **MODULES,
    "olaria/b.js": 'export { c as b } from "olaria/c.js";\n',
    "olaria/a.js": MODULES["olaria/a.js"].replace("./", "olaria/"),
    "olaria/c.js": "export const c = 1;\n",
}
"""As a page has them."""
NAMES = sorted(
    file.name for file in resources.files("olaria.pages").joinpath("play").iterdir()
    if file.name.endswith(".js")
)  # fmt: skip


def read(name: str) -> str:
    if name not in MODULES:
        raise LinkError(f"there is no module {name}")
    return MODULES[name]


def test_every_module_comes_after_those_that_it_needs() -> None:
    assert list(modules(["olaria/a.js"], read)) == ["olaria/c.js", "olaria/b.js", "olaria/a.js"]


def test_the_map_holds_each_text_and_the_policy_its_hash() -> None:
    main = 'import { a } from "olaria/a.js";\n'
    found = linked(main, read)
    import_map: Any = json.loads(found.import_map)
    assert set(import_map["imports"]) == {"olaria/a.js", "olaria/b.js", "olaria/c.js"}
    for name, url in import_map["imports"].items():
        source = base64.b64decode(url.removeprefix("data:text/javascript;base64,"))
        assert source.decode() == WRITTEN[name]
        own = base64.b64encode(hashlib.sha384(source).digest()).decode()
        assert import_map["integrity"][url] == f"sha384-{own}"
        assert f"'sha384-{own}'" in found.policy
    for text in (found.import_map, main):
        own = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{own}'" in found.policy
    assert found.policy.startswith("default-src 'none'; ") and "unsafe-eval" not in found.policy
    assert len(re.findall(r"'sha\d+-", found.policy)) == 5


@pytest.mark.parametrize(
    ("main", "named"),
    [
        ('import "olaria/lost.js";', "olaria/nowhere.js"),
        ('import "olaria/x.js";', "olaria/x.js → olaria/y.js → olaria/x.js"),
        ("</script>", "ends a script"),
    ],
)
def test_what_cannot_be_linked_is_named(main: str, named: str) -> None:
    with pytest.raises(LinkError, match=named):
        linked(main, read)


@pytest.mark.parametrize("name", ["olaria/nowhere.js", "olaria/../link.py", "other/a.js", "a.js"])
def test_a_module_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(LinkError, match=re.escape(name)):
        module_text(name)


@pytest.mark.parametrize("name", NAMES)
def test_our_modules_link_and_neither_evaluate_text_nor_leave(name: str) -> None:
    code = re.sub(r"/\*.*?\*/|//.*", "", module_text(f"olaria/{name}"), flags=re.S)
    for word in ("eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "import(", "fetch(",
                 "XMLHttpRequest", "WebSocket", "localStorage", "sessionStorage", "indexedDB"):  # fmt: skip
        assert word not in code, word
    assert all(one.startswith("olaria/") for one in imported(code))
    assert f"olaria/{name}" in modules([f"olaria/{name}"], module_text)
