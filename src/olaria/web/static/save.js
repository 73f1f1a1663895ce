/** Files that the reader saves: numbers as CSV, pictures as PNG. */

import { csv } from "play/csv.js";

/**
 * @param {string} name
 * @param {Blob} content
 */
export function save(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Rows as CSV.
 * @param {string} name
 * @param {(string | number | null | undefined)[][]} rows
 */
export function saveTable(name, rows) {
  save(`${name}.csv`, new Blob([csv(rows)], { type: "text/csv" }));
}
