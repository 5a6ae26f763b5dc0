import type { ConnectError } from "@connectrpc/connect";
import { retryDelayMs } from "./failures.js";

const FIRST_MS = 250;
const GREATEST_MS = 10_000;

/** The longest that timers can wait. */
const TIMER_MS = 0x7fff_ffff;

/**
 * When a call is tried again, and when no more.
 *
 * Delays double, spread at random so that callers cut off together do not come back together. None goes beyond the
 * bound; after one that ends there comes the last try.
 */
export class Patience {
  /** Until when it is tried, by {@link now}. May be moved. */
  until: number;
  #base = FIRST_MS;
  #lastTryFor: number | undefined;

  constructor(ms: number) {
    this.until = now() + ms;
  }

  /** Tells that the server has answered: delays begin anew. */
  answered(): void {
    this.#base = FIRST_MS;
  }

  /**
   * Waits before the next try; false when there is none.
   *
   * @param late - whether there is a last try also when the bound passed during a try.
   * @throws the signal's reason, when it is aborted.
   */
  async again(failure: ConnectError, signal: AbortSignal | undefined, late = false): Promise<boolean> {
    const left = this.until - now();
    if (this.#lastTryFor === this.until || (left <= 0 && !late)) return false;
    const delay = this.#delay(failure);
    if (delay >= left) this.#lastTryFor = this.until;
    await sleep(Math.min(delay, left), signal);
    return true;
  }

  #delay(failure: ConnectError): number {
    const spread = this.#base * (0.5 + Math.random() / 2);
    this.#base = Math.min(this.#base * 2, GREATEST_MS);
    return (retryDelayMs(failure) ?? 0) + spread;
  }
}

/** Milliseconds on a clock that nobody sets. */
export function now(): number {
  return performance.now();
}

/** As setTimeout, but never early by {@link now}, and what is too long for it is shortened to the longest that it can wait. */
export function startTimer(callback: () => void, ms: number): ReturnType<typeof setTimeout> {
  return setTimeout(callback, Math.min(Math.max(Math.ceil(ms) + 1, 0), TIMER_MS));
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = startTimer(() => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    }, ms);
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}
