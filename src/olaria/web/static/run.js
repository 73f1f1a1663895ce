/** A run, live: how far it is, its curves, what it warned of, and its samples through time. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Again } from "./again.js";
import { askJson, attempt } from "./api.js";
import { Curves } from "./chart.js";
import { Guide } from "./first_visit.js";
import { LIVE, Progress, State } from "./home.js";
import { html } from "./html.js";
import { smoothed } from "./lines.js";
import { useRun } from "./live.js";
import { enlarged, Sample } from "./pictures.js";
import { PinButton } from "./pin.js";
import { address, go, keep, place } from "./place.js";
import { RunHeading } from "./run_heading.js";
import { Warned } from "./warned.js";
import { duration, number, t } from "./words.js";

export function RunRoom() {
  const id = place.value.id ?? "";
  const known = useRun(id), { run, isUnknown, read } = known;
  if (!run && isUnknown) return html`<p><a class="button" href=${address("home")}>${t("home")}</a></p>`;
  if (!run) return html`<p class="soft">${t("loading")}</p>`;
  const wrong = run.error ?? run.problem;
  return html`<${RunHeading} run=${run}><${State} run=${run} /><${Actions} run=${run} read=${read} />
      ${run.title && !LIVE.includes(run.state) && html`<${Again} run=${run} />`}<//>
    ${wrong && html`<p class="wrong">${wrong}</p>`}
    ${wrong && hasNotBegun(run) ? null : html`<${Parts} ...${known} />`}`;
}

/** A training that failed before it became a run. */
const hasNotBegun = (run) => run.state === "failed" && run.title == null;

/** @param {ReturnType<typeof useRun>} known */
function Parts({ run, curves, samples, told, isLost }) {
  return html`
    ${isLost && html`<p class="soft" role="status">${t("reconnecting")}</p>`}
    <${Progress} run=${{ ...run, fraction: told.step?.fraction ?? run.fraction }} />
    <${Guide} run=${run} />
    <${Facts} run=${run} told=${told} />
    <div class="run-parts"><${Samples} run=${run} samples=${samples} />
      <${Measured} run=${run} curves=${curves} told=${told} /></div>`;
}

/** @param {{run: any, read: () => any}} of */
function Actions({ run, read }) {
  const [asked, setAsked] = useState("");
  useEffect(() => { setAsked(""); }, [run.state]);
  const act = (verb) => async () => {
    setAsked(verb);
    const done = await attempt(() => askJson(`api/runs/${run.id}/${verb}`, { body: {} }));
    if (!done) setAsked("");
    read();
  };
  if (LIVE.includes(run.state)) {
    return html`<button class="button" disabled=${asked === "stop"} onClick=${act("stop")}>
      ${asked === "stop" ? t("stopping") : t("stop")}</button>`;
  }
  if (hasNotBegun(run)) {
    const putAway = () => attempt(() => askJson(`api/runs/${run.id}/dismiss`, { body: {} }))
      .then((done) => done && go("new_run"));
    return html`<button class="button" onClick=${putAway}>${t("dismiss")}</button>`;
  }
  if (!["stopped", "interrupted", "failed"].includes(run.state)) return null;
  return html`<button class="button" disabled=${asked === "resume"} onClick=${act("resume")}>
    ${asked === "resume" ? t("starting") : t("resume")}</button>`;
}

/** @param {{run: any, told: import("./live.js").Told}} of */
function Facts({ run, told }) {
  const first = told.pace[0], last = told.pace.at(-1), isLive = LIVE.includes(run.state);
  const passed = first && last ? last[1] - first[1] : 0;
  const pace = isLive && first && last && passed > 0 ? (last[0] - first[0]) / passed : told.rate;
  const steps = (isLive ? told.step?.step : null) ?? run.steps;
  const seconds = (isLive ? told.step?.elapsed_s : null) ?? run.elapsed_s;
  const best = run.headline;
  const rows = /** @type {any[]} */ ([
    [t("step"), number(steps, 0)],
    [t("trained"), duration(seconds), seconds != null && t("trained_hint")],
    pace != null && [t("throughput"), t("per_second", { rate: number(pace, pace < 10 ? 1 : 0) })],
    isLive && [t("left"), duration(told.step?.eta_s ?? run.eta_s)],
    best?.value != null && [`${best.label} ${best.better}`, `${number(best.value)} ${best.unit}`,
      best.protocol ? t("of_protocol", { mark: best.protocol }) : t("as_trained")],
  ].filter(Boolean));
  return html`<dl class="tiles">${rows.map(([name, value, small]) => html`<div><dt>${name}</dt><dd>${value}
    ${small && html`<small>${small}</small>`}</dd></div>`)}</dl>`;
}

