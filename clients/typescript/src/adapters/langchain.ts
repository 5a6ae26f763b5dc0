/**
 * LangChain, version 1: a middleware of `createAgent`, that runs tools only after an approval.
 *
 *     const agent = createAgent({ model, tools, middleware: [approvalMiddleware(client)] });
 *
 * `@signoff/client/langgraph` has the same for graphs.
 *
 * @module
 */
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { Client } from "../client.js";
import { type NodeConfig, ToolGate, type ToolGateOptions } from "./langchain-gate.js";
import { isGatedTool, type LangChainTool, type ModelCall } from "./langchain-tool.js";

export type { ToolCall, ToolGateOptions } from "./langchain-gate.js";

/** A middleware, as `createAgent` takes it. */
export interface ApprovalMiddleware {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: of LangChain, which is not needed to build this.
  readonly wrapToolCall: (request: any, handler: any) => Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  readonly wrapModelCall: (request: any, handler: any) => any;
}

/** What LangChain tells of a call. */
interface ToolCallRequest {
  readonly toolCall: ModelCall;
  readonly tool: LangChainTool | undefined;
  readonly state: unknown;
  readonly runtime: NodeConfig;
}

/**
 * Runs each tool call of an agent only after an approval.
 *
 * The server's policy decides which calls need a person. Put it last: it then sees the call as it would run. A later
 * middleware's change to the call is detected and rejected.
 *
 * @throws TypeError for invalid options.
 */
export function approvalMiddleware(client: Client, options: ToolGateOptions = {}): ApprovalMiddleware {
  const gate = new ToolGate(client, options, "approvalMiddleware");
  return {
    name: "ApprovalMiddleware",
    async wrapToolCall(request: ToolCallRequest, handler: (request: object) => Promise<unknown>): Promise<unknown> {
      const { toolCall, tool, state, runtime } = request;
      if (gate.isUngated(toolCall.name) && (tool === undefined || tool.name === toolCall.name)) return handler(request);
      if (isGatedTool(tool)) {
        throw new TypeError(`${toolCall.name} is gated already: each call would ask twice`);
      }
      // That of the node has more than the runtime: the agent's name, and the task.
      const node = AsyncLocalStorageProviderSingleton.getRunnableConfig() as NodeConfig | undefined;
      const { configurable = node?.configurable, signal, interrupt } = runtime;
      const config = { configurable, metadata: node?.metadata, signal, interrupt };
      return gate.run(tool, toolCall, { config, state, runtime }, (standIn, approved) =>
        handler({ ...request, tool: standIn, toolCall: approved }),
      );
    },
    wrapModelCall(request: { tools?: readonly unknown[] }, handler: (request: object) => unknown): unknown {
      for (const tool of request.tools ?? []) gate.requireSeen(tool);
      return handler(request);
    },
  };
}
