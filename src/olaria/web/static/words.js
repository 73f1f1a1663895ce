/** What the page says. The server sends it in the reader's language; no sentence stands in a script. */

import { signal } from "@preact/signals";
import { given } from "play/elements.js";
import { filled, tiny, written } from "play/numbers.js";

const HUGE = 1e7; // from which a measured number is written by a power of ten

/**
 * @typedef {object} Words
 * @property {string} language as HTML names it
 * @property {Record<string, string>} words
 * @property {Record<string, string>} families
 * @property {{name: string, kind: string, title: string}[]} data
 */

/** @type {import("@preact/signals").Signal<Words>} */
export const said = signal(given("words"));

/** The language as the server names it. */
export const language = () => said.value.language.slice(0, 2);

/**
 * @param {string} name
 * @param {Record<string, string | number>} [fields]
 */
export const t = (name, fields = {}) => filled(said.value.words[name] ?? name, fields);

/**
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function number(value, digits) {
  if (value == null) return "—";
  const isHuge = digits === undefined && Math.abs(value) >= HUGE && Number.isFinite(value);
  if (!isHuge) return written(value, digits, said.value.language);
  return (value < 0 ? "−" : "") + tiny(Math.abs(value), said.value.language);
}

/**
 * A time in the unit that suits it.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "—";
  if (seconds < 90) return t("seconds", { value: number(seconds, seconds < 10 ? 1 : 0) });
  if (seconds < 5400) return t("minutes", { value: number(seconds / 60, seconds < 600 ? 1 : 0) });
  return t("hours", { value: number(seconds / 3600, 1) });
}

/** @param {number | null | undefined} bytes */
export function bytes(bytes) {
  if (bytes == null) return "—";
  if (bytes < 1e6) return t("kilobytes", { value: number(bytes / 1e3, 0) });
  if (bytes < 1e9) return t("megabytes", { value: number(bytes / 1e6, 0) });
  return t("gigabytes", { value: number(bytes / 1e9, 1) });
}
