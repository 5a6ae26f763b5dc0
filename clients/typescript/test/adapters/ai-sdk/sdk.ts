import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { JsonObject } from "@bufbuild/protobuf";
import * as ai from "ai";
import * as mocks from "ai/test";
import type { Approval } from "../../../src/v1.js";
import { VoteChoice } from "../../../src/v1.js";
import type { Server } from "../../server.js";

/** Versions 6 and 7 have types of their own; here they are used alike. */
// biome-ignore lint/suspicious/noExplicitAny: as said.
export type Any = any;

/** What a scripted model answers: calls of tools, or a text. */
export type Answer = readonly Call[] | string;
export interface Call {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
}

/** The version of the AI SDK that is tested, with a mock of a model that gives answers in turn. */
interface Sdk {
  readonly major: 6 | 7;
  readonly version: string;
  /** Whether it looks at the tools again before it goes on. */
  readonly revalidates: boolean;
  readonly generateText: (options: Any) => PromiseLike<Any>;
  readonly streamText: (options: Any) => Any;
  readonly tool: (tool: Any) => Any;
  readonly dynamicTool: (tool: Any) => Any;
  readonly jsonSchema: (schema: Any, options?: Any) => Any;
  readonly zodSchema: (schema: Any) => Any;
  readonly ToolLoopAgent: new (settings: Any) => Any;
  readonly stepCountIs: (count: number) => Any;
  readonly convertToModelMessages: (messages: Any, options?: Any) => PromiseLike<Any>;
  /** Of version 7 alone. */
  readonly experimental_toolCaller?: (tool: Any, caller: Any) => Any;
  /** Of the newest version 7. */
  readonly toolSearch?: (options: Any) => Any;
  readonly model: (...answers: Answer[]) => Any;
}

const { MockLanguageModelV4, MockLanguageModelV3, convertArrayToReadableStream } = mocks as Any;

const installed = new URL("../../../../node_modules/ai/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(installed, "utf8"));

export const sdk: Sdk = {
  ...(ai as Any),
  major: MockLanguageModelV4 ? 7 : 6,
  version,
  revalidates: version !== "6.0.0",
  model: scripted(MockLanguageModelV4 ?? MockLanguageModelV3),
};

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

function scripted(Mock: new (settings: Any) => Any): Sdk["model"] {
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

/** The messages that a run has made. */
export function responseOf(result: Any): Any[] {
  return result.responseMessages ?? result.response.messages;
}

/** Everything that the model was sent. */
export function promptsOf(model: Any): Any[] {
  return [...model.doGenerateCalls, ...model.doStreamCalls].map(({ prompt }: Any) => prompt);
}

/** What the model read as the result of a call, in the last prompt. */
export function readOf(model: Any, id: string): Any {
  const results = (promptsOf(model).at(-1) as Any[])
    .flatMap(({ role, content }) => (role === "tool" ? content : []))
    .filter(({ toolCallId }) => toolCallId === id);
  return results.at(-1)?.output.value;
}

/** Decides a number of pending calls of a tool, as soon as each is there; leaves those alone that it is not told how. */
export async function decide(
  server: Server,
  toolName: string,
  count: number,
  how: (approval: Approval) => { reject: string } | { edit: JsonObject } | "approve" | undefined,
): Promise<void> {
  const { approvals } = server.client({ token: server.tokens.reviewer });
  let left = count;
  for await (const { change } of approvals.watchPending({ toolName })) {
    if (change.case !== "pending") continue;
    const { id: approvalId, revision } = change.value;
    const decision = how(change.value);
    if (decision === undefined) continue;
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
