// Which charts has one metric? The difference with its limit, the e-values, and each arm's own rate.

import { TIME } from "./chart.js";
import { eventsOf, rateFrom, wantsMore } from "./metrics.js";
import { amount, armRole, eValue, interval, milliseconds } from "./words.js";

const LOWEST = -2; // e-values are drawn from 0.01 on, as powers of ten
const WHAT = {
  ratio: "candidate against baseline",
  nats: "distance from the baseline's mix, in nats",
  share: "the candidate's share",
  ms: "the candidate's time",
};
const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** Candidate against baseline: estimate, interval, limit. */
export function differencePlan(each, arms, onView) {
  const { unit, metric, candidate } = each;
  const lines = [
    { label: candidate, role: armRole(candidate, arms), width: 2.5 },
    { label: "from", role: armRole(candidate, arms), hollow: true },
    { label: "to", role: armRole(candidate, arms), hollow: true },
    { label: "limit", role: "harm", dash: [7, 4] },
  ];
  if (unit === "ratio") lines.push({ label: "the same as the baseline", role: "soft", dash: [2, 3], width: 1.5 });
  return {
    title: `${metric}: ${WHAT[unit] ?? unit}`,
    lines,
    bands: [{ series: [3, 2], role: armRole(candidate, arms), label: "interval, valid at all times" }],
    x: TIME,
    y: { format: (value) => axisAmount(value, unit), range: (columns) => differenceRange(columns, unit) },
    onView,
    headers: [{ text: "time" }, { text: "estimate", number: true }, { text: "interval", number: true }, { text: "limit", number: true }],
    rows: ([at, estimate, low, high, limit], from, to) =>
      at.slice(from, to).map((when, n) => [
        TIME.format(when),
        amount(estimate[from + n], unit),
        low[from + n] === null ? "-" : interval(low[from + n], known(high[from + n]), unit),
        amount(limit[from + n], unit),
      ]),
    words: ([at, estimate, , , limit]) =>
      at.length ? `Last ${amount(estimate.at(-1), unit)}, limit ${amount(limit.at(-1), unit)}.` : "No data yet.",
  };
}

const known = (high) => (high === Infinity ? null : high);

/** Columns of that chart; an end that is not known yet lies beyond the chart. */
export function differenceColumns({ at_s, estimate, low, high, limit, unit }) {
  const open = (n) => low[n] !== null || high[n] !== null;
  const columns = [
    at_s,
    estimate,
    low.map((value, n) => (value === null && open(n) ? 0 : value)),
    high.map((value, n) => (value === null && open(n) ? Infinity : value)),
    limit,
  ];
  return unit === "ratio" ? [...columns, at_s.map(() => 1)] : columns;
}

/** From the later part of the course, so that a wide beginning does not press the rest flat. */
function differenceRange([at, estimate, low, high, ...fixed], unit) {
  const later = (column) => column.slice(Math.floor(at.length / 5)).filter(Number.isFinite);
  const middle = [...later(estimate)].sort((one, other) => one - other).slice(0, Math.ceil(0.8 * at.length));
  const core = [...middle, ...later(estimate).slice(-1), ...later(low), ...fixed.flatMap(later)];
  const [bottom, top] = [Math.min(...core), Math.max(...core)];
  const highest = Math.min(Math.max(top, ...later(high)), top + 1.5 * (top - bottom));
  const [least, most] = padded(bottom, highest);
  return [least, unit === "share" ? Math.min(most, 1.001) : most];
}

