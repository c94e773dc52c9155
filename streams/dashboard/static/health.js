// The part "Can the verdicts be trusted?": health checks, the judge's heartbeat, and what is shown beside.

import { byId, el, keyed, rebuild, setAttribute, table, wide } from "./dom.js";
import { tellFolded } from "./fold.js";
import { badge, bar } from "./parts.js";
import { amount, checkName, count, eValue, moment, reasonWords, span } from "./words.js";

const GOOD = { word: "holds", sign: "check", tone: "good" };
const FAILED = { word: "fails", sign: "warning", tone: "warn" };
const JUDGE = {
  live: ["is heard", GOOD],
  frozen: ["is not heard: nothing is raised", FAILED],
  rolled_back: ["was silent so long that the weights went back", FAILED],
  ended: ["need not be heard any more", { word: "ended", sign: "skip", tone: "quiet" }],
};

/** Where all is well the log has a code alone: what it means of each check. */
const WELL = {
  "sample_ratio as_applied": "requests split as the applied weights say",
  "mirrored_share as_applied": "as many requests are answered twice as the applied weights say",
  "unpaired paired": "answers find that of the other arm",
  "silence heard": "every arm that should have traffic has some",
  "routing applied": "the target has the weights that are wanted",
  "unconfirmed none": "no pane was left out of promotion",
  "log whole": "no record was lost, and no partition added",
  "label_silence heard": "outcomes go on coming",
  "label_delay as_the_baseline": "outcomes come as soon as the baseline's",
  "label_coverage similar": "as many outcomes come as of the baseline",
  "outcomes none": "no outcome was told yet",
};

export class Health {
  constructor(page) {
    this.page = page;
    this.list = el("ul", { class: "checks" });
    byId("checks").append(this.list);
  }

  show(view) {
    const checks = [lease(view, this.page.shell.now()), ...view.health.map(check), ...view.breaches.map(breach)];
    keyed(this.list, checks, ({ name }) => name, () => el("li"), (node, each) => {
      setAttribute(node, "data-tone", each.mark.tone);
      rebuild(node, each, () => [
        el("b", {}, each.name, badge(each.mark)),
        el("div", { class: "soft" }, each.words),
        each.share === null ? null : bar([{ share: each.share, name: "full" }]),
      ]);
    });
    const failed = checks.filter(({ mark }) => mark === FAILED).length;
    tellFolded("health", failed ? `${failed} of ${checks.length} fail` : "nothing fails", failed ? "warn" : "quiet");
    const { drifts, figures, shadows } = view;
    rebuild(byId("others"), [drifts, figures, shadows], () => others(view, this.page.shell.now()));
  }
}

function lease({ lease: told, summary }, now) {
  const [words, mark] = JUDGE[told.judge];
  const through = told.judged_through_s === null ? "" : `; it has judged up to ${moment(told.judged_through_s, now)}`;
  const back = told.rollback_in_s === null ? "" : `; in ${span(told.rollback_in_s)} all traffic goes back to the baseline`;
  const silent = told.judge === "frozen" && told.heard_ago_s !== null ? ` for ${span(told.heard_ago_s)}` : "";
  const waiting = told.judge === "frozen" && summary.state === "waiting" ? "; nothing was decided yet" : "";
  return { name: "judge", mark, words: `The judge ${words}${silent}${through}${back}${waiting}.`, share: null };
}

function check({ name, ok, reason, log_e, log_e_threshold, observed, expected }) {
  const seen = observed === null || expected === null || observed === expected ? "" : ` Observed ${figure(observed)}, expected ${figure(expected)}.`;
  const test = log_e === null || !log_e_threshold ? null : Math.min(1, Math.max(0, log_e / log_e_threshold));
  const e = test === null ? "" : ` E-value ${eValue(log_e)}, fails at ${eValue(log_e_threshold)}.`;
  return { name: checkName(name), mark: ok ? GOOD : FAILED, words: `${sentenceOf(meaning(name, reason))}.${seen}${e}`, share: test };
}

const meaning = (name, reason) => WELL[`${name.split(":")[0]} ${reason}`] ?? reason.replace(/^told: /, "");

const figure = (value) => String(Number(value.toPrecision(4)));

const sentenceOf = (reason) => {
  const words = reasonWords(reason) || "nothing to tell";
  return words[0].toUpperCase() + words.slice(1).replace(/\.$/, "");
};

const breach = ({ kind, sentence }) => ({ name: kind.replaceAll("_", " "), mark: FAILED, words: sentence, share: null });

function others({ drifts, figures, shadows }, now) {
  return [
    ...part("The baseline itself changed", drifts, () => table(
      [{ text: "when" }, { text: "what" }],
      drifts.map((each) => [moment(each.at_s, now), each.sentence]),
    )),
    ...part("Shown, not tested", figures, () => table(
      [{ text: "figure" }, { text: "segment" }, { text: "arm" }, { text: "value", number: true }, { text: "of", number: true }],
      figures.map((each) => [`${each.name.replaceAll("_", " ")} of ${each.outcome}`, each.segment, each.arm, valueOf(each), count(each.count)]),
    )),
    ...part("What Kayenta's judge would say (it moves nothing)", shadows, () => table(
      [{ text: "candidate" }, { text: "classification" }, { text: "score", number: true }, { text: "minutes", number: true }, { text: "why" }],
      shadows.map((each) => [each.candidate, each.classification, each.score === null ? "-" : each.score.toFixed(0), count(each.minutes), each.reason || "-"]),
    )),
  ];
}

const valueOf = ({ name, value }) => {
  if (value === null) return "-";
  return ["auc", "mean", "cap"].includes(name) ? String(Number(value.toPrecision(4))) : amount(value, "share");
};

const part = (title, items, make) => (items.length ? [el("h3", {}, title), wide(title, make())] : []);
