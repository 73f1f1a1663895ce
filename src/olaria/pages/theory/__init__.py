"""The theory that a report tells, in a Markdown document of each section and language beside this module.

``vae.en.md`` and ``vae.pt.md`` are the text of the section ``vae``::

    # Title of the section

    One sentence per line, which calls works {cite kingma2014 rezende2014} and shows a {number}.
    {if flow} A line that stands only where a run has a flow; ``{if not flow}`` is its opposite.

    [formula vae elbo] What both formulas are, for those who cannot see them.

    ## {#run}

    {if weighted} What is said of each run, above its numbers.

    ## A heading that is shown where something stands below it {#after}

    What comes after the runs, in small print.

    [latents] Caption of a figure, which is left out where there is nothing to draw.

The form is that of the lessons (:mod:`olaria.lessons.document`); what is not shared is: the names of formulas
(:data:`olaria.pages.formulas.FORMULAS`), works (:data:`olaria.pages.references.REFERENCES`), figures
(:data:`FIGURES`), and the values of fields and conditions (:mod:`olaria.pages.theory.values`). A formula of the text
alone stands in a line of its own between ``$$``. Both languages have the same parts, formulas, works and fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from olaria.i18n import LANGUAGES, N_
from olaria.lessons.parts import Kind, Part, Place, apart, check_alike, part_of
from olaria.pages.formulas import FORMULAS
from olaria.pages.references import REFERENCES

FOLDER = Path(__file__).parent
OPENING, RUN, AFTER = "opening", "run", "after"
"""Where a text stands: above the runs, at each of them, and below them."""
FIGURES = ("losses", "latents", "specks", "areas")
"""What a text may show: losses of language models, latent planes (and those that are specks among them), KL's areas."""
_HEADING = re.compile(r"##(?P<title>.*?)\s*\{#(?P<name>\w+)\}")
_MARKS: dict[str, Kind] = {"formula": "formulas"}


@dataclass(frozen=True)
class Text:
    """What stands at one place.

    Args:
        title: its heading; empty for none.
        parts: in order.
        number: of its first line.
    """

    title: str = ""
    parts: tuple[Part, ...] = ()
    number: int = 1


@dataclass(frozen=True)
class Document(Place):
    """The theory of a section in one language.

    Args:
        path: of its file.
        title: of the section.
        texts: by the place where they stand.
    """

    title: str
    texts: Mapping[str, Text]


def document(section: str, language: str, folder: Path = FOLDER) -> Document | None:
    """The document of a section; None where it has none.

    Args:
        section: its name.
        language: ``en`` or ``pt``.
        folder: of the documents.

    Raises:
        DocumentError: a document is not of the form, names what there is not, or does not fit its other language.
    """
    return _documents(section, folder).get(language)


@cache
def _documents(section: str, folder: Path) -> Mapping[str, Document]:
    if not (folder / f"{section}.{LANGUAGES[0]}.md").is_file():
        return {}
    found = {language: read(folder / f"{section}.{language}.md") for language in LANGUAGES}
    first = found[LANGUAGES[0]]
    for other in found.values():
        if list(first.texts) != list(other.texts):
            raise other.wrong(1, N_("its headings are not those of {file}"), file=first.path.name)
        for place, text in first.texts.items():
            same = other.texts[place]
            check_alike(first.path.name, text.parts, same.parts, other, same.number)
    return found


def read(path: Path) -> Document:
    """A document.

    Raises:
        DocumentError: it is not of the form that this package tells.
    """
    place, title, name = Place(path), "", OPENING
    texts = dict[str, Text]()
    for number, block in apart(path.read_text(encoding="utf-8")):
        head = block[0]
        if head.startswith("# ") and not title:
            title = head[2:].strip()
            texts[OPENING] = Text(number=number)
        elif not title:
            raise place.wrong(number, N_("a section's text begins with its title"))
        elif head.startswith("#"):
            found = _HEADING.fullmatch(head)
            if found is None or len(block) > 1 or found["name"] not in (RUN, AFTER):
                form = f"## {{#{RUN}}}, ## {{#{AFTER}}}"
                raise place.wrong(number, N_("a heading has the form “{form}”"), form=form)
            name = found["name"]
            if name in texts:
                raise place.wrong(number, N_("there are two headings “{name}”"), name=name)
            texts[name] = Text(found["title"].strip(), (), number)
        else:
            part = part_of(place, number, block, _MARKS)
            _check_names(place, part)
            texts[name] = replace(texts[name], parts=(*texts[name].parts, part))
    if not title:
        raise place.wrong(1, N_("a section's text begins with its title"))
    return Document(path, title, texts)


def _check_names(place: Place, part: Part) -> None:
    """Refuse formulas, works and figures that there are not."""
    number = part.lines[0].number
    for name in part.name.split():
        if part.kind == "formulas" and name not in FORMULAS:
            raise place.wrong(number, N_("there is no formula “{name}”"), name=name)
        if part.kind == "figure" and name not in FIGURES:
            raise place.wrong(number, N_("there is no figure “{name}”"), name=name)
    for line in part.lines:
        for key in " ".join(line.citations).split():
            if key not in REFERENCES:
                raise place.wrong(line.number, N_("there is no work “{name}”"), name=key)
