/** One text as it is written: the stream, the pane it grows in, and what else could have come at a token. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { spelt, visible } from "play/spelling.js";
import { tokenizer } from "play/tokens.js";
import { Trouble } from "./api.js";
import { html } from "./html.js";
import { place } from "./place.js";
import { save, saveTable } from "./save.js";
import { FIELDS } from "./text_settings.js";
import { makePane, probabilityOf } from "./text_pane.js";
import { stream } from "./text_stream.js";
import { number, t } from "./words.js";

const ALTERNATIVES = 8;
const PART = "\ufffd"; // where a token is only a part of a character

/**
 * What is to be written.
 * @typedef {object} Asked
 * @property {string} prompt as it is shown
 * @property {string} start what the model is given; empty for a line's begin
 * @property {import("./text_stream.js").Unit[]} kept what stands after the prompt already
 * @property {number} keeps the column whose own tokens `kept` are
 * @property {Record<string, any>} settings
 * @property {AbortController} ended
 */

/** A probability with four decimals, less where it is small. @param {number} p */
const odds = (p) => (p >= 0.0005 ? number(p, 4) : number(Number(p.toPrecision(2))));

/** The text of units. @param {import("./text_stream.js").Unit[]} units */
export const textOf = (units) => units.map(({ text }) => text).join("");

/**
 * @param {object} of
 * @param {{id: string, name: string, checkpoint?: number | string}} of.column
 * @param {number} of.at its number
 * @param {boolean} of.isAlone
 * @param {Asked | null} of.asked
 * @param {(at: number, isRunning: boolean) => void} of.running
 * @param {(error: Trouble) => void} of.wrong is told of a field that is wrong
 * @param {(kept: import("./text_stream.js").Unit[], at: number) => void} of.goOn
 * @param {any} of.info of the run; null until it is known
 * @param {{current: any[]}} of.panes where the room finds what was written
 */
export function Column({ column, at, isAlone, asked, running, wrong, goOn, info, panes }) {
  const box = useRef(/** @type {any} */ (null)), counted = useRef(/** @type {any} */ (null));
  const [chosen, choose] = useState(-1);
  const tokens = useMemo(() => info && tokenizer(info.tokenizer), [info]);
  const [state, setState] = useState(/** @type {any} */ ({}));
  const pane = useRef(/** @type {any} */ (null));
  useEffect(() => {
    pane.current = makePane(box.current, choose);
    panes.current[at] = pane.current;
    return () => { delete panes.current[at]; };
  }, []);
  useEffect(() => {
    if (!asked) return undefined;
    const own = pane.current, { kept, keeps } = asked, text = textOf(kept);
    own.begin(asked.prompt, keeps === at ? kept : text ? [{ text, tokens: [] }] : []);
    counted.current.textContent = "";
    const write = writing(column, asked, own, setState, counted.current);
    let isLatest = true;
    const end = (found) => {
      if (!isLatest) return;
      setState((before) => ({ ...before, ...found, isRunning: false, wait: 0 }));
      running(at, false);
    };
    setState({ isRunning: true });
    running(at, true);
    write.then(end, (error) => {
      const isOfField = at === 0 && FIELDS.includes(error.field ?? "");
      if (isOfField && isLatest) wrong(error);
      end({ error: isOfField ? null : error });
    });
    return () => {
      isLatest = false;
      asked.ended.abort();
    };
  }, [asked]);
  const units = pane.current?.units ?? [];
  const isEmpty = !asked;
  return html`<section class="panel written" hidden=${isEmpty} aria-label=${isAlone ? t("text_written") : column.name}>
    ${isAlone ? html`<h2 class="unseen">${t("text_written")}</h2>` : html`<h2>${column.name}${column.checkpoint != null && html` <span class="soft">${
      typeof column.checkpoint === "number" ? t("step_n", { step: number(column.checkpoint, 0) }) : t("text_last_one")}</span>`}</h2>`}
    <div class=${`pane${place.value.colour === "0" ? "" : " coloured"}`} ref=${box} tabindex="0" role="group"
      aria-label=${t("text_choose")} aria-busy=${String(Boolean(state.isRunning))}></div>
    <${Told} state=${state} counted=${counted} seed=${asked?.settings.seed ?? 0} context=${info?.context} />
    ${chosen >= 0 && units[chosen] && html`<${Alternatives} unit=${units[chosen]} tokens=${tokens} walk=${pane.current.walk}
      close=${() => { pane.current.mark(-1); box.current.focus(); }} isBusy=${state.isRunning}
      pick=${(row) => goOn([...units.slice(0, chosen), taken(units[chosen], row)], at)} />`}
    ${!isEmpty && !state.isRunning && units.length > 0 && html`<${Saves} name=${`${column.name}-${asked.settings.seed ?? 0}`}
      prompt=${asked.prompt} units=${units} />`}
    ${state.command && html`<${Command} command=${state.command} />`}</section>`;
}

