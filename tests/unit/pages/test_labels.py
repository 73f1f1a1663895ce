"""Words and numbers of a report."""

from __future__ import annotations

import pytest

from olaria.i18n import Message
from olaria.pages import labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("olaria train x --data /home/ana/d.zip", "olaria train x --data d.zip"),
        ("--data '/home/ana maria/my data/d.zip'", "--data 'd.zip'"),
        (r"--data C:\Users\Ana\d.zip --seed 0", "--data d.zip --seed 0"),
        (r"\\server\ana\d.zip", "d.zip"),
        ("~/runs/vae", "vae"),
        (r"/home/ana\ maria/d.zip", "d.zip"),
        ("/home/ana/runs/vae: busy", "vae: busy"),
        ("bits/char and https://example.org/a/b", "bits/char and https://example.org/a/b"),
        ("AMD EPYC 9R14 / 2 cores", "AMD EPYC 9R14 / 2 cores"),
        ("new tokens: '/' (U+002F SOLIDUS), '0'", "new tokens: '/' (U+002F SOLIDUS), '0'"),
        (r"new tokens: '\\' (U+005C), '0'", r"new tokens: '\\' (U+005C), '0'"),
    ],
)
def test_folders_are_left_out(text: str, expected: str) -> None:
    assert labels.without_folders(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (True, "sim"),
        (1234567, "1.234.567"),
        (0.00123456, "0,001235"),
        ([1.5, 2.25], "1,5 – 2,25"),
        (-93.4, "−93,4"),
    ],
)
def test_values_in_portuguese(value: object, expected: str) -> None:
    if expected == "sim":
        assert labels.value_text(value, "en") == "yes"
    else:
        assert labels.value_text(value, "pt") == expected


def test_a_missing_metric_says_why() -> None:
    evaluation = {
        "metrics": {"fd": None, "elbo_nats": -93.456, "unheard_of": 2.5},
        "reasons": {"fd": Message("too few: {count}", {"count": 3}).to_json()},
    }
    fd, elbo, other = labels.evaluation_rows(evaluation, "en")
    assert (fd.value, fd.explanation) == ("—", "too few: 3")
    assert elbo.value.startswith("−93.46")
    assert (elbo.better, fd.better) == ("↑", "↓")
    assert (other.name, other.value) == ("unheard_of", "2.5")


def test_what_one_reason_explains_is_told_once() -> None:
    why = Message("no network").to_json()
    evaluation = {"metrics": {"fd": None, "mse": 0.5, "kd": None, "bleu": None},
                  "reasons": {"fd": why, "kd": why}}  # fmt: skip
    assert labels.missing(labels.evaluation_rows(evaluation, "en")) == [
        ("no network", ["Fréchet distance", "Kernel distance"]),
        ("", ["BLEU"]),
    ]


def test_protocol_shows_the_seed_as_it_is_and_fingerprints_short() -> None:
    rows = dict(
        labels.protocol_rows(
            {"seed": 12345, "num_examples": 10000, "data_sha256": "a" * 64, "k": None}, "en"
        )
    )
    assert rows == {
        "seed": "12345",
        "examples evaluated": "10,000",
        "data fingerprint": "a" * 12,
    }


def test_of_a_text_tokens_are_evaluated() -> None:
    assert labels.protocol_rows({"num_examples": 7, "context_length": 8}, "en")[0] == (
        "tokens evaluated",
        "7",
    )


def test_words_of_a_protocol_are_translated() -> None:
    protocol = {"data": "none", "given_class": "no", "binarization": "dynamic", "split": "test"}
    assert [value for _, value in labels.protocol_rows(protocol, "pt")] == [
        "none", "não", "sorteada a cada avaliação", "teste",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (3599.7, "1 h 00 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert labels.duration(seconds) == expected
