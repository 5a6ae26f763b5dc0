import { isPlainObject } from "./arguments.js";

/** The members of a handle's JSON form, the same in every language. */
export interface HandleJson {
  readonly approval_id: string;
  readonly request_id: string;
  readonly tool_name: string;
  readonly digest: string;
}

const NAMES = ["approval_id", "request_id", "tool_name", "digest"] as const satisfies (keyof HandleJson)[];

/** Digests are compared as text: the server's have this form only. */
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * An asked call. It is data: keep it, or pass it to another process, which resumes the call:
 *
 *     const text = JSON.stringify(await client.ask(call));
 *     await client.resume(Handle.fromJson(JSON.parse(text)), run);
 *
 * It contains no secret: only the caller that asked can claim the approval.
 */
export class Handle {
  /** The approval's id. */
  readonly approvalId: string;
  /** The id of the request. */
  readonly requestId: string;
  readonly toolName: string;
  /** Digest of the call as asked. */
  readonly digest: string;

  /** @throws TypeError for invalid members. */
  constructor({ approvalId, requestId, toolName, digest }: Omit<Handle, "toJSON">) {
    for (const [name, value] of Object.entries({ approvalId, requestId, toolName, digest })) {
      if (typeof value !== "string" || value === "")
        throw new TypeError(`${name} of a handle must be a non-empty text`);
    }
    if (!DIGEST.test(digest)) throw new TypeError("digest of a handle must be sha256: and 64 digits of 0-9 and a-f");
    this.approvalId = approvalId;
    this.requestId = requestId;
    this.toolName = toolName;
    this.digest = digest;
    Object.freeze(this);
  }

  /**
   * Reads a handle from its JSON value, as `JSON.parse` returns it.
   *
   * @throws TypeError for a value that is not a handle.
   */
  static fromJson(json: unknown): Handle {
    if (!isPlainObject(json)) throw new TypeError("a handle must be a JSON object");
    const names = Object.keys(json);
    const unknown = names.find((name) => !(NAMES as readonly string[]).includes(name));
    if (unknown !== undefined) throw new TypeError(`a handle has no member ${unknown}`);
    const missing = NAMES.find((name) => !names.includes(name));
    if (missing !== undefined) throw new TypeError(`${missing} of a handle is missing`);
    const { approval_id, request_id, tool_name, digest } = json as unknown as HandleJson;
    return new Handle({ approvalId: approval_id, requestId: request_id, toolName: tool_name, digest });
  }

  /** Its JSON form, for `JSON.stringify`. */
  toJSON(): HandleJson {
    const { approvalId, requestId, toolName, digest } = this;
    return { approval_id: approvalId, request_id: requestId, tool_name: toolName, digest };
  }
}
