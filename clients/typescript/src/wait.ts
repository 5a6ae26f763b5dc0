import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { isPassing, requestFailed } from "./failures.js";
import type { Approval, Progress } from "./gen/signoff/v1/approval_pb.js";
import type { RequestApprovalRequest } from "./gen/signoff/v1/approval_service_pb.js";
import { now, Patience, startTimer } from "./patience.js";
import { Unavailable, UnknownStatus } from "./refusals.js";
import { meaningOf } from "./statuses.js";

/** Asks for approval of a call and waits for the decision, over as many streams as it takes. */
export class Wait {
  readonly #connection: Connection;
  readonly #call: CallOptions;
  readonly #request: RequestApprovalRequest;
  readonly #patience: Patience;
  #newest: Approval | undefined;

  /** @param patienceMs - how long it is tried until the server has an approval. */
  constructor(connection: Connection, call: CallOptions, request: RequestApprovalRequest, patienceMs: number) {
    this.#connection = connection;
    this.#call = call;
    this.#request = request;
    this.#patience = new Patience(patienceMs);
  }

  /** The approval as it was last seen; undefined when the server has not answered yet. */
  get newest(): Approval | undefined {
    return this.#newest;
  }

  /**
   * The approval with its terminal status, approved or not.
   *
   * @throws Refusal when there is none to be had.
   * @throws the signal's reason, when the caller gives up.
   */
  async decision(): Promise<Approval> {
    const { signal, toolName } = this.#call;
    for (;;) {
      signal?.throwIfAborted();
      const failure = await this.#follow();
      if (!(failure instanceof ConnectError)) return failure;
      signal?.throwIfAborted();
      const call = { toolName, approvalId: this.#newest?.id };
      if (!isPassing(failure)) throw requestFailed(call, failure);
      // Once there is an approval its deadline may pass while nothing is heard: what became of it can be asked still.
      if (!(await this.#patience.again(failure, signal, this.#newest !== undefined))) {
        throw new Unavailable(call, { cause: failure });
      }
    }
  }

  /** Reads one stream: the decided approval, or how the stream broke. */
  async #follow(): Promise<Approval | ConnectError> {
    const { signal } = this.#call;
    const cut = new AbortController();
    const giveUp = () => cut.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    const silence = () => cut.abort(new ConnectError("the server says nothing", Code.DeadlineExceeded));
    let timer = startTimer(silence, this.#silenceBefore());
    try {
      const request = { ...this.#request, afterRevision: this.#newest?.revision ?? 0n };
      for await (const { message } of this.#connection.approvals.requestApproval(request, { signal: cut.signal })) {
        this.#patience.answered();
        if (message.case === "update") {
          const approval = message.value.approval;
          if (approval && this.#decides(approval)) return approval;
        } else if (message.case === "progress") {
          this.#progress(message.value);
        }
        clearTimeout(timer);
        timer = startTimer(silence, this.#patience.until - now() + this.#connection.deadlineMs);
      }
    } catch (error) {
      return ConnectError.from(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      cut.abort();
    }
    if (this.#newest && meaningOf(this.#newest.status) === "unknown") {
      throw new UnknownStatus({ toolName: this.#call.toolName, approvalId: this.#newest.id });
    }
    return new ConnectError("the stream ended without a decision", Code.Unavailable);
  }

  /** How long a stream's first message may take: what is left of the patience, or a deadline for the tries after it. */
  #silenceBefore(): number {
    const left = this.#patience.until - now();
    return this.#newest === undefined && left > 0 ? left : this.#connection.deadlineMs;
  }

  /** Takes note of an approval; whether its status is terminal. */
  #decides(approval: Approval): boolean {
    const first = this.#newest === undefined;
    this.#newest = approval;
    const meaning = meaningOf(approval.status);
    if (meaning === "approved" || meaning === "refused") return true;
    // Too long for an approval that has not changed for a while; its next progress corrects that.
    const until = now() + msBetween(approval.updateTime, approval.deadline);
    this.#patience.until = first ? until : Math.min(this.#patience.until, until);
    return false;
  }

  #progress(progress: Progress): void {
    const remainingMs = progress.remaining
      ? Number(progress.remaining.seconds) * 1000 + progress.remaining.nanos / 1e6
      : 0;
    // Never later: what was known before was at most too long, too. Without an approval it is patience that counts.
    if (this.#newest) this.#patience.until = Math.min(this.#patience.until, now() + remainingMs);
    const { message, approvals, quorum, reviewers } = progress;
    const told = { approvalId: this.#newest?.id ?? "", message, remainingMs, approvals, quorum, reviewers };
    // In a promise, so that what is thrown at once and what is rejected later are ignored alike.
    Promise.resolve(told)
      .then(this.#call.onProgress)
      .catch(() => {});
  }
}

/** Nothing, when either is missing. */
function msBetween(from: Timestamp | undefined, to: Timestamp | undefined): number {
  return from && to ? timestampMs(to) - timestampMs(from) : 0;
}
