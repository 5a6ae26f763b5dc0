import canonicalize from "canonicalize";
import { joined } from "../aborts.js";
import { copyValues } from "../arguments.js";
import type { Call, CallOptions, Run } from "../call.js";
import type { Client } from "../client.js";
import type { Logger } from "../connection.js";
import { startTimer } from "../patience.js";
import { join } from "../prepare.js";
import { isRefusal } from "../refusals.js";
import { textOf } from "../report.js";
import type { OwnOptions, ToolCall } from "./claude-agent-sdk.js";
import type { Deferrals } from "./claude-agent-sdk-deferrals.js";
import type { SdkOptions } from "./claude-agent-sdk-options.js";

/** Milliseconds before the hook's timeout in which it still answers. */
export const MARGIN_MS = 5_000;

/** What the program tells a hook. */
interface HookInput {
  readonly hook_event_name: string;
  readonly session_id: string;
  readonly cwd?: string;
  readonly agent_id?: string;
  readonly agent_type?: string;
  readonly prompt_id?: string;
  readonly tool_name?: string;
  readonly tool_input?: unknown;
  readonly tool_use_id?: string;
  readonly error?: unknown;
}

interface Matcher {
  readonly hooks: readonly Hook[];
  readonly timeout?: number;
  readonly onFailure?: "block";
}

type Hook = (
  input: HookInput,
  toolUseId: string | undefined,
  options: { readonly signal?: AbortSignal },
) => Promise<object>;

/** What the program is answered when it asks whether a tool may run. */
type Permission =
  | { readonly behavior: "allow"; readonly updatedInput: unknown }
  | { readonly behavior: "deny"; readonly message: string };

type CanUseTool = (toolName: string, input: unknown, context: { readonly toolUseID?: string }) => Promise<unknown>;

interface Given {
  readonly calls: OptionsOfCalls;
  /** Ends runs instead of waiting; undefined unless they are durable. */
  readonly deferrals: Deferrals | undefined;
  readonly ungated: ReadonlySet<string>;
  readonly hookTimeoutMs: number;
  readonly logger: Logger;
  /** The options of the SDK, which were checked. */
  readonly given: SdkOptions;
}

/** What is known of calls besides what the program tells. */
interface OptionsOfCalls {
  readonly agentName: string;
  readonly shared: Partial<CallOptions>;
  readonly optionsFor: ((call: ToolCall) => OwnOptions) | undefined;
}

/** A call from the moment that it is asked for until it has ended. */
class UnderWay {
  readonly session: string;
  readonly subagent: string | undefined;
  /** What may run, once that is claimed. */
  run: Run | undefined;
  hasEnded = false;
  /** Settles when the program tells how the tool ended. */
  readonly ended: Promise<void>;
  #settle: (error?: Error) => void = () => {};

  constructor({ session_id, agent_id }: HookInput) {
    this.session = session_id;
    this.subagent = agent_id;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (error) => (error ? reject(error) : resolve());
    });
    // Nobody waits for it until the call is claimed.
    this.ended.catch(() => {});
  }

  end(error?: Error): void {
    this.hasEnded = true;
    this.#settle(error);
  }
}

/**
 * The program runs the tools, not this process. The gate is its PreToolUse hook: it asks, waits and claims, and then lets
 * the program run the tool with what was approved; the hooks after it tell how that ended. The program has to ask
 * `canUseTool` too, which allows only what the hook has approved: a program that calls no hooks runs no tools.
 */
export class ClaudeGate {
  readonly #client: Client;
  readonly #given: Given;
  /** The SDK allows Skill itself, where there are skills. */
  readonly #allowed: ReadonlySet<unknown>;
  readonly #ownPermissions: CanUseTool | undefined;
  #wasPassedBy = false;
  /** The tool of each call that the hook has seen. */
  readonly #seen = new Map<string, string>();
  readonly #underWay = new Map<string, UnderWay>();

  constructor(client: Client, given: Given) {
    this.#client = client;
    this.#given = given;
    const { allowedTools = [], skills, canUseTool } = given.given;
    this.#allowed = new Set([...(allowedTools as unknown[]), ...(skills ? ["Skill"] : [])]);
    this.#ownPermissions = canUseTool as CanUseTool | undefined;
  }

