/** An image of a model as a canvas of its own pixels, as large as its style says. */

import { useEffect, useRef } from "preact/hooks";
import { contextOf, toCanvas } from "play/canvas.js";
import { html } from "./html.js";

/**
 * @param {object} of
 * @param {ArrayLike<number> | null} of.pixels in [0, 1], (C, H, W); nothing is drawn where null
 * @param {number[]} of.shape [C, H, W]
 * @param {string} [of.label] what is seen; none where a button around it says so
 */
export function Picture({ pixels, shape, label }) {
  const canvas = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const context = contextOf(canvas.current);
    context.clearRect(0, 0, shape[2], shape[1]);
    if (pixels) context.drawImage(toCanvas(pixels, shape), 0, 0);
  }, [pixels]);
  const said = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<canvas class="picture" ref=${canvas} width=${shape[2]} height=${shape[1]} ...${said}></canvas>`;
}
