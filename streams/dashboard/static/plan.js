// The part "Plan and traffic": the stages, what share is wanted, applied and measured, and how that went.

import { ask, of } from "./api.js";
import { Chart, TIME } from "./chart.js";
import { byId, el, keyed, rebuild, setAttribute } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { bar, time } from "./parts.js";
import { ENDED, armRole, count, percent, shares, span } from "./words.js";

const STAGES = {
  done: { word: "done", tone: "good", sign: "check" },
  current: { word: "now", tone: "info", sign: null },
  ahead: { word: "ahead", tone: "quiet", sign: null },
  back: { word: "went back from here", tone: "harm", sign: "back" },
  skipped: { word: "not reached", tone: "quiet", sign: "skip" },
};
const AFTERWARDS = 0.15; // of the time up to an ended rollout's last turn: what follows tells nothing of it
const SHARES = { wanted_pct: "Wanted", applied_pct: "Applied", measured_pct: "Measured" };

export class Plan {
  constructor(page) {
    this.page = page;
    Object.assign(this, { chart: null, segment: "all", arms: null, mode: "live", ended: false, told: null });
    this.feed = new Feed({
      ask: (signal) => ask(of(page.rollout, "/traffic"), { segment: this.segment }, signal),
      show: (told) => this.draw(told),
      failed: (error) => page.shell.trouble("traffic", error),
      everyMs: 2000,
    });
  }

  /** Another segment is looked at. */
  picked(segment) {
    this.segment = segment;
    this.feed.anew();
  }

  show(view) {
    const arms = Object.keys(view.summary.candidates);
    const now = this.page.shell.now();
    const ended = ENDED.has(view.summary.state);
    const news = this.arms === null || ended !== this.ended;
    Object.assign(this, { arms, ended, mode: view.summary.mode });
    if (news && this.told !== null) this.draw(this.told);
    keyed(byId("track"), passed(view), ({ index }) => index, () => el("li"), (node, stage) => {
      setAttribute(node, "data-stage", stage.state);
      setAttribute(node, "data-tone", STAGES[stage.state].tone);
      setAttribute(node, "aria-current", stage.state === "current" ? "step" : null);
      rebuild(node, stage, () => stageParts(stage, view.summary, now));
    });
    const { wanted_pct, applied_pct, measured_pct } = view.summary;
    const facts = [wanted_pct, applied_pct, measured_pct, view.summary.state];
    rebuild(byId("shares"), facts, () => sharesNow(view.summary, arms));
  }

  draw(told) {
    this.told = told;
    if (this.arms === null) return; // whose traffic that is comes with the view
    const key = JSON.stringify([told.segment, this.arms]);
    if (this.drawn !== key) {
      this.chart?.drop();
      this.chart = new Chart(trafficPlan(told, this.arms, this.mode));
      byId("traffic").append(this.chart.element);
      this.drawn = key;
    }
    const columns = trafficColumns(told, this.arms);
    this.chart.show(this.ended ? untilEnd(columns, told) : columns);
  }
}

/** The stages; the last one that a rollout reached before it went back is no success. */
function passed({ stages, summary }) {
  const last = stages.findLastIndex(({ state }) => state === "done");
  const back = summary.state === "rolled_back" || summary.state === "aborted";
  return stages.map((stage) => (back && stage.index === last ? { ...stage, state: "back" } : stage));
}

function stageParts(stage, { mode, stages }, now) {
  const { word, sign } = STAGES[stage.state];
  const knot = el("span", { class: "knot", "aria-hidden": "true" }, sign === null ? String(stage.index) : icon(sign));
  const what = mode === "shadow" ? " copied" : "";
  const needs = [
    stage.min_time_s > 0 ? `at least ${span(stage.min_time_s)}` : "",
    stage.min_exposures > 0 ? `${count(stage.min_exposures)} requests` : "",
    stage.max_time_s === null ? "" : `a notice after ${span(stage.max_time_s)}`,
    stage.approval ? "a person's yes" : "",
  ].filter(Boolean);
  const entered = stage.entered_s === null ? [] : [" since ", time(stage.entered_s, now)];
  return [
    knot,
    el("div", {}, `Stage ${stage.index}${placeOf(stage.index, stages)}: `, el("span", { class: "weight" }, percent(stage.weight_pct)), what),
    el("div", {}, el("b", {}, word), ...(stage.state === "current" ? entered : [])),
    needs.length ? el("div", {}, needs.join(", ")) : null,
  ];
}

