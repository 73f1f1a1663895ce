/** The first visit: three trainings to choose from, and what to look at once one of them runs. */

import { useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { html } from "./html.js";
import { address, go, keep, place } from "./place.js";
import { language, number, t } from "./words.js";

/** Three that need no network and are done soon. @type {{name: string, body: Record<string, any>, seconds: number}[]} */
const FIRST = [
  { name: "images", body: { preset: "vae-mnist", data: "digits", size: "tiny" }, seconds: 20 },
  { name: "points", body: { preset: "gan-ring", size: "tiny" }, seconds: 20 },
  { name: "text", body: { preset: "gpt-shakespeare", size: "tiny" }, seconds: 30 },
];
const TEXTS = { pt: "machado", en: "toy-language" };

export function FirstVisit() {
  const [asked, setAsked] = useState("");
  const begin = async ({ name, body, seconds }) => {
    setAsked(name);
    const text = name === "text" ? { data: TEXTS[language()] ?? TEXTS.en } : {};
    const card = await attempt(() => askJson("api/runs", { body: { ...body, ...text, budget: seconds } }));
    setAsked("");
    if (card) go("run", { id: card.id, guide: "1" });
  };
  return html`<div class="first"><h1>${t("welcome")}</h1><p>${t("welcome_hint")}</p>
    <ul class="cards">${FIRST.map((one) => html`<li class="panel" key=${one.name}><h2>${t(`first_${one.name}`)}</h2>
      <p>${t(`first_${one.name}_hint`)}</p>
      <button type="button" class="button" disabled=${Boolean(asked)} onClick=${() => begin(one)}>
        ${asked === one.name ? t("starting") : t("train_in", { seconds: number(one.seconds, 0) })}</button></li>`)}</ul>
    <p><a href=${address("new_run")}>${t("or_choose")}</a> · <a href=${address("data")}>${t("or_own_data")}</a></p></div>`;
}

/** What to look at next, while somebody is shown around. @param {{run: any}} of */
export function Guide({ run }) {
  if (place.value.guide !== "1") return null;
  const { id } = run, isDone = run.state === "done";
  const steps = [
    [t("guide_curves"), ""], [t("guide_samples"), ""],
    [t("guide_lesson"), isDone && address("lessons", { id })],
    run.room && [t("guide_room"), isDone && address(run.room, { id })],
    [t("guide_second"), isDone && address("new_run", { preset: run.preset, data: run.data, size: run.size, seed: "1" })], [t("guide_report"), isDone && address("report", { id })],
  ].filter(Boolean);
  return html`<aside class="panel guide"><div class="row heading"><h2>${t("guide")}</h2>
      <button type="button" class="plain" onClick=${() => keep({ guide: null })}>${t("close")}</button></div>
    <ol>${steps.map(([text, link]) => html`<li>${link ? html`<a href=${link}>${text}</a>` : text}</li>`)}</ol>
    ${!isDone && html`<p class="soft">${t("guide_wait")}</p>`}</aside>`;
}
