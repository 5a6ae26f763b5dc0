/** Agents with middlewares around their tools. */
import { createAgent, createMiddleware } from "langchain";
import { type Any, call, type Mail, resultOf, run, Scripted, thread } from "./agents.js";

/** A middleware around tool calls. */
export function around(wrapToolCall: Any, name = "Other"): Any {
  return createMiddleware({ name, wrapToolCall });
}

/** An agent with a tool and these middlewares. */
export function agentOf(mail: Mail, middleware: Any[], ...answers: Any[]): Any {
  const calls = answers.length > 0 ? answers : [[call(mail.tool.name)]];
  return createAgent({ model: new Scripted(...calls), tools: [mail.tool], middleware });
}

/** What the model reads of the one call, or what ended the run. */
export async function readOf(agent: Any): Promise<string> {
  return run(agent, thread()).then((state: Any) => String(resultOf(state).content), String);
}
