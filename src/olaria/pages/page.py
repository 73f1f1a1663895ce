"""What every page shares: its templates, and source strings as HTML.

A page's words are English source strings, translated by ``_`` in its template; in them ``*words*`` are emphasised,
``$z$`` is a mathematical sign, and what stands between backquotes is code, as is a field that is a command of ours.
Longer formulas are in :mod:`olaria.pages.formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from markupsafe import Markup, escape

from olaria.characters import JOINERS, escaped, legible
from olaria.i18n import Message, agreeing, translate, written
from olaria.lessons.figures import Words

_LONGEST_WORD = 40  # letters of a word of code that fit into a line on a telephone
_SIGNS = re.compile(r"\$([^$]+)\$")
_INDEX = re.compile(r"_(\w)")
_UPRIGHT = re.compile(r"(log|exp|[0-9½]+)")
_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")


class _Templates(BaseLoader):
    """Templates beside this module, wherever the package is installed."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        file = resources.files("olaria.pages").joinpath("templates", template)
        if not file.is_file():
            raise TemplateNotFound(template)
        return file.read_text(encoding="utf-8"), None, lambda: True


@cache
def environment() -> Environment:
    """The templates' environment; everything that is not marked safe is escaped."""
    made = Environment(
        loader=_Templates(),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals["_"] = lambda text, **fields: rich_text(text, "en", **fields)
    return made


def sound(html: str) -> str:
    r"""A page with escapes in place of characters that HTML forbids, that are not seen, or that turn the text around.

    >>> sound("<p>a\x1ab\n</p>")
    '<p>a\\x1ab\n</p>'
    """
    kept = "\t\n"
    odd = [one for one in set(html) if legible(f"a{one}", kept) != f"a{one}" and one not in JOINERS]
    return html.translate({ord(one): escaped(one) for one in odd})


def rich_text(text: str, language: str, /, **fields: Any) -> Markup:
    """A source string in ``language`` as HTML, with its marks; the fields' values are escaped.

    A field that is a command of ours is code, and breaks between its words only.

    >>> str(rich_text("*no* {x}", "en", x="<b>"))
    '<em>no</em> &lt;b&gt;'
    >>> str(rich_text("try {x}", "en", x="olaria"))
    'try olaria'
    """
    return _marked(agreeing(translate(text, language), fields, language), fields)


def _is_command(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Markup) and value.startswith("olaria ")


def whole_words(text: str) -> Markup:
    """A command as HTML in which a line breaks between words only; a word too long for a line may be broken.

    >>> str(whole_words("olaria eval <a>"))
    '<span class="word">olaria</span> <span class="word">eval</span> <span class="word">&lt;a&gt;</span>'
    """
    one = Markup('<span class="word">{}</span>')
    parts = re.split(r"(\s+)", text)
    kept = (part.isspace() or not 0 < len(part) <= _LONGEST_WORD for part in parts)
    return Markup("").join(
        part if stays else one.format(part) for part, stays in zip(parts, kept, strict=True)
    )


def rich_words(words: Words, language: str) -> Markup:
    """Words of a lesson as HTML: a message's markup is read (see :func:`rich_text`), data is escaped."""
    if not isinstance(words, Message):
        return escape(words)
    return _marked(words.form(language), _fields(words, language, rich_words))


def plain_words(words: Words, language: str) -> str:
    """Words of a lesson as plain text, for places that know no markup."""
    if not isinstance(words, Message):
        return words
    text = _EMPHASIS.sub(r"\1", _SIGNS.sub(r"\1", _CODE.sub(r"\1", words.form(language))))
    return text.format(**_fields(words, language, plain_words))


def _marked(text: str, fields: Mapping[str, Any]) -> Markup:
    """A sentence as HTML, its fields filled in; between backquotes nothing is marked."""
    parts = []
    for place, part in enumerate(_CODE.split(text)):
        if place % 2:
            parts.append(f"<code>{whole_words(part)}</code>")
            continue
        words = _EMPHASIS.sub(r"<em>\1</em>", str(escape(part)))
        words = _SIGNS.sub(_sign, words)
        for name in filter(lambda name: _is_command(fields[name]), fields):
            words = words.replace(f"{{{name}}}", f"<code>{{{name}}}</code>")
        parts.append(words)
    whole = {name: whole_words(x) for name, x in fields.items() if _is_command(x)}
    return Markup("".join(parts)).format(**{**fields, **whole})


def _fields(
    message: Message, language: str, within: Callable[[Message, str], str]
) -> dict[str, Any]:
    """Numbers in the reader's notation; a message in a message by ``within``."""
    return {
        name: within(x, language) if isinstance(x, Message) else written(x, language, counts=True)
        for name, x in message.fields.items()
    }


def _sign(found: re.Match[str]) -> str:
    """Names in italics, numbers and function names upright, ``_x`` as an index."""
    body = _INDEX.sub(r"<sub>\1</sub>", found[1])
    body = _UPRIGHT.sub(r"<span>\1</span>", body)
    return f'<i class="sign">{body}</i>'
