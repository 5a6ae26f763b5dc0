/**
 * Ask Signoff for approval before an AI agent runs a sensitive tool.
 *
 * Needs no Node.js: give a {@link Client} a transport. `@signoff/client/node` has `connect`, which makes both.
 *
 * @module
 */
export { Code, ConnectError } from "@connectrpc/connect";
export type {
  Call,
  CallOptions,
  GateOptions,
  OnBehalfOf,
  OnRefusal,
  Progress,
  RefusalOptions,
  RequirableOption,
  ResumeOptions,
  Run,
} from "./call.js";
export { Client, type ClientOptions } from "./client.js";
export type { Logger } from "./connection.js";
export { Handle, type HandleJson } from "./handle.js";
export type { JsonSchemaOptions, SchemaResult, StandardSchema } from "./parameters.js";
export {
  AlreadyClaimed,
  type AnyRefusal,
  AutoRejected,
  Cancelled,
  ClaimWindowClosed,
  DigestMismatch,
  Frozen,
  InvalidAnswer,
  InvalidArguments,
  InvalidEdit,
  isRefusal,
  type KnownClaim,
  Refusal,
  type RefusalKind,
  type RefusedCall,
  Rejected,
  RequestFailed,
  Revoked,
  type ServerRefusal,
  StillWaiting,
  TimedOut,
  Unavailable,
  UnknownStatus,
} from "./refusals.js";
export type { Value, Values } from "./values.js";
export type { Gated, GatedFunction } from "./wrap.js";
