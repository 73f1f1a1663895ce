/** Light or dark, as the reader's system has it or as chosen here; this browser keeps the choice. */

import { signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"];
const KEY = "olaria-theme";
const kept = localStorage.getItem(KEY) ?? "";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal(THEMES.includes(kept) ? kept : "auto");
/** Changes with what is seen: a canvas is drawn again. */
export const isDark = signal(false);

/** @param {string} name */
export function setTheme(name) {
  theme.value = name;
  localStorage.setItem(KEY, name);
  show();
}

function show() {
  document.documentElement.dataset.theme = theme.value;
  isDark.value = theme.value === "dark" || (theme.value === "auto" && dark.matches);
}

/**
 * Draw something for paper, in light colours whatever the page has: nothing is painted before it returns.
 * @param {() => any} draw
 */
export async function inLight(draw) {
  document.documentElement.dataset.theme = "light";
  try {
    const drawn = draw();
    await null; // what a chart leaves for the end of the task
    return drawn;
  } finally {
    document.documentElement.dataset.theme = theme.value;
  }
}

dark.addEventListener("change", show);
show();
