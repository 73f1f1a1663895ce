/** A new run in three choices, with what it would take before it begins. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, attempt, Trouble, trouble } from "./api.js";
import { html } from "./html.js";
import { address, go, keep, place, token } from "./place.js";
import { bytes, duration, number, said, t } from "./words.js";

const WAIT_MS = 500; // after the last change, before the forecast
const SIZES = ["tiny", "small", "base"];
const ENDS = { by_time: "budget", by_steps: "steps", by_epochs: "epochs" };
/** Where what is wrong with a field of the request is shown. */
const SHOWN_AT = { preset: "preset", data: "data", size: "size", seed: "seed", budget: "amount", steps: "amount", epochs: "amount" };

/** What the address keeps of the choices, as `POST /api/runs` takes it. */
function asked(presets) {
  const { preset = "", data = "", by = "by_time", amount = "", size = "tiny", seed = "", settings = "", start = "" } = place.value;
  const { kind = "" } = place.value; // of data that were chosen first, elsewhere
  const first = presets?.find((one) => !kind || one.learns_from === kind) ?? presets?.[0];
  /** @type {Record<string, any>} */
  const values = { preset: preset || first?.name || "", size };
  if (data) values.data = data;
  if (start) values.start = start;
  // Minutes travel as they were typed, so that what is wrong with them is said of that.
  if (amount) values[ENDS[by] ?? "budget"] = by === "by_time" ? `${amount}m` : Number(amount);
  if (seed) values.seed = Number(seed);
  const lines = settings.split("\n").map((line) => line.trim()).filter(Boolean);
  if (lines.length) values.settings = lines;
  return values;
}

/** The choices as words of an address. */
function wordsOf(values) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) words.append(name, String(one));
  }
  return words;
}

/** Seconds that were given, or that the preset takes where nothing was; null where steps end the run. */
const budgetOf = (values, presets) => (values.budget ? 60 * parseFloat(values.budget) : values.steps || values.epochs ? null
  : presets.find((one) => one.name === values.preset)?.budget_s ?? null);

/** @param {any} error */
const fieldOf = (error) => SHOWN_AT[error.field] ?? (error.field ? "settings" : "");

/** The forecast of what is chosen, or what is wrong with it. */
function useForecast(values) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const words = String(wordsOf(values));
  useEffect(() => {
    if (!values.preset) return undefined;
    const ended = new AbortController();
    setBusy(true);
    const timer = setTimeout(async () => {
      try {
        const answer = await askJson(`api/forecast?${words}`, { signal: ended.signal });
        setFound(answer);
        setWrong(null);
      } catch (error) {
        if (ended.signal.aborted) return;
        setFound(null);
        if (error instanceof Trouble) setWrong(error);
      }
      setBusy(false);
    }, WAIT_MS);
    return () => { clearTimeout(timer); ended.abort(); };
  }, [words]);
  return { found, wrong, setWrong, isBusy };
}

/** All data that a run may have: those with a name, and the user's own. */
function useData() {
  const [own, setOwn] = useState(/** @type {any[]} */ ([]));
  useEffect(() => { askJson("api/uploads").then((found) => setOwn(found.uploads), () => {}); }, []);
  return [...own.map((one) => ({ name: one.id, kind: one.kind, title: `${one.label} (${t("of_yours")})` })), ...said.value.data];
}

export function NewRun() {
  const data = useData();
  const [presets, setPresets] = useState(/** @type {any[] | null} */ (null));
  useEffect(() => { attempt(() => askJson("api/presets")).then((found) => found && setPresets(found.presets)); }, []);
  const values = asked(presets);
  const { found, wrong, setWrong, isBusy } = useForecast(values);
  const [isStarting, setStarting] = useState(false);
  const form = useRef(/** @type {any} */ (null));
  if (!presets) return html`<h1>${t("new_run")}</h1><p class="soft">${t("loading")}</p>`;
  const start = async (event) => {
    event.preventDefault();
    setStarting(true);
    trouble.value = null;
    try {
      const card = await askJson("api/runs", { body: values });
      go("run", { id: card.id });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      setWrong(error);
      if (!fieldOf(error)) trouble.value = error;
      else form.current.querySelector(`[name=${fieldOf(error)}]`)?.focus();
    }
    setStarting(false);
  };
  const { of = "", notes = "" } = place.value;
  return html`<h1>${t("new_run")}</h1>
    ${of && html`<p>${t("changed_from", { name: of })}</p>`}
    ${notes && html`<p class="soft">${notes}</p>`}
    <form class="choices" ref=${form} onSubmit=${start} novalidate>
      <div><${What} presets=${presets} values=${values} wrong=${wrong} data=${data} />
        <${Data} data=${data} presets=${presets} values=${values} wrong=${wrong} />
        <${Length} wrong=${wrong} presets=${presets} values=${values} />
        <${More} wrong=${wrong} /></div>
      <${Forecast} found=${found} budget=${budgetOf(values, presets)} isBusy=${isBusy} wrong=${wrong} isStarting=${isStarting} />
    </form>`;
}

/** @param {{of: string, wrong: Trouble | null}} of a field */
function Wrong({ of, wrong }) {
  const isIt = wrong && fieldOf(wrong) === of;
  return html`<p class="wrong field" id=${`wrong-${of}`} role="status">${isIt && html`${wrong.message} ${wrong.hint}`}</p>`;
}

/** Of the element that a field is typed into. */
const marked = (name, wrong) => ({
  name, "aria-invalid": wrong && fieldOf(wrong) === name ? "true" : null, "aria-describedby": `wrong-${name}`,
});
const keeps = (name, rest = "") => (event) => keep({ [name]: event.target.value === rest ? null : event.target.value });

