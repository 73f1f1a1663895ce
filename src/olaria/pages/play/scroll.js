/** Marks at the sides of what is wider than the page. */

import { make } from "./elements.js";

/** Boxes by what lies in them. @type {WeakMap<Element, HTMLElement>} */
const boxOf = new WeakMap();

/** Made when a page has a box: under Node there is no such class. @type {ResizeObserver | undefined} */
let sizes;

/**
 * The first measure too: all boxes of a layout at once, and those that the browser has not yet laid out later. The marks
 * come after the layout, so that they are not part of it.
 * @param {ResizeObserverEntry[]} entries
 */
const onSizes = (entries) => setTimeout(() => mark([...new Set(entries.map(({ target }) => boxOf.get(target)))]));

/** @param {any[]} boxes all are measured before the first changes, so that there is one layout */
function mark(boxes) {
  const rests = boxes.map((box) => box.scrollWidth - box.clientWidth - box.scrollLeft);
  const lefts = boxes.map((box) => box.scrollLeft);
  boxes.forEach((box, i) => {
    box.classList.toggle("more-left", lefts[i] > 2);
    box.classList.toggle("more-right", rests[i] > 2);
  });
}

/** @param {HTMLElement} box one `.scroll` or `.formula` */
export function startScroll(box) {
  sizes ??= new ResizeObserver(onSizes);
  box.addEventListener("scroll", () => mark([box]), { passive: true });
  for (const one of [box, ...box.children]) {
    boxOf.set(one, box);
    sizes.observe(one);
  }
}

/**
 * A table that is scrolled where it is wider than the page, and the words that say so.
 * @param {HTMLElement} table
 * @param {Record<string, string>} words
 * @param {string} [name] `div.scroll`, perhaps with more classes
 * @returns {HTMLElement[]}
 */
export function scrolling(table, words, name = "div.scroll") {
  const box = make(name, { tabindex: 0, role: "group", "aria-label": words.wideTable }, table);
  startScroll(box);
  return [box, make("p.more", { "aria-hidden": "true" }, `${words.more} ↔`)];
}
