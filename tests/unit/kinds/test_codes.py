"""Images as codes, codes as a language, and back: the two families meet."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from olaria.cards.run_card import command_of
from olaria.cli.main import main
from olaria.data import ImageData, TextData
from olaria.data.codes import codes_of_lines, keep, lines_of_codes, recall
from olaria.errors import ConfigError, DataError, RunError, SamplingError
from olaria.evaluation.codes import evaluate_codes, two_stages
from olaria.families.vq import VQConfig
from olaria.kinds import codes as kind
from olaria.kinds import draw
from olaria.models.vq import VQ
from olaria.runs import Run
from olaria.sampling import codes, latent
from olaria.training.randomness import generator, seeded
from olaria.workflows.evaluate import evaluate
from olaria.workflows.report import report
from olaria.workflows.running import replay
from olaria.workflows.train import train

pytestmark = pytest.mark.usefixtures("seldom")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("codes")


@pytest.fixture(scope="module")
def painter(folder: Path) -> Run:
    return train("vq-mnist", data="digits", size="tiny", steps=400, out=folder / "vq")


def taught(painter: Run, steps: int, out: Path) -> Run:
    """A writer of the painter's codes."""
    return train(
        "gpt-shakespeare",
        data=f"codes:{painter.path}",
        size="tiny",
        steps=steps,
        settings=[
            "model.context=32",
            f"training.evaluate_every={steps}",
            f"training.sample_every={steps}",
        ],
        out=out,
    )


@pytest.fixture(scope="module")
def writer(folder: Path, painter: Run) -> Run:
    return taught(painter, 400, folder / "writer")


def digits(run: Run) -> ImageData:
    data = run.data()
    assert isinstance(data, ImageData)
    return data


def model(run: Run) -> VQ:
    found = run.model()
    assert isinstance(found, VQ)
    return found


# -- codes -----------------------------------------------------------------------------------------


def test_codes_say_more_than_the_mean_image(painter: Run) -> None:
    metrics = evaluate(painter).metrics
    data = digits(painter)
    x = data.test.x.float() / 255
    assert metrics["mse"] < 0.8 * (x - data.train.x.float().mean(0) / 255).square().mean().item()
    assert metrics["codes_used"] > 4 and 2 < metrics["code_perplexity"] <= metrics["codes_used"]
    draws = torch.Generator().manual_seed(1)
    found = evaluate_codes(model(painter), data.test.x, draws).metrics
    assert found["reconstruction_nats"] == metrics["reconstruction_nats"]
    assert metrics["psnr_db"] == pytest.approx(-10 * math.log10(metrics["mse"]))


def test_an_image_is_its_codes(painter: Run) -> None:
    painting, x = model(painter), digits(painter).test.x[:9].float() / 255
    grids = painting.encode(x)
    assert grids.shape == (9, 2, 2) and grids.max() < painting.config.codes
    expected = painting.logits(grids).sigmoid()
    assert torch.allclose(painting.reconstruct(x), expected, atol=1e-6)
    assert torch.allclose(latent.reconstruct(painting, x), expected, atol=1e-6)
    assert painting.codes(x).shape == (9, painting.latent)
    with pytest.raises(SamplingError, match="data=codes:RUN"):
        latent.prior(painting, 1, generator(0))


def test_vectors_begin_with_every_direction() -> None:
    with seeded(0, "weights"):
        fresh = VQ(VQConfig(codes=16, latent=4, width=4), (1, 8, 8))
    x = torch.rand(64, 1, 8, 8, generator=generator(0, "x"))
    fresh.adapt(x)
    with torch.no_grad():
        std, mean = torch.std_mean(fresh._vectors(x).flatten(0, -2), 0)
    assert torch.allclose(mean, torch.zeros(4), atol=1e-3)
    assert torch.allclose(std, torch.ones(4), atol=1e-3)
    assert len(fresh.encode(x).unique()) > 8


def test_sides_that_four_does_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match="not 30×28; use resize"):
        VQ(VQConfig(), (1, 30, 28))


