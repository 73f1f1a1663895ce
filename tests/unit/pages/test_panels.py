"""What the families' entries say of the report, and a report that reads nothing else of a family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pytest
from bs4 import BeautifulSoup, Tag

from olaria.cards.context import DataCard, ReportContext, RunCard
from olaria.evaluation import METRICS
from olaria.families import MODELS, Family
from olaria.families.base import ModelConfig
from olaria.families.report import Curve, Panel, PanelKind, Section
from olaria.i18n import translate
from olaria.lessons import LESSONS
from olaria.models import NETWORKS
from olaria.models.base import ImageModel
from olaria.pages.panels import PANELS
from olaria.pages.report import build_report

every_family = pytest.mark.parametrize("family", MODELS.values(), ids=MODELS)


def section_of(html: str, name: str) -> Tag:
    """A section of a report."""
    found = BeautifulSoup(html, "html.parser").find("section", id=name)
    assert isinstance(found, Tag)
    return found


def captions(section: Tag) -> list[str]:
    """Of its figures, without their numbers."""
    return [caption.get_text().split(". ", 1)[1] for caption in section.find_all("figcaption")]


# -- entries ---------------------------------------------------------------------------------------


@every_family
def test_an_entry_names_what_there_is(family: Family) -> None:
    assert MODELS[family.name] is family
    assert [key for key in family.headlines if key not in METRICS] == []
    if family.lesson:
        assert family.name in LESSONS[family.lesson].families
    kinds = [panel.kind for panel in family.panels]
    assert kinds and len(set(kinds)) == len(kinds)


@every_family
def test_a_model_can_make_what_its_familys_panels_show(family: Family) -> None:
    network = NETWORKS[family.name]
    if isinstance(network, type) and issubclass(network, ImageModel):
        encoded = ("reconstructions", "interpolation", "latents", "manifold", "codes")
        assert network.encodes or not family.shows(*encoded)
        assert network.has_prior or not family.shows("samples", "manifold")


@every_family
def test_the_words_of_an_entry_are_in_portuguese_and_keep_their_fields(family: Family) -> None:
    section = family.section
    texts = [family.activity, *(curve.title for curve in family.curves)]
    texts += [panel.caption for panel in family.panels if panel.caption]
    texts += [words for words in (section.latent, section.likelihood, section.drawing) if words]
    assert [text for text in texts if translate(text, "pt") == text] == []
    assert "{data}" in family.activity and "{runs}" in family.activity
    assert all("{name}" in panel.caption for panel in family.panels if panel.caption)


def test_every_kind_of_panel_can_be_shown() -> None:
    assert {*PANELS, "text", "translations"} == set(get_args(PanelKind))


def test_families_that_share_a_section_say_the_same_of_it() -> None:
    sections = [family.section for family in MODELS.values()]
    assert len(set(sections)) == len({section.name for section in sections})


# -- a family that the report does not know ---------------------------------------------------------


class PCAConfig(ModelConfig):
    """Of :func:`pca`."""

    family: Literal["pca"] = "pca"


@pytest.fixture
def pca(monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family of images without a word about it outside its entry."""
    entry = replace(
        MODELS["autoencoder"],
        config=PCAConfig,
        title="Principal component analysis",
        activity="Fit components to {data}: {runs}.",
        headlines=("psnr_db", "mse"),
        panels=(
            Panel("reconstructions"),
            Panel("latents"),
            Panel("losses", "The error of {name}."),
        ),
        short="",
        curves=(Curve("variance left", ("mse",)),),
        methods=(),
        section=Section(),
    )
    monkeypatch.setitem(MODELS, "pca", entry)
    return entry


def card(name: str, family: str, **more: Any) -> RunCard:
    rng = np.random.default_rng(0)
    images = rng.random((10, 1, 8, 8)).astype(np.float32)
    rows = [
        {"step": i, "elapsed_s": i, "split": "train", "values": {"mse": 1 / i}} for i in (1, 2, 3)
    ]
    return RunCard(
        name, family, DataCard("digits", "Digits", sizes={"test": 500}),
        recipe={"model": {"latent": 2}}, result={"num_parameters": 130, "train_s": 1.0, "steps": 3},
        evaluation={"protocol": {"num_examples": 500}, "metrics": {"mse": 0.0625, "psnr_db": 12.04}},
        metrics=rows, originals=images, reconstructions=images, latents=rng.normal(size=(40, 2)),
        **more,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_new_family_is_reported_by_its_entry_alone(pca: Family, language: str) -> None:
    html = build_report(ReportContext([card("first", "pca")]), language)
    section = section_of(html, "pca")
    heading = section.find("h2")
    assert heading is not None and heading.get_text() == pca.title
    tiles = [tile.get_text() for tile in section.select(".tiles strong")]
    shown = ["12.0", "0.06"] if language == "en" else ["12,0", "0,06"]
    assert [text[:4] for text in tiles] == shown, "its headlines, in their order"
    assert len(captions(section)) == 3 and captions(section)[-1] == "The error of first."
    described = [str(image["alt"]) for image in section.find_all("img")]
    assert "variance left" in described[-1]
    assert "Principal component analysis: first" in described[1]
    families = section_of(html, "activities")
    cells = [cell.get_text() for cell in families.select("tbody tr > *")]
    assert cells == [pca.title, "—", "—", "—"]
    assert "Fit components to Digits: first." in families.get_text()


def test_planes_of_a_new_family_stand_beside_those_of_a_vae(pca: Family) -> None:
    wide = card("wide", "pca")
    assert wide.latents is not None
    wide = replace(wide, latents=100 * wide.latents)
    vae = card("vae", "vae", has_prior=True)
    html = build_report(ReportContext([wide, vae]))
    assert len(captions(section_of(html, "pca"))) == 2, "without the plane, which is told below"
    described = [str(image["alt"]) for image in section_of(html, "vae").find_all("img")]
    both = [text for text in described if "latent plane" in text]
    assert len(both) == 2 and "wide" in both[0] and "VAE: vae" in both[0]
    assert "wide" not in both[1], "where it is a speck, the VAE's is drawn again"
    alike = build_report(ReportContext([card("narrow", "pca"), vae]))
    described = [str(image["alt"]) for image in section_of(alike, "vae").find_all("img")]
    assert sum("latent plane" in text for text in described) == 1


# -- two families in one section --------------------------------------------------------------------


def test_a_gan_of_points_is_in_the_section_of_gans_under_its_own_name() -> None:
    data = DataCard("ring", "Eight clusters", sizes={"test": 500})
    evaluation = {"protocol": {"num_examples": 500}, "metrics": {"modes_covered": 7}}
    images = np.zeros((1, 1, 8, 8), np.uint8)
    points = RunCard("ring", "plane-gan", data, first=images, last=images, evaluation=evaluation)
    html = build_report(ReportContext([points, card("drawn", "gan")]))
    section = section_of(html, "gan")
    names = [heading.get_text() for heading in section.find_all("h3")]
    assert [name.split(":")[0] for name in names] == ["Run drawn", "Run ring"]
    text = section.get_text()
    assert "measured on 500 points" in text and "reduced" not in text.partition("Run ring")[2]
    assert text.count("points of a plane instead of images") == 1
    assert "7" in [tile.get_text() for tile in section.select(".tiles strong")]
