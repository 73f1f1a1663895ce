/** The room of a GAN: its samples through time, a walk through its noise, what its samples copy, and the game of points. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { decodeBase64 } from "play/weights.js";
import { Wrong } from "./latent.js";
import { html } from "./html.js";
import { LivePart, useComputed, useLiving } from "./live_part.js";
import { Picture } from "./picture.js";
import { keep, place } from "./place.js";
import { RunHeading, useCard } from "./run_heading.js";
import { saveTable } from "./save.js";
import { TimeLapse } from "./time_lapse.js";
import { number, t } from "./words.js";

const MOST_SEED = 2 ** 31 - 1;

export function Gan() {
  const run = useCard();
  if (!run) return html`<h1 class="soft">${t("loading")}</h1>`;
  return html`<${RunHeading} run=${run} /><${Room} key=${run.id} run=${run} />`;
}

/** @param {{run: any}} of */
function Room({ run }) {
  const { found, wrong } = useLiving(run);
  const has = (name) => found?.parts.some((part) => part.name === name);
  const isPlane = run.family === "plane-gan";
  return html`<${TimeLapse} run=${run} />
    ${wrong && html`<${Wrong} trouble=${wrong} />`}
    ${found?.notes.map((note) => html`<p class="soft">${note}</p>`)}
    ${!found && !wrong && html`<p class="soft" role="status">${t("loading")}</p>`}
    ${has("live_walk") && html`<section><h2>${t("noise_walk")}</h2><p class="soft">${t("noise_walk_hint")}</p>
      <${LivePart} living=${found} name="live_walk" /></section>`}
    ${has("live_game") && html`<section><h2>${t("plane_game")}</h2><p class="soft">${t("plane_game_hint")}</p>
      <${LivePart} living=${found} name="live_game" /></section>`}
    ${!isPlane && html`<${Copies} run=${run} />`}`;
}

/** Whether samples are copies: asked for by a button, since it takes seconds. @param {{run: any}} of */
function Copies({ run }) {
  const seed = Number(place.value.seed ?? NaN), isAsked = Number.isInteger(seed) && seed >= 0 && seed <= MOST_SEED;
  return html`<section><h2>${t("copies")}</h2><p class="soft">${t("copies_hint")}</p>
    ${isAsked ? html`<${Nearest} run=${run} seed=${seed} />`
      : html`<p><button class="button" onClick=${() => keep({ seed: "0" })}>${t("look_for_copies")}</button></p>`}</section>`;
}

/** @param {{run: any, seed: number}} of */
function Nearest({ run, seed }) {
  const { found, wrong } = useComputed(run, `nearest?seed=${seed}`);
  const next = html`<button class="plain" onClick=${() => keep({ seed: String(seed < MOST_SEED ? seed + 1 : 0), sample: null })}>${t("new_samples")}</button>`;
  if (wrong) return html`<${Wrong} trouble=${wrong} />`;
  if (!found) return html`<p class="soft" role="status">${t("comparing")}</p>`;
  return html`<${Compared} run=${run} found=${found} next=${next} />`;
}

/** @param {{run: any, found: any, next: any}} of */
function Compared({ run, found, next }) {
  const { count, beside, shape, distances, order, ratio } = found, size = shape[0] * shape[1] * shape[2];
  const [samples, nearest] = useMemo(() => [found.samples, found.nearest].map((text) => decodeBase64(text)), [found]);
  const cut = (bytes, place_) => Float32Array.from(bytes.subarray(place_ * size, (place_ + 1) * size), (value) => value / 255);
  const pictures = useMemo(() => Array.from({ length: count }, (_, i) => cut(samples, i)), [samples]);
  const kept = Number(place.value.sample ?? NaN), chosen = Number.isInteger(kept) && kept >= 0 && kept < count ? kept : null;
  const isSorted = place.value.sort === "near", rows = isSorted ? order : [...Array(count).keys()];
  const others = useMemo(() => (chosen === null ? [] : Array.from({ length: beside }, (_, k) => cut(nearest, chosen * beside + k))), [nearest, chosen]);
  const name = (row) => [t("sample_n", { number: row + 1 }), found.labels && t("of_class", { name: found.classNames[found.labels[row]] })]
    .filter(Boolean).join(", ");
  const table = () => [["sample", ...Array.from({ length: beside }, (_, k) => `distance ${k + 1}`), ...Array.from({ length: beside }, (_, k) => `training image ${k + 1}`)],
    ...distances.map((each, row) => [row + 1, ...each, ...found.indices[row].map((index) => index + 1)])];
  return html`<dl class="tiles gan-score"><div><dt>${t("memorisation")}</dt><dd>${number(ratio, 2)}<small>${t(wordsOf(ratio))}</small></dd></div></dl>
    <p class="soft small">${t("memorisation_means", { count: number(count, 0), test: number(found.numTest, 0), train: number(found.numTrain, 0) })}</p>
    <div class="gan-samples"><div>
      <p class="row"><span class="chips" role="group" aria-label=${t("order")}>${[false, true].map((is) => html`<button type="button"
          aria-pressed=${String(is === isSorted)} onClick=${() => keep({ sort: is ? "near" : null })}>${t(is ? "closest_first" : "as_drawn")}</button>`)}</span>${next}</p>
      <ul class="gan-grid">${rows.map((row) => html`<li key=${row}><button type="button" class="thumb" aria-label=${name(row)}
        aria-pressed=${String(row === chosen)} onClick=${() => keep({ sample: String(row) })}>
        <${Picture} pixels=${pictures[row]} shape=${shape} /></button></li>`)}</ul>
      <p class="row"><button class="plain" onClick=${() => saveTable(`${run.name}-nearest-${found.seed}`, table())}>${t("save_csv")}</button></p></div>
    <div class="panel gan-beside" aria-live="polite">${chosen === null ? html`<p class="soft">${t("choose_sample")}</p>` : html`
      <h3>${name(chosen)}</h3><${Beside} own=${pictures[chosen]} others=${others} distances=${distances[chosen]} shape=${shape} usual=${found.usual} />`}</div></div>`;
}

/** What a ratio tells. @param {number} ratio */
const wordsOf = (ratio) => (ratio < 0.7 ? "ratio_low" : ratio > 1.3 ? "ratio_high" : "ratio_same");

/** A sample, and the training images nearest to it. @param {{own: any, others: any[], distances: number[], shape: number[], usual: number}} of */
function Beside({ own, others, distances, shape, usual }) {
  const list = useRef(/** @type {any} */ (null)), most = Math.max(usual, ...distances);
  useEffect(() => {
    [...list.current.querySelectorAll("i")].forEach((bar, k) => { bar.style.width = `${100 * distances[k] / most}%`; });
  });
  return html`<figure class="gan-own"><${Picture} pixels=${own} shape=${shape} label=${t("the_sample")} /></figure>
    <h4>${t("nearest_training")}</h4>
    <ol class="latent-near" ref=${list}>${others.map((pixels, k) => html`<li key=${k}><div class="thumb">
      <${Picture} pixels=${pixels} shape=${shape} label=${t("training_image", { number: k + 1 })} /><b>${number(distances[k], 2)}</b><i></i></div></li>`)}</ol>
    <p class="soft small">${t("usual_distance", { value: number(usual, 2) })}</p>`;
}
