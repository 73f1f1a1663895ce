"""Measure the studio against its bars: how it opens, what it takes, and how soon a page shows what a run tells.

    python benchmarks/studio.py
    python benchmarks/studio.py --tiny --repeats 1      # only whether it works

It serves runs that it writes itself, and one that really trains, in a studio of its own on a free port. The pages run
in a headless Chromium of this machine; a number is the median of ``--repeats``. Nothing else should run meanwhile: the
load of the machine at the beginning and at the end stands above the table. Processor time and memory need ``/proc``.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser import Browser, BrowserError, find_chromium
from common import BenchmarkError, cpu_name, table
from pages import Measured, row

PROC = Path("/proc")
WAIT_S = 60.0
TRAINED = {"preset": "vae-mnist", "data": "digits", "size": "tiny", "steps": 10_000_000}
"""What goes on until it is stopped."""
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Args:
        runs: in the large folder, and `points` of each.
        idle_s: over which processor time is counted.
        pairs: of stretches of training, with a page and without, of `stretch_s` each.
        events: whose way to the screen is timed, for each repeat.
    """

    runs: int
    points: int
    idle_s: float
    pairs: int
    stretch_s: float
    events: int


WHOLE = Sizes(runs=200, points=10_000, idle_s=30, pairs=8, stretch_s=6, events=20)
TINY = Sizes(runs=5, points=50, idle_s=1, pairs=1, stretch_s=1, events=2)

FIRST_ANSWER = Measured("start to the first answer, s", 1.5, digits=2)
MEMORY = Measured("server's memory before a model is loaded, MB", 250)
FIRST_PAINT = Measured("first paint, s", 1, digits=2)
SCRIPTS = Measured("scripts that the pages fetch, gzipped, kB", 250)
LISTED = Measured("{runs} runs of {points} points: listed, s", 1, digits=2)
SHOWN = Measured("{runs} runs of {points} points: their cards shown, s", 1, digits=2)
IDLE = Measured("server's processor time, {page} open, % of a core", 1, digits=2)
EVENT = Measured("from an event in the log to the screen, ms", 500)
SLOWED = Measured("a training slowed by its open page, %", 3, digits=1)

SHOWS = """
new Promise((done, failed) => {
  const look = () => document.querySelectorAll(NAME).length >= COUNT;
  const told = () => { if (look()) { watch.disconnect(); done(performance.now() / 1000); } };
  const watch = new MutationObserver(told);
  watch.observe(document, { subtree: true, childList: true });
  setTimeout(() => failed(new Error(document.body.innerText.slice(0, 500))), LIMIT);
  told();
})
"""
"""Seconds after the page was asked for at which so many elements are there; asked while it loads."""
PAINTED = """
new Promise((done) => new PerformanceObserver((list) => {
  const found = list.getEntriesByName("first-contentful-paint")[0];
  if (found) done(found.startTime / 1000);
}).observe({ type: "paint", buffered: true }))
"""
FETCHED = """
performance.getEntriesByType("resource").map((one) => one.name).filter((name) => new URL(name).pathname.endsWith(".js"))
"""
WATCHED = """
window.shown = [];
const look = () => {
  const step = document.querySelector(".tiles dd")?.textContent.replace(/\\D/g, "");
  if (step && shown.at(-1)?.[0] !== step) shown.push([step, performance.timeOrigin + performance.now()]);
};
new MutationObserver(() => requestAnimationFrame(look))
  .observe(document, { subtree: true, childList: true, characterData: true });
look();
"""
"""Keeps when the page had painted which step, in milliseconds since the epoch."""


# -- the studio ------------------------------------------------------------------------------------


