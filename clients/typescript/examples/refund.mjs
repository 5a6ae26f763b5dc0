import { connect, Handle, withCallOptions } from "@signoff/client/node";
import { z } from "zod";

const signoff = connect();

const sendRefund = signoff.requiresApproval(
  ({ order, cents, due }) => `Refunded ${cents} cents of ${order}, due ${due.toISOString()}.`,
  {
    toolName: "send_refund",
    parameters: z.object({ order: z.string(), cents: z.bigint(), due: z.date() }),
    onRefusal: "return", // a refusal's text for the model, in place of an error
  },
);

const [handle] = process.argv.slice(2);
if (handle === undefined) {
  // In one process: ask, and keep the handle. Asking again under the same id gives the same handle.
  const refund = { order: "o-17", cents: 1999n, due: new Date("2026-12-24") };
  const asked = await withCallOptions({ requestId: "refund of o-17" }, () => sendRefund.ask(refund));
  console.log(JSON.stringify(asked));
} else {
  // In another one: wait, run once, report.
  console.log(await sendRefund.resume(Handle.fromJson(JSON.parse(handle))));
}
signoff.close();
