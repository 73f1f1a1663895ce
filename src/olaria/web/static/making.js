/** Pages that the studio makes and shows in a frame that can do nothing to it: lessons and reports. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, Trouble } from "./api.js";
import { html } from "./html.js";
import { t } from "./words.js";

const TICK_MS = 1000;

/**
 * Making one page after the other: what was made, how long it has taken, and what went wrong.
 * @param {(found: any) => void} [made]
 */
export function useMaking(made = () => {}) {
  const [seconds, setSeconds] = useState(/** @type {number | null} */ (null));
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const ended = useRef(/** @type {AbortController | null} */ (null));
  const stop = () => { ended.current?.abort(); };
  useEffect(() => stop, []);
  /**
   * @param {string} path
   * @param {any} body
   */
  const make = async (path, body) => {
    stop();
    const own = ended.current = new AbortController(), began = Date.now();
    const timer = setInterval(() => setSeconds(Math.round((Date.now() - began) / 1000)), TICK_MS);
    setWrong(null);
    setSeconds(0);
    try {
      const found = await askJson(path, { body, signal: own.signal });
      made(found);
      return found;
    } catch (error) {
      if (error instanceof Trouble) setWrong(error);
      else if (!own.signal.aborted) throw error;
      return null;
    } finally {
      clearInterval(timer);
      if (ended.current === own) setSeconds(null);
    }
  };
  return { make, stop, seconds, wrong };
}

/** @param {{seconds: number | null, wrong: Trouble | null, stop: () => void, says: string}} of */
export function Making({ seconds, wrong, stop, says }) {
  return html`<div role="status" class="making">
    ${seconds !== null && html`<p class="row"><progress aria-label=${says}></progress>
      <span>${says}</span> <span class="soft">${t("seconds", { value: seconds })}</span>
      <button type="button" class="plain" onClick=${stop}>${t("cancel")}</button></p>`}
    ${wrong && html`<p class="wrong">${wrong.message} ${wrong.hint}</p>`}</div>`;
}

/**
 * A page in a frame: its scripts run, and reach nothing of the studio's.
 * @param {{page: string, title: string, at?: string}} of; `at` is what the frame shows first, with its #
 */
export const Framed = ({ page, title, at = "" }) => html`<iframe class="framed" key=${page + at} src=${page + at}
  title=${title} sandbox="allow-scripts allow-downloads"></iframe>`;
