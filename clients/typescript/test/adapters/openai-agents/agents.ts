/** Agents with a scripted model, and reviewers, for the tests of the adapter. */
import assert from "node:assert/strict";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  Agent,
  type Model,
  type ModelRequest,
  type ModelResponse,
  type StreamEvent,
  setTracingDisabled,
  tool,
  Usage,
} from "@openai/agents";
import { z } from "zod";
import type { Approval } from "../../../src/v1.js";
import { VoteChoice } from "../../../src/v1.js";
import type { Server } from "../../server.js";

// It would send them to OpenAI.
setTracingDisabled(true);

// biome-ignore lint/suspicious/noExplicitAny: the versions of the SDK have types of their own.
export type Any = any;

/** A call that the scripted model makes. */
export interface ModelCall {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
}

/** What the model answers: calls of tools, or a text. */
export type Answer = readonly ModelCall[] | string;

/** A model with these answers, one after the other. */
export class ScriptedModel implements Model {
  readonly requests: ModelRequest[] = [];
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  async getResponse(request: ModelRequest): Promise<ModelResponse> {
    return { usage: new Usage(), output: this.#next(request), responseId: "response" };
  }

  async *getStreamedResponse(request: ModelRequest): AsyncIterable<StreamEvent> {
    yield { type: "response_started" };
    const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
    yield { type: "response_done", response: { id: "response", usage, output: this.#next(request) as Any } };
  }

  #next(request: ModelRequest): ModelResponse["output"] {
    // As models do that are reached over a network.
    request.signal?.throwIfAborted();
    this.requests.push(structuredClone({ ...request, signal: undefined, tools: [], handoffs: [] }) as Any);
    const answer = this.#answers.shift() ?? assert.fail("the model has no more answers");
    if (typeof answer === "string") {
      const content = [{ type: "output_text" as const, text: answer }];
      return [{ type: "message", role: "assistant", status: "completed", content }];
    }
    return answer.map(({ id, tool, input }) => {
      const text = typeof input === "string" ? input : JSON.stringify(input);
      return { type: "function_call", callId: id, name: tool, arguments: text, status: "completed" };
    });
  }

  /** What the model read as the result of a call, in its last request. */
  read(id: string): unknown {
    const items = this.requests.at(-1)?.input as Any[];
    const results = items.filter(({ type, callId }) => type === "function_call_result" && callId === id);
    const output = results.at(-1)?.output;
    return output?.text ?? output;
  }
}

/** An answer of the model with one call. */
export function calls(tool: string, input: unknown, id = "c1"): ModelCall[] {
  return [{ id, tool, input }];
}

/** A tool that says what it was called with. */
export function sending(name: string, ran: Any[] = [], more: Any = {}) {
  return tool({
    name,
    description: "Sends.",
    parameters: z.object({ to: z.string(), amount: z.number() }),
    execute: async (args: Any, context?: Any, details?: Any) => {
      ran.push({ args, context, details });
      return `${args.amount} to ${args.to}`;
    },
    ...more,
  });
}

/** What `sending` takes. */
export const INPUT = { to: "alice", amount: 10 };

/** An agent with tools and a scripted model. */
export function agentOf(tools: Any[], model: Model, more: Any = {}): Agent<Any, Any> {
  return new Agent({ name: "mailer", model, tools, ...more });
}

export type Decision = { reject: string } | { edit: JsonObject } | "approve";

/** Decides a number of pending calls of a tool, as soon as each is there. */
export async function decide(
  server: Server,
  toolName: string,
  count: number,
  how: (approval: Approval) => Decision,
): Promise<void> {
  const { approvals } = server.client({ token: server.tokens.reviewer });
  let left = count;
  for await (const { change } of approvals.watchPending({ toolName })) {
    if (change.case !== "pending") continue;
    const { id: approvalId, revision } = change.value;
    const decision = how(change.value);
    await approvals.decide({
      approvalId,
      requestId: crypto.randomUUID(),
      seen: { case: "revision", value: revision },
      choice: decision !== "approve" && "reject" in decision ? VoteChoice.REJECT : VoteChoice.APPROVE,
      ...(decision !== "approve" && "reject" in decision && { comment: decision.reject }),
      ...(decision !== "approve" && "edit" in decision && { editedArguments: decision.edit }),
    });
    left -= 1;
    if (left === 0) return;
  }
}
