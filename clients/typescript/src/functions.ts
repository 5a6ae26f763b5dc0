/** How the body of a function runs: when it is called, or later, when what it returned is read. */
export type FunctionKind = "plain" | "generator";

/**
 * How a function runs.
 *
 * @throws TypeError for what is not a function, or is a class: before anything is asked, not when the call is to be run.
 */
export function kindOf(value: unknown, what: string): FunctionKind {
  requireFunction(value, what);
  if (isClass(value)) throw new TypeError(`${what} is a class, which cannot be called: wrap a function that uses it`);
  return isGenerator(value) ? "generator" : "plain";
}

/** @throws TypeError for what is not a function. */
// biome-ignore lint/complexity/noBannedTypes: any function.
export function requireFunction(value: unknown, what: string): asserts value is Function {
  if (typeof value !== "function") throw new TypeError(`${what} must be a function, not ${typeof value}`);
}

// biome-ignore lint/complexity/noBannedTypes: any function.
function isGenerator(fn: Function): boolean {
  const tag = Object.prototype.toString.call(fn);
  return tag === "[object GeneratorFunction]" || tag === "[object AsyncGeneratorFunction]";
}

/** Whether it needs `new`. What a bound class is cannot be seen. */
// biome-ignore lint/complexity/noBannedTypes: any function.
function isClass(fn: Function): boolean {
  const source = Function.prototype.toString.call(fn);
  // Those of the language, such as Map, and proxies of classes: functions of the language have no prototype.
  const isNative = source.endsWith("{ [native code] }") && Object.hasOwn(fn, "prototype");
  return isNative || /^class\b/.test(source);
}

/** Gives a wrapper the name of what it wraps, and as many parameters: some frameworks look at both. */
export function dress<F extends object>(wrapper: F, { name, length }: { name: string; length: number }): F {
  return Object.defineProperties(wrapper, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
}
