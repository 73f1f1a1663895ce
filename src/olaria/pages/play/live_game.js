/** A GAN of points that the reader trains in the page: play, one step of either network, slow motion, broken rules. */

import { sideBySide } from "./canvas.js";
import { makeNumber, makeSelect } from "./controls.js";
import { make } from "./elements.js";
import { makeView } from "./game_view.js";
import { FORMS } from "./link_state.js";
import { Match, RULES, areTurns, readTurns, tableOf, windowOf } from "./match.js";
import { filled, written } from "./numbers.js";
import { makePlot } from "./plot.js";
import { readAs } from "./walk.js";

const SIDE = 380;
const CELLS = 32, FEWER_CELLS = 22, WIDE = 64; // of the surface; fewer where the networks are wide
const SLICE_MS = 14; // of training in a frame
const MOST_MOMENTS = 90; // of a slice
const DRAW_MS = 100; // from picture to picture while training, or longer:
const DRAWN_SHARE = 0.1; // of the time at most goes into pictures
const STILL_MS = 1500; // where the reader wants little motion
const SLOW_MS = 1400; // of a moment
const MOST_PAST = 300; // places of the curves
const SETS = ["own", "trained", "ring", "grid", "spiral"];

/** @typedef {import("./live.js").Stage} Stage */

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, opened: [document_], colours } = stage;
  const oneOf = (names) => (value) => names.includes(value);
  const state = stage.state({
    points: { form: FORMS.text, start: SETS[0], fits: oneOf(SETS) },
    rule: { form: FORMS.text, start: "fair", fits: oneOf(Object.keys(RULES)) },
    seed: { form: FORMS.number, start: 0, fits: (value) => Number.isInteger(value) && value >= 0 },
    played: { form: FORMS.text, start: "", fits: areTurns },
  });
  const { values } = state;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  const view = makeView(SIDE, colours, words.seen), plot = makePlot(300, 190, colours, words.past);
  const note = make("p.note", { role: "status" }), rule = make("p.small.rule", { role: "status" });
  const outputs = make("dl.tally", {});

  /** @type {Match} */
  let match;
  /** @type {any} */
  let seen, moment = null;
  let window_ = [], past = [], isPlaying = false, isSlow = false, frame = 0, timer = 0, drawnAt = 0, drawingMs = 0, rate = 0;
  /** @type {[string, number][]} turns that are still to be played again */
  let again = [];

  // -- drawing -----------------------------------------------------------------------------------

  const isLogistic = () => ["minimax", "non-saturating"].includes(match.gan.settings.loss);
  const mean = (logits) => logits.reduce((sum, logit) => sum + readAs(logit, isLogistic()), 0) / logits.length;

  const draw = () => {
    const since = performance.now();
    seen = match.seen();
    const [real, generated] = [seen.onReal, seen.logits].map(mean);
    const at = match.gan.step;
    if (past.at(-1)?.[0] !== at) past.push([at, real, generated]);
    if (past.length > MOST_PAST) past = past.filter((_, i) => i % 2 === 0);
    const cells = Math.max(...match.gan.settings.hidden) > WIDE ? FEWER_CELLS : CELLS;
    const isShort = isSlow && moment !== null;
    const inPlay = isShort && moment.stage !== "updated";
    view.draw({
      window: window_,
      surface: match.surface(window_, cells, (real + generated) / 2),
      side: cells,
      real: match.table.points,
      generated: seen.generated,
      pull: isShort && !(moment.side === "generator" && moment.stage === "judged") ? null : seen.pull,
      spread: match.gan.players.spread,
      batch: inPlay ? [moment.real, moment.stage === "drawn" ? moment.generated : null] : [],
    });
    drawPlot();
    tally();
    drawnAt = performance.now();
    drawingMs = drawnAt - since;
  };
  const drawPlot = () => {
    const x = past.map(([step]) => step), both = past.flatMap(([, ...two]) => two);
    const [low, high] = isLogistic() ? [0, 1] : [Math.min(...both), Math.max(...both)];
    plot.draw({
      x: [0, Math.max(10, x.at(-1))],
      y: [low, high > low ? high : low + 1],
      xName: words.step,
      curves: [
        { x, y: past.map((one) => one[1]), colour: colours.blue, name: words.onReal },
        { x, y: past.map((one) => one[2]), colour: colours.clay, name: words.onGenerated, dashed: true },
      ],
    });
  };
  const tally = () => {
    const outside = countOutside(seen.generated, window_), { clusters } = seen;
    const lines = [[words.step, written(match.gan.step, 0)]];
    if (clusters) {
      lines.push([words.covered, filled(words.of, { count: clusters.covered, all: clusters.all })]);
      lines.push([words.near, `${written(100 * clusters.near, 0)}%`]);
    }
    lines.push([words.arrow, written(seen.steepness, 3)]);
    if (outside) lines.push([words.outside, filled(words.of, { count: outside, all: seen.generated.length / 2 })]);
    if (isPlaying && rate) lines.push([words.rate, written(rate, 0)]);
    outputs.replaceChildren(...lines.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  };
  const tell = (text) => { if (note.textContent !== text) note.textContent = text; };
  const tellMoment = () => {
    if (!Number.isFinite(moment.loss ?? 0)) return tell(words.overflow);
    const text = words[`${moment.side}_${moment.stage}`];
    tell(filled(text, { loss: written(moment.loss ?? NaN, 3) }));
  };

  // -- playing -----------------------------------------------------------------------------------

  const buttons = {};
  const mark = () => {
    const isBusy = isPlaying || again.length > 0;
    buttons.play.textContent = isBusy ? words.pause : words.play;
    buttons.play.setAttribute("aria-pressed", String(isBusy));
    buttons.slow.setAttribute("aria-pressed", String(isSlow));
    buttons.d.disabled = values.rule === "idle";
    for (const name of Object.keys(RULES)) buttons[name].setAttribute("aria-pressed", String(values.rule === name));
    rule.textContent = words[`rule_${values.rule}`];
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = rate = 0;
    isPlaying = isSlow = false;
    again = [];
  };
  /** End the turn that is in play, and say where the game stands. */
  const pause = () => {
    stop();
    match.finish();
    moment = null;
    values.played = match.played;
    if (!areTurns(values.played)) values.played = "";
    state.keep();
    mark();
    draw();
  };
  /** What is trained between two frames: some moments, for a few milliseconds. */
  const slice = () => {
    const end = performance.now() + SLICE_MS;
    for (let i = 0; i < MOST_MOMENTS && performance.now() < end; i++) {
      if (!match.running) {
        if (again.length) begin();
        else if (isPlaying) match.begin("t");
        else return false;
      }
      const now = match.next();
      if (now && !Number.isFinite(now.loss ?? 0)) {
        pause();
        tell(words.overflow);
        return false;
      }
    }
    return true;
  };
  const begin = () => {
    match.begin(again[0][0]);
    again[0][1] -= 1;
    if (again[0][1] <= 0) again.shift();
  };
  const run = () => {
    let from = [performance.now(), match.gan.step];
    const next = () => {
      frame = 0;
      const wasAgain = again.length > 0;
      if (!slice()) {
        if (wasAgain || match.turns.length) pause();
        return;
      }
      const now = performance.now();
      if (now - from[0] > 1000) {
        rate = (match.gan.step - from[1]) / (now - from[0]) * 1000;
        from = [now, match.gan.step];
      }
      const restMs = Math.max(isStill.matches ? STILL_MS : DRAW_MS, drawingMs / DRAWN_SHARE - drawingMs);
      if (now - drawnAt > restMs) draw();
      frame = requestAnimationFrame(next);
    };
    frame = requestAnimationFrame(next);
  };
  const play = () => {
    if (isPlaying || again.length) {
      pause();
      return tell("");
    }
    stop();
    moment = null;
    isPlaying = true;
    tell("");
    mark();
    run();
  };
  /** One moment of a turn, and what happened in it. */
  const onward = () => {
    if (!match.running) match.begin("t");
    moment = match.next() ?? (match.begin("t"), match.next());
    tellMoment();
    draw();
  };
  const slowly = () => {
    if (isStill.matches) {
      if (!isSlow) stop();
      isSlow = true;
      mark();
      return onward();
    }
    if (isSlow) {
      pause();
      return tell("");
    }
    stop();
    isSlow = true;
    mark();
    const tick = () => { onward(); timer = setTimeout(tick, SLOW_MS); };
    tick();
  };
  const once = (kind) => {
    stop();
    match.begin(kind);
    let last;
    while (match.running) last = match.next() ?? last;
    pause();
    moment = last;
    tellMoment();
    moment = null;
  };

  // -- a new game --------------------------------------------------------------------------------

  const show = () => {
    stop();
    const table = tableOf(values.points, settings, values.seed);
    match = new Match(table, values.rule, values.seed, values.points === "trained" ? document_ : null);
    window_ = windowOf(table.points);
    past = [];
    moment = null;
    again = readTurns(values.played);
    select.set(SETS.indexOf(values.points));
    seed.set(values.seed);
    tell(again.length ? words.again : "");
    mark();
    draw();
    if (again.length) run();
  };
  const anew = (changed) => {
    Object.assign(values, changed, { played: "" });
    state.keep();
    show();
  };
  const makeButton = (name, text, onclick) => {
    buttons[name] = make("button", { type: "button", onclick }, text);
    return buttons[name];
  };
  const select = makeSelect(words.points, SETS.map((name) => filled(words[`set_${name}`], { run: settings.run })), (place) =>
    anew({ points: SETS[place] }));
  const seed = makeNumber(words.seed, values.seed, (value) => anew({ seed: value }));
  stage.room.append(
    make("div.controls", {}, select.element, seed.element),
    make(
      "div.actions.controls",
      {},
      makeButton("play", words.play, play),
      makeButton("slow", isStill.matches ? words.moment : words.slow, slowly),
      makeButton("d", words.stepD, () => once("d")),
      makeButton("g", words.stepG, () => once("g")),
    ),
    make("div.live-pair.played", {}, view.canvas, make("div.beside", {}, outputs, plot.canvas)),
    make("p.small.key", {}, words.key),
    note,
    make(
      "div.actions.controls.rules",
      {},
      make("span", {}, words.break),
      ...["strong", "idle", "silent", "fair"].map((name) => makeButton(name, words[name], () => anew({ rule: name }))),
    ),
    rule,
  );
  return {
    state,
    show,
    picture: () => sideBySide([view.canvas, plot.canvas]),
    table: () => {
      const { logits, pull } = match.gan.pulls(seen.generated), { generated } = seen;
      return [
        ["x", "y", "l", "pull x", "pull y"],
        ...Array.from(logits, (l, i) => [generated[2 * i], generated[2 * i + 1], l, pull[2 * i], pull[2 * i + 1]]),
      ];
    },
  };
}

/** How many points lie beyond the window. @param {Float32Array} points @param {number[]} window */
function countOutside(points, [left, right, bottom, top]) {
  let count = 0;
  for (let i = 0; i < points.length; i += 2) {
    const isInside = points[i] >= left && points[i] <= right && points[i + 1] >= bottom && points[i + 1] <= top;
    count += isInside ? 0 : 1;
  }
  return count;
}
