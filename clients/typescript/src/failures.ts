import { Code, type ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { isHopeless, problemOf } from "./reachability.js";
import { type RefusedCall, RequestFailed, Unavailable } from "./refusals.js";

/** Domain of the ErrorInfo that each of the server's own errors carries. */
const DOMAIN = "signoff.v1";

/** Codes of a broken connection, or of a proxy before the server. */
const BROKEN: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.Unknown,
  Code.Internal,
  Code.Aborted,
  Code.OutOfRange,
  Code.DataLoss,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
]);

/** Whether the same call can succeed later: the server said so, or the failure is not the server's own. */
export function isPassing(failure: ConnectError): boolean {
  if (isHopeless(failure)) return false;
  if (failure.code === Code.Unavailable || retryDelayMs(failure) !== undefined) return true;
  return BROKEN.has(failure.code) && ownReason(failure) === undefined;
}

/** The server's retry delay in milliseconds, if it has one. */
export function retryDelayMs(failure: ConnectError): number | undefined {
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/** The server's own reason, such as `ALREADY_CLAIMED`; undefined when the error is not its own. */
export function ownReason(failure: ConnectError): string | undefined {
  return errorInfo(failure)?.reason;
}

/** The metadata of the server's own error; empty for other errors. */
export function ownMetadata(failure: ConnectError): Readonly<Record<string, string>> {
  return errorInfo(failure)?.metadata ?? {};
}

/**
 * A failure as a refusal of the call: the server is unreachable, or it rejected the request.
 *
 * @param approved - whether the call was approved before.
 */
export function refusalOfFailure(
  call: RefusedCall,
  { address, closed }: { address: string; closed: AbortSignal },
  failure: ConnectError,
  approved: boolean,
): Unavailable | RequestFailed {
  if (!closed.aborted && !isPassing(failure) && !isHopeless(failure)) return requestFailed(call, address, failure);
  const problem = closed.aborted ? "the client was closed" : problemOf(failure);
  return new Unavailable(call, address, problem, approved, { cause: failure });
}

/** A request that the server, or this client on its behalf, rejected. */
export function requestFailed(call: RefusedCall, address: string, failure: ConnectError): RequestFailed {
  const refusal = {
    code: failure.code,
    reason: failure.findDetails(ErrorInfoSchema)[0]?.reason || codeName(failure.code),
    serverMessage: failure.rawMessage,
    violations: failure
      .findDetails(BadRequestSchema)
      .flatMap((found) => found.fieldViolations)
      .map(({ field, description }) => ({ field, description })),
  };
  return new RequestFailed(call, address, refusal, { cause: failure });
}

function errorInfo(failure: ConnectError): ErrorInfo | undefined {
  return failure.findDetails(ErrorInfoSchema).find((info) => info.domain === DOMAIN);
}

/** The code's name in gRPC. */
function codeName(code: Code): string {
  // The one that gRPC spells otherwise.
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
