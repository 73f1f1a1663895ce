"""References: their facts have the form that the styles need, and both styles write them so."""

from __future__ import annotations

import re

import pytest

from olaria.cards.context import DataCard, RunCard
from olaria.families import MODELS
from olaria.families.report import Method
from olaria.pages.citations import Citations, abnt, author_year, numbered_style
from olaria.pages.references import (
    COMMON,
    METRIC_REFERENCES,
    REFERENCES,
    Reference,
    methods_of,
)

METHODS = [("gpt", method) for method in COMMON] + [
    (name, method) for name, family in MODELS.items() for method in family.methods
]
"""Each with a family whose runs may use it."""

every_work = pytest.mark.parametrize("key", REFERENCES)


@every_work
def test_a_work_is_whole(key: str) -> None:
    work = REFERENCES[key]
    assert 1940 < work.year < 2030 and key[-5:].strip("b").endswith(str(work.year))
    for author in work.authors.split("; "):
        assert re.fullmatch(r"[^,;]+, (\w\.[ -]?)+( van den)?", author), author
    assert work.journal or work.event or work.publisher or work.arxiv or work.url
    assert not (work.journal and work.event)
    assert not work.title.endswith(".") and work.title[0].isalnum()
    assert re.fullmatch(r"(10\.\d{4,}/\S+)?", work.doi)
    assert re.fullmatch(r"(\d{4}\.\d{4,5})?", work.arxiv)
    assert re.fullmatch(r"(\d+(–\d+)?)?", work.pages), "a range has a dash"
    if work.event is not None:
        assert work.event.year == work.year


@every_work
def test_both_styles_end_well(key: str) -> None:
    for written in (str(abnt(REFERENCES[key])), str(numbered_style(REFERENCES[key]))):
        assert written.endswith(".")
        plain = written.replace("[...]", "")
        assert ".." not in plain and " ," not in plain and "None" not in plain
        assert written.count("<cite>") <= 1


def test_an_article_by_abnt() -> None:
    assert str(abnt(REFERENCES["hinton2006"])) == (
        "HINTON, G. E.; SALAKHUTDINOV, R. R. Reducing the dimensionality of data with neural networks. "
        "<cite>Science</cite>, v. 313, n. 5786, p. 504–507, 2006. DOI: 10.1126/science.1127647."
    )


def test_proceedings_by_abnt() -> None:
    assert str(abnt(REFERENCES["papineni2002"])) == (
        "PAPINENI, K. <i>et al.</i> BLEU: a method for automatic evaluation of machine translation. "
        "In: ANNUAL MEETING OF THE ASSOCIATION FOR COMPUTATIONAL LINGUISTICS, 40., 2002, Philadelphia. "
        "<cite>Proceedings</cite> [...]. Philadelphia: ACL, 2002. p. 311–318. DOI: 10.3115/1073083.1073135."
    )


def test_what_appeared_nowhere_is_highlighted_itself() -> None:
    assert str(abnt(REFERENCES["lim2017"])) == (
        "LIM, J. H.; YE, J. C. <cite>Geometric GAN</cite>. [S. l.: s. n.], 2017. arXiv: 1705.02894."
    )


def test_the_numbered_style() -> None:
    assert str(numbered_style(REFERENCES["burda2016"])) == (
        "Y. Burda, R. Grosse, and R. Salakhutdinov, “Importance weighted autoencoders,” in "
        "<cite>Proceedings of the 4th International Conference on Learning Representations</cite>, "
        "San Juan, 2016, arXiv: 1509.00519."
    )
    assert "converge?” in <cite>" in str(numbered_style(REFERENCES["mescheder2018"]))
    assert str(numbered_style(REFERENCES["shannon1948"])).startswith("C. E. Shannon, “A math")


def test_what_a_work_says_is_text() -> None:
    work = Reference("A & B, C.", "On <i>", 2001, journal="<b>", volume="1")
    assert "On &lt;i&gt;" in str(abnt(work)) and "<cite>&lt;b&gt;</cite>" in str(abnt(work))
    assert "A &amp; B" in str(numbered_style(work))


def test_calls_are_told_apart() -> None:
    calls = [author_year(work) for work in REFERENCES.values()]
    assert len(set(calls)) == len(calls)
    assert author_year(REFERENCES["oord2017"]) == "OORD; VINYALS; KAVUKCUOGLU, 2017"


def test_portuguese_lists_by_name_and_english_by_first_call() -> None:
    for language, order in (("pt", ["ref-kingma2015", "ref-sonderby2016", "ref-zhang2019"]),
                            ("en", ["ref-zhang2019", "ref-kingma2015", "ref-sonderby2016"])):  # fmt: skip
        citations = Citations(language)
        citations.cite("zhang2019")
        citations.cite("kingma2015", "sonderby2016")
        citations.cite("zhang2019")
        assert [anchor for anchor, _, _ in citations.listed()] == order
    assert str(Citations("en").cite("ba2016", "he2016")).count("href") == 2


def test_every_key_that_is_used_is_there() -> None:
    used = {key for _, method in METHODS for key in method.keys}
    used |= {key for keys in METRIC_REFERENCES.values() for key in keys}
    assert used <= REFERENCES.keys()


def test_a_method_is_told_once_for_runs_alike() -> None:
    citations = Citations("en")
    card = RunCard("a", "gpt", DataCard("x", "X"), recipe={"model": {"family": "gpt"}})
    assert len(citations.methods(card)) == 4
    assert citations.methods(card) == []
    other = RunCard("b", "gpt", card.data, recipe={"model": {"family": "gpt", "dropout": 0.1}})
    assert len(citations.methods(other)) == 5
    for chunk, is_local in ((16, True), (32, False)):
        model = {"family": "gpt", "chunk": chunk, "context": 32}
        found = Citations("en").methods(RunCard("c", "gpt", card.data, recipe={"model": model}))
        assert any("local attention" in method for method in found) is is_local


@pytest.mark.parametrize(
    ("family", "method"), METHODS, ids=lambda value: getattr(value, "title", str(value))
)
def test_a_run_that_sets_nothing_uses_nothing(family: str, method: Method) -> None:
    assert method not in methods_of(RunCard("a", family, DataCard("x", "X")))


def test_methods_are_of_their_family() -> None:
    recipe = {"model": {"family": "autoencoder", "flow": 4, "corruption": 0.5, "warmup": 0.2}}
    found = methods_of(RunCard("a", "autoencoder", DataCard("x", "X"), recipe=recipe))
    assert [method.keys for method in found] == [("vincent2010",)]
