/** Curves on axes with uPlot behind them: no other module knows it. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.js";
import { PinButton } from "./pin.js";
import { save, saveTable } from "./save.js";
import { inLight, isDark } from "./theme.js";
import { number, said, t } from "./words.js";

const HEIGHT = 260;
const ROWS = 24; // of the table beneath; the CSV has all
const MARK_WIDTH = 1.5;
const EDGE = 0.01; // of the axis, by which a mark may lie beyond it

/**
 * A curve. A value that is null is a gap.
 * @typedef {object} Line
 * @property {string} name
 * @property {number[]} x
 * @property {(number | null)[]} y
 * @property {number} colour its place among the page's colours of curves
 * @property {boolean} [faint] drawn lightly, and left out of the legend
 * @property {boolean} [dotted] with a point at each value
 * @property {boolean} [edge] of a band: no line of its own
 */

/**
 * What a chart shows.
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} xName
 * @property {Line[]} lines
 * @property {boolean} [isLog]
 * @property {[number, number, number][]} [bands] places of the upper and lower line, and the colour between them
 * @property {{x: number, name: string, kind: "best" | "warned"}[]} [marks]
 */

/**
 * A colour of the page as a canvas takes it: the browser has chosen between light and dark.
 * @param {string} name
 */
function colour(name) {
  const made = document.createElement("i");
  made.style.color = `var(--${name})`;
  document.body.append(made);
  const found = getComputedStyle(made).color;
  made.remove();
  return found;
}

/**
 * @param {string} rgb as the browser writes a colour
 * @param {number} share of it
 */
const thin = (rgb, share) => rgb.replace("rgb(", "rgba(").replace(")", `, ${share})`);

/**
 * All values of each curve at the places of all; undefined where a curve has none, which no gap is.
 * @param {Line[]} lines
 * @param {boolean} isLog
 */
function aligned(lines, isLog) {
  const fits = (value) => (isLog && value != null && value <= 0 ? null : value);
  return uPlot.join(lines.map((line) => [line.x, line.y.map(fits)]));
}

/**
 * @param {Chart} what
 * @param {number} width
 * @returns {any} as uPlot takes them
 */
