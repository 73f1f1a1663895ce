/** Numbers as the reader writes them, and rows of numbers. */

/**
 * As `labels.number` of Python writes it: four significant digits, less the zeros at the end, below 0.00001 in size by
 * a power of ten; or so many decimals.
 * @param {number} value
 * @param {number} [digits] decimals
 * @param {string} [language] of the page, unless given
 */
export const written = (value, digits, language = document.documentElement.lang) => {
  if (!Number.isFinite(value)) return "—";
  if (digits === undefined && value && Number(value.toExponential(3).split("e")[1]) < -5) {
    return scientific(value, undefined, language);
  }
  const most = digits ?? Math.max(0, 3 - (value ? Math.floor(Math.log10(Math.abs(value))) : 0));
  const text = value.toLocaleString(language, {
    minimumFractionDigits: digits ?? 0,
    maximumFractionDigits: Math.min(most, 20),
  });
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
};

/**
 * A factor and a power of ten, as `format_scientific` of Python writes them: 1.283·10⁻¹³.
 * @param {number} value
 * @param {number} [digits] decimals of the factor; up to three, less the zeros at the end, unless given
 * @param {string} [language]
 */
const scientific = (value, digits, language) => {
  const [factor, exponent] = value.toExponential(digits ?? 3).split("e");
  const power = [...String(Number(exponent))].map((sign) => sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)]).join("");
  return `${written(Number(factor), digits, language)}·10${power}`;
};

/**
 * A small number as a power of ten, as `difference` of Python writes it: 2.5·10⁻⁷.
 * @param {number} value
 * @param {string} [language]
 */
export const tiny = (value, language = document.documentElement.lang) => {
  if (!(value > 0 && value < Infinity)) return value === 0 ? "0" : "∞";
  return scientific(value, 1, language);
};

/**
 * Words of the page with their fields filled in.
 * @param {string} words with named fields, `{kept} of {all}`, and words that agree with a count, `{kept:image|images}`
 * @param {Record<string, string | number>} fields
 */
export const filled = (words, fields) => words.replace(
  /\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g,
  (whole, name, one, many) => (many === undefined ? String(fields[name] ?? whole) : String(fields[name]) === "1" ? one : many),
);

/**
 * So many numbers, evenly, both ends among them.
 * @param {number} from
 * @param {number} to
 * @param {number} count
 */
export const span = (from, to, count) => Array.from({ length: count }, (_, i) => from + (to - from) * i / (count - 1));

/**
 * The least of 1, 2 and 5 times a power of ten that is not below a number.
 * @param {number} value
 */
export const roundAbove = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= value * (1 - 1e-9)) ?? 10 * power;
};

/**
 * The pixels of an image, row by row, the channels one below the other, with five decimals.
 * @param {string} name of a row, before its number
 * @param {ArrayLike<number>} pixels (C, H, W)
 * @param {number[]} shape [C, H, W]
 * @returns {(string | number)[][]}
 */
export const imageRows = (name, pixels, [channels, height, width]) => Array.from({ length: channels * height }, (_, i) =>
  [`${name} ${i + 1}`, ...Array.from({ length: width }, (_, j) => Number(pixels[i * width + j].toFixed(5)))]);
