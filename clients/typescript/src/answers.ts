import type { JsonObject } from "@bufbuild/protobuf";
import { digestOf } from "./digest.js";
import {
  type Actor,
  type Approval,
  ApprovalStatus,
  type Event,
  type Event_Requested,
} from "./gen/signoff/v1/approval_pb.js";
import type {
  ApprovalUpdate,
  ClaimExecutionResponse,
  ReportExecutionRequest,
  ReportExecutionResponse,
} from "./gen/signoff/v1/approval_service_pb.js";
import { DigestMismatch, InvalidAnswer, type RefusedCall, Revoked } from "./refusals.js";
import { meaningOf } from "./statuses.js";

const UNSHOWN = "the approval does not show the request";

/** Whether something is wrong, and what. In a table, so that all clients check in the same order. */
type Problem = readonly [isThere: boolean, problem: string];

/** What answers are compared with from the first one on. */
export interface Expected {
  readonly toolName: string;
  readonly requestId: string;
  /** Of the arguments as they are asked for. */
  readonly digest: string;
  /**
   * The approval's id, where it is known before the first answer. Then it was asked for elsewhere, and the answers must
   * show with what.
   */
  readonly approvalId?: string | undefined;
}

/**
 * What an answer must say before anything is believed of it: `docs/clients.md` of the project has the list.
 *
 * A server that lies, or a proxy that mixes answers up, must not bring a tool to run. So an answer is compared with the
 * request, with the answers before it, and with itself.
 */
export class Answers {
  /** What answers are compared with. */
  readonly expected: Expected;
  readonly #address: string;
  readonly #toolName: string;
  readonly #digest: string;
  #newest: Approval | undefined;
  #request: Event_Requested | undefined;

  /** @param address - where the server is, for people to read. */
  constructor(address: string, expected: Expected) {
    this.expected = expected;
    this.#address = address;
    this.#toolName = expected.toolName;
    this.#digest = expected.digest;
  }

  /** The approval as it was last seen, and found to be as it must be; undefined before. */
  get newest(): Approval | undefined {
    return this.#newest;
  }

