import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createRouterTransport, type Transport } from "@connectrpc/connect";
import { Client, Code, ConnectError, RequestFailed, Unavailable } from "../src/index.js";
import { connect } from "../src/node/index.js";
import { ApprovalService, ApprovalStatus, ErrorInfoSchema } from "../src/v1.js";
import { Fake, granted, honest, own, pending, progress, silence, update } from "./fake.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

test("every service can be called", async () => {
  const reviewer = server.client({ token: server.tokens.reviewer });
  const operator = server.client({ token: server.tokens.operator });
  assert.deepEqual((await reviewer.approvals.listPending({})).approvals, []);
  assert.equal((await operator.policies.getPolicy({})).version?.policy?.rules.length, 2);
  assert.equal((await operator.access.getCaller({})).caller?.actor?.issuer, "dev");
});

test("errors of calls carry the server's reason", async () => {
  await assert.rejects(server.client().approvals.getApproval({ approvalId: "none" }), (error) => {
    assert(error instanceof ConnectError);
    assert.equal(error.findDetails(ErrorInfoSchema)[0]?.domain, "signoff.v1");
    return true;
  });
});

test("a request that the server refuses tells each field", async () => {
  const call = { toolName: "auto.client", arguments: {}, reason: "x".repeat(5000) };
  await assert.rejects(server.client().run(call, never), (error) => {
    assert(error instanceof RequestFailed);
    assert.deepEqual([error.code, error.reason], [Code.InvalidArgument, "INVALID_REQUEST"]);
    assert.deepEqual(
      error.violations.map(({ field }) => field),
      ["reason"],
    );
    return true;
  });
});

test("large pages fit", async () => {
  const approvals = Array.from({ length: 100 }, () => ({
    reason: "x".repeat(100_000),
    status: ApprovalStatus.PENDING,
  }));
  await using fake = await Fake.start({ listApprovals: () => ({ approvals }) });
  assert.equal((await fake.client().approvals.listApprovals({})).approvals.length, 100);
});

test("unary calls have a deadline, streams have none", async () => {
  await using fake = await Fake.start({
    getApproval: () => new Promise<never>(() => {}),
    async *watchApproval(_, { timeoutMs }) {
      yield { message: { case: "progress", value: { message: String(timeoutMs()) } } };
    },
  });
  const { approvals } = fake.client({ deadlineMs: 100 });
  await assert.rejects(approvals.getApproval({}), { code: Code.DeadlineExceeded });
  for await (const { message } of approvals.watchApproval({})) {
    assert(message.case === "progress");
    assert.equal(message.value.message, "undefined");
  }
});

for (const ms of [2 ** 31, Number.POSITIVE_INFINITY, 10_000.5]) {
  test(`deadlines are what timers and gRPC can take: ${ms}`, async () => {
    const told: (number | undefined)[] = [];
    await using fake = await Fake.start({
      getApproval: async (_, { timeoutMs }) => {
        told.push(timeoutMs());
        await setTimeout(50);
        return {};
      },
      async *watchApproval(_, { timeoutMs }) {
        told.push(timeoutMs());
        await setTimeout(50);
        yield {};
      },
    });
    if (Number.isFinite(ms)) await fake.client({ deadlineMs: ms }).approvals.getApproval({});
    const { approvals } = fake.client();
    await approvals.getApproval({}, { timeoutMs: ms });
    for await (const _ of approvals.watchApproval({}, { timeoutMs: ms }));
    assert.equal(told.length, Number.isFinite(ms) ? 3 : 2);
    for (const left of told) assert(left !== undefined && left > 9000 && left < 1e8, `${left}`);
  });
}

test("a closed client fails what is under way and what comes later", async () => {
  await using fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      yield await pending(3_600_000);
      yield progress(3_600_000);
      await silence(signal);
    },
  });
  const client = fake.client();
  const call = { toolName: "t", arguments: {}, onProgress: () => client.close() };
  await assert.rejects(client.run(call, never), Unavailable);
  await assert.rejects(client.run(call, never), Unavailable);
  await assert.rejects(client.access.getCaller({}), /closed/);
});

