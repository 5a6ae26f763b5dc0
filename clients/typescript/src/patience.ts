import { ConnectError } from "@connectrpc/connect";
import { whenAborted } from "./aborts.js";
import type { Connection } from "./connection.js";
import { isPassing, retryDelayMs } from "./failures.js";
import type { FirstFailure } from "./reachability.js";

const FIRST_MS = 250;
const GREATEST_MS = 10_000;

/** How long after the end of patience a try may go on, in milliseconds. */
export const LAST_TRY_MS = 5_000;

/** The longest that timers can wait. */
const TIMER_MS = 0x7fff_ffff;

/**
 * When a call is tried again, and when no more.
 *
 * Delays double, spread at random so that callers cut off together do not come back together. None goes beyond the
 * bound; after the bound there is one more try.
 */
export class Patience {
  /** Until when it is tried, by {@link now}. May be moved. */
  until: number;
  readonly #closed: AbortSignal;
  readonly #first: FirstFailure | undefined;
  #base = FIRST_MS;

  /**
   * @param closed - ends delays, and there are no more tries then.
   * @param first - is told of failures that are tried again.
   */
  constructor(ms: number, closed: AbortSignal, first?: FirstFailure) {
    this.until = now() + ms;
    this.#closed = closed;
    this.#first = first;
  }

  /** Tells that the server has got on: delays begin anew. */
  restart(): void {
    this.#base = FIRST_MS;
  }

  /**
   * Waits before the next try; false when there is none.
   *
   * @param began - when the try that failed began, by {@link now}.
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
    this.#base = Math.min(this.#base * 2, GREATEST_MS);
    return (retryDelayMs(failure) ?? 0) + spread;
  }
}

/**
 * Makes a call that is idempotent by its request_id, again while it fails for reasons that pass.
 *
 * @param call - one try, which has so many milliseconds.
 * @param first - is told of failures that are tried again.
 * @param signal - ends the tries; the one under way goes on.
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

/** Milliseconds on a clock that nobody sets. */
export function now(): number {
  return performance.now();
}

/**
 * As setTimeout, but never early by {@link now}, and what is too long for it is shortened to the longest that it can
 * wait.
 */
export function startTimer(callback: () => void, ms: number): ReturnType<typeof setTimeout> {
  return setTimeout(callback, Math.min(Math.max(Math.ceil(ms) + 1, 0), TIMER_MS));
}

/** Rejects when the signal is aborted; just ends when `closed` is. */
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
