// The tiles: made once for a view, and then only told what is new.

import { make, put, shape } from "./dom.js";
import { number, parts, promised, text } from "./format.js";
import { Spark } from "./spark.js";

class Tile {
  constructor(told) {
    this.heading = make("h2", "", told.label);
    this.digits = make("span", "digits");
    this.unit = make("span", "unit");
    this.word = make("span", "word");
    this.state = make("p", "state", shape(""), this.word);
    this.goal = make("p", "goal");
    this.note = make("span", "note");
    this.age = make("span", "age");
    this.spark = new Spark(told.label);
    this.element = make(
      "article",
      "tile",
      this.heading,
      make("p", "value", this.digits, this.unit),
      make("div", "judged", this.state, this.goal),
      this.spark.canvas,
      this.spark.table,
      make("p", "foot", this.note, this.age),
    );
    this.element.dataset.id = told.id;
    this.element.dataset.unit = told.unit;
  }

  tell(told, now) {
    if (this.element.dataset.state !== told.state) {
      this.element.dataset.state = told.state;
      this.state.firstChild.replaceWith(shape(told.state));
      this.spark.repaint();
    }
    this.told = told;
    put(this.heading, told.label);
    put(this.word, told.word);
    // Where nothing is judged, there is room to say what the figure is of.
    const note = noteText(told);
    const beside = told.word === "" && !told.goal;
    put(this.goal, beside ? note : goalText(told.goal));
    put(this.note, beside ? "" : note);
    this.spark.show(told.trend, told.unit, told.goal);
    this.tick(now);
  }

  /** What time alone changes: a wait goes on, the data grow older. */
  tick(now) {
    const { told } = this;
    const value = told.since === null ? told.value : Math.max(0, now - Date.parse(told.since));
    const shown = parts(told.unit, value);
    put(this.digits, told.few ? number(told.few.n) : shown.digits);
    put(this.unit, told.few ? `of ${number(told.few.needed)}` : shown.unit);
    this.element.classList.toggle("few", told.few !== null);
    put(this.age, told.as_of === null ? "" : `${text("ms", now - Date.parse(told.as_of))} ago`);
  }
}

function goalText(goal) {
  if (!goal) return "";
  const one = (value) => (goal.unit === "ms" ? promised(value) : text(goal.unit, value));
  const span = goal.least === goal.most ? one(goal.least) : `${one(goal.least)} – ${one(goal.most)}`;
  return `target ${span}${goal.business ? " open" : ""}`;
}

function noteText(told) {
  if (told.few) return `too few: ${number(told.few.n)}`;
  if (told.of) return `${number(told.of.n)} of ${number(told.of.d)}`;
  if (told.samples) return `${number(told.samples)} measured`;
  return told.note ?? "";
}

/** All tiles of the page. */
export class Tiles {
  constructor(section) {
    this.section = section;
    this.known = new Map();
  }

  tell(message, now) {
    const ids = message.tiles.map((told) => told.id);
    if (ids.join() !== [...this.known.keys()].join()) {
      this.known = new Map(message.tiles.map((told) => [told.id, new Tile(told)]));
      this.section.replaceChildren(...[...this.known.values()].map((tile) => tile.element));
    }
    for (const told of message.tiles) this.known.get(told.id).tell(told, now);
  }

  tick(now) {
    for (const tile of this.known.values()) tile.tick(now);
  }

  repaint() {
    for (const tile of this.known.values()) tile.spark.repaint();
  }
}

/** What is wrong, in one sentence for those who listen. */
export function summary(message) {
  const named = (state) => message.tiles.filter((tile) => tile.state === state).map((tile) => tile.label);
  const wrong = [["Breach", named("breach")], ["At risk", named("risk")]]
    .filter(([, labels]) => labels.length)
    .map(([word, labels]) => `${word}: ${labels.join(", ")}.`);
  return wrong.join(" ") || "Nothing is at risk.";
}
