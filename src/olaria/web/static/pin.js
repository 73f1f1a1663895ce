/** Pinning a view to the report: its picture, what is said of it, what shows it again, and its numbers. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, Trouble } from "./api.js";
import { html } from "./html.js";
import { address, place } from "./place.js";
import { t } from "./words.js";

const MOST_CAPTION = 2000;

/** @param {Blob} blob */
const base64 = (blob) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(String(reader.result).split(",")[1]);
  reader.onerror = failed;
  reader.readAsDataURL(blob);
});

/** @param {Blob | HTMLCanvasElement | null} picture */
const blobOf = (picture) => (picture instanceof HTMLCanvasElement
  ? new Promise((done) => picture.toBlob(done, "image/png")) : Promise.resolve(picture));

/** The report of what the page shows. */
function reportAddress() {
  const { id, runs, beside } = place.value;
  if (runs) return address("report", { runs });
  return id ? address("report", { id, ...(beside && { beside }) }) : address("home");
}

/**
 * A button that pins a view to the report, after its caption was read over.
 * @param {object} of
 * @param {() => any} of.picture gives a canvas or a PNG as a Blob, or a promise of one
 * @param {() => (string | number | null | undefined)[][] | null} [of.table] its numbers, the names of the columns first
 * @param {string} of.caption to begin with
 * @param {string} [of.command] that shows it again in the terminal; else the page's address does
 */
export function PinButton({ picture, table, caption, command = "" }) {
  const [shown, setShown] = useState(/** @type {{blob: Blob, url: string} | null} */ (null));
  const open = async () => {
    const blob = await blobOf(await picture());
    if (blob) setShown({ blob, url: URL.createObjectURL(blob) });
  };
  const close = () => {
    if (shown) URL.revokeObjectURL(shown.url);
    setShown(null);
  };
  return html`<button type="button" class="plain pin" onClick=${open}>${t("pin")}</button>
    ${shown && html`<${PinDialog} shown=${shown} close=${close} caption=${caption} command=${command} table=${table} />`}`;
}

/** @param {{shown: {blob: Blob, url: string}, close: () => void, caption: string, command: string, table?: () => any}} of */
function PinDialog({ shown, close, caption, command, table }) {
  const box = useRef(/** @type {any} */ (null)), words = useRef(/** @type {any} */ (null));
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const [state, setState] = useState("");
  useEffect(() => { box.current.showModal(); words.current.select(); }, []);
  const pin = async (event) => {
    event.preventDefault();
    setState("busy");
    setWrong(null);
    try {
      await askJson("api/figures", { body: {
        picture: await base64(shown.blob), caption: words.current.value, command,
        address: `#${new URLSearchParams(place.value)}`, table: table?.() ?? null,
      } });
      setState("done");
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      setWrong(error);
      setState("");
    }
  };
  return html`<dialog ref=${box} class="panel pin-dialog" aria-label=${t("pin")} onClose=${close}>
    ${state === "done" ? html`<p role="status">${t("pinned")}</p>
      <div class="row"><a class="button" href=${reportAddress()} onClick=${close}>${t("to_report")}</a>
        <button type="button" class="plain" onClick=${close}>${t("close")}</button></div>`
    : html`<form onSubmit=${pin}><h2>${t("pin")}</h2><img src=${shown.url} alt="" />
      <label>${t("caption")}<textarea ref=${words} rows="3" maxlength=${MOST_CAPTION}>${caption}</textarea></label>
      ${wrong && html`<p class="wrong" role="alert">${wrong.message} ${wrong.hint}</p>`}
      <div class="row"><button class="button" disabled=${state === "busy"}>${t("pin_it")}</button>
        <button type="button" class="plain" onClick=${close}>${t("cancel")}</button></div></form>`}</dialog>`;
}
