import { isPlainObject, pathTo } from "./arguments.js";

/**
 * The result of a function, once its work is done.
 *
 * A function may return unfinished work: it would run after the call was reported as SUCCEEDED, and beyond what was
 * approved. Promises are waited for, those inside plain objects, lists, maps and sets too. Instances of other classes
 * are not looked into, and getters are not called.
 *
 * @throws TypeError for what begins only when its caller uses it: functions, iterators, streams, and promises that are
 *   not the language's own, inside others.
 * @throws the reason of the first promise that is rejected.
 */
export async function settled<R>(result: R): Promise<Awaited<R>> {
  const value = await result;
  let found = promisesIn([["", value]]);
  while (found.length > 0) {
    // All are heard at once: one that is rejected meanwhile would count as unhandled.
    const ends = await Promise.allSettled(found.map(([, promise]) => promise));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed) throw failed.reason;
    found = promisesIn(found.map(([path], index) => [path, (ends[index] as PromiseFulfilledResult<unknown>).value]));
  }
  return value;
}

type Found<T> = [path: string, value: T];

/** Looks through values for promises, and refuses what has not begun. */
function promisesIn(values: Found<unknown>[]): Found<Promise<unknown>>[] {
  const promises: Found<Promise<unknown>>[] = [];
  const seen = new Set<unknown>();
  const found = [...values];
  // Grows during the loop.
  for (const [path, value] of found) {
    if (typeof value === "function") throw notBegun("a function", path);
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (isPromise(value)) {
      promises.push([path, value]);
    } else if (has(value, "then")) {
      throw notBegun("a promise of another kind", path);
    } else if (isIterator(value)) {
      stop(value);
      throw notBegun("an iterator or a stream", path);
    } else {
      for (const child of childrenOf(value, path)) found.push(child);
    }
  }
  return promises;
}

function notBegun(what: string, path: string): TypeError {
  const where = path === "" ? "" : ` at ${path}`;
  const remedy = "return its result, or wrap an async function* that yields it";
  return new TypeError(`the result has ${what}${where}, whose work would run outside the gate: ${remedy}`);
}

function isPromise(value: object): value is Promise<unknown> {
  return value instanceof Promise || Object.prototype.toString.call(value) === "[object Promise]";
}

/** What is read step by step, each of which may do something. A list, a map or a text is read in any other way, too. */
function isIterator(value: object): boolean {
  if (has(value, Symbol.asyncIterator) || has(value, "getReader")) return true;
  return has(value, "next") && has(value, Symbol.iterator);
}

function has(value: object, name: PropertyKey): boolean {
  try {
    return typeof (value as Record<PropertyKey, unknown>)[name] === "function";
  } catch {
    return false;
  }
}

/** Ends a stream or iterator that is not handed on. */
function stop(value: object): void {
  const { return: end, cancel, destroy } = value as Record<string, unknown>;
  for (const last of [end, cancel, destroy]) {
    if (typeof last !== "function") continue;
    // In a promise, so that what is thrown at once and what is rejected later are ignored alike.
    Promise.resolve()
      .then(() => last.call(value))
      .catch(() => {});
    return;
  }
}

/** Whether there can be anything in it: most of a long result are texts and numbers. */
function mayHoldWork(value: unknown): boolean {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

function* childrenOf(value: object, path: string): Generator<Found<unknown>> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) if (mayHoldWork(item)) yield [`${path}[${index}]`, item];
  } else if (value instanceof Map) {
    for (const [key, item] of value) yield [pathTo(path, String(key)), item];
  } else if (value instanceof Set) {
    for (const item of value) yield [path, item];
  } else if (isPlainObject(value)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (property.enumerable && mayHoldWork(property.value)) yield [pathTo(path, name), property.value];
    }
  }
}

/** What reads a generator, of either kind. */
export interface Steps<T, R, N> {
  next(...sent: [] | [N]): Promise<IteratorResult<T, R>> | IteratorResult<T, R>;
  return?(value: R): unknown;
  throw?(error: unknown): Promise<IteratorResult<T, R>> | IteratorResult<T, R>;
}

/**
 * Goes through a generator as its reader does. What it yields, and returns, is {@link settled} each time.
 *
 * @param within - runs each step.
 */
export async function* stepped<T, R, N>(
  steps: Steps<T, R, N>,
  within: <S>(step: () => S) => S,
): AsyncGenerator<Awaited<T>, Awaited<R>, N> {
  let result = await within(() => steps.next());
  // What a step throws has ended it.
  let isOpen = true;
  try {
    while (!result.done) {
      const value = await settled(result.value);
      let step: () => ReturnType<typeof steps.next>;
      try {
        const sent = yield value;
        step = () => steps.next(sent);
      } catch (error) {
        const pass = steps.throw?.bind(steps);
        if (!pass) throw error;
        step = () => pass(error);
      }
      isOpen = false;
      result = await within(step);
      isOpen = true;
    }
    isOpen = false;
    return await settled(result.value);
  } finally {
    // Its reader has left, or it yielded what it must not.
    if (isOpen) await within(() => steps.return?.(undefined as R));
  }
}
