import assert from "node:assert/strict";
import type { JsonObject } from "@bufbuild/protobuf";
import * as ai7 from "ai";
import { convertArrayToReadableStream, MockLanguageModelV4 } from "ai/test";
import * as ai6 from "ai-v6";
import { MockLanguageModelV3 } from "ai-v6/test";
import type { Approval } from "../src/v1.js";
import { VoteChoice } from "../src/v1.js";
import type { Server } from "./server.js";

/** The versions of the AI SDK have types of their own; here they are used alike. */
// biome-ignore lint/suspicious/noExplicitAny: as said.
export type Any = any;

/** What a scripted model answers: calls of tools, or a text. */
export type Answer = readonly Call[] | string;
export interface Call {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
}

/** A version of the AI SDK. */
export interface Sdk {
  readonly name: string;
  readonly major: 6 | 7;
  /** Its package here. */
  readonly module: string;
  readonly generateText: (options: Any) => PromiseLike<Any>;
  readonly streamText: (options: Any) => Any;
  readonly tool: (tool: Any) => Any;
  readonly dynamicTool: (tool: Any) => Any;
  readonly jsonSchema: (schema: Any, options?: Any) => Any;
  readonly zodSchema: (schema: Any) => Any;
  readonly ToolLoopAgent: new (settings: Any) => Any;
  readonly stepCountIs: (count: number) => Any;
  /** Its own mock of a model, with these answers in turn. */
  readonly model: (...answers: Answer[]) => Model;
}

type Model = MockLanguageModelV4 | MockLanguageModelV3;

export const SDKS: readonly Sdk[] = [
  { ...(ai7 as Any), name: "AI SDK 7", major: 7, module: "ai", model: scripted(MockLanguageModelV4) },
  { ...(ai6 as Any), name: "AI SDK 6", major: 6, module: "ai-v6", model: scripted(MockLanguageModelV3) },
];

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

function scripted(Mock: new (settings: Any) => Model): Sdk["model"] {
  return (...answers) => {
    const left = [...answers];
    const next = ({ abortSignal }: Any) => {
      // As models do that are reached over a network.
      abortSignal?.throwIfAborted();
      const answer = left.shift() ?? assert.fail("the model has no more answers");
      const isText = typeof answer === "string";
      const finishReason = { unified: isText ? "stop" : "tool-calls", raw: undefined };
      return { answer, finishReason, usage: USAGE };
    };
    const calls = (answer: readonly Call[]) =>
      answer.map(({ id, tool, input }) => {
        return { type: "tool-call", toolCallId: id, toolName: tool, input: JSON.stringify(input) };
      });
    return new Mock({
      doGenerate: async (options: Any) => {
        const { answer, ...rest } = next(options);
        const content = typeof answer === "string" ? [{ type: "text", text: answer }] : calls(answer);
        return { ...rest, content, warnings: [] };
      },
      doStream: async (options: Any) => {
        const { answer, ...rest } = next(options);
        const text = [{ type: "text-start" }, { type: "text-delta", delta: answer }, { type: "text-end" }];
        const parts = typeof answer === "string" ? text.map((part) => ({ ...part, id: "t" })) : calls(answer);
        const chunks = [{ type: "stream-start", warnings: [] }, ...parts, { type: "finish", ...rest }];
        return { stream: convertArrayToReadableStream(chunks) };
      },
    });
  };
}

/** Everything that the model was sent. */
export function promptsOf(model: Model): Any[] {
  return [...model.doGenerateCalls, ...model.doStreamCalls].map(({ prompt }) => prompt);
}

/** What the model read as the result of a call, in the last prompt. */
export function readOf(model: Model, id: string): unknown {
  const results = (promptsOf(model).at(-1) as Any[])
    .flatMap(({ role, content }) => (role === "tool" ? content : []))
    .filter(({ toolCallId }) => toolCallId === id);
  return results.at(-1)?.output.value;
}

/** Decides a number of pending calls of a tool, as soon as each is there. */
export async function decide(
  server: Server,
  toolName: string,
  count: number,
  how: (approval: Approval) => { reject: string } | { edit: JsonObject } | "approve",
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
