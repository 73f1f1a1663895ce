/** The runs as cards: the latest sample, the number that says most, and how each is doing. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askJson, attempt, repeatedly } from "./api.js";
import { FirstVisit } from "./first_visit.js";
import { html } from "./html.js";
import { Sample } from "./pictures.js";
import { address, keep, place } from "./place.js";
import { duration, number, said, t } from "./words.js";

const LIVE_MS = 1500, REST_MS = 4000;
export const LIVE = ["running", "starting"];

/** @type {import("@preact/signals").Signal<any[] | null>} */
export const runs = signal(null);
let last = "";

/** Look at all runs; cards are made again only where something has changed. */
export async function look() {
  const found = await attempt(() => askJson("api/runs"));
  if (!found) return REST_MS;
  const text = JSON.stringify(found.runs);
  if (text !== last || runs.value === null) {
    last = text;
    runs.value = found.runs;
  }
  return found.runs.some((run) => LIVE.includes(run.state)) ? LIVE_MS : REST_MS;
}

/** Keep `runs` fresh while a room that shows them is open. */
export const useRuns = () => useEffect(() => repeatedly(look), []);

/** @type {Record<string, (a: any, b: any) => number>} */
const ORDERS = {
  changed: (a, b) => b.changed - a.changed,
  name: (a, b) => a.name.localeCompare(b.name, said.value.language, { numeric: true }),
  family: (a, b) => String(a.title ?? "~").localeCompare(String(b.title ?? "~")) || b.changed - a.changed,
};

/** Ids that are chosen to be compared, as the address keeps them. */
export const chosen = () => (place.value.runs ?? "").split(",").filter(Boolean);

/** @param {string} id */
export function toggle(id) {
  const ids = chosen(), rest = ids.filter((one) => one !== id);
  const now = rest.length < ids.length ? rest : [...ids, id];
  keep({ runs: now.length ? now.join(",") : null });
}

/** @param {{run: any}} of */
export const State = ({ run }) => html`<span class=${`state ${run.state}`}>${run.state_label}</span>`;

/** @param {{best: any}} of the headline of a card */
function Headline({ best }) {
  if (best?.value == null) return null;
  const by = best.protocol ? `${t("protocol")} ${best.protocol}` : t("as_trained");
  return html`<p class="headline"><strong>${number(best.value)}</strong> ${best.unit}
    <span class="soft">${best.label} ${best.better}</span><span class="soft by">${by}</span></p>`;
}

/** @param {{run: any}} of how far a live run is */
export function Progress({ run }) {
  if (run.fraction == null || !LIVE.includes(run.state)) return null;
  return html`<progress max="1" value=${run.fraction} aria-label=${t("progress")}></progress>`;
}

/** @param {{run: any}} of */
function Card({ run }) {
  const told = run.error ?? run.problem;
  const isOpen = run.state !== "damaged" && !(run.state === "failed" && run.title == null);
  const facts = [run.title, run.data, run.steps != null && t("step_n", { step: number(run.steps) }),
    run.eta_s != null && run.state === "running" && `${t("left")} ${duration(run.eta_s)}`].filter(Boolean);
  const putAway = () => attempt(async () => {
    await askJson(`api/runs/${run.id}/dismiss`, { body: {} });
    await look();
  });
  return html`<li class=${`card ${run.state}`}>
    ${isOpen && html`<${Sample} id=${run.id} step=${run.picture} kind=${run.picture_kind}
      label=${t("picture_of", { name: run.name })} />`}
    <div class="card-words">
      <div class="row"><h2>${isOpen ? html`<a href=${address("run", { id: run.id })}>${run.name}</a>` : run.name}</h2>
        <${State} run=${run} /></div>
      <p class="soft">${facts.join(" · ")}</p>
      <${Progress} run=${run} />
      <${Headline} best=${run.headline} />
      ${told && html`<p class="wrong">${told}</p>`}
      ${isOpen && run.title && html`<label class="pick"><input type="checkbox" checked=${chosen().includes(run.id)}
        onChange=${() => toggle(run.id)} aria-label=${t("choose_to_compare", { name: run.name })} />${t("compare")}</label>`}
      ${run.state === "failed" && !isOpen && html`<button class="plain" onClick=${putAway}>${t("dismiss")}</button>`}
    </div></li>`;
}

export function Home() {
  useRuns();
  if (runs.value === null) return html`<h1>${t("home")}</h1><p class="soft">${t("loading")}</p>`;
  if (!runs.value.length) {
    return html`<${FirstVisit} />`;
  }
  const { find = "", state = "", sort = "changed" } = place.value;
  const wanted = find.trim().toLowerCase();
  const labels = new Map(runs.value.map((run) => [run.state, run.state_label]));
  const shown = runs.value
    .filter((run) => !state || run.state === state)
    .filter((run) => !wanted || [run.name, run.title, run.data, run.preset].join(" ").toLowerCase().includes(wanted))
    .sort(ORDERS[sort] ?? ORDERS.changed);
  const ids = chosen();
  const on = (name, rest = "") => (event) => keep({ [name]: event.target.value === rest ? null : event.target.value });
  return html`<div class="row heading"><h1>${t("home")}</h1>
      <a class="button" href=${address("new_run")}>${t("new_run")}</a></div>
    <form class="filters" onSubmit=${(event) => event.preventDefault()}>
      <label>${t("find")}<input type="search" value=${find} onInput=${on("find")} /></label>
      <label>${t("state")}<select value=${state} onChange=${on("state")}><option value="">${t("all")}</option>
        ${[...labels].map(([name, label]) => html`<option value=${name}>${label}</option>`)}</select></label>
      <label>${t("sort")}<select value=${sort} onChange=${on("sort", "changed")}>
        ${Object.keys(ORDERS).map((name) => html`<option value=${name}>${t(`sort_${name}`)}</option>`)}</select></label>
      <span class="soft count" role="status">${t("num_runs", { count: shown.length, total: runs.value.length })}</span>
    </form>
    ${shown.length ? html`<ul class="cards">${shown.map((run) => html`<${Card} key=${run.id} run=${run} />`)}</ul>`
      : html`<p>${t("nothing_fits")}</p>`}
    ${ids.length > 0 && html`<div class="tray"><a class="button" href=${address("compare", { runs: ids.join(",") })}>
      ${t("compare_chosen", { count: ids.length })}</a>
      <button class="plain" onClick=${() => keep({ runs: null })}>${t("clear")}</button></div>`}`;
}
