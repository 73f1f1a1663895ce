/** The room of an autoencoder or a VAE: its codes as a map, what its decoder draws, and images drawn by hand. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { codeOf, inside, movedTo, neighboursOf, opened, placeOf, projected, readLine, readNumbers, viewOf,
  windowOf, writeLine, writeNumbers } from "./latent_math.js";
import { isSeen, LatentMap } from "./latent_map.js";
import { Chosen, nameOf, Selected } from "./latent_chosen.js";
import { LivePart, modelOf, useComputed, useLiving } from "./live_part.js";
import { Picture } from "./picture.js";
import { keep, place } from "./place.js";
import { RunHeading, useCard } from "./run_heading.js";
import { save } from "./save.js";
import { isDark } from "./theme.js";
import { number, t } from "./words.js";

const NEIGHBOURS = 8;
const SLIDERS = 8; // dimensions that are seen at once; the others are folded away
const REACH = 3.5; // of a slider, in standard deviations of the codes around their mean
const MOST_CORNERS = 60; // of a line that is kept in the address
const LONGEST = 1500; // letters of a code in the address
const TIMED = 24; // images by which the decoder's speed is told

/** @typedef {import("./latent_math.js").Codes} Codes */

export function Latent() {
  const run = useCard();
  if (!run) return html`<h1 class="soft">${t("loading")}</h1>`;
  return html`<${RunHeading} run=${run} /><${Room} key=${run.id} run=${run} />`;
}

/** What cannot be shown, in one line. @param {{trouble: import("./api.js").Trouble}} of */
export const Wrong = ({ trouble }) =>
  html`<p class="wrong" role="status">${[trouble.message, trouble.hint].filter(Boolean).join(" ")}</p>`;

/** @param {{run: any}} of */
function Room({ run }) {
  const told = useComputed(run, "codes"), living = useLiving(run);
  const codes = useMemo(() => told.found && opened(told.found), [told.found]);
  const decoder = useDecoder(living.found);
  const isSame = told.wrong?.message === living.wrong?.message;
  return html`
    ${living.wrong && html`<${Wrong} trouble=${living.wrong} />`}
    ${told.wrong && !isSame && html`<${Wrong} trouble=${told.wrong} />`}
    ${living.found?.notes.filter((note) => !told.wrong || !note.includes(told.wrong.message)).map((note) => html`<p class="soft">${note}</p>`)}
    ${codes ? html`<${Codes} run=${run} codes=${codes} living=${living.found} decoder=${decoder} />`
      : !told.wrong && html`<p class="soft" role="status">${t("reading_codes")}</p>`}
    ${living.found?.parts.some((part) => part.name === "live_draw") && html`<section><h2>${t("draw_yourself")}</h2>
      <${LivePart} living=${living.found} name="live_draw" /></section>`}`;
}

/**
 * The run's model in the page, once it has proved its numbers, and how many images it draws in a second.
 * @param {import("./live_part.js").Living | null} living
 * @returns {{model: any, rate: number} | null}
 */
function useDecoder(living) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const [document_] = Object.values(living?.documents ?? {});
    let isLeft = false;
    if (document_) {
      modelOf(document_).then(({ model, proof }) => {
        if (!isLeft && proof.holds) setFound({ model, rate: rateOf(model) });
      }, () => {}); // the parts below say why it stays off
    }
    return () => { isLeft = true; };
  }, [living]);
  return found;
}

/** Images in a second. @param {any} model */
function rateOf(model) {
  const z = Array(model.latent).fill(0), y = model.classes ? 0 : null;
  model.decode(z, y);
  const began = performance.now();
  for (let i = 0; i < TIMED; i++) model.decode(z, y);
  return TIMED / Math.max(1e-4, (performance.now() - began) / 1000);
}

/** What the address says of the room. @param {Codes} codes */
function useChoices(codes) {
  const said = place.value, { count, latent, labels, isTold } = codes;
  const row = (name) => {
    const value = Number(said[name] ?? NaN);
    return Number.isInteger(value) && value >= 0 && value < count ? value : null;
  };
  const dimsOf = (text) => {
    const dims = readNumbers(text, 2);
    return dims?.every((one) => Number.isInteger(one) && one >= 0 && one < latent) ? dims : null;
  };
  const usual = latent === 2 ? [0, 1] : [codes.order[0], codes.order[1] ?? codes.order[0]];
  const dims = said.dims === "pca" ? null : dimsOf(said.dims) ?? usual;
  const point = row("point"), base = codeOf(codes, point ?? 0);
  const y = Number(said.class ?? NaN);
  return {
    dims, usual, point, z: readNumbers(said.at, latent) ?? base,
    a: row("a") ?? 0, b: row("b") ?? otherOf(codes),
    y: Number.isInteger(y) && y >= 0 && y < codes.classNames.length ? y : isTold && labels ? labels[point ?? 0] : 0,
    hidden: new Set((said.off ?? "").split(",").filter(Boolean).map(Number)),
    line: readLine(said.line), isLasso: said.tool === "lasso",
  };
}

