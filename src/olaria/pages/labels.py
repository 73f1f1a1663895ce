"""Words and numbers of a report: what a key is called, and how a value is written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from olaria.evaluation import METRICS
from olaria.i18n import N_, Message, translate
from olaria.numbers import Number, format_number

PROTOCOL_LABELS: dict[str, str] = {
    "data": N_("data"),
    "data_sha256": N_("data fingerprint"),
    "split": N_("split"),
    "num_examples": N_("examples evaluated"),
    "num_examples_in_training": N_("examples that are training examples too"),
    "num_samples": N_("generated examples"),
    "num_floor_examples": N_("real images for the floor"),
    "num_neighbourhoods": N_("images whose neighbourhoods are compared"),
    "num_distances": N_("generated images for the distances"),
    "num_modes": N_("clusters of the data"),
    "solver": N_("solver of the differential equation"),
    "sampling_steps": N_("steps from noise to a sample"),
    "evaluations": N_("evaluations of the network for a sample"),
    "step_noise": N_("share of the noise drawn anew after each step"),
    "images": N_("images"),
    "images_sha256": N_("images' fingerprint"),
    "num_images": N_("images evaluated"),
    "likelihood": N_("likelihood of the pixels"),
    "given_class": N_("class given"),
    "left_out": N_("class left out of training"),
    "prevalence": N_("share of anomalies"),
    "anomaly_score": N_("anomaly score"),
    "vocab_size": N_("tokens of the vocabulary"),
    "binarization": N_("binarization"),
    "bound": N_("what the bound is a mean over"),
    "num_masks": N_("masks of each image"),
    "num_noises": N_("noises of each image"),
    "tokenizer": N_("tokenizer"),
    "num_sampled_chars": N_("characters generated"),
    "num_predicted_tokens": N_("tokens predicted"),
    "decoding": N_("decoding"),
    "bleu_signature": N_("how BLEU was counted"),
    "chrf_signature": N_("how chrF was counted"),
    "longest_copied_span_of_validation_chars": N_(
        "longest span of the validation text in training"
    ),
    "grammar_loss_nats_per_char": N_("the grammar's own loss, nats per character"),
    "seed": N_("seed"),
    "checkpoint": N_("checkpoint"),
    "ema": N_("averaged weights (EMA)"),
    "precision": N_("precision of the arithmetic"),
    "context_length": N_("context length"),
    "k": N_("neighbours (k)"),
    "num_importance_samples": N_("importance samples"),
    "num_importance_samples_large": N_("importance samples of the correction"),
    "num_corrected": N_("examples of the correction"),
    "extractor": N_("feature extractor"),
    "extractor_sha256": N_("extractor's fingerprint"),
}

SPLIT_LABELS: dict[str, str] = {
    "train": N_("training"),
    "validation": N_("validation"),
    "test": N_("test"),
}

PROTOCOL_WORDS: dict[str, str] = {
    **SPLIT_LABELS,
    "yes": N_("yes"),
    "no": N_("no"),
    "none": N_("none"),
    "dynamic": N_("drawn anew for each evaluation"),
    "bernoulli": "Bernoulli",
    "gaussian": N_("normal distribution"),
    "logistic": N_("logistic"),
    "greedy": N_("greedy"),
    "orders": N_("all orders of the pixels"),
    "noises": N_("all sizes of the noise"),
}
"""Values of a protocol that are words."""

PROVENANCE_LABELS: dict[str, str] = {
    "cpu": N_("processor"),
    "num_cpus": N_("cores"),
    "num_threads": N_("threads used"),
    "memory_bytes": N_("memory"),
    "gpu": N_("graphics processor"),
    "system": N_("system"),
    "precision": N_("precision of the arithmetic"),
    "compile": N_("compiled"),
    "olaria": "Olaria",
    "python": "Python",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "commit": N_("commit"),
}
"""What is shown of provenance.json. Everything else in it (folders, machine and user names) stays there."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

NOTHING = "—"
"""Where there is no value."""

_ROOT = r"""(?:(?<!\w)[A-Za-z]:[\\/]|~[\\/]|\\\\(?=[^\s'"])|(?<![\w.:/\\])/(?=[^\s'"]))"""
_QUOTED_FOLDERS = re.compile(rf"""(?<=['"]){_ROOT}[^'"]*[\\/]""")
_FOLDERS = re.compile(rf"""{_ROOT}(?:(?:\\\s|[^\s"'<>|\\/])+[\\/])*""")


def number(value: float, language: str = "en", digits: int | None = None) -> str:
    """A number in the reader's notation; four significant digits where ``digits`` is None.

    >>> number(1234.567, "pt", 1), number(0.012345), number(100.0)
    ('1.234,6', '0.01235', '100')
    """
    return Number(value, digits).text(language)


def duration(seconds: float, language: str = "en") -> str:
    """Seconds for people.

    >>> duration(9.25), duration(272.0)
    ('9.2 s', '4 min 32 s')
    """
    if seconds < 60:
        return f"{format_number(seconds, language, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s"


