import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { joined, whenAborted } from "./aborts.js";
import type { Answers } from "./answers.js";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { isPassing, refusalOfFailure } from "./failures.js";
import type { Approval, Progress } from "./gen/signoff/v1/approval_pb.js";
import { LAST_TRY_MS, now, Patience, startTimer } from "./patience.js";
import { type FirstFailure, isHopeless } from "./reachability.js";
import { Refusal, type RefusedCall, StillWaiting, UnknownStatus } from "./refusals.js";
import type { Source } from "./source.js";
import { meaningOf } from "./statuses.js";

/** Until when is waited: until the server has answered, or until there is a decision. */
type Until = "answer" | "decision";

/** Waits for what becomes of a call, over as many streams as it takes. */
export class Wait {
  readonly #connection: Connection;
  readonly #call: CallOptions;
  readonly #source: Source;
  readonly #patienceMs: number;
  readonly #patience: Patience;
  readonly #answers: Answers;
  readonly #first: FirstFailure;

  /**
   * @param patienceMs - how long it is tried until the server has an approval.
   * @param first - is told that the server cannot be reached.
   */
  constructor(
    connection: Connection,
    call: CallOptions,
    source: Source,
    answers: Answers,
    patienceMs: number,
    first: FirstFailure,
  ) {
    this.#connection = connection;
    this.#call = call;
    this.#source = source;
    this.#answers = answers;
    this.#patienceMs = patienceMs;
    this.#patience = new Patience(patienceMs, connection.closed, first);
    this.#first = first;
  }

  /** The approval as it was last seen; undefined when the server has not answered yet. */
  get #newest(): Approval | undefined {
    return this.#answers.newest;
  }

  /**
   * The approval: as soon as the server has one, or with its terminal status, approved or not.
   *
   * @throws Refusal when there is none to be had.
   * @throws the signal's reason, when the caller gives up.
   */
  async for(until: Until): Promise<Approval> {
    const { signal, stopWaiting } = this.#call;
    const ends = joined(signal, stopWaiting);
    try {
      for (;;) {
        this.#throwIfEnded();
        const began = now();
        const failure = await this.#follow(until, ends.signal);
        if (!(failure instanceof ConnectError)) return failure;
        this.#throwIfEnded();
        if (isHopeless(failure)) this.#first.tell(failure, undefined);
        if (!(await this.#isTriedAgain(failure, began, ends.signal))) {
          throw refusalOfFailure(this.#refused, this.#connection, failure, false);
        }
      }
    } finally {
      ends.stop();
    }
  }

  /** What a refusal is about. */
  get #refused(): RefusedCall {
    return { toolName: this.#call.toolName, approvalId: this.#newest?.id ?? this.#source.approvalId };
  }

  async #isTriedAgain(failure: ConnectError, began: number, ends: AbortSignal | undefined): Promise<boolean> {
    if (!this.#connection.closed.aborted && !isPassing(failure)) return false;
    try {
      return await this.#patience.again(failure, began, ends);
    } catch (error) {
      this.#throwIfEnded();
      throw error;
    }
  }

  /** @throws the signal's reason, or StillWaiting. */
  #throwIfEnded(): void {
    const { signal, stopWaiting } = this.#call;
    signal?.throwIfAborted();
    if (stopWaiting?.aborted) throw new StillWaiting(this.#refused, false, { cause: stopWaiting.reason });
  }

  /** Reads one stream: the approval that is waited for, or how the stream broke. */
  async #follow(until: Until, ends: AbortSignal | undefined): Promise<Approval | ConnectError> {
    const cut = new AbortController();
    const closed = () => cut.abort(new ConnectError("the client was closed", Code.Canceled));
    const watches = [whenAborted(ends, () => cut.abort()), whenAborted(this.#connection.closed, closed)];
    const silence = () => cut.abort(new ConnectError("the server sent nothing in time", Code.DeadlineExceeded));
    let timer = startTimer(silence, this.#silenceBefore());
    try {
      for await (const { message } of this.#source.open(this.#newest?.revision ?? 0n, cut.signal)) {
        if (message.case === "update") {
          const before = this.#newest;
          const approval = this.#answers.update(message.value);
          if (this.#decides(approval, before) || until === "answer") return approval;
        } else if (message.case === "progress") {
          this.#progress(message.value);
        }
        clearTimeout(timer);
        timer = startTimer(silence, this.#patience.until - now() + this.#connection.deadlineMs);
      }
    } catch (error) {
      if (error instanceof Refusal) throw error;
      return ConnectError.from(error);
    } finally {
      clearTimeout(timer);
      for (const end of watches) end();
      cut.abort();
    }
    if (this.#newest && meaningOf(this.#newest.status) === "unknown") {
      throw new UnknownStatus(this.#refused, this.#newest.status);
    }
    return new ConnectError("the stream ended without a decision", Code.Unavailable);
  }

  /** How long a stream's first message may take: what is left of the patience, or of the last try after it. */
  #silenceBefore(): number {
    if (this.#newest !== undefined) return this.#connection.deadlineMs;
    const left = this.#patience.until - now();
    // Without any patience there is one try, which is to have a chance.
    return left > 0 ? left : Math.min(this.#patienceMs || LAST_TRY_MS, LAST_TRY_MS);
  }

  /** Takes note of an approval; whether its status is terminal. */
  #decides(approval: Approval, before: Approval | undefined): boolean {
    // A stream that has nothing to say but what is known, and breaks, is no reason to be quick.
    if (!before || approval.revision > before.revision) this.#patience.restart();
    const meaning = meaningOf(approval.status);
    if (meaning === "approved" || meaning === "refused") return true;
    // Too long for an approval that has not changed for a while; its next progress corrects that.
    const until = now() + msBetween(approval.updateTime, approval.deadline);
    this.#patience.until = before ? Math.min(this.#patience.until, until) : until;
    return false;
  }

  #progress(progress: Progress): void {
    this.#patience.restart();
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
