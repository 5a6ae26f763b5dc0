// Type-checked where the package is installed, with every check on.
import { type AnyRefusal, type Call, Client, type ClientOptions, Handle, isRefusal, type Run } from "@signoff/client";
import { gateTools } from "@signoff/client/ai-sdk";
import { type ApprovalStatus, VoteChoice } from "@signoff/client/v1";

interface Mail {
  to: string;
}

declare const transport: ClientOptions["transport"];
const client = new Client({ transport });

async function send(mail: Mail): Promise<{ id: number }> {
  return { id: mail.to.length };
}
const wrapped: typeof send = client.requiresApproval(send, {
  toolName: "send_email",
  parseEdited: () => ({ to: "a" }),
});
export const sent: Promise<{ id: number }> = wrapped({ to: "a" });
async function* search(words: { text: string }, context: { signal: AbortSignal }): AsyncGenerator<string, number> {
  yield words.text;
  return context.signal.aborted ? 0 : 1;
}
export const found: AsyncGenerator<string, number> = client.requiresApproval(search, { toolName: "search" })(
  { text: "a" },
  { signal: new AbortController().signal },
);
// @ts-expect-error: the arguments are those of the function.
wrapped({ from: "a" });
// @ts-expect-error: a function of the arguments, not of a text.
client.requiresApproval((text: string) => text, { toolName: "t" });
// @ts-expect-error: a tool has a name.
client.requiresApproval(send, {});

const call: Call = { toolName: "t", arguments: { to: "a" }, reason: undefined, signal: new AbortController().signal };
export const length: Promise<number> = client.run(call, async (run: Run) => Object.keys(run.arguments).length);

export async function later(): Promise<{ id: number }> {
  const gated = client.requiresApproval(send, { toolName: "send_email" });
  const handle: Handle = await gated.ask({ to: "a" });
  await client.wait(Handle.fromJson(JSON.parse(JSON.stringify(handle))));
  return gated.resume(handle);
}
// @ts-expect-error: the function does not return text.
client.requiresApproval(send, { toolName: "send_email", onRefusal: "return" });
export const text: Promise<string> = client.requiresApproval(({ to }: Mail) => to, {
  toolName: "send_email",
  onRefusal: "return",
})({ to: "a" });

const tools = { send: { execute: async ({ to }: Mail, _: { toolCallId: string }) => ({ id: to.length }) } };
export const output: PromiseLike<{ id: number } | string> = gateTools(tools, client, { runId: "r" }).send.execute(
  { to: "a" },
  { toolCallId: "c" },
);
// @ts-expect-error: an id is of one call.
gateTools(tools, client, { callId: "c" });

export function explain(error: unknown): string {
  if (!isRefusal(error)) throw error;
  switch (error.kind) {
    case "Rejected":
      return error.comment + error.decidedBy;
    case "AutoRejected":
      return error.rule + error.ruleMessage;
    case "RequestFailed":
      return error.reason + error.serverMessage + error.code;
    case "InvalidAnswer":
      return error.problem;
    case "InvalidArguments":
    case "InvalidEdit":
      return error.path + error.problem;
    case "Revoked":
    case "Frozen":
      return error.reason;
    case "StillWaiting":
    case "TimedOut":
    case "Cancelled":
    case "AlreadyClaimed":
    case "ClaimWindowClosed":
    case "DigestMismatch":
    case "UnknownStatus":
    case "Unavailable":
      return error.message;
    default:
      return impossible(error);
  }
}

function impossible(error: never): never {
  throw error;
}

export async function status(): Promise<ApprovalStatus | undefined> {
  const seen = { case: "digest", value: "sha256:" } as const;
  const { approval } = await client.approvals.decide({ approvalId: "a", choice: VoteChoice.APPROVE, seen });
  return approval?.status;
}

export type Kinds = AnyRefusal["kind"];
