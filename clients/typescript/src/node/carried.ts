import { AsyncLocalStorage } from "node:async_hooks";
import type { CallOptions } from "../call.js";
import { CALL_CHECKS, type Checks, checkOptions } from "../options.js";

/** Options that all calls within some code share. */
export type SharedOptions = Omit<CallOptions, "toolName">;

/** Each name with its value in a list; that of an id is emptied by the call that takes it. */
type Carried = Readonly<Record<string, unknown[]>>;

const storage = new AsyncLocalStorage<Carried>();

/** They name one call, and no call that its function makes. */
const IDS: ReadonlySet<string> = new Set(["requestId", "callId"]);

const { toolName: _, ...checks } = CALL_CHECKS;
const CHECKS: Checks<SharedOptions> = checks;

/**
 * Sets options of the gated calls within a function, in everything that it awaits, and in timers that it starts:
 *
 *     withCallOptions({ runId: conversation.id, callId: toolCall.id }, () => sendEmail({ to: "alice@example.com" }));
 *
 * They override the options of a wrapped function, and inner ones override outer ones; labels are joined. `requestId`
 * and `callId` name one call: a second call within is a TypeError, except calls that the gated function itself makes.
 * Worker threads, and queues that run other callers' callbacks, do not carry options: `requiredOptions` rejects a call
 * that lost them.
 *
 * @returns the function's result.
 * @throws TypeError for invalid options.
 */
export function withCallOptions<R>(options: SharedOptions, fn: () => R): R {
  checkOptions(options, CHECKS, "withCallOptions");
  const names = Object.entries(options).some(([name, value]) => IDS.has(name) && value !== undefined);
  // Ids that come from further out name another call.
  const outer = (names ? withoutIds() : storage.getStore()) ?? {};
  const inner: Record<string, unknown[]> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) inner[name] = [value];
  }
  const labels = { ...(outer.labels?.[0] as object | undefined), ...options.labels };
  if (Object.keys(labels).length > 0) inner.labels = [labels];
  return storage.run({ ...outer, ...inner }, fn);
}

/**
 * What surrounds a call that is made now.
 *
 * @throws TypeError when an earlier call took the id: to make up another one would ask for a second approval.
 */
export function carriedOptions(): Partial<CallOptions> {
  const entries = Object.entries(storage.getStore() ?? {}).map(([name, box]) => {
    if (box.length === 0) {
      throw new TypeError(
        `an earlier call took the ${name} of withCallOptions: set withCallOptions around each call, also to try again`,
      );
    }
    return [name, IDS.has(name) ? box.pop() : box[0]];
  });
  return Object.fromEntries(entries);
}

/** Runs a gated function: the ids that surround it name its own call, and no call that it makes. */
export function withoutCallIds<R>(fn: () => R): R {
  const others = withoutIds();
  return others === undefined ? fn() : storage.run(others, fn);
}

function withoutIds(): Carried | undefined {
  const carried = storage.getStore();
  return carried && Object.fromEntries(Object.entries(carried).filter(([name]) => !IDS.has(name)));
}
