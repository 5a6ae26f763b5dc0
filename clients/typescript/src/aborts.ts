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
