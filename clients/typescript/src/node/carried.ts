import { AsyncLocalStorage } from "node:async_hooks";
import type { CallOptions } from "../call.js";
import { CALL_CHECKS, type Checks, checkOptions } from "../options.js";

/** Options that calls made within some code have in common. */
export type SharedOptions = Omit<CallOptions, "toolName">;

/** Each name with its value in a list; that of an id is emptied by the call that takes it. */
type Carried = Readonly<Record<string, unknown[]>>;

const storage = new AsyncLocalStorage<Carried>();

/** They name one call, and no call that its function makes. */
const IDS: ReadonlySet<string> = new Set(["requestId", "callId"]);

const { toolName: _, ...checks } = CALL_CHECKS;
const CHECKS: Checks<SharedOptions> = checks;

/**
 * Sets options of the gated calls that are made within a function, what it awaits and the timers it starts included:
 *
 *     withCallOptions({ runId: conversation.id, callId: toolCall.id }, () => sendEmail({ to: "alice@example.com" }));
 *
 * They come before those that a function was wrapped with, and those of an inner call before those of an outer one; labels
 * are joined. `requestId` and `callId` name one call: they are for the first one made within. Worker threads and queues
 * that run callbacks of others do not carry them: `requiredOptions` refuses a call that lost its options.
 *
 * @returns what the function returns.
 * @throws TypeError for options that make no sense.
 */
export function withCallOptions<R>(options: SharedOptions, fn: () => R): R {
  checkOptions(options, CHECKS, "withCallOptions");
  const outer = storage.getStore() ?? {};
  const inner: Record<string, unknown[]> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) inner[name] = [value];
  }
  const labels = { ...(outer.labels?.[0] as object | undefined), ...options.labels };
  if (Object.keys(labels).length > 0) inner.labels = [labels];
  return storage.run({ ...outer, ...inner }, fn);
}

/** What surrounds a call that is made now. */
export function carriedOptions(): Partial<CallOptions> {
  const entries = Object.entries(storage.getStore() ?? {}).flatMap(([name, box]) => {
    const [value] = IDS.has(name) ? box.splice(0) : box;
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
