/** A button of what cannot be undone: it asks once more. */

import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { t } from "./words.js";

const WAIT_MS = 8000; // after which the question is taken back

/** @param {{says: string, asks: string, act: () => any}} of */
export function Twice({ says, asks, act }) {
  const [isAsked, setAsked] = useState(false);
  useEffect(() => {
    if (!isAsked) return undefined;
    const timer = setTimeout(() => setAsked(false), WAIT_MS);
    return () => clearTimeout(timer);
  }, [isAsked]);
  const sure = () => { setAsked(false); act(); };
  return isAsked ? html`<span class="row twice" role="status"><button type="button" class="plain sure" onClick=${sure}>${asks}</button>
      <button type="button" class="plain" onClick=${() => setAsked(false)}>${t("cancel")}</button></span>`
    : html`<button type="button" class="plain" onClick=${() => setAsked(true)}>${says}</button>`;
}
