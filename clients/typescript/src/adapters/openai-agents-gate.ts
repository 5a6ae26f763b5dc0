import type { Call, CallOptions } from "../call.js";
import type { Client } from "../client.js";
import { checkOptions } from "../options.js";
import { join } from "../prepare.js";
import { CALL_OWN_CHECKS, type GateAgentOptions, type Own, type ToolCall } from "./openai-agents-options.js";
import { recordOf } from "./openai-agents-runs.js";
import {
  type AgentLike,
  type FunctionTool,
  isAgent,
  isAgentTool,
  isFunctionTool,
  isHandoff,
  type RunContextLike,
  replaced,
  symbolOf,
} from "./openai-agents-sdk.js";
import { GatedTool, gatedOf, ungatedOf } from "./openai-agents-tools.js";

const gates = new WeakMap<object, Gate>();

/** The gate around an agent, if there is one. */
export function gateOf(agent: unknown): Gate | undefined {
  return typeof agent === "object" && agent !== null ? gates.get(agent) : undefined;
}

/** The options of `gate`, and its work on agents. */
export class Gate {
  readonly client: Client;
  readonly durable: boolean;
  /** Whether a refusal's text is the tool's result. */
  readonly returns: boolean;
  readonly shared: Omit<CallOptions, Own>;
  readonly #runId: GateAgentOptions["runId"];
  readonly #ungated: ReadonlySet<string>;
  readonly #optionsFor: GateAgentOptions["optionsFor"];
  readonly #tools = new WeakMap<AgentLike, WeakMap<FunctionTool, FunctionTool>>();

  constructor(client: Client, given: GateAgentOptions) {
    const { runId, durable = false, ungated = [], onRefusal = "return", optionsFor, ...shared } = given;
    this.client = client;
    this.durable = durable;
    this.returns = onRefusal === "return";
    this.shared = shared;
    this.#runId = runId;
    this.#ungated = new Set(ungated);
    this.#optionsFor = optionsFor;
  }

  /** Gates an agent and all that it hands off to; agents that are gated stay as they are. */
  putAround(agent: AgentLike): void {
    // All are looked at before anything is changed.
    const found = new Map<AgentLike, unknown[]>();
    this.#look(agent, found);
    for (const [each, tools] of found) {
      gates.set(each, this);
      Object.setPrototypeOf(each, gatedPrototype(Object.getPrototypeOf(each)));
      // A list of its own: agents may share theirs.
      each.tools = tools;
      this.#watchHandoffs(each);
    }
  }

  /** Gates what is added later, too: where a stored run is read, the SDK finds its agent in these lists, and only there. */
  #watchHandoffs(agent: AgentLike): void {
    let handoffs = agent.handoffs;
    Object.defineProperty(agent, "handoffs", {
      get: () => {
        for (const target of agentsIn(handoffs)) this.putAround(target);
        return handoffs;
      },
      set: (others: unknown[]) => {
        handoffs = others;
      },
    });
  }

  #look(agent: AgentLike, found: Map<AgentLike, unknown[]>): void {
    if (gates.has(agent) || found.has(agent)) return;
    refuseUnseen(agent);
    this.checkBehavior(agent);
    found.set(
      agent,
      agent.tools.map((tool) => this.tool(agent, tool)),
    );
    for (const target of agentsIn(agent.handoffs)) this.#look(target, found);
  }

  /** @throws TypeError where a refusal's text would be the run's result, as if the tool had said it. */
  checkBehavior({ name, toolUseBehavior: behavior }: AgentLike): void {
    if (!this.returns || (behavior !== "stop_on_first_tool" && typeof behavior !== "object")) return;
    throw new TypeError(
      `the agent ${name} ends with a tool's result (toolUseBehavior), and the text of a refusal would be that result: ` +
        'it needs onRefusal "throw"',
    );
  }

  /** A tool of an agent behind the gate. @throws TypeError for one that cannot be. */
  tool(agent: AgentLike, tool: unknown, context?: RunContextLike): unknown {
    if (!isFunctionTool(tool)) return this.#elsewhere(tool);
    if (this.#ungated.has(tool.name)) {
      throw new TypeError(`${tool.name} runs in this process: let a rule of the policy approve it, not ungated`);
    }
    const made = gatedOf(tool);
    if (made?.agent === agent && made.gated === tool) return tool;
    if (isAgentTool(tool)) {
      if (!agentTools.has(tool)) {
        throw new TypeError(
          `${tool.name} is an agent whose tools cannot be gated from here: call gate for that agent before its asTool`,
        );
      }
      // Its call only hands a task on; what it runs is behind the gate.
      if (context) recordOf(context).offered(tool, agent.name);
      return tool;
    }
    const known = this.#tools.get(agent) ?? new WeakMap();
    this.#tools.set(agent, known);
    // Of a tool that another agent has too, the call is to say which of them made it.
    const gated = known.get(tool) ?? new GatedTool(this, agent, ungatedOf(tool)).gated;
    known.set(tool, gated);
    return gated;
  }

  #elsewhere(tool: unknown): unknown {
    const { type, name, providerData } = (tool ?? {}) as { type?: unknown; name?: unknown; providerData?: unknown };
    // All hosted MCP servers have the same name.
    const { server_label: label } = (providerData ?? {}) as { server_label?: unknown };
    const known = String(label ?? name);
    if (typeof tool === "object" && tool !== null && symbolOf(tool, "clientToolSearchExecutor") !== undefined) {
      throw new TypeError(`${known} loads other tools into a run, around the gate: give the agent its tools itself`);
    }
    if (this.#ungated.has(known)) return tool;
    throw new TypeError(
      `${known} (${type}) cannot be gated: no function of this process runs it, or it has no JSON arguments. ` +
        "Remove it, or name it in ungated",
    );
  }

  /** What an agent hands off to, which is gated, too; that it did is noted. */
  handoff(source: AgentLike, handoff: unknown): unknown {
    if (!isHandoff(handoff)) return handoff;
    return replaced(handoff, {
      onInvokeHandoff: async (context, input) => {
        const target = await handoff.onInvokeHandoff(context, input);
        this.putAround(target);
        recordOf(context).handedOn(source.name, target.name);
        return target;
      },
    });
  }

  /** The call to ask for, with its options. */
  callOf(agent: AgentLike, runContext: RunContextLike, call: Call<unknown>): Call<unknown> {
    const { toolName, callId } = call;
    const args = structuredClone(call.arguments) as ToolCall["arguments"];
    const own = this.#optionsFor?.({ toolName, arguments: args, callId, agentName: agent.name, runContext }) ?? {};
    checkOptions(own, CALL_OWN_CHECKS, "optionsFor");
    const chain = recordOf(runContext).chainOf(agent.name);
    const known = { ...call, agentName: agent.name, chain, runId: this.#nameOfRun(runContext) };
    return { ...join<CallOptions>(this.shared, { ...own, ...known }), arguments: call.arguments };
  }

  #nameOfRun(context: RunContextLike): string {
    const name = typeof this.#runId === "function" ? this.#runId(context) : this.#runId;
    if (this.#runId !== undefined && (typeof name !== "string" || name === "")) {
      // Not what it is: that may be the context.
      const said = name === "" ? "an empty text" : `a value of type ${typeof name}`;
      throw new TypeError(`runId of gate must return the run's name as a non-empty text, and returned ${said}`);
    }
    return name ?? recordOf(context).runId;
  }
}

