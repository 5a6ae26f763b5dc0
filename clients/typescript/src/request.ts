import { create, equals, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallOptions } from "./call.js";
import { requestIdOf } from "./digest.js";
import { requestFailed } from "./failures.js";
import { type RequestApprovalRequest, RequestApprovalRequestSchema } from "./gen/signoff/v1/approval_service_pb.js";
import { textOf } from "./report.js";

/** The server's default maximum for a message. */
const MESSAGE_BYTES = 1024 * 1024;

/**
 * The request for approval of a call.
 *
 * @param call - with checked options.
 * @param address - the server's address, for people.
 * @throws RequestFailed if the call cannot be sent unchanged.
 */
export async function requestOf(call: CallOptions, args: JsonObject, address: string): Promise<RequestApprovalRequest> {
  const timeout = call.timeoutMs === undefined ? undefined : durationOf(call.timeoutMs);
  const invalid = (problem: string) =>
    requestFailed(call, address, new ConnectError(`the request cannot be encoded: ${problem}`, Code.InvalidArgument));
  let request: RequestApprovalRequest;
  let encoded: Uint8Array;
  try {
    request = create(RequestApprovalRequestSchema, {
      requestId: await requestIdFor(call),
      toolName: call.toolName,
      arguments: args,
      agent: { name: call.agentName ?? "", runId: call.runId ?? "", chain: [...(call.chain ?? [])] },
      reason: call.reason ?? "",
      labels: { ...call.labels },
      ...(timeout && { timeout }),
      ...(call.argumentsSchema && { argumentsSchema: call.argumentsSchema }),
      ...(call.onBehalfOf && {
        onBehalfOf: { issuer: call.onBehalfOf.issuer ?? "", subject: call.onBehalfOf.subject },
      }),
    });
    encoded = toBinary(RequestApprovalRequestSchema, request);
  } catch (error) {
    throw invalid(textOf(error));
  }
  // What is sent each time: the caller may change the objects that the request was made of.
  const copy = fromBinary(RequestApprovalRequestSchema, encoded);
  // Texts that are not valid Unicode are encoded as others, without an error.
  if (!equals(RequestApprovalRequestSchema, request, copy)) throw invalid("it would change when it is encoded");
  if (encoded.length > MESSAGE_BYTES) throw invalid(`it has ${encoded.length} bytes; the maximum is ${MESSAGE_BYTES}`);
  return copy;
}

async function requestIdFor({ requestId, runId, callId }: CallOptions): Promise<string> {
  if (requestId !== undefined) return requestId;
  if (runId === undefined || callId === undefined) return crypto.randomUUID();
  return requestIdOf(runId, callId);
}

function durationOf(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1e6) });
}
