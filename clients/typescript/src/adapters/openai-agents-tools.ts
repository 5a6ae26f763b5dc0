import type { JsonObject } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { joined } from "../aborts.js";
import type { Call } from "../call.js";
import { ApprovalStatus } from "../gen/signoff/v1/approval_pb.js";
import { Misfit } from "../misfit.js";
import { InvalidArguments, isRefusal } from "../refusals.js";
import { ToolArguments } from "./openai-agents-arguments.js";
import type { Gate } from "./openai-agents-gate.js";
import {
  type AgentLike,
  type Details,
  type FunctionTool,
  qualifiedName,
  type RunContextLike,
  replaced,
} from "./openai-agents-sdk.js";

/** A tool of an agent behind the gate: what its call asks for, and what runs. */
export class GatedTool {
  /** The tool as it was. */
  readonly own: FunctionTool;
  /** The tool with this around it. */
  readonly gated: FunctionTool;
  readonly name: string;
  /** Whose it is. */
  readonly agent: AgentLike;
  readonly #gate: Gate;
  readonly #arguments: ToolArguments;

  /** @throws TypeError for a tool that cannot be gated. */
  constructor(gate: Gate, agent: AgentLike, own: FunctionTool) {
    this.own = own;
    this.name = qualifiedName(own);
    this.#gate = gate;
    this.agent = agent;
    this.#arguments = new ToolArguments(this.name, own.parameters);
    if (gate.returns && own.outputSchema !== undefined) {
      throw new TypeError(
        `${this.name} has an outputSchema, which a refusal's text is not: it needs onRefusal "throw"`,
      );
    }
    this.gated = replaced(own, {
      invoke: (context, input, details) => this.#invoke(context, input, details),
      // Its time is that of the tool's work, and not of the wait: the tool's own invoke counts it.
      timeoutMs: undefined,
      ...(gate.durable && { needsApproval: (context, input, callId) => this.#pauses(context, input, callId) }),
    });
    madeBy.set(this.gated.invoke, this);
  }

  /**
   * The call to ask for.
   *
   * @param input - the arguments, as the model wrote them.
   * @throws InvalidArguments for what it made up.
   */
  callOf(context: RunContextLike, input: string, callId: string | undefined): Call<unknown> {
    let args: JsonObject;
    try {
      args = this.#arguments.read(input);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      throw new InvalidArguments({ toolName: this.name }, error.path, error.problem);
    }
    const call = { toolName: this.name, callId, arguments: args, parameters: this.#arguments.parameters };
    return this.#gate.callOf(this.agent, context, call);
  }

  /** Runs the tool if it is approved; what the model reads otherwise is the result. */
  async #invoke(context: RunContextLike, input: string, details: Details | undefined): Promise<unknown> {
    let failure: { readonly error: Error; readonly told: string } | undefined;
    let hasBegun = false;
    const id = details?.toolCall?.callId;
    this.#refuseStanding(context);
    const { signal, stop } = joined(this.#gate.shared.signal, details?.signal);
    try {
      const call = this.callOf(context, input, typeof id === "string" && id !== "" ? id : undefined);
      return await this.#gate.client.run({ ...call, signal }, async ({ arguments: args }) => {
        hasBegun = true;
        const approved = JSON.stringify(args);
        const result = await this.own.invoke(context, approved, detailsOf(details, approved));
        // Told to the model by the SDK, and to the server as what it is.
        if (isFailure(result, this.own)) {
          failure = { error: new Error(result), told: result };
          throw failure.error;
        }
        return result;
      });
    } catch (error) {
      if (failure && error === failure.error) return failure.told;
      if (!hasBegun && this.#gate.returns && isRefusal(error)) return error.message;
      throw error;
    } finally {
      stop();
    }
  }

  /**
   * Whether the run is to pause at a call: while it is pending. What is decided already, such as by the policy, is executed,
   * and the gate there does what was decided.
   */
  async #pauses(context: RunContextLike, input: unknown, callId: string | undefined): Promise<boolean> {
    if (await this.own.needsApproval(context, input, callId)) {
      throw new TypeError(`${this.name} has needsApproval of its own, which durable replaces: remove one of them`);
    }
    const { client } = this.#gate;
    try {
      const call = this.callOf(context, typeof input === "string" ? input : JSON.stringify(input), callId);
      const { approvalId } = await client.ask({ ...call, cancelOnAbandon: false });
      const { approval } = await client.approvals.getApproval({ approvalId });
      return approval?.status === ApprovalStatus.PENDING;
    } catch (error) {
      // Asked for again when the run goes on.
      if (error instanceof ConnectError) return true;
      // Of others the gate around the tool tells the model.
      if (isRefusal(error)) return error.kind === "Unavailable";
      throw error;
    }
  }

  /** @throws TypeError beside an approval of the SDK for all calls of this tool. */
  #refuseStanding(context: RunContextLike): void {
    // No call has this id: what is approved for it is approved for all.
    const callId = crypto.randomUUID();
    for (const toolName of new Set([this.own.name, this.name])) {
      if (context.isToolApproved({ toolName, callId }) !== true) continue;
      throw new TypeError(
        `${this.name} has a standing approval in this run (alwaysApprove), and Signoff decides on each call: ` +
          "approve calls of gated tools without alwaysApprove",
      );
    }
  }
}

const madeBy = new WeakMap<object, GatedTool>();

/** What is around a gated tool; copies of the tool have it too. */
export function gatedOf(tool: unknown): GatedTool | undefined {
  const invoke = (tool as Partial<FunctionTool> | null)?.invoke;
  return typeof invoke === "function" ? madeBy.get(invoke) : undefined;
}

/** What a tool was before it was gated; of a copy of a gated tool, such as one with a namespace, the same copy of that. */
export function ungatedOf(tool: FunctionTool): FunctionTool {
  const made = gatedOf(tool);
  if (made === undefined || made.gated === tool) return made?.own ?? tool;
  const { invoke, needsApproval, timeoutMs } = made.own;
  return replaced(tool, { invoke, needsApproval, timeoutMs });
}

/** The details of a call that say what runs, and that its time is to be counted. */
function detailsOf(details: Details | undefined, approved: string): Details | undefined {
  if (details === undefined) return undefined;
  const { toolCall } = details;
  const by = toolCall ? { toolCall: { ...toolCall, arguments: approved } } : {};
  return replaced(details, by, "functionToolTimeoutAlreadyEnforced");
}

const FAILED = "An error occurred while running the tool. Please try again.";

/** Whether a result is what the SDK makes of an error, by itself, for the model. */
function isFailure(result: unknown, { name, timeoutMs }: FunctionTool): result is string {
  if (typeof result !== "string") return false;
  return result.startsWith(FAILED) || result === `Tool '${name}' timed out after ${timeoutMs}ms.`;
}
