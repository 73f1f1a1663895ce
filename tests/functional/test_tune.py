"""A search for settings: what it tries, what it stops, that it survives, and what it says of bad requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from olaria.cli.main import main
from olaria.errors import ConfigError, OlariaError, RunError, UsageError
from olaria.pages.search import search_figure
from olaria.recipes import PRESETS, preset
from olaria.runs import Run
from olaria.workflows.search_space import Dimension, parse_dimension, parse_space
from olaria.workflows.tune import TriedRun, TuneRequest, default_search, importance_notes, tune

pytest.importorskip("optuna")
from olaria.workflows.searching import SearchInterrupted, Study, opened_study  # it needs Optuna

SMALL: dict[str, Any] = {"data": "digits", "size": "tiny", "steps": 20}
SPACE = ("training.learning_rate=1e-3..1e-2 log", "model.hidden=[8],[16, 8]", "model.latent=2..6")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Seven trials, the last two of which may be stopped early."""
    home = tmp_path_factory.mktemp("um lugar") / "busca ção"
    return tune("vae-mnist", **SMALL, search=SPACE, trials=7, out=home)


# -- what a search varies --------------------------------------------------------------------------


def test_ranges_and_choices() -> None:
    assert parse_dimension("a.b = 1e-4..2") == Dimension("a.b", 1e-4, 2.0)
    assert parse_dimension("a.b=1..8").whole and not parse_dimension("a.b=1..8.0").whole
    assert parse_dimension("a.b=relu,gelu").choices == ("relu", "gelu")
    assert parse_dimension("a.b=null,1,[2,3]").choices == (None, 1, [2, 3])


