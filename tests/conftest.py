"""What every test lives in: its own home, no network, known thread counts and examples."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

settings.register_profile("olaria", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "olaria")

# Of the variables of the person who runs the tests, none may change what they see.
_OWN_VARIABLES = ("OLARIA_LANG", "OLARIA_MIRROR", "OLARIA_NUM_THREADS", "OLARIA_WHEELS")
_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
_fsync = os.fsync

# A shell lets what it starts in the background ignore Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Half a million objects live as long as the tests do: going through them again and again finds nothing to free.
gc.set_threshold(50_000, 20, 10)


def pytest_collection_finish() -> None:
    """What was collected stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _isolated_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Caches and runs go to a folder of this session; downloads are off."""
    home = tmp_path_factory.mktemp("olaria")
    with pytest.MonkeyPatch.context() as patch:
        for name in _OWN_VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("OLARIA_HOME", str(home / "home"))
        patch.setenv("OLARIA_RUNS", str(home / "runs"))
        patch.setenv("OLARIA_OFFLINE", "1")
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("MPLBACKEND", "agg")
        if _IS_WORKER:  # side by side, each test process and what it starts gets one thread
            patch.setenv("OLARIA_NUM_THREADS", "1")
        yield home


@pytest.fixture(scope="session", autouse=True)
def _disks_are_not_waited_for() -> Iterator[None]:
    """Syncing checks its descriptor and no more: the power stays on, and a short run syncs ninety times.

    The tests of writing itself have ``synced_disk``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(scope="module")
def synced_disk() -> Iterator[None]:
    """Syncing as it really is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _fsync)
        yield


@pytest.fixture(autouse=True)
def _known_torch() -> None:
    """Tests that run side by side do not fight for cores, nor hang on the test before them."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    torch.manual_seed(0)
    if _IS_WORKER and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Sums in the same order, for tests that compare bit for bit."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def random_words() -> Callable[[int], str]:
    """So many words that nothing predicts, so that only learning them by heart helps; always the same."""

    def words(count: int) -> str:
        draw = Random(0)
        return " ".join(
            "".join(draw.choices("abcdefghij", k=draw.randint(2, 6))) for _ in range(count)
        )

    return words


@pytest.fixture(scope="module")
def seldom() -> Iterator[None]:
    """Runs that do not say how often draw, measure and save twice: by themselves they do in each of six steps."""
    from olaria.training.schedule import Recurrence

    begin = Recurrence.__init__

    def sparing(
        self: Recurrence,
        every: int | None,
        count: int,
        dense_start: bool = False,
        spaced: bool = False,
    ) -> None:
        begin(self, every, min(count, 2), False, spaced)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recurrence, "__init__", sparing)
        yield