/** Tools that gated agents are. */
const agentTools = new WeakSet<object>();

/** The agents that hand-offs lead to, as far as that is known before. */
function agentsIn(handoffs: readonly unknown[]): AgentLike[] {
  return handoffs.map((target) => (isHandoff(target) ? target.agent : target)).filter(isAgent);
}

/** @throws TypeError for an agent whose tools come from elsewhere than its class. */
function refuseUnseen(agent: AgentLike): void {
  const overridden = ["getAllTools", "getEnabledHandoffs", "clone", "asTool"].find((name) =>
    Object.hasOwn(agent, name),
  );
  if (overridden) throw new TypeError(`${agent.name} has a ${overridden} of its own, which would bypass the gate`);
  if ("runtimeManifest" in agent) {
    throw new TypeError(`${agent.name} is a SandboxAgent, whose capabilities cannot be gated`);
  }
  if ("voice" in agent) throw new TypeError(`${agent.name} is a RealtimeAgent, which cannot be gated`);
}

const prototypes = new WeakMap<object, object>();

/**
 * The prototype of gated agents of a class: whatever tools an agent has when it runs, they are gated.
 */
function gatedPrototype(own: AgentLike): object {
  const found = prototypes.get(own);
  if (found) return found;
  const gateAround = (agent: AgentLike): Gate => {
    const gate = gates.get(agent);
    // Made around its constructor.
    if (!gate) throw new TypeError(`${agent.name} is a copy of a gated agent: copy agents with clone`);
    return gate;
  };
  const methods = {
    async getAllTools(this: AgentLike, context: RunContextLike, ...more: unknown[]): Promise<unknown[]> {
      const gate = gateAround(this);
      gate.checkBehavior(this);
      const tools = await own.getAllTools.call(this, context, ...more);
      return tools.map((tool) => gate.tool(this, tool, context));
    },
    async getEnabledHandoffs(this: AgentLike, context: RunContextLike): Promise<unknown[]> {
      const gate = gateAround(this);
      const handoffs = await own.getEnabledHandoffs.call(this, context);
      return handoffs.map((handoff) => gate.handoff(this, handoff));
    },
    clone(this: AgentLike, config: unknown): unknown {
      const gate = gateAround(this);
      const copy = own.clone.call(this, config);
      gate.putAround(copy);
      return copy;
    },
    asTool(this: AgentLike, options: unknown): unknown {
      const { runOptions } = (options ?? {}) as { runOptions?: { context?: unknown } };
      if (gateAround(this).durable && runOptions?.context !== undefined) {
        throw new TypeError(`${this.name} as a tool has a context of its own, in which durable cannot find its run`);
      }
      const tool: FunctionTool = own.asTool.call(this, options);
      agentTools.add(tool);
      const invoke = tool.invoke;
      tool.invoke = (context, input, details) => {
        recordOf(context).called(tool, this.name);
        return invoke.call(tool, context, input, details);
      };
      return tool;
    },
  };
  const prototype = Object.create(own, Object.getOwnPropertyDescriptors(methods));
  prototypes.set(own, prototype);
  // Of a clone, which the SDK makes of the agent's class, and of an agent that is put around again.
  prototypes.set(prototype, prototype);
  return prototype;
}
