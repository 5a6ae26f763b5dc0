/**
 * Two agents whose tools run only after an approval, by the server's policy or by a person.
 *
 * `./run` starts a server and this program, with SIGNOFF_ADDRESS and SIGNOFF_TOKEN set.
 */
import { gateTools } from "@signoff/client/ai-sdk";
import { connect } from "@signoff/client/node";
import { hasToolCall, isStepCount, ToolLoopAgent } from "ai";
import { BILLING, SUPPORT } from "./script.js";
import { deleteRecord, processPayment, searchRecords, sendEmail, transferToBilling } from "./tools.js";

const client = connect();
const all = {
  search_records: searchRecords,
  send_email: sendEmail,
  delete_record: deleteRecord,
  process_payment: processPayment,
};
const options = {
  // A second run of the same conversation finds the approvals of the first one.
  runId: "conversation-7",
  timeoutMs: 120_000,
  onProgress: ({ message }) => console.log(`   … ${message}`),
};
const toolsContext = { send_email: { smtpPassword: "a secret that no reviewer sees" } };

const support = new ToolLoopAgent({
  id: "Support",
  model: SUPPORT,
  tools: {
    ...gateTools(all, client, { ...options, agentName: "Support" }),
    // A hand-off runs nothing: the policy judges each call by the agent that makes it.
    transfer_to_billing: transferToBilling,
  },
  toolsContext,
  stopWhen: [hasToolCall("transfer_to_billing"), isStepCount(20)],
});
const billing = new ToolLoopAgent({
  id: "Billing",
  model: BILLING,
  tools: gateTools(all, client, { ...options, agentName: "Billing", chain: ["Support"] }),
  toolsContext,
});

const messages = [{ role: "user", content: "Alice was charged twice." }];

/** Runs an agent, and shows what it does. */
async function show(agent) {
  console.log(`${agent.id}:`);
  const result = await agent.stream({ messages });
  for await (const part of result.stream) {
    if (part.type === "tool-call") console.log(` → ${part.toolName} ${JSON.stringify(part.input)}`);
    if (part.type === "tool-result") console.log(` ← ${part.output}`);
  }
  messages.push(...(await result.responseMessages));
  return result;
}

const { toolCalls } = await show(support);
const isHandedOver = (await toolCalls).some(({ toolName }) => toolName === "transfer_to_billing");
if (isHandedOver) console.log(await (await show(billing)).text);
client.close();
