/**
 * A process of its own, which a test can kill: node durable-child.js JSON. It begins a session, or waits for a decision
 * and resumes the session; it prints what it is told, a line of JSON each.
 */
import { appendFileSync } from "node:fs";
import { createSdkMcpServer, type Options, query, tool } from "@anthropic-ai/claude-agent-sdk";
import { z } from "zod";
import { gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import { connect, Handle, type HandleJson } from "../../../src/node/index.js";

/** What the process is to do. */
export interface Task {
  readonly address: string;
  readonly token: string;
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly tool: string;
  /** The session that it resumes, once there is a decision on a call. */
  readonly resume?: { readonly sessionId: string; readonly handle: HandleJson };
}

const { address, token, env, cwd, tool: name, resume } = JSON.parse(process.argv[2] ?? "") as Task;
const tell = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
const client = connect({ address, token });
const send = tool(name, "Sends.", { to: z.string() }, async ({ to }) => {
  appendFileSync(`${cwd}/runs`, `${to}\n`);
  return { content: [{ type: "text", text: `sent to ${to}` }] };
});

if (resume) {
  tell({ waits: true });
  await client.wait(Handle.fromJson(resume.handle));
}
const given: Options = {
  mcpServers: { desk: createSdkMcpServer({ name: "desk", tools: [send] }) },
  settingSources: [],
  env,
  cwd,
  ...(resume && { resume: resume.sessionId }),
};
let waits: Handle | undefined;
const onDeferred = (handle: Handle) => {
  waits = handle;
};
const options = gateOptions(given, client, { durable: true, onDeferred, timeoutMs: 3_600_000 });
for await (const message of query({ prompt: resume ? "Go on." : "Send the mail.", options })) {
  if (message.type !== "result" || message.subtype !== "success") continue;
  tell({ sessionId: message.session_id, handle: waits, reason: message.terminal_reason });
}
// Until it is killed.
if (waits) await client.wait(waits);
client.close();
