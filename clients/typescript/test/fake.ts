import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { digestOf } from "../src/digest.js";
import { type Client, type ConnectOptions, connect } from "../src/node/index.js";
import { meaningOf } from "../src/statuses.js";
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

export type Approval = Exclude<MessageInitShape<typeof ApprovalSchema>, { $typeName: string }>;
type Answer = MessageInitShape<typeof RequestApprovalResponseSchema>;
type Service = Partial<ServiceImpl<typeof ApprovalService>>;
const CALLER = { issuer: "local", subject: "mail-bot" };

/** Whether a test has said all of a message itself: then nothing is added to it. */
function isWhole(answer: object): boolean {
  return "$typeName" in answer;
}

/** The service, with what every honest server says added to answers that a test has not said as a whole. */
export function honest(
  service: Service,
  asked: RequestApprovalRequest[] = [],
  reports: ReportExecutionRequest[] = [],
): Service {
  let newest: Approval = {};
  return {
    ...service,
    async *requestApproval(request, context) {
      asked.push(request);
      if (!service.requestApproval) return;
      for await (const answer of service.requestApproval(request, context)) {
        if (!isWhole(answer) && answer.message?.case === "update") {
          const { requestId, toolName } = request;
          newest = { requestId, toolName, caller: CALLER, ...answer.message.value.approval } as Approval;
          yield { message: { case: "update", value: { approval: newest } } } as Answer;
        } else {
          yield answer;
        }
      }
    },
    async claimExecution(request, context) {
      if (!service.claimExecution) throw new ConnectError("not needed", Code.Unimplemented);
      const answer = await service.claimExecution(request, context);
      if (isWhole(answer) || !answer.approval) return answer;
      const claim = { id: answer.claimId ?? "", claimedBy: CALLER };
      const claimed = { ...newest, revision: (newest.revision ?? 0n) + 1n, claim };
      return { claimId: claim.id, approval: { ...claimed, ...(answer.approval as Approval) } };
    },
    async reportExecution(report, context) {
      reports.push(report);
      const answer = (await service.reportExecution?.(report, context)) ?? {};
      const { approvalId: id, claimId, result } = report;
      return isWhole(answer) ? answer : { approval: { id, claim: { id: claimId, outcome: { result } } } };
    },
  };
}

/** A server that does what a test needs, where the real one cannot be brought to do it. */
export class Fake {
  /** Every request for approval that it got. */
  readonly asked: RequestApprovalRequest[] = [];
  /** Every report that it got. */
  readonly reports: ReportExecutionRequest[] = [];
  /** Lines that its clients logged, without those below. */
  readonly logged: string[] = [];
  /** Lines of its clients about failures that are tried again. */
  readonly tried: string[] = [];
  /** How often it was asked for a claim. */
  claims = 0;
  /** How often its clients gave the advice to give ids. */
  advised = 0;
  readonly #server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #clients: Client[] = [];

  private constructor(service: Service) {
    const { asked, reports } = this;
    const routes = connectNodeAdapter({
      routes: (router) => {
        const { claimExecution: claim } = service;
        const counted = claim && {
          claimExecution: (...call: Parameters<typeof claim>) => {
            this.claims += 1;
            return claim(...call);
          },
        };
        router.service(ApprovalService, honest({ ...service, ...counted }, asked, reports));
      },
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
    const warn = (line: string) => {
      if (line.includes("asks for a second approval")) this.advised += 1;
      else if (line.includes("Cannot reach")) this.tried.push(line);
      else this.logged.push(line);
    };
    const logger = { warn };
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

/** A message of a stream: an approval of what was asked for, of a tool `t` without arguments unless said otherwise. */
export async function update(status: number, approval: Approval = {}): Promise<Answer> {
  const meaning = meaningOf(status);
  const isTerminal = meaning === "approved" || meaning === "refused";
  const digest = approval.digest ?? (await digestOf("t", {}));
  const value = {
    approval: {
      id: "a1",
      revision: isTerminal ? 2n : 1n,
      status: status as ApprovalStatus,
      arguments: {},
      digest,
      ...(isTerminal ? { decision: { status: status as ApprovalStatus, digest } } : {}),
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
export async function pending(remainingMs: number, args: JsonObject = {}): Promise<Answer> {
  const deadline = { seconds: BigInt(Math.floor(remainingMs / 1000)), nanos: (remainingMs % 1000) * 1e6 };
  const asked = { arguments: args, digest: await digestOf("t", args) };
  return update(ApprovalStatus.PENDING, { updateTime: { seconds: 0n }, deadline, ...asked });
}

/** A server that approves what is asked for, or this instead. */
export function approving(edited?: JsonObject): Promise<Fake> {
  return Fake.start({
    async *requestApproval(request) {
      const args = edited ?? request.arguments ?? {};
      const digest = await digestOf(request.toolName, args);
      yield await update(ApprovalStatus.APPROVED, { arguments: args, digest });
    },
    claimExecution: ({ digest }) => granted({ digest }),
  });
}

/** A claim of the approval that was sent, as {@link update} makes it, with these changes. */
export async function granted(approval: Approval = {}) {
  return { claimId: "c1", approval };
}

/** An error of the server's own. */
export function own(code: Code, reason: string, retryMs?: number, metadata: Record<string, string> = {}): ConnectError {
  const error = new ConnectError(`${reason} happened`, code);
  error.details.push({ desc: ErrorInfoSchema, value: { domain: "signoff.v1", reason, metadata } });
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
