/**
 * Claude Agent SDK: the tools of an agent run only after an approval.
 *
 *     const options = gateOptions({ mcpServers: { desk }, settingSources: [] }, client, { agentName: "mailer" });
 *     for await (const message of query({ prompt, options })) console.log(message);
 *
 * It imports nothing of the SDK.
 *
 * @module
 */
import { isPlainObject } from "../arguments.js";
import type { CallOptions } from "../call.js";
import type { Client } from "../client.js";
import type { Logger } from "../connection.js";
import { CALL_CHECKS, type Check, checkOptions, isCallable, isFlag, isLogger } from "../options.js";
import { Deferrals, type OnDeferred } from "./claude-agent-sdk-deferrals.js";
import { ClaudeGate, MARGIN_MS } from "./claude-agent-sdk-gate.js";
import { checkKept, checkSdkOptions, environment, type SdkOptions, settings } from "./claude-agent-sdk-options.js";

/** A call that the model makes of a tool. */
export interface ToolCall {
  readonly toolName: string;
  /** The arguments: a copy. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The model's id of the call. */
  readonly toolUseId: string;
  readonly sessionId: string;
  /** The subagent that makes the call, by its type; undefined for the agent itself. */
  readonly subagent: string | undefined;
  /** The session's directory. */
  readonly cwd: string | undefined;
}

/** Options that several calls have in common. */
type SharedOptions = Omit<
  CallOptions,
  "toolName" | "requestId" | "callId" | "argumentsSchema" | "deriveSchema" | "chain"
>;

/** How an agent is gated: options of its calls, and these. */
export interface GateSettings extends SharedOptions {
  /** The agent's name; `claude` unless set. A subagent has its type's name, and this in its `chain`. */
  readonly agentName?: string | undefined;
  /** Names the run; the session's id unless set. */
  readonly runId?: string | undefined;
  /** Returns the options of one call, which override the others. If it throws, the call does not run. */
  readonly optionsFor?: ((call: ToolCall) => OwnOptions) | undefined;
  /**
   * Names of tools that are not asked about here, such as `Read`: `allowedTools` of the options lets them run, or
   * `canUseTool` decides.
   */
  readonly ungated?: readonly string[] | undefined;
  /** How long a call may wait, an hour unless set; afterwards the model reads that it is still waiting. */
  readonly hookTimeoutMs?: number | undefined;
  /**
   * Ends the run when a call needs a decision, instead of waiting: any process resumes the session after the decision.
   * Calls of subagents still wait.
   */
  readonly durable?: boolean | undefined;
  /** Gets the call that ends the run; awaited. Wait for the decision with its handle. */
  readonly onDeferred?: OnDeferred | undefined;
  /** Gets the warnings; `console` unless set. */
  readonly logger?: Logger | undefined;
}

/** Options of one call. */
export type OwnOptions = Partial<
  Omit<CallOptions, "toolName" | "requestId" | "callId" | "signal" | "stopWaiting" | "deriveSchema">
>;

const { toolName: _, requestId: __, callId: ___, deriveSchema: ____, ...OWN_CHECKS } = CALL_CHECKS;
const { argumentsSchema: _____, chain: ______, ...SHARED_CHECKS } = OWN_CHECKS;
const { signal: _______, stopWaiting: ________, ...OF_ONE_CALL } = OWN_CHECKS;

const HOUR_MS = 3_600_000;

/** The longest that timers can wait. */
const LONGEST_MS = 0x7fff_ffff;

const areNames: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === "string") ? undefined : "an array of names of tools";

const isHookTimeout: Check = (value) =>
  typeof value === "number" && value > MARGIN_MS && value <= LONGEST_MS
    ? undefined
    : `a number of milliseconds above ${MARGIN_MS}, in which the hook answers, and at most ${LONGEST_MS}`;

const CHECKS: Record<string, Check> = {
  ...SHARED_CHECKS,
  optionsFor: isCallable,
  ungated: areNames,
  hookTimeoutMs: isHookTimeout,
  durable: isFlag,
  onDeferred: isCallable,
  logger: isLogger,
};

/**
 * Options for `query` with every tool gated: the program's own, and those of MCP servers and subagents.
 *
 * @param options - as of `query`; `settingSources` must be `[]`. They are not changed.
 * @throws TypeError for invalid options, and for options that would bypass the gate, or change
 *   what was approved: see the document of the adapter.
 */
export function gateOptions<O extends object>(options: O, client: Client, gate: GateSettings = {}): O {
  if (!isPlainObject(options)) throw new TypeError("options of gateOptions must be an object of options of query");
  if (typeof client?.requiresApproval !== "function") throw new TypeError("client of gateOptions must be a Client");
  checkOptions(gate, CHECKS, "gateOptions");
  const { agentName = "claude", optionsFor, ungated = [], hookTimeoutMs = HOUR_MS, logger = console, ...more } = gate;
  const { durable = false, onDeferred, ...shared } = more;
  if (agentName === "") throw new TypeError("agentName of gateOptions must not be empty");
  if (onDeferred && !durable) throw new TypeError("onDeferred of gateOptions needs durable: true");
  const given: SdkOptions = options;
  const names = new Set(ungated);
  checkSdkOptions(given, names);
  if (durable) checkKept(given);
  const own = optionsFor && ((call: ToolCall) => checked(optionsFor(call)));
  const calls = { agentName, shared, optionsFor: own };
  const deferrals = durable ? new Deferrals(client, onDeferred) : undefined;
  const hook = new ClaudeGate(client, { calls, deferrals, ungated: names, hookTimeoutMs, logger, given });
  return {
    ...options,
    hooks: hook.hooks(),
    canUseTool: hook.permitted,
    // The gate knows them; beside it they would only hide its `canUseTool`.
    allowedTools: [],
    // Without one, the program may begin in a mode that lets a model decide.
    permissionMode: given.permissionMode ?? "default",
    env: environment(given),
    settings: settings(),
  };
}

function checked(own: OwnOptions): OwnOptions {
  checkOptions(own ?? {}, OF_ONE_CALL, "optionsFor");
  return own ?? {};
}