for (const last of ["requestApproval", "claimExecution", "reportExecution"]) {
  test(`closing ends the delay before ${last} is tried again`, async () => {
    const server = createRouterTransport((router) => {
      const service = honest({
        async *requestApproval() {
          yield await update(ApprovalStatus.APPROVED);
        },
        claimExecution: () => granted(),
      });
      router.service(ApprovalService, service);
    });
    let tries = 0;
    const fail = (method: { localName: string }) => {
      if (method.localName !== last) return;
      tries += 1;
      // By then the client has seen the error.
      setImmediate(() => client.close());
      throw own(Code.Unavailable, "DRAINING", 3_600_000);
    };
    const transport: Transport = {
      unary: async (method, ...call) => fail(method) ?? server.unary(method, ...call),
      stream: async (method, ...call) => fail(method) ?? server.stream(method, ...call),
    };
    const client = new Client({ transport, logger: { warn: () => {} } });
    const end = client.run({ toolName: "t", arguments: {}, patienceMs: 3_600_000 }, () => "done");
    if (last === "reportExecution") assert.equal(await end, "done");
    else await assert.rejects(end, Unavailable);
    assert.equal(tries, 1);
  });
}

test("closing ends what waits over a transport that stays open", async () => {
  const transport = createRouterTransport((router) => {
    const service = honest({
      async *requestApproval(_, { signal }) {
        yield await pending(3_600_000);
        yield progress(3_600_000);
        await silence(signal);
      },
    });
    router.service(ApprovalService, service);
  });
  const client = new Client({ transport });
  const call = { toolName: "t", arguments: {}, onProgress: () => client.close() };
  await assert.rejects(client.run(call, never), Unavailable);
});

test("many calls may share a signal, and a client", async () => {
  const warnings: unknown[] = [];
  const warn = (warning: Error) => warnings.push(warning);
  process.on("warning", warn);
  await using fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      yield await pending(3_600_000);
      await silence(signal);
    },
  });
  const giveUp = new AbortController();
  const reason = new Error("enough");
  const client = fake.client();
  const call = { toolName: "t", arguments: {}, signal: giveUp.signal };
  const all = Array.from({ length: 20 }, () => assert.rejects(client.run(call, never), (error) => error === reason));
  while (fake.asked.length < 20) await new Promise(setImmediate);
  giveUp.abort(reason);
  await Promise.all(all);
  process.off("warning", warn);
  assert.deepEqual(warnings, []);
});

test("a signal of another library, with fewer methods, is taken", async () => {
  await using fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      yield await pending(3_600_000);
      yield progress(3_600_000);
      await silence(signal);
    },
  });
  const heard: (() => void)[] = [];
  const foreign = { aborted: false, addEventListener: (_: string, tell: () => void) => void heard.push(tell) };
  const onProgress = () => {
    foreign.aborted = true;
    for (const tell of heard) tell();
  };
  const call = { toolName: "t", arguments: {}, onProgress, signal: foreign as unknown as AbortSignal };
  await assert.rejects(fake.client().run(call, never), { name: "AbortError" });
  await assert.rejects(fake.client().run(call, never), { name: "AbortError" });
  assert.equal(fake.asked.length, 1);
});

test("what is not a function is an error of use, before anything is asked", async () => {
  await using fake = await Fake.start({});
  const client = fake.client();
  for (const fn of [undefined, null, {}] as unknown as (() => void)[]) {
    await assert.rejects(client.run({ toolName: "t", arguments: {} }, fn), TypeError);
    assert.throws(() => client.requiresApproval(fn, { toolName: "t" }), TypeError);
  }
  const parseEdited = {} as unknown as () => object;
  assert.throws(() => client.requiresApproval(never, { toolName: "t", parseEdited }), TypeError);
  assert.deepEqual(fake.asked, []);
});

test("a server that accepts and says nothing is Unavailable once patience ends", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const client = connect({ address: `127.0.0.1:${port}`, token: "" });
  await assert.rejects(client.run({ toolName: "t", arguments: {}, patienceMs: 200 }, never), Unavailable);
  client.close();
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test("patience is a number of milliseconds", async () => {
  for (const patienceMs of [-1, Number.NaN]) {
    await assert.rejects(server.client().run({ toolName: "t", arguments: {}, patienceMs }, never), TypeError);
  }
});
