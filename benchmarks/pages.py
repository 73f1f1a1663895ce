"""Time what living pages do: their opening, their models, and what follows a key stroke.

    python benchmarks/pages.py
    python benchmarks/pages.py --tiny --repeats 1      # only whether it works

It trains each run for two steps, at the preset's own size, on data that need no network: how fast a model is does not
depend on what it has learnt. The pages run in a headless Chromium of this machine, in real time and one after the
other; a number is the median of ``--repeats``. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from browser import Browser, BrowserError, find_chromium
from common import BenchmarkError, cpu_name, run_process, table

OLARIA = (sys.executable, "-m", "olaria", "--offline")
DIGITS = ("--data", "digits", "--resize", "28")
LANGUAGE = ("--data", "toy-language")
MEGABYTE = 1e6


@dataclass(frozen=True)
class Made:
    """A page and the run that it shows.

    Args:
        preset: what is trained.
        words: on which data.
        lesson: what is explained.
    """

    preset: str
    words: tuple[str, ...]
    lesson: str


PAGES = {
    "vae": Made("vae-mnist", DIGITS, "vae"),
    "gpt": Made("gpt-shakespeare", LANGUAGE, "gpt"),
    "attention": Made("gpt-shakespeare", LANGUAGE, "attention"),
    "gan": Made("gan-mnist", DIGITS, "gan"),
    "plane": Made("gan-ring", (), "gan"),
}


@dataclass(frozen=True)
class Measured:
    """A number and what is wanted of it.

    Args:
        name: in the table.
        bar: it should be at least that, or at most.
        is_floor: whether the bar is the least.
        digits: of the number in the table.
        page: of :data:`PAGES`, and `script`: the body of an async function that measures it there.
    """

    name: str
    bar: float
    is_floor: bool = False
    digits: int = 0
    page: str = ""
    script: str = ""


WATCH = """
window.watched = {longest: 0, opened: null};
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) watched.longest = Math.max(watched.longest, duration);
}).observe({ type: "longtask", buffered: true });
const look = () => {
  const boxes = [...document.querySelectorAll("[data-live]")];
  if (watched.opened === null && document.readyState !== "loading" && boxes.every((box) => box.dataset.state)) {
    watched.opened = performance.now();
  }
};
new MutationObserver(look).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
document.addEventListener("DOMContentLoaded", look); // the last part may be on before the page is read
"""
OPENED = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
for (let i = 0; i < 600 && watched.opened === null; i++) await wait(50);
const states = [...document.querySelectorAll("[data-live]")].map((box) => box.dataset.state);
if (!states.length || states.some((state) => state !== "on")) throw new Error(`the parts are ${states}`);
await wait(500);
"""
MODEL = """
const [models, weights, elements, sampling] = await Promise.all(
  ["models", "weights", "elements", "sampling"].map((name) => import(`olaria/${name}.js`)));
const model = models.create(weights.open(elements.given("play-1")));
const again = (call, ms) => { // seconds of one call, after a warm-up
  const since = performance.now();
  let count = 0;
  for (; performance.now() - since < ms || count < 3; count++) call(count);
  return (performance.now() - since) / count / 1000;
};
"""
DECODES = """
const z = Float32Array.from({ length: model.latent }, (_, i) => Math.sin(i));
again(() => model.decode(z), 300);
return 1 / again(() => model.decode(z), 1000);
"""
WRITES = """
const written = (count) => {
  const since = performance.now(), text = model.generate([1], { random: sampling.uniforms(0) });
  for (let i = 0; i < count; i++) text.next();
  return count / (performance.now() - since) * 1000;
};
written(100);
return written(500);
"""
DRAWS = """
const z = Float32Array.from({ length: model.latent }, (_, i) => Math.sin(i));
again(() => model.generate(z), 500);
return 1000 * again(() => model.generate(z), 1000);
"""
TYPES = """
const box = document.querySelector('[data-live="live_attention"]');
const field = box.querySelector("textarea, input[type=text]"), body = box.querySelector(".stages tbody");
const shown = (text) => new Promise((done) => {
  const observer = new MutationObserver(() => { observer.disconnect(); done(performance.now()); });
  observer.observe(body, { childList: true });
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
const letters = Array.from({ length: 63 }, (_, i) => field.value[i % field.value.length]).join("");
const times = [];
for (let i = 0; i < 9; i++) {
  await shown(letters);
  await wait(60);
  const since = performance.now();
  times.push(await shown(letters.slice(0, PLACE) + letters[i] + letters.slice(PLACE)) - since);
}
return times.sort((a, b) => a - b)[4];
"""
PLAYS = """
const box = document.querySelector('[data-live="live_game"]');
const select = box.querySelector("select"), button = box.querySelector(".actions button");
select.selectedIndex = SET;
select.dispatchEvent(new Event("input", { bubbles: true }));
const played = async (ms) => {
  const before = box.querySelector(".tally dd").textContent;
  const since = performance.now();
  button.click();
  await wait(ms);
  button.click();
  const passed = performance.now() - since;
  const steps = box.querySelector(".tally dd").textContent;
  const number = (text) => Number(text.replace(/\\D/g, ""));
  return (number(steps) - number(before)) / passed * 1000;
};
await played(1000);
return await played(2500);
"""

