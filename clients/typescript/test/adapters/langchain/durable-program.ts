/**
 * A process of its own with an agent: `durable-program MODE BUILDER FILE TOOL begin|resume`. It prints what the tool's
 * message says, or the pause; what the tool did is in FILE.sent.
 */
import { appendFileSync } from "node:fs";
import { connect } from "../../../src/node/index.js";
import { BUILDERS, type Build, call, Mail, pausesOf, resultOf, run, Scripted, thread } from "./agents.js";
import { FileSaver } from "./saver.js";

const [mode, builder = "", file = "", tool = "", action] = process.argv.slice(2);
const client = connect();
const mail = new Mail(tool, ({ to }) => {
  appendFileSync(`${file}.sent`, `${to}\n`);
});
const options = { durable: mode === "durable", checkpointer: new FileSaver(file) };
const agent = (BUILDERS[builder] as Build)(new Scripted([call(tool)]), [mail.tool], client, options);
const config = { ...thread("conversation"), durability: "sync" };
const state = await (action === "begin" ? run(agent, config) : agent.invoke(null, config));
const [pause] = pausesOf(state);
console.log(pause ? `paused ${pause.value.approval_id}` : resultOf(state).content);
// A process that ends by itself would not show that it is killed.
if (action === "begin") setInterval(() => {}, 1000);
else client.close();
