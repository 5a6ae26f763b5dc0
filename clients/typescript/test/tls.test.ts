import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { ConnectError, Unavailable } from "../src/index.js";
import { AuthenticationMethod } from "../src/v1.js";
import { certify } from "./certificates.js";
import { Server } from "./server.js";

let directory: string;
let server: Server;
const path = (name: string) => join(directory, name);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "signoff-client-"));
  await certify(directory, "server", "IP:127.0.0.1,DNS:localhost", "serverAuth");
  await certify(directory, "agent", "URI:spiffe://test/agent", "clientAuth");
  server = await Server.start(
    `tls.certificate=${path("server.crt")}`,
    `tls.key=${path("server.key")}`,
    `tls.client_ca=${path("agent-ca.crt")}`,
    "certificates.agent=URI:spiffe://test/*",
  );
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("a token travels over TLS to a server whose authority is given, by number and by name", async () => {
  for (const host of ["127.0.0.1", "localhost"]) {
    const address = `https://${server.address.replace("127.0.0.1", host)}`;
    const client = server.client({ address, ca: path("server-ca.crt") });
    assert.equal(await client.run({ toolName: "auto.tls", arguments: {} }, () => "done"), "done");
    const { caller } = await client.access.getCaller({});
    assert.equal(caller?.method, AuthenticationMethod.DEV_TOKEN);
  }
});

test("a certificate tells who the client is", async () => {
  const options = { ca: path("server-ca.crt"), certificate: path("agent.crt"), key: path("agent.key"), token: "" };
  const client = server.client({ address: `https://${server.address}`, ...options });
  const { caller } = await client.access.getCaller({});
  assert.equal(caller?.method, AuthenticationMethod.CERTIFICATE);
  assert.equal(await client.run({ toolName: "auto.mtls", arguments: {} }, () => "done"), "done");
  assert(!inspect(client, { depth: 20, showHidden: true }).includes("PRIVATE KEY"));
});

test("a server that another authority vouches for gets nothing", async () => {
  for (const ca of [undefined, path("agent-ca.crt")]) {
    const client = server.client({ address: `https://${server.address}`, ca });
    await assert.rejects(client.access.getCaller({}), (error) => {
      assert(error instanceof ConnectError);
      assert.match(error.message, /certificate/);
      return true;
    });
    const call = { toolName: "auto.untrusted", arguments: {}, patienceMs: 50 };
    await assert.rejects(
      client.run(call, () => assert.fail("called")),
      Unavailable,
    );
  }
});

test("plain HTTP to a server with TLS is Unavailable", async () => {
  const call = { toolName: "auto.plain", arguments: {}, patienceMs: 50 };
  await assert.rejects(
    server.client().run(call, () => assert.fail("called")),
    Unavailable,
  );
});