NUMBERS = (
    Measured("VAE of vae-mnist: decodes a second", 200, True, 0, "vae", MODEL + DECODES),
    Measured("GPT of 0.8 M weights: tokens a second", 300, True, 0, "gpt", MODEL + WRITES),
    *(
        Measured(f"key stroke {where} of 64 tokens to the new map, ms", 100, page="attention",
                 script=TYPES.replace("PLACE", place))
        for where, place in (("at the end", "63"), ("in the middle", "32"), ("at the beginning", "0"))
    ),
    Measured("GAN of gan-mnist: an image, ms", 40, False, 1, "gan", MODEL + DRAWS),
    Measured("GAN of points (128, 128): steps a second", 200, True, 0, "plane", PLAYS.replace("SET", "1")),
    Measured("GAN of points (32, 32): steps a second", 200, True, 0, "plane", PLAYS.replace("SET", "2")),
)  # fmt: skip
SIZE_BARS = {"vae": 6.0, "gpt": 6.0, "attention": 6.0, "gan": 6.0, "plane": 6.0}
OPENED_S, LONGEST_TASK_MS, ENGINE_KB, HALF_MB = 1.5, 100, 60, 3.5


def make_pages(folder: Path, names: Sequence[str], *, tiny: bool) -> dict[str, Path]:
    """Train what the pages show, each run once, and write the pages."""
    runs = {"OLARIA_RUNS": str(folder / "runs"), "OLARIA_OFFLINE": "1"}
    size, pages = ("--size", "tiny") if tiny else (), dict[str, Path]()
    for name in names:
        made = PAGES[name]
        run = folder / "runs" / made.preset
        if not run.exists():
            words = ("train", made.preset, *made.words, *size, "--steps", "2", "--out", str(run))
            run_process((*OLARIA, *words), folder / "log.txt", variables=runs)
        pages[name] = folder / f"{name}.html"
        words = ("explain", made.lesson, made.preset, "--lang", "en", "--out", str(pages[name]))
        run_process((*OLARIA, *words), folder / "log.txt", variables=runs)
    return pages


def asked(browser: Browser, page: Path, script: str) -> Any:
    """What a script finds in a page that has just opened, in a tab of its own."""
    tab = browser.tab()
    try:
        tab.ask("Page.enable")
        tab.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        tab.open(page.as_uri())
        return tab.value(f"(async () => {{ {OPENED + script} }})()")
    except BrowserError as error:
        raise BenchmarkError(str(error)) from error
    finally:
        tab.close()


