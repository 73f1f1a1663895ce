/** An encoder–decoder: sentences, a line each, and the translation of each as it comes. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Trouble } from "./api.js";
import { legible } from "play/spelling.js";
import { html } from "./html.js";
import { keep, place } from "./place.js";
import { save, saveTable } from "./save.js";
import { Command } from "./text_column.js";
import { Look } from "./text_look.js";
import { LONGEST, PromptField, unknownWords, usePrompt, useTokens } from "./text_prompt.js";
import { columnsOf, FIELDS, searchSettings, Settings, useBeside, useOthers } from "./text_settings.js";
import { stream } from "./text_stream.js";
import { number, t } from "./words.js";

const SHORT = 16; // letters that stay on one line

/** The lines of a text that are not blank. @param {string} text */
const sentencesOf = (text) => text.split(/\r\n?|\n/).filter((line) => line.trim());

/** @param {{run: any, info: any}} of */
export function Translator({ run, info }) {
  const others = useOthers(run), beside = useBeside(run, others), columns = columnsOf(run, beside);
  const [prompt, type] = usePrompt();
  const [asked, setAsked] = useState(/** @type {any} */ (null));
  const [wrong, setWrong] = useState(/** @type {any} */ (null));
  const [made, setMade] = useState(/** @type {any[]} */ ([])); // of each column
  const field = useRef(/** @type {any} */ (null));
  const isRunning = made.some((one) => one?.isRunning);
  const sentences = sentencesOf(prompt);
  const mapped = place.value.map ?? asked?.sentences[0] ?? "";
  const map = (source) => keep({ map: source, look: "1", "translation.text": null, "translation.step": null });

  const write = () => {
    asked?.ended.abort();
    setWrong(null);
    if (!sentences.length) {
      setWrong({ field: "prompt", message: t("text_no_sentence"), hint: "" });
      return field.current?.focus();
    }
    keep({ on: prompt.length <= LONGEST ? "1" : null });
    const next = { sentences, settings: searchSettings(), ended: new AbortController(), columns };
    setAsked(next);
    setMade(columns.map(() => ({ isRunning: true, texts: [] })));
    columns.forEach((column, at) => translate(column, at, next));
    return undefined;
  };
  const translate = (column, at, { settings, ended }) => {
    const change = (more) => { if (!ended.signal.aborted || more.isRunning === false) setMade((before) =>
      before.map((one, i) => (i === at ? { ...one, ...more, texts: more.text ? [...one.texts, more.text] : one.texts } : one))); };
    const body = { ...settings, prompt, lines: true, ...(column.checkpoint != null && { checkpoint: column.checkpoint }) };
    const told = (events) => events.forEach(({ kind, data }) => {
      if (kind === "begun") change({ command: data.command, wait: 0 });
      if (kind === "piece") change({ text: data.text });
    });
    stream(column.id, body, ended.signal, told, (wait) => change({ wait })).then(() => change({ isRunning: false }), (error) => {
      const isOfField = at === 0 && error instanceof Trouble && FIELDS.includes(error.field ?? "");
      if (isOfField) setWrong(error);
      change({ isRunning: false, wait: 0, error: isOfField || !(error instanceof Trouble) ? null : error });
    });
  };
  useEffect(() => {
    if (place.value.on) write();
    return () => asked?.ended.abort();
  }, []);
  const who = columns.map(({ id, checkpoint }) => `${id}.${checkpoint ?? ""}`).join();
  const before = useRef(who);
  useEffect(() => {
    if (before.current !== who && asked) write();
    before.current = who;
  }, [who]);
  return html`<div class="text-parts">
    <div class="panel prompt"><${Sources} prompt=${prompt} type=${type} info=${info} field=${field} wrong=${wrong} write=${write} sentences=${sentences} />
      <div class="row actions">${isRunning
        ? html`<button class="button" onClick=${() => asked?.ended.abort()}>${t("stop")}</button>`
        : html`<button class="button" onClick=${write}>${t("text_translate")}</button>`}</div></div>
    <${Settings} run=${run} info=${info} beside=${beside} others=${others} wrong=${wrong} />
    <div class="results">${asked && html`<${Table} name=${run.name} asked=${asked} made=${made} mapped=${mapped} map=${map} />`}
      <${Look} run=${run} text=${mapped} /></div></div>`;
}

