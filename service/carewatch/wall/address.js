// What the page's address asks for, and the links that keep it: view, tenant, channel, theme, token.

const query = new URLSearchParams(location.search);

/** The stream of what was asked for; the theme is the page's own business. */
export function streamAddress() {
  const asked = new URLSearchParams();
  for (const name of ["view", "tenant", "channel", "token"]) {
    if (query.get(name)) asked.set(name, query.get(name));
  }
  return `/api/v1/stream?${asked}`;
}

function addressWith(name, value) {
  const changed = new URLSearchParams(query);
  if (value) changed.set(name, value);
  else changed.delete(name);
  return `${location.pathname}?${changed}`;
}

export function chooseTheme() {
  const theme = query.get("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}

/** Links to the views, each with all that was asked for besides. */
export function linkViews() {
  const links = [...document.querySelectorAll("#views a")];
  const here = query.get("view") || viewOf(links[0]);
  for (const link of links) {
    const view = viewOf(link);
    link.href = addressWith("view", view);
    if (view === here) link.setAttribute("aria-current", "page");
  }
}

const viewOf = (link) => new URL(link.href).searchParams.get("view");

/** A choice of tenant and channel, where there is one; made anew only when it changed. */
export function showFilters(message) {
  const choices = [
    ["tenant", "All tenants", message.tenants],
    ["channel", "All channels", message.channels],
  ];
  const filters = document.getElementById("filters");
  const state = JSON.stringify(choices);
  if (filters.dataset.state === state) return;
  filters.dataset.state = state;
  filters.replaceChildren(
    ...choices
      .filter(([name, , known]) => known.length > 1 || query.get(name))
      .map(([name, all, known]) => choice(name, all, known)),
  );
}

function choice(name, all, known) {
  const select = document.createElement("select");
  select.id = name;
  select.setAttribute("aria-label", name);
  const asked = query.get(name);
  const values = asked && !known.includes(asked) ? [asked, ...known] : known;
  select.append(new Option(all, ""), ...values.map((value) => new Option(value, value)));
  select.value = asked ?? "";
  select.addEventListener("change", () => location.assign(addressWith(name, select.value)));
  return select;
}
