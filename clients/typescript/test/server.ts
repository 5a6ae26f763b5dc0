import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { JsonObject } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type Client, type ConnectOptions, connect } from "../src/node/index.js";
import type { Approval } from "../src/v1.js";
import { VoteChoice } from "../src/v1.js";

/** What each kind of tool needs in the tests. */
const POLICY = `
unlisted_tools: { require_approval: {} }
rules:
  - { name: harmless, tools: ["auto.*"], auto_approve: {} }
  - { name: no-drops, tools: ["forbidden.*"], auto_reject: { message: "Dropping tables is not allowed." } }
`;

// A test that hangs is ended by this signal; leaving in this way takes the servers along.
process.once("SIGTERM", () => process.exit(1));

/** A real server of a test, in a directory of its own. */
export class Server {
  readonly #directory: string;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;
  #log = "";
  #address = "";
  #tokens = { agent: "", reviewer: "", operator: "" };
  readonly #clients: Client[] = [];

  private constructor(directory: string, settings: readonly string[]) {
    this.#directory = directory;
    this.#settings = settings;
  }

  /** Starts one on a free port, with `key=value` settings. */
  static start(...settings: string[]): Promise<Server> {
    return Server.ruled("", ...settings);
  }

  /** Starts one with more rules in its policy, each a line. */
  static async ruled(rules: string, ...settings: string[]): Promise<Server> {
    const directory = await mkdtemp(join(tmpdir(), "signoff-client-"));
    await writeFile(join(directory, "policy.yaml"), POLICY + rules);
    await utimes(join(directory, "policy.yaml"), 1e9, 1e9); // A start waits when it was written a moment ago.
    const server = new Server(directory, settings);
    await server.restart();
    return server;
  }

  /** Starts it again, where it was before. */
  async restart(): Promise<void> {
    const program = process.env.SIGNOFF_BIN;
    if (!program) throw new Error("SIGNOFF_BIN must be the path of the signoff program");
    const data = join(this.#directory, "data");
    const args = ["serve", "--dev", "--listen", this.#address || "127.0.0.1:0", "--data-dir", data];
    args.push("--policy", join(this.#directory, "policy.yaml"));
    for (const setting of this.#settings) args.push("--set", setting);
    const child = spawn(program, args, { env: {}, stdio: ["ignore", "pipe", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    child.stderr.on("data", (chunk) => {
      this.#log += chunk;
    });
    const lines = createInterface({ input: child.stdout });
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`the server ended: ${this.#log}`)));
    const [first] = await Promise.race([once(lines, "line"), ended]);
    ended.catch(() => {});
    this.#child = child;
    this.#address = /is listening on (\S+)/.exec(first)?.[1] ?? "";
    this.#tokens = JSON.parse(await readFile(join(data, "dev-tokens.json"), "utf8"));
  }

  /** HOST:PORT. */
  get address(): string {
    return this.#address;
  }

  /** The token of each role. */
  get tokens(): Readonly<Record<"agent" | "reviewer" | "operator", string>> {
    return this.#tokens;
  }

  /** Whether a text is anywhere in what it has logged, or stored in files. */
  async hasKept(text: string): Promise<boolean> {
    if (this.#log.includes(text)) return true;
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const contents = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name))));
    return contents.some((content) => content.includes(text));
  }

  /** Ends it, and waits until it has ended. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  /** Ends it for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.end("SIGKILL");
    await rm(this.#directory, { recursive: true });
  }

  /** A client of the agent, or with options of its own. */
  client(options: ConnectOptions = {}): Client {
    const client = connect({ address: this.#address, token: this.#tokens.agent, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The reviewer's view of the calls of a tool. */
  reviewer(toolName: string): Reviewer {
    return new Reviewer(this.client({ token: this.#tokens.reviewer }), toolName);
  }

  /** Whether it takes arguments of a schema. */
  async takes(argumentsSchema: JsonObject, args: JsonObject): Promise<boolean> {
    const { approvals } = this.client();
    const request = { requestId: crypto.randomUUID(), toolName: "auto.schema", arguments: args, argumentsSchema };
    try {
      for await (const _ of approvals.requestApproval(request));
      return true;
    } catch (error) {
      assert.match(ConnectError.from(error).message, /do not satisfy arguments_schema/);
      return false;
    }
  }

  /** All approvals of a tool, whatever their status. */
  async approvals(toolName: string): Promise<Approval[]> {
    return (await this.client().approvals.listApprovals({ toolName })).approvals;
  }
}

/** Decides calls of one tool. */
export class Reviewer {
  readonly #client: Client;
  readonly #toolName: string;

  constructor(client: Client, toolName: string) {
    this.#client = client;
    this.#toolName = toolName;
  }

  /** The pending call, as soon as there is one. */
  async pending(): Promise<Approval> {
    for await (const { change } of this.#client.approvals.watchPending({ toolName: this.#toolName })) {
      if (change.case === "pending") return change.value;
    }
    throw new Error("the queue ended");
  }

  /** Approves the pending call. */
  async approve(editedArguments?: Approval["arguments"]): Promise<void> {
    const { id, revision } = await this.pending();
    await this.#client.approvals.decide({
      approvalId: id,
      requestId: crypto.randomUUID(),
      choice: VoteChoice.APPROVE,
      seen: { case: "revision", value: revision },
      ...(editedArguments && { editedArguments }),
    });
  }

  /** Rejects the pending call. */
  async reject(comment: string): Promise<void> {
    const { id, revision } = await this.pending();
    await this.#client.approvals.decide({
      approvalId: id,
      requestId: crypto.randomUUID(),
      choice: VoteChoice.REJECT,
      seen: { case: "revision", value: revision },
      comment,
    });
  }
}
