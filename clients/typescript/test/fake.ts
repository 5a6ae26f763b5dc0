import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { digestOf } from "../src/digest.js";
import { type Client, type ConnectOptions, connect } from "../src/node/index.js";
import {
  type ApprovalSchema,
  ApprovalService,
  ApprovalStatus,
  ErrorInfoSchema,
  type ReportExecutionRequest,
  type RequestApprovalRequest,
  type RequestApprovalResponseSchema,
  RetryInfoSchema,
} from "../src/v1.js";

export type Approval = MessageInitShape<typeof ApprovalSchema>;
type Answer = MessageInitShape<typeof RequestApprovalResponseSchema>;
type Service = Partial<ServiceImpl<typeof ApprovalService>>;

/** A server that does what a test needs, where the real one cannot be brought to do it. */
export class Fake {
  /** Every request for approval that it got. */
  readonly asked: RequestApprovalRequest[] = [];
  /** Every report that it got. */
  readonly reports: ReportExecutionRequest[] = [];
  /** Lines that its clients logged. */
  readonly logged: string[] = [];
  readonly #server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #clients: Client[] = [];

  private constructor(service: Service) {
    const { asked, reports } = this;
    const routes = connectNodeAdapter({
      routes: (router) =>
        router.service(ApprovalService, {
          reportExecution: (report) => {
            reports.push(report);
            return {};
          },
          ...service,
          async *requestApproval(request, context) {
            asked.push(request);
            if (service.requestApproval) yield* service.requestApproval(request, context);
          },
        }),
    });
    this.#server = createServer(routes);
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
  }

  /** Starts one. What is not given is UNIMPLEMENTED, except for reports, which are taken. */
  static async start(service: Service): Promise<Fake> {
    const fake = new Fake(service);
    fake.#server.listen(0, "127.0.0.1");
    await once(fake.#server, "listening");
    return fake;
  }

  /** A client of it, without a token. */
  client(options: ConnectOptions = {}): Client {
    const { port } = this.#server.address() as AddressInfo;
    const logger = { warn: (line: string) => void this.logged.push(line) };
    const client = connect({ address: `127.0.0.1:${port}`, token: "", logger, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The connections to it. */
  get sessions(): readonly ServerHttp2Session[] {
    return [...this.#sessions];
  }

  /** Breaks all connections, without a word. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    this.cut();
    this.#server.close();
  }
}

/** A message of a stream: an approval of a tool `t`, without arguments, unless said otherwise. */
export async function update(status: number, approval: Approval = {}): Promise<Answer> {
  const value = {
    approval: {
      id: "a1",
      revision: 1n,
      status: status as ApprovalStatus,
      toolName: "t",
      arguments: {},
      digest: await digestOf("t", {}),
      ...approval,
    },
  };
  return { message: { case: "update", value } };
}

/** A message of a stream: still pending, with so many milliseconds left. */
export function progress(remainingMs: number): Answer {
  const remaining = { seconds: BigInt(Math.floor(remainingMs / 1000)), nanos: (remainingMs % 1000) * 1e6 };
  return { message: { case: "progress", value: { remaining, message: "Waiting", approvals: 1, quorum: 2 } } };
}

/** A pending approval with so many milliseconds left. */
export async function pending(remainingMs: number): Promise<Answer> {
  const deadline = { seconds: BigInt(Math.floor(remainingMs / 1000)), nanos: (remainingMs % 1000) * 1e6 };
  return update(ApprovalStatus.PENDING, { updateTime: { seconds: 0n }, deadline });
}

/** A claim of the approval that {@link update} makes. */
export async function granted(approval: Approval = {}) {
  return { claimId: "c1", approval: { id: "a1", digest: await digestOf("t", {}), ...approval } };
}

/** An error of the server's own. */
export function own(code: Code, reason: string, retryMs?: number): ConnectError {
  const error = new ConnectError(`${reason} happened`, code);
  error.details.push({ desc: ErrorInfoSchema, value: { domain: "signoff.v1", reason } });
  if (retryMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryMs / 1000)), nanos: (retryMs % 1000) * 1e6 };
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return error;
}

/** An error that comes from a broken connection or a proxy. */
export function broken(code: Code = Code.Unavailable): ConnectError {
  return new ConnectError("broken", code);
}

/** Never ends, unless the call that it belongs to does. */
export function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
