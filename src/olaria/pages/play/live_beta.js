/** VAEs in the order of their β: one test image rebuilt and one noise decoded by each, with what the code costs. */

import { drawImage, makeImage, sideBySide } from "./canvas.js";
import { makeSlider } from "./controls.js";
import { make, press } from "./elements.js";
import { whole } from "./link_state.js";
import { filled, imageRows, written } from "./numbers.js";
import { squaredError } from "./strange.js";
import { makeThumbs } from "./thumbnails.js";
import { noiseOf } from "./walk.js";

const LARGE_SIDE = 170;
const SMALL_SIDE = 84;

/** @typedef {import("./live.js").Stage} Stage */

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models, colours } = stage;
  const { runs, images } = settings, [{ shape }] = models;
  const state = stage.state({
    from: whole(0, images.length),
    noise: whole(0, 1e6),
    run: whole(0, runs.length),
  });
  const { values } = state;
  const large = [words.image, words.rebuilt, words.fresh].map((label) => ({ label, canvas: makeImage(LARGE_SIDE, shape, label) }));
  const rows = makeRows(stage);
  /** @type {ReturnType<typeof computed>} */
  let made = [];
  const compute = () => {
    made = computed(stage, values);
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
    onclick: () => choose(place),
    "aria-label": filled(words.choose, betaOf(run)),
  }, written(run.beta)));
  const draw = () => {
    const { rebuilt, fresh } = made[values.run];
    [images[values.from], rebuilt, fresh].forEach((pixels, i) => drawImage(large[i].canvas, pixels, shape));
    heads.forEach((head, i) => press(head, i === values.run));
    slider.set(values.run);
    at.textContent = filled(words.at, betaOf(runs[values.run]));
  };
  const show = () => { compute(); draw(); };
  const begin = (from) => { values.from = from; state.keep(); show(); };
  const onward = () => { values.noise += 1; state.keep(); show(); };
  const starts = makeThumbs(words.starts, settings.startNames, shape, begin);
  images.forEach((pixels, from) => starts.draw(from, pixels));
  stage.room.append(
    starts.element,
    at,
    make("div.live-pair.three", {}, ...large.map(({ label, canvas }) => make("figure", {}, canvas, make("figcaption", {}, label)))),
    make("div.controls", {}, slider.element, make("button", { onclick: onward }, words.onward)),
    make("div.scrolled", { tabindex: 0 }, tableOf(runs, rows, heads, words)),
  );
  return {
    state,
    show,
    picture: () => sideBySide([large[0].canvas, ...rows.flatMap(({ rebuilt, fresh }) => [rebuilt, fresh])], colours.ground),
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

/** Of each run what changes in its column of the strip. @param {Stage} stage */
function makeRows({ settings: { runs }, words, models: [{ shape }] }) {
  return runs.map(({ name }) => ({
    rebuilt: makeImage(SMALL_SIDE, shape, `${name}: ${words.rebuilt}`),
    fresh: makeImage(SMALL_SIDE, shape, `${name}: ${words.fresh}`),
    error: make("td.n"),
    kl: make("td.n"),
  }));
}

/**
 * What each run makes of the image and of the noise.
 * @param {Stage} stage
 * @param {{from: number, noise: number}} values
 * @returns {{rebuilt: Float32Array, fresh: Float32Array, error: number}[]}
 */
function computed({ settings: { runs, images, told }, models }, values) {
  return runs.map((run, i) => {
    const model = models[i], y = (label) => (model.classes ? label % model.classes : null);
    const rebuilt = model.decode(run.codes[values.from], y(told?.[values.from] ?? 0));
    const noise = run.noise[values.noise] ?? noiseOf(values.noise, model.latent);
    return { rebuilt, fresh: model.decode(noise, y(values.noise)), error: squaredError(rebuilt, images[values.from]) };
  });
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
