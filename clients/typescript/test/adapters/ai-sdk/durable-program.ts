/** A program whose run pauses: begins it, or goes on with the stored one. Tests kill it while it waits. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { decisions, gateTools } from "../../../src/adapters/ai-sdk.js";
import { connect } from "../../../src/node/index.js";
import { readOf, responseOf, sdk } from "./sdk.js";

const [tool = "", directory = ""] = process.argv.slice(2);
const stored = `${directory}/messages.json`;
const people = ["ann", "bob", "cy"];

const client = connect();
const mail = sdk.tool({
  inputSchema: z.object({ to: z.string() }),
  execute: ({ to }: { to: string }) => {
    appendFileSync(`${directory}/sent`, `${to}\n`);
    return `sent to ${to}`;
  },
});
const tools = gateTools({ [tool]: mail }, client, { runId: tool, durable: true });

let messages = [{ role: "user", content: "Write to all." }];
if (!existsSync(stored)) {
  const model = sdk.model(people.map((to) => ({ id: to, tool, input: { to } })));
  const result = await sdk.generateText({ model, tools, messages });
  messages.push(...responseOf(result));
  writeFileSync(stored, JSON.stringify(messages));
  console.log("paused");
}
messages = JSON.parse(readFileSync(stored, "utf8"));
const answers = await decisions(messages, tools);
const model = sdk.model("done");
await sdk.generateText({ model, tools, messages: [...messages, ...answers] });
for (const to of people) console.log(readOf(model, to));
client.close();