class Studio:
    """One that serves in a process of its own.

    Args:
        home: the folder of its runs.
    """

    def __init__(self, home: Path) -> None:
        began, log = time.perf_counter(), home.with_name("studio.log")
        command = (sys.executable, "-m", "olaria", "studio", str(home), "--no-browser", "--json")
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                (*command, "--port", "0"),
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "OLARIA_OFFLINE": "1"},
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        lines = []
        while (line := self._process.stdout.readline()) and line.rstrip() != b"}":
            lines.append(line)
        if not line:
            self.close()
            raise BenchmarkError(f"the studio has ended: {log.read_text('utf-8', 'replace')}")
        lines.append(line)
        self.url, _, self.token = json.loads(b"".join(lines))["url"].partition("#token=")
        self.ask("/health")
        self.first_answer_s = time.perf_counter() - began

    def ask(self, path: str, values: Any = None) -> Any:
        """What an address answers: JSON, or the text of what is none; with values, something is changed."""
        host = self.url.removeprefix("http://").strip("/")
        connection = http.client.HTTPConnection(host, timeout=WAIT_S)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if values is None else json.dumps(values)
        try:
            connection.request("GET" if content is None else "POST", path, content, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise BenchmarkError(f"{path}: {answer.status} {body[:500].decode('utf-8', 'replace')}")
        is_json = answer.headers.get_content_type() == "application/json"
        return json.loads(body) if is_json else body

    def address(self, place: str = "") -> str:
        """Of a room."""
        return f"{self.url}?lang=en#{place}&token={self.token}"

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def serving(home: Path) -> Iterator[Studio]:
    """A studio of a folder of runs, which ends."""
    studio = Studio(home)
    try:
        yield studio
    finally:
        studio.close()


def seconds_used(pid: int) -> float:
    """Processor time of a process so far."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    """The most memory that a process has had."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith("VmHWM"))
    return int(found.split()[1]) / 1000


# -- runs ------------------------------------------------------------------------------------------


def write_run(path: Path, points: int, state: str = "done") -> None:
    """The folder of a run that nobody trained."""
    from olaria.recipes import preset
    from olaria.storage import folder as files
    from olaria.storage.files import json_line
    from olaria.storage.folder import RunFolder

    folder = RunFolder(path)
    recipe = preset("vae-mnist", "tiny").ending(points, None)
    folder.create(recipe.model_dump(mode="json"), {"format": 1, "dimensions": [1, 8, 8]})
    folder.write(files.STATUS, {"format": 1, "state": state, "pid": os.getpid(), "step": points})
    metrics, events = [], [{"event": "began", "step": 0, "elapsed_s": 0.0}]
    for step in range(1, points + 1):
        values = {"loss": 1 / step, "kl_nats": 0.5 * step}
        metrics.append({"step": step, "elapsed_s": step / 10, "split": "train", "values": values})
        events.append(stepped(step))
    (path / files.METRICS).write_text("".join(map(json_line, metrics)))
    (path / files.EVENTS).write_text("".join(map(json_line, events)))
    if state == "done":
        folder.write(files.RESULT, {"format": 1, "steps": points, "final": {"loss": 0.5}})


def stepped(step: int) -> dict[str, Any]:
    """An event of the log."""
    return {
        "event": "step",
        "step": step,
        "elapsed_s": step / 10,
        "fraction": 0.5,
        "eta_s": 1.0,
        "values": {"loss": 1 / step},
    }


def write_runs(home: Path, sizes: Sizes) -> None:
    """The large folder."""
    home.mkdir()
    write_run(home / "run-000", sizes.points)
    for number in range(1, sizes.runs):
        shutil.copytree(home / "run-000", home / f"run-{number:03d}")


# -- pages -----------------------------------------------------------------------------------------


@contextmanager
def tab_of(browser: Browser) -> Iterator[Any]:
    """A tab that is seen, fetches everything anew, and is closed."""
    tab = browser.tab()
    try:
        tab.ask("Network.enable")
        tab.ask("Network.setCacheDisabled", cacheDisabled=True)
        tab.ask("Page.enable")
        yield tab
    except BrowserError as error:
        raise BenchmarkError(str(error)) from error
    finally:
        tab.close()


def shows(tab: Any, address: str, name: str, count: int = 1) -> float:
    """Go to an address; the seconds after which so many elements of a name are there."""
    tab.ask("Page.navigate", url=address)
    tab.ask("Page.bringToFront")
    words = {"NAME": json.dumps(name), "COUNT": str(count), "LIMIT": str(int(WAIT_S * 1000))}
    code = re.sub("NAME|COUNT|LIMIT", lambda found: words[found[0]], SHOWS)
    return float(tab.value(code))


def wait_for(check: Callable[[], Any], what: str) -> Any:
    """What ``check`` answers, once it is true."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise BenchmarkError(f"this did not come in {WAIT_S:g} s: {what}")


# -- what is measured ------------------------------------------------------------------------------


def of_start(home: Path, repeats: int) -> list[list[str]]:
    """Rows on the start of the server, which nothing has asked for a model."""
    starts, memories = [], []
    for _ in range(repeats):
        with serving(home) as studio:
            starts.append(studio.first_answer_s)
            studio.ask("/")
            studio.ask("/api/runs")
            if PROC.is_dir():
                memories.append(memory_mb(studio.pid))
    return [row(FIRST_ANSWER, starts), *([row(MEMORY, memories)] if memories else [])]


def of_opening(browser: Browser, studio: Studio, run_id: str, repeats: int) -> list[list[str]]:
    """Rows on the first sight of the page, and what it fetches for it."""
    paints, scripts = [], set[str]()
    for _ in range(repeats):
        for place, shown in (("", ".card"), (f"room=run&id={run_id}", ".chart canvas")):
            with tab_of(browser) as tab:
                shows(tab, studio.address(place), shown)
                paints.append(float(tab.value(PAINTED)))
                scripts |= {*tab.value(FETCHED)}
    sizes = [gzip.compress(studio.ask("/" + one.removeprefix(studio.url)), 9) for one in scripts]
    return [row(FIRST_PAINT, paints), row(SCRIPTS, [sum(map(len, sizes)) / 1000])]


def of_many(browser: Browser | None, home: Path, sizes: Sizes, repeats: int) -> list[list[str]]:
    """Rows on a large folder, in a studio that has not seen it."""
    listed, shown = [], []
    for _ in range(repeats):
        with serving(home) as studio:
            began = time.perf_counter()
            studio.ask("/api/runs")
            listed.append(time.perf_counter() - began)
        if browser is not None:
            with serving(home) as studio, tab_of(browser) as tab:
                shown.append(shows(tab, studio.address(), ".card", sizes.runs))
    rows = [row(named(LISTED, runs=sizes.runs, points=f"{sizes.points:,}"), listed)]
    if shown:
        rows.append(row(named(SHOWN, runs=sizes.runs, points=f"{sizes.points:,}"), shown))
    return rows


def of_idling(
    browser: Browser, studio: Studio, home: Path, run_id: str, sizes: Sizes
) -> list[list[str]]:
    """Rows on what the server does while somebody looks at what rests."""
    from olaria.storage.folder import RunFolder

    waiting = f"room=run&id={id_of(studio, 'waiting')}"
    rooms = (
        ("the runs", "", ".card"),
        ("a run", f"room=run&id={run_id}", ".chart canvas"),
        ("a run that is followed", waiting, ".chart canvas"),
    )
    rows = []
    with RunFolder(home / "waiting").locked():
        for page, place, shown in rooms:
            rows.append(idling(browser, studio, page, studio.address(place), shown, sizes.idle_s))
    return rows


def idling(
    browser: Browser, studio: Studio, page: str, address: str, shown: str, idle_s: float
) -> list[str]:
    """The row on what the server does while one page is open."""
    with tab_of(browser) as tab:
        shows(tab, address, shown)
        time.sleep(min(2, idle_s))  # what opening takes is over
        before, began = seconds_used(studio.pid), time.perf_counter()
        time.sleep(idle_s)
        used, passed = seconds_used(studio.pid) - before, time.perf_counter() - began
    return row(named(IDLE, page=page), [100 * used / passed])


def of_events(browser: Browser, home: Path, sizes: Sizes, repeats: int) -> list[str]:
    """The row on how soon a page shows what a run tells."""
    from olaria.storage import folder as files
    from olaria.storage.files import json_line
    from olaria.storage.folder import RunFolder

    points, times = 10, []
    write_run(home / "told", points, "running")
    folder = RunFolder(home / "told")
    with folder.locked(), serving(home) as studio, tab_of(browser) as tab:
        run_id = id_of(studio, "told")
        shows(tab, studio.address(f"room=run&id={run_id}"), ".chart canvas")
        tab.value(f"{{ {WATCHED} }}")
        wait_for(lambda: tab.value("shown.length > 0"), "the run's step in its page")
        for number in range(repeats * sizes.events):
            step = points + 1 + number
            time.sleep(
                0.7 + 0.037 * (number % 10)
            )  # at another moment between two looks at the log
            with (home / "told" / files.EVENTS).open("a") as log:
                log.write(json_line(stepped(step)))
            written = time.time()
            find = f"shown.find(([one]) => one === '{step}')?.[1]"
            times.append(
                wait_for(lambda find=find: tab.value(find), f"step {step}") - 1000 * written
            )  # type: ignore[misc]
    return row(EVENT, times)


def of_slowing(browser: Browser, home: Path, sizes: Sizes) -> list[str]:
    """The row on a training with its page open and without, in stretches by turns of one and the same training."""
    with serving(home) as studio:
        run_id = studio.ask("/api/runs", TRAINED)["id"]
        card = wait_for(lambda: training(studio, run_id), "a run that trains")
        events, slower = home / card["name"] / "events.jsonl", list[float]()

        def with_page() -> float:
            with tab_of(browser) as tab:
                shows(tab, studio.address(f"room=run&id={run_id}"), ".chart canvas")
                time.sleep(1)  # what opening takes is over
                return pace(events, sizes.stretch_s)

        try:
            for number in range(sizes.pairs):
                if number % 2:
                    alone, seen = pace(events, sizes.stretch_s), with_page()
                else:
                    seen, alone = with_page(), pace(events, sizes.stretch_s)
                slower.append(slowed(alone, seen))
        finally:
            studio.ask(f"/api/runs/{run_id}/stop", {})
            wait_for(lambda: studio.ask(f"/api/runs/{run_id}")["state"] == "stopped", "its end")
    return row(SLOWED, slower)


def slowed(alone: float, seen: float) -> float:
    """By how many percent a training is slower.

    >>> slowed(100, 75)
    25.0
    """
    return 100 * (1 - seen / alone)


def pace(events: Path, stretch_s: float) -> float:
    """Steps a second of a training in the next seconds, by its own log."""
    began = last_step(events)
    time.sleep(stretch_s)
    ended = wait_for(lambda: (found := last_step(events)) != began and found, "a step")
    return float((ended[0] - began[0]) / (ended[1] - began[1]))


def last_step(events: Path) -> tuple[int, float]:
    """The last step that a log tells of, and its training time."""
    with events.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 20_000))
        lines = file.read().split(b"\n")[1:-1]
    rows = (json.loads(line) for line in reversed(lines))
    return next((one["step"], one["elapsed_s"]) for one in rows if one["event"] == "step")


def training(studio: Studio, run_id: str) -> Any:
    """The card of a run once it has made some steps."""
    card = studio.ask(f"/api/runs/{run_id}")
    return card if card["state"] == "running" and (card.get("steps") or 0) > 200 else None


def id_of(studio: Studio, name: str) -> str:
    """The id of the run of a name."""
    return str(next(one["id"] for one in studio.ask("/api/runs")["runs"] if one["name"] == name))


def named(measured: Measured, **fields: Any) -> Measured:
    """The same with the words of its name filled in."""
    return Measured(measured.name.format(**fields), measured.bar, measured.is_floor, measured.digits)  # fmt: skip


def measure(folder: Path, sizes: Sizes, repeats: int) -> list[list[str]]:
    """All rows; those of a page are left out where there is no Chromium."""
    small, large, live = folder / "small", folder / "large", folder / "live"
    for home in (small, live):
        home.mkdir()
    write_run(small / "run", 600)
    write_run(small / "waiting", 600, "running")
    write_runs(large, sizes)
    rows, chromium = of_start(small, repeats), find_chromium()
    if chromium is None:
        print("skipped: there is no Chromium (apt-get install chromium)", file=sys.stderr)
        return [*rows, *of_many(None, large, sizes, repeats)]
    with Browser(chromium) as browser:
        with serving(small) as studio:
            run_id = id_of(studio, "run")
            rows += of_opening(browser, studio, run_id, repeats)
            if PROC.is_dir():
                rows += of_idling(browser, studio, small, run_id, sizes)
        rows += of_many(browser, large, sizes, repeats)
        rows += [of_events(browser, live, sizes, repeats), of_slowing(browser, live, sizes)]
    return rows


def load() -> str:
    """How many processes of this machine want to compute, over the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="of each number [5]")
    parser.add_argument("--tiny", action="store_true", help="a few small runs, for a trial")
    given = parser.parse_args(words)
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), TINY if given.tiny else WHOLE, max(1, given.repeats))
    print(f"{cpu_name()}, load {before} before and {load()} after")
    print(table(["what", "bar", "measured", "met"], rows))


if __name__ == "__main__":
    main()
