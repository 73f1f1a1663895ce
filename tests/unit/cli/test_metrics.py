"""The terminal says metrics in the report's words; programs get their keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from olaria.cli import metrics
from olaria.cli.main import main
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.evaluation import METRICS, WATCHED
from olaria.i18n import Message, translate
from olaria.workflows.evaluate import EvaluateRequest

Made = Callable[..., Any]
PRESETS = ["vae-mnist", "ae-mnist", "gan-ring", "bigram-shakespeare"]
BARE = [key for key in (*METRICS, *WATCHED) if "_" in key] + ["fd", "kd", "mse"]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a person reads of a command that succeeds."""
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def words_of(text: str) -> set[str]:
    return set(text.replace(":", " ").replace(",", " ").split())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("language", ["en", "pt"])
def test_eval_names_metrics_as_the_report_does(
    tiny_run: Made, preset: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tiny_run(preset).path)
    out = shown(capsys, "eval", path, "--lang", language)
    assert not words_of(out) & set(BARE)
    found = json.loads(shown(capsys, "eval", path, "--json"))
    for key, value in found["metrics"].items():
        metric = METRICS[key]
        arrow = {"higher": " ↑", "lower": " ↓", "none": ""}[metric.direction]
        title, says = (
            translate(text, language).splitlines()[0] for text in (metric.title, metric.explanation)
        )
        if value is None:
            assert title in out and says not in out
        else:
            (line,) = (one for one in out.splitlines() if one.startswith(title + arrow + "  "))
            assert line.endswith(says)
    assert translate("↑ more is better · ↓ less is better", language) in out


def test_one_reason_is_told_once(tiny_run: Made, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tiny_run("gan-mnist").path)
    out = shown(capsys, "eval", path)
    assert out.count("there is no feature network") == 1
    assert out.count("without a value: ") == 1
    reasons = json.loads(shown(capsys, "eval", path, "--json"))["reasons"]
    assert len(reasons) > 5
    # A setting in a reason is written as the option that it is.
    assert "--full" in shown(capsys, "eval", str(tiny_run("vae-mnist").path))


def test_reasons_that_differ_stay_apart(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = {"fd": Message("no network"), "kd": Message("no network"), "recall": Message("none")}
    metrics.show(Shell(), {"fd": None, "kd": None, "recall": None, "mse": 0.5}, reasons)
    out = capsys.readouterr().out
    assert "without a value: Fréchet distance · Kernel distance\n  no network\n" in out
    assert "without a value: Recall\n  none\n" in out


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_summary_after_training_too(
    language: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--size", "tiny", "--steps", "2", "--data", "digits", "--lang", language)
    out = shown(capsys, "train", "ae-mnist", *words, "--out", str(tmp_path / "ae"))
    assert not words_of(out) & set(BARE)
    metric = METRICS["mse"]
    assert f"{translate(metric.title, language)} ↓" in out
    assert translate(metric.explanation, language) in out
    # The loss is the same number under another name.
    assert translate(WATCHED["loss"].title, language) + " ↓" not in out


def test_the_other_verbs_say_no_bare_key(
    tiny_run: Made, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny_run("ae-mnist")
    for verb in ("encode", "reconstruct"):
        ending = "tsv" if verb == "encode" else "png"
        out = shown(capsys, verb, str(run.path), "--out", str(tmp_path / f"a.{ending}"))
        assert not words_of(out) & set(BARE) and "↑" in out


def test_every_metric_has_words_in_both_languages() -> None:
    for metric in (*METRICS.values(), *WATCHED.values()):
        for text in (metric.title, metric.explanation):
            assert text and "\n" not in text
    assert METRICS.keys().isdisjoint(WATCHED)
    assert metrics.title(Shell(), "unknown_of_tomorrow") == "unknown_of_tomorrow"


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_metric_may_be_called_as_the_tables_call_it(
    language: str, tiny_run: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, metric in METRICS.items():
        title = translate(metric.title, language)
        for word in (key, title, title.upper(), f"{title} {metric.better}"):
            assert EvaluateRequest.of(run="r", metrics=[word, key]).metrics == (key,)
    path = str(tiny_run("vae-mnist").path)
    title = translate(METRICS["kl_nats"].title, language)
    out = shown(capsys, "eval", path, "--metric", title, "--json")
    assert json.loads(out)["metrics"].keys() == {"kl_nats"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Frechet distnce", "did you mean fd (Fréchet distance)?"),
        ("fdd", "did you mean fd (Fréchet distance)?"),
        ("Divergencia", "did you mean kl_nats (KL divergence)?"),
        ("zzzz", "known: active_units, aupr,"),
    ],
)
def test_a_metric_misspelt_is_offered_by_both_names(name: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        EvaluateRequest.of(run="r", metrics=[name])
    assert told in caught.value.message.text("en")


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_help_lists_both_names(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        line.split() for line in shown(capsys, "eval", "--help", "--lang", language).splitlines()
    ]
    for key, metric in METRICS.items():
        assert [key, *translate(metric.title, language).split()] in lines
