import { isPlainObject } from "./arguments.js";

/** What a handle has, as its JSON form names it. The same in every language. */
export interface HandleJson {
  readonly approval_id: string;
  readonly request_id: string;
  readonly tool_name: string;
  readonly digest: string;
}

const NAMES = ["approval_id", "request_id", "tool_name", "digest"] as const satisfies (keyof HandleJson)[];

/** Compared as text with those of the server, which has them in this form alone. */
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * A call that was asked for. It is data, and can be kept or handed to another process, where the call is resumed:
 *
 *     const text = JSON.stringify(await client.ask(call));
 *     await client.resume(Handle.fromJson(JSON.parse(text)), run);
 *
 * It holds no secret: the server lets only the caller that asked claim the approval.
 */
export class Handle {
  /** The approval's id. */
  readonly approvalId: string;
  /** The request that the approval was asked for with. */
  readonly requestId: string;
  readonly toolName: string;
  /** Digest of the call as it was asked for. */
  readonly digest: string;

  /** @throws TypeError for what makes no handle. */
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
   * The handle that a JSON value is: what `JSON.parse` makes of a text that `JSON.stringify` made of a handle.
   *
   * @throws TypeError for what is not a handle.
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
