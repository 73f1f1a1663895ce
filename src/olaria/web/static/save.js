/** Files that the reader saves: numbers as CSV, pictures as PNG. */

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
 * Rows as CSV. Before a text that a spreadsheet would compute stands an apostrophe.
 * @param {string} name
 * @param {(string | number | null | undefined)[][]} rows
 */
export function saveTable(name, rows) {
  const guarded = (value) => (typeof value === "string" && /^[=+\-@]/.test(value) && !Number.isFinite(Number(value))
    ? `'${value}` : String(value));
  const cell = (value) => (/[",\r\n]/.test(guarded(value)) ? `"${guarded(value).replaceAll('"', '""')}"` : guarded(value));
  const text = rows.map((row) => row.map((value) => (value == null ? "" : cell(value))).join(",")).join("\r\n");
  save(`${name}.csv`, new Blob([text, "\r\n"], { type: "text/csv" }));
}