/** The sentences, and what is to be known of them. */
function Sources({ info, sentences, ...more }) {
  const longest = sentences.reduce((one, other) => (other.length > one.length ? other : one), "");
  const all = useTokens(sentences.join(""), info.tokenizer), one = useTokens(longest, info.tokenizer);
  const count = number(one.ids.length, 0), context = number(info.context, 0);
  const notes = [sentences.length ? t("text_sentences", { count: sentences.length }) : t("text_sentence_hint"),
    one.ids.length > info.context && t("text_sentence_long", { count, context }), unknownWords(all)];
  return html`<${PromptField} label=${t("text_sources")} notes=${notes} ...${more} />`;
}

/** Sources and translations; of two columns, those that differ are marked. */
function Table({ name, asked, made, mapped, map }) {
  const { sentences, columns } = asked;
  const rows = sentences.map((source, i) => [source, ...made.map((one) => one.texts[i]?.replace(/\n$/, ""))]);
  const head = [t("text_source"), ...columns.map((one) => (columns.length > 1 ? titleOf(one) : t("text_translation")))];
  const isDone = made.every((one) => !one.isRunning), count = Math.min(...made.map((one) => one.texts.length));
  const waits = Math.max(...made.map((one) => one.wait ?? 0));
  const errors = made.map((one, at) => one.error && `${columns.length > 1 ? `${titleOf(columns[at])}: ` : ""}${one.error.message} ${one.error.hint ?? ""}`);
  const differ = ([, first, second]) => second !== undefined && first !== undefined && first !== second;
  return html`<section class="panel translations"><h2 class="unseen">${t("text_translations")}</h2>
    <div role="status">${waits > 0 && html`<p>${t("text_wait", { seconds: number(waits, 0) })}</p>`}
      ${errors.filter(Boolean).map((text) => html`<p class="wrong">${text}</p>`)}
      <p class="soft">${t("text_translated", { count: number(count, 0), total: number(sentences.length, 0) })}${
        columns.length > 1 && isDone ? ` · ${t("text_differ", { count: number(rows.filter(differ).length, 0) })}` : ""}</p></div>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("text_translations")}><table><thead><tr>${head.map((one) => html`<th scope="col">${one}</th>`)}<td></td></tr></thead>
      <tbody>${rows.map((row) => html`<tr class=${differ(row) ? "differs" : ""}><th scope="row">${legible(row[0])}</th>
        ${row.slice(1).map((text) => html`<td class=${(text ?? "").length <= SHORT ? "short" : ""}>${text === undefined ? "…" : text ? legible(text) : html`<span class="soft">${t("text_no_words")}</span>`}</td>`)}
        <td class="mapped"><button class="plain" aria-pressed=${String(row[0] === mapped)} aria-label=${t("text_map_of", { source: row[0] })}
          onClick=${() => map(row[0])}>${t("text_map")}</button></td></tr>`)}</tbody></table></div>
    ${isDone && count > 0 && html`<p class="row saves">
      <button class="plain" onClick=${() => save(`${name}.txt`, new Blob([rows.map((row) => `${row[1] ?? ""}\n`).join("")], { type: "text/plain" }))}>${t("text_save")}</button>
      <button class="plain" onClick=${() => saveTable(name, [head, ...rows])}>${t("text_save_table")}</button></p>`}
    ${made[0]?.command && html`<${Command} command=${made.map((one) => one.command).filter(Boolean).join("\n")} />`}</section>`;
}

const titleOf = ({ name, checkpoint }) => (checkpoint == null ? name : `${name} · ${
  typeof checkpoint === "number" ? t("step_n", { step: number(checkpoint, 0) }) : t("text_last_one")}`);
