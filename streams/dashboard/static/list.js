// The list of rollouts: one line each, brought up to date in place.

import { ask } from "./api.js";
import { byId, el, keyed, rebuild, setAttribute, setText } from "./dom.js";
import { Feed, STALE_MS } from "./feed.js";
import { badge, bar, time } from "./parts.js";
import { Shell } from "./shell.js";
import { ENDED, FINDINGS, STATES, armRole, count, headline, shares } from "./words.js";

const PAGE = 100;
const LOOK = new Set(["held", "silent", "paused"]);

const UNREAD = { word: "Being read", sign: "dots", tone: "quiet" };

let pages = 1; // how many are shown
let told = { items: [], next: null, total: 0, reading: { unread: "nothing was asked yet" } };

const feed = new Feed({
  ask: (signal) => asked(signal),
  show: (answer) => {
    told = answer;
    shell.read(told.reading);
    draw();
  },
  failed: (error) => shell.trouble("rollouts", error),
  staleMs: STALE_MS,
});
const shell = new Shell({ news: () => feed.poke(), afresh: () => feed.poke() });

/** All pages that are shown, anew each time: a rollout of an older one changes as well. */
async function asked(signal) {
  const items = new Map();
  let page = await ask("/rollouts", { limit: PAGE }, signal);
  for (let number = 1; ; number += 1) {
    for (const item of page.items) items.set(item.rollout, item);
    if (number >= pages || page.next === null) return { ...page, items: [...items.values()] };
    page = await ask("/rollouts", { limit: PAGE, before: page.next }, signal);
  }
}

function draw() {
  const shown = told.items.filter(wanted());
  keyed(byId("rows"), shown, ({ rollout }) => rollout, row, fill);
  setText(byId("counts"), counted(told));
  byId("more").hidden = told.next === null;
  byId("empty").hidden = shown.length > 0;
  setText(byId("empty"), nothing(told));
  byId("rollouts").hidden = shown.length === 0;
}

/** Why there is no line: a log that is not read, or pages that are not shown, may hold some. */
function nothing({ items, next, reading }) {
  if (items.length && next !== null) return `No rollout fits among the ${count(items.length)} that are shown; there are older ones.`;
  if (items.length) return "No rollout fits.";
  return reading.unread ? "The rollouts are being read." : "There is no rollout yet. Apply one: davy rollout apply rollout.yaml";
}

function counted({ items, total, reading }) {
  const states = new Map();
  for (const item of items) states.set(wordOf(item), (states.get(wordOf(item)) ?? 0) + 1);
  const words = [...Object.values(STATES), UNREAD].map(({ word }) => word).filter((word) => states.has(word));
  const parts = words.map((word) => `${states.get(word)} ${word.toLowerCase()}`).join(", ");
  const whole = `${count(total)} ${total === 1 ? "rollout" : "rollouts"}${reading.unread ? " so far" : ""}`;
  const shown = items.length < total ? `, ${count(items.length)} of them shown` : "";
  return `${whole}${shown}${parts ? `: ${parts}` : ""}`;
}

const wordOf = ({ read, state }) => (read ? STATES[state] : UNREAD).word;

/** Which lines the reader wants to see now. */
function wanted() {
  const sought = byId("find").value.trim().toLowerCase();
  const fits = FILTERS[new FormData(byId("filter")).get("which")];
  const text = (item) => [item.rollout, item.service, item.baseline, ...Object.values(item.candidates)].join(" ");
  return (item) => fits(item) && text(item).toLowerCase().includes(sought);
}

const FILTERS = {
  all: () => true,
  look: (item) => item.read && (LOOK.has(item.state) || (!ENDED.has(item.state) && item.healthy === false)),
  live: (item) => item.read && !ENDED.has(item.state),
  ended: (item) => item.read && ENDED.has(item.state),
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
  setAttribute(line, "data-tone", (item.read ? STATES[item.state] : UNREAD).tone);
  rebuild(name, [rollout, service, baseline, candidates], () => [
    el("a", { href: `/rollouts/${encodeURIComponent(rollout)}` }, rollout),
    el("div", { class: "soft" }, `${service}, ${baseline} to ${Object.values(candidates).join(", ")}${mode === "shadow" ? ", shadow" : ""}`),
  ]);
  if (!item.read) {
    rebuild(why, "unread", () => [badge(UNREAD), el("p", { class: "soft" }, "Its log is not read to the end yet.")]);
    for (const cell of [traffic, harm, when]) rebuild(cell, "unread", () => "-");
    return;
  }
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

/** What the worst finding of all guardrails means where it is no question of how far any more. */
const SHOWN = { harm: "limit crossed", no_harm: "shown for every guardrail", better: "shown for every guardrail" };

function harmParts({ nearest_harm, worst }) {
  if (nearest_harm === null) return "-";
  const share = Math.min(1, Math.max(0, nearest_harm));
  const text = SHOWN[worst] ?? `${Math.round(100 * share)} % of the way to harm`;
  return [
    worst === null ? null : badge(FINDINGS[worst]),
    el("div", { "data-tone": worst === "harm" ? "harm" : "quiet" }, bar([{ share, name: "full" }])),
    el("div", { class: "soft" }, text),
  ];
}

byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", draw);
byId("more").addEventListener("click", () => {
  pages += 1;
  feed.anew();
});
feed.poke();
