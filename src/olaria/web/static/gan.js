/** The room of a GAN. */

import { html } from "./html.js";
import { LivePart, useLiving } from "./live_part.js";
import { RunHeading, useCard } from "./run_heading.js";
import { t } from "./words.js";

export function Gan() {
  const run = useCard();
  if (!run) return html`<h1 class="soft">${t("loading")}</h1>`;
  return html`<${RunHeading} run=${run} /><${Parts} run=${run} />`;
}

/** @param {{run: any}} of */
function Parts({ run }) {
  const { found, wrong } = useLiving(run);
  if (wrong) return html`<p class="wrong">${wrong.message} ${wrong.hint}</p>`;
  if (!found) return html`<p class="soft" role="status">${t("loading")}</p>`;
  return html`${found.notes.map((note) => html`<p class="soft">${note}</p>`)}
    ${found.parts.map(({ name }) => html`<${LivePart} key=${name} living=${found} name=${name} />`)}`;
}
