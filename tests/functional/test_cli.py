"""The real command line, in processes of its own: what a person sees, and what a script can count on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import olaria

TEXT = "the potter turns the clay and the clay turns into a bowl\n" * 40
TINY = ("--size", "tiny")
PAGES = [
    *(
        [verb]
        for verb in (
            *(
                "demo",
                "train",
                "sample",
                "eval",
                "reconstruct",
                "encode",
                "detect",
                "report",
                "export",
            ),
            *("presets", "doctor"),
        )
    ),
    *(["runs", verb] for verb in ("list", "show", "compare", "rm")),
    *(["data", verb] for verb in ("list", "get", "where", "verify", "stats", "mirror", "clean")),
    *([], ["runs"], ["data"]),
]
SLOW_TO_LOAD = ("torch", "pydantic", "matplotlib", "numpy", "rich")

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


class Olaria:
    """Runs the command in a folder; its runs are in ``runs`` there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.env = {
            **os.environ,
            "PYTHONPATH": str(Path(olaria.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "OLARIA_RUNS": str(self.runs),
        }

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "olaria", *words],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            **options,
        )

    def done(self, *words: str) -> str:
        """The standard output of a command that must succeed."""
        result = self(*words)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *words: str) -> Any:
        """The one document of a command with ``--json``."""
        return json.loads(self.done(*words, "--json"))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "olaria", *words],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Olaria:
    """A folder with a finished image run ``digits`` and a text run ``clay``."""
    made = Olaria(tmp_path_factory.mktemp("cli"))
    (made.folder / "clay.txt").write_text(TEXT)
    where = str(made.runs / "digits")
    steps = ("--steps", "20", "--set", "training.evaluate_every=10", "--out", where)
    trained = made(
        "train", "vae-mnist", "--data", "digits", *TINY, *steps, "--json", "--lang", "pt"
    )
    assert trained.returncode == 0, trained.stderr
    (made.folder / "trained.json").write_text(trained.stdout)
    (made.folder / "trained.txt").write_text(trained.stderr)
    text: dict[str, Any] = {"data": made.folder / "clay.txt", "out": made.runs / "clay"}
    olaria.train("gpt-shakespeare", size="tiny", steps=6, settings=["model.context=16"], **text)
    return made


class Inside:
    """The same entry point in this process, where torch is loaded once for all."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        from olaria.cli.main import main

        handler = signal.getsignal(signal.SIGTERM)
        self.capsys.readouterr()
        try:
            code = main(list(words))
        finally:
            signal.signal(signal.SIGTERM, handler)
        return code, *self.capsys.readouterr()

    def done(self, *words: str) -> str:
        """The standard output of a command that must succeed."""
        code, out, err = self(*words)
        assert code == 0, err
        return out

    def json(self, *words: str) -> Any:
        """The one document of a command with ``--json``."""
        return json.loads(self.done(*words, "--json"))


@pytest.fixture
def inside(
    cli: Olaria, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Inside:
    """In the folder of ``cli``, which also gets unusable texts."""
    for name in ("empty", "a", "aaaaaaaa"):
        (cli.folder / f"{name}.txt").write_text("" if name == "empty" else name)
    (cli.folder / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(cli.folder)
    monkeypatch.setenv("OLARIA_RUNS", "runs")
    return Inside(capsys)


def one_line(stderr: str) -> str:
    """The error's line, which must be the last, alone of its kind and no traceback."""
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    assert sum(line.startswith(("olaria: error:", "olaria: erro:")) for line in lines) == 1, stderr
    assert lines[-1].startswith(("olaria: error:", "olaria: erro:")), stderr
    return lines[-1]