def of_opening(browser: Browser, name: str, page: Path, repeats: int) -> list[list[str]]:
    """Rows on how a page opens."""
    found = [asked(browser, page, "return watched;") for _ in range(repeats)]
    opened = Measured(f"page {name}: opened and proved, s", OPENED_S, digits=2)
    longest = Measured(f"page {name}: longest task of opening, ms", LONGEST_TASK_MS)
    return [
        row(opened, [one["opened"] / 1000 for one in found]),
        row(longest, [one["longest"] for one in found]),
    ]


def of_sizes(pages: dict[str, Path], runs: Path) -> list[list[str]]:
    """Rows on how large the pages and the engine are."""
    from olaria.export.play import play
    from olaria.pages.link import PREFIX, imported, module_text, modules
    from olaria.runs import Run

    rows = []
    for name, page in pages.items():
        measured = Measured(f"page {name}: size, MB", SIZE_BARS[name], digits=2)
        rows.append(row(measured, [page.stat().st_size / MEGABYTE]))

    def packed(names: Sequence[str]) -> float:
        """Size of these modules and of all that they need, gzipped, in kB."""
        text = "".join(modules(names, module_text).values())
        return len(gzip.compress(text.encode(), 9)) / 1000

    for name, page in pages.items():
        measured = Measured(f"page {name}: its modules, gzipped, kB", ENGINE_KB, digits=1)
        main = re.search(r'<script type="module">(.*?)</script>', page.read_text("utf-8"), re.S)
        assert main is not None, name
        rows.append(row(measured, [packed(imported(main[1]))]))
    if "gpt" in pages:
        run = Run(runs / PAGES["gpt"].preset)
        whole, half = (len(json.dumps(play(run, kind))) for kind in ("float32", "float16"))  # type: ignore[arg-type]
        size = (pages["gpt"].stat().st_size - whole + half) / MEGABYTE
        rows.append(row(Measured("page gpt in float16: size, MB", HALF_MB, digits=2), [size]))
    import olaria.pages

    files = sorted((Path(olaria.pages.__file__).parent / "play").glob("*.js"))
    every = packed([PREFIX + file.name for file in files])
    measured = Measured("all modules, in no page together, gzipped, kB", ENGINE_KB, digits=1)
    rows.append(row(measured, [every]))
    return rows


def row(measured: Measured, values: Sequence[float]) -> list[str]:
    """One line of the table: name, bar, median with the extremes, and whether the bar is met.

    >>> row(Measured("a", 3, True), [4, 2, 5])
    ['a', '≥ 3', '4 (2 … 5)', 'yes']
    """
    middle, digits = median(values), measured.digits
    text = f"{middle:,.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):,.{digits}f} … {max(values):,.{digits}f})"
    is_met = middle >= measured.bar if measured.is_floor else middle <= measured.bar
    sign = "≥" if measured.is_floor else "≤"
    return [measured.name, f"{sign} {measured.bar:g}", text, "yes" if is_met else "no"]


def measure(folder: Path, names: Sequence[str], repeats: int, *, tiny: bool) -> list[list[str]]:
    """All rows on these pages; what runs in a page is left out where there is no Chromium."""
    pages = make_pages(folder, names, tiny=tiny)
    rows, chromium = [], find_chromium()
    if chromium is None:
        print("skipped: there is no Chromium (apt-get install chromium)", file=sys.stderr)
    else:
        with Browser(chromium) as browser:
            for name, page in pages.items():
                rows += of_opening(browser, name, page, repeats)
            for one in NUMBERS:
                if one.page in pages:
                    found = [asked(browser, pages[one.page], one.script) for _ in range(repeats)]
                    rows.append(row(one, found))
    return rows + of_sizes(pages, folder / "runs")


def main() -> None:
    """Make the pages, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="of each number [3]")
    parser.add_argument("--pages", default=",".join(PAGES), help="which, with commas [all]")
    parser.add_argument("--tiny", action="store_true", help="models of the tiny size, for a trial")
    given = parser.parse_args()
    names = [name for name in given.pages.split(",") if name in PAGES]
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), names, max(1, given.repeats), tiny=given.tiny)
    print(cpu_name())
    print(table(["what", "bar", "measured", "met"], rows))


if __name__ == "__main__":
    main()