def test_lines_lead_back_to_the_codes() -> None:
    grids = torch.randint(512, (5, 3, 2), generator=generator(0, "codes"))
    lines = lines_of_codes(grids)
    assert len("".join(lines)) == len(set("".join(lines))) or len(set(lines)) == 5
    assert all(letter.isprintable() and not letter.isspace() for letter in "".join(lines))
    found = codes_of_lines([lines[0][:-1], *lines, "x" * 6], (3, 2), 512)
    assert torch.equal(found, grids)
    assert codes_of_lines([], (3, 2), 512).shape == (0, 3, 2)


def test_kept_codes_come_back_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path))
    assert recall("a1") is None
    keep("a1", "ĀĂāĀ\nĀĀĀĀ\n")
    assert recall("a1") == "ĀĂāĀ\nĀĀĀĀ\n" and recall("a2") is None
    file = tmp_path / "codes" / "a1.txt"
    file.write_bytes(file.read_bytes().replace("Ă".encode(), "ă".encode()))
    assert recall("a1") is None


def test_images_are_encoded_once(
    painter: Run, writer: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path))
    first = writer.data()

    def encoded(*_: object) -> str:
        raise AssertionError("encoded again")

    monkeypatch.setattr(VQ, "encode", encoded)
    assert writer.data() == first
    for kept in tmp_path.glob("codes/*"):
        kept.unlink()
    with pytest.raises(AssertionError, match="encoded again"):
        writer.data()


# -- the language of codes -------------------------------------------------------------------------


def test_a_run_is_a_text_of_its_images(painter: Run, writer: Run) -> None:
    text = writer.data()
    assert isinstance(text, TextData) and text.name == "codes:vq"
    data = digits(painter)
    lines = text.train.splitlines()
    assert len(lines) == len(data.train) and len(text.validation.splitlines()) == len(
        data.validation
    )
    target = model(painter).target(data.train.x[:3].float() / 255, torch.Generator().manual_seed(0))
    grids = codes_of_lines(lines[:3], (2, 2), 16)
    if len(data.train) <= 500:  # one block: the same draws
        assert torch.equal(grids, model(painter).encode(target))
    protocol = evaluate(writer).protocol
    assert (protocol["data"], protocol["images"]) == ("codes:vq", "digits")
    assert str(painter.path) not in json.dumps(protocol)
    assert command_of(writer).startswith("olaria train gpt-shakespeare --data codes:vq ")


def test_both_stages_make_a_bound(painter: Run, writer: Run) -> None:
    painting, writing, tokenizer = model(painter), writer.model(), writer.tokenizer()
    images = digits(painter).test.x[:20]
    found = two_stages(writing, tokenizer, painting, images, generator(0, "x"))
    x = painting.target(images.float() / 255, generator(0, "x"))
    total = 0.0
    with torch.no_grad():
        for image, line in zip(x, lines_of_codes(painting.encode(x)), strict=True):
            tokens = tokenizer.encode("\n" + line)
            log_p = F.log_softmax(writing(tokens[None, :-1])[0].float(), 1)
            total -= log_p.gather(1, tokens[1:, None]).sum().item()
            logits = painting.logits(painting.encode(image[None]))
            total -= torch.distributions.Bernoulli(logits=logits[0]).log_prob(image).sum().item()
    assert found["elbo_nats"] == pytest.approx(-total / 20, rel=1e-4)
    assert found["kl_nats"] < 4 * math.log(16)  # it has learnt something of the codes
    metrics = evaluate(writer).metrics
    assert metrics["elbo_nats"] == pytest.approx(
        -metrics["reconstruction_nats"] - metrics["kl_nats"]
    )
    assert "loss_nats_per_char" in metrics and metrics["fd"] is None


def test_its_texts_are_painted(painter: Run, writer: Run, tmp_path: Path) -> None:
    drawn = draw(writer, count=30, seed=1).value
    assert drawn.shape == (30, 1, 8, 8) and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal(drawn, draw(writer, count=30, seed=1).value)
    assert (drawn.mean(0) - digits(painter).test.x.float().mean(0) / 255).abs().mean() < 0.1
    with Image.open(writer.samples()[-1]) as sheet:
        assert sheet.mode == "L"