/** A token that the reader took instead of the one that was drawn. */
function taken(unit, [id, token, probability, drawn_with]) {
  const [{ alternatives }] = unit.tokens;
  return { text: token, isChosen: true, tokens: [{ id, token, probability, drawn_with, alternatives }] };
}

/** Write into a pane, and give what is to be said of it. */
async function writing(column, asked, pane, setState, counted) {
  const { settings, start, ended } = asked;
  const body = { ...settings, alternatives: ALTERNATIVES, ...(start && { prompt: start }) };
  if (column.checkpoint != null) body.checkpoint = column.checkpoint;
  let count = 0, surprise = 0, done = /** @type {any} */ (null), promptTokens = 0;
  const told = (events) => {
    const units = [];
    for (const { kind, data } of events) {
      if (kind === "piece") units.push({ text: data.text, tokens: data.tokens ?? [] });
      if (kind === "done") done = data;
      if (kind === "begun") {
        promptTokens = data.prompt_tokens;
        setState((before) => ({ ...before, wait: 0, command: data.command }));
      }
    }
    for (const { tokens } of units) {
      count += tokens.length;
      for (const { probability } of tokens) surprise -= Math.log(Math.max(probability, 1e-12));
    }
    pane.add(units);
    counted.textContent = t("text_count", { count: number(count, 0) });
  };
  const figures = () => ({ count, surprise: count ? surprise / count : null, length: promptTokens + count });
  try {
    await stream(column.id, body, ended.signal, told, (wait) => setState((before) => ({ ...before, wait })));
  } catch (error) {
    if (error instanceof Trouble) {
      setState((before) => ({ ...before, ...figures() }));
      throw error;
    }
    return { ...figures(), ended: t("text_stopped") };
  }
  return { ...figures(), ended: done ? t("text_ended") : t("text_stopped") };
}

/** How far the text is, and how it ended. */
function Told({ state, counted, seed, context }) {
  const { isRunning, wait, error, ended, count, surprise, length } = state;
  const facts = ended && count ? [t("text_count", { count: number(count, 0) }), t("text_surprise", { value: number(surprise, 3) }),
    t("text_seed_n", { seed })] : [];
  return html`<div class="told">
    <p class="soft" hidden=${!isRunning || wait > 0} ref=${counted}></p>
    <div role="status">${wait > 0 && html`<p>${t("text_wait", { seconds: number(wait, 0) })}</p>`}
      ${error && html`<p class="wrong">${error.message} ${error.hint} ${count > 0 && t("text_keeps")}</p>`}
      ${!isRunning && ended && html`<p class="soft">${[ended, ...facts].join(" · ")}</p>`}</div>
    ${!isRunning && count > 0 && context > 1 && length > context && html`<p class="soft">${t("text_slid", { context: number(context, 0) })}</p>`}</div>`;
}

