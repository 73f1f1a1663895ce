/** How a text is written: the settings of the draw, each with what it does, and which weights write. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { html } from "./html.js";
import { keep, place } from "./place.js";
import { number, t } from "./words.js";

const WIDE = "(min-width: 60rem)";

/** Numbers of the draw: what the address calls them, and what stands where nothing was given. */
const OF_DRAW = [
  { name: "temperature", usual: "1", step: "0.1", min: "0" },
  { name: "top_k", usual: "", step: "1", min: "1" },
  { name: "top_p", usual: "1", step: "0.05", min: "0" },
  { name: "min_p", usual: "0", step: "0.05", min: "0" },
  { name: "repetition_penalty", usual: "1", step: "0.1", min: "0" },
  { name: "max_tokens", usual: "500", step: "50", min: "1" },
  { name: "seed", usual: "0", step: "1", min: "0" },
];
const OF_SEARCH = [{ name: "beam", usual: "1", step: "1", min: "1" }];
export const FIELDS = [...OF_DRAW, ...OF_SEARCH].map(({ name }) => name).concat("prompt", "unseen");

/** The numbers of the draw or the search as the address has them; a word that is none travels as it is, to be told of. */
export function given(fields) {
  const found = {};
  for (const { name } of fields) {
    const text = place.value[name];
    if (text) found[name] = Number.isFinite(Number(text)) ? Number(text) : text;
  }
  if (place.value.unseen) found.unseen = place.value.unseen;
  return found;
}
export const drawSettings = () => given(OF_DRAW);
export const searchSettings = () => given(OF_SEARCH);

/**
 * What the studio says of a run that writes; `wrong` where it does not write.
 * @param {string | null | undefined} id
 */
export function useInfo(id) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let isLeft = false;
    setFound(null);
    if (id) attempt(() => askJson(`api/runs/${id}/text`)).then((info) => !isLeft && setFound(info && { ...info, id }));
    return () => { isLeft = true; };
  }, [id]);
  return found?.id === id ? found : null;
}

/** Other runs that could write beside this one: of translations beside translations, of texts beside texts. */
export function useOthers(run) {
  const [cards, setCards] = useState(/** @type {any[]} */ ([]));
  useEffect(() => { attempt(() => askJson("api/runs")).then((found) => found && setCards(found.runs)); }, []);
  const translates = (card) => card.family === "translation";
  return cards.filter((card) => card.room === "text" && card.id !== run.id && translates(card) === translates(run));
}

const keeps = (name) => (event) => keep({ [name]: event.target.value || null });

/** @param {{name: string, wrong: any}} of what is wrong with a field */
export function Wrong({ name, wrong }) {
  return html`<p class="wrong field" id=${`wrong-${name}`} role="status">
    ${wrong?.field === name && html`${wrong.message} ${wrong.hint}`}</p>`;
}

export const marked = (name, wrong) => ({
  name, "aria-invalid": wrong?.field === name ? "true" : null, "aria-describedby": `why-${name} wrong-${name}`,
});

/** @param {{field: any, wrong: any}} of a number */
function Field({ field: { name, usual, step, min }, wrong }) {
  const attributes = { ...marked(name, wrong), step, min, placeholder: usual || t("text_all") };
  return html`<div class="setting"><label>${t(`text_${name}`)}
      <input type="number" inputmode="decimal" value=${place.value[name] ?? ""} ...${attributes} onInput=${keeps(name)} /></label>
    <small id=${`why-${name}`}>${t(`text_why_${name}`)}</small><${Wrong} name=${name} wrong=${wrong} /></div>`;
}

