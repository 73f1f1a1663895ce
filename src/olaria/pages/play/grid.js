/** A heat map on a canvas whose rows are chosen by pointer and keys, with the tokens as its headings. */

import { channelsOf, contextOf, makeCanvas, onResize } from "./canvas.js";

const LARGEST_HEADING = 64, LARGEST_OF_WIDE = 120; // CSS pixels for the names of rows and of columns
const LARGEST = 30;
const SMALLEST_NAMED = 8; // a cell's side from which its name is drawn

/** @typedef {import("./weights.js").Tensor} Tensor */

/** @param {number} size */
const font = (size) => `${size}px ui-monospace, Menlo, Consolas, monospace`;

/**
 * The ground at 0, the colour at 1; of a negative share the other colour at -1.
 * @param {number} share
 * @param {{blue: string, clay: string, ground: string}} colours
 */
export const shade = (share, colours) => `rgb(${shadeOf(share, colours).join(" ")})`;

/** @returns {number[]} red, green and blue */
function shadeOf(share, { blue, clay, ground }) {
  const part = Math.min(1, Math.abs(share));
  const from = channelsOf(ground);
  return channelsOf(share < 0 ? clay : blue).map((c, i) => Math.round(from[i] + (c - from[i]) * part));
}

/**
 * Which colour of text is read on a shade: that of the larger contrast (WCAG 2.2, relative luminance).
 * @param {number} share
 * @param {{blue: string, clay: string, ground: string}} colours
 */
export function inkOn(share, colours) {
  const [r, g, b] = shadeOf(share, colours).map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (luminance + 0.05) ** 2 < 1.05 * 0.05 ? "#fff" : "#000";
}

/**
 * @param {number} side of the canvas, in CSS pixels
 * @param {string} label
 * @param {any} colours
 * @param {((row: number) => void) | null} choose a row
 * @param {boolean} [isTight] whether the canvas is only as wide as what it shows, and at most the side or the page
 */
export function makeGrid(side, label, colours, choose, isTight = false) {
  const canvas = makeCanvas(side, side, choose
    ? { tabindex: 0, role: "application", "aria-label": label } : { role: "img", "aria-label": label });
  canvas.className = choose ? "grid walked" : "grid";
  const context = contextOf(canvas);
  const ratio = canvas.width / side;
  let shown = { rows: 0, cell: 1, row: 0, heading: 0, width: side };
  if (choose) {
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const row = Math.floor(((event.clientY - box.top) * shown.width / box.width - shown.heading) / shown.cell);
      if (row >= 0 && row < shown.rows) choose(row);
    };
    canvas.addEventListener("pointerdown", at);
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) at(event); });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move || !shown.rows) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(shown.rows - 1, shown.row + move)));
    });
  }
  const headingOf = (names) => {
    context.font = font(14);
    return Math.min(isTight ? LARGEST_OF_WIDE : LARGEST_HEADING, 12 + Math.max(0, ...names.map((name) => context.measureText(name).width)));
  };
  /** @type {Parameters<typeof draw> | null} */
  let last = null;
  if (isTight) onResize(canvas, () => last && draw(...last));
  /**
   * @param {Tensor} values (rows, columns); a value is a share of the colour
   * @param {(row: number, column: number) => boolean} isHidden
   * @param {string[]} rows names
   * @param {string[]} columns names
   * @param {number} chosen row
   */
  function draw(values, isHidden, rows, columns, chosen) {
    last = [values, isHidden, rows, columns, chosen];
    const room = isTight ? Math.min(side, canvas.parentElement?.clientWidth || side) : side;
    const heading = headingOf([...rows, ...columns]);
    const cell = Math.min(LARGEST, (room - heading - 2) / Math.max(rows.length, columns.length, 1));
    const width = isTight ? heading + columns.length * cell + 2 : room, height = heading + rows.length * cell + 2;
    shown = { rows: rows.length, cell, row: chosen, heading, width };
    canvas.width = Math.round(ratio * width);
    canvas.height = Math.round(ratio * height);
    canvas.style.width = `${width}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, width, height);
    const gap = cell > 9 ? 1 : 0;
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        context.fillStyle = isHidden(row, column) ? `${colours.faint}66` : shade(values.data[row * columns.length + column], colours);
        context.fillRect(heading + column * cell, heading + row * cell, cell - gap, cell - gap);
      }
    }
    context.font = font(Math.max(8, Math.min(14, cell * 0.8)));
    const every = Math.ceil(SMALLEST_NAMED / cell);
    const name = (text, isChosen, x, y, turn) => {
      context.save();
      context.translate(x, y);
      context.rotate(turn);
      context.fillStyle = isChosen ? colours.clay : colours.ink;
      context.textAlign = turn ? "left" : "right";
      context.textBaseline = "middle";
      context.fillText(text, 0, 0, heading - 8);
      context.restore();
    };
    rows.forEach((text, i) => { if (i % every === 0) name(text, i === chosen, heading - 5, heading + (i + 0.5) * cell, 0); });
    columns.forEach((text, i) => { if (i % every === 0) name(text, false, heading + (i + 0.5) * cell, heading - 5, -Math.PI / 2); });
    if (!choose || chosen < 0) return;
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.strokeRect(heading - 1, heading + chosen * cell - 1, columns.length * cell + 2 - gap, cell + 2 - gap);
  }
  return { canvas, draw };
}
