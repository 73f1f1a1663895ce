/** Lessons that open a run up, each made when it is first opened, and shown in a frame. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { runs, useRuns } from "./home.js";
import { html } from "./html.js";
import { Framed, Making, useMaking } from "./making.js";
import { address, keep, place } from "./place.js";
import { RunHeading, useCard } from "./run_heading.js";
import { said, t } from "./words.js";

/** Families whose runs tell something beside those that a lesson is of. @type {Record<string, string[]>} */
const BESIDE = { autoencoder: ["vae"], vae: ["autoencoder"] };
const MOST_BESIDE = 4;

const listOf = (text) => (text ?? "").split(",").filter(Boolean);

export function Lessons() {
  const run = useCard();
  const [lessons, setLessons] = useState(/** @type {any[] | null} */ (null));
  useEffect(() => { attempt(() => askJson("api/lessons")).then((found) => found && setLessons(found.lessons)); }, []);
  if (!run) return html`<h1>${t("lessons")}</h1><p class="soft">${t("loading")}</p>`;
  if (!lessons) return html`<${RunHeading} run=${run} /><p class="soft" role="status">${t("loading_lessons")}</p>`;
  const fits = lessons.filter((one) => one.families.includes(run.family));
  const open = fits.find((one) => one.lesson === place.value.lesson);
  return html`<${RunHeading} run=${run} />
    ${open ? html`<${Lesson} key=${open.lesson} run=${run} lesson=${open} />`
      : html`<${Listed} run=${run} fits=${fits} others=${lessons.filter((one) => !fits.includes(one))} />`}`;
}

/** @param {{run: any, fits: any[], others: any[]}} of */
function Listed({ run, fits, others }) {
  const titleOf = (name) => said.value.families[name] ?? name;
  return html`<p>${t("lessons_about")}</p>
    ${fits.length ? html`<ul class="lessons">${fits.map((one) => html`<li class="panel" key=${one.lesson}>
      <h2><a href=${address("lessons", { id: run.id, lesson: one.lesson })}>${one.title}</a></h2>
      <p>${one.introduction}</p></li>`)}</ul>` : html`<p>${t("no_lessons")}</p>`}
    ${others.length > 0 && html`<details class="panel"><summary>${t("other_lessons")}</summary>
      <ul class="plain-list">${others.map((one) => html`<li key=${one.lesson}><b>${one.title}</b>
        <span class="soft"> ${t("lesson_needs", { families: one.families.map(titleOf).join(", ") })}</span></li>`)}</ul></details>`}`;
}

/** @param {{run: any, lesson: any}} of */
function Lesson({ run, lesson }) {
  useRuns();
  const [found, setFound] = useState(/** @type {any} */ (null));
  const { make, stop, seconds, wrong } = useMaking(setFound);
  const words = useRef(/** @type {any} */ (null));
  const { beside = "", prompt = "", step = "" } = place.value;
  const open = () => make(`api/runs/${run.id}/explain`, {
    lesson: lesson.lesson, beside: listOf(beside), ...(prompt && { prompt }),
  });
  useEffect(() => { setFound(null); open(); }, [beside, prompt]);
  const families = [...lesson.families, ...(BESIDE[lesson.lesson] ?? [])];
  const others = (runs.value ?? []).filter((one) => one.id !== run.id && one.title && families.includes(one.family));
  const number = 1 + (found?.steps ?? []).findIndex((one) => one.name === step);
  const ask = (event) => { event.preventDefault(); keep({ prompt: words.current.value.trim() || null }); };
  return html`<div class="row lesson-head"><h2>${lesson.title}</h2>
      <a href=${address("lessons", { id: run.id })}>${t("all_lessons")}</a></div>
    ${lesson.takes_prompt && html`<form class="row" onSubmit=${ask}><label class="prompt">${t("own_sentence")}
      <input ref=${words} value=${prompt} maxlength="500" /></label><button class="plain">${t("open_again")}</button></form>`}
    ${others.length > 0 && html`<${Beside} others=${others} chosen=${listOf(beside)} />`}
    <${Making} seconds=${seconds} wrong=${wrong} stop=${stop} says=${t("computing_lesson")} />
    ${found && html`<p class="row"><a class="button" href=${found.page} target="_blank" rel="noopener">${t("own_tab")}</a>
        <a class="plain as-button" href=${found.file} download=${`${run.name}-${lesson.lesson}.html`}>${t("download_html")}</a></p>
      ${found.notes.map((one) => html`<p class="soft">${one}</p>`)}
      <${Framed} page=${found.page} at=${number ? `#step-${number}` : ""} title=${lesson.title} />`}
    ${!found && seconds === null && html`<p><button type="button" class="button" onClick=${open}>${t("open_again")}</button></p>`}`;
}

/** @param {{others: any[], chosen: string[]}} of */
function Beside({ others, chosen }) {
  const toggle = (id) => {
    const now = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-MOST_BESIDE);
    keep({ beside: now.join(",") || null });
  };
  return html`<details class="panel" open=${chosen.length > 0}><summary>${t("beside")}</summary>
    <div class="chips" role="group" aria-label=${t("beside")}>${others.map((one) => html`
      <button type="button" key=${one.id} aria-pressed=${String(chosen.includes(one.id))}
        onClick=${() => toggle(one.id)}>${one.name}</button>`)}</div></details>`;
}
