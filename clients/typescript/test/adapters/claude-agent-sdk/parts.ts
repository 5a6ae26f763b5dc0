import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SDKResultMessage, SDKResultSuccess } from "@anthropic-ai/claude-agent-sdk";
import type { Handle } from "../../../src/node/index.js";
import type { Server } from "../../server.js";
import type { Call } from "./model-server.js";
import { named, run, type Session } from "./sessions.js";

/** Runs a test in a directory of its own. */
export const inHome = (name: string, run: (home: string) => Promise<void>) =>
  test(name, async () => {
    const home = await mkdtemp(join(tmpdir(), "signoff-claude-"));
    try {
      await run(home);
    } finally {
      await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
    }
  });

/** Runs a session until it has ended or is to be resumed, and says with which call and what the model has read. */
export async function part(server: Server, turns: readonly (readonly Call[])[], session: Session, resume?: string) {
  const ends: SDKResultMessage[] = [];
  const handles: Handle[] = [];
  const { results } = await run(server, turns, {
    ...session,
    gate: { durable: true, onDeferred: (handle) => handles.push(handle), ...session.gate },
    options: { ...session.options, ...(resume && { resume }) },
    onMessage: (message) => message.type === "result" && ends.push(message),
  });
  // The prompt is a turn of its own, if the call was resumed before it: it is refused while another call waits.
  const waits = ends.filter((end) => end.subtype === "success" && end.stop_reason === "tool_deferred");
  const [last] = waits.slice(-1) as SDKResultSuccess[];
  return { results, deferred: last?.deferred_tool_use, handles, sessionId: ends[0]?.session_id ?? "" };
}

/** The statuses of a tool's approvals, in the order of their numbers. */
export async function statuses(server: Server, name: string): Promise<number[]> {
  return (await server.approvals(named(name))).map(({ status }) => status).sort();
}
