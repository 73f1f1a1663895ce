"""The command line is made from requests: nothing of a verb stands in it a second time."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

import olaria.cli
from olaria import vocabulary
from olaria.cli.main import AFTER, GROUPS, VERBS, _requests, build, main
from olaria.cli.verb import Verb
from olaria.data import DataConfig
from olaria.evaluation import METRICS
from olaria.i18n import Message
from olaria.lessons import LESSONS
from olaria.recipes.base import Recipe, TuningConfig
from olaria.sampling.autoregressive import SamplingConfig
from olaria.sampling.translation import DecodingConfig
from olaria.workflows.requests import Declared, Request
from olaria.workflows.sample import SampleRequest
from olaria.workflows.train import TrainRequest

CLI = Path(olaria.cli.__file__).parent
PAGES: dict[tuple[str, ...], Verb] = {
    **{(name,): verb for name, verb in {**VERBS, **AFTER}.items()},
    **{(group, name): verb for group, (verbs, _) in GROUPS.items() for name, verb in verbs.items()},
}


def words_of_lists() -> set[str]:
    """Every word of every list in the vocabulary."""
    return {word for name in dir(vocabulary) for word in get_args(getattr(vocabulary, name))}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.name)
def test_no_module_of_the_shell_holds_a_list_of_choices(path: Path) -> None:
    known = words_of_lists()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            words = {item.value for item in node.elts if isinstance(item, ast.Constant)}
            assert len(words & known) < 2, (path.name, words)


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
@pytest.mark.parametrize("language", ["en", "pt"])
def test_help_shows_each_choice_and_default(
    words: tuple[str, ...], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help", "--lang", language]) == 0
    page = " ".join(capsys.readouterr().out.split())
    for one in PAGES[words].request.declared():
        if not one.about.positional:
            assert f" {one.flag} " in page
        for choice in one.form.choices if not one.about.positional else ():
            assert choice in page
        unless = one.unless_given
        if unless is not None:
            said = unless.text(language) if isinstance(unless, Message) else unless
            assert f"({ {'en': 'default', 'pt': 'padrão'}[language] }: {said})" in page


def test_every_option_is_a_setting_of_its_request() -> None:
    command: Any = build()
    for words, verb in PAGES.items():
        one = command
        for word in words:
            one = one.commands[word]
        names = {parameter.name for parameter in one.params} - {"as_json", "help"}
        assert names == {setting.name for setting in verb.request.declared()}


def test_only_the_verb_that_is_called_gets_its_options() -> None:
    command: Any = build(only="eval")
    assert len(command.commands["eval"].params) > 3
    assert [one.name for one in command.commands["train"].params] in ([], ["help"])


def limits(one: Declared) -> tuple[float | None, ...]:
    return (
        one.form.limits.least,
        one.form.limits.above,
        one.form.limits.most,
        one.form.limits.below,
    )


def limits_of(config: Any, name: str) -> tuple[float | None, ...]:
    found = dict.fromkeys(("ge", "gt", "le", "lt"))
    for rule in config.model_fields[name].metadata:
        found |= {key: getattr(rule, key) for key in found if hasattr(rule, key)}
    return tuple(found.values())


@pytest.mark.parametrize(
    ("request_type", "name", "config", "field"),
    [
        *(
            (SampleRequest, name, SamplingConfig, name)
            for name in (
                "max_tokens",
                "temperature",
                "top_k",
                "top_p",
                "min_p",
                "repetition_penalty",
            )
        ),
        *((TrainRequest, name, DataConfig, name) for name in ("resize", "vocab_size", "leave_out")),
        (SampleRequest, "beam", DecodingConfig, "beam"),
        (TrainRequest, "lora_rank", TuningConfig, "rank"),
        (TrainRequest, "lora_alpha", TuningConfig, "alpha"),
        (TrainRequest, "seed", Recipe, "seed"),
    ],
)
def test_bounds_and_defaults_are_those_of_what_acts_on_them(
    request_type: type[Request], name: str, config: Any, field: str
) -> None:
    one = next(one for one in request_type.declared() if one.name == name)
    assert limits(one) == limits_of(config, field)
    default = config.model_fields[field].default
    if default is not None and name != "beam":
        assert one.unless_given == one.form.show(default)


def test_the_lessons_are_those_of_the_table() -> None:
    assert list(get_args(vocabulary.LessonName)) == list(LESSONS)


def test_requests_say_what_they_are() -> None:
    for request in _requests():
        assert request.summary and (request.__doc__ or "").startswith("What ``")
        for one in request.declared():
            assert one.about.help and one.name not in dir(Request)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_message_names_the_option_of_its_command(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"en": "cannot be", "pt": "não pode ser"}[language]
    for words, option in (
        (("sample", "r", "--class", "-1"), "--class"),
        (("sample", "r", "-n", "0"), "-n"),
        (("train", "vae-mnist", "--from", "r", "--lora-rank", "0"), "--lora-rank"),
        (("eval", "r", "--checkpoint", "first"), "--checkpoint"),
        (("explain", "vea"), {"en": "LESSON", "pt": "LIÇÃO"}[language]),
    ):
        assert main([*words, "--lang", language]) == 2
        line = capsys.readouterr().err
        assert line.split(": ", 2)[2].startswith(f"{option} {said}") and line.count("\n") == 1


def test_an_unknown_metric_is_named_before_the_run_is_opened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "mse" in METRICS and main(["eval", "no-such-run", "--metric", "msee"]) == 2
    assert "did you mean mse (Mean squared error)?" in capsys.readouterr().err


def test_help_loads_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from olaria.cli.main import main\n"
        "assert main(['--help']) == 0 and main(['train', '--help']) == 0\n"
        "slow = ('torch', 'numpy', 'pydantic', 'rich', 'matplotlib', 'filelock', 'safetensors')\n"
        "print('loaded', [name for name in slow if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr
