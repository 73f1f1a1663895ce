/** Marks at the sides of what is wider than the page. */

import { make } from "./elements.js";

/** @param {HTMLElement} box one `.scroll` or `.formula` */
export function startScroll(box) {
  const tell = () => {
    const rest = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-left", box.scrollLeft > 2);
    box.classList.toggle("more-right", rest > 2);
  };
  box.addEventListener("scroll", tell, { passive: true });
  const sizes = new ResizeObserver(tell);
  for (const one of [box, ...box.children]) sizes.observe(one);
  tell();
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