/** An image of another class than the first. @param {Codes} codes */
const otherOf = ({ labels, count }) => {
  const found = labels ? labels.findIndex((label) => label !== labels[0]) : 1;
  return found < 0 ? Math.min(1, count - 1) : found;
};

/** @param {{run: any, codes: Codes, living: any, decoder: any}} of */
function Codes({ run, codes, living, decoder }) {
  const choices = useChoices(codes), { dims, usual, point, z, y, hidden, line } = choices;
  const view = useMemo(() => viewOf(codes, dims), [codes, String(dims)]);
  const points = useMemo(() => projected(codes, view), [view]);
  const window_ = useMemo(() => windowOf(points), [points]);
  const off = [...hidden].join();
  const seen = useMemo(() => isSeen(/** @type {any} */ ({ codes, hidden })), [codes, off]);
  const rows = useMemo(() => (line.length ? inside(points, line, seen) : []), [points, place.value.line, seen]);
  const nearest = useMemo(() => (point === null ? [] : neighboursOf(codes, point, NEIGHBOURS)), [codes, point]);
  const chosen = useMemo(() => new Set(rows), [rows]);
  const map = useRef(/** @type {any} */ (null));
  const colours = codes.colours[isDark.value ? "dark" : "light"];
  const move = (next) => {
    const text = writeNumbers(next);
    keep({ at: text.length <= LONGEST ? text : null });
  };
  const choose = (row) => keep({ point: String(row), at: null, class: null });
  const surround = (corners) => keep({ line: corners.length > 2 ? writeLine(corners, MOST_CORNERS) : null });
  const names = dims ? dims.map(named) : [0, 1].map((i) => t("component", { number: i + 1, share: percent(codes.components.shares[i] ?? 0) }));
  const shown = { codes, points, window: window_, hidden, colours, at: placeOf(z, view), point, line, chosen, names,
    nearest: nearest.map((one) => one.row), isLasso: choices.isLasso };
  return html`<section class="latent-room"><div class="latent-left">
      <${Tools} codes=${codes} dims=${dims} usual=${usual} isLasso=${choices.isLasso} />
      <${LatentMap} shown=${shown} choose=${choose} surround=${surround} made=${(canvas) => { map.current = canvas; }}
        move=${(to) => move(movedTo(z, view, to))} />
      <${Legend} codes=${codes} hidden=${hidden} colours=${colours} />
      <p class="soft small">${t("map_hint")}</p>
      <p class="row"><button class="plain" onClick=${() => map.current.toBlob((blob) => blob && save(`${run.name}-map.png`, blob))}>${t("save_png")}</button>
        <span class="soft small">${t("codes_shown", { count: number(codes.count, 0), total: number(codes.total, 0) })}</span></p>
    </div>
    <${Decoded} run=${run} codes=${codes} decoder=${decoder} z=${z} y=${y} move=${move} isMoved=${"at" in place.value} /></section>
    ${point !== null && html`<${Chosen} run=${run} codes=${codes} row=${point} nearest=${nearest} decoder=${decoder} choose=${choose} />`}
    ${line.length > 0 && html`<${Selected} run=${run} codes=${codes} rows=${rows} colours=${colours} choose=${choose} clear=${() => surround([])} />`}
    ${living?.parts.some((part) => part.name === "live_between")
      && html`<${Between} codes=${codes} living=${living} a=${choices.a} b=${choices.b} />`}`;
}

/** A dimension, counted from one. @param {number} place */
const named = (place) => `z${[...String(place + 1)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("")}`;

const percent = (share) => `${number(100 * share, 0)}%`;

/** @param {{codes: Codes, dims: number[] | null, usual: number[], isLasso: boolean}} of */
function Tools({ codes, dims, usual, isLasso }) {
  const turn = (next) => keep({ dims: next && String(next) === String(usual) ? null : next ? String(next) : "pca", line: null });
  const other = (i, value) => { const next = [...(dims ?? usual)]; next[i] = Number(value); turn(next); };
  const axis = (i) => html`<label><span>${t(i ? "axis_up" : "axis_across")}</span>
    <select value=${String(dims?.[i])} onChange=${(event) => other(i, event.target.value)}>
      ${codes.order.map((one) => html`<option value=${String(one)}>${named(one)}</option>`)}</select></label>`;
  const tool = (name, is) => html`<button type="button" aria-pressed=${String(is)} onClick=${() => keep({ tool: name })}>
    ${t(name ? "tool_lasso" : "tool_move")}</button>`;
  return html`<div class="latent-tools">
    <div class="chips" role="group" aria-label=${t("tool")}>${tool(null, !isLasso)}${tool("lasso", isLasso)}</div>
    ${codes.latent > 2 && html`<div class="filters">${dims && axis(0)}${dims && axis(1)}
      <div class="chips"><button type="button" aria-pressed=${String(!dims)} onClick=${() => turn(dims ? null : usual)}>${t("pca")}</button></div></div>`}
  </div>`;
}

