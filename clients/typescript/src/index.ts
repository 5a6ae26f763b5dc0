/**
 * Ask Signoff for approval before an AI agent runs a sensitive tool.
 *
 * Needs no Node.js: give a {@link Client} a transport. `@signoff/client/node` has `connect`, which makes both.
 *
 * @module
 */
export { Code, ConnectError } from "@connectrpc/connect";
export type { Call, CallOptions, GateOptions, OnBehalfOf, Progress, Run } from "./call.js";
export { Client, type ClientOptions } from "./client.js";
export type { Logger } from "./connection.js";
export {
  AlreadyClaimed,
  type AnyRefusal,
  AutoRejected,
  Cancelled,
  ClaimWindowClosed,
  DigestMismatch,
  InvalidAnswer,
  InvalidArguments,
  isRefusal,
  type KnownOutcome,
  Refusal,
  type RefusalKind,
  type RefusedCall,
  Rejected,
  RequestFailed,
  type ServerRefusal,
  TimedOut,
  Unavailable,
  UnknownStatus,
} from "./refusals.js";
