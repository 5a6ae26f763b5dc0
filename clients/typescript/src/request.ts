import { create, equals, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallOptions } from "./call.js";
import { requestIdOf } from "./digest.js";
import { requestFailed } from "./failures.js";
import { type RequestApprovalRequest, RequestApprovalRequestSchema } from "./gen/signoff/v1/approval_service_pb.js";

/** The greatest message that the server reads, unless it is set up otherwise. */
const MESSAGE_BYTES = 1024 * 1024;

/**
 * The request for approval of a call.
 *
 * @throws TypeError for options that make no sense.
 * @throws RequestFailed for what cannot be sent as it is.
 */
export async function requestOf(call: CallOptions, args: JsonObject): Promise<RequestApprovalRequest> {
  const requestId = await requestIdFor(call);
  const timeout = call.timeoutMs === undefined ? undefined : durationOf(call.timeoutMs);
  const invalid = (problem: string) => requestFailed(call, new ConnectError(problem, Code.InvalidArgument));
  const { request, bytes, arrives } = attempt(
    () => {
      const request = create(RequestApprovalRequestSchema, {
        requestId,
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
      const encoded = toBinary(RequestApprovalRequestSchema, request);
      // Texts that are not valid Unicode are encoded as others, without an error.
      const decoded = fromBinary(RequestApprovalRequestSchema, encoded);
      const arrives = equals(RequestApprovalRequestSchema, request, decoded);
      return { request, bytes: encoded.length, arrives };
    },
    (error) => invalid(`the request cannot be encoded: ${error.message}`),
  );
  if (!arrives) throw invalid("the request cannot be encoded: it would arrive as another");
  if (bytes > MESSAGE_BYTES) throw invalid(`the request has ${bytes} bytes, and may have ${MESSAGE_BYTES}`);
  return request;
}

async function requestIdFor({ requestId, runId, callId }: CallOptions): Promise<string> {
  if (callId !== undefined && runId === undefined)
    throw new TypeError("callId needs runId: it is not stable by itself");
  // The server would name the request anew each time, so that asking again were another request.
  if (requestId === "") throw new TypeError("requestId must not be empty");
  if (requestId !== undefined) return requestId;
  if (runId === undefined || callId === undefined) return crypto.randomUUID();
  return requestIdOf(runId, callId);
}

function durationOf(ms: number): Duration {
  if (!Number.isFinite(ms) || ms < 0) throw new TypeError("timeoutMs must be a number of milliseconds");
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1e6) });
}

function attempt<T>(make: () => T, refusal: (error: Error) => Error): T {
  try {
    return make();
  } catch (error) {
    throw refusal(error instanceof Error ? error : new Error(String(error)));
  }
}
