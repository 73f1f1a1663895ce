/** Small images, of which one is chosen. */

import { drawImage, makeImage } from "./canvas.js";
import { make, press } from "./elements.js";

const SIDE = 44;

/**
 * @param {string} label before them
 * @param {string[]} names of the images
 * @param {number[]} shape [C, H, W]
 * @param {(place: number) => void} choose
 * @param {boolean} [isNamed] whether the names are seen: what a decoder draws may look like another class
 */
export function makeThumbs(label, names, shape, choose, isNamed = false) {
  const canvases = names.map(() => makeImage(SIDE, shape));
  const buttons = canvases.map((canvas, place) =>
    make("button.start", { onclick: () => choose(place), "aria-label": names[place] }, canvas, ...(isNamed ? [make("span", {}, names[place])] : [])));
  return {
    element: make("p.starts.controls", {}, make("span", {}, label), ...buttons),
    /** @param {number} place @param {ArrayLike<number>} pixels */
    draw: (place, pixels) => drawImage(canvases[place], pixels, shape),
    /** @param {number | null} chosen none where null */
    press: (chosen) => buttons.forEach((button, place) => press(button, place === chosen)),
  };
}
