/** Tables as files for other programs. */

/**
 * Rows as CSV, RFC 4180: what holds a comma, a quotation mark or a line end is quoted, and an unknown value is empty.
 * Before a text that a spreadsheet would compute stands an apostrophe, as `workflows.code_files` of Python has it.
 * @param {(string | number | null | undefined)[][]} rows
 */
export const csv = (rows) => rows.map((row) => `${row.map(written).join(",")}\r\n`).join("");

/** @param {string | number | null | undefined} value */
function written(value) {
  const isFormula = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && !Number.isFinite(Number(value));
  const text = isFormula ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
