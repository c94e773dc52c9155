// What do both pages have around them? Connection, colours, notices, and what is said aloud.

import { whoAsks } from "./api.js";
import { byId, el, keyed, setAttribute, setText } from "./dom.js";
import { inFrame } from "./frame.js";
import { icon } from "./icons.js";
import { Stream } from "./stream.js";
import { day, moment, span } from "./words.js";

const THEME = "davy-theme";
const OLD_S = 30;

/** The page around its content; `news(changed)` hears of changes, `afresh()` must ask for all. */
export class Shell {
  constructor({ rollout = null, news, afresh }) {
    this.afresh = afresh;
    this.word = "waiting";
    this.freshMs = null; // when the last answer came
    this.notices = new Map();
    this.ahead = 0; // of the server's clock, seconds
    this.part = false; // whether panes were not read to their end
    this.today = day(this.now());
    chooseTheme();
    setText(byId("zone"), Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local");
    const stream = { rollout, news, reading: (told) => this.read(told), state: (word) => this.connected(word) };
    this.stream = new Stream(stream);
    setInterval(() => {
      this.drawConnection();
      this.redate();
    }, 1000);
    whoAsks().then(
      (session) => {
        this.ahead = session.now_s - Date.now() / 1000;
        this.read(session.reading);
      },
      (error) => this.trouble("session", error),
    );
  }

  /** The server's clock, seconds since the epoch. */
  now() {
    return Date.now() / 1000 + this.ahead;
  }

  /** Something was answered: what is shown is fresh. */
  fresh() {
    this.freshMs = performance.now();
  }

  /** Tell a screen reader, once it has finished. */
  say(text) {
    setText(byId("said"), text);
  }

  /** How far the log was read. */
  read(reading) {
    this.notice("unread", "warn", reading.unread && `What is shown may be old: ${reading.unread}.`);
    this.readPanes(reading.panes_unread, Math.floor(reading.panes_read_pct));
    const begin = moment(reading.history_from_s, this.now());
    setText(byId("history"), `What was written before ${begin} may not be here; davy audit reads all of it.`);
  }

  /** What is summed from panes is only a part until all of them are read: every such place says so. */
  readPanes(unread, pct) {
    const part = unread !== "";
    byId("reading").hidden = !part;
    setText(byId("reading-text"), part ? `Traffic, distributions and labels are not whole yet: ${unread}.` : "");
    byId("reading-bar").value = pct;
    for (const line of document.querySelectorAll("[data-part]")) {
      line.hidden = !part;
      setText(line, part ? `Only a part: ${pct} % of the panes are read.` : "");
    }
    if (this.part === part) return;
    this.part = part;
    this.say(part ? "Panes are being read: traffic, distributions and labels are not whole yet." : "All panes are read.");
    if (!part) this.afresh();
  }

  /** After midnight `14:03` means another day: moments are written anew. */
  redate() {
    const now = this.now();
    if (day(now) === this.today) return;
    this.today = day(now);
    for (const node of document.querySelectorAll("time[datetime]")) setText(node, moment(Date.parse(node.dateTime) / 1000, now));
  }

  /** What does not work; null where it does again. */
  trouble(what, error) {
    if (error === null) {
      this.fresh();
      if (!this.notices.has(what)) return;
    }
    const known = error?.status === 0 || error?.code === "not_read"; // connection and reading say so already
    this.notice(what, "harm", error && !known ? error.message : "");
  }

  /** A line above the content; none where there is no text. */
  notice(key, tone, text) {
    if (text) this.notices.set(key, { key, tone, text });
    else if (!this.notices.delete(key)) return;
    inFrame("notices", () => this.drawNotices());
  }

  drawNotices() {
    const make = ({ tone }) =>
      el("div", { class: "notice", role: "status" }, icon(tone === "info" ? "info" : "warning"), el("span"));
    const once = new Map([...this.notices.values()].map((each) => [each.text, each])); // parts fail alike
    keyed(byId("notices"), once.values(), (each) => each.text, make, (node, each) => {
      setAttribute(node, "data-tone", each.tone);
      setText(node.lastChild, each.text);
    });
  }

  connected(word) {
    const was = this.word;
    this.word = word === "lost" ? "lost" : "live";
    if (word === "open") this.afresh();
    if (was !== this.word) {
      if (this.word === "lost") this.say("The connection is lost. What is shown grows old.");
      else if (was === "lost") this.say("The connection is back.");
      this.drawConnection();
    }
  }

  drawConnection() {
    if (document.hidden) return;
    inFrame("connection", () => {
      const old = this.freshMs === null ? null : (performance.now() - this.freshMs) / 1000;
      setAttribute(byId("connection"), "data-state", this.word);
      setText(byId("connection-text"), connectionText(this.word, old));
    });
  }
}

function connectionText(word, old) {
  const age = old === null ? "no data yet" : `data ${span(old)} old`;
  if (word === "waiting") return "Connecting";
  if (word === "lost") return `Connection lost, ${age}`;
  return old !== null && old > OLD_S ? `Live, nothing new for ${span(old)}` : "Live";
}

function chooseTheme() {
  const select = byId("theme");
  select.value = document.documentElement.dataset.theme ?? "system";
  select.addEventListener("change", () => {
    if (select.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = select.value;
    try {
      localStorage.setItem(THEME, select.value);
    } catch {
      // Storage is switched off: the choice holds for this page.
    }
    document.dispatchEvent(new Event("davy-theme"));
  });
}
