// Shows the newest message of /api/v1/stream. Freshness is judged by the age of the data, not by
// the connection: an open stream can carry old figures.

import { chooseTheme, linkViews, showFilters, streamAddress } from "./address.js";
import { put } from "./dom.js";
import { text, timeOfDay } from "./format.js";
import { Panels } from "./panels.js";
import { listen } from "./stream.js";
import { summary, Tiles } from "./tiles.js";

const INTERVAL_MS = 1000;
const SILENT_MS = 3 * INTERVAL_MS;

const at = (id) => document.getElementById(id);
const tiles = new Tiles(at("tiles"));
const panels = new Panels(at("panels"));

let latest = null; // the newest message
let heardAt = performance.now(); // when it came, by this browser's monotonic clock
let refused = null; // why there is no stream

// The server's time: the clock of a screen on a wall may be wrong by hours.
const silence = () => performance.now() - heardAt;
const serverNow = () => Date.parse(latest.generated_at) + silence();

function trouble() {
  if (refused !== null) return latest === null ? `Waiting for data. ${refused}` : refused;
  if (latest === null) return silence() > SILENT_MS ? "Waiting for data: the board does not answer." : "";
  if (latest.age_ms === null) return "Waiting for data: no result has come yet.";
  const age = latest.age_ms + silence();
  if (age > latest.stale_after_ms) return `Stale: these figures are ${text("ms", age)} old.`;
  return silence() > SILENT_MS ? "No connection to the board." : "";
}

function judge() {
  const told = trouble();
  put(at("banner"), told);
  document.body.className = latest === null ? "waiting" : told ? "stale" : "";
  if (latest === null) return;
  const now = serverNow();
  tiles.tick(now);
  panels.tick(now);
  put(at("asof"), latest.watermark === null
    ? "No data yet"
    : `Data of ${timeOfDay(latest.watermark)}, ${text("ms", now - Date.parse(latest.watermark))} ago`);
}

function take(message) {
  // A new version brings a new page: what this one shows may not be what it is sent.
  if (latest !== null && latest.version !== message.version) location.reload();
  latest = message;
  heardAt = performance.now();
  refused = null;
  put(at("title"), message.title);
  document.title = `${message.title} · carewatch`;
  document.body.dataset.view = message.view;
  put(at("notice"), message.notice ?? "");
  at("notice").hidden = message.notice === null;
  put(at("summary"), summary(message));
  showFilters(message);
  tiles.tell(message, serverNow());
  panels.tell(message, serverNow());
  judge();
}

function refuse(reason) {
  refused = reason;
  judge();
}

chooseTheme();
linkViews();
listen(streamAddress(), take, refuse);
setInterval(judge, INTERVAL_MS);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tiles.repaint());
