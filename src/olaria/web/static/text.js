/** The room of models that write: a text that goes on from the reader's, token by token, or translations. */

import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { address, keep, place } from "./place.js";
import { RunHeading, useCard } from "./run_heading.js";
import { Column, textOf } from "./text_column.js";
import { Look } from "./text_look.js";
import { Painted } from "./text_paint.js";
import { BANDS } from "./text_pane.js";
import { LONGEST, PromptField, unknownWords, usePrompt, useTokens } from "./text_prompt.js";
import { columnsOf, drawSettings, Settings, useBeside, useInfo, useOthers } from "./text_settings.js";
import { Translator } from "./text_translation.js";
import { number, t } from "./words.js";

export function TextRoom() {
  const run = useCard(), info = useInfo(place.value.id);
  if (!run) return html`<h1>${t("text")}</h1><p class="soft">${t("loading")}</p>`;
  return html`<${RunHeading} run=${run} />
    ${!info ? html`<p class="soft">${t("loading")}</p>`
      : !info.checkpoints.length ? html`<p>${t("text_untrained")}</p><p><a class="button" href=${address("run", { id: run.id })}>${t("run")}</a></p>`
      : html`<${info.kind === "pairs" ? Translator : Writer} run=${run} info=${info} />`}`;
}

/** What a run begins with where nothing is given, as the workflow has it. */
function openingOf({ kind, alphabet = [], vocabulary = [] }) {
  const letters = kind === "char" ? alphabet : kind === "word" ? vocabulary : ["\n"];
  return letters.includes("\n") ? "\n" : letters[0] ?? "";
}

/** @param {{run: any, info: any}} of */
function Writer({ run, info }) {
  const others = useOthers(run), beside = useBeside(run, others), columns = columnsOf(run, beside);
  const [prompt, type] = usePrompt();
  const [asked, setAsked] = useState(/** @type {import("./text_column.js").Asked | null} */ (null));
  const [busy, setBusy] = useState(/** @type {boolean[]} */ ([]));
  const [wrong, setWrong] = useState(/** @type {any} */ (null));
  const panes = useRef(/** @type {any[]} */ ([]));
  const field = useRef(/** @type {any} */ (null));
  const isRunning = busy.some(Boolean);
  const running = (at, is) => setBusy((before) => Object.assign([...before], { [at]: is }));

  const write = (kept = /** @type {any[]} */ ([]), keeps = -1) => {
    asked?.ended.abort();
    setWrong(null);
    const after = textOf(kept), opening = after || info.kind === "codes" ? openingOf(info.tokenizer) : "";
    const isKept = prompt.length <= LONGEST && after.length <= LONGEST;
    keep({ on: isKept ? "1" : null, after: isKept && after ? after : null });
    setAsked({ prompt, start: (prompt || opening) + after, kept, keeps, settings: drawSettings(), ended: new AbortController() });
  };
  const again = () => {
    keep({ seed: String((Number(place.value.seed) || 0) + 1) });
    write(asked?.kept ?? [], asked?.keeps ?? -1);
  };
  const edit = () => {
    type(prompt + textOf(panes.current[0].units));
    keep({ on: null, after: null });
    setAsked(null);
    field.current.focus();
  };
  useEffect(() => {
    const { on, after = "" } = place.value;
    if (on) write(after ? [{ text: after, tokens: [] }] : []);
    return undefined;
  }, []);
  // Which runs write is a part of what is asked.
  const who = columns.map(({ id, checkpoint }) => `${id}.${checkpoint ?? ""}`).join();
  const before = useRef(who);
  useEffect(() => {
    const isLess = before.current.startsWith(`${who},`) && !isRunning; // what stays is written already
    if (before.current !== who && asked && !isLess) write(asked.kept, asked.keeps);
    before.current = who;
  }, [who]);
  const hasText = Boolean(asked) && !isRunning;
  return html`<div class="text-parts">
    <div class="panel prompt"><${Prompt} prompt=${prompt} type=${type} info=${info} field=${field} wrong=${wrong} write=${() => write()} />
      <div class="row actions">
        ${isRunning ? html`<button class="button" onClick=${() => asked?.ended.abort()}>${t("stop")}</button>`
          : html`<button class="button" onClick=${() => write()}>${t("text_write")}</button>`}
        <button class="plain" disabled=${!hasText} onClick=${again}>${t("text_again")}</button>
        ${columns.length === 1 && html`<button class="plain" disabled=${!hasText} onClick=${() => write(panes.current[0].units, 0)}>${t("text_go_on")}</button>`}
        ${columns.length === 1 && html`<button class="plain" disabled=${!hasText} onClick=${edit}>${t("text_edit")}</button>`}
      </div></div>
    <${Settings} run=${run} info=${info} beside=${beside} others=${others} wrong=${wrong} />
    <div class="results">${asked && html`<${Legend} />`}
      <div class=${`columns of-${columns.length}`}>${columns.map((column, at) => html`<${Column} key=${`${at}-${column.id}`} column=${column} at=${at}
        isAlone=${columns.length === 1} asked=${asked} running=${running} wrong=${setWrong} goOn=${write} panes=${panes}
        info=${at ? beside?.info : info} />`)}</div>
      ${info.kind === "codes" && html`<${Painted} run=${run} checkpoint=${columns[0].checkpoint} />`}
      ${info.kind === "text" && html`<${Look} run=${run} text=${asked ? asked.prompt : prompt} />`}</div></div>`;
}

/** Where the text begins, and what is to be known of it. */
function Prompt({ prompt, info, ...more }) {
  const found = useTokens(prompt, info.tokenizer), count = number(found.ids.length, 0), context = number(info.context, 0);
  const isCut = found.ids.length > info.context;
  const length = info.context && t(info.context === 1 ? "text_one" : isCut ? "text_cut" : "text_tokens", { count, context });
  const notes = prompt ? [length, unknownWords(found)] : [t("text_empty")];
  return html`<${PromptField} label=${t("text_prompt")} prompt=${prompt} notes=${notes} ...${more} />`;
}

/** What the colours say, and whether they are shown. */
function Legend() {
  const isOn = place.value.colour !== "0", percent = (value) => `${number(100 * value, 0)}%`;
  const nameOf = ({ low, high }) => (low === 0 ? t("text_below", { high: percent(high) })
    : high === 1 ? t("text_from", { low: percent(low) }) : `${percent(low)}–${percent(high)}`);
  return html`<div class="row legend-row"><label class="check"><input type="checkbox" checked=${isOn}
      onChange=${(event) => keep({ colour: event.target.checked ? null : "0" })} />${t("text_colour")}</label>
    ${isOn && html`<ul class="bands">${BANDS.map((one) => html`<li><i class=${`t b${one.band}`}></i>${nameOf(one)}</li>`)}</ul>`}</div>`;
}
