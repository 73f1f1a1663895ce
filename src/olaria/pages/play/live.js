/**
 * Live parts of a page: one that computes with the model of a run starts once the model has proved that it computes
 * here what Python computed. Beneath each stands its static figure, whatever happens here.
 *
 * A part is a function of a `Stage`. It draws into `stage.room`, and returns what the page asks of it (`Player`).
 */

import { csv } from "./csv.js";
import { all, given, make } from "./elements.js";
import { startGuess } from "./guess.js";
import { Link, LONGEST, stateOf } from "./link_state.js";
import { create, proving, TOLERANCE } from "./models.js";
import { filled, tiny, written } from "./numbers.js";
import { open, PlayError } from "./weights.js";

/**
 * @typedef {object} Stage
 * @property {HTMLElement} room to draw into
 * @property {any[]} models of its runs
 * @property {any[]} opened their documents
 * @property {any} settings that the lesson gives
 * @property {Record<string, string>} words in the reader's language
 * @property {any} colours
 * @property {(fields: Record<string, any>) => any} state see `stateOf`
 */

/**
 * @typedef {object} Player
 * @property {() => void} show draw what the state says
 * @property {any} state
 * @property {() => HTMLCanvasElement} picture of what is seen
 * @property {() => (string | number)[][]} table of what is seen
 * @property {() => void} [stop] what goes on by itself; a part that has none needs none
 */

/**
 * What a part is started with.
 * @typedef {object} Given
 * @property {string} id of its values in the address, and of the files that it saves
 * @property {(stage: Stage) => Player} part
 * @property {any} settings
 * @property {Promise<Proved>[]} models
 * @property {Record<string, string>} words its own, and those of every part
 * @property {any} colours
 * @property {Kept} link
 */

/** @typedef {import("./link_state.js").Kept} Kept */
/** @typedef {{opened: any, model: any, proof: any}} Proved */

/**
 * Start the live parts of the page, one after the other, so that the page stays quick.
 * @param {Record<string, (stage: Stage) => Player>} parts by name
 */
export function startLive(parts) {
  const { live, colours } = given("words");
  const link = new Link(), models = new Map(), counts = new Map();
  const hide = () => document.documentElement.classList.toggle("hide-controls", link.values.get("hide") === "controls");
  hide();
  link.listeners.push(hide);
  const model = (number) => {
    if (!models.has(number)) models.set(number, proved(given(`play-${number}`)));
    return models.get(number);
  };
  const startAll = async () => {
    for (const box of all(document, "[data-live]")) {
      const name = box.dataset.live, count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      await breath();
      const id = idOf(name, count);
      const player = await startPart(box, {
        id,
        part: parts[name],
        settings: JSON.parse(box.querySelector("script").textContent),
        models: box.dataset.models.split(" ").filter(Boolean).map(model),
        words: { ...live.every, ...live[name] },
        colours,
        link,
      });
      if (player && [...link.values.keys()].some((key) => key.startsWith(`${id}.`))) reveal(box);
    }
  };
  startAll();
}

/** What the values of a part begin with in the address. @param {string} name of its module @param {number} count */
export const idOf = (name, count = 1) => name.replace("live_", "") + (count > 1 ? count : "");

/** Let the page draw and answer, between two pieces of work. */
const breath = () => new Promise((done) => setTimeout(done, 0));

/**
 * The model of a run, once its numbers are those of Python. The numbers are computed in pieces.
 * @param {any} document_ of the model
 * @returns {Promise<Proved>}
 */
export async function proved(document_) {
  const opened = open(document_);
  await breath();
  const model = create(opened), steps = proving(opened, model);
  for (;;) {
    await breath();
    const { done, value: proof } = steps.next();
    if (done) return { opened, model, proof };
  }
}

/**
 * Start one part in its box, above the `.live-told` that says what came of it.
 * @param {any} box
 * @param {Given} what
 * @returns {Promise<Player | null>} none where the part stays off
 */
export async function startPart(box, { id, part, settings, models, words, colours, link }) {
  const told = box.querySelector(".live-told");
  const tell = (state, text) => { box.hidden = false; box.dataset.state = state; told.textContent = text; };
  try {
    const found = await Promise.all(models);
    const wrong = found.find(({ proof }) => !proof.holds);
    if (wrong) {
      tell("off", refusal(wrong, words));
      return null;
    }
    await breath();
    const room = make("div.live-room"), unkept = make("p.note", { role: "status" });
    const tooLong = filled(words.tooLong, { count: written(LONGEST, 0) });
    const kept = (isKept) => { unkept.textContent = isKept ? "" : tooLong; };
    const player = part({
      room,
      settings,
      words,
      colours,
      models: found.map((each) => each.model),
      opened: found.map((each) => each.opened),
      state: (fields) => stateOf(link, id, fields, kept),
    });
    room.append(actions(player, id, words), unkept);
    await breath();
    box.prepend(room);
    player.show();
    link.listeners.push(() => { player.state.restore(); player.show(); });
    startGuess(box, (fields) => stateOf(link, id, fields), link, words, player.show);
    tell("on", found.length ? proofWords(found, words) : words.computed);
    return player;
  } catch (error) {
    box.querySelector(".live-room")?.remove();
    const damaged = error instanceof PlayError && error.reason === "weights";
    tell("off", damaged ? words.damaged : filled(words.lacking, { reason: error instanceof Error ? error.message : String(error) }));
    return null;
  }
}

/** Bring a part into view that the address speaks of, also from behind a question. */
function reveal(box) {
  box.closest(".answer")?.dispatchEvent(new Event("beforematch"));
  box.scrollIntoView({ block: "center" });
}

function refusal({ opened, proof }, words) {
  if (!opened.intact) return words.damaged;
  return proof.largest <= TOLERANCE ? words.otherTokens : filled(words.differs, { difference: tiny(proof.largest) });
}

function proofWords(found, words) {
  const count = found.reduce((sum, { proof }) => sum + proof.count, 0);
  const largest = Math.max(...found.map(({ proof }) => proof.largest));
  const text = filled(words.proved, { count: written(count, 0), difference: tiny(largest) });
  const bits = Math.min(...found.map(({ opened }) => ({ float16: 16, int8: 8 })[opened.precision] ?? 32));
  return bits < 32 ? `${text} ${filled(words.rounded, { bits: String(bits) })}` : text;
}

/** Buttons that every part has. */
function actions(player, id, words) {
  const button = (text, onclick) => make("button", { onclick }, text);
  return make(
    "p.actions",
    {},
    button(words.back, () => { player.state.reset(); player.show(); }),
    button(words.picture, () => player.picture().toBlob((blob) => save(blob, `olaria-${id}.png`), "image/png")),
    button(words.numbers, () => save(new Blob([csv(player.table())], { type: "text/csv" }), `olaria-${id}.csv`)),
  );
}

/** Hand a file to the reader. */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
