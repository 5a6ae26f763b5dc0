import * as net from "node:net";
import * as tls from "node:tls";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { Target } from "./options.js";

/** A page of many approvals of the greatest size fits. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Without streams there are no pings: a connection that was idle for an interval is pinged before it is used again.
 * With pingIdleConnection the manager would also ping connections that broke, and that throws where nobody can catch
 * it.
 */
const KEEPALIVE = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000, pingIdleConnection: false };
const CONNECT_MS = 10_000;

/** gRPC over HTTP/2 to a server. It connects when it is used, and anew whenever the connection is gone. */
export function transportTo(target: Target): { transport: Transport; close: () => void } {
  const baseUrl = target.address.origin;
  const sessionManager = new Sessions(baseUrl, KEEPALIVE, { createConnection: () => dial(target) });
  let closed = false;
  // As an interceptor it sees every call, the tries of a wait included.
  const credentials: Interceptor = (next) => async (request) => {
    if (closed) throw new ConnectError("the client was closed", Code.FailedPrecondition);
    if (target.token !== "") request.header.set("authorization", `Bearer ${target.token}`);
    return next(request);
  };
  const interceptors = [credentials];
  return {
    transport: createGrpcTransport({ baseUrl, sessionManager, interceptors, readMaxBytes: MESSAGE_BYTES }),
    close: () => {
      closed = true;
      sessionManager.abort();
    },
  };
}

/** Connections whose late errors do not end the process. */
class Sessions extends Http2SessionManager {
  readonly #heard = new WeakSet<object>();

  override async request(...call: Parameters<Http2SessionManager["request"]>) {
    const stream = await super.request(...call);
    const { session } = stream;
    if (session && !this.#heard.has(session)) {
      this.#heard.add(session);
      // The manager takes its own listener off when it lets go of a connection, which may yet tell why it broke.
      session.on("error", () => {});
    }
    return stream;
  }
}

/**
 * Opens a connection, within {@link CONNECT_MS}: every call waits for the one that is being opened, and the system may
 * try for minutes.
 */
function dial({ address, tls: secureContext }: Target): net.Socket {
  const secure = secureContext !== undefined;
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const port = Number(address.port) || (secure ? 443 : 80);
  const socket = secure
    ? tls.connect({ secureContext, host, port, ALPNProtocols: ["h2"], servername: net.isIP(host) === 0 ? host : "" })
    : net.connect({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error(`${address.host} does not answer`)), CONNECT_MS);
  socket.once(secure ? "secureConnect" : "connect", () => clearTimeout(timer));
  socket.once("close", () => clearTimeout(timer));
  return socket;
}
