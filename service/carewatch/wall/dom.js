// Makes elements, and changes only what is different: screen readers and layout stay calm.

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class and children; texts become text nodes. */
export function make(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const OUTLINES = {
  ok: ["circle", { cx: 8, cy: 8, r: 7 }],
  risk: ["path", { d: "M8 1 L15.5 15 H0.5 Z" }],
  breach: ["rect", { x: 1, y: 1, width: 14, height: 14 }],
  none: ["path", { d: "M1 7 H15 V9.5 H1 Z" }],
};

/** The shape of a state, beside its colour and word: circle, triangle, square; a dash is no data. */
export function shape(state) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add("shape");
  if (OUTLINES[state]) {
    const [name, attributes] = OUTLINES[state];
    const outline = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) outline.setAttribute(key, value);
    drawing.append(outline);
  }
  return drawing;
}