PAIRS = {"dates": "dates", "pt-en": "toy-translation"}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all test processes of this session: what takes long is made by the first that needs it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if _IS_WORKER else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def small_data(shared: Path) -> Callable[[str], str]:
    """The path of a tenth of the toy language, or of a thousand pairs of another set: measuring all takes the time."""

    def small(name: str) -> str:
        from olaria.data import PairData, TextData, load

        file = shared / f"{name}.{'tsv' if name in PAIRS.values() else 'txt'}"
        with FileLock(shared / f"{name}.lock"):
            if not file.exists():
                data = load(name)
                if isinstance(data, TextData):
                    lines = data.train.splitlines()[:2000]
                else:
                    assert isinstance(data, PairData)
                    lines = ["\t".join(pair) for pair in data.train[:1000]]
                file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return str(file)

    return small


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory, shared: Path, small_data: Callable[[str], str]
) -> Callable[..., Any]:
    """A run of a preset at its tiny size, trained once for each set of words; each test process has its own copy.

    ``tiny_run("vae-mnist", "model.latent=2")`` trains 30 steps on the bundled digits, the bigram on the toy language,
    what reads further on a tenth of it, a translator on a thousand pairs; ``data=``, ``steps=`` and ``start=`` (a run
    to tune) say otherwise. It draws a sample when it begins and when it ends, and measures the validation part three
    times: along the way both take longer than the training does.
    """
    from olaria.runs import Run
    from olaria.workflows.train import train

    made: dict[tuple[object, ...], Run] = {}

    def seldom(steps: int) -> tuple[str, ...]:
        """As many acts as tests look at."""
        every = max(1, steps // 3)
        return (f"training.sample_every={steps}", f"training.evaluate_every={every}")

    def run(
        preset: str,
        *settings: str,
        data: str | None = None,
        steps: int = 30,
        start: Run | None = None,
    ) -> Run:
        key = (preset, settings, data, steps, None if start is None else start.name)
        if key not in made:
            if data is None and preset.endswith("-shakespeare"):
                is_counted = preset.startswith(
                    "bigram"
                )  # and compared with the grammar's own numbers
                data = "toy-language" if is_counted else small_data("toy-language")
            elif data is None and preset in PAIRS:
                data = small_data(PAIRS[preset])
            elif data is None and preset.endswith("-mnist"):
                data = "digits"
            elif data is None and preset == "flow-latent":
                data = f"latents:{run('ae-mnist').path}"
            name = f"{preset}-{sha256(repr(key).encode()).hexdigest()[:8]}"
            out, kept = tmp_path_factory.mktemp("lessons") / name, shared / name
            with FileLock(shared / f"{name}.lock"):
                if not kept.exists():
                    train(
                        preset,
                        data=data,
                        steps=steps,
                        size="tiny" if start is None else None,
                        settings=(*seldom(steps), *settings),
                        start=None if start is None else str(start.path),
                        out=out,
                    )
                    if start is None:  # another process has another copy of where it began
                        shutil.copytree(out, whole := shared / f"{name}.part")
                        whole.rename(kept)
                else:
                    shutil.copytree(kept, out)
            made[key] = Run(out)
        return made[key]

    return run


LESSON_CASES = [
    ("kl", ()),
    ("kl", ("vae-mnist",)),
    ("autoencoder", ("ae-mnist",)),
    ("vae", ("vae-mnist", "ae-mnist", "vae-mnist model.beta=4")),
    ("gan", ("gan-ring",)),
    ("gan", ("gan-mnist",)),
    ("flow-matching", ("flow-ring",)),
    ("flow-matching", ("cflow-mnist",)),
    ("tokens", ("gpt-shakespeare",)),
    ("bigram", ("bigram-shakespeare",)),
    ("averaging", ("gpt2-shakespeare",)),
    ("attention", ("gpt-shakespeare", "pt-en")),
    ("gpt", ("gpt-shakespeare",)),
    ("encoder-decoder", ("dates",)),
    ("fine-tuning", ("gpt-shakespeare tuned", "gpt-shakespeare")),
]


@pytest.fixture(
    scope="session", params=LESSON_CASES, ids=lambda case: "-".join((case[0], *case[1]))
)
def lesson(request: pytest.FixtureRequest, tiny_run: Callable[..., Any]) -> Any:
    """Each lesson, computed from tiny runs of the kinds that it opens up."""
    from olaria.workflows.explain import explain

    name, presets = request.param
    runs = []
    for words in presets:
        preset, *more = words.split()
        start = tiny_run(preset) if more == ["tuned"] else None
        settings = more if start is None else ()
        runs.append(tiny_run(preset, *settings, start=start))
    return explain(name, runs, language="pt")


def _is_local(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


class OutsideConnectionError(Exception):
    """A test tried to reach beyond this machine. Not an OSError, so that no code takes it for one."""


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets reach this machine only, unless a test is marked ``network``."""
    if request.node.get_closest_marker("network") is not None:
        return

    def guarded(name: str, position: int) -> None:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *words: Any) -> Any:
            internet = self.family in (socket.AF_INET, socket.AF_INET6)
            if internet and not _is_local(words[position][0]):
                raise OutsideConnectionError(f"a test reaches for {words[position]}")
            return original(self, *words)

        monkeypatch.setattr(socket.socket, name, call)

    guarded("connect", 0)
    guarded("connect_ex", 0)
    guarded("sendto", -1)
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *words: Any, **options: Any) -> Any:
        if not _is_local(host) and host not in ("0.0.0.0", "::"):
            raise OutsideConnectionError(f"a test looks up {host}")
        return look_up(host, *words, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show the figures that tests recorded: how many faults were survived, found or refused, counted together."""
    noted = [
        pair
        for report in terminalreporter.stats.get("passed", [])
        for pair in report.user_properties
    ]
    figures = [value for name, value in noted if name == "figure"]
    totals: Counter[str] = Counter()
    for what, count in (value for name, value in noted if name == "tally"):
        totals[what] += count
    figures += [f"{what}: {count}" for what, count in totals.items()]
    if figures:
        terminalreporter.write_sep("-", "figures")
        for figure in sorted(figures):
            terminalreporter.write_line(figure)
