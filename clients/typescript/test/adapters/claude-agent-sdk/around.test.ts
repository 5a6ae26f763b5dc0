import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type HookCallbackMatcher, type HookInput, type Options, query } from "@anthropic-ai/claude-agent-sdk";
import { type GateSettings, gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import { ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Call, Model } from "./model-server.js";
import { Desk, environment, named, Prompts, RULES, readOut, resultOf, run } from "./sessions.js";

let server: Server;
let home: string;
before(async () => {
  server = await Server.ruled(RULES);
});
after(() => server[Symbol.asyncDispose]());

const hook = async () => ({});

/** Runs a test in a directory of its own. */
const inHome = (name: string, run: () => Promise<void>) =>
  test(name, async () => {
    home = await mkdtemp(join(tmpdir(), "signoff-claude-"));
    try {
      await run();
    } finally {
      await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
    }
  });

/** The program runs it without asking anyone, unless something makes it ask. */
const LIST: Call = { id: "call-list", tool: "Bash", input: { command: "ls", description: "Lists." } };

const unchecked = (options: object, gate: object = {}) =>
  gateOptions({ settingSources: [], ...options } as Options, server.client(), gate as GateSettings);

for (const [match, options] of [
  [/allowedTools .* Bash\./, { allowedTools: ["Read", "Bash"] }],
  [/allowedTools .* Bash\(ls:\*\)/, { allowedTools: ["Bash(ls:*)"] }],
  [/permissionMode 'bypassPermissions'/, { permissionMode: "bypassPermissions" }],
  [/permissionMode 'acceptEdits'/, { permissionMode: "acceptEdits" }],
  [/permissionMode 'auto'/, { permissionMode: "auto" }],
  [/permissionMode 'dontAsk'/, { permissionMode: "dontAsk" }],
  [/allowDangerouslySkipPermissions/, { allowDangerouslySkipPermissions: true }],
  [/PreToolUse hooks/, { hooks: { PreToolUse: [{ hooks: [hook] }] } }],
  [/PermissionRequest hooks/, { hooks: { PermissionRequest: [{ hooks: [hook] }] } }],
  [/PreSkillShellCommand hooks/, { hooks: { PreSkillShellCommand: [{ hooks: [hook] }] } }],
  [/extraArgs cannot have bare/, { extraArgs: { bare: null } }],
  [/extraArgs .* dangerously-skip-permissions/, { extraArgs: { "dangerously-skip-permissions": null } }],
  [/extraArgs .* allowedTools/, { extraArgs: { allowedTools: "Bash" } }],
  [/extraArgs .* settings/, { extraArgs: { settings: "{}" } }],
  [/extraArgs .* a-flag-to-come/, { extraArgs: { "a-flag-to-come": null } }],
  [/CLAUDE_CODE_SIMPLE is set/, { env: { CLAUDE_CODE_SIMPLE: "1" } }],
  [/CLAUDE_CODE_SAFE_MODE is set/, { env: { CLAUDE_CODE_SAFE_MODE: "true" } }],
  [/CLAUDE_CODE_PLUGIN_DIRS is set/, { env: { CLAUDE_CODE_PLUGIN_DIRS: "/plugin" } }],
  [/BUN_OPTIONS is set/, { env: { BUN_OPTIONS: "--preload=./mine.js" } }],
  [/BUN_INSPECT_PRELOAD is set/, { env: { BUN_INSPECT_PRELOAD: "./mine.js" } }],
  [/settings cannot be set/, { settings: { disableAllHooks: true } }],
  [/settings cannot be set/, { settings: "settings.json" }],
  [/managedSettings cannot be set/, { managedSettings: { disableAllHooks: true } }],
  [/settingSources must be \[\]/, { settingSources: ["user"] }],
  [/settingSources must be \[\]/, { settingSources: undefined }],
  [/plugins cannot be set/, { plugins: [{ type: "local", path: "." }] }],
  [/pathToClaudeCodeExecutable cannot be set/, { pathToClaudeCodeExecutable: "/usr/bin/true" }],
  [/executable cannot be set/, { executable: "bun" }],
  [/executableArgs cannot be set/, { executableArgs: ["--import", "./mine.js"] }],
  [/spawnClaudeCodeProcess cannot be set/, { spawnClaudeCodeProcess: hook }],
  [/permissionPromptToolName cannot be set/, { permissionPromptToolName: "mcp__desk__ask" }],
  [/permissionPrompts must be 'host'/, { permissionPrompts: "none" }],
  [/autoAllowBashIfSandboxed/, { sandbox: { enabled: true, autoAllowBashIfSandboxed: true } }],
  [/name Skill in ungated/, { skills: "all" }],
  [/skills of the agent helper/, { agents: { helper: { description: "x", prompt: "y", skills: ["pdf"] } } }],
  [
    /permissionMode of the agent helper 'acceptEdits'/,
    { agents: { helper: { description: "x", prompt: "y", permissionMode: "acceptEdits" } } },
  ],
  [/hooks of the agent helper/, { agents: { helper: { description: "x", prompt: "y", hooks: {} } } }],
  [/toolAliases cannot be set: this version of the gate does not know/, { toolAliases: { Bash: "mcp__desk__sh" } }],
  [/anOptionToCome cannot be set/, { anOptionToCome: true }],
] as const) {
  test(`refused: ${JSON.stringify(options)}`, () => {
    assert.throws(() => unchecked(options, { ungated: ["Read"] }), { name: "TypeError", message: match });
  });
}

test("options of the gate that make no sense are refused", () => {
  for (const [match, gate] of [
    [/hookTimeoutMs/, { hookTimeoutMs: 5_000 }],
    [/hookTimeoutMs/, { hookTimeoutMs: 2 ** 31 }],
    [/unknown option callId/, { callId: "one" }],
    [/unknown option timeout .*timeoutMs/, { timeout: 1 }],
    [/unknown option chain/, { chain: ["a"] }],
    [/agentName/, { agentName: "" }],
    [/ungated/, { ungated: "Read" }],
  ] as const) {
    assert.throws(() => unchecked({}, gate), { name: "TypeError", message: match });
  }
  class Inherits {
    settings = {};
  }
  assert.throws(() => gateOptions(new Inherits(), server.client()), /object of options of query/);
  assert.throws(() => gateOptions({ settingSources: [] }, {} as never), /must be a Client/);
  const options = unchecked({ allowedTools: ["Read"], extraArgs: { "debug-file": "log" } }, { ungated: ["Read"] });
  assert.deepEqual([options.allowedTools, options.permissionMode], [[], "default"]);
  assert.equal(unchecked({ permissionMode: "plan" }).permissionMode, "plan");
});

test("a variable of this process that switches off hooks is refused, unless the program does not get it", () => {
  process.env.CLAUDE_CODE_SIMPLE = "1";
  try {
    assert.throws(() => unchecked({}), /CLAUDE_CODE_SIMPLE is set/);
    assert.equal(unchecked({ env: { PATH: "" } }).env?.CLAUDE_CODE_SIMPLE, "");
  } finally {
    delete process.env.CLAUDE_CODE_SIMPLE;
  }
  const options = unchecked({});
  assert.equal(options.env?.PATH, process.env.PATH);
});

for (const file of [".claude.json", ".claude/settings.json", ".claude/settings.local.json"]) {
  inHome(`nothing in ${file} leads around the gate`, async () => {
    await mkdir(join(home, ".claude"));
    const env = { CLAUDE_CODE_SIMPLE: "1", CLAUDE_CODE_SAFE_MODE: "1" };
    const settings = { env, permissions: { allow: ["Bash"], defaultMode: "bypassPermissions" }, disableAllHooks: true };
    await writeFile(join(home, file), JSON.stringify(settings));
    const { results } = await run(server, [[LIST]], { home, gate: { timeoutMs: 1_000 } });
    assert.match(results["call-list"] ?? "", /NOT RUN\. No reviewer decided/);
  });
}

inHome("plugins that a file's variables name are not loaded", async () => {
  const [plugin, ran] = [join(home, "plugin"), join(home, "ran")];
  const hooks = { PreToolUse: [{ matcher: "*", hooks: [{ type: "command", command: `touch ${ran}` }] }] };
  const files = {
    "plugin/.claude-plugin/plugin.json": { name: "hooked", version: "1.0.0", description: "x" },
    "plugin/hooks/hooks.json": { hooks },
    ".claude.json": { env: { CLAUDE_CODE_PLUGIN_DIRS: plugin } },
  };
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(home, file)), { recursive: true });
    await writeFile(join(home, file), JSON.stringify(content));
  }
  const desk = new Desk("auto_plugged");
  const { results } = await run(server, [desk.calls("alice")], { desk, home });
  assert.equal(results["call-alice"], "sent to alice");
  await assert.rejects(access(ran));
});

