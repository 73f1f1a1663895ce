"""Latent vectors of a run's images, learned by flow matching: the run holds the autoencoder and draws without it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from olaria.cards.run_card import command_of
from olaria.cli.main import main
from olaria.data import ImageData
from olaria.errors import MissingError, RunError
from olaria.kinds import draw, kind_named
from olaria.kinds.base import Effort
from olaria.models.latent_flow import LatentFlow
from olaria.runs import Run
from olaria.sampling import latent
from olaria.training.inheritance import model_sha256
from olaria.workflows.running import replay
from olaria.workflows.train import train

pytestmark = pytest.mark.usefixtures("seldom")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("latents")


def autoencoder(out: Path, steps: int = 300, **options: Any) -> Run:
    return train("ae-mnist", data="digits", size="tiny", steps=steps, out=out, **options)


def learned(coding: Run, out: Path, steps: int = 20, **options: Any) -> Run:
    data = f"latents:{coding.path}"
    return train("flow-latent", data=data, size="tiny", steps=steps, out=out, **options)


@pytest.fixture(scope="module")
def coding(folder: Path) -> Run:
    return autoencoder(folder / "ae")


@pytest.fixture(scope="module")
def flow(folder: Path, coding: Run) -> Run:
    return learned(coding, folder / "flow", 600)


@pytest.fixture
def pair(
    coding: Run, flow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, Run]:
    """Copies of both runs, whose recipe leads from one to the other."""
    monkeypatch.chdir(tmp_path)
    for run in (coding, flow):
        shutil.copytree(run.path, tmp_path / run.name)
    recipe = json.loads((tmp_path / "flow" / "recipe.json").read_text("utf-8"))
    recipe["data"]["name"] = f"latents:{tmp_path / 'ae'}"
    (tmp_path / "flow" / "recipe.json").write_text(json.dumps(recipe), "utf-8")
    return Run(tmp_path / "ae"), Run(tmp_path / "flow")


def model(run: Run) -> LatentFlow:
    found = run.model()
    assert isinstance(found, LatentFlow)
    return found


def images(run: Run) -> ImageData:
    data = run.data()
    assert isinstance(data, ImageData)
    return data


# -- what is learned -------------------------------------------------------------------------------


def test_a_run_learns_from_the_images_of_another(coding: Run, flow: Run) -> None:
    data, provenance = images(flow), flow.provenance
    assert data.name == "digits" and data.sha256 == images(coding).sha256
    assert provenance["data_sha256"] == data.sha256
    assert provenance["painter_sha256"] == model_sha256(coding.model().state_dict())
    assert provenance["dimensions"] == [1, 8, 8] and flow.recipe.kind == "latents"
    assert flow.recipe.model.autoencoder == coding.recipe.model  # type: ignore[attr-defined]


def test_the_autoencoder_is_kept_and_never_trained(coding: Run, flow: Run) -> None:
    kept, found = coding.model().state_dict(), model(flow).autoencoder.state_dict()
    assert kept.keys() == found.keys()
    assert all(torch.equal(kept[name], found[name]) for name in kept)
    names = [name for name, _ in model(flow).named_parameters()]
    assert names and not any(name.startswith("autoencoder") for name in names)


def test_coordinates_are_learned_in_units_of_their_own_spread(coding: Run, flow: Run) -> None:
    x = images(coding).train.x.float() / 255
    scaled = model(flow).scaled(latent.encode(coding.model(), x))  # type: ignore[arg-type]
    assert scaled.mean(0).abs().max() < 1e-4
    assert (scaled.std(0, correction=0) - 1).abs().max() < 1e-4


def test_samples_are_nearer_to_the_images_than_noise_through_the_decoder(flow: Run) -> None:
    """By the distance of their mean vectors of all products of two pixels: what one Gaussian cannot have."""
    network, real = model(flow), images(flow).train.x.float() / 255
    z = torch.randn(4000, network.latent, generator=torch.Generator().manual_seed(0))
    drawn = latent.decode(network, z)
    plain = network.autoencoder.images(network.unscaled(z))

    def gap(x: torch.Tensor) -> float:
        triples = [y.flatten(1).double() for y in (x, rebuilt)]
        cubes = [torch.einsum("ni,nj,nk->ijk", y, y, y) / len(y) for y in triples]
        return (cubes[0] - cubes[1]).square().sum().item()

    rebuilt = latent.decode(network.autoencoder, latent.encode(network.autoencoder, real))
    assert gap(drawn) < 0.5 * gap(plain)


def test_the_flow_of_an_image_leads_back_to_it(flow: Run) -> None:
    network, x = model(flow), images(flow).test.x[:20].float() / 255
    rebuilt = latent.decode(network.autoencoder, latent.encode(network.autoencoder, x))
    network.sampler = type(network.sampler)(200, "heun")
    z = latent.encode(network, x)
    assert (latent.decode(network, z) - rebuilt).abs().max() < 1e-3
    assert (z - network.scaled(x)).abs().max() > 0.1  # and it is another place


def test_codes_of_a_vae_are_its_posterior_means(tmp_path: Path) -> None:
    vae = train("vae-mnist", data="digits", size="tiny", steps=20, out=tmp_path / "vae")
    flow, x = learned(vae, tmp_path / "flow", 2), images(vae).test.x[:5].float() / 255
    mean = vae.model().posterior(x)[0]  # type: ignore[operator]
    assert torch.equal(model(flow).coded(x), mean)


# -- verbs -----------------------------------------------------------------------------------------


def test_it_is_measured_as_images_are(flow: Run) -> None:
    kind = kind_named(flow.recipe.kind)
    found = kind.measure(flow, model(flow), images(flow), Effort(num_samples=600), True)
    assert found.protocol["data"] == "digits" and found.protocol["evaluations"] == 20
    assert found.metrics["nearest_train_distance_ratio"] > 0
    assert str(flow.path.parent) not in json.dumps(found.protocol)


def test_its_command_names_the_run_and_no_setting_that_follows_from_it(flow: Run) -> None:
    command = command_of(flow)
    assert "--data latents:ae" in command and "autoencoder" not in command


def test_it_is_replayed(flow: Run, tmp_path: Path) -> None:
    again = replay(flow, out=tmp_path / "again")
    assert model_sha256(again.model().state_dict()) == model_sha256(flow.model().state_dict())


# -- the other run, moved or changed ---------------------------------------------------------------


def test_it_draws_without_the_other_run(pair: tuple[Run, Run], tmp_path: Path) -> None:
    coding, flow = pair
    before = draw(flow, count=4, seed=3).value
    shutil.rmtree(coding.path)
    assert torch.equal(draw(Run(flow.path), count=4, seed=3).value, before)


def test_another_place_of_the_run_or_the_images_themselves(
    pair: tuple[Run, Run], tmp_path: Path
) -> None:
    coding, flow = pair
    coding.path.rename(tmp_path / "moved")
    with pytest.raises(MissingError, match=r"run flow learnt the latent vectors of run ae.*ae any"):
        Run(flow.path).data()
    for place in (f"latents:{tmp_path / 'moved'}", "digits"):
        assert images(Run(flow.path).with_data_at(place)).sha256 == flow.provenance["data_sha256"]


def test_a_run_that_was_copied_along_is_found(pair: tuple[Run, Run], tmp_path: Path) -> None:
    _, flow = pair
    recipe = json.loads((flow.path / "recipe.json").read_text("utf-8"))
    recipe["data"]["name"] = "latents:/home/somebody/ae"
    (flow.path / "recipe.json").write_text(json.dumps(recipe), "utf-8")
    assert images(Run(flow.path)).sha256 == flow.provenance["data_sha256"]


def test_a_run_that_changed_is_refused(pair: tuple[Run, Run], tmp_path: Path) -> None:
    coding, flow = pair
    shutil.rmtree(coding.path)
    autoencoder(coding.path, 3)
    with pytest.raises(MissingError, match="its weights differ"):
        Run(flow.path).data()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            "digits",
            r"latent-flow learns the latent vectors of a run and digits is none.*latents:RUN",
        ),
        ("codes:{ae}", "learns the latent vectors of a run"),
        ("latents:{flow}", "run flow is a latent-flow and has no latent vectors to learn"),
        ("latents:nobody", "nobody"),
    ],
)
def test_what_has_no_latent_vectors_is_refused(
    coding: Run, flow: Run, tmp_path: Path, data: str, says: str
) -> None:
    named = data.format(ae=coding.path, flow=flow.path)
    with pytest.raises(RunError, match=says):
        train("flow-latent", data=named, size="tiny", steps=1, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("preset", "settings", "says"),
    [
        ("cvae-mnist", [], "is given classes"),
        ("vae-flow-mnist", [], "a learned prior of its own"),
        ("vae-mnist", ["model.above=[3]"], "several latent layers"),
    ],
)
def test_a_vae_of_another_form_is_refused(
    tmp_path: Path, preset: str, settings: list[str], says: str
) -> None:
    vae = train(
        preset, data="digits", size="tiny", steps=1, settings=settings, out=tmp_path / "vae"
    )
    with pytest.raises(RunError, match=says):
        learned(vae, tmp_path / "flow")


def test_images_are_as_their_run_read_them(coding: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="images as their run read them: leave out"):
        learned(coding, tmp_path / "flow", resize=16)


def test_the_refusal_is_one_line_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "train",
        "flow-latent",
        "--data",
        "digits",
        "--steps",
        "1",
        "--out",
        str(tmp_path / "x"),
    ]
    assert main(words) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and "--data latents:RUN" in error[0]
