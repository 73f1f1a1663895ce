/** A GAN of points that the reader trains in the page: play, one step of either network, slow motion, broken rules. */

import { sideBySide } from "./canvas.js";
import { makeNumber, makeSelect } from "./controls.js";
import { make, press } from "./elements.js";
import { makeScreen } from "./game_screen.js";
import { FORMS, whole } from "./link_state.js";
import { Match, RULES, areTurns, readTurns, tableOf } from "./match.js";
import { filled, written } from "./numbers.js";
import { Playing } from "./playing.js";

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
    seed: whole(0),
    played: { form: FORMS.text, start: "", fits: areTurns },
  });
  const { values } = state, screen = makeScreen(words, colours);
  const note = make("p.note", { role: "status" });
  const tell = (text) => { if (note.textContent !== text) note.textContent = text; };
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const playing = new Playing(isStill, {
    draw: () => screen.draw(playing.isSlow ? playing.moment : null, playing.isPlaying ? playing.rate : 0),
    changed: () => buttons.mark(playing, values.rule),
    paused() {
      values.played = areTurns(playing.match.played) ? playing.match.played : "";
      state.keep();
    },
    moment: (moment) => tell(moment ? momentWords(moment, words) : ""),
    overflow: () => tell(words.overflow),
  });

  const show = () => {
    const table = tableOf(values.points, settings, values.seed), again = readTurns(values.played);
    const match = new Match(table, values.rule, values.seed, values.points === "trained" ? document_ : null);
    screen.begin(match);
    select.set(SETS.indexOf(values.points));
    seed.set(values.seed);
    tell(again.length ? words.again : "");
    playing.begin(match, again);
  };
  const anew = (changed) => {
    Object.assign(values, changed, { played: "" });
    state.keep();
    show();
  };
  const buttons = makeButtons(words, isStill, playing, (rule) => anew({ rule }));
  const names = SETS.map((name) => filled(words[`set_${name}`], { run: settings.run }));
  const select = makeSelect(words.points, names, (place) => anew({ points: SETS[place] }));
  const seed = makeNumber(words.seed, values.seed, (value) => anew({ seed: value }));
  stage.room.append(
    make("div.controls", {}, select.element, seed.element),
    buttons.moves,
    make("div.live-pair.played", {}, ...screen.elements),
    make("p.small.key", {}, words.key),
    note,
    ...buttons.rules,
  );
  return {
    state,
    show,
    stop: () => playing.stop(),
    picture: () => sideBySide(screen.canvases, colours.ground),
    table: () => {
      const { generated } = screen.seen, { logits, pull } = playing.match.gan.pulls(generated);
      return [
        ["x", "y", "l", "pull x", "pull y"],
        ...Array.from(logits, (l, i) => [generated[2 * i], generated[2 * i + 1], l, pull[2 * i], pull[2 * i + 1]]),
      ];
    },
  };
}

/** What happened in a moment of a turn. */
function momentWords({ side, stage, loss }, words) {
  if (!Number.isFinite(loss ?? 0)) return words.overflow;
  return filled(words[`${side}_${stage}`], { loss: written(loss ?? NaN, 3) });
}

/** What moves the game, and what breaks it. */
function makeButtons(words, isStill, playing, break_) {
  const button = (text, onclick) => make("button", { onclick }, text);
  const play = button(words.play, () => playing.play());
  const slow = button(isStill ? words.moment : words.slow, () => playing.slowly());
  const [d, g] = [button(words.stepD, () => playing.once("d")), button(words.stepG, () => playing.once("g"))];
  const broken = Object.fromEntries(["strong", "idle", "silent"].map((name) => [name, button(words[name], () => break_(name))]));
  const mend = button(words.fair, () => {
    play.focus(); // for nothing is left to mend
    break_("fair");
  });
  const told = make("p.small.rule", { role: "status" });
  return {
    moves: make("div.actions.controls", {}, play, slow, d, g),
    rules: [make("div.actions.controls.rules", {}, make("span", {}, words.break), ...Object.values(broken), mend), told],
    mark({ isBusy, isSlow }, rule) {
      play.textContent = isBusy ? words.pause : words.play;
      press(play, isBusy);
      press(slow, isSlow);
      d.disabled = rule === "idle";
      for (const [name, one] of Object.entries(broken)) press(one, rule === name);
      mend.disabled = rule === "fair";
      told.textContent = words[`rule_${rule}`];
    },
  };
}
