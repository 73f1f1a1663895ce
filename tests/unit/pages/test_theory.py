"""The theory of a report: documents in both languages that say the same, and what is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from olaria.cards.context import DataCard, RunCard
from olaria.errors import DocumentError
from olaria.families import MODELS
from olaria.i18n import LANGUAGES
from olaria.lessons.parts import CITE
from olaria.pages import theory
from olaria.pages.citations import Citations
from olaria.pages.formulas import FORMULAS
from olaria.pages.pictures import Picture
from olaria.pages.theory import values
from olaria.pages.theory.told import Block, Theory

DATA = DataCard("digits", "Digits")
SECTIONS = sorted(path.name.partition(".")[0] for path in theory.FOLDER.glob("*.en.md"))
PICTURE = Picture("data:,", "a picture", 100)

ENGLISH = r"""# A section

It begins here {cite burda2016}.
{if several} There are several runs, {forward:.1f} nats apart.
{if not several} There is one run.

[formula elbo vae] a bound

$$ a = \frac{b}{2} $$

## {#run}

{if weighted} It has $β$ = {beta}.

## Pictures {#after}

[losses] Losses of *all*.
"""
PORTUGUESE = r"""# Uma seção

{if not several} Há uma execução.
{if several} Há várias execuções, a {forward:.1f} nats.
Aqui começa {cite burda2016}.

[formula elbo vae] um limite

$$ a = \frac{b}{2} $$

## {#run}

{if weighted} Tem $β$ = {beta}.

## Figuras {#after}

