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

dark.addEventListener("change", show);
show();
