import type { ConnectError } from "@connectrpc/connect";
import { codesOf, hopelessFailure } from "../reachability.js";
import type { Target } from "./options.js";
import { speaksTls, statusOfHttp1 } from "./probe.js";

/** What was seen of the answer to a call, before it failed. */
export interface Seen {
  status?: number | undefined;
  contentType?: string | undefined;
}

/** The content-types of gRPC; gRPC-Web is not among them. */
const GRPC = /^application\/grpc(?:[+;]|$)/;

/** Statuses of proxies before a server that is away for a while; 200 is the server's own. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Codes of OpenSSL for a certificate whose authority is not known. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Codes for a certificate that is not for this host, or not for now. */
const INVALID: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_REJECTED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_PURPOSE",
]);

/** Codes for an answer to a TLS handshake that is not TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  "EPROTO",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_RECORD_LAYER_FAILURE",
  "ERR_SSL_UNSUPPORTED_PROTOCOL",
  "ERR_SSL_WRONG_VERSION_NUMBER",
]);

/** Codes for what is not HTTP/2, or ends before it says anything. */
const NO_HTTP2: ReadonlySet<string> = new Set(["ERR_HTTP2_ERROR", "ERR_HTTP2_SESSION_ERROR"]);

/** Codes for a handshake that ended because the server has no HTTP/2 to offer. */
const NO_ALPN: ReadonlySet<string> = new Set(["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"]);

/** Codes for an address that nothing answers at: there is nothing to find out. */
const AWAY: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

/**
 * A failure as one that does not pass, with a sentence that helps, where that can be told; else as it is.
 *
 * @param isStrange - whether the server has never answered here, and its caller has not ended the call: only then the
 *   address may be wrong, and is probed.
 */
export async function diagnosed(
  target: Target,
  failure: ConnectError,
  seen: Seen,
  isStrange: boolean,
): Promise<ConnectError> {
  const problem = await problemOf(target, failure, seen, isStrange);
  return problem === undefined ? failure : hopelessFailure(problem, failure);
}

async function problemOf(
  target: Target,
  failure: ConnectError,
  { status, contentType = "" }: Seen,
  isStrange: boolean,
): Promise<string | undefined> {
  if (status !== undefined) {
    const isServer = status === 200 ? GRPC.test(contentType) : PASSING.has(status);
    return isServer ? undefined : notSignoff(status);
  }
  const codes = codesOf(failure);
  const has = (known: ReadonlySet<string>) => codes.some((code) => known.has(code));
  const why = failure.rawMessage.replace(/\.$/, "");
  if (has(UNTRUSTED)) {
    return `its certificate is not trusted (${why}): set ca (SIGNOFF_CA) to the authority that signed it`;
  }
  if (has(INVALID)) return `its certificate is not valid here (${why})`;
  if (!isStrange || has(AWAY)) return undefined;
  if (target.tls) {
    if (has(NO_TLS)) return "this address does not speak TLS: use http://";
    if (!has(NO_HTTP2) && !has(NO_ALPN)) return undefined;
  } else if (await speaksTls(target)) {
    return "this address speaks TLS: use https://";
  }
  // The server itself answers HTTP/1.1 too: only what is not HTTP/2 is asked in that way.
  if (!has(NO_HTTP2) && !has(NO_ALPN)) return undefined;
  const answer = await statusOfHttp1(target);
  return answer === undefined ? undefined : notSignoff(answer);
}

function notSignoff(status: number): string {
  return `it is not a Signoff server (HTTP ${status})`;
}
