// How often is the server asked? When there is news, and of each thing at most so often.

import { inFrame } from "./frame.js";

const AGAIN_MS = 3000;
export const STALE_MS = 10000; // some facts change by time alone: a judge falls silent, a pause lapses

/** One thing that is asked again and again, never twice at a time, and shown in a frame. */
export class Feed {
  /**
   * `ask(signal)` gives a promise; `show(answer)` draws it; `failed(error)`, null when it is well.
   * `everyMs`: not more often; `staleMs`: at least so often where somebody sees it, news or not.
   */
  constructor({ ask, show, failed, everyMs = 1000, staleMs = null }) {
    Object.assign(this, { ask, show, failed, everyMs, staleMs });
    this.wanted = false;
    this.timer = this.idle = null;
    this.asking = null;
    this.dueMs = 0;
  }

  /** There is news: ask as soon as that is allowed. */
  poke() {
    this.wanted = true;
    if (this.timer !== null || this.asking !== null) return;
    this.timer = setTimeout(() => this.run(), Math.max(0, this.dueMs - performance.now()));
  }

  /** Another thing is wanted: what is under way counts no more. */
  anew() {
    this.stop();
    this.dueMs = 0;
    this.poke();
  }

  /** Ask no more, until the next poke. */
  stop() {
    this.asking?.abort();
    clearTimeout(this.timer);
    clearTimeout(this.idle);
    this.timer = this.idle = this.asking = null;
    this.wanted = false;
  }

  async run() {
    const asking = new AbortController();
    Object.assign(this, { timer: null, wanted: false, asking });
    clearTimeout(this.idle);
    let waitMs = this.everyMs;
    try {
      const answer = await this.ask(asking.signal);
      if (this.asking !== asking) return;
      this.failed(null);
      inFrame(this, () => this.show(answer));
    } catch (error) {
      if (this.asking !== asking) return;
      this.failed(error);
      this.wanted = true;
      waitMs = AGAIN_MS;
    }
    this.asking = null;
    this.dueMs = performance.now() + waitMs;
    if (this.wanted) this.poke();
    else if (this.staleMs !== null) this.rest();
  }

  /** There were no news for a while: ask all the same, once somebody looks. */
  rest() {
    this.idle = setTimeout(() => (document.hidden ? this.rest() : this.poke()), this.staleMs);
  }
}
