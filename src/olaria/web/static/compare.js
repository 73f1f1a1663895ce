/** Runs side by side: their curves, what each protocol measured, their samples, and the settings that differ. */

import { useEffect, useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { Curves } from "./chart.js";
import { chosen, LIVE, runs, State, toggle, useRuns } from "./home.js";
import { html } from "./html.js";
import { smoothed, spread } from "./lines.js";
import { Sample } from "./pictures.js";
import { address, keep, place } from "./place.js";
import { number, t } from "./words.js";

const SMOOTH = 0.6;
const SHORT = 12; // letters of a value of a protocol, such as a fingerprint

/** What the studio says of the chosen runs, asked again as they train. */
function useCompared(ids, mark) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [curves, setCurves] = useState(/** @type {Record<string, any[]>} */ ({}));
  useEffect(() => {
    if (!ids.length) return setFound(null);
    const ended = new AbortController(), how = { signal: ended.signal };
    const words = ids.map((id) => `runs=${id}`).join("&");
    attempt(() => askJson(`api/compare?${words}`, how)).then((answer) => answer && setFound(answer));
    Promise.all(ids.map((id) => askJson(`api/runs/${id}/curves`, how).then((one) => [id, one.curves], () => [id, []])))
      .then((all) => !ended.signal.aborted && setCurves(Object.fromEntries(all)));
    return () => ended.abort();
  }, [mark]);
  return { found, curves };
}

export function Compare() {
  useRuns();
  const known = new Map((runs.value ?? []).map((run) => [run.id, run]));
  const ids = chosen().filter((id) => known.has(id));
  const cards = ids.map((id) => known.get(id));
  const { found, curves } = useCompared(ids, cards.map((run) => `${run.id}.${run.changed}`).join(","));
  if (runs.value === null) return html`<h1>${t("compare")}</h1><p class="soft">${t("loading")}</p>`;
  const rows = found?.runs ?? [];
  return html`<h1>${t("compare")}</h1>
    <details class="panel" open=${ids.length < 2}><summary>${t("chosen")}: ${ids.length}</summary>
      <div class="chips" role="group" aria-label=${t("chosen")}>${runs.value.filter((run) => run.title).map((run) => html`
        <button type="button" key=${run.id} aria-pressed=${String(ids.includes(run.id))}
          onClick=${() => toggle(run.id)}>${run.name}</button>`)}</div></details>
    ${ids.length < 2 ? html`<p>${t("choose_two")}</p>` : html`
      <p><a href=${address("report", { runs: ids.join(",") })}>${t("report_of_these")}</a></p>
      <${Overlaid} cards=${cards} curves=${curves} repetitions=${found?.repetitions ?? []} rows=${rows} />
      ${found && html`<${Results} found=${found} rows=${rows} />`}
      <section><h2>${t("latest_samples")}</h2><div class="beside">${cards.map((run) => html`<figure key=${run.id}>
        <${Sample} id=${run.id} step=${run.picture} kind=${run.picture_kind} label=${t("picture_of", { name: run.name })} />
        <figcaption><a href=${address("run", { id: run.id })}>${run.name}</a>
          ${LIVE.includes(run.state) && html` <${State} run=${run} />`}</figcaption></figure>`)}</div></section>
      ${found && html`<${Differences} found=${found} rows=${rows} />`}`}`;
}

/** What one recipe is, but for its seed. */
const recipeOf = (row) => [row.preset, row.size, row.data].join(" · ");

/** @param {{cards: any[], curves: Record<string, any[]>, repetitions: any[], rows: any[]}} of */
function Overlaid({ cards, curves, repetitions, rows }) {
  const isOneFamily = new Set(cards.map((run) => run.family)).size === 1;
  const all = cards.flatMap((run) => (curves[run.id] ?? []).map((curve) => (curve.metric !== "loss" || isOneFamily
    ? { ...curve, run } // what a loss is differs from family to family
    : { ...curve, run, metric: `loss-${run.family}`, label: `${curve.label} · ${run.title}` })));
  const metrics = [...new Map(all.map((curve) => [curve.metric, curve])).keys()]
    .filter((metric) => new Set(all.filter((one) => one.metric === metric).map((one) => one.run.id)).size > 1);
  if (!metrics.length) return null;
  const metric = metrics.includes(place.value.metric) ? place.value.metric : metrics[0];
  const { x = "step", log = "" } = place.value;
  const own = all.filter((one) => one.metric === metric);
  const splits = new Set(own.map((one) => one.split));
  const split = splits.has("validation") ? "validation" : "train";
  const shown = own.filter((one) => one.split === split);
  const names = repetitions.map((one) => one.runs ?? []);
  const { lines, bands } = linesOf(shown, x, split, names, rows);
  const { label, unit } = own[0];
  const what = {
    title: `${label}${unit ? ` (${unit})` : ""} · ${t(split)}`, xName: t(x === "wall" ? "x_elapsed" : "x_step"),
    lines, bands, isLog: log === "1",
  };
  return html`<section><h2>${t("curves")}</h2><div class="filters">
      <label>${t("metric")}<select value=${metric} onChange=${(event) => keep({ metric: event.target.value })}>
        ${metrics.map((name) => html`<option value=${name}>${all.find((one) => one.metric === name).label}</option>`)}</select></label>
      <label>${t("x_axis")}<select value=${x} onChange=${(event) => keep({ x: event.target.value })}>
        <option value="step">${t("x_step")}</option><option value="wall">${t("x_elapsed")}</option></select></label>
      <label class="check"><input type="checkbox" checked=${log === "1"}
        onChange=${(event) => keep({ log: event.target.checked ? "1" : null })} />${t("log_axis")}</label></div>
    <${Curves} what=${what} /></section>`;
}

