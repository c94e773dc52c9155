// How are facts written for a person? One word per thing, the same as at the prompt.

/** How a rollout is: word, sign and tone. */
export const STATES = {
  waiting: { word: "Waiting", sign: "dots", tone: "quiet" },
  running: { word: "Running", sign: "play", tone: "info" },
  held: { word: "Held", sign: "hourglass", tone: "warn" },
  paused: { word: "Paused", sign: "pause", tone: "warn" },
  silent: { word: "Judge not heard", sign: "ear", tone: "warn" },
  promoted: { word: "Promoted", sign: "check", tone: "good" },
  rolled_back: { word: "Rolled back", sign: "back", tone: "harm" },
  aborted: { word: "Aborted", sign: "stop", tone: "harm" },
  ended: { word: "Ended", sign: "skip", tone: "quiet" },
};

/** What the evidence says of a metric. */
export const FINDINGS = {
  harm: { word: "harm", sign: "cross", tone: "harm" },
  invalid: { word: "invalid", sign: "warning", tone: "warn" },
  undecided: { word: "undecided", sign: "question", tone: "quiet" },
  no_harm: { word: "no harm", sign: "check", tone: "good" },
  better: { word: "better", sign: "up", tone: "good" },
};

/** What was decided. */
export const ACTIONS = {
  advance: { word: "Advance", sign: "forward", tone: "info" },
  hold: { word: "Hold", sign: "hourglass", tone: "quiet" },
  rollback: { word: "Roll back", sign: "back", tone: "harm" },
  promote: { word: "Promote", sign: "check", tone: "good" },
};

/** States in which nothing more is decided. */
export const ENDED = new Set(["promoted", "rolled_back", "aborted", "ended"]);

const ENDLESS = 1000;
const PLAIN_E = 9999;
const whole = new Intl.NumberFormat("en");

/** 12,345. */
export const count = (value) => whole.format(value);

/** A share in percent: 2 %, 9.8 %, 0.05 %. */
export const percent = (value) =>
  value === null || value === undefined ? "unknown" : `${Number(value.toPrecision(value < 10 ? 2 : 3))} %`;

/** A figure with its unit. */
export const amount = (value, unit) =>
  value === null || value === undefined ? "-" : withUnit(number(value, unit), unit);

/** Both ends as far as they are known; an unknown end is not shown as one. */
export function interval(low, high, unit) {
  if (high === null) return low ? `at least ${amount(low, unit)}` : "-";
  return withUnit(`${number(low ?? 0, unit)} to ${number(high, unit)}`, unit);
}

function withUnit(text, unit) {
  if (unit === "ratio") return text;
  return unit === "share" ? `${text} %` : `${text} ${unit}`;
}

function number(value, unit) {
  switch (unit) {
    case "ratio":
      return value < ENDLESS ? `${value.toFixed(2)}x` : `> ${ENDLESS}x`;
    case "share":
      return (100 * value).toFixed(2).replace(/0$/, "");
    case "ms":
      return value.toFixed(1);
    default:
      return value.toFixed(3);
  }
}

/** An e-value from its natural logarithm: 1.0, 796, 10^21.7, < 0.01. */
export function eValue(log) {
  if (log === null) return "-";
  if (log > Math.log(PLAIN_E)) return `10^${(log / Math.LN10).toFixed(1)}`;
  const value = Math.exp(log);
  if (value < 0.01) return "< 0.01";
  if (value < 1) return String(Number(value.toPrecision(2)));
  return value.toFixed(value < 10 ? 1 : 0);
}

/** Milliseconds as people write them. */
export function milliseconds(ms) {
  if (ms < 10) return `${Number(ms.toPrecision(2))} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

/** A span of time: 45 s, 12 min, 3 h, 2 d. */
export function span(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Number((seconds / 3600).toFixed(1))} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const two = (value) => String(value).padStart(2, "0");

/** 14:03:22, by the device's zone; `seconds` false: 14:03. */
export function clock(at, seconds = true) {
  const date = new Date(1000 * at);
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${minutes}:${two(date.getSeconds())}` : minutes;
}

/** 2026-11-29. */
export function day(at) {
  const date = new Date(1000 * at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The time alone where it is of the same day as `now`, else with the day. */
export const moment = (at, now) => (day(at) === day(now) ? clock(at) : `${day(at)} ${clock(at)}`);

/** An arm's share with its name where there are several: "2 %", or "b 2 %, c 2 %". */
export function shares(pct, arms) {
  if (pct === null) return "unknown";
  if (arms.length === 1) return percent(pct[arms[0]] ?? 0);
  return arms.map((arm) => `${arm} ${percent(pct[arm] ?? 0)}`).join(", ");
}

/** The sum of the candidates' shares, in percent; null where nothing is known. */
export const candidatesShare = (pct, arms) =>
  pct === null ? null : arms.reduce((sum, arm) => sum + (pct[arm] ?? 0), 0);

/** What was decided and why, in one sentence without the rollout's id: [word, rest]. */
export function headline(summary, sentence) {
  const { word } = STATES[summary.state];
  const whole = plainly(sentence);
  const plain = whole.startsWith(`${summary.rollout}: `) ? whole.slice(summary.rollout.length + 2) : whole;
  if (plain) return [`${word}: `, plain];
  return [`${word}: `, UNTOLD[summary.state] ?? "the log holds no decision that is remembered here."];
}

/** A reason without the command that says yes at the prompt: here there is a button for it. */
export const plainly = (reason) => reason.replace(": davy rollout approve", "");

const UNTOLD = {
  waiting: "nothing was decided yet, so all traffic stays at the baseline.",
  silent: "its judge is not heard, so nothing is raised.",
};

const REASONS = {
  e_harm_crossed: "shown by the data",
  no_harm_shown: "shown by the data",
  better_shown: "shown by the data",
  not_enough_data: "not enough data yet",
  watched_for_harm: "watched for harm",
  warming_up: "warming up",
  no_data: "no data yet",
};

/** A reason code and what stands behind it, for a person: `not enough data yet: 4 blocks`. */
export function reasonWords(reason) {
  const [code, ...more] = reason.split(": ");
  return [REASONS[code] ?? code.replaceAll("_", " "), ...more].join(": ");
}

/** How a health check is called: `label coverage of approved`. */
export const checkName = (name) => (NAMES[name] ?? name.replaceAll("_", " ").replace(":", " of "));

const NAMES = { unconfirmed: "unconfirmed weights", unpaired: "answers without their pair", units: "users" };

/** An arm's colour, by its place among the candidates. */
export const armRole = (arm, arms) => (arm === "baseline" ? "baseline" : `arm-${arms.indexOf(arm) % 5}`);
