import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { connect } from "../src/node/index.js";
import { targetOf } from "../src/node/options.js";
import { certify } from "./certificates.js";

test("without options and environment it is the server of this machine, without a token", () => {
  const { address, token, tls } = targetOf({}, {});
  assert.deepEqual([address.origin, token, tls], ["http://127.0.0.1:7766", "", undefined]);
});

test("options win over the environment, where an empty variable counts as unset", () => {
  const environment = { SIGNOFF_ADDRESS: "https://one.example:1", SIGNOFF_TOKEN: "from-environment" };
  assert.equal(targetOf({}, environment).address.origin, "https://one.example:1");
  assert.equal(targetOf({}, environment).token, "from-environment");
  assert.equal(targetOf({ address: "https://two.example:2" }, environment).address.origin, "https://two.example:2");
  assert.equal(targetOf({ token: "given" }, environment).token, "given");
  assert.equal(targetOf({ token: "" }, environment).token, "");
  const empty = {
    SIGNOFF_ADDRESS: "",
    SIGNOFF_TOKEN: "",
    SIGNOFF_CA: "",
    SIGNOFF_CERTIFICATE: "",
    SIGNOFF_INSECURE: "",
  };
  assert.equal(targetOf({}, empty).address.origin, "http://127.0.0.1:7766");
});

test("an address without a scheme is plain", () => {
  assert.equal(targetOf({ address: "localhost:80" }, {}).address.protocol, "http:");
  assert.equal(targetOf({ address: "[::1]:7766" }, {}).address.origin, "http://[::1]:7766");
});

test("an address is a scheme, a host and a port", () => {
  for (const address of [
    "ftp://a:1",
    "http://a:1/path",
    "http://a:1?q",
    "http://u:secret@a:1",
    "http://a:b",
    "http://",
  ]) {
    assert.throws(
      () => targetOf({ address }, {}),
      (error) => error instanceof TypeError && !error.message.includes("secret"),
    );
  }
});

test("a token is sent without TLS to loopback only, unless that is wanted", () => {
  const token = "signoff_secret";
  for (const address of [
    "127.0.0.1:1",
    "127.1.2.3:1",
    "[::1]:1",
    "localhost:1",
    "[::ffff:127.0.0.1]:1",
    "https://a.example",
  ]) {
    assert.equal(targetOf({ address, token }, {}).token, token);
  }
  for (const address of ["10.0.0.1:1", "a.example:1", "localhost.example:1", "[::2]:1", "0.0.0.0:1", "127.example:1"]) {
    const refused = (error: unknown) => error instanceof TypeError && !error.message.includes(token);
    assert.throws(() => targetOf({ address, token }, {}), refused);
    assert.throws(() => targetOf({ address, token }, { SIGNOFF_INSECURE: "0" }), refused);
    assert.throws(() => targetOf({ address, token, insecure: false }, { SIGNOFF_INSECURE: "1" }), refused);
    assert.equal(targetOf({ address, token, insecure: true }, {}).token, token);
    assert.equal(targetOf({ address, token }, { SIGNOFF_INSECURE: "1" }).token, token);
    assert.equal(targetOf({ address, token }, { SIGNOFF_INSECURE: "true" }).token, token);
    assert.equal(targetOf({ address }, {}).token, "");
  }
});

test("a token that a header cannot carry is refused without telling it", () => {
  for (const token of ["signoff_a b", "signoff_a\nb", "signoff_ä"]) {
    assert.throws(
      () => connect({ token }),
      (error) => error instanceof TypeError && !error.message.includes("signoff_"),
    );
  }
  assert.equal(targetOf({ token: "signoff_a\n" }, {}).token, "signoff_a");
});

test("certificates are files, read when connecting", async () => {
  const directory = await mkdtemp(join(tmpdir(), "signoff-client-"));
  await certify(directory, "one", "DNS:localhost", "clientAuth");
  await certify(directory, "two", "DNS:localhost", "clientAuth");
  const path = (name: string) => join(directory, name);
  const address = "https://a.example";
  const pair = { certificate: path("one.crt"), key: path("one.key") };
  assert.notEqual(targetOf({ address, ...pair }, { SIGNOFF_CA: path("one-ca.crt") }).tls, undefined);
  assert.throws(() => targetOf({ address, ...pair, key: undefined }, {}), TypeError);
  assert.throws(() => targetOf({ address, ca: path("missing") }, {}), { code: "ENOENT" });
  assert.throws(() => targetOf({ address: "http://localhost", ...pair }, {}), TypeError);

  const key = await readFile(path("one.key"), "utf8");
  await writeFile(path("text"), "not a certificate");
  const authority = await readFile(path("one-ca.crt"), "utf8");
  await writeFile(path("cut.crt"), authority + authority.replace(/^MI.{40}/m, "MI"));
  const environment = { SIGNOFF_CA: path("text"), SIGNOFF_CERTIFICATE: path("text"), SIGNOFF_KEY: path("text") };
  for (const [options, variables] of [
    [{ ca: path("text") }, {}],
    [{ ca: path("one.key") }, {}],
    [{ ca: path("cut.crt") }, {}],
    [{ ...pair, certificate: path("text") }, {}],
    [{ ...pair, key: path("text") }, {}],
    [{ ...pair, key: path("two.key") }, {}],
    [{}, environment],
  ] as const) {
    const useless = (error: unknown) => error instanceof TypeError && !inspect(error).includes(key.slice(30, 90));
    assert.throws(() => targetOf({ address, ...options }, variables), useless);
  }
  // They may be for other programs.
  assert.equal(targetOf({ address: "http://localhost" }, environment).tls, undefined);
  await rm(directory, { recursive: true });
});

test("SIGNOFF_INSECURE is true or false", () => {
  for (const text of ["yes", "TRUE", "2", " 1"]) {
    assert.throws(() => targetOf({}, { SIGNOFF_INSECURE: text }), TypeError);
  }
  for (const text of ["", "0", "1", "false", "true"]) targetOf({}, { SIGNOFF_INSECURE: text });
  assert.throws(() => targetOf({ insecure: "false" as unknown as boolean }, {}), TypeError);
});

test("deadlines are positive", () => {
  for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => connect({ token: "", deadlineMs }), TypeError);
});
