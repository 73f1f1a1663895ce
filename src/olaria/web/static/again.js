/** What begins from a run: changed and trained anew, trained longer, repeated. */

import { useState } from "preact/hooks";
import { askJson, attempt, Trouble } from "./api.js";
import { html } from "./html.js";
import { go } from "./place.js";
import { number, t } from "./words.js";

/** Open New run filled with what a run was made of. @param {any} run */
async function branch(run) {
  const found = await attempt(() => askJson(`api/runs/${run.id}/choices`));
  if (!found) return;
  const { preset, data, size, seed, settings, steps, budget, start } = found.choices;
  const words = { preset, size, seed, data, start, settings: settings.join("\n") };
  const end = steps == null ? { amount: Number((budget / 60).toFixed(3)) } : { by: "by_steps", amount: steps };
  const given = Object.entries({ ...words, ...end, of: run.name, notes: found.notes.join("\n") });
  go("new_run", Object.fromEntries(given.filter(([, value]) => value != null && value !== "").map(([name, value]) => [name, String(value)])));
}

/** @param {{run: any}} of */
export function Again({ run }) {
  const [isLonger, setLonger] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const repeat = async () => {
    setBusy(true);
    const card = await attempt(() => askJson("api/runs", { body: { replay: run.id } }));
    setBusy(false);
    if (card) go("run", { id: card.id });
  };
  const isDone = run.state === "done";
  return html`<details class="again"><summary class="plain as-button">${t("begin_again")}</summary><div class="panel menu">
      <button type="button" class="plain" onClick=${() => branch(run)}>${t("branch")}</button>
      ${isDone && html`<button type="button" class="plain" aria-expanded=${String(isLonger)} onClick=${() => setLonger(!isLonger)}>${t("longer")}</button>`}
      ${isLonger && html`<${Longer} run=${run} />`}
      ${isDone && html`<button type="button" class="plain" disabled=${isBusy} onClick=${repeat}>${t("repeat")}</button>`}
    </div></details>`;
}

/** How far a finished run is to be trained in all. @param {{run: any}} of */
function Longer({ run }) {
  const isByTime = run.end?.steps == null;
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const [amount, setAmount] = useState(String(isByTime ? Number((run.end.budget_s / 30).toFixed(3)) : 2 * run.steps));
  const start = async (event) => {
    event.preventDefault();
    setWrong(null);
    try {
      const body = isByTime ? { budget: `${amount}m` } : { steps: Number(amount) };
      go("run", { id: (await askJson(`api/runs/${run.id}/extend`, { body })).id });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      setWrong(error);
    }
  };
  return html`<form class="longer" onSubmit=${start} novalidate><label>${t(isByTime ? "minutes_in_all" : "steps_in_all")}
      <input type="number" min="0" step="any" value=${amount} onInput=${(event) => setAmount(event.target.value)} /></label>
    <p class="soft">${t("had_so_far", { steps: number(run.steps, 0) })}</p>
    ${wrong && html`<p class="wrong" role="alert">${wrong.message} ${wrong.hint}</p>`}
    <button class="button">${t("start")}</button></form>`;
}
