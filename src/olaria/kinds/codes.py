"""Codes: the images of a run as lines of letters. They are learnt as text, and drawn and measured as images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Generator, Tensor

from olaria.data.base import ImageData
from olaria.data.config import coded_name
from olaria.data.tokenizer import Tokenizer, Unseen, tokenizer_from_json
from olaria.errors import DataError, SamplingError, UsageError
from olaria.evaluation import extractor
from olaria.evaluation.codes import two_stages
from olaria.evaluation.samples import SAMPLE_METRICS, evaluate_image_samples
from olaria.i18n import N_, Message, Setting
from olaria.kinds import images, text
from olaria.kinds.base import SEED, Effort, Kind, Measured, Sample, counted, drawn_by
from olaria.kinds.image_metrics import copies_of, part, pixels_of
from olaria.kinds.images import IMAGE_ENDINGS, ImageSample
from olaria.kinds.text_stats import text_stats
from olaria.models.base import Model
from olaria.models.vq import VQ
from olaria.numbers import Number
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.opening import CodedText, painter_of
from olaria.runs.places import recipes_of
from olaria.runs.tuning import Start
from olaria.sampling import codes
from olaria.storage.folder import is_run
from olaria.training.inheritance import model_sha256
from olaria.training.prepared import Prepared
from olaria.training.randomness import generator
from olaria.training.watch import Watch
from olaria.vocabulary import NUM_IMAGES


def prepare(recipe: Recipe, data: CodedText, start: Start | None = None) -> Prepared:
    """As text, but watched as images."""
    if not is_run(Path(recipe.data.coded_run or "")):  # found elsewhere
        recipe = recipe.updated("data.name", coded_name(str(data.painting.path.resolve())))
    prepared = text.prepare(recipe, data, start)
    tokenizer = tokenizer_from_json(prepared.tokenizer or {})
    watching = watch(prepared.watch, tokenizer, data.painter, recipe.seed)
    return replace(prepared, watch=watching, painter_sha256=model_sha256(data.painter.state_dict()))


def watch(watch: Watch, tokenizer: Tokenizer, painter: VQ, seed: int) -> Watch:
    """The watch of a text whose texts are shown as images, once they are some."""

    def sample(model: Model) -> Tensor | str:
        try:
            draws = generator(seed, "watching")
            return codes.draw(model, tokenizer, painter, images.NUM_WATCHED, draws)
        except SamplingError:
            drawn: str = watch.sample(model)
            return drawn

    return replace(watch, sample=sample)


def measure(
    run: Run, model: Any, data: CodedText, effort: Effort, offline: bool = False
) -> Measured:
    """How good a model of codes is as one of text, and as one of images: the bound of both stages, and samples."""
    as_text = text.measure(run, model, data, effort, offline)
    painter, tokenizer = data.painter, run.tokenizer()
    of_images = data.painting.data(offline=offline)
    assert isinstance(of_images, ImageData)
    test = part(of_images.test.x, effort.num_examples)
    draws = Generator().manual_seed(SEED)
    stages, reasons = _stages(model, tokenizer, painter, test, draws)
    drawn = _samples(model, tokenizer, painter, of_images, effort.num_samples, draws)
    images_measured = {
        "images": of_images.name,
        "images_sha256": of_images.sha256,
        "num_images": len(test),
    }
    return Measured(
        {**as_text.metrics, **stages, **drawn.metrics},
        {
            **as_text.protocol,
            **images_measured,
            **pixels_of(painter),
            **drawn.protocol,
            **copies_of(of_images),
        },
        {**as_text.reasons, **reasons, **drawn.reasons},
    )


def _stages(
    model: Any, tokenizer: Tokenizer, painter: VQ, images: Tensor, draws: Generator
) -> tuple[dict[str, Any], dict[str, Message]]:
    """The bound of both stages, or why there is none."""
    letters = painter.grid[0] * painter.grid[1]
    if model.context < letters:
        reason = Message(
            N_("the model reads {context} tokens, and an image is a line of {letters}"),
            {"context": model.context, "letters": letters},
        )
    else:
        try:
            return two_stages(model, tokenizer, painter, images, draws), {}
        except DataError:  # the tokenizer's: the model gives no probability of what it never read
            reason = Message(N_("a test image has a code that no training image has"))
    reasons = dict.fromkeys(("elbo_nats", "reconstruction_nats", "kl_nats"), reason)
    return dict.fromkeys(reasons), reasons


def _samples(
    model: Any, tokenizer: Tokenizer, painter: VQ, data: ImageData, count: int, draws: Generator
) -> Measured:
    """Metrics of painted images, or why there are none."""
    try:
        samples = codes.draw(model, tokenizer, painter, count, draws)
    except SamplingError as error:
        return Measured(
            dict.fromkeys(SAMPLE_METRICS), {}, dict.fromkeys(SAMPLE_METRICS, error.message)
        )
    drawn = evaluate_image_samples(samples, data, extractor.for_data(data), draws)
    of_text = ("data", "data_sha256", "split", "num_examples", "seed")  # those of the run itself
    protocol = {name: value for name, value in drawn.protocol.items() if name not in of_text}
    return Measured(dict(drawn.metrics), protocol, drawn.reasons)


def draw(
    run: str | Path | Run,
    *,
    count: int | None = None,
    temperature: float | None = None,
    prompt: str | None = None,
    max_tokens: int | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    stop: Sequence[str] | None = None,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> Sample:
    """Images that a language model of codes writes, painted by the run that the codes are of; lines where it is given
    a prompt, see :func:`olaria.kinds.text.draw`.

    Args:
        run: a run on ``codes:RUN``, its name or its path.
        count: how many images; 64 where None.
        temperature: of each code; 1 where None.
        prompt: the beginning of a line.
        max_tokens, top_k, top_p, min_p, repetition_penalty, stop, unseen: of lines alone.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        SamplingError: too many of its lines are no image.
        UsageError: what is only of lines is given without a prompt.
    """
    run = opened_run(run)
    of_lines = {
        "max_tokens": max_tokens,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "stop": stop,
        "unseen": unseen,
    }
    given = {name: value for name, value in of_lines.items() if value is not None}
    where: dict[str, Any] = {"seed": seed, "checkpoint": checkpoint, "offline": offline}
    if prompt is not None:
        how: dict[str, Any] = {**given, "temperature": temperature, **where}
        return text.draw(run, count=count, prompt=prompt, **how)
    if given:
        raise UsageError(
            N_("run {name} paints codes: it takes {count} and {temperature}; leave out {words}"),
            name=run.name,
            words=tuple(map(Setting, given)),
            count=Setting("count"),
            temperature=Setting("temperature"),
        )
    count, temperature = counted(count, NUM_IMAGES), 1.0 if temperature is None else temperature
    recipe = recipes_of(run)[0]
    painter, draws = painter_of(recipe, run)[1], Generator().manual_seed(seed)
    model, tokenizer = run.model(checkpoint), run.tokenizer()
    made = codes.draw(model, tokenizer, painter, count, draws, temperature)
    words = N_("each image: painted from a line of codes that the model wrote at temperature {t}")
    what = Message(words, {"t": Number(temperature)})
    return ImageSample(made, caption=(what, drawn_by(run, checkpoint, seed)))


KIND = Kind(
    prepare, measure, draw, text_stats, N_("images by their codes"), "validation", IMAGE_ENDINGS
)
