import { AsyncLocalStorage } from "node:async_hooks";
import * as net from "node:net";
import * as tls from "node:tls";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { diagnosed, type Seen } from "./diagnose.js";
import type { Target } from "./options.js";
import { endpointOf } from "./probe.js";

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
  let hasAnswered = false;
  // As interceptors they see every call, the tries of a wait included.
  const credentials: Interceptor = (next) => async (request) => {
    if (closed) throw new ConnectError("the client was closed", Code.FailedPrecondition);
    if (target.token !== "") request.header.set("authorization", `Bearer ${target.token}`);
    return next(request);
  };
  const diagnosis: Interceptor = (next) => async (request) => {
    const seen: Seen = {};
    try {
      const response = await answers.run(seen, () => next(request));
      hasAnswered = true;
      return response;
    } catch (error) {
      const isStrange = !hasAnswered && !closed && !request.signal.aborted;
      const failure = await diagnosed(target, ConnectError.from(error), seen, isStrange);
      hasAnswered ||= seen.status !== undefined;
      throw failure;
    }
  };
  const interceptors = [credentials, diagnosis];
  return {
    transport: createGrpcTransport({ baseUrl, sessionManager, interceptors, readMaxBytes: MESSAGE_BYTES }),
    close: () => {
      closed = true;
      sessionManager.abort();
    },
  };
}

/** What is seen of the answer to the call that is being made. */
const answers = new AsyncLocalStorage<Seen>();

/** Connections whose late errors do not end the process. */
class Sessions extends Http2SessionManager {
  readonly #heard = new WeakSet<object>();

  override async request(...call: Parameters<Http2SessionManager["request"]>) {
    const seen = answers.getStore();
    const stream = await super.request(...call);
    stream.once("response", (headers) => {
      if (seen) Object.assign(seen, { status: headers[":status"], contentType: headers["content-type"] });
    });
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
function dial(target: Target): net.Socket {
  const { address, tls: secureContext } = target;
  const secure = secureContext !== undefined;
  const { host, port, servername } = endpointOf(target);
  const socket = secure
    ? tls.connect({ secureContext, host, port, ALPNProtocols: ["h2"], servername })
    : net.connect({ host, port });
  const late = () => Object.assign(new Error(`${address.host} does not answer`), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => socket.destroy(late()), CONNECT_MS);
  socket.once(secure ? "secureConnect" : "connect", () => clearTimeout(timer));
  socket.once("close", () => clearTimeout(timer));
  return socket;
}
