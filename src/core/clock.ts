/** Time as milliseconds since 1970, UTC. */
export type Millis = number;

/** The only source of time and timers. */
export interface Clock {
  now(): Millis;
  /** Calls `action` once after `delay` milliseconds; the returned function cancels it. */
  after(delay: Millis, action: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, action) => {
    const timer = setTimeout(action, delay);
    return () => clearTimeout(timer);
  },
};

/** A clock for tests: time stands until `advance`, which runs what falls due, in order. */
export class ManualClock implements Clock {
  #now: Millis;
  #timers: { at: Millis; action: () => void }[] = [];

  constructor(start: Millis = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): Millis {
    return this.#now;
  }

  after(delay: Millis, action: () => void): () => void {
    const timer = { at: this.#now + delay, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(by: Millis): void {
    const until = this.#now + by;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.action();
    }
    this.#now = until;
  }
}