# -- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_help_page_is_complete_and_loads_nothing_slow(cli: Olaria, language: str) -> None:
    code = (
        "import json, sys\n"
        "from olaria.cli.main import main\n"
        f"for words in json.loads({json.dumps(json.dumps(PAGES))}):\n"
        f"    assert main([*words, '--help', '--lang', {language!r}]) == 0\n"
        f"    print('loaded', [n for n in {SLOW_TO_LOAD!r} if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=cli.env, capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    pages = done.stdout.split("loaded []\n")
    assert len(pages) == len(PAGES) + 1 and not pages[-1], done.stdout[-300:]
    usage, everywhere = {"en": ("Usage:", "Everywhere:"), "pt": ("Uso:", "Em todo comando:")}[
        language
    ]
    for words, page in zip(PAGES, pages, strict=False):
        assert page.startswith(f"{usage} {' '.join(['olaria', *words])}")
        assert everywhere in page and "--lang pt|en" in page
        assert max(map(len, page.splitlines())) <= 80
        foreign = ("Uso:", "Opções:") if language == "en" else ("Usage:", "Options:", " the ")
        assert not any(word in page for word in foreign)


def test_olaria_alone_shows_its_help_and_version_says_the_version(cli: Olaria) -> None:
    assert cli.done() == cli.done("--help")
    assert cli.done("train", "--version") == f"olaria {olaria.__version__}\n"


# -- a run from beginning to end -------------------------------------------------------------------


def test_training_tells_its_progress_aside_and_its_result_as_one_document(cli: Olaria) -> None:
    result = json.loads((cli.folder / "trained.json").read_text())
    assert (result["run"], result["steps"], result["family"]) == ("digits", 20, "vae")
    stored = json.loads((cli.runs / "digits" / "result.json").read_text())
    assert result == {**stored, "run": "digits", "path": str(cli.runs / "digits")}
    progress = (cli.folder / "trained.txt").read_text()
    assert "passo 10: validação perda" in progress and "passo 20: validação" in progress


def test_image_chain(cli: Olaria, inside: Inside) -> None:
    found = cli.json("eval", "digits", "--metric", "elbo_nats", "--metric", "kl_nats")
    assert list(found["metrics"]) == ["elbo_nats", "kl_nats"]
    stored = json.loads((cli.runs / "digits" / "evaluation.json").read_text())
    assert {"elbo_nats", "kl_nats", "fd", "reconstruction_nats"} <= set(stored["metrics"])
    assert found["metrics"].items() <= stored["metrics"].items()
    assert found["protocol"] == stored["protocol"] and found["reasons"] == {}

    assert inside.done("sample", "digits", "-n", "4") == "digits-samples.png\n"
    again = inside.json("sample", "digits", "-n", "4", "--mode", "reconstruct")
    assert (again["path"], again["shape"]) == ("digits-samples-2.png", [8, 1, 8, 8])
    assert (cli.folder / again["path"]).read_bytes().startswith(b"\x89PNG")

    strange = inside.json("detect", "digits", "--false-alarms", "0.1", "-n", "2")
    assert strange["picture"] == "digits-detect.png" and strange["false_alarms"] == 0.1
    scores = [image["score"] for image in strange["images"]]
    assert scores == sorted(scores, reverse=True) and len(scores) > 100
    shown = inside.done("detect", "digits", "-n", "2", "--lang", "pt")
    assert "imagem" in shown and shown.endswith("\ndigits-detect-2.png\n")

    report = inside.done(
        "report", "digits", "--author", "--lang", "--lang", "pt", "--out", "r.html"
    )
    assert report == "r.html\n"
    page = (cli.folder / "r.html").read_text()
    assert 'lang="pt' in page and "--lang" in page  # a strange author, but an author


def test_listings_agree_with_each_other(cli: Olaria, inside: Inside) -> None:
    listed = {run["name"]: run for run in cli.json("runs")["runs"]}
    assert {"digits", "clay"} <= set(listed)
    assert listed["digits"]["state"] == "done"
    table = inside.done("runs", "list", "--lang", "pt")
    assert "concluída" in table and "digits" in table

    shown = inside.json("runs", "show", "digits")
    assert shown["recipe"]["data"]["name"] == "digits"
    assert "training.steps" in inside.done("runs", "show", "digits")

    both = inside.json("runs", "compare", "digits", "clay")["runs"]
    assert [run["name"] for run in both] == ["digits", "clay"]


def test_removing_asks_first(cli: Olaria, inside: Inside) -> None:
    words = ("--data", "digits", *TINY, "--steps", "1", "--out", str(cli.runs / "gone"))
    inside.done("train", "ae-mnist", *words)
    asked = cli("runs", "rm", "gone")
    assert asked.returncode == 1 and "--yes" in one_line(asked.stderr)
    assert (cli.runs / "gone").is_dir()
    assert inside.json("runs", "rm", "gone", "--yes")["removed"] == "gone"
    assert not (cli.runs / "gone").exists()


def test_text_streams_and_its_seed_repeats_it(cli: Olaria, inside: Inside) -> None:
    words = ("sample", "clay", "--prompt", "the ", "--max-tokens", "30", "--seed", "3")
    text = cli.done(*words)
    assert text.startswith("the ") and len(text) == len("the ") + 30 + 1
    document = inside.json(*words)
    assert document["prompt"] + document["text"] + "\n" == text


def test_listings_of_what_there_is(cli: Olaria, inside: Inside) -> None:
    presets = {preset["name"] for preset in inside.json("presets")["presets"]}
    assert {"ae-mnist", "vae-mnist", "gan-mnist", "bigram-shakespeare"} <= presets
    data = {one["name"]: one["ready"] for one in inside.json("data")["data_sets"]}
    assert data["digits"] and not data["mnist"]
    stats = inside.json("data", "stats", "clay.txt")
    assert stats["num_chars"]["train"] + stats["num_chars"]["validation"] == len(TEXT)
    doctor = inside.json("doctor")
    assert doctor["machine"]["versions"]["olaria"] == olaria.__version__


# -- refusals --------------------------------------------------------------------------------------


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


BAD = [
    # words, exit code, what the English line holds, what the Portuguese line holds
    ("tran", 2, "did you mean train?", "você quis dizer train?"),
    ("runs shw", 2, "did you mean show?", "você quis dizer show?"),
    ("train vae-mnsit", 2, "did you mean vae-mnist?", "você quis dizer vae-mnist?"),
    ("train vae-mnist --stepz 3", 2, "did you mean --steps?", "você quis dizer --steps?"),
    ("train vae-mnist --steps", 2, "--steps needs a value", "--steps precisa de um valor"),
    ("train vae-mnist --gray=1", 2, "--gray takes no value", "--gray não recebe valor"),
    ("train vae-mnist more", 2, "unexpected word more", "palavra inesperada more"),
    ("train vae-mnist --data mnits", 2, "did you mean mnist?", "você quis dizer mnist?"),
    ("train vae-mnist --set model.latnt=2", 2, "did you mean latent?", "você quis dizer latent?"),
    ("train vae-mnist --set latent", 2, "has no value", "não tem valor"),
    ("train vae-mnist --size tinny", 2, "did you mean tiny?", "você quis dizer tiny?"),
    ("train vae-mnist --steps x", 2, "whole number", "número inteiro"),
    ("train vae-mnist --steps 5 --budget 5s", 2, "not both", "não os dois"),
    ("train vae-mnist --budget soon", 2, "such as 90s", "como 90s"),
    ("train vae-mnist --resume digits --seed 1", 2, "leave out --seed", "deixe de fora --seed"),
    ("train gan-mnist --resume digits", 2, "of the preset vae-mnist", "da predefinição vae-mnist"),
    ("train", 2, "say what to train", "diga o que treinar"),
    ("sample", 2, "RUN is missing", "falta EXECUÇÃO"),
    ("sample digts", 1, "did you mean digits?", "você quis dizer digits?"),
    ("sample digits --prompt a", 2, "draws images", "gera imagens"),
    (
        "sample clay --mode prior",
        2,
        "draws text: leave out --mode",
        "gera texto: deixe de fora --mode",
    ),
    ("sample clay --temperature 0", 2, "greater than 0", "maior que 0"),
    ("sample clay --prompt Ω", 1, "'Ω'", "'Ω'"),
    ("sample digits --overwrite", 2, "goes with --out", "só vale junto com --out"),
    ("sample digits --out clay.txt", 1, "already there", "já existe"),
    ("eval digits --metric elbo_nat", 2, "did you mean elbo_nats", "você quis dizer elbo_nats"),
    ("eval digits --checkpoint 7", 1, "it has:", "tem:"),
    ("train vae-mnist --data empty", 1, "nothing to learn from", "não há o que aprender"),
    ("train bigram-shakespeare --data empty.txt", 1, "empty.txt", "empty.txt"),
    ("train bigram-shakespeare --data a.txt", 1, "a.txt", "a.txt"),
    ("train bigram-shakespeare --data aaaaaaaa.txt", 1, "needs two", "precisa de dois"),
    ("train gpt-shakespeare --data digits", 1, "digits holds none", "digits não tem nenhum"),
    (
        "train ae-mnist --data digits --set training.batch_size=9999",
        2,
        "larger than the training data",
        "maior que os dados de treinamento",
    ),
    ("train ae-mnist", 1, "OLARIA_MIRROR", "OLARIA_MIRROR"),  # no network, nothing cached
    (
        "train ae-mnist --data digits --out runs/digits",
        1,
        "already holds a run",
        "já existe uma execução em",
    ),
]


@pytest.mark.parametrize(("words", "code", "english", "portuguese"), BAD, ids=[b[0] for b in BAD])
def test_a_refusal_is_one_line_in_both_languages(
    cli: Olaria,
    inside: Inside,
    words: str,
    code: int,
    english: str,
    portuguese: str,
) -> None:
    before = files_of(cli.folder)
    for language, expected in (("en", english), ("pt", portuguese)):
        got, out, err = inside(*words.split(), "--lang", language)
        assert (got, out) == (code, "")
        assert expected in one_line(err), err
        assert len(err.splitlines()) == 1
    assert files_of(cli.folder) == before


def test_a_defect_is_one_line_and_debug_shows_it(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("a \x1b[31mred\nmatter")

    monkeypatch.setattr("olaria.workflows.presets.presets", broken)
    code, _, err = inside("presets")
    assert code == 1
    assert one_line(err).endswith(
        "this is a bug in Olaria: ValueError: a \\x1b[31mred; --debug shows the details"
    )
    code, _, err = inside("--debug", "presets")
    assert code == 1 and "Traceback" in err


def test_the_process_ends_with_the_code_of_its_error(cli: Olaria) -> None:
    refused = cli("train", "vae-mnsit\x1b[2J", "--lang", "pt")
    assert refused.returncode == 2 and refused.stdout == ""
    assert "\x1b" not in one_line(refused.stderr)


@posix
def test_no_space_left_is_one_line_and_no_bug(cli: Olaria) -> None:
    import resource

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))

    words = ("--data", "digits", *TINY, "--steps", "3", "--out", str(cli.runs / "full"))
    failed = cli("train", "vae-mnist", *words, preexec_fn=limited)
    assert failed.returncode == 1
    assert "no space left to write" in one_line(failed.stderr)
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "olaria", "presets"]
            done = subprocess.run(
                command, env=cli.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
            )
        assert done.returncode == 1 and "no space left" in one_line(done.stderr)


