/** Samples through time as a film between the first one and the last. */

import { useEffect, useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { html } from "./html.js";
import { Sample, sampleOf } from "./pictures.js";
import { keep, place } from "./place.js";
import { save } from "./save.js";
import { number, t } from "./words.js";

const FRAME_MS = 350;
const AHEAD = 3; // frames that are fetched before they are shown

/** @typedef {{step: number, kind: string}} Taken */

/** The steps at which samples were drawn; null until they are known. @param {any} run @returns {Taken[] | null} */
function useSamples(run) {
  const [found, setFound] = useState(/** @type {Taken[] | null} */ (null));
  useEffect(() => {
    const ended = new AbortController();
    attempt(() => askJson(`api/runs/${run.id}/samples`, { signal: ended.signal }))
      .then((answer) => answer && setFound(answer.samples.filter((one) => one.kind === "png")));
    return () => ended.abort();
  }, [run.id, run.changed]);
  return found;
}

/** @param {{run: any}} of */
export function TimeLapse({ run }) {
  const samples = useSamples(run);
  if (!samples?.length) return samples && html`<section><h2>${t("time_lapse")}</h2><p class="soft">${t("no_samples")}</p></section>`;
  return html`<section><h2>${t("time_lapse")}</h2><div class="lapse">
    <${Still} run=${run} of=${samples[0]} name=${t("first_sample")} />
    <${Film} run=${run} samples=${samples} />
    <${Still} run=${run} of=${samples.at(-1)} name=${t("last_sample")} /></div></section>`;
}

/** @param {{run: any, of: any, name: string}} of */
function Still({ run, of: { step, kind }, name }) {
  const label = `${name}: ${t("step_n", { step: number(step, 0) })}`;
  return html`<figure><${Sample} id=${run.id} step=${step} kind=${kind} label=${label} />
    <figcaption class="soft small">${label}</figcaption></figure>`;
}

/** @param {{run: any, samples: Taken[]}} of */
function Film({ run, samples }) {
  const [isPlaying, play] = useState(false);
  const last = samples.length - 1, kept = samples.findIndex((one) => String(one.step) === place.value.step);
  const at = kept < 0 ? last : kept, { step, kind } = samples[at];
  const show = (wanted) => keep({ step: wanted === last ? null : String(samples[wanted].step) });
  useEffect(() => {
    if (!isPlaying) return undefined;
    for (const one of samples.slice(at + 1, at + 1 + AHEAD)) sampleOf(run.id, one.step, one.kind).catch(() => {});
    if (at === last) return play(false);
    let isLeft = false;
    const timer = setTimeout(async () => { // the next one is shown once it is here
      await sampleOf(run.id, samples[at + 1].step, samples[at + 1].kind).catch(() => {});
      if (!isLeft) show(at + 1);
    }, FRAME_MS);
    return () => { isLeft = true; clearTimeout(timer); };
  }, [isPlaying, at]);
  const begin = () => {
    if (!isPlaying && at === last) show(0);
    play(!isPlaying);
  };
  const picture = async () => save(`${run.name}-${step}.png`, await (await fetch(await sampleOf(run.id, step, kind))).blob());
  return html`<figure class="film"><${Sample} id=${run.id} step=${step} kind=${kind} label=${t("sample_at", { step: number(step, 0) })} />
    <figcaption><label class="slider"><span>${t("sample_at", { step: number(step, 0) })}</span>
        <input type="range" min="0" max=${last} step="1" value=${at} aria-valuetext=${t("step_n", { step: number(step, 0) })}
          onInput=${(event) => { play(false); show(Number(event.target.value)); }} /></label>
      <span class="row"><button class="plain" aria-pressed=${String(isPlaying)} onClick=${begin}>${t(isPlaying ? "pause" : "play")}</button>
        <button class="plain" onClick=${picture}>${t("save_png")}</button></span></figcaption></figure>`;
}
