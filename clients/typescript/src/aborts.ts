const watches = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once, when a signal is aborted or if it was before. Returns what ends the watch.
 *
 * A signal has one listener, however many calls share it: Node.js warns of more than ten.
 */
export function whenAborted(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal?.aborted) callback();
  if (signal === undefined || signal.aborted) return () => {};
  const callbacks = watches.get(signal) ?? watch(signal);
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

function watch(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  watches.set(signal, callbacks);
  const tell = () => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener("abort", tell, { once: true });
  return callbacks;
}

/**
 * One signal of several, aborted with the reason of the first that is; `stop` ends the watch. Not AbortSignal.any, which
 * takes no signals of other realms or libraries, nor is one of those returned, which may not have all of the methods.
 */
export function joined(...given: (AbortSignal | undefined)[]): { signal: AbortSignal | undefined; stop: () => void } {
  const signals = given.filter((signal) => signal !== undefined);
  const [first, ...others] = signals;
  if (others.length === 0 && (first === undefined || first instanceof AbortSignal)) {
    return { signal: first, stop: () => {} };
  }
  const both = new AbortController();
  const ends = signals.map((signal) => whenAborted(signal, () => both.abort(signal.reason)));
  const stop = () => {
    for (const end of ends) end();
  };
  return { signal: both.signal, stop };
}
