import type { JsonObject } from "@bufbuild/protobuf";
import canonicalize from "canonicalize";

/**
 * Digest of a call: `sha256:` and 64 hex digits over the RFC 8785 JSON of `{"arguments":…,"tool_name":…}`.
 *
 * @throws Error for what that JSON cannot hold, such as half of a surrogate pair.
 */
export async function digestOf(toolName: string, args: JsonObject): Promise<string> {
  return `sha256:${await sha256({ arguments: args, tool_name: toolName })}`;
}

/** The request_id that a run's call has, whenever and wherever the run is repeated. */
export async function requestIdOf(runId: string, callId: string): Promise<string> {
  return `call:${await sha256([runId, callId])}`;
}

/** Hex of SHA-256 over the RFC 8785 JSON of a value. */
async function sha256(value: unknown): Promise<string> {
  const json = canonicalize(value);
  if (json === undefined) throw new TypeError("not a JSON value");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(json));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