@pytest.mark.parametrize(
    ("word", "kind", "words"),
    [
        ("training.learning_rate", UsageError, "has no range"),
        ("training.learning_rate=0.1", UsageError, "neither a range"),
        ("training.learning_rate=0.1..0.01", UsageError, "below the second"),
        ("training.learning_rate=0..0.01 log", UsageError, "begins above 0"),
        ("training.learning_rate=a..b", UsageError, "LOW..HIGH"),
        ("training.learning_rate=1e-4..1e-2 sqrt", UsageError, "LOW..HIGH"),
        ("training.learning_rat=1e-4..1e-2", ConfigError, "learning_rate"),
        ("learning_rate=1e-4..1e-2", ConfigError, "unknown setting"),
        ("model.latent=0..8", ConfigError, "latent"),
        ("model.latent=1.5..8", ConfigError, "latent"),
        ("model.activation=relu,tanh", ConfigError, "activation"),
        ("data.gray=true,false", UsageError, "do not compare"),
        ("seed=0..9", UsageError, "do not compare"),
        ("training.steps=10..100", UsageError, "how long"),
    ],
)
def test_a_bad_search_is_one_line(
    word: str, kind: type[OlariaError], words: str, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "study"
    with pytest.raises(kind):
        tune("vae-mnist", **SMALL, search=(word,), out=out)
    code = main(["tune", "vae-mnist", "--search", word, "--out", str(out)])
    shown = capsys.readouterr().err
    assert code == 2 and shown.count("\n") == 1 and words in shown
    assert not out.exists()


def test_a_setting_is_searched_once() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_space(["model.latent=1..2", "model.latent=1..3"], preset("vae-mnist"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_search_of_its_own(name: str) -> None:
    for size in ("tiny", "small"):
        recipe = preset(name, size)
        space = parse_space(default_search(recipe), recipe)
        assert space[0].path == "training.learning_rate" and len(space) > 1


# -- a study ---------------------------------------------------------------------------------------


def test_trials_are_ordinary_runs(study: Any) -> None:
    assert [one.number for one in study.trials] == [*range(1, 8)]
    for one in study.trials:
        run = Run(study.path / one.run)
        assert run.recipe.model.latent == one.settings["model.latent"]
        assert list(run.recipe.model.hidden) == one.settings["model.hidden"]
        assert run.recipe.training.learning_rate == one.settings["training.learning_rate"]
        assert run.state == "done" and run.evaluation is None  # the test split was not looked at


def test_all_trials_compute_as_the_first_one_does(study: Any) -> None:
    first, *others = (Run(study.path / one.run) for one in study.trials)
    assert first.recipe.training.precision == "auto"
    precision = first.provenance["precision"]
    assert precision in ("float32", "bfloat16")
    assert {run.recipe.training.precision for run in others} == {precision}


def test_they_compare_by_the_best_of_their_validation(study: Any) -> None:
    assert (study.metric, study.higher) == ("loss", False)
    for one in study.ranked:
        curve = Run(study.path / one.run).metrics()
        values = [row["values"]["loss"] for row in curve if row["split"] == "validation"]
        assert one.value == min(values[1:])
    values = [one.value for one in study.ranked]
    assert values == sorted(values) and study.best is study.ranked[0]


def test_what_matters_is_told_and_drawn(study: Any) -> None:
    assert sum(study.importance.values()) == pytest.approx(1)
    assert {*study.importance} == {"training.learning_rate", "model.hidden", "model.latent"}
    with Image.open(study.picture) as picture:
        assert picture.width > 400
    stored = json.loads((study.path / "tune.json").read_text())
    assert stored == json.loads(json.dumps(study.to_json())) and len(stored["trials"]) == 7
    assert "--data digits --size tiny" in study.command and "model.hidden=[" in study.command


def test_the_importance_of_few_trials_is_a_rough_guess(study: Any) -> None:
    (note,) = study.notes
    said = f"importance is a rough guess from {len(study.ranked)} trials; make 10 or more"
    assert note.text("en") == said
    one = TriedRun(1, "done", 0.5, {}, "trial-001")
    assert len(importance_notes([one] * 9, {"a": 1.0})) == 1
    assert importance_notes([one] * 10, {"a": 1.0}) == ()
    figure = search_figure([(1, 0.5, "done")], {"a": 1.0}, higher=True, metric="loss", caveat=said)
    assert said in [axes.get_xlabel() for axes in figure.axes]


def test_a_trial_that_is_worse_is_stopped_early(tmp_path: Path) -> None:
    rates = "training.learning_rate=1e-7,4e-3"
    found = tune(
        "ae-mnist", **{**SMALL, "steps": 40}, search=(rates,), trials=14, out=tmp_path / "s"
    )
    stopped = [one for one in found.trials if one.state == "pruned"]
    assert stopped and {one.settings["training.learning_rate"] for one in stopped} == {1e-7}
    for one in stopped:
        run = Run(found.path / one.run)
        assert 12 <= run.result["steps"] < 40 and run.state == "done"
    assert found.best.settings["training.learning_rate"] == 4e-3


def test_the_time_is_shared_and_ends_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = TuneRequest(preset="ae-mnist", data="digits", trials=4, budget="20s")
    assert asked.recipe().training.budget == 5
    assert TuneRequest(preset="ae-mnist").recipe().training.budget == 30
    used = Study._used_s
    monkeypatch.setattr(Study, "_used_s", lambda self, trials: float(len(trials)))
    found = tune("ae-mnist", **SMALL, trials=50, budget=2.5, out=tmp_path / "study")
    assert len(found.trials) == 3
    with opened_study(
        found.path,
        found.request,
        found.request.recipe(),
        parse_space(default_search(preset("ae-mnist")), preset("ae-mnist")),
    ) as study:
        spent = [Run(found.path / one.run).result["elapsed_s"] for one in found.trials]
        assert used(study, study.study.trials) == pytest.approx(sum(spent))


def test_more_trials_are_made_by_asking_for_more(tmp_path: Path) -> None:
    out = tmp_path / "study"
    first = tune("ae-mnist", **SMALL, trials=2, out=out)
    assert first.importance is None or len(first.trials) == 2
    more = tune("ae-mnist", **SMALL, trials=3, out=out)
    assert [one.settings for one in more.trials[:2]] == [one.settings for one in first.trials]
    assert len(more.trials) == 3
    for change in ({"steps": 30}, {"size": "small"}, {"search": SPACE[:1]}, {"seed": 4}):
        with pytest.raises(UsageError, match="a search with another"):
            tune("ae-mnist", **{**SMALL, **change}, trials=3, out=out)


def test_nothing_is_left_of_a_search_that_could_not_begin(tmp_path: Path) -> None:
    with pytest.raises(OlariaError):
        tune("ae-mnist", data="toy-language", steps=5, size="tiny", out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        tune("ae-mnist", **SMALL, out=tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_settings_that_do_not_go_together_are_a_trial_without_value(tmp_path: Path) -> None:
    found = tune(
        "gpt2-shakespeare",
        data="toy-language",
        steps=3,
        size="tiny",
        search=("model.width=16,18", "model.num_heads=2,4"),
        trials=6,
        out=tmp_path / "study",
    )
    bad = [
        one
        for one in found.trials
        if 18 % one.settings["model.num_heads"] and one.settings["model.width"] == 18
    ]
    assert bad and all(one.state == "pruned" and one.value is None for one in bad)
    assert found.best not in bad


def test_a_gan_of_data_without_a_feature_network_is_told_so(tmp_path: Path) -> None:
    own = tmp_path / "leaves"
    own.mkdir()
    for place in range(40):
        Image.new("L", (28, 28), 6 * place).save(own / f"{place}.png")
    with pytest.raises(UsageError, match="no search is made with them"):
        tune("gan-mnist", data=own, size="tiny", steps=4, trials=2, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_search_that_is_stopped_by_hand_goes_on(tmp_path: Path) -> None:
    def stopping(event: Any) -> None:
        if event.event == "step" and event.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SearchInterrupted, match="the same command") as stopped:
        tune("ae-mnist", **SMALL, trials=2, out=tmp_path / "study", listeners=[stopping])
    assert stopped.value.exit_code == 130
    found = tune("ae-mnist", **SMALL, trials=2, out=tmp_path / "study")
    assert [one.state for one in found.trials] == ["done", "done"]
    assert Run(found.path / "trial-001").result["steps"] == 20


KILLED = """
import os, signal, sys
from olaria.cli.main import main
from olaria.workflows import searching

call = searching.Watcher.__call__
def killing(self, event):
    answer = call(self, event)
    if self._trial.number == 1 and event.step == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
searching.Watcher.__call__ = killing
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("one_thread")
def test_a_killed_search_goes_on_by_the_same_command(tmp_path: Path, capsys: Any) -> None:
    words = ["tune", "ae-mnist", "--data", "digits", "--size", "tiny", "--steps", "20"]
    words += ["--trials", "3", "--search", SPACE[0], "--json", "--threads", "1", "--out"]
    killed, whole = str(tmp_path / "killed"), str(tmp_path / "whole")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *words, killed], env=os.environ, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not (tmp_path / "killed" / "tune.json").exists()
    found = []
    for out in (killed, whole):
        assert main([*words, out]) == 0
        found.append(json.loads(capsys.readouterr().out))
    for one, other in zip(found[0]["trials"], found[1]["trials"], strict=True):
        assert one == other and one["state"] == "done"
    events = (tmp_path / "killed" / "trial-002" / "events.jsonl").read_text()
    assert events.count('"began"') == 2  # it went on, and did not begin again


def test_without_optuna_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    code = main(["tune", "ae-mnist", "--out", str(tmp_path / "study")])
    shown = capsys.readouterr().err
    assert code == 2 and shown.count("\n") == 1 and "pip install 'olaria[tune]'" in shown
    assert not (tmp_path / "study").exists()


def test_the_shell_lists_the_trials(study: Any, capsys: Any) -> None:
    words = ["tune", "vae-mnist", "--data", "digits", "--size", "tiny", "--steps", "20"]
    words += [part for word in SPACE for part in ("--search", word)]
    assert main([*words, "--trials", "7", "--out", str(study.path)]) == 0
    shown = capsys.readouterr()
    assert study.best.run in shown.out and "model.latent" in shown.out and "%" in shown.out
    assert study.command in shown.out
