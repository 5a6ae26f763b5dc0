import type { Code } from "@connectrpc/connect";

/** The refused call. */
export interface RefusedCall {
  /** The tool that did not run. */
  readonly toolName: string;
  /** The approval's id, if there is one. */
  readonly approvalId?: string | undefined;
}

/**
 * The reason that a function did not run. Its `message` is for the model: pass it on unchanged. `developerText` is for
 * people.
 *
 * `kind` distinguishes the refusals: see {@link AnyRefusal} and {@link isRefusal}.
 */
export abstract class Refusal extends Error {
  /** The kind of the refusal: the name of its class. */
  readonly kind: string;
  /** The tool that did not run. */
  readonly toolName: string;
  /** The approval's id; undefined when there is none, or none is known. */
  readonly approvalId: string | undefined;
  /**
   * The text for people: it may name addresses, causes and settings, which do not help a model. Node.js prints it below
   * the stack of an uncaught error.
   */
  readonly developerText: string;

  /** @param developerText - the text for people, if it differs from the model's. */
  protected constructor(
    kind: string,
    call: RefusedCall,
    text: string,
    options?: ErrorOptions,
    developerText: string = text,
  ) {
    super(text, options);
    this.name = kind;
    this.kind = kind;
    this.toolName = call.toolName;
    this.approvalId = call.approvalId;
    this.developerText = developerText;
  }

  /** Some frameworks give a model the JSON of an error: it has only fields that a model may read. */
  toJSON(): object {
    const { kind, toolName, approvalId, message } = this;
    return { kind, toolName, approvalId, message };
  }
}

/** The caller stopped waiting, by `stopWaiting`, before the function ran: asking again finds the approval. */
export class StillWaiting extends Refusal {
  declare readonly kind: "StillWaiting";
  /** Whether the call was approved already; otherwise it is still pending, as far as known. */
  readonly approved: boolean;

  constructor(call: RefusedCall, approved: boolean, options?: ErrorOptions) {
    const { toolName, approvalId } = call;
    const stopped = "The caller stopped waiting.";
    const [text, details] = approved
      ? [`The call to ${toolName} was approved, but the caller stopped before it ran.`, `${stopped} ${notRun(call)}`]
      : approvalId === undefined
        ? [
            `The call to ${toolName} is not approved yet.`,
            `${stopped} The server had not answered the request for the call to ${toolName}.`,
          ]
        : [
            `The call to ${toolName} is still waiting for approval.`,
            `${stopped} Approval ${approvalId} of the call to ${toolName} is still pending.`,
          ];
    super("StillWaiting", call, `NOT RUN. ${text} Do not work around it.`, options, details);
    this.approved = approved;
  }
}

/** The text for people about an approved call that did not run. */
function notRun({ toolName, approvalId }: RefusedCall): string {
  return `Approval ${approvalId} of the call to ${toolName} is approved, but the call did not run.`;
}

/** A person rejected the call, or the policy remembered an earlier rejection. */
export class Rejected extends Refusal {
  declare readonly kind: "Rejected";
  /** The reviewer's comment; may be empty. */
  readonly comment: string;
  /** Who rejected it, as `ISSUER/SUBJECT`. */
  readonly decidedBy: string;

  constructor(call: RefusedCall, comment: string, decidedBy: string) {
    const text = `NOT RUN. A reviewer rejected the call to ${call.toolName}${after(comment)} Do not try it again.`;
    super("Rejected", call, text);
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
    const problem = `The policy does not allow the call to ${call.toolName}${after(ruleMessage)}`;
    super("AutoRejected", call, `NOT RUN. ${problem} Do not try it again.`);
    this.rule = rule;
    this.ruleMessage = ruleMessage;
  }
}

/** No reviewer decided in time. */
export class TimedOut extends Refusal {
  declare readonly kind: "TimedOut";

  constructor(call: RefusedCall) {
    const problem = `No reviewer decided on the call to ${call.toolName} in time.`;
    super("TimedOut", call, `NOT RUN. ${problem} Do not work around it.`);
  }
}

/** The request was withdrawn. */
export class Cancelled extends Refusal {
  declare readonly kind: "Cancelled";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const problem = `The request to call ${call.toolName} was withdrawn.`;
    super("Cancelled", call, `NOT RUN. ${problem} Do not work around it.`, options);
  }
}

/** The call was approved, and revoked before it was claimed. */
export class Revoked extends Refusal {
  declare readonly kind: "Revoked";
  /** Why; may be empty. */
  readonly reason: string;

  constructor(call: RefusedCall, reason: string, options?: ErrorOptions) {
    const problem = `The approval of the call to ${call.toolName} was revoked${after(reason)}`;
    super("Revoked", call, `NOT RUN. ${problem} Do not try it again.`, options);
    this.reason = reason;
  }
}

