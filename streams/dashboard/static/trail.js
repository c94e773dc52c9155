// The part "Audit trail": who did what, when and why, and where that stands in the log.

import { ask, of } from "./api.js";
import { byId, el, keyed, setText, table, wide } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { time } from "./parts.js";
import { count } from "./words.js";

const PAGE = 30;
const SIGNS = { applied: "play", decided: "forward", commanded: "person", routed: "up", doubted: "warning" };
const HEADERS = ["when", "who", "what", "why", "where in the log"];

export class Trail {
  constructor(page) {
    Object.assign(this, { page, items: new Map(), older: null });
    this.feed = new Feed({
      ask: (signal) => this.asked(null, signal),
      show: (told) => this.take(told, true),
      failed: (error) => page.shell.trouble("audit trail", error),
      everyMs: 1500,
    });
    const made = table(HEADERS.map((text) => ({ text })), [], { class: "trail" });
    this.body = made.tBodies[0];
    this.more = el("button", { class: "button", type: "button", hidden: true, onclick: () => this.dig() }, "Show older entries");
    this.forgotten = el("span", { class: "soft" });
    byId("trail").append(wide("Audit trail", made), el("p", {}, this.more, " ", this.forgotten));
  }

  asked(before, signal) {
    return ask(of(this.page.rollout, "/audit"), { limit: PAGE, before }, signal);
  }

  async dig() {
    try {
      this.take(await this.asked(this.older), false);
    } catch (error) {
      this.page.shell.trouble("audit trail", error);
    }
  }

  take({ items, next, forgotten }, newest) {
    const first = this.items.size === 0;
    // Whoever was away may have missed more than one page: what was known before would leave a hole.
    const hole = newest && !first && items.length > 0 && !items.some(({ number }) => this.items.has(number));
    if (hole) this.items.clear();
    for (const item of items) this.items.set(item.number, item);
    if (!newest || first || hole) this.older = next;
    this.more.hidden = this.older === null;
    setText(this.forgotten, forgotten ? `${count(forgotten)} older entries are not remembered here; davy audit shows all.` : "");
    const shown = [...this.items.values()].sort((one, other) => other.at_s - one.at_s || other.number - one.number);
    keyed(this.body, shown, ({ number }) => number, (item) => line(item, this.page.shell.now(), first), () => {});
  }
}

const line = ({ at_s, did, actor, what, reason, where }, now, first) =>
  el(
    "tr",
    { class: first ? null : "fresh" },
    el("td", { class: "when" }, time(at_s, now)),
    el("td", {}, icon(SIGNS[did]), " ", actor || "somebody"),
    el("td", {}, what),
    el("td", {}, reason || "-"),
    el("td", { class: "soft" }, el("code", {}, where)),
  );