/** @param {{codes: Codes, hidden: Set<number>, colours: any}} of */
function Legend({ codes: { labels, classNames }, hidden, colours }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => {
    [...(box.current?.querySelectorAll("i") ?? [])].forEach((dot, i) => { dot.style.background = colours.classes[i % colours.classes.length]; });
  });
  if (!labels) return null;
  const toggle = (label) => {
    const next = new Set(hidden);
    if (!next.delete(label)) next.add(label);
    keep({ off: next.size ? [...next].sort((a, b) => a - b).join(",") : null });
  };
  return html`<div class="latent-legend" role="group" aria-label=${t("classes_seen")} ref=${box}>${classNames.map((name, label) => html`
    <button type="button" aria-pressed=${String(!hidden.has(label))} onClick=${() => toggle(label)}><i></i>${name}</button>`)}</div>`;
}

/** @param {{run: any, codes: Codes, decoder: any, z: number[], y: number, move: (z: number[]) => void, isMoved: boolean}} of */
function Decoded({ run, codes, decoder, z, y, move, isMoved }) {
  const mark = writeNumbers(z);
  const pixels = useMemo(() => decoder && decoder.model.decode(z, decoder.model.classes ? y : null), [decoder, mark, y]);
  const set = (dimension, value) => { const next = [...z]; next[dimension] = value; move(next); };
  const slider = (dimension) => {
    const low = codes.mean[dimension] - REACH * codes.spread[dimension], high = codes.mean[dimension] + REACH * codes.spread[dimension];
    return html`<label class="latent-slider" key=${dimension}><span>${named(dimension)}</span>
      <input type="range" min=${low} max=${high} step="any" value=${z[dimension]}
        onInput=${(event) => set(dimension, Number(event.target.value))} />
      <output>${number(z[dimension], 2)}</output></label>`;
  };
  const [isOpen, open] = useState(false); // what is folded away is not drawn again as the place moves
  const [first, more] = [codes.order.slice(0, SLIDERS), codes.order.slice(SLIDERS)];
  return html`<div class="latent-right">
    <figure class="latent-image"><${Picture} pixels=${pixels} shape=${codes.shape} label=${t("decoded_here")} />
      <figcaption class="soft small">${decoder ? t("decoder_rate", { rate: number(decoder.rate, 0) }) : t("decoder_wait")}</figcaption></figure>
    ${codes.isTold && html`<label class="filters latent-class"><span>${t("class_given")}</span>
      <select value=${String(y)} onChange=${(event) => keep({ class: event.target.value })}>
        ${codes.classNames.map((name, label) => html`<option value=${String(label)}>${name}</option>`)}</select></label>`}
    <div class="latent-sliders" role="group" aria-label=${t("dimensions")}>${first.map(slider)}</div>
    ${more.length > 0 && html`<details onToggle=${(event) => open(event.target.open)}>
      <summary>${t("more_dimensions", { count: more.length })}</summary>
      <div class="latent-sliders">${isOpen && more.map(slider)}</div></details>`}
    <p class="row"><button class="plain" disabled=${!isMoved} onClick=${() => keep({ at: null })}>${t("back_to_point")}</button>
      <button class="plain" disabled=${!pixels} onClick=${(event) => savePicture(event, `${run.name}-decoded.png`)}>${t("save_png")}</button></p>
  </div>`;
}

/** The picture of the same figure, each pixel as a block. */
function savePicture(event, name) {
  const from = event.target.closest(".latent-right").querySelector("canvas"), made = document.createElement("canvas");
  const size = Math.max(1, Math.floor(560 / from.width));
  [made.width, made.height] = [from.width * size, from.height * size];
  const context = /** @type {any} */ (made.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(from, 0, 0, made.width, made.height);
  made.toBlob((blob) => blob && save(name, blob));
}

/** @param {{codes: Codes, living: any, a: number, b: number}} of */
function Between({ codes, living, a, b }) {
  const part = living.parts.find((one) => one.name === "live_between");
  const name = (row) => nameOf(codes, row);
  const settings = useMemo(() => ({
    ...part.settings,
    codes: [codeOf(codes, a), codeOf(codes, b), ...part.settings.codes],
    names: [name(a), name(b), ...part.settings.names],
    told: part.settings.told && codes.labels && [codes.labels[a], codes.labels[b], ...part.settings.told],
    from: 0,
    to: 1,
  }), [part, codes, a, b]);
  return html`<section><h2>${t("between_two")}</h2><p class="soft">${t("between_hint", { a: name(a), b: name(b) })}</p>
    <${LivePart} living=${living} name="live_between" settings=${settings} /></section>`;
}
