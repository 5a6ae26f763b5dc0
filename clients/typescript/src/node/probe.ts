import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Target } from "./options.js";

/** A server that takes longer to say what it is stays unknown. */
const PROBE_MS = 2_000;

/** The host and port of an address, as sockets take them, and its name where a certificate is to have one. */
export function endpointOf({ address }: Pick<Target, "address">): { host: string; port: number; servername: string } {
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const port = Number(address.port) || (address.protocol === "https:" ? 443 : 80);
  return { host, port, servername: isIP(host) === 0 ? host : "" };
}

/** Whether a server without `https://` answers a TLS handshake. Nothing is sent but that. */
export function speaksTls(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    // Whose certificate it is does not matter: the connection is not used.
    const socket = connectTls({ ...endpointOf(target), rejectUnauthorized: false });
    const end = (isTls: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isTls);
    };
    const timer = setTimeout(() => end(false), PROBE_MS);
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}

/** The status that a server gives to a request of HTTP/1.1, without credentials; undefined when it gives none. */
export function statusOfHttp1(target: Target): Promise<number | undefined> {
  return new Promise((resolve) => {
    const { tls: secureContext } = target;
    const end = (status: number | undefined) => {
      request.destroy();
      resolve(status);
    };
    const answer = (response: IncomingMessage) => end(response.statusCode);
    const options = { ...endpointOf(target), path: "/", agent: false as const, timeout: PROBE_MS };
    // It hands the context on to tls.connect, although its types do not say so.
    const request = secureContext
      ? requestSecure(Object.assign(options, { secureContext }), answer)
      : requestPlain(options, answer);
    request.once("timeout", () => end(undefined));
    request.once("error", () => end(undefined));
    request.end();
  });
}