/** What else could have come, the likeliest first; each can be taken. */
function Alternatives({ unit, tokens, walk, close, pick, isBusy }) {
  const [first] = unit.tokens, rows = first.alternatives;
  const isThere = rows.some(([id]) => id === first.id);
  const shown = isThere ? rows : [...rows, [first.id, first.token, first.probability, first.drawn_with]];
  const most = shown[0][2], total = probabilityOf(unit);
  const nameOf = ([id, text]) => (tokens ? spelt(tokens, id) : visible(text));
  const isPart = ([, text]) => text.includes(PART);
  const width = (share) => (element) => { if (element) element.style.width = `${100 * share}%`; };
  const facts = [unit.isChosen && t("text_yours"), t("text_odds", {
    probability: odds(total), drawn: odds(unit.tokens.reduce((product, one) => product * one.drawn_with, 1)),
    nats: number(-Math.log(Math.max(total, 1e-12)), 2) }), unit.tokens.length > 1 && t("text_parts", { count: unit.tokens.length })];
  return html`<div class="alternatives" role="group" aria-label=${t("text_instead")}>
    <div class="row"><h3>${t("text_instead")} <code class="token">${visible(unit.text)}</code></h3>
      <span class="row tight"><button class="plain" onClick=${() => walk(-1)} aria-label=${t("text_before")}>←</button>
        <button class="plain" onClick=${() => walk(1)} aria-label=${t("text_after")}>→</button>
        <button class="plain" onClick=${close}>${t("close")}</button></span></div>
    <p class="soft" role="status">${facts.filter(Boolean).join(" ")}</p>
    <div class="odds"><table><thead><tr><th scope="col">${t("text_token")}</th><th scope="col" colspan="2">${t("text_model")}</th>
        <th scope="col" class="n">${t("text_drawn")}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr class=${row[0] === first.id ? "taken" : ""}>
        <th scope="row"><button class="plain token" disabled=${isBusy || isPart(row)} onClick=${() => pick(row)}
          title=${isPart(row) ? t("text_part") : null} aria-label=${t("text_take", { token: nameOf(row) })}>${nameOf(row)}</button></th>
        <td class="bar"><i ref=${width(row[2] / most)}></i></td>
        <td class="n">${odds(row[2])}</td><td class="n">${row[3] ? odds(row[3]) : t("text_cut_out")}</td></tr>`)}</tbody></table></div>
    <p class="soft">${t("text_take_hint")}</p></div>`;
}

/** The text and its tokens as files. */
function Saves({ name, prompt, units }) {
  const text = prompt + textOf(units);
  const table = () => saveTable(name, [["place", "token", "id", "probability", "drawn_with", "chosen"],
    ...units.flatMap(({ tokens, isChosen }) => tokens.map((one) => ({ ...one, isChosen })))
      .map(({ token, id, probability, drawn_with, isChosen }, i) => [i + 1, visible(token), id, probability, drawn_with, isChosen ? 1 : 0])]);
  return html`<p class="row saves"><button class="plain" onClick=${() => save(`${name}.txt`, new Blob([text], { type: "text/plain" }))}>${t("text_save")}</button>
    <button class="plain" onClick=${table}>${t("text_save_tokens")}</button></p>`;
}

/** @param {{command: string}} of */
export function Command({ command }) {
  const shown = useRef(/** @type {any} */ (null));
  const [isCopied, setCopied] = useState(false);
  useEffect(() => { setCopied(false); }, [command]);
  const copy = async () => {
    getSelection()?.selectAllChildren(shown.current); // where the browser lets no script copy, it is marked at least
    try {
      await navigator.clipboard.writeText(command);
      setCopied(true);
    } catch { /* marked */ }
  };
  return html`<details class="command"><summary>${t("command")}</summary>
    <pre ref=${shown} tabindex="0" role="group" aria-label=${t("command")}>${command}</pre>
    <p class="row"><button class="plain" onClick=${copy}>${t("text_copy")}</button>
      <span role="status" class="soft">${isCopied && t("text_copied")}</span></p></details>`;
}
