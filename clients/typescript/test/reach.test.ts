import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { createRouterTransport } from "@connectrpc/connect";
import { Client, ConnectError, RequestFailed, Unavailable } from "../src/index.js";
import { type ConnectOptions, connect } from "../src/node/index.js";
import { ApprovalStatus } from "../src/v1.js";
import { certify } from "./certificates.js";
import { broken, Fake, granted, update } from "./fake.js";
import { Server } from "./server.js";

let directory: string;
let plain: Server;
let secure: Server;
const path = (name: string) => join(directory, name);
const pem = (name: string) => readFileSync(path(name));

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "signoff-client-"));
  await certify(directory, "server", "IP:127.0.0.1", "serverAuth");
  await certify(directory, "elsewhere", "DNS:elsewhere.example", "serverAuth");
  await certify(directory, "old", "IP:127.0.0.1", "serverAuth", -1);
  plain = await Server.start();
  secure = await Server.start(`tls.certificate=${path("server.crt")}`, `tls.key=${path("server.key")}`);
});
after(async () => {
  await plain[Symbol.asyncDispose]();
  await secure[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Listens on a free port for a test: its port, and what ends it and its connections. */
async function listening(server: net.Server) {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, [Symbol.asyncDispose]: end };
}

/** Calls at an address: what the refusal says, and what was logged meanwhile. */
async function called(address: string, options: ConnectOptions = {}, patienceMs = 3_600_000) {
  const logged: string[] = [];
  const logger = { warn: (line: string) => void logged.push(line) };
  const client = connect({ address, token: "signoff_secret", logger, ...options });
  const call = { toolName: "auto.reach", arguments: {}, requestId: crypto.randomUUID(), patienceMs };
  const error = await client.run(call, () => assert.fail("called")).catch((caught: unknown) => caught);
  client.close();
  assert(error instanceof Unavailable, inspect(error));
  const known = { kind: error.kind, problem: error.problem, developerText: error.developerText };
  assert.equal(known.developerText, `Cannot reach the approvals server at ${address}: ${error.problem}.`);
  assert(error.cause instanceof ConnectError);
  assert(inspect(error).includes(error.problem));
  assert(!inspect([error, logged], { depth: 20 }).includes("signoff_secret"));
  return { problem: error.problem, message: error.message, logged };
}

/** What will not pass ends at once, however long the patience is, with a line for people. */
async function ends(problem: string | RegExp, address: string, options: ConnectOptions = {}) {
  const found = await called(address, options);
  if (typeof problem === "string") assert.equal(found.problem, problem);
  else assert.match(found.problem, problem);
  assert.deepEqual(found.logged, [`signoff: Cannot reach the approvals server at ${address}: ${found.problem}.`]);
}

test("http:// where the server speaks TLS", () => {
  return ends("this address speaks TLS: use https://", `http://${secure.address}`);
});

test("http:// where a web server speaks TLS", async () => {
  await using web = await listening(https.createServer({ cert: pem("server.crt"), key: pem("server.key") }));
  await ends("this address speaks TLS: use https://", `http://127.0.0.1:${web.port}`);
});

test("https:// where the server speaks no TLS", () => {
  return ends("this address does not speak TLS: use http://", `https://${plain.address}`);
});

test("https:// where a web server speaks no TLS", async () => {
  await using web = await listening(http.createServer((_, response) => response.end()));
  await ends("this address does not speak TLS: use http://", `https://127.0.0.1:${web.port}`);
});

const remedy = "set ca \\(SIGNOFF_CA\\) to the authority that signed it";

test("a certificate whose authority is not known", async () => {
  const address = `https://${secure.address}`;
  await ends(new RegExp(`^its certificate is not trusted \\(.*certificate.*\\): ${remedy}$`), address);
  await ends(/^its certificate is not trusted/, address, { ca: path("elsewhere-ca.crt") });
});

test("a certificate that is its own authority", async () => {
  const credentials = { cert: pem("server-ca.crt"), key: pem("server-ca.key") };
  await using web = await listening(http2.createSecureServer(credentials));
  await ends(
    new RegExp(`^its certificate is not trusted \\(self-signed certificate\\): ${remedy}$`),
    `https://127.0.0.1:${web.port}`,
  );
});

test("a certificate for another name", async () => {
  await using web = await listening(
    http2.createSecureServer({ cert: pem("elsewhere.crt"), key: pem("elsewhere.key") }),
  );
  const address = `https://127.0.0.1:${web.port}`;
  await ends(/^its certificate is not valid here \(.*127\.0\.0\.1.*\)$/, address, { ca: path("elsewhere-ca.crt") });
});

test("a certificate that has expired", async () => {
  await using web = await listening(http2.createSecureServer({ cert: pem("old.crt"), key: pem("old.key") }));
  const address = `https://127.0.0.1:${web.port}`;
  await ends("its certificate is not valid here (certificate has expired)", address, { ca: path("old-ca.crt") });
});

test("another web server, of HTTP/1.1", async () => {
  const answer = (_: http.IncomingMessage, response: http.ServerResponse) => response.writeHead(404).end();
  await using web = await listening(http.createServer(answer));
  await ends("it is not a Signoff server (HTTP 404)", `http://127.0.0.1:${web.port}`);
  await using safe = await listening(https.createServer({ cert: pem("server.crt"), key: pem("server.key") }, answer));
  const options = { ca: path("server-ca.crt") };
  await ends("it is not a Signoff server (HTTP 404)", `https://127.0.0.1:${safe.port}`, options);
});

/** A web server of HTTP/2 with one answer for all. */
function answering(status: number, contentType: string) {
  return http2.createServer((_, response) => {
    response.writeHead(status, { "content-type": contentType });
    response.end("<html></html>");
  });
}

for (const [status, contentType] of [
  [404, "text/html"],
  [200, "text/html"],
  [200, "application/json"],
  [403, "text/plain"],
  [500, "application/grpc"],
] as const) {
  test(`another web server, of HTTP/2: ${status} ${contentType}`, async () => {
    await using web = await listening(answering(status, contentType));
    await ends(`it is not a Signoff server (HTTP ${status})`, `http://127.0.0.1:${web.port}`);
  });
}

for (const status of [429, 502, 503, 504]) {
  test(`a proxy whose server is away is tried again: ${status}`, async () => {
    let calls = 0;
    const proxy = http2.createServer((_, response) => {
      calls += 1;
      response.writeHead(status, { "content-type": "text/html" });
      response.end();
    });
    await using web = await listening(proxy);
    const address = `http://127.0.0.1:${web.port}`;
    const { problem, logged } = await called(address, {}, 300);
    assert.equal(problem, `HTTP ${status}`);
    assert(calls > 1);
    assert.deepEqual(logged, [
      `signoff: Cannot reach the approvals server at ${address}: HTTP ${status}. Trying for 1 s.`,
    ]);
  });
}

test("the first failure is logged once, with address and cause, and what the model reads has neither", async () => {
  const nobody = await listening(net.createServer());
  await nobody[Symbol.asyncDispose]();
  const address = `http://127.0.0.1:${nobody.port}`;
  const { problem, message, logged } = await called(address, {}, 1500);
  assert.equal(problem, "connection refused");
  assert.deepEqual(logged, [
    `signoff: Cannot reach the approvals server at ${address}: connection refused. Trying for 2 s.`,
  ]);
  assert(!message.includes("127.0.0.1"));
});

test("a host that is not known is tried again, and named", async () => {
  const { problem, logged } = await called("https://signoff.invalid", {}, 100);
  assert.match(problem, /^the host /);
  assert.equal(logged.length, 1);
});

test("`localhost`, which has two addresses, is refused as one", async () => {
  const nobody = await listening(net.createServer());
  await nobody[Symbol.asyncDispose]();
  assert.equal((await called(`http://localhost:${nobody.port}`, {}, 100)).problem, "connection refused");
});

test("asking, claiming and reporting warn once in all", async () => {
  const failed = new Set<string>();
  const once = (step: string) => {
    if (failed.has(step)) return;
    failed.add(step);
    throw broken();
  };
  await using fake = await Fake.start({
    async *requestApproval() {
      once("ask");
      yield await update(ApprovalStatus.APPROVED);
    },
    claimExecution: () => {
      once("claim");
      return granted();
    },
    reportExecution: () => {
      once("report");
      return {};
    },
  });
  const client = fake.client();
  assert.equal(await client.run({ toolName: "t", arguments: {} }, () => "done"), "done");
  assert.equal(failed.size, 3);
  assert.equal(fake.tried.length, 1);
  failed.clear();
  await client.run({ toolName: "t", arguments: {} }, () => "done");
  assert.equal(fake.tried.length, 2);
});

test("a server that answered before is not taken for another when something else answers", async () => {
  const away = http2.createServer((request, response) => {
    response.writeHead(503).end(() => request.stream.session?.close());
  });
  const other = https.createServer({ cert: pem("server.crt"), key: pem("server.key") });
  let connections = 0;
  const both = net.createServer((socket) => {
    connections += 1;
    (connections === 1 ? away : other).emit("connection", socket);
  });
  await using port = await listening(both);
  const { problem } = await called(`http://127.0.0.1:${port.port}`, {}, 500);
  assert(!problem.includes("TLS"), problem);
  assert(connections > 1);
});

test("calls of the stubs get the same sentences", async () => {
  const client = connect({ address: `https://${plain.address}`, token: "" });
  await assert.rejects(client.access.getCaller({}), /this address does not speak TLS: use http:\/\//);
  client.close();
});

test("a bad token ends at once, and its text is for people", async () => {
  const client = plain.client({ token: "signoff_not-one-of-its-own" });
  const call = { toolName: "auto.token", arguments: {}, patienceMs: 3_600_000 };
  await assert.rejects(
    client.run(call, () => assert.fail("called")),
    (error) => {
      assert(error instanceof RequestFailed);
      assert.equal(
        error.message,
        "NOT RUN. The approvals server rejected the request to call auto.token. Do not work around it.",
      );
      assert(error.developerText.includes(`http://${plain.address}`));
      assert(error.developerText.includes("UNAUTHENTICATED"));
      return true;
    },
  );
});

test("a transport of somebody else may have no address", async () => {
  const logged: string[] = [];
  const client = new Client({
    transport: createRouterTransport(() => {}),
    logger: { warn: (line) => void logged.push(line) },
  });
  const call = { toolName: "t", arguments: {}, requestId: "r", patienceMs: 0 };
  await assert.rejects(
    client.run(call, () => assert.fail("called")),
    (error) => {
      assert(error instanceof RequestFailed);
      assert.match(error.developerText, /^The server rejected the request \(UNIMPLEMENTED\)/);
      return true;
    },
  );
});
