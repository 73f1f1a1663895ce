/** A look inside at the reader's own text: attention, a row of the bigram's table, or the map of a translation. */

import { html } from "./html.js";
import { LivePart, useLiving } from "./live_part.js";
import { keep, place } from "./place.js";
import { t } from "./words.js";

const MOST = 120; // letters at the end of a text, as many tokens as a part shows

/** The model travels to the page once the reader opens this. @param {{run: any, text: string}} of */
export function Look({ run, text }) {
  const isOpen = place.value.look === "1";
  const kind = ["bigram", "translation"].includes(run.family) ? run.family : "attention";
  const toggled = ({ target }) => { if (target.open !== isOpen) keep({ look: target.open ? "1" : null }); };
  return html`<details class="panel look" open=${isOpen} onToggle=${toggled}><summary>${t(`text_look_${kind}`)}</summary>
    ${isOpen && html`<p class="soft">${t("text_look_why")} ${kind === "translation" && t("text_look_greedy")}</p><${Parts} run=${run} text=${text} />`}</details>`;
}

/** @param {{run: any, text: string}} of */
function Parts({ run, text }) {
  const { found, wrong } = useLiving(run);
  if (wrong) return html`<p class="wrong">${wrong.message} ${wrong.hint}</p>`;
  if (!found) return html`<p class="soft" role="status">${t("loading")}</p>`;
  const own = text.trim() ? { text: [...text].slice(-MOST).join("") } : {};
  return html`${found.notes.map((note) => html`<p class="soft">${note}</p>`)}
    ${found.parts.map(({ name, settings }) => html`<${LivePart} key=${`${name}-${own.text ?? ""}`} living=${found} name=${name}
      settings=${{ ...settings, ...own }} />`)}`;
}
