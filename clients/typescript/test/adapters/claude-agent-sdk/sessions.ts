import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSdkMcpServer,
  type Options,
  query,
  type SDKMessage,
  type SDKUserMessage,
  tool,
} from "@anthropic-ai/claude-agent-sdk";
import { z } from "zod";
import { type GateSettings, gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import type { Client } from "../../../src/node/index.js";
import { type Approval, VoteChoice } from "../../../src/v1.js";
import type { Server } from "../../server.js";
import { type Call, Model } from "./model-server.js";

/** Rules for the tools of the desk, besides those of all tests. */
export const RULES = `
  - { name: desk-harmless, tools: ["mcp__desk__auto_*"], auto_approve: {} }
  - { name: desk-forbidden, tools: ["mcp__desk__never_*"], auto_reject: { message: "Dropping tables is not allowed." } }
`;

/** The name of a tool of the desk, as the program has it. */
export function named(name: string): string {
  return `mcp__desk__${name}`;
}

/** A tool that remembers what it ran with. */
export class Desk {
  readonly runs: { to: string }[] = [];
  readonly name: string;
  readonly #error: string;

  constructor(name: string, error = "") {
    this.name = name;
    this.#error = error;
  }

  /** A server of its own for each session: it can be connected once. */
  server(name = "desk") {
    const send = tool(this.name, "Sends.", { to: z.string() }, async (input) => {
      this.runs.push(input);
      if (this.#error) throw new Error(this.#error);
      return { content: [{ type: "text", text: `sent to ${input.to}` }] };
    });
    return createSdkMcpServer({ name, tools: [send] });
  }

  /** Calls of it, one for each addressee. */
  calls(...to: string[]): Call[] {
    return to.map((each) => ({ id: `call-${each}`, tool: named(this.name), input: { to: each } }));
  }
}

/** How a session is run, besides the calls of its model. */
export interface Session {
  readonly desk?: Desk;
  readonly client?: Client;
  readonly gate?: GateSettings;
  readonly options?: Partial<Options>;
  readonly env?: Record<string, string>;
  /** Its home, where it is to be kept. */
  readonly home?: string;
  /** What is changed of the gated options, for the tests of what leads around the gate. */
  readonly changed?: (options: Options) => Options;
  /** Is given each message of the program. */
  readonly onMessage?: (message: SDKMessage) => unknown;
}

/** Runs a session of the SDK's own program with a scripted model to its end. */
export async function run(server: Server, turns: readonly (readonly Call[])[], session: Session = {}): Promise<Model> {
  const { desk, client = server.client(), changed = (options) => options, onMessage = () => {} } = session;
  const home = session.home ?? (await mkdtemp(join(tmpdir(), "signoff-claude-")));
  const model = await Model.start(...turns);
  const given: Options = {
    settingSources: [],
    ...(desk && { mcpServers: { desk: desk.server() } }),
    env: environment(home, model, session.env),
    cwd: home,
    ...session.options,
  };
  try {
    const options = changed(gateOptions(given, client, { patienceMs: 5_000, ...session.gate }));
    for await (const message of query({ prompt: "go", options })) await onMessage(message);
    return model;
  } finally {
    model.stop();
    if (session.home === undefined) await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** The program knows this test's model only. */
export function environment(home: string, model: Model, more: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    ANTHROPIC_API_KEY: "none",
    ANTHROPIC_BASE_URL: model.address,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_TELEMETRY: "1",
    ...more,
  };
}

/** What a user says, one prompt after the other, in a session that stays open meanwhile. */
export class Prompts implements AsyncIterable<SDKUserMessage> {
  readonly #said: SDKUserMessage[] = [];
  #hasEnded = false;
  #next = () => {};

  say(content: string): void {
    this.#said.push({ type: "user", message: { role: "user", content }, parent_tool_use_id: null });
    this.#next();
  }

  end(): void {
    this.#hasEnded = true;
    this.#next();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SDKUserMessage> {
    for (;;) {
      const said = this.#said.shift();
      if (said) yield said;
      else if (this.#hasEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#next = resolve;
        });
      }
    }
  }
}

/** Reads to the end of a turn. */
export async function resultOf(session: AsyncGenerator<SDKMessage>): Promise<SDKMessage> {
  for (;;) {
    const { value, done } = await session.next();
    if (done) throw new Error("the session has ended");
    if (value.type === "result") return value;
  }
}

/** Reads to the end of the session. */
export async function readOut(session: AsyncGenerator<SDKMessage>): Promise<void> {
  for await (const _ of session);
}

export type Decision = { readonly reject: string } | { readonly edit: Record<string, string> } | "approve";

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