function What({ presets, values, wrong, data }) {
  const families = [...new Set(presets.map((one) => one.family))];
  const family = presets.find((one) => one.name === values.preset)?.family;
  const titleOf = (name) => said.value.families[name] ?? name;
  const first = (name) => presets.find((one) => one.family === name).name;
  const kindOf = (name) => presets.find((one) => one.name === name)?.learns_from;
  const choose = (name) => {
    const isKept = data.find((one) => one.name === values.data)?.kind === kindOf(name);
    keep({ preset: name, start: null, ...(!isKept && { data: null, kind: null }) });
  };
  return html`<fieldset class="panel"><legend><b>1</b> ${t("what")}</legend>
    <div class="chips" role="group" aria-label=${t("family")}>${families.map((name) => html`
      <button type="button" aria-pressed=${String(name === family)} onClick=${() => choose(first(name))}>
        ${name === "plane-gan" ? `${titleOf(name)} (2D)` : titleOf(name)}</button>`)}</div>
    <div class="options">${presets.filter((one) => one.family === family).map((one) => html`
      <label class="option"><input type="radio" ...${marked("preset", wrong)} value=${one.name}
        checked=${one.name === values.preset} onChange=${() => choose(one.name)} />
        <span><b>${one.name}</b><span class="soft">${one.title}</span></span></label>`)}</div>
    <${Wrong} of="preset" wrong=${wrong} /></fieldset>`;
}

function Data({ data, presets, values, wrong }) {
  const preset = presets.find((one) => one.name === values.preset);
  const fits = data.filter((one) => one.kind === preset?.learns_from);
  return html`<fieldset class="panel"><legend><b>2</b> ${t("on_which_data")}</legend>
    <label class="wide"><span class="unseen">${t("on_which_data")}</span><select ...${marked("data", wrong)} value=${values.data === preset?.data ? "" : values.data ?? ""}
      onChange=${keeps("data")}><option value="">${t("preset_data")}: ${preset?.data}</option>
      ${fits.filter((one) => one.name !== preset?.data).map((one) => html`<option value=${one.name}>${one.title}</option>`)}
    </select></label><${Wrong} of="data" wrong=${wrong} />
    <p><a href=${address("data")}>${t("or_own_data")}</a></p>
    ${values.start && html`<p class="row">${t("begins_from")} <button type="button" class="plain"
      onClick=${() => keep({ start: null })}>${t("from_scratch")}</button></p>`}</fieldset>`;
}

function Length({ presets, values, wrong }) {
  const { by = "by_time", amount = "", size = "tiny" } = place.value;
  const preset = presets.find((one) => one.name === values.preset);
  const usual = by === "by_time" && preset ? String(preset.budget_s / 60) : "";
  return html`<fieldset class="panel"><legend><b>3</b> ${t("how_long")}</legend>
    <div class="row fields"><label>${t("amount")}<input type="number" inputmode="decimal" min="0" step="any" size="8"
        placeholder=${usual} value=${amount} ...${marked("amount", wrong)} onInput=${keeps("amount")} /></label>
      <label><span class="unseen">${t("how_long")}</span><select value=${by} onChange=${keeps("by", "by_time")}>
        ${Object.keys(ENDS).map((name) => html`<option value=${name}>${t(name)}</option>`)}</select></label>
      <label>${t("size")}<select value=${size} ...${marked("size", wrong)} onChange=${keeps("size", "tiny")}>
        ${SIZES.map((name) => html`<option value=${name}>${t(`size_${name}`)}</option>`)}</select></label></div>
    <${Wrong} of="amount" wrong=${wrong} /><${Wrong} of="size" wrong=${wrong} /></fieldset>`;
}

function More({ wrong }) {
  const { seed = "", settings = "" } = place.value;
  const isOpen = Boolean(seed || settings);
  return html`<details class="panel" open=${isOpen}><summary>${t("more_settings")}</summary>
    <label>${t("seed")}<input type="number" min="0" step="1" value=${seed} placeholder="0" ...${marked("seed", wrong)}
      onInput=${keeps("seed")} /></label><${Wrong} of="seed" wrong=${wrong} />
    <label class="wide">${t("settings")}<textarea rows="3" placeholder="model.latent=2" value=${settings}
      ...${marked("settings", wrong)} onInput=${keeps("settings")}></textarea></label>
    <p class="soft">${t("settings_hint")}</p><${Wrong} of="settings" wrong=${wrong} /></details>`;
}

function Forecast({ found, budget, isBusy, wrong, isStarting }) {
  const seconds = found?.train_s ?? budget;
  const rows = found && [[t("time"), duration(seconds)], [t("memory"), bytes(found.memory_bytes)],
    [t("num_steps"), number(found.steps, 0)], [t("epochs"), number(found.epochs)],
    [t("parameters"), number(found.num_parameters, 0)]].filter(([, value]) => value !== "—");
  return html`<aside class="panel forecast"><h2>${t("forecast")}</h2>
    <div role="status">${rows ? html`<dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
      : html`<p class="soft">${isBusy ? t("forecast_wait") : !token() ? t("forecast_no_token") : (wrong && !fieldOf(wrong) ? wrong.message : "")}</p>`}</div>
    <button class="button" disabled=${isStarting}>${isStarting ? t("starting") : t("start")}</button>
    ${found?.command && html`<details><summary>${t("command")}</summary><pre>${found.command}</pre></details>`}</aside>`;
}
