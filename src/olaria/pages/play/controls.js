/** Controls with their labels, as the templates write them. */

import { make } from "./elements.js";

let count = 0;
const nextId = () => `live-${++count}`;

/**
 * @param {string} label
 * @param {{min: number, max: number, step: number | "any", value: number}} range
 * @param {(value: number) => string} write the value, in the reader's notation
 * @param {(value: number) => void} changed
 * @returns {{element: HTMLElement, set: (value: number) => void}}
 */
export function makeSlider(label, range, write, changed) {
  const id = nextId();
  const output = make("output", { for: id });
  const input = make("input", { id, type: "range", ...range });
  const tell = (value) => { output.value = write(value); input.setAttribute("aria-valuetext", write(value)); };
  input.addEventListener("input", () => { tell(Number(input.value)); changed(Number(input.value)); });
  tell(range.value);
  return {
    element: make("div.control", {}, make("label", { for: id }, label), input, output),
    set(value) { input.value = String(value); tell(value); },
  };
}

/**
 * @param {string} label
 * @param {string[]} choices
 * @param {(place: number) => void} changed
 * @returns {{element: HTMLElement, set: (place: number) => void}}
 */
export function makeSelect(label, choices, changed) {
  const id = nextId();
  const select = make("select", { id }, ...choices.map((choice) => make("option", {}, choice)));
  select.addEventListener("input", () => changed(select.selectedIndex));
  return {
    element: make("div.control", {}, make("label", { for: id }, label), select),
    set(place) { select.selectedIndex = place; },
  };
}

/**
 * A whole number from 0 on.
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => void} changed
 * @returns {{element: HTMLElement, set: (value: number) => void}}
 */
export function makeNumber(label, value, changed) {
  const id = nextId();
  const input = make("input", { id, type: "number", min: 0, step: 1, value, inputmode: "numeric" });
  input.addEventListener("input", () => {
    const found = Number(input.value);
    if (input.value && Number.isSafeInteger(found) && found >= 0) changed(found);
  });
  return {
    element: make("div.control", {}, make("label", { for: id }, label), input),
    set(found) { if (Number(input.value) !== found) input.value = String(found); },
  };
}