function padded(low, high) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const room = high > low ? 0.08 * (high - low) : 0.1 * Math.max(Math.abs(high), 0.01);
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** E-values on a logarithmic scale: columns are powers of ten. */
export function evidencePlan({ metric }, onView) {
  return {
    title: `${metric}: e-values (logarithmic)`,
    low: true,
    lines: [
      { label: "evidence of harm", role: "harm", width: 2.5 },
      { label: "harm from here", role: "harm", dash: [7, 4], width: 1.5 },
      { label: "evidence of no harm", role: "good", width: 2.5, dash: [12, 2] },
      { label: "no harm from here", role: "good", dash: [2, 3], width: 1.5 },
    ],
    x: TIME,
    y: { format: power, range: evidenceRange, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
    onView,
    headers: [
      { text: "time" },
      { text: "of harm", number: true },
      { text: "harm from", number: true },
      { text: "of no harm", number: true },
      { text: "no harm from", number: true },
    ],
    rows: ([at, ...columns], from, to) =>
      at.slice(from, to).map((when, n) => [TIME.format(when), ...columns.map((column) => ofPower(column[from + n]))]),
    words: ([at, harm, limit, safe, enough]) =>
      at.length
        ? `Evidence of harm ${ofPower(harm.at(-1))} of ${ofPower(limit.at(-1))}, of no harm ${ofPower(safe.at(-1))} of ${ofPower(enough.at(-1))}.`
        : "No data yet.",
  };
}

/** Columns of that chart. */
export const evidenceColumns = (told) => [
  told.at_s,
  ...[told.log_e_harm, told.log_e_harm_threshold, told.log_e_safe, told.log_e_safe_threshold].map((column) =>
    column.map((log) => (log === null ? null : log / Math.LN10)),
  ),
];

function evidenceRange([, harm, limit, safe, enough]) {
  const thresholds = [...limit, ...enough].filter(Number.isFinite);
  const most = Math.max(1, ...thresholds);
  const values = [...harm, ...safe].filter(Number.isFinite);
  return [Math.max(LOWEST, Math.min(0, ...values)) - 0.15, Math.min(3 * most, Math.max(1.2 * most, ...values) + 0.15)];
}

const power = (value) => `10${[...String(value)].map((sign) => SUPERSCRIPTS[sign] ?? sign).join("")}`;
const ofPower = (value) => (value === null ? "-" : eValue(value * Math.LN10));

/** Each arm's own rate since the beginning; null where its events are no share. */
export function ratePlan(each, arms, onView) {
  if (eventsOf(each) === undefined) return null;
  const shown = ["baseline", each.candidate];
  return {
    title: `${each.metric}: ${eventsOf(each)} by arm, since the beginning`,
    low: true,
    lines: shown.map((arm) => ({ label: arm, role: armRole(arm, arms), dash: arm === "baseline" ? [10, 3] : undefined })),
    x: TIME,
    y: { format: (value) => axisAmount(value, "share"), range: ([, ...columns]) => ratesRange(columns, wantsMore(each)) },
    onView,
    headers: [{ text: "time" }, ...shown.map((arm) => ({ text: arm, number: true }))],
    rows: ([at, ...columns], from, to) =>
      at.slice(from, to).map((when, n) => [TIME.format(when), ...columns.map((column) => amount(column[from + n], "share"))]),
    words: ([at, ...columns]) =>
      at.length ? shown.map((arm, n) => `${arm} ${amount(columns[n].at(-1), "share")}`).join(", ") : "No data yet.",
  };
}

/** Columns of that chart. */
export const rateColumns = (told, each) => [
  told.at_s,
  ...["baseline", each.candidate].map((arm) =>
    told.at_s.map((_, n) => rateFrom(each, told.events[arm]?.[n] ?? null, told.exposures[arm]?.[n] ?? 0)),
  ),
];

/** From nothing up, or from all down. */
function ratesRange(columns, down) {
  const values = columns.flatMap((column) => column.slice(Math.floor(column.length / 5))).filter(Number.isFinite);
  if (!down) return padded(0, Math.max(0.001, ...values));
  return [padded(Math.min(0.999, ...values), 1)[0], 1.001];
}

/** A tick's text. */
export function axisAmount(value, unit) {
  switch (unit) {
    case "ratio":
      return `${Number(value.toFixed(2))}x`;
    case "share":
      return `${Number((100 * value).toFixed(2))} %`;
    case "ms":
      return milliseconds(value);
    default:
      return String(Number(value.toPrecision(3)));
  }
}