/** A line for each run; seeds of one recipe are one line, the mean, with a band between the lowest and the highest. */
function linesOf(shown, x, split, repetitions, rows) {
  /** @type {import("./chart.js").Line[]} */
  const lines = [];
  /** @type {[number, number, number][]} */
  const bands = [];
  const at = (one) => (x === "wall" ? one.elapsed_s : one.steps);
  const value = (one) => (split === "train" ? smoothed(one.values, SMOOTH) : one.values);
  const groups = repetitions.map((names) => shown.filter((one) => names.includes(one.run.name))).filter((one) => one.length > 1);
  let colour = 0;
  for (const group of groups) {
    const row = rows.find((one) => one.id === group[0].run.id);
    const name = t("seeds_band", { recipe: row ? recipeOf(row) : group[0].run.preset, count: group.length });
    const { places, low, mean, high } = spread(group.map((one) => [at(one), value(one)]));
    bands.push([lines.length, lines.length + 1, colour]);
    lines.push({ name: "", x: places, y: high, colour, edge: true }, { name: "", x: places, y: low, colour, edge: true },
      { name, x: places, y: mean, colour });
    colour += 1;
  }
  const single = shown.filter((one) => !groups.some((group) => group.includes(one)));
  for (const one of single) {
    lines.push({ name: one.run.name, x: at(one), y: value(one), colour, dotted: one.values.length < 40 });
    colour += 1;
  }
  return { lines, bands };
}

/** @param {{found: any, rows: any[]}} of */
function Results({ found, rows }) {
  const isMeasured = (row) => Object.keys(row.metrics).length > 0;
  const measured = rows.filter(isMeasured);
  if (!measured.length) return html`<section><h2>${t("results")}</h2><p>${t("not_evaluated")}</p></section>`;
  const groups = [...new Set(measured.map((row) => row.group))];
  const sorted = groups.flatMap((group) => measured.filter((row) => row.group === group));
  const metrics = Object.keys(found.labels).filter((name) => sorted.some((row) => typeof row.metrics[name] === "number"));
  const isFirst = (row) => sorted[sorted.indexOf(row) - 1]?.group !== row.group; // a line stands before each protocol
  const markOf = (row) => String.fromCharCode(65 + groups.indexOf(row.group)); // A, B, …: what was compared alike
  return html`<section><h2>${t("results")}</h2>
    ${groups.length > 1 && html`<p class="soft">${t("never_across")}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t("results")}><table>
      <thead><tr><th scope="col">${t("metric")}</th>${sorted.map((row) => html`<th scope="col" class=${isFirst(row) ? "n first" : "n"}>${row.name}
        <small>${t("of_protocol", { mark: markOf(row) })}</small></th>`)}</tr></thead>
      <tbody>${metrics.map((name) => html`<tr><th scope="row">${found.labels[name].label} ${found.labels[name].better}
        <small>${found.labels[name].unit}</small></th>
        ${sorted.map((row) => {
          const isBest = found.groups[row.group]?.ranks?.[name]?.[row.name] === 1;
          return html`<td class=${`n${isBest ? " winner" : ""}${isFirst(row) ? " first" : ""}`}>${number(row.metrics[name])}
            ${isBest && html`<span class="unseen"> (${t("best_within")})</span>`}</td>`;
        })}</tr>`)}</tbody></table></div>
    <p class="soft winner-key"><i></i>${t("best_within")}</p>
    <ul class="protocols">${groups.map((group) => html`<li><details><summary>${t("of_protocol", {
      mark: markOf({ group }) })}</summary><p>${Object.entries(found.groups[group].protocol)
        .map(([name, value]) => `${name} ${String(value).slice(0, SHORT)}`).join(" · ")}</p></details></li>`)}</ul></section>`;
}

/** Of a run, besides the settings of its recipe. @type {Record<string, string>} */
const FACTS = { preset: "preset", seed: "seed", steps: "num_steps", num_parameters: "parameters", num_threads: "threads", cpu: "cpu" };

/** @param {{found: any, rows: any[]}} of */
function Differences({ found, rows }) {
  const facts = Object.entries(FACTS)
    .map(([name, word]) => ({ title: t(word), values: rows.map((row) => row[name]) }))
    .filter(({ values }) => new Set(values).size > 1);
  const settings = Object.entries(found.settings).map(([name, values]) => ({ title: html`<code>${name}</code>`, values }));
  const cell = (value) => (value == null ? "—" : Number.isInteger(value) ? number(value, 0)
    : typeof value === "object" ? JSON.stringify(value) : String(value));
  const parts = [...facts, ...settings];
  return html`<section><h2>${t("differences")}</h2>${parts.length ? html`
    <div class="scroll" tabindex="0" role="region" aria-label=${t("differences")}><table><thead><tr><th scope="col">${t("setting")}</th>
      ${rows.map((row) => html`<th scope="col">${row.name}</th>`)}</tr></thead>
      <tbody>${parts.map(({ title, values }) => html`<tr><th scope="row">${title}</th>
        ${values.map((value) => html`<td>${cell(value)}</td>`)}</tr>`)}</tbody></table></div>`
    : html`<p>${t("no_differences")}</p>`}</section>`;
}