test("a program that calls no hooks runs nothing", async () => {
  const warnings: string[] = [];
  const logger = { warn: (line: string) => warnings.push(line) };
  const desk = new Desk("unseen");
  const { results } = await run(server, [[LIST], desk.calls("alice")], {
    desk,
    gate: { ungated: ["Bash"], logger },
    options: { canUseTool: async (_, updatedInput) => ({ behavior: "allow", updatedInput }) },
    changed: (options) => ({
      ...options,
      env: { ...options.env, CLAUDE_CODE_SIMPLE: "1" },
      settings: { permissions: { ask: ["*"] } },
    }),
  });
  for (const id of ["call-list", "call-alice"]) assert.match(results[id] ?? "", /could not be approved/);
  assert.match(warnings.join(), /did not ask the gate about a call to Bash/);
  assert.equal(desk.runs.length, 0);
  assert.equal((await server.approvals(named("unseen"))).length, 0);
});

test("a program that does not call the gate's hook runs nothing, not even what asks nobody else", async () => {
  const { results } = await run(server, [[LIST]], {
    gate: { logger: { warn: () => {} } },
    changed: (options) => ({ ...options, hooks: { ...options.hooks, PreToolUse: [] } }),
  });
  assert.match(results["call-list"] ?? "", /could not be approved/);
});

