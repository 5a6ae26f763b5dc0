import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, mock, test } from "node:test";
import { connect } from "../src/node/index.js";
import { Fake, silence } from "./fake.js";

afterEach(() => mock.timers.reset());

/** A stream that is open, on a clock that only the test moves. */
async function opened() {
  const fake = await Fake.start({
    async *watchApproval(_, { signal }) {
      yield {};
      await silence(signal);
    },
  });
  mock.timers.enable({ apis: ["setTimeout"] });
  const client = fake.client();
  const stream = client.approvals.watchApproval({})[Symbol.asyncIterator]();
  await stream.next();
  const [session] = fake.sessions;
  assert(session);
  return { fake, client, stream, session };
}

test("a stream on which nothing happens is kept alive every 30 s", async () => {
  const { fake, session } = await opened();
  await using _ = fake;
  let pings = 0;
  session.on("ping", () => {
    pings += 1;
  });
  for (let count = 1; count <= 2; count += 1) {
    mock.timers.tick(29_999);
    assert.equal(pings, count - 1);
    const ping = once(session, "ping");
    mock.timers.tick(1);
    await ping;
    // The answer has to arrive before the clock moves on.
    await new Promise<void>((resolve) => session.ping(() => resolve()));
  }
});

test("a connection that does not answer within 10 s is broken", async () => {
  const { fake, stream } = await opened();
  await using _ = fake;
  const end = assert.rejects(stream.next(), /PING timed out/);
  // At once, so that no answer can arrive in between.
  mock.timers.tick(30_000);
  mock.timers.tick(10_000);
  await end;
});

test("a connection that cannot be made is given up after 10 s", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  mock.timers.enable({ apis: ["setTimeout"] });
  const { port } = silent.address() as AddressInfo;
  const client = connect({ address: `https://127.0.0.1:${port}`, token: "" });
  const end = assert.rejects(client.access.getCaller({}), /does not answer/);
  await once(silent, "connection");
  mock.timers.tick(10_000);
  await end;
  for (const socket of sockets) socket.destroy();
  silent.close();
});

for (const how of ["broke", "was closed"]) {
  test(`a connection that ${how} is left alone`, async () => {
    const { fake, client, stream } = await opened();
    await using _ = fake;
    const end = assert.rejects(stream.next());
    if (how === "broke") fake.cut();
    else client.close();
    await end;
    // The streams of a connection end one after the other, and it after them.
    while (fake.sessions.length > 0) await new Promise(setImmediate);
    // Whatever throws in a timer ends the process.
    mock.timers.tick(3_600_000);
  });
}
