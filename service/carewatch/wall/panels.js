// The lists beside the tiles: what is due next, and tables.

import { make, put, shape } from "./dom.js";
import { brief, countdown, number } from "./format.js";

/** All lists of the page; made anew with every message, since their rows come and go. */
export class Panels {
  constructor(element) {
    this.element = element;
    this.told = "";
    this.counting = [];
  }

  tell(message, now) {
    const told = JSON.stringify(message.panels);
    if (told !== this.told) {
      this.told = told;
      this.counting = [];
      this.element.replaceChildren(...message.panels.map((panel) => this.panel(panel)));
    }
    this.tick(now);
  }

  /** Counts down. */
  tick(now) {
    for (const { time, due } of this.counting) put(time, countdown(due - now));
  }

  panel(told) {
    const heading = make("h2", "", told.title);
    heading.id = `panel-${told.id}`;
    if (told.kind === "due" && told.rows.length) {
      heading.append(make("span", "total", number(told.rows.length + told.more)));
    }
    const body = told.rows.length
      ? told.kind === "due" ? this.due(told) : table(told)
      : make("p", "empty", told.empty);
    const section = make("section", `panel ${told.kind}`, heading, body);
    section.setAttribute("aria-labelledby", heading.id);
    section.dataset.id = told.id;
    return section;
  }

  due(told) {
    const rows = told.rows.map((row) => {
      const time = make("time", "left");
      time.dateTime = row.due_at;
      this.counting.push({ time, due: Date.parse(row.due_at) });
      const id = make("span", "id", row.conversation);
      id.title = row.conversation;
      const of = make("span", "of", `${row.policy}, ${row.target.replaceAll("_", " ")}`);
      const state = make("span", "mark", shape(row.state), make("span", "unseen", row.word));
      const item = make("li", "", state, time, id, of);
      item.dataset.state = row.state;
      return item;
    });
    return make("ol", "", ...rows);
  }
}

function table(told) {
  const head = make("tr", "", ...told.columns.map((column) => {
    const cell = make("th", "", column);
    cell.scope = "col";
    return cell;
  }));
  const rows = told.rows.map((row) => make("tr", "", ...row.map((cell, at) => shownCell(cell, at))));
  const made = make("table", "", make("thead", "", head), make("tbody", "", ...rows));
  made.setAttribute("aria-labelledby", `panel-${told.id}`);
  return made;
}

function shownCell(cell, at) {
  if (at === 0) {
    const head = make("th", "", String(cell.value));
    if (cell.note !== null) head.append(" ", make("span", "of", cell.note));
    head.scope = "row";
    return head;
  }
  const shown = make("td");
  shown.dataset.state = cell.few === null ? cell.state : "few";
  if (cell.few !== null) {
    shown.append(`too few: ${number(cell.few)}`);
    return shown;
  }
  if (cell.state === "risk" || cell.state === "breach") {
    shown.append(shape(cell.state), make("span", "unseen", `${cell.word}: `));
  }
  shown.append(brief(cell.unit, cell.value));
  return shown;
}
