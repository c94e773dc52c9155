// The list of rollouts: one line each, brought up to date in place.

import { ask } from "./api.js";
import { byId, el, keyed, rebuild, setAttribute, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { badge, bar, time } from "./parts.js";
import { Shell } from "./shell.js";
import { ENDED, FINDINGS, STATES, armRole, count, headline, shares } from "./words.js";

const PAGE = 100;
const LOOK = new Set(["held", "silent", "paused"]);

const older = new Map(); // rollouts of older pages: they are read once and change by news alone
let newest = [];
let before = null; // where the next older page begins
let total = 0;

const feed = new Feed({
  ask: (signal) => ask("/rollouts", { limit: PAGE }, signal),
  show: (told) => take(told),
  failed: (error) => shell.trouble("rollouts", error),
});
const shell = new Shell({ news: () => feed.poke(), afresh: () => feed.poke() });

function take({ items, next, total: of_all, reading }) {
  if (older.size === 0) before = next;
  total = of_all;
  shell.read(reading);
  if (older.size > 0) for (const item of newest) older.set(item.rollout, item); // it may slip off the first page
  for (const { rollout } of items) older.delete(rollout);
  newest = items;
  draw();
}

async function dig() {
  try {
    const told = await ask("/rollouts", { limit: PAGE, before });
    for (const item of told.items) older.set(item.rollout, item);
    before = told.next;
    draw();
  } catch (error) {
    shell.trouble("older rollouts", error);
  }
}

function draw() {
  const known = [...newest, ...older.values()];
  const shown = known.filter(wanted);
  keyed(byId("rows"), shown, ({ rollout }) => rollout, row, fill);
  setText(byId("counts"), counted(known));
  byId("more").hidden = before === null;
  byId("empty").hidden = shown.length > 0;
  setText(byId("empty"), known.length ? "No rollout fits." : "There is no rollout yet. Apply one: davy rollout apply rollout.yaml");
  byId("rollouts").hidden = shown.length === 0;
}

function counted(known) {
  const states = new Map();
  for (const { state } of known) states.set(state, (states.get(state) ?? 0) + 1);
  const words = Object.keys(STATES).filter((state) => states.has(state));
  const told = words.map((state) => `${states.get(state)} ${STATES[state].word.toLowerCase()}`).join(", ");
  return `${count(total)} ${total === 1 ? "rollout" : "rollouts"}${told ? `: ${told}` : ""}`;
}

function wanted(item) {
  const sought = byId("find").value.trim().toLowerCase();
  const text = [item.rollout, item.service, item.baseline, ...Object.values(item.candidates)].join(" ").toLowerCase();
  return text.includes(sought) && FILTERS[new FormData(byId("filter")).get("which")](item);
}

const FILTERS = {
  all: () => true,
  look: (item) => LOOK.has(item.state) || (!ENDED.has(item.state) && item.healthy === false),
  live: (item) => !ENDED.has(item.state),
  ended: (item) => ENDED.has(item.state),
};

const CELLS = ["why", "traffic", "harm", "when"];

const row = () =>
  el(
    "tr",
    { role: "row" },
    el("th", { scope: "row", role: "rowheader" }),
    ...CELLS.map((name) => el("td", { class: name, role: "cell" })),
  );

function fill(line, item) {
  const [name, why, traffic, harm, when] = line.children;
  const { rollout, service, baseline, candidates, mode } = item;
  setAttribute(line, "data-tone", STATES[item.state].tone);
  rebuild(name, [rollout, service, baseline, candidates], () => [
    el("a", { href: `/rollouts/${encodeURIComponent(rollout)}` }, rollout),
    el("div", { class: "soft" }, `${service}, ${baseline} to ${Object.values(candidates).join(", ")}${mode === "shadow" ? ", shadow" : ""}`),
  ]);
  rebuild(why, [item.state, item.reason, item.healthy], () => reasons(item));
  rebuild(traffic, [item.stage, item.wanted_pct, item.applied_pct, item.measured_pct], () => trafficParts(item));
  rebuild(harm, [item.nearest_harm, item.worst], () => harmParts(item));
  rebuild(when, item.decided_at_s, () => (item.decided_at_s === null ? "not yet" : time(item.decided_at_s, shell.now())));
}

function reasons(item) {
  const [, rest] = headline(item, item.reason);
  const ill = item.healthy === false && !ENDED.has(item.state);
  const sentence = rest[0].toUpperCase() + rest.slice(1);
  return [badge(STATES[item.state]), el("p", {}, sentence), ill ? el("p", { class: "soft" }, "A health check fails.") : null];
}

function trafficParts({ stage, wanted_pct, applied_pct, measured_pct, candidates }) {
  const arms = Object.keys(candidates);
  const shown = applied_pct ?? {};
  const parts = arms.map((arm) => ({ share: (shown[arm] ?? 0) / 100, name: `fill-${armRole(arm, arms)}` }));
  const where = stage === null || stage < 0 ? "" : `stage ${stage}`;
  return [
    el("div", {}, el("b", {}, shares(applied_pct ?? wanted_pct, arms)), applied_pct === null ? " wanted" : " applied"),
    bar(parts),
    el("div", { class: "soft" }, [measured_pct === null ? "" : `measured ${shares(measured_pct, arms)}`, where].filter(Boolean).join("; ")),
  ];
}

function harmParts({ nearest_harm, worst }) {
  if (nearest_harm === null) return "-";
  const share = Math.min(1, Math.max(0, nearest_harm));
  const text = worst === "harm" ? "limit crossed" : `${Math.round(100 * share)} % of the way to harm`;
  return [
    worst === null ? null : badge(FINDINGS[worst]),
    el("div", { "data-tone": worst === "harm" ? "harm" : "quiet" }, bar([{ share, name: "full" }])),
    el("div", { class: "soft" }, text),
  ];
}

byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", draw);
byId("more").addEventListener("click", dig);
feed.poke();
