"""A small report with a run of each kind, for the tests of what is made of it."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from olaria.cards.context import DataCard, ReportContext, RunCard
from olaria.i18n import Message
from olaria.pages.report import build_report

AUTHORS = "Ana Conceição & João"
TITLE = "Modelos gerativos: uma prática"
ANSWER_S = 120.0
"""Longest that Node works on an answer."""
MARKED = "a_b_*c*_[d](e)|`f`<g>"
"""A run's name that is full of Markdown."""


def animation() -> bytes:
    """Black, then white."""
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _card(name: str, family: str, data: DataCard, **more: Any) -> RunCard:
    evaluation = {
        "protocol": {"split": "test", "num_examples": 500},
        "metrics": more.pop("measured", {}),
    }
    return RunCard(
        name, family, data,
        recipe={"preset": f"{family}-digits", "seed": 7, "model": {"family": family, "latent": 2}},
        result={"num_parameters": 123456, "steps": 678, "train_s": 9.5},
        evaluation=evaluation,
        provenance={"machine": {"cpu": "A Processor", "num_threads": 2}},
        command=f"olaria train {family}-digits",
        **more,
    )  # fmt: skip


def _losses(*keys: str) -> list[dict[str, Any]]:
    return [
        {"step": i, "elapsed_s": i / 10, "split": "train", "values": dict.fromkeys(keys, 3 / (i + 1))}
        for i in range(30)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def small_context() -> ReportContext:
    """An autoencoder, a VAE, a GAN with an animation and a language model whose text has fences and tags."""
    rng = np.random.default_rng(0)
    images = rng.random((12, 1, 8, 8)).astype(np.float32)
    plane = {"latents": rng.normal(size=(40, 2)), "labels": np.arange(40) % 10}
    digits = DataCard("digits", "Digits", "bundled", "A. Author, 1998.", "CC BY", "ab" * 32,
                      {"train": 1000, "test": 500}, images)  # fmt: skip
    plays = DataCard(
        "plays", "Plays", "cache", sizes={"train": 900}, excerpt="First: *speak*\n\n  # Act"
    )
    return ReportContext(
        [
            _card(MARKED, "autoencoder", digits, originals=images, reconstructions=images,
                  metrics=_losses("loss"), measured={"mse": 0.0123}, **plane),
            _card("vae-" + "x" * 60, "vae", digits, samples=images, manifold=images[:9], has_prior=True,
                  metrics=_losses("reconstruction_nats", "kl_nats"), measured={"elbo_nats": -98.76}, **plane),
            _card("gan", "gan", digits, first=images, last=images, animation=animation(),
                  metrics=_losses("discriminator_loss", "generator_loss"), measured={"fd": 31.5}),
            _card("gpt", "gpt", plays, text="O *Romeo*\n```\n\n\n<b>  & more", prompt="# ROMEO:",
                  metrics=_losses("loss_nats_per_token"), measured={"loss_nats_per_char": 1.531}),
        ],
        title=TITLE,
        authors=AUTHORS,
        date="2026-03-31",
        command="olaria demo",
        notes=[Message("1. # *a note* of {name}", {"name": "b_c"})],
    )  # fmt: skip


@pytest.fixture(scope="session", params=["en", "pt"])
def small_language(request: pytest.FixtureRequest) -> str:
    """Each language."""
    return str(request.param)


@pytest.fixture(scope="session")
def small_report(small_context: ReportContext, small_language: str) -> str:
    """The report as HTML."""
    return build_report(small_context, small_language)


class Node:
    """A process of Node with a driver beside this file: each line that it gets is answered with one.

    Args:
        driver: its name.
    """

    def __init__(self, driver: str) -> None:
        import olaria.pages

        node = shutil.which("node")
        if node is None:
            pytest.skip("node, which runs the modules of a page, is not installed")
        modules = Path(olaria.pages.__file__).parent / "play"
        self._words = [node, str(Path(__file__).with_name(driver)), str(modules)]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: Any) -> bytes:
        """The line that answers a question; a process that has ended is followed by another one."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        late = threading.Timer(ANSWER_S, process.kill)
        late.start()
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        finally:
            late.cancel()
        assert line, "node has ended, or did not answer in time"
        return line

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture(scope="session")
def images_in_node() -> Iterator[Callable[..., list[Any]]]:
    """Jobs of ``play_images.mjs``, which runs the modules of a page in Node; their results in order."""
    node = Node("play_images.mjs")

    def run(*jobs: dict[str, Any]) -> list[Any]:
        results: list[Any] = json.loads(node.ask(jobs))
        return results

    yield run
    node.close()


@pytest.fixture(scope="session")
def played() -> Callable[..., dict[str, Any]]:
    """The document of a model that is in no run, as the export of a run writes it."""
    from types import SimpleNamespace

    from olaria.export.play import play
    from olaria.recipes import preset

    def document(
        model: Any,
        dimensions: Any,
        precision: Any = "float32",
        *,
        only_decodes: bool = False,
        **training: Any,
    ) -> Any:
        recipe = preset("gan-ring", "tiny")
        run = SimpleNamespace(
            name="a-run",
            family=model.family,
            recipe=SimpleNamespace(training=recipe.training.model_copy(update=training)),
            dimensions=lambda: dimensions,
            model=lambda which=None: model,
        )
        return play(run, precision, only_decodes=only_decodes)  # type: ignore[arg-type]

    return document


@pytest.fixture(scope="module", params=["en", "pt"])
def language(request: pytest.FixtureRequest) -> str:
    """Of the report; a test that asks for one is done in both."""
    return str(request.param)


@pytest.fixture(scope="module")
def html(context: ReportContext, language: str) -> str:
    """The whole report of the module's own context, built once for each language."""
    return build_report(context, language)