/** @param {{run: any, samples: any[]}} of */
function Samples({ run, samples }) {
  const kept = samples.findIndex((one) => String(one.step) === place.value.sample);
  const at = kept < 0 ? samples.length - 1 : kept, one = samples[at];
  const move = (event) => {
    const wanted = Number(event.target.value);
    keep({ sample: wanted === samples.length - 1 ? null : String(samples[wanted].step) });
  };
  return html`<section class="panel samples"><h2>${t("samples")}</h2>
    ${one ? html`<${Sample} id=${run.id} step=${one.step} kind=${one.kind} label=${t("sample_at", { step: number(one.step) })} />
      <label class="slider"><span>${t("step_n", { step: number(one.step, 0) })}</span>
        <input type="range" min="0" max=${samples.length - 1} value=${at} onInput=${move}
          aria-label=${t("samples")} aria-valuetext=${t("step_n", { step: one.step })} /></label>
      ${one.kind === "png" && html`<${PinButton} picture=${() => enlarged(run.id, one.step)}
        caption=${`${run.name}: ${t("sample_at", { step: number(one.step) })}`} />`}`
      : html`<p class="soft">${t("no_samples")}</p>`}</section>`;
}

/** @param {{run: any, curves: any[] | null, told: import("./live.js").Told}} of */
function Measured({ run, curves, told }) {
  const { x = "step", log = "", smooth = "0.6" } = place.value;
  const memory = useRef(/** @type {any} */ ({}));
  if (curves === null) return html`<section><p class="soft">${t("loading")}</p></section>`;
  if (!curves.length) return html`<section class="panel"><h2>${t("curves")}</h2><p class="soft">${t("no_curves")}</p></section>`;
  const at = (point) => (x === "wall" ? point.elapsed_s : point.step);
  const best = told.best && { x: at(told.best), kind: /** @type {"best"} */ ("best"), name: "" };
  const marks = [...told.warned.map((one) => ({ x: at(one), name: one.text, kind: /** @type {"warned"} */ ("warned") })),
    ...(best ? [best] : [])];
  const view = { x, isLog: log === "1", factor: Number(smooth) || 0 };
  const key = JSON.stringify([view, marks]);
  if (memory.current.curves !== curves || memory.current.key !== key) {
    memory.current = { curves, key, charts: chartsOf(curves, view, marks) };
  }
  return html`<section class="measured"><div class="row heading"><h2>${t("curves")}</h2></div>
    <div class="filters">
      <label>${t("x_axis")}<select value=${x} onChange=${(event) => keep({ x: event.target.value })}>
        <option value="step">${t("x_step")}</option><option value="wall">${t("x_elapsed")}</option></select></label>
      <label>${t("smooth")}<input type="range" min="0" max="0.95" step="0.05" value=${smooth}
        onInput=${(event) => keep({ smooth: event.target.value })} /></label>
      <label class="check"><input type="checkbox" checked=${log === "1"}
        onChange=${(event) => keep({ log: event.target.checked ? "1" : null })} />${t("log_axis")}</label></div>
    ${told.best && html`<p class="key best">${t("best_at", { step: number(told.best.step, 0) })}</p>`}
    <${Warned} run=${run} warned=${told.warned} />
    <div class="charts">${memory.current.charts.map((what) => html`<${Curves} key=${what.title} what=${what} subject=${run.name} />`)}</div>
    </section>`;
}

/**
 * One chart for each metric: what was measured lightly, smoothed over it, and the validation.
 * @param {any[]} curves
 * @param {{x: string, isLog: boolean, factor: number}} view
 * @param {import("./chart.js").Chart["marks"]} marks
 */
function chartsOf(curves, { x, isLog, factor }, marks) {
  const metrics = [...new Set(curves.map((curve) => curve.metric))];
  return metrics.map((metric) => {
    const own = curves.filter((curve) => curve.metric === metric);
    const { label, unit } = own[0];
    const lines = own.flatMap((curve) => {
      const at = x === "wall" ? curve.elapsed_s : curve.steps;
      if (curve.split !== "train") {
        return [{ name: t("validation"), x: at, y: curve.values, colour: 1, dotted: curve.values.length < 60 }];
      }
      const raw = { name: t("train"), x: at, y: curve.values, colour: 0 };
      if (!factor || curve.values.length < 4) return [raw];
      return [{ ...raw, faint: true }, { ...raw, y: smoothed(curve.values, factor) }];
    });
    const xName = t(x === "wall" ? "x_elapsed" : "x_step");
    return { title: unit ? `${label} (${unit})` : label, xName, lines, isLog, marks };
  });
}