/** Stages count from 0, here as in the spec and at the prompt: the first and the last one say so. */
function placeOf(index, stages) {
  if (stages === 1) return ", the only one";
  if (index === 0) return ", the first";
  return index === stages - 1 ? ", the last" : "";
}

function sharesNow(summary, arms) {
  const what = summary.mode === "shadow" ? "copies for" : "traffic of";
  const lines = Object.entries(SHARES).flatMap(([field, word]) => {
    const pct = summary[field];
    const known = pct ?? {};
    const parts = arms.map((arm) => ({ share: (known[arm] ?? 0) / 100, name: `fill-${armRole(arm, arms)}` }));
    const told = pct === null && ENDED.has(summary.state) ? "no longer looked at" : shares(pct, arms);
    return [el("dt", {}, word), el("dd", {}, bar(parts)), el("dd", {}, told)];
  });
  const title = `Share now: ${what} ${arms.length > 1 ? "the candidates" : "the candidate"}`;
  return [el("h3", {}, title), el("dl", { class: "shares" }, ...lines)];
}

/** Wanted, applied and measured share of each candidate over time. */
function trafficPlan({ segment }, arms, mode) {
  const name = (word, arm) => (arms.length > 1 ? `${word}, ${arm}` : word);
  const lines = arms.flatMap((arm) => [
    { label: name("applied", arm), role: armRole(arm, arms), stepped: true, width: 2.5, fill: 0.12 },
    { label: name("measured", arm), role: armRole(arm, arms), dash: [1, 4], width: 2 },
    { label: name("wanted", arm), role: "soft", stepped: true, dash: [7, 4], width: 1.5 },
  ]);
  const whole = segment === "all" ? "" : ` in ${segment}`;
  return {
    title: `${mode === "shadow" ? "Copies" : "Traffic"} over time${whole}`,
    lines,
    x: TIME,
    y: { format: percent, range: (columns) => [0, highest(columns.slice(1, 1 + 3 * arms.length))] },
    headers: [{ text: "time" }, ...lines.map(({ label }) => ({ text: label, number: true })), { text: "requests", number: true }],
    rows: (columns, from, to) =>
      columns[0].slice(from, to).map((at, n) => [
        TIME.format(at),
        ...columns.slice(1, -1).map((column) => shareOf(column[from + n])),
        columns.at(-1)[from + n] === null ? "-" : count(columns.at(-1)[from + n]),
      ]),
    words: (columns) => lines.map(({ label }, n) => `${label} ${shareOf(columns[n + 1].findLast(Number.isFinite))}`).join(", "),
  };
}

const shareOf = (value) => (Number.isFinite(value) ? percent(value) : "-");

function highest(columns) {
  const most = Math.max(1, ...columns.flat().filter(Number.isFinite));
  return most > 60 ? 100 : 1.25 * most;
}

/** The columns up to a little after the last change of a share, wanted or applied. */
function untilEnd(columns, { at_s, wanted_pct, applied_pct, bucket_s }) {
  const held = [...Object.values(wanted_pct), ...Object.values(applied_pct)];
  const turn = at_s.findLastIndex((_, n) => n > 0 && held.some((column) => column[n] !== column[n - 1]));
  if (turn < 0) return columns;
  const end = at_s[turn] + Math.max(AFTERWARDS * (at_s[turn] - at_s[0]), 2 * bucket_s);
  const length = at_s.filter((at) => at <= end).length;
  return columns.map((column) => column.slice(0, length));
}

/** Columns of that chart, and the requests of all arms for its table; undefined does not break a line. */
function trafficColumns(series, arms) {
  const requests = series.at_s.map((_, n) => {
    const values = Object.values(series.exposures).map((column) => column[n]);
    return values.some((value) => value !== null) ? values.reduce((sum, value) => sum + (value ?? 0), 0) : null;
  });
  const measured = (arm) => series.measured_pct[arm]?.map((value, n) => (requests[n] === null ? undefined : value));
  const none = series.at_s.map(() => null);
  const columns = arms.flatMap((arm) => [series.applied_pct[arm] ?? none, measured(arm) ?? none, series.wanted_pct[arm] ?? none]);
  return [series.at_s, ...columns, requests];
}
