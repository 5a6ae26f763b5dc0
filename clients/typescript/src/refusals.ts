import type { Code } from "@connectrpc/connect";

/** What a refusal is about. */
export interface RefusedCall {
  /** The tool that was not run. */
  readonly toolName: string;
  /** The approval's id, if there is one. */
  readonly approvalId?: string | undefined;
}

/**
 * Why a function was not run. Its `message` can be handed to a model as it is.
 *
 * `kind` tells which one it is: see {@link AnyRefusal} and {@link isRefusal}.
 */
export abstract class Refusal extends Error {
  /** Which refusal it is: the name of its class. */
  readonly kind: string;
  /** The tool that was not run. */
  readonly toolName: string;
  /** The approval's id; undefined when there is none, or none is known. */
  readonly approvalId: string | undefined;

  protected constructor(kind: string, call: RefusedCall, text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = kind;
    this.kind = kind;
    this.toolName = call.toolName;
    this.approvalId = call.approvalId;
  }
}

/** A person rejected the call. */
export class Rejected extends Refusal {
  declare readonly kind: "Rejected";
  /** The reviewer's comment; may be empty. */
  readonly comment: string;
  /** Who rejected it, as `ISSUER/SUBJECT`. */
  readonly decidedBy: string;

  constructor(call: RefusedCall, comment: string, decidedBy: string) {
    super("Rejected", call, `The call to ${call.toolName} was rejected by a reviewer${after(comment)} It was not run.`);
    this.comment = comment;
    this.decidedBy = decidedBy;
  }
}

/** The policy rejected the call. */
export class AutoRejected extends Refusal {
  declare readonly kind: "AutoRejected";
  /** The rule that decided, or `tools` or `unlisted_tools`. */
  readonly rule: string;
  /** The rule's message; may be empty. */
  readonly ruleMessage: string;

  constructor(call: RefusedCall, rule: string, ruleMessage: string) {
    const text = `The call to ${call.toolName} is not allowed by the policy${after(ruleMessage)} It was not run.`;
    super("AutoRejected", call, text);
    this.rule = rule;
    this.ruleMessage = ruleMessage;
  }
}

/** Nobody decided in time. */
export class TimedOut extends Refusal {
  declare readonly kind: "TimedOut";

  constructor(call: RefusedCall) {
    super("TimedOut", call, `Nobody decided about the call to ${call.toolName} in time. It was not run.`);
  }
}

/** The request was withdrawn. */
export class Cancelled extends Refusal {
  declare readonly kind: "Cancelled";

  constructor(call: RefusedCall) {
    super("Cancelled", call, `The request to call ${call.toolName} was withdrawn. It was not run.`);
  }
}

/** Another runner has the claim, or an earlier run of this one: the call may have been made. */
export class AlreadyClaimed extends Refusal {
  declare readonly kind: "AlreadyClaimed";

  /** What was reported of it, `SUCCEEDED` or `FAILED`; empty while there is no report. */
  readonly result: string;
  /** When that was, such as `2027-01-15T08:00:09Z`. */
  readonly reportTime: string;
  /** What the report said, shortened; may be empty. */
  readonly reportMessage: string;

  constructor(call: RefusedCall, outcome: KnownOutcome = {}, options?: ErrorOptions) {
    const { result = "", reportTime = "", reportMessage = "" } = outcome;
    const ended = ENDED.get(result);
    const at = reportTime && ` at ${reportTime}`;
    const known = ended
      ? `, and ${ended}${at}${after(reportMessage)} It was not run again.`
      : ". It was not run again; whether it has been done is not known here.";
    super(
      "AlreadyClaimed",
      call,
      `The call to ${call.toolName} was approved, but it has been started before${known}`,
      options,
    );
    this.result = result;
    this.reportTime = reportTime;
    this.reportMessage = reportMessage;
  }
}

/** What the server knows of a call that was started before. */
export interface KnownOutcome {
  readonly result?: string | undefined;
  readonly reportTime?: string | undefined;
  readonly reportMessage?: string | undefined;
}

const ENDED: ReadonlyMap<string, string> = new Map([
  ["SUCCEEDED", "succeeded"],
  ["FAILED", "failed"],
]);

