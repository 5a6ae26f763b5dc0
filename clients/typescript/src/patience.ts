import { ConnectError } from "@connectrpc/connect";
import { whenAborted } from "./aborts.js";
import type { Connection } from "./connection.js";
import { isPassing, retryDelayMs } from "./failures.js";
import type { FirstFailure } from "./reachability.js";

const FIRST_MS = 250;
const MAX_MS = 10_000;

/** The maximum time of a try after the end of patience, in milliseconds. */
export const LAST_TRY_MS = 5_000;

/** The maximum delay of timers. */
const TIMER_MS = 0x7fff_ffff;

/**
 * Decides when a call is retried, and when no longer.
 *
 * Delays double, with random jitter, so that callers that were disconnected together do not return together. No delay
 * exceeds the bound; after the bound there is one last try.
 */
export class Patience {
  /** The end of retries, by {@link now}. May be moved. */
  until: number;
  readonly #closed: AbortSignal;
  readonly #first: FirstFailure | undefined;
  #base = FIRST_MS;

  /**
   * @param closed - ends delays and retries.
   * @param first - gets the failures that are retried.
   */
  constructor(ms: number, closed: AbortSignal, first?: FirstFailure) {
    this.until = now() + ms;
    this.#closed = closed;
    this.#first = first;
  }

  /** Resets the delays, after progress of the server. */
  restart(): void {
    this.#base = FIRST_MS;
  }

  /**
   * Waits before the next try; false when there is none.
   *
   * @param began - the start of the failed try, by {@link now}.
   * @throws the signal's reason, when it is aborted.
   */
  async again(failure: ConnectError, began: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#closed.aborted || began >= this.until) return false;
    this.#first?.tell(failure, this.until - now());
    await sleep(Math.min(this.#delay(failure), this.until - now()), signal, this.#closed);
    return !this.#closed.aborted;
  }

  #delay(failure: ConnectError): number {
    const spread = this.#base * (0.5 + Math.random() / 2);
    this.#base = Math.min(this.#base * 2, MAX_MS);
    return (retryDelayMs(failure) ?? 0) + spread;
  }
}

/**
 * Makes a call that is idempotent by its request_id, and retries passing failures.
 *
 * @param call - one try, with its deadline in milliseconds.
 * @param first - gets the failures that are retried.
 * @param signal - ends the retries; a try under way continues.
 * @throws ConnectError of the last try; the signal's reason.
 */
export async function repeat<T>(
  { deadlineMs, closed }: Connection,
  patienceMs: number,
  call: (timeoutMs: number) => Promise<T>,
  first: FirstFailure,
  signal?: AbortSignal,
): Promise<T> {
  const patience = new Patience(patienceMs, closed, first);
  for (;;) {
    signal?.throwIfAborted();
    const began = now();
    try {
      return await call(Math.min(deadlineMs, patience.until + LAST_TRY_MS - began));
    } catch (error) {
      const failure = ConnectError.from(error);
      const late = now() >= patience.until + LAST_TRY_MS;
      if (late || !isPassing(failure) || !(await patience.again(failure, began, signal))) throw failure;
    }
  }
}

/** Milliseconds on a monotonic clock. */
export function now(): number {
  return performance.now();
}

/**
 * Like setTimeout, but never early by {@link now}; a longer time is cut to the maximum of setTimeout.
 */
export function startTimer(callback: () => void, ms: number): ReturnType<typeof setTimeout> {
  return setTimeout(callback, Math.min(Math.max(Math.ceil(ms) + 1, 0), TIMER_MS));
}

/** Rejects when the signal is aborted; resolves early when `closed` is. */
async function sleep(ms: number, signal: AbortSignal | undefined, closed: AbortSignal): Promise<void> {
  const ends: (() => void)[] = [];
  try {
    await new Promise<void>((resolve) => {
      const timer = startTimer(resolve, ms);
      ends.push(() => clearTimeout(timer), whenAborted(signal, resolve), whenAborted(closed, resolve));
    });
  } finally {
    for (const end of ends) end();
  }
  signal?.throwIfAborted();
}