test("settings that are applied while the session runs do not switch off the gate", async () => {
  const desk = new Desk("switched");
  const directory = await mkdtemp(join(tmpdir(), "signoff-claude-"));
  const model = await Model.start([], desk.calls("alice"));
  const prompts = new Prompts();
  try {
    const options: Options = {
      settingSources: [],
      mcpServers: { desk: desk.server() },
      env: environment(directory, model),
    };
    const session = query({ prompt: prompts, options: gateOptions(options, server.client(), { timeoutMs: 1_000 }) });
    prompts.say("hello");
    await resultOf(session);
    await session.applyFlagSettings({ disableAllHooks: true });
    prompts.say("go");
    await resultOf(session);
    prompts.end();
    await readOut(session);
    assert.match(model.results["call-alice"] ?? "", /NOT RUN\. (No reviewer decided|.*could not be approved)/);
    assert.equal(desk.runs.length, 0);
  } finally {
    model.stop();
    await rm(directory, { recursive: true, maxRetries: 5, retryDelay: 100 });
  }
});

inHome("a mode that is set while the session runs does not replace the approval", async () => {
  const file = join(home, "note");
  const model = await Model.start([{ id: "call-write", tool: "Write", input: { file_path: file, content: "hello" } }]);
  try {
    const options: Options = { settingSources: [], env: environment(home, model), cwd: home };
    const prompts = new Prompts();
    const session = query({ prompt: prompts, options: gateOptions(options, server.client(), { timeoutMs: 1_000 }) });
    await session.setPermissionMode("acceptEdits");
    prompts.say("go");
    await resultOf(session);
    prompts.end();
    await readOut(session);
    assert.match(model.results["call-write"] ?? "", /NOT RUN\. No reviewer decided on the call to Write/);
    await assert.rejects(access(file));
  } finally {
    model.stop();
  }
});

test("a tool that ends without the hook before it ends all", async () => {
  const warnings: string[] = [];
  const { hooks } = unchecked({}, { logger: { warn: (line: string) => warnings.push(line) } });
  const { signal } = new AbortController();
  const input = (event: string, tool_name: string) =>
    ({ hook_event_name: event, tool_name, tool_input: {}, session_id: "s" }) as unknown as HookInput;
  await hooks?.PostToolUse?.at(-1)?.hooks[0]?.(input("PostToolUse", "Bash"), "call-1", { signal });
  const answer = await hooks?.PreToolUse?.[0]?.hooks[0]?.(input("PreToolUse", "auto.send"), "call-2", { signal });
  assert.match(JSON.stringify(answer), /"permissionDecision":"deny"/);
  assert.match(warnings.join(), /did not ask the gate about a call to Bash/);
});