/** An operator stopped such calls. After the thaw, ask again with another request id. */
export class Frozen extends Refusal {
  declare readonly kind: "Frozen";
  /** Why; may be empty. */
  readonly reason: string;

  constructor(call: RefusedCall, reason: string, options?: ErrorOptions) {
    const problem = `An operator has stopped the call to ${call.toolName} for now${after(reason)}`;
    super("Frozen", call, `NOT RUN. ${problem} Do not work around it.`, options);
    this.reason = reason;
  }
}

/** Another runner has the claim, or an earlier run of this one: the call may have run. */
export class AlreadyClaimed extends Refusal {
  declare readonly kind: "AlreadyClaimed";

  /** Who has the claim, as `ISSUER/SUBJECT`; empty when the server does not say. */
  readonly claimedBy: string;
  /** When it was claimed, such as `2027-01-15T08:00:02Z`; empty when the server does not say. */
  readonly claimTime: string;
  /** The reported outcome, `SUCCEEDED` or `FAILED`; empty without a report. */
  readonly result: string;
  /** The time of the report, such as `2027-01-15T08:00:09Z`. */
  readonly reportTime: string;
  /** The report's message, shortened; may be empty. */
  readonly reportMessage: string;

  constructor(call: RefusedCall, known: KnownClaim = {}, options?: ErrorOptions) {
    const { claimedBy = "", claimTime = "", result = "", reportTime = "", reportMessage = "" } = known;
    const ended = ENDED.get(result);
    const started = claimTime === "" ? "started before" : `started at ${claimTime}`;
    const outcome = ended
      ? `, and ${ended}${reportTime && ` at ${reportTime}`}${after(reportMessage)}`
      : ". Its outcome is unknown.";
    const problem = `The call to ${call.toolName} was approved and ${started}${outcome}`;
    const text = `NOT RUN AGAIN. ${problem} Do not repeat it.`;
    super("AlreadyClaimed", call, text, options, claimedBy ? `${text} (Claimed by ${claimedBy}.)` : text);
    this.claimedBy = claimedBy;
    this.claimTime = claimTime;
    this.result = result;
    this.reportTime = reportTime;
    this.reportMessage = reportMessage;
  }
}

/** What the server knows about a call that was started before. */
export interface KnownClaim {
  readonly claimedBy?: string | undefined;
  readonly claimTime?: string | undefined;
  readonly result?: string | undefined;
  readonly reportTime?: string | undefined;
  readonly reportMessage?: string | undefined;
}

const ENDED: ReadonlyMap<string, string> = new Map([
  ["SUCCEEDED", "succeeded"],
  ["FAILED", "failed"],
]);

/** The call was approved, but its claim window has closed. */
export class ClaimWindowClosed extends Refusal {
  declare readonly kind: "ClaimWindowClosed";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const problem = `The approval of the call to ${call.toolName} has expired.`;
    super("ClaimWindowClosed", call, `NOT RUN. ${problem} Do not work around it.`, options);
  }
}

/** The approved call differs from the call to run. */
export class DigestMismatch extends Refusal {
  declare readonly kind: "DigestMismatch";

  constructor(call: RefusedCall, options?: ErrorOptions) {
    const problem = `The approved call differs from the call to ${call.toolName} that would run.`;
    super("DigestMismatch", call, `NOT RUN. ${problem} Do not work around it.`, options);
  }
}

/** A newer server sent a status that this client does not know, which is not an approval. */
export class UnknownStatus extends Refusal {
  declare readonly kind: "UnknownStatus";
  /** The status's number. */
  readonly status: number;

  constructor(call: RefusedCall, status: number) {
    const problem = `The approvals server sent an unknown status for the call to ${call.toolName}.`;
    const details =
      `The server sent the unknown status ${status} for the call to ${call.toolName}. ` +
      "The call counts as not approved. Update the client.";
    super("UnknownStatus", call, `NOT RUN. ${problem} Do not work around it.`, undefined, details);
    this.status = status;
  }
}

/** An answer of the server contradicts the request, an earlier answer or itself. */
export class InvalidAnswer extends Refusal {
  declare readonly kind: "InvalidAnswer";
  /** What is wrong with it. */
  readonly problem: string;

  constructor(call: RefusedCall, address: string, problem: string) {
    const text = `The approvals server sent an invalid answer for the call to ${call.toolName}.`;
    const details = `The server${at(address)} sent an invalid answer for the call to ${call.toolName}: ${problem}.`;
    super("InvalidAnswer", call, `NOT RUN. ${text} Do not work around it.`, undefined, details);
    this.problem = problem;
  }
}

