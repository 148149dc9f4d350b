// The last hour of a figure as a line, with what was promised as a dashed one, and the same as a
// table for those who do not see it.

import { make } from "./dom.js";
import { minute, text } from "./format.js";

/** A line that keeps the size of its box. */
export class Spark {
  constructor(label) {
    this.canvas = make("div", "spark");
    this.canvas.setAttribute("aria-hidden", "true");
    this.table = make("table", "unseen");
    this.label = label;
    this.told = "";
    this.chart = null;
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  /** Draws a trend anew if it changed. */
  show(trend, unit, goal) {
    const told = JSON.stringify([trend, goal]);
    if (told === this.told) return;
    this.told = told;
    const values = trend?.values ?? [];
    this.canvas.hidden = values.every((value) => value === null);
    const until = trend ? Date.parse(trend.until) : 0;
    const times = values.map((_, at) => until - (values.length - 1 - at) * (trend.step_ms ?? 0));
    this.unit = unit;
    this.tabulate(times, values, unit);
    this.numbers = [times, values, values.map(() => goalWithin(values, goal))];
    if (this.chart === null) this.draw();
    else this.chart.setData(this.numbers);
  }

  draw() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (width < 2 || height < 2 || !this.numbers) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const colour = () => getComputedStyle(this.canvas).color;
    this.chart = new uPlot(
      {
        width: Math.floor(width),
        height: Math.floor(height),
        legend: { show: false },
        cursor: { show: false },
        select: { show: false },
        padding: [rem / 2, rem / 4, rem / 4, 0],
        axes: [{ show: false }, { show: false }],
        scales: { x: { time: false }, y: { range: (_, low, high) => this.range(low, high) } },
        series: [
          {},
          {
            stroke: colour,
            fill: () => colour().replace("rgb(", "rgba(").replace(")", ", 0.16)"),
            width: rem / 6,
            points: { show: true, size: rem / 2, fill: colour, filter: alone },
          },
          { stroke: colour, width: rem / 10, dash: [rem / 3, rem / 3], points: { show: false } },
        ],
      },
      this.numbers,
      this.canvas,
    );
  }

  // Counts and times stand on zero. Shares move within a few percent: there the ground is near them.
  range(low, high) {
    if (this.unit === "permille") return [Math.max(0, low - 20), Math.min(1000, high + 20)];
    return [Math.min(0, low), high || 1];
  }

  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (this.chart === null) this.draw();
    else if (width > 2) this.chart.setSize({ width: Math.floor(width), height: Math.floor(height) });
  }

  /** Colours are read when a line is drawn. */
  repaint() {
    this.chart?.redraw();
  }

  tabulate(times, values, unit) {
    const rows = times
      .map((time, at) => [time, values[at]])
      .filter(([, value]) => value !== null)
      .map(([time, value]) => {
        const head = make("th", "", minute(time));
        head.scope = "row";
        return make("tr", "", head, make("td", "", text(unit, value)));
      });
    this.table.replaceChildren(make("caption", "", `${this.label}, last hour`), ...rows);
  }
}

// A promise far above everything measured would press the line to the ground: it is left out then.
function goalWithin(values, goal) {
  if (!goal) return null;
  const greatest = Math.max(...values.filter((value) => value !== null));
  return goal.least <= 2.5 * greatest || goal.unit === "permille" ? goal.least : null;
}

// A value between two gaps has no line: it gets a point.
function alone(chart, series) {
  const values = chart.data[series];
  const gap = (at) => values[at] === null || values[at] === undefined;
  return [...values.keys()].filter((at) => !gap(at) && gap(at - 1) && gap(at + 1));
}
