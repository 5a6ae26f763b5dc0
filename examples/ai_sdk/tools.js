/** The tools. They only print a text: the example shows when they run, and with which arguments. */
import { tool } from "ai";
import { z } from "zod";

export const searchRecords = tool({
  description: "Finds records of customers.",
  inputSchema: z.object({ query: z.string() }),
  execute: async ({ query }) => `record 17: ${query}, alice@example.com, paid twice`,
});

export const sendEmail = tool({
  description: "Sends an e-mail.",
  inputSchema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
  // The context is passed on; reviewers do not see it.
  contextSchema: z.object({ smtpPassword: z.string() }),
  execute: async ({ to, subject, body }, { context }) => {
    if (!context.smtpPassword) throw new Error("no password");
    return `sent '${subject}' (${body.length} characters) to ${to}`;
  },
});

export const deleteRecord = tool({
  description: "Deletes a record.",
  inputSchema: z.object({ record_id: z.number().int() }),
  execute: async ({ record_id }) => `deleted record ${record_id}`,
});

export const processPayment = tool({
  description: "Pays an amount to a customer.",
  inputSchema: z.object({ amount: z.number(), to: z.string() }),
  execute: async ({ amount, to }) => `paid ${amount.toFixed(2)} to ${to}`,
});

export const transferToBilling = tool({
  description: "Hands the customer over to Billing.",
  inputSchema: z.object({}),
  execute: async () => "Billing takes over.",
});
