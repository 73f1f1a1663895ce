/** What is seen of a game of points: the picture, the mean outputs step by step, and a few numbers. */

import { make } from "./elements.js";
import { makeView } from "./game_view.js";
import { windowOf } from "./match.js";
import { filled, written } from "./numbers.js";
import { makePlot } from "./plot.js";
import { readAs } from "./walk.js";

const SIDE = 380;
const CELLS = 32, FEWER_CELLS = 22, WIDE = 64; // of the surface; fewer where the networks are wide
const MOST_PAST = 300; // places of the curves

/** @typedef {import("./match.js").Match} Match */

/**
 * @param {Record<string, string>} words
 * @param {any} colours of the page
 */
export function makeScreen(words, colours) {
  const view = makeView(SIDE, colours, words.seen), plot = makePlot(300, 190, colours, words.past);
  const tally = make("dl.tally", {});
  /** @type {Match} */
  let match;
  /** @type {any} */
  let seen;
  let window_ = [], past = [];
  return {
    elements: [view.canvas, make("div.beside", {}, tally, plot.canvas)],
    canvases: [view.canvas, plot.canvas],
    /** What was drawn last. */
    get seen() { return seen; },
    /** @param {Match} next game */
    begin(next) { [match, window_, past] = [next, windowOf(next.table.points), []]; },
    /**
     * @param {any} moment of a turn, in slow motion; else null
     * @param {number} rate steps per second; 0 where nothing is played
     */
    draw(moment, rate) {
      seen = match.seen();
      const isLogistic = ["minimax", "non-saturating"].includes(match.gan.settings.loss);
      const mean = (logits) => logits.reduce((sum, logit) => sum + readAs(logit, isLogistic), 0) / logits.length;
      const means = [seen.onReal, seen.logits].map(mean);
      if (past.at(-1)?.[0] !== match.gan.step) past.push([match.gan.step, ...means]);
      if (past.length > MOST_PAST) past = past.filter((_, i) => i % 2 === 0);
      view.draw(sceneOf(match, seen, window_, (means[0] + means[1]) / 2, moment));
      plot.draw(curvesOf(past, isLogistic, words, colours));
      const lines = linesOf(match, seen, window_, rate, words);
      tally.replaceChildren(...lines.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    },
  };
}

/** @returns {import("./game_view.js").Scene} */
function sceneOf(match, seen, window_, middle, moment) {
  const side = Math.max(...match.gan.settings.hidden) > WIDE ? FEWER_CELLS : CELLS;
  const isJudged = moment?.side === "generator" && moment.stage === "judged";
  const batch = moment && moment.stage !== "updated" ? [moment.real, moment.stage === "drawn" ? moment.generated : null] : [];
  return {
    window: window_,
    surface: match.surface(window_, side, middle),
    side,
    real: match.table.points,
    generated: seen.generated,
    pull: moment && !isJudged ? null : seen.pull,
    spread: match.gan.players.spread,
    batch,
  };
}

/** Mean outputs on both kinds of points, step by step. @returns {import("./plot.js").Chart} */
function curvesOf(past, isLogistic, words, colours) {
  const x = past.map(([step]) => step), both = past.flatMap(([, ...two]) => two);
  const [low, high] = isLogistic ? [0, 1] : [Math.min(...both), Math.max(...both)];
  return {
    x: [0, Math.max(10, x.at(-1))],
    y: [low, high > low ? high : low + 1],
    xName: words.step,
    curves: [
      { x, y: past.map((one) => one[1]), colour: colours.blue, name: words.onReal },
      { x, y: past.map((one) => one[2]), colour: colours.clay, name: words.onGenerated, dashed: true },
    ],
  };
}

/** Names and values of the numbers. */
function linesOf(match, seen, window_, rate, words) {
  const outside = countOutside(seen.generated, window_), { clusters } = seen;
  const lines = [[words.step, written(match.gan.step, 0)]];
  if (clusters) {
    lines.push([words.covered, filled(words.of, { count: clusters.covered, all: clusters.all })]);
    lines.push([words.near, `${written(100 * clusters.near, 0)}%`]);
  }
  lines.push([words.arrow, written(seen.steepness, 3)]);
  if (outside) lines.push([words.outside, filled(words.of, { count: outside, all: seen.generated.length / 2 })]);
  if (rate) lines.push([words.rate, written(rate, 0)]);
  return lines;
}

/** How many points lie beyond the window. */
function countOutside(points, [left, right, bottom, top]) {
  let count = 0;
  for (let i = 0; i < points.length; i += 2) {
    const isInside = points[i] >= left && points[i] <= right && points[i + 1] >= bottom && points[i + 1] <= top;
    count += isInside ? 0 : 1;
  }
  return count;
}