  /**
   * The approval of an update of the stream.
   *
   * @throws InvalidAnswer
   */
  update({ approval, events }: Pick<ApprovalUpdate, "approval" | "events">): Approval {
    const now = this.#check(approval);
    this.#request ??= events.map(({ kind }) => kind).find((kind) => kind.case === "requested")?.value;
    this.#refuse([
      [this.#recordsOtherArguments(events), "the request was recorded with other arguments"],
      [!leadTo(now, events), "the events contradict the approval"],
    ]);
    return now;
  }

  /**
   * The arguments as they were asked for, of an approval that was asked for elsewhere.
   *
   * @throws InvalidAnswer when they are not shown.
   */
  async asked(): Promise<JsonObject> {
    const args = this.#request?.arguments ?? {};
    const digest = await digestOf(this.#toolName, args).catch(() => undefined);
    this.#refuse([[digest !== this.#digest, UNSHOWN]]);
    return args;
  }

  /**
   * Whether a reviewer edited what is approved.
   *
   * @throws DigestMismatch when what is approved is not what is shown, or is not for anybody to edit.
   * @throws InvalidAnswer when it was asked for elsewhere, and the answers do not show with what.
   */
  async isEdited(approval: Approval): Promise<boolean> {
    this.#refuse([[this.expected.approvalId !== undefined && !this.#request, UNSHOWN]]);
    const edited = approval.digest !== this.#digest;
    // The policy approves what was asked for; only people edit.
    const byPolicy = approval.status === ApprovalStatus.AUTO_APPROVED;
    if (!(await this.#isDecidedFor(approval)) || (edited && byPolicy)) throw this.mismatch();
    return edited;
  }

  /**
   * Checks the answer to the claim of what was approved.
   *
   * @throws InvalidAnswer, Revoked, DigestMismatch
   */
  async claim(answer: ClaimExecutionResponse, approved: Approval): Promise<void> {
    this.#refuse([[answer.claimId === "", "the answer has no claim id"]]);
    const approval = this.#check(answer.approval);
    this.#refuse([[approval.status !== approved.status, "the approval's status changed"]]);
    const { revocation } = approval;
    if (revocation) throw new Revoked(this.#refused, revocation.reason);
    if (approval.digest !== approved.digest || !(await this.#isDecidedFor(approval))) throw this.mismatch();
    const { claim } = approval;
    this.#refuse([
      [claim === undefined, "the approval has no claim"],
      [claim?.id !== answer.claimId, "the claim has another id"],
      [!isSame(claim?.claimedBy, approval.caller), "the claim is another caller's"],
      [claim?.outcome !== undefined, "the claim has an outcome already"],
    ]);
  }

  /** The approved call differs from the call to run. */
  mismatch(): DigestMismatch {
    return new DigestMismatch(this.#refused);
  }

  get #refused(): RefusedCall {
    return { toolName: this.#toolName, approvalId: this.#newest?.id ?? this.expected.approvalId };
  }

  /** Checks any approval against the request, the approval before it, and itself. */
  #check(approval: Approval | undefined): Approval {
    if (approval === undefined) throw this.#invalid("the answer has no approval");
    const before = this.#newest ?? approval;
    const { status, decision } = approval;
    const meaning = meaningOf(status);
    const isTerminal = meaning === "approved" || meaning === "refused";
    const isConsistent = decision === undefined || (decision.status === status && isTerminal);
    const hasChanged = status !== before.status || approval.digest !== before.digest;
    this.#refuse([
      [approval.id === "", "the approval has no id"],
      [approval.id !== (this.expected.approvalId ?? before.id), "the approval's id changed"],
      [approval.requestId !== this.expected.requestId, "the approval is for another request"],
      [approval.toolName !== this.#toolName, "the approval is for another tool"],
      [!(approval.caller?.issuer && approval.caller.subject), "the approval has no caller"],
      [!isSame(approval.caller, before.caller), "the approval's caller changed"],
      [approval.revision === 0n, "the approval has no revision"],
      [approval.revision < before.revision, "the approval's revision went back"],
      [approval.revision === before.revision && hasChanged, "the approval changed without a new revision"],
      [isTerminal && decision === undefined, "the approval has no decision"],
      [meaning !== "unknown" && !isConsistent, "the decision contradicts the status"],
    ]);
    this.#newest = approval;
    return approval;
  }

  #recordsOtherArguments(events: readonly Event[]): boolean {
    return events.some(({ kind }) => kind.case === "requested" && kind.value.digest !== this.#digest);
  }

  /** Whether the decision is about the approval's digest, and that is the one calculated from its arguments. */
  async #isDecidedFor(approval: Approval): Promise<boolean> {
    // What cannot be digested, such as an edit that is not JSON, cannot have been approved.
    const digest = await digestOf(this.#toolName, approval.arguments ?? {}).catch(() => undefined);
    return digest === approval.digest && approval.decision?.digest === approval.digest;
  }

  /** Throws the first problem that there is. */
  #refuse(problems: readonly Problem[]): void {
    const found = problems.find(([isThere]) => isThere);
    if (found) throw this.#invalid(found[1]);
  }

  #invalid(problem: string): InvalidAnswer {
    return new InvalidAnswer(this.#refused, this.#address, problem);
  }
}

/** Whether the answer is about the claim and the outcome that were reported. */
export function isReported(
  { approval }: ReportExecutionResponse,
  request: Pick<ReportExecutionRequest, "approvalId" | "claimId" | "result">,
): boolean {
  const claim = approval?.claim;
  return (
    approval?.id === request.approvalId && claim?.id === request.claimId && claim.outcome?.result === request.result
  );
}

/** Whether the events go up to the approval's revision, one by one, and to its status. */
function leadTo(approval: Approval, events: readonly Event[]): boolean {
  const first = approval.revision - BigInt(events.length) + 1n;
  // A request that waits has another status than the approval only if a decision follows.
  const isDecided = events.some(({ kind }) => kind.case === "decided");
  return events.every(({ revision, kind }, index) => {
    const status = statusAfter(kind);
    const isLeft = kind.case === "requested" && status === ApprovalStatus.PENDING && isDecided;
    return revision === first + BigInt(index) && (status === undefined || status === approval.status || isLeft);
  });
}

/** The status that the event brings, if it brings one. */
function statusAfter(kind: Event["kind"]): ApprovalStatus | undefined {
  return kind.case === "decided" || kind.case === "requested" ? kind.value.status : undefined;
}

/** The same caller, as the server tells callers apart. */
function isSame(one: Actor | undefined, other: Actor | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return isSameName(one.issuer, other.issuer) && isSameName(one.subject, other.subject);
}

/** Compares names by their composed form (NFC): the server keeps old ones as they were recorded. */
function isSameName(one: string, other: string): boolean {
  return one.normalize() === other.normalize();
}