  /** The hooks of the options, and the gate's. */
  hooks(): Record<string, Matcher[]> {
    const { given, hookTimeoutMs } = this.#given;
    const hooks: Record<string, Matcher[]> = { ...(given.hooks as Record<string, Matcher[]> | undefined) };
    const add = (events: readonly string[], matcher: Matcher) => {
      for (const event of events) hooks[event] = [...(hooks[event] ?? []), matcher];
    };
    add(["PreToolUse"], { hooks: [this.before], timeout: hookTimeoutMs / 1000, onFailure: "block" });
    add(["PreSkillShellCommand"], { hooks: [this.inSkill], onFailure: "block" });
    add(["PostToolUse", "PostToolUseFailure"], { hooks: [this.after] });
    add(["Stop", "StopFailure", "SubagentStop"], { hooks: [this.stopped] });
    add(["UserPromptSubmit"], { hooks: [this.prompted], onFailure: "block" });
    return hooks;
  }

  /** Lets a call run with what was approved, or tells the model why not. Any failure is a no. */
  readonly before: Hook = async (input, toolUseId, options) => {
    const { ungated, logger } = this.#given;
    const toolName = String(input.tool_name);
    const id = toolUseId ?? input.tool_use_id ?? "";
    try {
      this.#seen.set(id, toolName);
      if (this.#wasPassedBy) return deny(notRun(toolName));
      if (ungated.has(toolName)) return {};
      const call = this.#callOf(input, id);
      const verdict = await this.#judge(input, call);
      if (verdict === "defer") return decision({ permissionDecision: "defer" });
      if (verdict === "again") return deny(makeAgain(toolName));
      const { arguments: updatedInput } = await this.#approved(input, call, options?.signal);
      return decision({ permissionDecision: "allow", updatedInput });
    } catch (error) {
      if (!isRefusal(error)) {
        logger.warn(`signoff: the gate of ${toolName} failed: ${textOf(error)}`);
        return deny(notRun(toolName));
      }
      if (error.developerText !== error.message) {
        logger.warn(`signoff: the call to ${toolName} was not run: ${error.developerText}`);
      }
      return deny(error.message);
    }
  };

  /** Allows what the hook has approved, and nothing else; of ungated tools, what the options say. */
  readonly permitted: CanUseTool = async (toolName, input, context): Promise<Permission | unknown> => {
    const id = context.toolUseID ?? "";
    const seen = this.#seen.get(id);
    if (seen === undefined) this.#passBy(toolName);
    if (this.#wasPassedBy || seen === undefined) return refused(notRun(toolName));
    if (this.#given.ungated.has(seen)) {
      if (this.#ownPermissions) return this.#ownPermissions(toolName, input, context);
      if (this.#allowed.has(seen)) return { behavior: "allow", updatedInput: input };
      return refused(`NOT RUN. ${toolName} is not allowed here. Do not work around it.`);
    }
    const call = this.#underWay.get(id);
    if (call?.run && !call.hasEnded) return { behavior: "allow", updatedInput: call.run.arguments };
    if (await this.#given.deferrals?.giveUp(id)) return refused(makeAgain(seen));
    return refused(notRun(toolName));
  };

  /** Refuses commands in the text of a skill, which are no calls of the model, unless skills are ungated. */
  readonly inSkill: Hook = async () => {
    if (this.#given.ungated.has("Skill") && !this.#wasPassedBy) return {};
    const text = "NOT RUN. Commands in the text of a skill cannot be approved. Do not work around it.";
    return decision({ permissionDecision: "deny", permissionDecisionReason: text }, "PreSkillShellCommand");
  };

  /** Notes how a call ended. */
  readonly after: Hook = async (input, toolUseId) => {
    const id = toolUseId ?? input.tool_use_id ?? "";
    if (!this.#seen.has(id)) this.#passBy(String(input.tool_name));
    const call = this.#underWay.get(id);
    if (call?.run) call.end(failureOf(input, call.run));
    return {};
  };

  /**
   * Ends what was allowed and never ended: the agent's turn is over, or was interrupted and a new one begins. Subagents
   * may go on in the background. Of the session's end no hook tells.
   */
  readonly stopped: Hook = async ({ session_id, agent_id }) => {
    for (const call of this.#underWay.values()) {
      if (call.run && call.session === session_id && call.subagent === agent_id) {
        call.end(new Error("the program did not say how the call ended"));
      }
    }
    return {};
  };

  /** Refuses a prompt while a call of the session waits for its resumption; else a new turn begins. */
  readonly prompted: Hook = async (input, ...rest) => {
    if (this.#given.deferrals?.isHeld(input.session_id)) {
      const reason = "A call waits for approval. Resume the session after the decision.";
      return { decision: "block", reason };
    }
    return this.stopped(input, ...rest);
  };

  /** Lets nothing run any more: the program does not call the gate's hook. */
  #passBy(toolName: string): void {
    this.#wasPassedBy = true;
    this.#given.logger.warn(
      `signoff: the program did not ask the gate about a call to ${toolName}: its hooks may be disabled. The ` +
        "gate denies all further calls. Look for settings of this machine and variables that disable hooks.",
    );
  }

  /** What becomes of a call before anybody waits for it. A subagent's call cannot be resumed: it is waited for. */
  async #judge(input: HookInput, call: Call): Promise<"defer" | "again" | "run"> {
    const { deferrals } = this.#given;
    if (deferrals === undefined || input.agent_id !== undefined) return "run";
    return deferrals.judge(input.prompt_id, call, toldOf(input, call.callId ?? ""));
  }

  /** Waits for the claim; the gated call goes on beside, until the program says how the tool ended. */
  async #approved(input: HookInput, call: Call, hook: AbortSignal | undefined): Promise<Run> {
    const id = call.callId ?? "";
    if (id === "" || this.#underWay.has(id)) throw new Error("the call has no id of its own");
    const underWay = new UnderWay(input);
    this.#underWay.set(id, underWay);
    const late = new AbortController();
    const timer = startTimer(() => late.abort(), this.#given.hookTimeoutMs - MARGIN_MS);
    const { signal: stopWaiting, stop } = joined(call.stopWaiting, hook, late.signal);
    try {
      return await new Promise<Run>((resolve, reject) => {
        const body = (run: Run) => {
          underWay.run = run;
          resolve(run);
          return underWay.ended;
        };
        this.#client
          .run({ ...call, stopWaiting }, body)
          // After the claim it is reported, and the program has told the model.
          .catch(reject)
          .finally(() => this.#underWay.delete(id));
      });
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  #callOf(input: HookInput, callId: string): Call {
    const { agentName, shared, optionsFor } = this.#given.calls;
    const told = toldOf(input, callId);
    const { subagent, toolName, sessionId } = told;
    const own = optionsFor?.(told) ?? {};
    const known = { runId: sessionId, agentName: subagent ?? agentName, ...(subagent && { chain: [agentName] }) };
    const options = join<Call>(join<Call>(known, shared), own);
    return { ...options, toolName, arguments: input.tool_input as object, callId };
  }
}

function toldOf({ tool_name, tool_input, session_id, agent_id, agent_type, cwd }: HookInput, id: string): ToolCall {
  return {
    toolName: String(tool_name),
    input: copyValues(tool_input),
    toolUseId: id,
    sessionId: session_id,
    subagent: agent_id === undefined ? undefined : (agent_type ?? "subagent"),
    cwd,
  };
}

/** How a tool failed, as the program tells it; undefined when it ended well, with what was approved. */
function failureOf({ hook_event_name, tool_input, error }: HookInput, run: Run): Error | undefined {
  if (canonicalize(tool_input) !== canonicalize(run.arguments)) {
    return new Error("it ran with other arguments than approved: another hook changed them");
  }
  if (hook_event_name === "PostToolUse") return undefined;
  return new Error(String(error ?? "the tool failed"));
}

function notRun(toolName: string): string {
  return `NOT RUN. The call to ${toolName} could not be approved. Do not work around it.`;
}

function makeAgain(toolName: string): string {
  return (
    "NOT RUN. Another call of this turn waits for approval, and only one can. Make the call to " +
    `${toolName} again once that call has its result.`
  );
}

function refused(message: string): Permission {
  return { behavior: "deny", message };
}

function deny(permissionDecisionReason: string): object {
  return decision({ permissionDecision: "deny", permissionDecisionReason });
}

function decision(fields: object, hookEventName = "PreToolUse"): object {
  return { hookSpecificOutput: { hookEventName, ...fields } };
}
