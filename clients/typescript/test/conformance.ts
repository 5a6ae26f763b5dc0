import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

interface Files {
  "arguments.json": {
    refused: { name: string; arguments: string; path: string }[];
    taken: { name: string; arguments: string }[];
  };
  "digests.json": {
    // biome-ignore lint/suspicious/noExplicitAny: whatever JSON there is.
    digests: { name: string; tool_name: string; arguments: any; digest: string }[];
    request_ids: { run_id: string; call_id: string; request_id: string }[];
  };
  "failures.json": {
    failures: {
      code: string;
      error_info?: { reason: string; domain: string };
      retry_after_seconds?: number;
      passing: boolean;
    }[];
  };
  "handles.json": {
    accepted: Record<"approval_id" | "request_id" | "tool_name" | "digest", string>[];
    refused: unknown[];
  };
  "lies.json": {
    call: { tool_name: string; arguments: Record<string, JsonValue>; request_id: string };
    honest: Record<string, JsonValue>;
    accepted: {
      name: string;
      reconnect?: boolean;
      changes: Record<string, JsonValue>;
      asks: number;
      claims: number;
      reports: number;
    }[];
    lies: {
      name: string;
      reconnect?: boolean;
      changes: Record<string, JsonValue>;
      refusal: { kind: string; problem?: string } | null;
      asks?: number;
      claims: number;
      reports: number;
    }[];
  };
  "refusals.json": {
    refusals: { kind: string; fields: Record<string, string>; text: string; developer_text: string }[];
  };
  "schemas.json": { schemas: { name: string; sent: boolean; schema: JsonObject }[] };
  "statuses.json": {
    statuses: { number: number; name: string; terminal: boolean; approved: boolean }[];
    unknown: number[];
  };
  "values.json": {
    types: {
      name: string;
      schema: Record<string, JsonValue>;
      accepted: [JsonValue, JsonValue][];
      refused: JsonValue[];
    }[];
  };
}

/** One of the files that say how every client behaves. The tests are run in the client's directory. */
export function conformance<Name extends keyof Files>(name: Name): Files[Name] {
  return JSON.parse(readFileSync(`../../tests/conformance/${name}`, "utf8"));
}
