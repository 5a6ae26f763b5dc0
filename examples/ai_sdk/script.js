/** The scripted models, so that the example needs no network. Replace them by real models. */
import { convertArrayToReadableStream, MockLanguageModelV4 } from "ai/test";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A model with scripted answers: calls of tools, or a text. */
function scripted(answers) {
  const left = answers.values();
  return new MockLanguageModelV4({
    doStream: async () => {
      const answer = left.next().value;
      const isText = typeof answer === "string";
      const parts = isText
        ? [{ type: "text-start" }, { type: "text-delta", delta: answer }, { type: "text-end" }]
        : answer.map(([toolCallId, toolName, input]) => {
            return { type: "tool-call", toolCallId, toolName, input: JSON.stringify(input) };
          });
      const finishReason = { unified: isText ? "stop" : "tool-calls", raw: undefined };
      const chunks = [
        { type: "stream-start", warnings: [] },
        ...parts.map((part) => (isText ? { ...part, id: "text" } : part)),
        { type: "finish", finishReason, usage },
      ];
      return { stream: convertArrayToReadableStream(chunks) };
    },
  });
}

export const SUPPORT = scripted([
  [["search", "search_records", { query: "Alice" }]],
  // Two parallel calls: the policy approves one, a person the other.
  [
    ["mail-to-team", "send_email", { to: "team@company.com", subject: "Alice paid twice", body: "Record 17." }],
    ["mail-to-alice", "send_email", { to: "alice@example.com", subject: "Your refund", body: "It is on its way." }],
  ],
  [["delete", "delete_record", { record_id: 17 }]],
  [["payment-by-support", "process_payment", { amount: 250, to: "alice@example.com" }]],
  [["handoff", "transfer_to_billing", {}]],
]);

export const BILLING = scripted([
  [["payment-by-billing", "process_payment", { amount: 250, to: "alice@example.com" }]],
  "Alice has her money back.",
]);