@pytest.fixture(scope="module")
def undrawn(context: ReportContext) -> ReportContext:
    """The module's own context without a picture, for what is words alone: drawing takes nearly all the time."""
    nothing: dict[str, Any] = {"originals": None, "reconstructions": None, "samples": None, "manifold": None,
                               "first": None, "last": None, "animation": b"", "latents": None, "labels": None,
                               "metrics": []}  # fmt: skip
    return replace(context, runs=[replace(run, **nothing) for run in context.runs])


@pytest.fixture(scope="session")
def text_in_node() -> Iterator[Callable[..., list[Any]]]:
    """Jobs of ``play_text.mjs``, which runs the text modules of a page in Node: ``text_in_node([name, *inputs], ...)``.

    ``document=`` is what the model and the tokenizer are opened from, ``tokenizer=`` a tokenizer alone. Of
    ``documents=`` each gets the jobs, and a list of the results. Arrays come back as NumPy's.
    """
    node = Node("play_text.mjs")

    def run(
        *jobs: list[Any], document: Any = None, tokenizer: Any = None, documents: Any = None
    ) -> list[Any]:
        scenes = [{"document": one, "tokenizer": tokenizer} for one in documents or [document]]
        line = node.ask({"scenes": scenes, "wanted": jobs})
        results: Any = json.loads(line, object_hook=_array)
        assert isinstance(results, list), results["failed"]
        return results if documents else results[0]

    yield run
    node.close()


@pytest.fixture(scope="session")
def text_document() -> Callable[..., dict[str, Any]]:
    """The document of a model of text and its tokenizer, as the export of a run of them writes it."""
    from olaria.export.play import play
    from olaria.recipes import preset

    def document(model: Any, tokenizer: Any, precision: Any = "float32") -> dict[str, Any]:
        run = SimpleNamespace(
            name="a-run",
            family=model.family,
            recipe=preset("bigram-shakespeare", "tiny"),
            dimensions=lambda: tokenizer.vocab_size,
            tokenizer=lambda: tokenizer,
            model=lambda which=None: model,
        )
        return play(run, precision)

    return document


def _array(value: dict[str, Any]) -> Any:
    if value.keys() == {"float32"}:
        return np.frombuffer(base64.b64decode(value["float32"]), "<f4")
    if value.keys() == {"data", "shape"}:
        return value["data"].reshape(value["shape"])
    return value