[losses] Perdas de *todos*.
"""
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(english: str = ENGLISH, portuguese: str = PORTUGUESE) -> Path:
        folder = tmp_path / f"theory-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "one.en.md").write_text(english, encoding="utf-8")
        (folder / "one.pt.md").write_text(portuguese, encoding="utf-8")
        return folder

    return written


def run(family: str = "vae", **model: Any) -> RunCard:
    return RunCard("one", family, DATA, recipe={"model": {"family": family, **model}})


def told(folder: Path = theory.FOLDER, language: str = "en", *, draws: bool = True) -> Theory:
    figures = dict.fromkeys(theory.FIGURES, lambda runs: PICTURE if draws else None)
    return Theory(language, Citations(language).cite, figures, folder)


def words(blocks: list[Block]) -> list[str]:
    return [str(block.words) for block in blocks]


def test_texts_have_their_conditions_fields_works_and_formulas(write: Write) -> None:
    text = told(write())
    assert text.title("one") == "A section"
    bound, own = [*FORMULAS["elbo"], *FORMULAS["vae"]], r"a = \frac{b}{2}"
    paragraph, named, written = text.opening("one", [run()])
    link = '<a class="cite" href="#ref-burda2016">[1]</a>'
    assert paragraph == Block("text", Markup(f"It begins here {link}. There is one run."))
    assert named.words == "a bound" and len(named.formulas) == len(bound) == 5
    assert f'alttext="{own}"' in str(written.formulas[0])
    assert "There are several runs, 0.3 nats" in words(text.opening("one", [run(), run()]))[0]


def test_a_portuguese_text_has_its_own_words_and_numbers(write: Write) -> None:
    text = told(write(), "pt")
    (first, *_) = words(text.opening("one", [run(), run()]))
    assert first.startswith("Há várias execuções, a 0,3 nats. Aqui começa (<a")
    assert words(text.of_run("one", run(beta=0.5))) == ['Tem <i class="sign">β</i> = 0,5.']
    assert words(text.after("one", [run()])) == ["Figuras", "Perdas de <em>todos</em>."]


def test_what_has_nothing_to_say_is_left_out_with_its_heading(write: Write) -> None:
    folder = write()
    assert told(folder).of_run("one", run(beta=1.0)) == []
    assert told(folder, draws=False).after("one", [run()]) == []
    assert told(folder).title("other") is None
    assert told(folder).opening("other", [run()]) == told(folder).after("other", [run()]) == []


def test_a_value_is_escaped(write: Write) -> None:
    english, portuguese = (
        text.replace("{beta}", "{likelihood}").replace("weighted", "other_likelihood")
        for text in (ENGLISH, PORTUGUESE)
    )
    (block,) = told(write(english, portuguese)).of_run("one", run(likelihood="<b>*x*{0}"))
    assert "&lt;b&gt;*x*{0}" in block.words


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# A section\n", "", r"one.en.md:2: a section's text begins with its title"),
        ("## {#run}", "## Each run", r"one.en.md:11: a heading has the form"),
        ("## {#run}", "## {#each}", r"one.en.md:11: a heading has the form"),
        ("## Pictures {#after}", "## {#run}", r"one.en.md:15: there are two headings “run”"),
        ("## {#run}\n", "", r"one.pt.md:1: its headings are not those of one.en.md"),
        ("formula elbo vae", "formula elbow", r"one.en.md:7: there is no formula “elbow”"),
        ("formula elbo vae", "formula elbo", r"one.pt.md:7: not the same .* line 7 of one.en.md"),
        ("[formula elbo vae]", "[formula]", r"one.en.md:7: a mark has the form “\[formula name\]”"),
        ("[losses]", "[losses of]", r"one.en.md:17: a mark has the form “\[losses\]”"),
        ("[losses]", "[loses]", r"one.en.md:17: there is no figure “loses”"),
        ("[losses] Losses of *all*.", "", r"one.pt.md:15: it has not as many parts"),
        ("burda2016", "burda2017", r"one.en.md:3: there is no work “burda2017”"),
        (" {cite burda2016}", "", r"one.pt.md:3: not the same"),
        ("{cite burda2016}", "{cite}", r"one.pt.md:3: not the same"),
        ("{cite burda2016}", "{cite, burda2016}", r"one.en.md:3: a brace"),
        ("{forward:.1f}", "{forward:.2f}", None),
        ("{forward:.1f}", "{backward}", r"one.pt.md:3: not the same"),
        ("{if several}", "{if not several}", r"one.pt.md:3: not the same"),
        (r"\frac{b}{2}", r"\frac{b}{3}", r"one.pt.md:9: not the same"),
    ],
)
def test_a_wrong_document_is_refused_with_file_and_line(
    write: Write, old: str, new: str, message: str | None
) -> None:
    assert old in ENGLISH
    folder = write(ENGLISH.replace(old, new, 1), PORTUGUESE)
    if message is None:  # each language may round in its own way
        assert told(folder).title("one")
        return
    with pytest.raises(DocumentError, match=message):
        told(folder).title("one")


@pytest.mark.parametrize("name", ["{sigma}", "{sigma:.2f}", "{if sigma} It has"])
def test_an_unknown_value_is_named_with_its_line(write: Write, name: str) -> None:
    pages = [text.replace("{if weighted}", name) for text in (ENGLISH, PORTUGUESE)]
    for language in LANGUAGES:
        with pytest.raises(
            DocumentError, match=rf"one.{language}.md:13: there is no value “sigma”"
        ):
            told(write(*pages), language).of_run("one", run())


# -- the documents of Olaria -----------------------------------------------------------------------


def test_there_is_a_document_of_every_section_and_no_other() -> None:
    assert set(SECTIONS) == {family.section.name for family in MODELS.values()} | {"kl"}
    files = {path.name for path in theory.FOLDER.glob("*.md")}
    assert files == {f"{name}.{language}.md" for name in SECTIONS for language in LANGUAGES}


@pytest.mark.parametrize("section", SECTIONS)
def test_both_languages_have_the_same_parts_and_every_name_is_known(section: str) -> None:
    known = {
        theory.OPENING: values.of_section([run()]),
        theory.RUN: values.of_run(run()),
        theory.AFTER: values.of_section([run()]),
    }
    english, portuguese = (theory.document(section, language) for language in LANGUAGES)
    assert english is not None and portuguese is not None
    assert list(english.texts) == list(portuguese.texts)
    for place, text in english.texts.items():
        assert [p.shape for p in text.parts] == [p.shape for p in portuguese.texts[place].parts]
        for part in (*text.parts, *portuguese.texts[place].parts):
            assert part.fields <= known[place].keys() | {CITE}
        assert bool(text.title) == bool(portuguese.texts[place].title)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_sentences_that_can_be_read(language: str) -> None:
    for section in SECTIONS:
        document = theory.document(section, language)
        assert document is not None
        for part in (part for text in document.texts.values() for part in text.parts):
            for line in part.lines:
                assert len(line.text.split()) <= 100, (section, line.number)
                assert "  " not in line.text and line.text.count("$") % 2 == 0, (section, line)
                is_label = part.kind in ("formulas", "formula")
                assert is_label or re.search(r"[.:]$", line.text), (section, line.number)


def test_every_formula_of_the_table_is_told_and_every_figure_shown() -> None:
    parts = [
        part
        for section in SECTIONS
        for text in (theory.document(section, "en") or pytest.fail(section)).texts.values()
        for part in text.parts
    ]
    formulas = {n for part in parts if part.kind == "formulas" for n in part.name.split()}
    assert formulas == set(FORMULAS)
    assert {part.name for part in parts if part.kind == "figure"} == set(theory.FIGURES)


def test_the_texts_of_a_wheel_are_those_of_the_sources() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    root = Path(__file__).parents[3]
    taken = {
        file.distribution_path for file in wheel.WheelBuilder(str(root)).recurse_included_files()
    }
    documents = {path.relative_to(root / "src").as_posix() for path in (root / "src").rglob("*.md")}
    assert {"olaria/pages/theory/vae.pt.md", "olaria/lessons/vae/text.en.md"} <= documents
    assert documents <= taken


@pytest.mark.parametrize(
    ("family", "model", "said"),
    [
        ("autoencoder", {"corruption": 0.5}, "noise of standard deviation 0.5 is added"),
        ("autoencoder", {"corruption": 0.25, "noise": "masking"}, "25% of the pixels"),
        ("autoencoder", {"corruption": 0.0, "noise": "masking"}, None),
        ("vae", {"beta": 1.0, "likelihood": "bernoulli"}, None),
        ("vae", {"beta": 4}, "</i> = 4: what it maximises is not the bound"),
        ("vae", {"likelihood": "logistic"}, "output (logistic)"),
        ("gan", {"loss": "non-saturating"}, None),
        ("gan", {"loss": "hinge"}, "another loss, hinge"),
        ("plane-gan", {}, "points of a plane"),
    ],
)
def test_what_is_said_of_a_run_follows_its_settings(
    family: str, model: dict[str, Any], said: str | None
) -> None:
    found = words(told().of_run(MODELS[family].section.name, run(family, **model)))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


@pytest.mark.parametrize(
    ("families", "said", "unsaid"),
    [
        (("bigram",), "<em>bigram</em>", "Attention"),
        (("language",), "Queries", "<em>GPT</em>"),
        (("gpt",), "queries", "<em>ladder</em>"),
        (("language", "gpt"), "queries", "Queries"),
    ],
)
def test_what_is_said_of_language_models_follows_the_runs(
    families: tuple[str, ...], said: str, unsaid: str
) -> None:
    text = " ".join(words(told().opening("language", [run(family) for family in families])))
    assert said in text and unsaid not in text
