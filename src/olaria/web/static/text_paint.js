/** Images that a model of codes writes line by line, painted by the run that the codes are of. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, Trouble } from "./api.js";
import { html } from "./html.js";
import { place } from "./place.js";
import { save } from "./save.js";
import { t } from "./words.js";

/** @param {{run: any, checkpoint?: number | string}} of */
export function Painted({ run, checkpoint }) {
  const [shown, show] = useState(/** @type {any} */ ({}));
  const ended = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => ended.current?.abort(), []);
  const { temperature, seed } = place.value;
  const paint = async () => {
    const own = ended.current = new AbortController();
    show((before) => ({ ...before, isBusy: true, error: null }));
    const body = { ...(temperature && { temperature: Number(temperature) }), seed: Number(seed) || 0, ...(checkpoint != null && { checkpoint }) };
    try {
      const picture = await (await ask(`api/runs/${run.id}/draw`, { body, signal: own.signal })).blob();
      show({ picture, address: URL.createObjectURL(picture), seed: body.seed });
    } catch (error) {
      if (own.signal.aborted) return;
      show({ error: error instanceof Trouble ? error : null });
    }
  };
  return html`<section class="panel painted"><h2>${t("text_painted")}</h2><p class="soft">${t("text_why_painted")}</p>
    <p class="row"><button class="button" disabled=${shown.isBusy} onClick=${paint}>${shown.isBusy ? t("loading") : t("text_paint")}</button>
      ${shown.picture && html`<button class="plain" onClick=${() => save(`${run.name}-${shown.seed}.png`, shown.picture)}>${t("save_png")}</button>`}</p>
    <div role="status">${shown.error && html`<p class="wrong">${shown.error.message} ${shown.error.hint}</p>`}</div>
    ${shown.address && html`<img src=${shown.address} alt=${t("text_painted")} />`}</section>`;
}
