// Numbers, times and durations in the viewer's language. Words stay English, as the page is.

const languages = navigator.languages;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const plain = new Intl.NumberFormat(languages);
const short = new Intl.NumberFormat(languages, { notation: "compact", maximumFractionDigits: 1 });
const tenth = new Intl.NumberFormat(languages, { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(languages, { minimumIntegerDigits: 2 });
const clock = new Intl.DateTimeFormat(languages, { timeStyle: "medium" });
const minuteOfDay = new Intl.DateTimeFormat(languages, { timeStyle: "short" });

const [units, narrow] = ["short", "narrow"].map((unitDisplay) =>
  Object.fromEntries(["second", "minute", "hour", "day"].map((unit) =>
    [unit, new Intl.NumberFormat(languages, { style: "unit", unit, unitDisplay })])));

function unitName(format, count) {
  return format.formatToParts(count).find((part) => part.type === "unit")?.value ?? "";
}

// Digits and unit apart, since a wall shows them in two sizes: as exact as can be read at a glance.
function durationParts(ms) {
  const rounded = Math.floor(Math.max(0, ms) / SECOND) * SECOND;
  const of = (unit, digits, count) => ({ digits, unit: unitName(units[unit], count) });
  if (rounded < MINUTE) return of("second", plain.format(rounded / SECOND), rounded / SECOND);
  if (rounded < 10 * MINUTE) {
    const minutes = Math.floor(rounded / MINUTE);
    return of("minute", `${minutes}:${two.format((rounded % MINUTE) / SECOND)}`, 2);
  }
  if (rounded < HOUR) return of("minute", plain.format(Math.floor(rounded / MINUTE)), 2);
  if (rounded < 10 * HOUR) {
    const hours = Math.floor(rounded / HOUR);
    return of("hour", `${hours}:${two.format(Math.floor((rounded % HOUR) / MINUTE))}`, 2);
  }
  if (rounded < 2 * DAY) return of("hour", plain.format(Math.floor(rounded / HOUR)), 2);
  return of("day", plain.format(Math.floor(rounded / DAY)), Math.floor(rounded / DAY));
}

/** A value as digits and unit; null has neither. */
export function parts(unit, value) {
  if (value === null || value === undefined) return { digits: "–", unit: "" };
  switch (unit) {
    case "ms":
      return durationParts(value);
    case "permille":
      return { digits: tenth.format(value / 10), unit: "%" };
    case "times":
      return { digits: tenth.format(value / 1000), unit: "×" };
    case "name":
      return { digits: String(value), unit: "" };
    default:
      return { digits: Math.abs(value) < 10_000 ? plain.format(value) : short.format(value), unit: "" };
  }
}

/** A value as one text. */
export function text(unit, value) {
  const { digits, unit: name } = parts(unit, value);
  return name === "" || name === "%" || name === "×" ? digits + name : `${digits} ${name}`;
}

/**
 * A value in a row, where there is little room: minutes with seconds need no unit, and of shares the
 * whole percents that were reached are told, so that what missed a target does not read as met.
 */
export function brief(unit, value) {
  if (value === null) return text(unit, value);
  if (unit === "permille") return `${plain.format(Math.floor(value / 10))}%`;
  if (unit !== "ms") return text(unit, value);
  if (value >= MINUTE && value < 10 * MINUTE) return durationParts(value).digits;
  if (value >= HOUR && value < 10 * HOUR) return durationParts(value).digits + unitName(narrow.hour, 2);
  const [name, size] =
    value < MINUTE ? ["second", SECOND] : value < HOUR ? ["minute", MINUTE]
    : value < 2 * DAY ? ["hour", HOUR] : ["day", DAY];
  return narrow[name].format(Math.floor(value / size));
}

export const number = (value) => plain.format(value);

/** What is promised: a whole number of the greatest unit that leaves nothing over. */
export function promised(ms) {
  for (const [unit, size] of [["hour", HOUR], ["minute", MINUTE]]) {
    if (ms % size === 0) return units[unit].format(ms / size);
  }
  return units.second.format(ms / SECOND);
}

/** For how long: minutes and seconds up to an hour, so that a countdown is seen to move. */
export function countdown(ms) {
  const left = Math.abs(ms);
  const sign = ms < 0 ? "−" : "";
  if (left >= 10 * HOUR) return sign + text("ms", left);
  const seconds = Math.floor(left / SECOND);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const tail = two.format(seconds % 60);
  return sign + (hours ? `${hours}:${two.format(minutes)}:${tail}` : `${minutes}:${tail}`);
}

export const timeOfDay = (instant) => clock.format(new Date(instant));
export const minute = (instant) => minuteOfDay.format(new Date(instant));
