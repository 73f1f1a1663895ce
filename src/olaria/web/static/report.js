/** The report of a run, or of several: what it says, the figures that were pinned for it, and its files. */

import { useEffect, useState } from "preact/hooks";
import { askJson } from "./api.js";
import { Figures, usePins } from "./figures.js";
import { runs, useRuns } from "./home.js";
import { html } from "./html.js";
import { Framed, Making, useMaking } from "./making.js";
import { keep, place } from "./place.js";
import { RunHeading, useCard } from "./run_heading.js";
import { t } from "./words.js";

const MOST_RUNS = 13; // of one report
const DRAFT = "olaria-report";
const FORMATS = ["html", "pdf", "md"];
const listOf = (text) => (text ?? "").split(",").filter(Boolean);

/** Ids of the runs that it is of: those that were chosen, or the room's run and those beside it. */
function idsOf() {
  const { id = "", runs: chosen = "", beside = "" } = place.value;
  return chosen ? listOf(chosen) : [id, ...listOf(beside)].filter(Boolean);
}

/** @param {string} id */
function toggle(id) {
  const { id: own, runs: chosen, beside } = place.value;
  const ids = listOf(chosen ?? beside), rest = ids.filter((one) => one !== id);
  const now = (rest.length < ids.length ? rest : [...ids, id]).slice(0, MOST_RUNS).join(",") || null;
  if (id !== own) keep(chosen ? { runs: now ?? chosen } : { beside: now });
}

/** What was written, kept in this browser: its author and course for every report, the rest by its runs. */
function useDraft(ids) {
  const key = `${DRAFT} ${[...ids].sort().join(" ")}`;
  const read = (name) => JSON.parse(localStorage.getItem(name) ?? "{}");
  const [draft, setDraft] = useState(() => ({ ...read(DRAFT), ...read(key) }));
  useEffect(() => setDraft({ ...read(DRAFT), ...read(key) }), [key]);
  const write = (name) => (event) => {
    const now = { ...draft, [name]: event.target.value }, { author, course, title, conclusion } = now;
    setDraft(now);
    localStorage.setItem(DRAFT, JSON.stringify({ author, course }));
    localStorage.setItem(key, JSON.stringify({ title, conclusion }));
  };
  return { draft, write };
}

export function Report() {
  useRuns();
  return place.value.runs ? html`<h1>${t("report")}</h1><${Desk} />` : html`<${OfRun} />`;
}

function OfRun() {
  const run = useCard();
  if (!run) return html`<h1>${t("report")}</h1><p class="soft">${t("loading")}</p>`;
  return html`<${RunHeading} run=${run} /><${Desk} />`;
}

function Desk() {
  const ids = idsOf(), { draft, write } = useDraft(ids);
  const { pins, read } = usePins();
  const [found, setFound] = useState(/** @type {any} */ (null));
  const { make, stop, seconds, wrong } = useMaking();
  const { short = "", live = "", lessons = "", without = "" } = place.value;
  const figures = pins.map((one) => one.id).filter((id) => !listOf(without).includes(id));
  const body = (format) => ({
    ...Object.fromEntries(["author", "course", "title", "conclusion"].map((name) => [name, draft[name] ?? ""])),
    beside: ids.slice(1), figures, format, lessons: listOf(lessons), short: short === "1",
    live: live === "1" && format === "html",
  });
  const writeUp = async (format) => {
    const made = await make(`api/runs/${ids[0]}/report`, body(format));
    if (!made) return;
    if (format === "html") return void setFound(made);
    const link = document.createElement("a");
    link.href = made.file;
    link.download = "";
    link.click();
    setFound((before) => ({ ...before, command: made.command, notes: made.notes }));
  };
  const sends = (event) => { event.preventDefault(); writeUp("html"); };
  return html`<form class="desk" onSubmit=${sends}>
      <div class="panel"><${Words} draft=${draft} write=${write} /></div>
      <div><${Choices} ids=${ids} /><${Figures} pins=${pins} read=${read} without=${listOf(without)} /></div>
      <div class="panel wide-panel"><p class="row"><button class="button" disabled=${seconds !== null}>${t("write_report")}</button>
        ${FORMATS.slice(1).map((format) => html`<button type="button" class="plain" disabled=${seconds !== null}
          onClick=${() => writeUp(format)}>${t(`as_${format}`)}</button>`)}</p>
        <${Making} seconds=${seconds} wrong=${wrong} stop=${stop} says=${t("writing_report")} />
        ${(found?.notes ?? []).map((one) => html`<p class="soft">${one}</p>`)}
        ${found?.command && html`<details><summary>${t("command")}</summary><pre>${found.command}</pre>
          ${draft.conclusion && html`<p class="soft">${t("conclusion_file")}</p>`}</details>`}</div></form>
    ${found?.page && html`<section><div class="row lesson-head"><h2>${t("report")}</h2>
        <span class="row"><a class="button" href=${found.file} download="report.html">${t("download_html")}</a>
        <a class="plain as-button" href=${found.page} target="_blank" rel="noopener">${t("own_tab")}</a></span></div>
      <${Framed} page=${found.page} title=${t("report")} /></section>`}`;
}

/** @param {{draft: any, write: (name: string) => (event: any) => void}} of */
function Words({ draft, write }) {
  const field = (name) => html`<label>${t(`report_${name}`)}<input name=${name} maxlength="300" value=${draft[name] ?? ""}
    onInput=${write(name)} /></label>`;
  return html`<h2>${t("what_it_says")}</h2><div class="stack">${field("title")}${field("author")}${field("course")}
    <label>${t("report_conclusion")}<textarea name="conclusion" rows="9" maxlength="100000" value=${draft.conclusion ?? ""}
      onInput=${write("conclusion")}></textarea></label><p class="soft">${t("conclusion_hint")}</p></div>`;
}

function Choices({ ids }) {
  const [lessons, setLessons] = useState(/** @type {any[]} */ ([]));
  useEffect(() => { askJson("api/lessons").then((found) => setLessons(found.lessons), () => {}); }, []);
  const { short = "", live = "", lessons: chosen = "" } = place.value;
  const known = (runs.value ?? []).filter((run) => run.title);
  const families = new Set(known.filter((run) => ids.includes(run.id)).map((run) => run.family));
  const fits = lessons.filter((one) => one.needs_run && one.families.some((name) => families.has(name)));
  const check = (name, value) => html`<label class="check"><input type="checkbox" checked=${value === "1"}
    onChange=${(event) => keep({ [name]: event.target.checked ? "1" : null })} />${t(`report_${name}`)}</label>`;
  const take = (name) => {
    const now = listOf(chosen), rest = now.filter((one) => one !== name);
    keep({ lessons: (rest.length < now.length ? rest : [...now, name]).join(",") || null });
  };
  return html`<div class="panel"><h2>${t("what_it_holds")}</h2>
    <div class="chips" role="group" aria-label=${t("chosen")}>${known.map((run) => html`<button type="button" key=${run.id}
      aria-pressed=${String(ids.includes(run.id))} onClick=${() => toggle(run.id)}>${run.name}</button>`)}</div>
    ${check("short", short)}${check("live", live)}
    ${fits.length > 0 && html`<details open=${Boolean(chosen)}><summary>${t("report_lessons")}</summary>
      ${fits.map((one) => html`<label class="check" key=${one.lesson}><input type="checkbox"
        checked=${listOf(chosen).includes(one.lesson)} onChange=${() => take(one.lesson)} />${one.title}</label>`)}</details>`}</div>`;
}