/** The server was unreachable for too long, or cannot be at this address. Its `cause` is the last failure. */
export class Unavailable extends Refusal {
  declare readonly kind: "Unavailable";
  /** Why, such as `connection refused` or `this address speaks TLS: use https://`. */
  readonly problem: string;
  /** Whether the call was approved: then the claim failed. */
  readonly approved: boolean;

  constructor(call: RefusedCall, address: string, problem: string, approved: boolean, options?: ErrorOptions) {
    const { toolName, approvalId } = call;
    const state = approved
      ? `The call to ${toolName} was approved, but the approvals server cannot be reached to start it.`
      : approvalId === undefined
        ? `The call to ${toolName} could not be approved, because the approvals server cannot be reached.`
        : `The call to ${toolName} is still waiting for approval, and the approvals server cannot be reached.`;
    const text = `NOT RUN. ${state} Do not work around it.`;
    const details = unreachable(address, problem);
    super("Unavailable", call, text, options, approved ? `${details} ${notRun(call)}` : details);
    this.problem = problem;
    this.approved = approved;
  }
}

/** The text for people about an unreachable server. */
export function unreachable(address: string, problem: string): string {
  return `Cannot reach the approvals server${at(address)}${after(problem)}`;
}

/** Details of a request that the server, or this client on its behalf, rejected. */
export interface ServerRefusal {
  /** The gRPC code. */
  readonly code: Code;
  /** The server's reason, such as `INVALID_REQUEST`; else the code's name, such as `PERMISSION_DENIED`. */
  readonly reason: string;
  /** The server's message. */
  readonly serverMessage: string;
  /** Each invalid field with its problem; empty unless the server lists them. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
}

/** The server rejected the request: not authenticated, not allowed, invalid, over a limit. */
export class RequestFailed extends Refusal implements ServerRefusal {
  declare readonly kind: "RequestFailed";
  readonly code: Code;
  readonly reason: string;
  readonly serverMessage: string;
  readonly violations: ServerRefusal["violations"];

  constructor(call: RefusedCall, address: string, refusal: ServerRefusal, options?: ErrorOptions) {
    const { code, reason, serverMessage, violations } = refusal;
    // A model can mend an invalid request. What else a server says is for people.
    const text =
      reason === "INVALID_REQUEST"
        ? `The call to ${call.toolName} could not be approved${after(serverMessage)}`
        : `The approvals server rejected the request to call ${call.toolName}. Do not work around it.`;
    const details = `The server${at(address)} rejected the request (${reason})${after(serverMessage)}`;
    super("RequestFailed", call, `NOT RUN. ${text}`, options, details);
    this.code = code;
    this.reason = reason;
    this.serverMessage = serverMessage;
    this.violations = violations;
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
    const text = `The call to ${call.toolName} cannot be approved: ${argument(path)} ${problem}.`;
    super("InvalidArguments", call, `NOT RUN. ${text}`, options);
    this.path = path;
    this.problem = problem;
  }
}

/** A reviewer's edit does not fit the function. Nothing was claimed, so the approval can still be revoked. */
export class InvalidEdit extends Refusal {
  declare readonly kind: "InvalidEdit";
  /** Which argument, such as `to[0].name`; empty for all of them together. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;

  constructor(call: RefusedCall, path: string, problem: string, options?: ErrorOptions) {
    const edit = `A reviewer's edit does not fit the call to ${call.toolName}`;
    const text = `NOT RUN. ${edit}: ${argument(path)} ${problem}. Ask for approval again.`;
    super("InvalidEdit", call, text, options);
    this.path = path;
    this.problem = problem;
  }
}

/** Every refusal, distinguished by `kind`. */
export type AnyRefusal =
  | StillWaiting
  | Rejected
  | AutoRejected
  | TimedOut
  | Cancelled
  | Revoked
  | Frozen
  | AlreadyClaimed
  | ClaimWindowClosed
  | DigestMismatch
  | UnknownStatus
  | InvalidAnswer
  | Unavailable
  | RequestFailed
  | InvalidArguments
  | InvalidEdit;

/** The names of all refusals. */
export type RefusalKind = AnyRefusal["kind"];

/** Whether an error is a refusal: then the function did not run, and `switch (error.kind)` knows its fields. */
export function isRefusal(error: unknown): error is AnyRefusal {
  return error instanceof Refusal;
}

/** Text of others, as the end of a sentence. */
function after(text: string): string {
  const said = text.replace(/\.$/, "");
  return said === "" ? "." : `: ${said}.`;
}

/** The server's address; another package's transport may not have it. */
function at(address: string): string {
  return address && ` at ${address}`;
}

function argument(path: string): string {
  return path === "" ? "the set of arguments" : `argument ${path}`;
}
