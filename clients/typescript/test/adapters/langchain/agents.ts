/** An agent in each form that LangChain and LangGraph have, with a scripted model. */
import assert from "node:assert/strict";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import { type BaseCheckpointSaver, END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import { createAgent, tool } from "langchain";
import { z } from "zod";
import { approvalMiddleware, type ToolGateOptions } from "../../../src/adapters/langchain.js";
import { gateTools, oneTaskPerCall } from "../../../src/adapters/langgraph.js";
import type { Client } from "../../../src/index.js";

// LangSmith hears nothing.
for (const name of Object.keys(process.env)) if (/^(LANGSMITH|LANGCHAIN)_/.test(name)) delete process.env[name];

// biome-ignore lint/suspicious/noExplicitAny: agents and graphs have types of their own; here they are used alike.
export type Any = any;

/** A call that the model makes. */
export interface Call {
  readonly id: string;
  readonly name: string;
  readonly args: Record<string, unknown>;
}

export function call(name: string, args: Record<string, unknown> = { to: "alice@company.com" }, id = "call-1"): Call {
  return { id, name, args };
}

/** A model that makes these calls, each list in an answer of its own, and then says "done". */
export class Scripted extends BaseChatModel {
  readonly prompts: BaseMessage[][] = [];
  readonly #answers: readonly (readonly Call[])[];

  constructor(...answers: (readonly Call[])[]) {
    super({});
    this.#answers = answers;
  }

  _llmType(): string {
    return "scripted";
  }

  override bindTools(): Any {
    return this;
  }

  async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    this.prompts.push(messages);
    const turn = messages.filter((message) => message.getType() === "ai").length;
    const calls = this.#answers[turn] ?? [];
    const message =
      calls.length === 0
        ? new AIMessage("done")
        : new AIMessage({ content: "", tool_calls: calls.map((each) => ({ ...each, type: "tool_call" as const })) });
    return { generations: [{ text: "", message }] };
  }
}

export interface Options extends ToolGateOptions {
  readonly checkpointer?: BaseCheckpointSaver | undefined;
}

export type Build = (model: Scripted, tools: Any[], client: Client, options?: Options) => Any;

const agent =
  (version: "v1" | "v2"): Build =>
  (model, tools, client, { checkpointer, ...options } = {}) =>
    createAgent({
      model,
      tools,
      version,
      middleware: [approvalMiddleware(client, options)],
      ...(checkpointer && { checkpointer }),
    });

const graph =
  (route: Any): Build =>
  (model, tools, client, { checkpointer, ...options } = {}) =>
    new StateGraph(MessagesAnnotation)
      .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addNode("tools", new ToolNode(gateTools(tools, client, options)))
      .addEdge(START, "model")
      .addConditionalEdges("model", route, ["tools", END])
      .addEdge("tools", "model")
      .compile(checkpointer && { checkpointer });

const agentOfGated: Build = (model, tools, client, { checkpointer, ...options } = {}) =>
  createAgent({ model, tools: gateTools(tools, client, options), ...(checkpointer && { checkpointer }) });

/** Those that run each call in a task of its own. */
export const TASKS: Readonly<Record<string, Build>> = {
  agent: agent("v2"),
  "agent of gated tools": agentOfGated,
  "graph of tasks": graph(oneTaskPerCall()),
};

export const BUILDERS: Readonly<Record<string, Build>> = {
  ...TASKS,
  "agent v1": agent("v1"),
  graph: graph(toolsCondition),
};

export const DONE = [{ role: "user", content: "Write to Alice." }];

/** Runs an agent from the start. */
export function run(agent: Any, config: Any = {}): Promise<Any> {
  return agent.invoke({ messages: DONE }, config);
}

/** What the model reads of its calls, by their ids. */
export function readOf(state: Any): Record<string, string> {
  return Object.fromEntries(messagesOf(state).map((message) => [message.tool_call_id, String(message.content)]));
}

/** The messages with results of tools. */
export function messagesOf(state: Any): ToolMessage[] {
  return state.messages.filter((message: BaseMessage) => ToolMessage.isInstance(message));
}

/** The one message with a result. */
export function resultOf(state: Any): ToolMessage {
  const [message, ...others] = messagesOf(state);
  assert.equal(others.length, 0);
  return message ?? assert.fail("there is no result");
}

/** The pauses of a run. */
export function pausesOf(state: Any): Any[] {
  return state.__interrupt__ ?? [];
}

/** A tool that notes what it ran with. */
export class Mail {
  readonly runs: unknown[] = [];
  readonly tool: Any;

  constructor(name: string, body: (args: Any, config: Any) => unknown = () => undefined) {
    this.tool = tool(
      async (args: { to: string; count: number }, config) => {
        this.runs.push(args);
        return ((await body(args, config)) ?? `sent ${args.count} to ${args.to}`) as string;
      },
      { name, description: "Send mails.", schema: z.object({ to: z.string(), count: z.number().default(1) }) },
    );
  }
}

/** A name that no other test uses. */
export function toolName(prefix = "ask"): string {
  return `${prefix}.${crypto.randomUUID()}`;
}

/** The config of a conversation. */
export function thread(id: string = crypto.randomUUID()): Any {
  return { configurable: { thread_id: id } };
}