@posix
def test_a_reader_that_has_seen_enough_is_no_error(cli: Olaria) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "olaria", "runs", "show", "digits"]
    done = subprocess.run(
        command, env=cli.env, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


# -- signals ---------------------------------------------------------------------------------------


def wait_for_steps(folder: Path, steps: int) -> None:
    """Until a run's log tells of ``steps`` more lines than now."""
    log = folder / "events.jsonl"

    def count() -> int:
        return len(log.read_text().splitlines()) if log.exists() else 0

    goal, deadline = count() + steps, time.monotonic() + 60
    while count() < goal:
        assert time.monotonic() < deadline, "training did not begin"
        time.sleep(0.02)


@posix
def test_b5_interrupted_runs_say_how_to_go_on_and_do(cli: Olaria, inside: Inside) -> None:
    folder = cli.runs / "long"
    words = ["vae-mnist", "--data", "digits", *TINY, "--steps", "1000", "--out", str(folder)]
    for command, number, code, reason in (
        (["train", *words], signal.SIGINT, 130, "stopped by Ctrl-C"),
        (["train", "--resume", "long"], signal.SIGTERM, 143, "stopped by the system"),
    ):
        child = cli.start(*command)
        wait_for_steps(folder, 20)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (code, ""), err
        line = err.splitlines()[-1]
        assert line.startswith(f"olaria: {reason}") and f"--resume {folder}" in line
        assert "error" not in err and "Traceback" not in err
        status = json.loads((folder / "status.json").read_text())
        assert status["state"] == "stopped" and 0 < status["step"] < 1000
    code, _, err = inside("train", "vae-mnist", "--seed", "5", "--resume", "auto")
    assert code == 1 and "was begun otherwise" in one_line(err)
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe["training"]["steps"] = end = status["step"] + 20  # the rest of a thousand takes long
    (folder / "recipe.json").write_text(json.dumps(recipe))
    resumed = inside.json("train", "vae-mnist", "--resume", "auto")
    assert (resumed["run"], resumed["steps"]) == ("long", end)
    steps = [
        json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    assert steps == sorted(steps)


@pytest.mark.parametrize("words", [("help", "train"), ("train", "-h"), ("-h", "train")])
def test_help_is_found_under_its_common_names(cli: Olaria, words: tuple[str, ...]) -> None:
    shown = cli.done(*words)
    assert shown == cli.done(*(["--help", "train"] if words[0] == "-h" else ["train", "--help"]))