def date(text: str, language: str = "en") -> tuple[str, str]:
    """A date of ISO form as ``2026-03-31`` and as people write it; other words as they are, with no day.

    >>> date("2026-03-31", "pt"), date("2026-03-31"), date("em março")
    (('2026-03-31', '31/03/2026'), ('2026-03-31', '31 March 2026'), ('', 'em março'))
    """
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        return "", text
    words = (
        f"{day:%d/%m/%Y}" if language == "pt" else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    )
    return day.isoformat(), words


def without_folders(text: str) -> str:
    """``text`` in which each absolute path is only its last name: a report is handed to others.

    >>> without_folders("olaria train vae-mnist --data /home/ana/my digits.zip")
    'olaria train vae-mnist --data my digits.zip'
    """
    return _FOLDERS.sub("", _QUOTED_FOLDERS.sub("", text))


def data_name(title: str, language: str = "en") -> str:
    """The name of a data set, which its title goes on to describe.

    >>> data_name("MNIST: handwritten digits"), data_name("/home/ana/letters.txt")
    ('MNIST', 'letters.txt')
    """
    return without_folders(translate(title, language)).partition(": ")[0]


def shortened(name: str, limit: int = 28) -> str:
    """A name that fits into a figure.

    >>> shortened("a-very-long-name", 8)
    'a-very-…'
    """
    name = " ".join(without_folders(name).split())
    return name if len(name) <= limit else name[: limit - 1] + "…"


def value_text(value: Any, language: str, digits: int | None = None) -> str:
    """Any plain JSON value in words; an interval as “a – b”, what is missing as a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return translate(N_("yes"), language) if value else translate(N_("no"), language)
    if isinstance(value, int):
        return number(value, language, 0)
    if isinstance(value, float):
        return number(value, language, digits) if math.isfinite(value) else NOTHING
    if isinstance(value, (list, tuple)):
        return " – ".join(value_text(part, language, digits) for part in value)
    if isinstance(value, Mapping):
        parts = (f"{key} {value_text(part, language, digits)}" for key, part in value.items())
        return without_folders(", ".join(parts))
    return without_folders(str(value))


@dataclass(frozen=True)
class MetricRow:
    """One metric in words.

    Args:
        name: its title.
        value: with its unit; a dash where there is none.
        better: ``↑``, ``↓`` or empty.
        explanation: one sentence, or why there is no value.
        key: as in evaluation.json.
    """

    name: str
    value: str
    better: str
    explanation: str
    key: str = ""


def metric_row(key: str, value: Any, language: str, reason: Message | None = None) -> MetricRow:
    """A metric in words; an unknown key is shown as it is.

    Args:
        key: as in evaluation.json.
        value: None where it could not be computed.
        language: of the words.
        reason: why it is None.
    """
    why = "" if reason is None else without_folders(reason.text(language))
    metric = METRICS.get(key)
    if metric is None:
        return MetricRow(key, value_text(value, language), "", why, key)
    text = value_text(value, language, metric.digits)
    if metric.unit and value is not None:
        text = f"{text}\N{NO-BREAK SPACE}{translate(metric.unit, language)}"
    title, explanation = translate(metric.title, language), translate(metric.explanation, language)
    return MetricRow(title, text, metric.better, why if value is None else explanation, key)


def evaluation_rows(evaluation: Mapping[str, Any], language: str) -> list[MetricRow]:
    """The metrics of an evaluation.json, in its order."""
    reasons = evaluation.get("reasons", {})
    return [
        metric_row(
            key, value, language, Message.from_json(reasons[key]) if key in reasons else None
        )
        for key, value in evaluation["metrics"].items()
    ]


def missing(rows: Iterable[MetricRow]) -> list[tuple[str, list[str]]]:
    """Metrics without a value by the reason why: what one reason explains is told once."""
    together: dict[str, list[str]] = {}
    for row in rows:
        if row.value == NOTHING:
            together.setdefault(row.explanation, []).append(row.name)
    return list(together.items())


def counts_tokens(protocol: Mapping[str, Any]) -> bool:
    """Whether an evaluation's examples are the tokens of a text."""
    return "context_length" in protocol


def protocol_rows(protocol: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """Name and value of each entry of an evaluation's protocol; fingerprints shortened."""
    rows = []
    for key, value in protocol.items():
        if value is None:
            continue
        is_tokens = key == "num_examples" and counts_tokens(protocol)
        label = N_("tokens evaluated") if is_tokens else PROTOCOL_LABELS.get(key, key)
        name = translate(label, language)
        text = value_text(value, language)
        if key != "data":
            text = translate(PROTOCOL_WORDS.get(text, text), language)
        if key == "seed":
            text = str(value)
        rows.append((name, text[:12] if key.endswith("sha256") else text))
    return rows


def size(num_bytes: float, language: str = "en") -> str:
    """Bytes in gigabytes, 10⁹ bytes each.

    >>> size(16_700_000_000)
    '16.7\xa0GB'
    """
    return f"{format_number(num_bytes / 1e9, language, 1)}\N{NO-BREAK SPACE}GB"
