"""The report: complete, self-contained, private, safe with hostile text, and in both languages."""

from __future__ import annotations

import ast
import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import Environment, nodes
from markupsafe import Markup
from PIL import Image

import olaria.pages
from olaria.cards.comparison import Comparison, Group, Repetition, Row
from olaria.cards.context import (
    DataCard,
    Incident,
    Layer,
    LessonCard,
    ReportContext,
    RunCard,
    Stage,
)
from olaria.errors import RunError
from olaria.families import MODELS
from olaria.i18n import Message, translate
from olaria.pages.report import build_report

FOLDER = Path(olaria.pages.__file__).parent
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{0}{x}$*a*$"
VOID = {"meta", "img", "br", "source"}


class Page(HTMLParser):
    """Collects tags, ids, text and alternative texts, and checks that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []
        self.ids = [value for _, a in self.tags if (value := a.get("id"))]
        self.sections = [a["id"] for tag, a in self.tags if tag == "section" and "id" in a]
        self.alts = [a["alt"] for tag, a in self.tags if tag == "img"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.text += data


def rows(*keys: str) -> list[dict[str, Any]]:
    return [
        {"step": i, "elapsed_s": i / 10, "split": split, "values": dict.fromkeys(keys, 3 / (i + 1))}
        for i in range(30)
        for split in ("train", "validation")
        if split == "train" or i % 10 == 9
    ]


def gif() -> bytes:
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def run(name: str, family: str, data: DataCard, **more: Any) -> RunCard:
    metrics = more.pop("measured", {})
    model = {"family": family, **more.pop("model", {})}
    values: dict[str, Any] = {
        "recipe": {"preset": f"{family}-x", "seed": 7, "model": model},
        "result": {"num_parameters": 12345, "steps": 678, "train_s": 9.5},
        "evaluation": {
            "protocol": {"split": "test", "num_examples": 500, "seed": 1},
            "metrics": metrics,
        },
        "provenance": {
            "machine": {"versions": {"torch": "2.13.0"}, "cpu": "A Processor", "num_threads": 2},
            "home": "/home/ana",
            "user": "ana",
        },
        "command": f"olaria train {family}-x --data /home/ana/digits.zip",
    }
    return RunCard(name, family, data, **{**values, **more})


@pytest.fixture(scope="module")
def digits() -> DataCard:
    examples = np.random.default_rng(0).random((10, 1, 8, 8))
    return DataCard("digits", "Digits", "bundled", "A. Author, 1998.", "CC BY", "ab" * 32,
                    {"train": 1000, "test": 1797}, examples)  # fmt: skip


@pytest.fixture(scope="module")
def context(digits: DataCard) -> ReportContext:
    rng = np.random.default_rng(1)
    images = rng.random((16, 1, 8, 8)).astype(np.float32)
    text = DataCard("plays", "Plays", "cache", sizes={"train": 900}, excerpt="First Citizen:")
    plane = {"latents": rng.normal(size=(60, 2)), "labels": np.arange(60) % 10}
    return ReportContext(
        [
            run("ae", "autoencoder", digits, originals=images, reconstructions=images,
                metrics=rows("loss", "mse"), measured={"mse": 0.0123}, model={"latent": 32}),
            run("ae-2", "autoencoder", digits, **plane),
            run("vae", "vae", digits, samples=images, interpolation=images, originals=images,
                reconstructions=images, metrics=rows("reconstruction_nats", "kl_nats"),
                measured={"elbo_nats": -98.76}),
            run("vae-2", "vae", digits, manifold=images, has_prior=True, **plane),
            run("gan", "gan", digits, first=images, last=images, animation=gif(),
                metrics=rows("discriminator_loss", "generator_loss"), measured={"fd": 31.5}),
            run("bigram", "bigram", text, text="ab cd", prompt="ROMEO:",
                measured={"loss_nats_per_char": 2.468, "bits_per_char": 3.561}),
            run("head", "language", text, text="the thou", model={"rung": "head"}),
            run("gpt", "gpt", text, text="O Romeo", metrics=rows("loss_nats_per_token"),
                measured={"loss_nats_per_char": 1.531, "bits_per_char": 2.209}),
        ],
        command="olaria demo --out /home/ana/out",
        date="2026-03-31",
        notes=[Message("looked in {path}", {"path": "/home/ana/mirror"})],
    )  # fmt: skip


def quantized(context: ReportContext) -> RunCard:
    """A run with a codebook, of which two entries of four are in use."""
    images = context.runs[0].originals
    counts = np.array([3, 0, 1, 0])
    return run("vq", "vq", context.runs[0].data, originals=images, reconstructions=images,
               code_counts=counts, metrics=rows("reconstruction_nats"), model={"codes": 4, "latent": 8},
               measured={"reconstruction_nats": 61.5, "codes_used": 2})  # fmt: skip


def layer(name: str, count: int, repeats: int = 1) -> Layer:
    group = "blocks" if repeats > 1 else ""
    return Layer(name, Message("linear"), (7,), count, repeats, group)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_everything_is_there_in_order(page: Page, language: str) -> None:
    assert page.sections == ["activities", "data", "autoencoder", "vae", "gan", "language", "results",
                             "troubles", "conclusion", "references",
                             "pictures", "kl", "measured", "facts", "repeat"]  # fmt: skip
    anchors = [a["href"] for tag, a in page.tags if tag == "a"]
    assert anchors[: len(page.sections)] == [f"#{name}" for name in page.sections]
    assert {(anchor or "")[1:] for anchor in anchors} <= set(page.ids), "every link leads somewhere"
    assert len(page.ids) == len(set(page.ids))
    numbers = ("0.01230", "31.50", "2.468", "1.531", "12,345", "678", "9.5 s")
    for number in numbers:
        shown = number.translate(str.maketrans(".,", ",.")) if language == "pt" else number
        assert shown in page.text
    assert "7" in page.text and "ROMEO:" in page.text


def test_html_language(html: str, language: str) -> None:
    expected = {"en": "en", "pt": "pt-BR"}[language]
    assert f'<html lang="{expected}">' in html


def test_pictures_are_inline_whole_and_described(page: Page) -> None:
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    assert len(sources) >= 12
    kinds = set()
    for source in sources:
        found = re.fullmatch(r"data:image/([a-z+]+);base64,(.+)", source or "")
        assert found
        kinds.add(found[1])
        assert base64.b64decode(found[2], validate=True)
    assert kinds == {"png", "svg+xml", "gif"}
    assert all(alt and len(alt) > 20 and "{" not in alt for alt in page.alts)


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(html: str, page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "srcset"}:
                assert (value or "").startswith("data:")
            if name == "href":
                assert (value or "").startswith("#")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in html


def test_no_folder_and_no_user_is_told(html: str) -> None:
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "/home" not in text
    assert not re.search(r"\bana\b", text)
    assert "olaria demo --out out" in Page(html).text
    assert "--data digits.zip" in Page(html).text
    assert "looked in mirror" in text


def test_d8_hostile_text_stays_text(context: ReportContext, language: str) -> None:
    card = DataCard(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "ab", {HOSTILE: 3}, None, HOSTILE,
                    [Message("{x}", {"x": HOSTILE})])  # fmt: skip
    told = Incident("warning", Message("{x}", {"x": HOSTILE}), 3)
    bad = {"metrics": {HOSTILE: HOSTILE}, "protocol": {HOSTILE: HOSTILE, "split": HOSTILE},
           "reasons": {HOSTILE: Message(HOSTILE.replace("{0}{x}", "")).to_json()}}  # fmt: skip
    runs = [
        replace(card_of, name=HOSTILE, data=card, text=HOSTILE, prompt=HOSTILE, command=HOSTILE,
                evaluation=bad, provenance={"machine": {"cpu": HOSTILE}}, incidents=[told],
                recipe={"model": {"family": HOSTILE, "loss": HOSTILE}, "data": {HOSTILE: HOSTILE}},
                architecture=(Stage(told.message, (layer(HOSTILE, 3),)),))
        for card_of in context.runs
    ]  # fmt: skip
    runs.append(RunCard(HOSTILE, "autoencoder", card))
    row = Row(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0, 1, 1.0, 1, HOSTILE, 1,
              {HOSTILE: HOSTILE}, {HOSTILE: 1.0, "mse": 2.0}, HOSTILE)  # fmt: skip
    names, group = (HOSTILE, HOSTILE), Group(row.protocol, (row, row))
    hostile = replace(
        context, runs=runs, title=HOSTILE, authors=HOSTILE, course=HOSTILE, institution=HOSTILE,
        date=HOSTILE, command=HOSTILE, activities=[HOSTILE], conclusion=HOSTILE,
        comparison=Comparison([group], [Repetition(names, (0, 1), {HOSTILE: (1.0, 2.0)})], [HOSTILE]),
        lessons=[LessonCard(HOSTILE, Markup(""))],
    )  # fmt: skip
    page = Page(build_report(hostile, language))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert page.text.count("alert(1)") > 30


@pytest.mark.parametrize(
    ("families", "sections"),
    [
        ({"autoencoder"}, {"autoencoder"}),
        ({"vq"}, {"vq"}),
        ({"vae"}, {"vae", "kl"}),
        ({"gan"}, {"gan"}),
        ({"bigram"}, {"language"}),
        ({"language"}, {"language"}),
        ({"gpt", "gan"}, {"language", "gan"}),
    ],
)
def test_a_section_is_there_when_its_run_is(
    context: ReportContext, families: set[str], sections: set[str]
) -> None:
    runs = [card for card in (*context.runs, quantized(context)) if card.family in families]
    page = Page(build_report(replace(context, runs=runs)))
    always = {
        "activities",
        "data",
        "results",
        "troubles",
        "conclusion",
        "references",
        "measured",
        "facts",
        "repeat",
    }
    assert set(page.sections) == always | sections | ({"pictures"} & set(page.sections))


@pytest.mark.parametrize("family", MODELS)
def test_a_bare_run_is_enough(digits: DataCard, family: str, language: str) -> None:
    page = Page(build_report(ReportContext([RunCard("bare", family, digits)]), language))
    assert "olaria eval bare" in page.text
    assert "None" not in page.text


def test_a_run_of_the_ladder_names_its_rung_and_brings_the_formula(
    context: ReportContext,
) -> None:
    chosen = {
        name: [card for card in context.runs if card.name == name] for name in ("head", "gpt")
    }
    text = Page(build_report(replace(context, runs=chosen["head"]))).text
    assert text.count("Language model: head") == 2  # over its text, and in the results
    assert "Queries" in text and "Attention" in text
    both = Page(build_report(replace(context, runs=[*chosen["head"], *chosen["gpt"]]))).text
    assert "Queries" not in both and "queries" in both, "told once, with the GPT"


def test_no_run_is_an_error() -> None:
    with pytest.raises(RunError, match="at least one run"):
        build_report(ReportContext([]))


def test_reduced_evaluations_are_told_with_their_numbers(undrawn: ReportContext) -> None:
    text = Page(build_report(replace(undrawn, runs=undrawn.runs[:2]))).text
    assert "reduced evaluation: 500 images instead of 1,797" in text
    full = [replace(card, evaluation={"metrics": {}, "protocol": {"num_examples": 1797}})
            for card in undrawn.runs[:2]]  # fmt: skip
    assert "reduced" not in Page(build_report(replace(undrawn, runs=full))).text.lower()
    few = {"metrics": {}, "protocol": {"num_examples": 1797, "num_samples": 900}}
    runs = [replace(undrawn.runs[4], evaluation=few)]
    assert "900 images instead of 10,000" in Page(build_report(replace(undrawn, runs=runs))).text


def test_balance_is_claimed_only_for_the_logistic_losses(context: ReportContext) -> None:
    gan = context.runs[4]
    hinge = replace(gan, recipe={"model": {"loss": "hinge"}})
    said = "theory of the original game"
    assert said in build_report(replace(context, runs=[gan]))
    text = build_report(replace(context, runs=[hinge]))
    assert said not in text
    assert "another loss, hinge" in text
    assert "do not apply" in text


def test_the_bound_is_not_claimed_for_another_weight(undrawn: ReportContext) -> None:
    vae = replace(undrawn.runs[2], recipe={"model": {"beta": 4.0}})
    text = Page(build_report(replace(undrawn, runs=[vae]))).text
    assert "= 4: what it maximises is not the bound itself" in text


def source_strings() -> set[str]:
    """What the report's modules and templates say in English."""
    found = set()
    for path in FOLDER.glob("templates/**/*.j2"):
        for call in Environment().parse(path.read_text("utf-8")).find_all(nodes.Call):
            marked = isinstance(call.node, nodes.Name) and call.node.name == "_"
            if marked and isinstance(call.args[0], nodes.Const):
                found.add(call.args[0].value)
    for path in (*FOLDER.glob("*.py"), *FOLDER.parent.glob("families/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "N_":
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


def test_every_string_is_in_the_portuguese_catalog() -> None:
    same = {"nats", "tokens", "token", "original", "checkpoint", "commit", "GPT", "Autoencoder", "Adam",
            "Euler", "Heun", "dropout", "embedding", "linear", "top-p", "D(G(z))", "D(p‖q), nats", "D(q‖p), nats",
            "Token {id}, “{token}”, bytes {bytes}", "β = {beta} ({run})", "{num} {num:token|tokens}"}  # fmt: skip
    strings = source_strings()
    assert len(strings) > 150
    assert sorted(s for s in strings - same if translate(s, "pt") == s) == []


def test_no_english_sentence_is_left_in_portuguese(page: Page, language: str) -> None:
    if language == "en":
        return
    text = page.text
    for string in source_strings():
        first = re.split(r"[{$*]", string)[0].strip()
        if len(first) > 24:
            assert first not in text


def test_fields_survive_translation() -> None:
    for string in source_strings():
        names = sorted(re.findall(r"{(\w+)}", string))
        assert sorted(re.findall(r"{(\w+)}", translate(string, "pt"))) == names
        assert translate(string, "pt").count("$") == string.count("$")
