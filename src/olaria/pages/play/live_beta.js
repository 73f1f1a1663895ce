/** VAEs in the order of their β: one test image rebuilt and one noise decoded by each, with what the code costs. */

import { drawImage, makeCanvas, sideBySide } from "./canvas.js";
import { makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { filled, imageRows, written } from "./numbers.js";
import { noiseOf } from "./walk.js";

const LARGE_SIDE = 170;
const SMALL_SIDE = 84;
const START_SIDE = 44;

/** @typedef {import("./live.js").Stage} Stage */

/**
 * Mean squared error of an image, over its pixel values.
 * @param {ArrayLike<number>} pixels
 * @param {ArrayLike<number>} target
 */
export function squaredError(pixels, target) {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += (pixels[i] - target[i]) ** 2;
  return sum / target.length;
}

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models } = stage;
  const { runs, images, told } = settings, [{ shape }] = models;
  const isBelow = (limit) => (value) => Number.isInteger(value) && value >= 0 && value < limit;
  const state = stage.state({
    from: { form: FORMS.number, start: 0, fits: isBelow(images.length) },
    noise: { form: FORMS.number, start: 0, fits: isBelow(1e6) },
    run: { form: FORMS.number, start: 0, fits: isBelow(runs.length) },
  });
  const { values } = state;
  const canvasOf = (side, label) => makeCanvas(side, side * shape[1] / shape[2], { role: "img", "aria-label": label });
  const large = [words.image, words.rebuilt, words.fresh].map((label) => ({ label, canvas: canvasOf(LARGE_SIDE, label) }));
  const rows = runs.map((run) => ({
    rebuilt: canvasOf(SMALL_SIDE, `${run.name}: ${words.rebuilt}`),
    fresh: canvasOf(SMALL_SIDE, `${run.name}: ${words.fresh}`),
    error: make("td.n"),
    kl: make("td.n"),
  }));
  /** @type {{rebuilt: Float32Array, fresh: Float32Array, error: number}[]} of each run */
  let made = [];
  const noise = (run, model) => run.noise[values.noise] ?? noiseOf(values.noise, model.latent);
  const compute = () => {
    made = runs.map((run, i) => {
      const model = models[i], y = (label) => (model.classes ? label % model.classes : null);
      const rebuilt = model.decode(run.codes[values.from], y(told?.[values.from] ?? 0));
      return {
        rebuilt,
        fresh: model.decode(noise(run, model), y(values.noise)),
        error: squaredError(rebuilt, images[values.from]),
      };
    });
    made.forEach(({ rebuilt, fresh, error }, i) => {
      drawImage(rows[i].rebuilt, rebuilt, shape);
      drawImage(rows[i].fresh, fresh, shape);
      rows[i].error.textContent = written(error, 4);
      rows[i].kl.textContent = written(runs[i].kl[values.from], 2);
    });
  };
  const betaOf = ({ beta, name }) => ({ beta: written(beta), run: name });
  const at = make("p.chosen", { role: "status" });
  const choose = (place) => { values.run = place; state.keep(); draw(); };
  const slider = makeSlider(
    "β",
    { min: 0, max: runs.length - 1, step: 1, value: values.run },
    (place) => written(runs[place].beta),
    choose,
  );
  const heads = runs.map((run, place) => make("button", {
    type: "button",
    onclick: () => choose(place),
    "aria-label": filled(words.choose, betaOf(run)),
  }, written(run.beta)));
  const draw = () => {
    const { rebuilt, fresh } = made[values.run];
    [images[values.from], rebuilt, fresh].forEach((pixels, i) => drawImage(large[i].canvas, pixels, shape));
    heads.forEach((head, i) => head.setAttribute("aria-pressed", String(i === values.run)));
    slider.set(values.run);
    at.textContent = filled(words.at, betaOf(runs[values.run]));
  };
  const show = () => { compute(); draw(); };
  const begin = (from) => { values.from = from; state.keep(); show(); };
  const onward = () => { values.noise += 1; state.keep(); show(); };
  const starts = images.map((pixels, from) => {
    const canvas = makeCanvas(START_SIDE, START_SIDE * shape[1] / shape[2]);
    drawImage(canvas, pixels, shape);
    return make("button.start", { type: "button", onclick: () => begin(from), "aria-label": settings.startNames[from] }, canvas);
  });
  stage.room.append(
    make("p.starts.controls", {}, words.starts, ...starts),
    at,
    make("div.live-pair.three", {}, ...large.map(({ label, canvas }) => make("figure", {}, canvas, make("figcaption", {}, label)))),
    make("div.controls", {}, slider.element, make("button", { type: "button", onclick: onward }, words.onward)),
    make("div.scrolled", { tabindex: 0 }, tableOf(runs, rows, heads, words)),
  );
  return {
    state,
    show,
    picture: () => sideBySide([large[0].canvas, ...rows.flatMap(({ rebuilt, fresh }) => [rebuilt, fresh])]),
    table: () => [
      ["run", "beta", "error", "kl_nats", "active_units"],
      ...runs.map((run, i) => [run.name, run.beta, made[i].error, run.kl[values.from], run.active]),
      ...runs.flatMap((run, i) => [
        ...imageRows(`${run.name}: rebuilt, row`, made[i].rebuilt, shape),
        ...imageRows(`${run.name}: from noise, row`, made[i].fresh, shape),
      ]),
    ],
  };
}

/** The strip: a column for each run. */
function tableOf(runs, rows, heads, words) {
  const line = (title, cells) => make("tr", {}, make("th", { scope: "row" }, title), ...cells);
  const cell = (content) => make("td.n", {}, content);
  return make("table.compared.strip-of-runs", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "row" }, "β"), ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {},
      line(words.run, runs.map(({ name }) => cell(name))),
      line(words.rebuilt, rows.map(({ rebuilt }) => cell(rebuilt))),
      line(words.fresh, rows.map(({ fresh }) => cell(fresh))),
      line(words.error, rows.map(({ error }) => error)),
      line(words.kl, rows.map(({ kl }) => kl)),
      line(words.active, runs.map(({ active }) => cell(written(active)))),
    ));
}