/** The call was approved, but too long ago. */
export class ClaimWindowClosed extends Refusal {
  declare readonly kind: "ClaimWindowClosed";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const text = `The call to ${call.toolName} was approved, but too long ago to be run now. It was not run.`;
    super("ClaimWindowClosed", call, text, options);
  }
}

/** What was approved is not what would be run. */
export class DigestMismatch extends Refusal {
  declare readonly kind: "DigestMismatch";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const text = `The call to ${call.toolName} is not the one that was approved. It was not run.`;
    super("DigestMismatch", call, text, options);
  }
}

/** A newer server sent a status that this client does not know, which is not an approval. */
export class UnknownStatus extends Refusal {
  declare readonly kind: "UnknownStatus";

  constructor(call: RefusedCall) {
    const text = `The answer about the call to ${call.toolName} is not understood, so it counts as not approved.`;
    super("UnknownStatus", call, `${text} It was not run.`);
  }
}

/** An answer of the server contradicts the request, an earlier answer or itself. */
export class InvalidAnswer extends Refusal {
  declare readonly kind: "InvalidAnswer";
  /** What is wrong with it. */
  readonly problem: string;

  constructor(call: RefusedCall, problem: string) {
    const text = `The approvals server gave an invalid answer about the call to ${call.toolName}: ${problem}.`;
    super("InvalidAnswer", call, `${text} It was not run.`);
    this.problem = problem;
  }
}

/** The server could not be reached for long enough. Its `cause` is the last failure. */
export class Unavailable extends Refusal {
  declare readonly kind: "Unavailable";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const text = `Approval of the call to ${call.toolName} could not be obtained: the approvals server cannot be reached.`;
    super("Unavailable", call, `${text} It was not run.`, options);
  }
}

/** What the server, or this client on its behalf, said about a request that it refused. */
export interface ServerRefusal {
  /** The gRPC code. */
  readonly code: Code;
  /** The server's reason, such as `INVALID_REQUEST`; else the code's name, such as `PERMISSION_DENIED`. */
  readonly reason: string;
  /** What the server said. */
  readonly serverMessage: string;
  /** Each field that is wrong, and what is wrong with it; empty unless the server lists them. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
}

/** The server refused the request: not authenticated, not allowed, invalid, over a limit. */
export class RequestFailed extends Refusal implements ServerRefusal {
  declare readonly kind: "RequestFailed";
  readonly code: Code;
  readonly reason: string;
  readonly serverMessage: string;
  readonly violations: ServerRefusal["violations"];

  constructor(call: RefusedCall, refusal: ServerRefusal, options?: ErrorOptions) {
    const text = `Approval of the call to ${call.toolName} could not be obtained (${refusal.reason})`;
    super("RequestFailed", call, `${text}${after(refusal.serverMessage)} It was not run.`, options);
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.serverMessage = refusal.serverMessage;
    this.violations = refusal.violations;
  }
}

/** The arguments cannot be approved as they are. */
export class InvalidArguments extends Refusal {
  declare readonly kind: "InvalidArguments";
  /** Which argument, such as `to[0].name`; empty for all of them together. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;

  constructor(call: RefusedCall, path: string, problem: string, options?: ErrorOptions) {
    const what = path === "" ? "the set of arguments" : `argument ${path}`;
    const text = `The call to ${call.toolName} cannot be approved: ${what} ${problem}. It was not run.`;
    super("InvalidArguments", call, text, options);
    this.path = path;
    this.problem = problem;
  }
}

/** Every refusal, to be told apart by `kind`. */
export type AnyRefusal =
  | Rejected
  | AutoRejected
  | TimedOut
  | Cancelled
  | AlreadyClaimed
  | ClaimWindowClosed
  | DigestMismatch
  | UnknownStatus
  | InvalidAnswer
  | Unavailable
  | RequestFailed
  | InvalidArguments;

/** The names of all refusals. */
export type RefusalKind = AnyRefusal["kind"];

/** Whether an error is a refusal: then the function was not run, and `switch (error.kind)` knows its fields. */
export function isRefusal(error: unknown): error is AnyRefusal {
  return error instanceof Refusal;
}

/** What others said, as the end of a sentence. */
function after(text: string): string {
  const said = text.replace(/\.$/, "");
  return said === "" ? "." : `: ${said}.`;
}
