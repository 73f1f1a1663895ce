"""References in words: by ABNT NBR 6023 in Portuguese, numbered in English; and how the text calls them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from olaria.cards.context import RunCard
from olaria.families.report import Method
from olaria.i18n import translate
from olaria.pages.references import METRIC_REFERENCES, REFERENCES, Reference, methods_of

_ALL_NAMED = {"pt": 3, "en": 6}
"""Authors up to whom all are named; beyond, the first and “et al.”"""


class Citations:
    """The works that a text has called so far, in the order of their first call.

    Args:
        language: ``pt`` calls by author and year and lists by name; ``en`` calls and lists by number.

    >>> str(Citations("en").cite("burda2016"))
    '<a class="cite" href="#ref-burda2016">[1]</a>'
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._numbers: dict[str, int] = {}
        self._told: dict[str, list[Method]] = {}

    def cite(self, *keys: str) -> Markup:
        """A call of some works, as a link to each."""
        for key in keys:
            self._numbers.setdefault(key, len(self._numbers) + 1)
        if self.language == "en":
            numbered = sorted(keys, key=self._numbers.__getitem__)
            return Markup(", ").join(_link(key, f"[{self._numbers[key]}]") for key in numbered)
        links = [_link(key, author_year(REFERENCES[key])) for key in sorted(keys, key=_by_name)]
        return Markup("({})").format(Markup("; ").join(links))

    def methods(self, run: RunCard) -> list[Markup]:
        """What a run used, each with its call; nothing where it is what the family's run before it used."""
        found = methods_of(run)
        is_known = self._told.get(run.family) == found
        self._told[run.family] = found
        return [] if is_known else [self._method(method) for method in found]

    def _method(self, method: Method) -> Markup:
        title = translate(method.title, self.language)
        return Markup("{}\N{NO-BREAK SPACE}{}").format(title, self.cite(*method.keys))

    def metric(self, key: str) -> Markup:
        """The call of where a metric comes from; empty where it needs none."""
        keys = METRIC_REFERENCES.get(key, ())
        return self.cite(*keys) if keys else Markup("")

    def listed(self) -> Iterator[tuple[str, str, Markup]]:
        """Anchor, number (empty in Portuguese) and words of each work that was called."""
        is_numbered = self.language == "en"
        order = self._numbers if is_numbered else sorted(self._numbers, key=_by_name)
        for key in order:
            number = f"[{self._numbers[key]}]" if is_numbered else ""
            write = numbered_style if is_numbered else abnt
            yield f"ref-{key}", number, write(REFERENCES[key])


def _link(key: str, words: str) -> Markup:
    return Markup('<a class="cite" href="#ref-{}">{}</a>').format(key, words)


def _by_name(key: str) -> tuple[str, int, str]:
    """Alphabetical, whatever the accents."""
    work = REFERENCES[key]
    names = unicodedata.normalize("NFD", work.authors.casefold())
    return "".join(c for c in names if not unicodedata.combining(c)), work.year, work.title


def _authors(work: Reference) -> list[tuple[str, str]]:
    """Family name and initials of each."""
    pairs = (author.partition(", ") for author in work.authors.split("; "))
    return [(family, given) for family, _, given in pairs]


def author_year(work: Reference) -> str:
    """``KINGMA; WELLING, 2014``: a call by ABNT NBR 10520, without its parentheses.

    >>> author_year(REFERENCES["vaswani2017"])
    'VASWANI et al., 2017'
    """
    names = [family.upper() for family, _ in _authors(work)]
    who = "; ".join(names) if len(names) <= _ALL_NAMED["pt"] else f"{names[0]} et al."
    return f"{who}, {work.year}"


def abnt(work: Reference) -> Markup:
    """A work by ABNT NBR 6023.

    >>> str(abnt(REFERENCES["burda2016"]))[:65]
    'BURDA, Y.; GROSSE, R.; SALAKHUTDINOV, R. Importance weighted auto'
    """
    named = [f"{family.upper()}, {given}" for family, given in _authors(work)]
    who = escape("; ".join(named))
    if len(named) > _ALL_NAMED["pt"]:
        who = Markup("{} <i>et al.</i>").format(named[0])
    parts = [_ended(who), *_abnt_source(work)]
    if work.doi:
        parts.append(escape(f"DOI: {work.doi}."))
    if work.arxiv:
        parts.append(escape(f"arXiv: {work.arxiv}."))
    if work.url:
        parts.append(escape(f"Disponível em: {work.url}."))
    return Markup(" ").join(parts)


def _abnt_source(work: Reference) -> list[Markup]:
    """The title and where it appeared; what is highlighted is the whole that was published."""
    if work.journal:
        numbers = [
            f"{sign} {value}"
            for sign, value in (("v.", work.volume), ("n.", work.number), ("p.", work.pages))
            if value
        ]
        where = Markup("<cite>{}</cite>, {}.").format(work.journal, _listed([*numbers, work.year]))
        return [_ended(work.title), where]
    if work.event is None:
        where = escape(f"{work.publisher or '[S. l.: s. n.]'}, {work.year}.")
        return [Markup("<cite>{}</cite>.").format(work.title), where]
    event = work.event
    held = escape(f"In: {event.name.upper()}, {event.edition}., {event.year}, {event.place}.")
    city = "[S. l.]" if event.place == "online" else event.place
    place = event.publisher if ":" in event.publisher else f"{city}: {event.publisher}"
    where = Markup("<cite>Proceedings</cite> [...]. {}, {}.").format(place, work.year)
    pages = [escape(f"p. {work.pages}.")] if work.pages else []
    return [_ended(work.title), held, where, *pages]


def numbered_style(work: Reference) -> Markup:
    """A work as the numbered styles of engineering write it.

    >>> str(numbered_style(REFERENCES["lim2017"]))
    'J. H. Lim and J. C. Ye, “Geometric GAN,” 2017, arXiv: 1705.02894.'
    """
    named = [f"{given} {family}" for family, given in _authors(work)]
    who = f"{', '.join(named[:-1])}{',' if len(named) > 2 else ''} and {named[-1]}"
    if len(named) > _ALL_NAMED["en"]:
        who = f"{named[0]} et al."
    elif len(named) == 1:
        who = named[0]
    event = work.event
    where: list[Markup | str] = []
    if work.journal:
        where.append(Markup("<cite>{}</cite>").format(work.journal))
    elif event is not None:
        held = f"Proceedings of the {_ordinal(event.edition)} {event.name}"
        where.append(Markup("in <cite>{}</cite>").format(held))
        where.append(event.place)
    elif work.publisher:
        where.append(work.publisher)
    for sign, value in (("vol.", work.volume), ("no.", work.number)):
        where += [f"{sign} {value}"] if value else []
    where += [f"pp. {work.pages}"] if work.pages else []
    where.append(str(work.year))
    where += [f"doi: {work.doi}"] if work.doi else []
    where += [f"arXiv: {work.arxiv}"] if work.arxiv else []
    where += [work.url] if work.url else []
    stop = "" if work.title.endswith("?") else ","
    return Markup("{}, “{}{}” {}.").format(who, work.title, stop, _listed(where))


def _listed(parts: Sequence[Markup | str | int]) -> Markup:
    return Markup(", ").join(part if isinstance(part, Markup) else str(part) for part in parts)


def _ended(words: str) -> Markup:
    """With the full stop that ends a part, unless a sign of its own does."""
    text = escape(words)
    plain = str(text)
    return text if plain.endswith((".", "?", ".</i>")) else text + "."


def _ordinal(number: int) -> str:
    """
    >>> [_ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"
