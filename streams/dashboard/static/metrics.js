// What does a metric's evidence mean on a picture? Which way is worse, where the limit lies, how bad it is.

import { amount, interval } from "./words.js";

const FLOORS = new Set(["success", "accuracy"]); // these want more, up to all
const ORDER = ["harm", "invalid", "undecided", "no_harm", "better"];

/**
 * What is told as an arm's own share, by kind: a metric's events, or where more is better what went
 * well. Of others (latency: each arm has a bound of its own) none is told.
 */
const EVENTS = {
  errors: "failed requests",
  timeouts: "requests that timed out",
  success: "requests that did not fail",
  latency_sla: "requests over the limit",
  refusals: "refused answers",
  mistakes: "wrong predictions",
  accuracy: "right predictions",
  recall: "missed ones",
  rate: "outcomes that happened",
  paired_errors: "failed requests",
  paired_timeouts: "requests that timed out",
};

/** The key of one claim. */
export const claimOf = ({ metric, candidate, segment }) => `${metric}|${candidate}|${segment}`;

/** How a claim is called where its candidate is known: `errors in country=SG`. */
export const nameOf = ({ metric, segment }) => (segment === "all" ? metric : `${metric} in ${segment}`);

/** How they are called in a sentence; undefined where they are no share. */
export const eventsOf = ({ kind }) => EVENTS[kind];

/** Where nothing is wrong: 1 for a ratio, all for a floor, else 0. */
const ideal = ({ unit, kind }) => (unit === "ratio" || FLOORS.has(kind) ? 1 : 0);

/** How bad a value is: 0 where nothing is wrong, 1 at the limit, whichever way is worse. */
export function badness(evidence, value) {
  const from = ideal(evidence);
  return evidence.limit === null || evidence.limit === from ? 0 : (value - from) / (evidence.limit - from);
}

/** Place on a line from 0 to 1 for a badness; a ratio has room for better than the baseline. */
export function place(evidence, bad) {
  const [start, limit] = evidence.unit === "ratio" ? [0.3, 0.65] : [0.04, 0.65];
  return Math.min(1, Math.max(0, start + bad * (limit - start)));
}

/** Estimate, interval and limit in short: `1.31x (1.02x to 1.70x), limit 1.25x`. */
export function figures({ estimate, low, high, limit, unit }) {
  const spread = low === null && high === null ? "-" : interval(low, high, unit);
  const told = spread === "-" ? "" : spread;
  const size = estimate === null ? told || "nothing known yet" : `${amount(estimate, unit)}${told ? ` (${told})` : ""}`;
  return limit === null ? size : `${size}, limit ${amount(limit, unit)}`;
}

/** Whether more is better: estimate and limit are shares of what went well. */
export const wantsMore = ({ kind }) => FLOORS.has(kind);

/** An arm's own share from its counts, in the direction of its limit; null where that says nothing. */
export function rateFrom(evidence, events, seen) {
  if (!eventsOf(evidence) || seen === 0 || events === null) return null;
  return wantsMore(evidence) ? 1 - events / seen : events / seen;
}

/** The same of all exposures that were counted. */
export const rateOf = (evidence, arm) => rateFrom(evidence, evidence.events[arm] ?? 0, evidence.exposures[arm] ?? 0);

/** The worst first; guardrails before signals; else as the spec has them. */
export const worstFirst = (all) =>
  [...all].sort((one, other) => rank(one) - rank(other));

const rank = ({ finding, role }) => ORDER.indexOf(finding) + (role === "guardrail" ? 0 : ORDER.length);

/** The share of its threshold that an e-value has reached, 0 to 1, both natural logarithms. */
export const reached = (log, threshold) =>
  log === null || !threshold ? 0 : Math.min(1, Math.max(0, log / threshold));
