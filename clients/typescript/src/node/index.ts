/**
 * Everything of `@signoff/client`, and `connect` for Node.js.
 *
 * @module
 */
import { Client } from "../client.js";
import { carriedOptions, withoutCallIds } from "./carried.js";
import { type ConnectOptions, targetOf } from "./options.js";
import { transportTo } from "./transport.js";

export * from "../index.js";
export { type SharedOptions, withCallOptions } from "./carried.js";
export type { ConnectOptions } from "./options.js";

/**
 * A client of the server that options and environment name, over gRPC. It connects when it is first used, and reads
 * certificates now.
 *
 * @throws TypeError for options that make no sense or would not be safe; the errors of files that cannot be read.
 */
export function connect(options: ConnectOptions = {}): Client {
  const target = targetOf(options, process.env);
  const { deadlineMs, logger, requiredOptions, onRefusal } = options;
  const address = target.address.origin;
  const carried = { carriedOptions, withoutCallIds };
  return new Client({ ...transportTo(target), deadlineMs, logger, requiredOptions, onRefusal, address, ...carried });
}
