/** Samples of runs as pictures or text; fetched, since an image cannot send a token, and kept while the page is open. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "./api.js";
import { html } from "./html.js";
import { t } from "./words.js";

const MOST = 300; // kept at once
/** @type {Map<string, Promise<string>>} address of a picture, or text */
const kept = new Map();

/**
 * @param {string} id of a run
 * @param {number} step
 * @param {string} kind
 * @returns {Promise<string>}
 */
export function sampleOf(id, step, kind) {
  const key = `${id}/${step}`;
  const found = kept.get(key);
  if (found) return found;
  const made = ask(`api/runs/${id}/samples/${step}`).then(async (answer) =>
    (kind === "png" ? URL.createObjectURL(await answer.blob()) : answer.text()));
  made.catch(() => kept.delete(key));
  kept.set(key, made);
  if (kept.size > MOST) {
    const [oldest, address] = /** @type {[string, Promise<string>]} */ (kept.entries().next().value);
    kept.delete(oldest);
    address.then((text) => text.startsWith("blob:") && URL.revokeObjectURL(text), () => {});
  }
  return made;
}

const PAPER_WIDTH = 640; // at least, so that its pixels stay sharp on paper

/**
 * A picture with each of its pixels made a square of several.
 * @param {string} id of a run
 * @param {number} step
 */
export async function enlarged(id, step) {
  const image = new Image();
  image.src = await sampleOf(id, step, "png");
  await image.decode();
  const canvas = document.createElement("canvas");
  const times = Math.max(1, Math.ceil(PAPER_WIDTH / image.naturalWidth));
  canvas.width = times * image.naturalWidth;
  canvas.height = times * image.naturalHeight;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * A sample, fetched once it comes near the screen; the one before stays until the next is there.
 * @param {{id: string, step: number | null, kind: string | null, label: string}} of
 */
export function Sample({ id, step, kind, label }) {
  const box = useRef(/** @type {any} */ (null));
  const [isNear, setNear] = useState(false);
  const [content, setContent] = useState("");
  useEffect(() => {
    const watch = new IntersectionObserver((found) => {
      if (found.some((one) => one.isIntersecting)) { setNear(true); watch.disconnect(); }
    }, { rootMargin: "300px" });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!isNear || step == null || !kind) return undefined;
    let isWanted = true;
    sampleOf(id, step, kind).then((found) => isWanted && setContent(found), () => {});
    return () => { isWanted = false; };
  }, [isNear, id, step, kind]);
  const shown = step == null ? html`<span class="soft">${t("no_picture")}</span>`
    : !content ? null
    : kind === "png" ? html`<img src=${content} alt=${label} />` : html`<pre aria-label=${label}>${content}</pre>`;
  return html`<div class="sample" ref=${box}>${shown}</div>`;
}
