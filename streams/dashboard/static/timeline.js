// The part "Decisions": what was decided, when and why, the newest first.

import { ask, of } from "./api.js";
import { byId, el, keyed, setText, table, wide } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { badge, time } from "./parts.js";
import { ACTIONS, FINDINGS, checkName, count, moment, plainly, reasonWords, shares } from "./words.js";

const PAGE = 30;

export class Timeline {
  constructor(page) {
    Object.assign(this, { page, items: new Map(), older: null });
    this.feed = new Feed({
      ask: (signal) => this.asked(null, signal),
      show: (told) => this.take(told, true),
      failed: (error) => page.shell.trouble("decisions", error),
      everyMs: 1000,
    });
    this.more = el("button", { class: "button", type: "button", hidden: true, onclick: () => this.dig() }, "Show older decisions");
    this.forgotten = el("span", { class: "soft" });
    byId("timeline-more").append(this.more, " ", this.forgotten);
    byId("restated").addEventListener("change", () => {
      this.items.clear();
      this.older = null;
      this.feed.anew();
    });
  }

  asked(before, signal) {
    const turns = !byId("restated").checked;
    return ask(of(this.page.rollout, "/decisions"), { limit: PAGE, before, turns }, signal);
  }

  async dig() {
    try {
      this.take(await this.asked(this.older), false);
    } catch (error) {
      this.page.shell.trouble("decisions", error);
    }
  }

  /** Pages may overlap; only an older one moves on where the next one begins. */
  take({ items, next, forgotten }, newest) {
    const first = this.items.size === 0;
    // Whoever was away may have missed more than one page: what was known before would leave a hole.
    const hole = newest && !first && items.length > 0 && !items.some(({ seq }) => this.items.has(seq));
    if (hole) this.items.clear();
    for (const item of items) this.items.set(item.seq, item);
    if (!newest || first || hole) this.older = next;
    this.more.hidden = this.older === null;
    setText(this.forgotten, forgotten ? `${count(forgotten)} older ones are not remembered here; davy decisions tail shows all.` : "");
    const shown = [...this.items.values()].sort((one, other) => other.seq - one.seq);
    keyed(byId("timeline"), shown, ({ seq }) => seq, (item) => this.line(item, first), () => {});
  }

  line(item, first) {
    const { word, tone, sign } = ACTIONS[item.action];
    const holder = el("div", {}, "Asking");
    const details = el("details", { ontoggle: () => this.open(details, holder, item) }, el("summary", {}, "Evidence"), holder);
    return el(
      "li",
      { "data-tone": tone, class: first ? null : "fresh" },
      icon(sign),
      time(item.at_s, this.page.shell.now()),
      el(
        "div",
        {},
        el("p", {}, el("b", {}, `${word}${item.terminal ? ", for good" : ""}: `), `${reasonOf(item)}.`),
        el("p", { class: "soft" }, `#${item.seq}, ${wanted(item)}, ${item.reason_code.replaceAll("_", " ")}`),
        item.full ? details : el("p", { class: "soft" }, "Its evidence is not remembered here; davy explain tells it."),
      ),
    );
  }

  async open(details, holder, { seq }) {
    if (!details.open || holder.dataset.told) return;
    try {
      holder.replaceChildren(...told(await ask(of(this.page.rollout, `/decisions/${seq}`)), this.page.shell.now()));
      holder.dataset.told = "yes";
    } catch (error) {
      holder.textContent = error.message;
    }
  }
}

/** Which stage, and which share of the whole. */
function wanted({ stage, wanted_pct }) {
  const weights = wanted_pct.mirror ?? wanted_pct.all;
  const arms = Object.keys(weights).filter((arm) => arm !== "baseline");
  const whom = arms.length > 1 ? "the candidates" : "the candidate";
  return `${stage < 0 ? "no stage" : `stage ${stage}`}, ${shares(weights, arms)} for ${whom}`;
}

const reasonOf = ({ reason, reason_code }) => plainly(reason || reasonWords(reason_code)).replace(/\.$/, "");

/** All evidence of one decision. */
function told({ decision, evidence, health, prev_hash }, now) {
  const metrics = table(
    [{ text: "metric" }, { text: "candidate" }, { text: "segment" }, { text: "finding" }, { text: "evidence" }],
    evidence.map((each) => [each.metric, each.candidate, each.segment, badge(FINDINGS[each.finding]), each.sentence]),
  );
  const failed = health.filter(({ ok }) => !ok).map(({ name, reason }) => `${checkName(name)}: ${reasonWords(reason)}`);
  return [
    el("p", {}, `Judged up to ${moment(decision.judged_through_s, now)}. ${failed.length ? `Health checks that fail: ${failed.join("; ")}.` : "All health checks hold."}`),
    wide(`Evidence of decision ${decision.seq}`, metrics),
    el("p", { class: "soft" }, "Id ", el("code", {}, decision.decision_id), ". Hash of the decision before: ", el("code", {}, prev_hash || "none"), "."),
  ];
}
