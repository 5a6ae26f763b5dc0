import type { Call } from "../call.js";
import type { Client } from "../client.js";
import { ApprovalStatus } from "../gen/signoff/v1/approval_pb.js";
import type { Handle } from "../handle.js";
import type { ToolCall } from "./claude-agent-sdk.js";

/** Is told of a call that waits while no process does. */
export type OnDeferred = (handle: Handle, call: ToolCall) => unknown;

/** A call that the run ends with. */
interface Held {
  readonly sessionId: string;
  readonly turn: string;
  readonly approvalId: string;
}

/**
 * Calls with which runs end, instead of waiting: the program resumes them later, and asks the gate again.
 *
 * It forgets all calls of a turn that have no result but the last one that was deferred, though the model made them at once.
 * So one call of a turn is deferred, and the model is told to make the others again.
 */
export class Deferrals {
  readonly #client: Client;
  readonly #onDeferred: OnDeferred | undefined;
  /** Calls that are held, by their ids. */
  readonly #held = new Map<string, Held>();

  constructor(client: Client, onDeferred: OnDeferred | undefined) {
    this.#client = client;
    this.#onDeferred = onDeferred;
  }

  /**
   * Asks for a call, and says what to do with it: `defer` while nobody has decided, `again` if another call of its turn is
   * deferred, and `run` once there is a decision.
   *
   * @param prompt - names the prompt whose turn it is.
   * @throws Refusal if it cannot be asked for; what onDeferred throws.
   */
  async judge(prompt: string | undefined, call: Call, told: ToolCall): Promise<"defer" | "again" | "run"> {
    const { toolUseId: id, sessionId } = told;
    const turn = JSON.stringify([sessionId, prompt]);
    // It is asked about again: nothing is held any more.
    this.#held.delete(id);
    const handle = await this.#client.ask(call);
    const { approvalId } = handle;
    const { approval } = await this.#client.approvals.getApproval({ approvalId });
    if (approval?.status !== ApprovalStatus.PENDING) return "run";
    if ([...this.#held.values()].some((held) => held.turn === turn)) {
      await this.#withdraw(approvalId);
      return "again";
    }
    this.#held.set(id, { sessionId, turn, approvalId });
    try {
      await this.#onDeferred?.(handle, told);
    } catch (error) {
      this.#held.delete(id);
      throw error;
    }
    return "defer";
  }

  /** Whether a call of the session waits. A prompt would have the program forget it. */
  isHeld(sessionId: string): boolean {
    return [...this.#held.values()].some((held) => held.sessionId === sessionId);
  }

  /** Gives up a call that the program goes on with, in place of ending the run; whether there was one. */
  async giveUp(id: string): Promise<boolean> {
    const held = this.#held.get(id);
    if (held === undefined) return false;
    this.#held.delete(id);
    await this.#withdraw(held.approvalId);
    return true;
  }

  async #withdraw(approvalId: string): Promise<void> {
    const reason = "another call of the turn waits for approval";
    await this.#client.approvals.cancelApproval({ approvalId, requestId: crypto.randomUUID(), reason });
  }
}