function options(what, width) {
  const ink = colour("soft"), grid = { stroke: colour("line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
  const values = (_, found) => found.map((value) => (value == null ? "" : number(value)));
  /** @param {Line} of */
  const line = ({ faint, dotted, edge, colour: place }) => {
    const stroke = colour(`curve-${place % 8}`);
    return {
      stroke: faint ? thin(stroke, 0.3) : stroke, width: edge ? 0 : faint ? 1 : 2, spanGaps: false,
      points: { show: Boolean(dotted), size: 6, fill: stroke },
    };
  };
  return {
    width, height: HEIGHT, legend: { show: false }, padding: [12, 12, 0, 0],
    cursor: { drag: { x: true, y: false }, points: { size: 7 } },
    scales: { x: { time: false }, y: { distr: what.isLog ? 3 : 1 } },
    axes: [{ ...axis, label: what.xName, labelSize: 22, values }, { ...axis, size: 64, values }],
    series: [{}, ...what.lines.map(line)],
    bands: (what.bands ?? []).map(([upper, lower, place]) => (
      { series: [upper + 1, lower + 1], fill: thin(colour(`curve-${place % 8}`), 0.2) })),
    hooks: { draw: [(plot) => drawMarks(plot, what.marks ?? [])] },
  };
}

/** Upright lines: solid with a dot for the best checkpoint, dashed for warnings. */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot, size = devicePixelRatio;
  ctx.save();
  for (const { x, kind } of marks) {
    const { min, max } = plot.scales.x;
    const beyond = (max - min) * EDGE; // a checkpoint is saved a moment after the last value
    if (!(x >= min - beyond && x <= max + beyond)) continue;
    const place = plot.valToPos(Math.min(max, Math.max(min, x)), "x", true);
    ctx.strokeStyle = ctx.fillStyle = colour(kind === "best" ? "good" : "trouble");
    ctx.lineWidth = MARK_WIDTH * size;
    ctx.setLineDash(kind === "best" ? [] : [4 * size, 3 * size]);
    ctx.beginPath();
    ctx.moveTo(place, bbox.top);
    ctx.lineTo(place, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    if (kind === "best") ctx.arc(place, bbox.top, 4 * size, 0, 2 * Math.PI);
    else ctx.rect(place - 4 * size, bbox.top - 4 * size, 8 * size, 8 * size);
    ctx.fill();
  }
  ctx.restore();
}

/** @param {Chart} what */
function table(what) {
  const shown = what.lines.filter((line) => !line.faint);
  const [x, ...columns] = aligned(shown, false);
  return { head: [what.xName, ...shown.map((line) => line.name)], rows: Array.from(x, (at, i) =>
    [at, ...columns.map((column) => column[i])]) };
}

/**
 * A plot with its title and its legend, as one picture.
 * @param {Chart} what
 * @param {any} plot
 */
function framed(what, plot) {
  const from = plot.ctx.canvas, made = document.createElement("canvas"), unit = devicePixelRatio;
  const context = /** @type {CanvasRenderingContext2D} */ (made.getContext("2d"));
  const small = `${13 * unit}px system-ui, sans-serif`, row = 22 * unit, left = 12 * unit;
  context.font = small;
  let x = left, y = 44 * unit;
  const legend = what.lines.filter((line) => !line.faint && !line.edge).map((line) => {
    const width = 36 * unit + context.measureText(line.name).width;
    if (x > left && x + width > from.width) { x = left; y += row; }
    x += width + left;
    return { line, x: x - width - left, y };
  });
  const top = y + 8 * unit;
  made.width = from.width;
  made.height = from.height + top;
  context.fillStyle = colour("card");
  context.fillRect(0, 0, made.width, made.height);
  context.fillStyle = colour("ink");
  context.font = `600 ${15 * unit}px system-ui, sans-serif`;
  context.fillText(what.title, left, 22 * unit);
  context.font = small;
  for (const one of legend) {
    context.fillStyle = colour(`curve-${one.line.colour % 8}`);
    context.fillRect(one.x, one.y - 7 * unit, 18 * unit, 4 * unit);
    context.fillStyle = colour("ink");
    context.fillText(one.line.name, one.x + 24 * unit, one.y);
  }
  context.drawImage(from, 0, top);
  return made;
}

/**
 * @param {Chart} what
 * @param {any} plot
 */
function savePicture(what, plot) {
  framed(what, plot).toBlob((blob) => blob && save(`${what.title}.png`, blob));
}

/**
 * A chart as it goes to paper.
 * @param {Chart} what
 * @param {number} width
 */
async function onPaper(what, width) {
  let plot = /** @type {any} */ (null);
  await inLight(() => {
    plot = new uPlot(options(what, width), aligned(what.lines, Boolean(what.isLog)), document.createElement("div"));
  });
  const made = await inLight(() => framed(what, plot));
  plot.destroy();
  return made;
}

const PAPER_WIDTH = 680; // of a report's column

/** @param {{what: Chart, subject?: string}} of; the subject is what the caption of a pinned one begins with */
export function Curves({ what, subject = "" }) {
  const box = useRef(/** @type {any} */ (null)), plot = useRef(/** @type {any} */ (null));
  const now = useRef(what);
  now.current = what;
  const shape = JSON.stringify([what.xName, what.isLog, what.lines.map((line) => [line.name, line.colour]),
    what.marks, isDark.value, said.value.language]);
  useEffect(() => {
    const data = aligned(now.current.lines, Boolean(now.current.isLog)), stage = box.current;
    const made = plot.current = new uPlot(options(now.current, stage.clientWidth), data, stage);
    const watch = new ResizeObserver(() => made.setSize({ width: stage.clientWidth, height: HEIGHT })); // once more as it goes
    watch.observe(stage);
    return () => { watch.disconnect(); made.destroy(); };
  }, [shape]);
  useEffect(() => { plot.current?.setData(aligned(what.lines, Boolean(what.isLog))); }, [what]);
  const legend = what.lines.filter((line) => !line.faint && !line.edge);
  return html`<figure class="chart">
    <figcaption><h3>${what.title}</h3>
      <ul class="legend">${legend.map((line) => html`<li><i class=${`curve-${line.colour % 8}`}></i>${line.name}</li>`)}</ul>
      <${PinButton} picture=${() => onPaper(what, PAPER_WIDTH)} caption=${[subject, what.title].filter(Boolean).join(": ")}
        table=${() => rowsOf(what)} />
    </figcaption>
    <div class="plot" ref=${box} role="img" aria-label=${t("chart_of", { name: what.title, axis: what.xName })}></div>
    <${Numbers} what=${what} savePicture=${() => savePicture(what, plot.current)} />
  </figure>`;
}

/** @param {Chart} what */
function rowsOf(what) {
  const { head, rows } = table(what);
  return [head, ...rows];
}

/** @param {{what: Chart, savePicture: () => void}} of */
function Numbers({ what, savePicture: picture }) {
  const { head, rows } = table(what);
  const every = Math.max(1, Math.ceil(rows.length / ROWS));
  const shown = rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
  return html`<details class="numbers"><summary>${t("numbers")}</summary>
    <p class="row"><button class="plain" onClick=${() => saveTable(what.title, [head, ...rows])}>${t("save_csv")}</button>
      <button class="plain" onClick=${picture}>${t("save_png")}</button></p>
    <div class="scroll" tabindex="0" role="region" aria-label=${`${t("numbers")}: ${what.title}`}><table><caption class="unseen">${what.title}</caption>
      <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${shown.map((row) => html`<tr>${row.map((value) => html`<td class="n">${number(value)}</td>`)}</tr>`)}</tbody>
    </table></div></details>`;
}
