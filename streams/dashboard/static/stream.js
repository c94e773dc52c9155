// What is new? Server-sent events, and whether they still come.

import { ask } from "./api.js";

const SILENT_MS = 15000; // then the server is asked whether it is there: no news is no proof
const LONGEST_MS = 15000;
const UNSEEN_MS = 30000; // a browser has few connections to a server: a page that nobody sees gives its own back

/** The stream of one rollout, or of all; tells `news(changed)`, `reading(reading)`, `state(word)`. */
export class Stream {
  constructor({ rollout = null, news, reading, state }) {
    this.url = `/api/v1/events${rollout === null ? "" : `?rollout=${encodeURIComponent(rollout)}`}`;
    Object.assign(this, { news, reading, state });
    this.waitMs = 500;
    this.asking = false;
    this.heardMs = performance.now();
    this.source = this.timer = this.unseen = null;
    this.open();
    setInterval(() => this.watch(), 1000);
    document.addEventListener("visibilitychange", () => this.seen());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  open() {
    this.close();
    this.heardMs = performance.now();
    const source = new EventSource(this.url);
    this.source = source;
    source.onopen = () => this.heard("open");
    source.onerror = () => this.lost();
    source.addEventListener("changed", (event) => {
      this.heard("live");
      this.news(JSON.parse(event.data));
    });
    source.addEventListener("session", (event) => {
      this.heard("live");
      this.reading(JSON.parse(event.data));
    });
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.timer = this.source = null;
  }

  heard(word) {
    this.heardMs = performance.now();
    this.waitMs = 500;
    this.state(word);
  }

  lost() {
    this.state("lost");
    this.close();
    this.timer = setTimeout(() => this.open(), this.waitMs);
    this.waitMs = Math.min(2 * this.waitMs, LONGEST_MS);
  }

  async watch() {
    if (this.source === null || this.asking || performance.now() - this.heardMs < SILENT_MS) return;
    this.asking = true;
    try {
      this.reading((await ask("/session", {}, AbortSignal.timeout(SILENT_MS))).reading);
      this.heard("open"); // it is there, but a proxy may hold its news back: everything is asked anew
    } catch {
      this.lost();
    } finally {
      this.asking = false;
    }
  }

  seen() {
    clearTimeout(this.unseen);
    if (document.hidden) this.unseen = setTimeout(() => this.close(), UNSEEN_MS);
    else if (this.source === null) this.open();
  }
}
