import type { RunContextLike } from "./openai-agents-sdk.js";

/** Agents in a chain; servers take no more. */
const MAX_CHAIN = 16;

/** What the SDK does not say of a run: which run it is, and which agents have handed it on. */
export class RunRecord {
  /** For runs that have no other name. */
  readonly runId = crypto.randomUUID();
  /** By each agent's name: those who handed the task on to it, the first one first. */
  readonly #chains = new Map<string, readonly string[]>();
  /** Of an agent that is a tool, the agent that had it last among its tools. */
  readonly #callers = new WeakMap<object, string>();

  /** Notes a hand-off. Of a longer chain the newest are kept. */
  handedOn(source: string, target: string): void {
    if (source !== target) this.#chains.set(target, [...this.chainOf(source), source].slice(-MAX_CHAIN));
  }

  /** The agents that handed the task on to this one. */
  chainOf(agent: string): readonly string[] {
    return this.#chains.get(agent) ?? [];
  }

  get hasChains(): boolean {
    return this.#chains.size > 0;
  }

  /** Notes that an agent may call another one as a tool. */
  offered(tool: object, caller: string): void {
    this.#callers.set(tool, caller);
  }

  /** Notes that an agent is called as a tool: this hands a task on as well. */
  called(tool: object, agent: string): void {
    const caller = this.#callers.get(tool);
    if (caller !== undefined) this.handedOn(caller, agent);
  }
}

const records = new WeakMap<object, RunRecord>();

/** The record of the context's run. It is kept by the run's usage, which all contexts of a run share. */
export function recordOf(context: RunContextLike): RunRecord {
  const key = context.usage ?? context;
  const record = records.get(key) ?? new RunRecord();
  records.set(key, record);
  return record;
}