def test_a_writer_that_writes_no_images_says_so(painter: Run, writer: Run) -> None:
    class Silent:
        context = 32

        def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(*tokens.shape, writer.tokenizer().vocab_size)
            logits[..., 0] = 99.0  # the end of a line, always
            return logits

    assert writer.tokenizer().decode([0]) == "\n"
    with pytest.raises(SamplingError, match="only 0% of the lines"):
        codes.draw(Silent(), writer.tokenizer(), model(painter), 3, generator(0))


def test_the_command_paints(
    writer: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(writer.path), "-n", "9", "--temperature", "0.8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [9, 1, 8, 8]
    assert main(["sample", str(writer.path), "--prompt", "\n", "--max-tokens", "4"]) == 0
    assert len(capsys.readouterr().out) > 3
    assert main(["sample", str(writer.path), "--top-k", "3"]) == 2
    assert "leave out --top-k" in capsys.readouterr().err


def test_what_has_no_codes_is_told(folder: Path, tmp_path: Path) -> None:
    plain = train("ae-mnist", data="digits", size="tiny", steps=1, out=tmp_path / "plain")
    with pytest.raises(RunError, match="has no codes; train vq-mnist"):
        train("gpt-shakespeare", data=f"codes:{plain.path}", steps=1, out=tmp_path / "no")
    with pytest.raises(RunError):
        train("gpt-shakespeare", data="codes:nowhere", steps=1, out=tmp_path / "no")


def test_a_writer_is_replayed_from_any_folder(
    painter: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_run = taught(painter, 20, tmp_path / "first")
    monkeypatch.chdir(tmp_path)
    again = replay(first_run.path, out=tmp_path / "again")
    first, second = (run.model().state_dict() for run in (first_run, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_writer_that_cannot_write_images_yet_is_reported_all_the_same(
    writer: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object, **options: object) -> None:
        raise SamplingError("only {share} are images", share="3%")

    monkeypatch.setattr("olaria.cards.run_card.draw", refuse)
    page = report([writer], out=tmp_path / "page.html").path.read_text(encoding="utf-8")
    assert "only 3% are images" in page


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_report_shows_images_for_texts(writer: Run, tmp_path: Path, language: str) -> None:
    page = report([writer], language=language, out=tmp_path / "page.html").path.read_text()
    assert ("painted by the model" in page) or ("pintadas pelo modelo" in page)
    assert "data:image/png" in page and str(writer.path) not in page


def test_a_code_that_was_never_seen_has_no_bound(
    writer: Run, painter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, tokenizer = model(painter), writer.tokenizer()
    monkeypatch.setattr(painting, "encode", lambda x: torch.full((len(x), 2, 2), 511))
    monkeypatch.setattr(painting, "logits", lambda codes: torch.zeros(len(codes), 1, 8, 8))
    with pytest.raises(DataError):
        two_stages(writer.model(), tokenizer, painting, digits(painter).test.x[:2], generator(0))
    monkeypatch.setattr(kind, "two_stages", _unseen)
    content = evaluate(writer)
    assert content.metrics["elbo_nats"] is None
    assert "a code that no training image has" in content.reasons["elbo_nats"].id
    assert content.metrics["loss_nats_per_char"] > 0


def test_a_model_that_reads_less_than_a_line_has_no_bound(painter: Run, tmp_path: Path) -> None:
    writer = train(
        "gpt-shakespeare",
        data=f"codes:{painter.path}",
        size="tiny",
        steps=1,
        settings=["model.context=3"],
        out=tmp_path / "short",
    )
    content = evaluate(writer)
    assert content.metrics["elbo_nats"] is None
    assert content.reasons["elbo_nats"].fields == {"context": 3, "letters": 4}
    assert content.metrics["fd"] is None and "train it longer" in content.reasons["fd"].id


def _unseen(*_: object) -> dict[str, float]:
    raise DataError("unseen")
