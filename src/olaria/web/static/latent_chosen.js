/** What was chosen on the map of codes: one point with its nearest neighbours, and all points within a line. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { squaredError } from "play/strange.js";
import { html } from "./html.js";
import { byClass, codeOf, thumbOf } from "./latent_math.js";
import { Picture } from "./picture.js";
import { keep } from "./place.js";
import { saveTable } from "./save.js";
import { number, t } from "./words.js";

const MOST_SHOWN = 48; // images of a choice

/** @typedef {import("./latent_math.js").Codes} Codes */

/** What an image is called. @param {Codes} codes @param {number} row */
export const nameOf = ({ labels, classNames }, row) => (labels
  ? t("image_of", { number: row + 1, name: classNames[labels[row]] }) : t("image_n", { number: row + 1 }));

/** The image, as a button that chooses it. @param {{codes: Codes, row: number, choose: (row: number) => void, children?: any}} of */
function Thumb({ codes, row, choose, children }) {
  const pixels = useMemo(() => thumbOf(codes, row), [codes, row]);
  return html`<button type="button" class="thumb" aria-label=${nameOf(codes, row)} onClick=${() => choose(row)}>
    <${Picture} pixels=${pixels} shape=${codes.thumb} />${children}</button>`;
}

/**
 * One point: its image, what the model makes of it, and its neighbours.
 * @param {{run: any, codes: Codes, row: number, nearest: {row: number, distance: number}[], decoder: any,
 *   choose: (row: number) => void}} of
 */
export function Chosen({ run, codes, row, nearest, decoder, choose }) {
  const own = useMemo(() => thumbOf(codes, row), [codes, row]);
  const told = decoder?.model.classes && codes.labels ? codes.labels[row] : null;
  const rebuilt = useMemo(() => decoder && decoder.model.decode(codeOf(codes, row), told), [decoder, codes, row]);
  const isWhole = String(codes.thumb) === String(codes.shape); // a small image is not what was encoded
  const bars = useRef(/** @type {any} */ (null)), farthest = nearest.at(-1)?.distance || 1;
  useEffect(() => {
    [...bars.current.querySelectorAll("i")].forEach((bar, i) => { bar.style.width = `${100 * (nearest[i]?.distance ?? 0) / farthest}%`; });
  });
  const table = () => [["image", "class", "distance"],
    ...[{ row, distance: 0 }, ...nearest].map((one) => [one.row + 1, codes.labels ? codes.classNames[codes.labels[one.row]] : "", one.distance])];
  const end = (name) => () => keep({ [name]: String(row), "between.from": null, "between.to": null, "between.class": null, "between.t": null });
  return html`<section class="panel latent-chosen"><h2>${nameOf(codes, row)}</h2>
    <div class="latent-pair">
      <figure><${Picture} pixels=${own} shape=${codes.thumb} label=${t("test_image")} /><figcaption class="small soft">${t("test_image")}</figcaption></figure>
      <figure><${Picture} pixels=${rebuilt} shape=${codes.shape} label=${t("rebuilt")} /><figcaption class="small soft">${t("rebuilt")}
        ${rebuilt && isWhole && html` · ${t("error_of", { value: number(squaredError(rebuilt, own)) })}`}</figcaption></figure>
      <div class="latent-ends"><button class="plain" onClick=${end("a")}>${t("begin_here")}</button>
        <button class="plain" onClick=${end("b")}>${t("end_here")}</button>
        <button class="plain" onClick=${() => keep({ point: null, at: null, class: null })}>${t("unchoose")}</button></div>
    </div>
    <h3>${t("neighbours")}</h3><p class="soft small">${t("neighbours_hint", { count: codes.latent })}</p>
    <ol class="latent-near" ref=${bars}>${nearest.map((one) => html`<li key=${one.row}>
      <${Thumb} codes=${codes} row=${one.row} choose=${choose}><b>${number(one.distance, 2)}</b><i></i><//></li>`)}</ol>
    <p class="row"><button class="plain" onClick=${() => saveTable(`${run.name}-neighbours-${row + 1}`, table())}>${t("save_csv")}</button></p>
  </section>`;
}

/**
 * All points within a line: how many of each class, and their images.
 * @param {{run: any, codes: Codes, rows: number[], colours: any, choose: (row: number) => void, clear: () => void}} of
 */
export function Selected({ run, codes, rows, colours, choose, clear }) {
  const counts = byClass(codes, rows), box = useRef(/** @type {any} */ (null));
  useEffect(() => {
    [...(box.current?.querySelectorAll("td i") ?? [])].forEach((bar, i) => {
      bar.style.width = `${100 * counts[i].count / counts[0].count}%`;
      bar.style.background = colours.classes[counts[i].label % colours.classes.length];
    });
  });
  const table = () => [
    ["image", "class", ...Array.from({ length: codes.latent }, (_, i) => `z${i + 1}`)],
    ...rows.map((row) => [row + 1, codes.labels ? codes.classNames[codes.labels[row]] : "", ...codeOf(codes, row)]),
  ];
  return html`<section class="panel latent-selected"><h2>${t("selected", { count: number(rows.length, 0) })}</h2>
    ${counts.length > 0 && html`<table class="latent-counts" ref=${box}><caption class="unseen">${t("by_class")}</caption>
      <thead><tr><th scope="col">${t("class")}</th><th scope="col" class="n">${t("images")}</th><td></td></tr></thead>
      <tbody>${counts.map(({ label, count }) => html`<tr key=${label}><th scope="row">${codes.classNames[label]}</th>
        <td class="n">${number(count, 0)}</td><td><i></i></td></tr>`)}</tbody></table>`}
    <ul class="latent-images">${rows.slice(0, MOST_SHOWN).map((row) => html`<li key=${row}><${Thumb} codes=${codes} row=${row} choose=${choose} /></li>`)}</ul>
    ${rows.length > MOST_SHOWN && html`<p class="soft small">${t("first_shown", { count: MOST_SHOWN })}</p>`}
    <p class="row"><button class="plain" disabled=${!rows.length} onClick=${() => saveTable(`${run.name}-selected`, table())}>${t("save_csv")}</button>
      <button class="plain" onClick=${clear}>${t("clear_selection")}</button></p></section>`;
}
