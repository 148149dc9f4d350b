"use strict";

// Shows the newest message of /api/v1/stream. Freshness is judged by the age of the data, not by
// the connection: an open stream can carry old figures.

const INTERVAL_MS = 1000;
const STALE_MS = 5 * INTERVAL_MS;
const SILENT_MS = 3 * INTERVAL_MS;

let latest = null; // the newest message
let heardAt = 0; // when it came, on this browser's monotonic clock
let version = null;

function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}

const number = (value) => Number(value).toLocaleString();
const path = (from, name) => name.split(".").reduce((value, key) => value?.[key], from);
const shown = (name, value) => (name.endsWith("_ms") ? duration(value) : number(value));
const since = (spread) => (spread.count && spread.window !== "1h" ? " since start" : "");
const sample = (spread) => (spread.count ? `${number(spread.count)} measured${since(spread)}` : "none yet");

function put(id, text) {
  document.getElementById(id).textContent = text;
}

function cell(row, text, note) {
  const td = row.insertCell();
  td.textContent = text;
  if (note) {
    const small = document.createElement("small");
    small.textContent = note;
    td.append(small);
  }
}

function fill(message) {
  for (const element of document.querySelectorAll("[data-all]")) {
    const name = element.dataset.all;
    element.textContent = shown(name, path(message.all, name));
  }
  for (const element of document.querySelectorAll("[data-note]")) {
    element.textContent = sample(message.all[element.dataset.note]);
  }
  put("breaches", `${number(message.all.breaches)} breaches since start`);
  document.getElementById("risk").classList.toggle("raised", message.all.at_risk > 0);
  document.getElementById("breached").classList.toggle("raised", message.all.breached_open > 0);

  const rows = document.createElement("tbody");
  rows.id = "channels";
  for (const one of message.channels) {
    const row = rows.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = one.channel;
    row.append(head);
    cell(row, number(one.waiting));
    cell(row, duration(one.oldest_ms));
    cell(row, number(one.queued));
    cell(row, duration(one.first_response.p50_ms), since(one.first_response));
    cell(row, duration(one.first_response.p90_ms), since(one.first_response));
    cell(row, number(one.first_response.count));
    cell(row, duration(one.queue_wait.p50_ms), since(one.queue_wait));
    cell(row, duration(one.queue_wait.p90_ms), since(one.queue_wait));
    cell(row, number(one.at_risk), one.at_risk ? " ▲" : "");
    cell(row, number(one.breached_open), one.breached_open ? " ■" : "");
    cell(row, number(one.breaches));
    cell(row, number(one.received));
  }
  document.getElementById("channels").replaceWith(rows);
}

function judge() {
  const silent = performance.now() - heardAt;
  const banner = document.getElementById("banner");
  let trouble = "";
  if (latest === null) {
    trouble = silent > SILENT_MS ? "No data yet: the board does not answer." : "";
  } else {
    const age = latest.age_ms === null ? null : latest.age_ms + silent;
    if (age === null) trouble = "No complete results yet: no source partition has reported.";
    else if (age > STALE_MS) trouble = `STALE: these figures are ${duration(age)} old.`;
    else if (silent > SILENT_MS) trouble = "No connection to the board.";
    put("asof", age === null ? "no data yet" : `data as of ${new Date(latest.watermark).toLocaleTimeString()}, ${duration(age)} ago`);
  }
  banner.textContent = trouble;
  banner.hidden = trouble === "";
  document.body.className = latest === null ? "waiting" : trouble ? "stale" : "";
}

function take(message) {
  if (version !== null && version !== message.version) location.reload();
  version = message.version;
  latest = message;
  heardAt = performance.now();
  fill(message);
  judge();
}

// EventSource opens itself again after a broken connection, but gives up on an answer that is an
// error (503 while the board catches up): then a new one is opened here.
function listen() {
  const stream = new EventSource("/api/v1/stream");
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2 * INTERVAL_MS);
  };
}

listen();
setInterval(judge, INTERVAL_MS);