/** @param {{info: any, name: string, label: string}} of */
function Checkpoint({ info, name, label }) {
  const { checkpoints, best } = info, last = checkpoints.at(-1), step = (n) => number(n, 0);
  const chosen = place.value[name] ?? "";
  const usual = best === null ? t("text_last", { step: step(last) }) : t("text_best", { step: step(best) });
  const isOther = chosen && chosen !== "last" && !checkpoints.includes(Number(chosen));
  return html`<label>${label}<select name=${name} value=${chosen} onChange=${keeps(name)}>
    <option value="">${usual}</option>
    ${best !== null && best !== last && html`<option value="last">${t("text_last", { step: step(last) })}</option>`}
    ${checkpoints.filter((n) => n !== best && n !== last).map((n) => html`<option value=${String(n)}>${t("step_n", { step: step(n) })}</option>`)}
    ${isOther && html`<option value=${chosen}>${chosen}</option>`}</select></label>`;
}

/**
 * @param {object} of
 * @param {any} of.run its card
 * @param {any} of.info
 * @param {any} of.beside what writes beside it: `{id, name, info}`, or null
 * @param {any[]} of.others runs that could
 * @param {any} of.wrong with which field
 */
export function Settings({ run, info, beside, others, wrong }) {
  const [isOpen, setOpen] = useState(() => matchMedia(WIDE).matches), box = useRef(/** @type {any} */ (null));
  const inside = wrong && wrong.field !== "prompt" ? wrong : null;
  useEffect(() => { if (inside) setOpen(true); }, [inside]);
  useEffect(() => { if (inside && isOpen) box.current.querySelector(`[name=${inside.field}]`)?.focus(); }, [inside, isOpen]);
  const fields = info.kind === "pairs" ? OF_SEARCH : OF_DRAW;
  const refuses = ["char", "word"].includes(info.tokenizer.kind);
  const chooseBeside = (event) => keep({ beside: event.target.value || null, beside_checkpoint: null });
  return html`<details class="panel text-settings" open=${isOpen} ref=${box} onToggle=${() => setOpen(box.current.open)}><summary>${t("text_settings")}</summary>
    <div class="settings-grid">${fields.map((field) => html`<${Field} key=${field.name} field=${field} wrong=${wrong} />`)}
      ${refuses && html`<div class="setting">
        <label>${t("text_unseen")}<select ...${marked("unseen", wrong)} value=${place.value.unseen ?? ""} onChange=${keeps("unseen")}>
          <option value="">${t("text_unseen_usual", { action: t(`text_unseen_${info.tokenizer.unseen}`) })}</option>
          ${["error", "replace", "skip"].map((name) => html`<option value=${name}>${t(`text_unseen_${name}`)}</option>`)}</select></label>
        <small id="why-unseen">${t("text_why_unseen")}</small><${Wrong} name="unseen" wrong=${wrong} /></div>`}
      <div class="setting"><${Checkpoint} info=${info} name="checkpoint" label=${t("text_checkpoint")} />
        <small>${t("text_why_checkpoint")}</small></div>
      <div class="setting"><label>${t("text_beside")}<select name="beside" value=${place.value.beside ?? ""} onChange=${chooseBeside}>
          <option value="">${t("text_alone")}</option>
          ${info.checkpoints.length > 1 && html`<option value=${run.id}>${t("text_same_run")}</option>`}
          ${others.map((card) => html`<option value=${card.id}>${card.name}</option>`)}</select></label>
        <small>${t("text_why_beside")}</small></div>
      ${beside?.info && html`<div class="setting">
        <${Checkpoint} info=${beside.info} name="beside_checkpoint" label=${t("text_checkpoint_of", { name: beside.name })} /></div>`}</div></details>`;
}

/** What writes beside the run, by the address: `{id, name, info}`, or null. */
export function useBeside(run, others) {
  const { beside } = place.value, info = useInfo(beside);
  if (!beside) return null;
  const name = beside === run.id ? run.name : others.find((card) => card.id === beside)?.name;
  return name ? { id: beside, name, info } : null;
}

/** The columns that write: the run, and what stands beside it. */
export function columnsOf(run, beside) {
  const { checkpoint, beside_checkpoint: other } = place.value;
  const which = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : text);
  return [{ id: run.id, name: run.name, checkpoint: which(checkpoint) },
    ...(beside ? [{ id: beside.id, name: beside.name, checkpoint: which(other) }] : [])];
}