test("a call that ran with other input than was approved is reported as failed", async () => {
  const { signal } = new AbortController();
  const { hooks, canUseTool } = unchecked({});
  const input = (event: string, to: string) =>
    ({ hook_event_name: event, tool_name: "auto.other", tool_input: { to }, session_id: "s" }) as unknown as HookInput;
  const before = (to: string) => hooks?.PreToolUse?.[0]?.hooks[0]?.(input("PreToolUse", to), "call-1", { signal });
  const permission = () => canUseTool?.("auto.other", { to: "bob" }, { signal, toolUseID: "call-1", requestId: "r" });
  const [answer, second] = await Promise.all([before("alice"), before("alice")]);
  assert.match(JSON.stringify(answer), /"permissionDecision":"allow","updatedInput":\{"to":"alice"\}/);
  assert.match(JSON.stringify(second), /"permissionDecision":"deny"/);
  assert.deepEqual(await permission(), { behavior: "allow", updatedInput: { to: "alice" } });
  await hooks?.PostToolUse?.[0]?.hooks[0]?.(input("PostToolUse", "bob"), "call-1", { signal });
  assert.equal((await permission())?.behavior, "deny");
  for (;;) {
    const [approval] = await server.approvals("auto.other");
    const { result, message } = approval?.claim?.outcome ?? {};
    if (result === undefined) continue;
    assert.equal(result, ExecutionResult.FAILED);
    assert.match(message ?? "", /ran with other arguments than approved/);
    break;
  }
});

inHome("own permissions are for ungated tools; without them, allowedTools says what may run", async () => {
  const file = join(home, "note");
  await writeFile(file, "hello");
  const read: Call = { id: "call-read", tool: "Read", input: { file_path: file } };
  const asked: string[] = [];
  const desk = new Desk("permitted");
  const session = run(server, [[read], desk.calls("alice")], {
    desk,
    home,
    gate: { ungated: ["Read"] },
    options: {
      canUseTool: async (name, updatedInput) => {
        asked.push(name);
        return { behavior: "allow", updatedInput };
      },
    },
  });
  await server.reviewer(named("permitted")).approve();
  const { results } = await session;
  assert.match(results["call-read"] ?? "", /hello/);
  assert.deepEqual([results["call-alice"], asked], ["sent to alice", ["Read"]]);
  const gate = { ungated: ["Read"] };
  const allowed = await run(server, [[read]], { home, gate, options: { allowedTools: ["Read"] } });
  assert.match(allowed.results["call-read"] ?? "", /hello/);
  const denied = await run(server, [[read]], { home, gate });
  assert.match(denied.results["call-read"] ?? "", /Read is not allowed here/);
});

test("skills run where they are ungated, and so do the commands in their texts", async () => {
  const { signal } = new AbortController();
  const input = { hook_event_name: "PreToolUse", tool_name: "Skill", session_id: "s" } as unknown as HookInput;
  // The oldest version does not know this event.
  const inSkill = ({ hooks }: Options) =>
    (hooks as Record<string, HookCallbackMatcher[]>).PreSkillShellCommand?.[0]?.hooks[0]?.(input, "c", { signal });
  const options = unchecked({ skills: ["pdf"] }, { ungated: ["Skill"] });
  await options.hooks?.PreToolUse?.[0]?.hooks[0]?.(input, "call-1", { signal });
  const permission = await options.canUseTool?.("Skill", {}, { signal, toolUseID: "call-1", requestId: "r" });
  assert.equal(permission?.behavior, "allow");
  assert.deepEqual(await inSkill(options), {});
  assert.match(JSON.stringify(await inSkill(unchecked({}))), /"permissionDecision":"deny"/);
});

test("hooks of one's own stay", async () => {
  const seen: string[] = [];
  const note = async ({ hook_event_name }: HookInput) => {
    seen.push(hook_event_name);
    return {};
  };
  const desk = new Desk("auto_noted");
  const hooks = { PostToolUse: [{ hooks: [note] }], Stop: [{ hooks: [note] }] };
  await run(server, [desk.calls("alice")], { desk, options: { hooks } });
  assert.deepEqual([seen, desk.runs.length], [["PostToolUse", "Stop"], 1]);
});
