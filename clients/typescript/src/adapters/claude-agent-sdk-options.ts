import { isPlainObject } from "../arguments.js";

/** Options of the SDK, by name, as plain JavaScript may give them. */
export type SdkOptions = Readonly<Record<string, unknown>>;

/** Permission modes that allow nothing by themselves, and let the program ask. */
const MODES: readonly unknown[] = [undefined, "default", "plan"];

/** Hooks that could change what was approved. */
const DECIDING_HOOKS = ["PreToolUse", "PermissionRequest", "PreSkillShellCommand"];

/** The program's arguments that only watch the session or keep it. */
const FLAGS = ["debug", "debug-file", "debug-to-stderr", "no-session-persistence", "replay-user-messages"];

/** Variables that switch off hooks or permissions in the program, or load plugins, whose hooks could. */
const SWITCHES = [
  "CLAUDE_CODE_PLUGIN_DIRS",
  "CLAUDE_CODE_SIMPLE",
  "CLAUDE_CODE_SAFE_MODE",
  "CLAUDE_CODE_PERSONAL_HOOKS_OFF",
  "CLAUDE_CODE_EVEN_MORE_DANGEROUSLY_SKIP_PERMISSIONS",
];

/** Variables with code that the program's runtime loads when it starts. It takes an empty one for a file, and fails. */
const PRELOADS = ["BUN_INSPECT_PRELOAD", "BUN_OPTIONS"];

const OFF = ["", "0", "false"];

const LEADS_AROUND: Readonly<Record<string, string>> = {
  allowDangerouslySkipPermissions: "it lets the session skip permissions",
  executable: "another program may not call the hooks",
  executableArgs: "another program may not call the hooks",
  managedSettings: "managed settings disable the SDK's hooks",
  pathToClaudeCodeExecutable: "another program may not call the hooks",
  permissionPromptToolName: "the gate answers the program's prompts",
  plugins: "plugins have hooks that could change an approved call",
  settings: "settings have permissions, hooks and variables that bypass the gate",
  spawnClaudeCodeProcess: "another program may not call the hooks",
};

/** Those that are looked at below, and those that say what the model has, and how its session goes. */
const JUDGED: ReadonlySet<string> = new Set([
  ...["agents", "allowedTools", "canUseTool", "env", "extraArgs", "hooks", "permissionMode", "permissionPrompts"],
  ...["sandbox", "settingSources", "skills"],
  ...["abortController", "additionalDirectories", "agent", "agentProgressSummaries", "betas", "continue", "cwd"],
  ...["debug", "debugFile", "disallowedTools", "effort", "enableFileCheckpointing", "fallbackModel", "forkSession"],
  ...["forwardSubagentText", "includeHookEvents", "includePartialMessages", "loadTimeoutMs", "maxBudgetUsd"],
  ...["maxThinkingTokens", "maxTurns", "mcpServers", "mcpServersDelivery", "model", "onElicitation", "outputFormat"],
  ...["perTaskStopAffordance", "persistSession", "planModeInstructions", "promptSuggestions", "resume"],
  ...["resumeDropsTurn", "resumeSessionAt", "sessionId", "sessionStore", "sessionStoreFlush", "stderr"],
  ...["strictMcpConfig", "systemPrompt", "taskBudget", "thinking", "title", "toolConfig", "tools"],
  ...["verbatimPrompts"],
]);

/**
 * What a later version of the SDK adds to an agent may allow something; those of a subagent's definition that are known do
 * not, but for its mode.
 */
const JUDGED_OF_AGENTS: ReadonlySet<string> = new Set([
  ...["description", "tools", "disallowedTools", "prompt", "model", "mcpServers", "permissionMode", "maxTurns"],
  ...["criticalSystemReminder_EXPERIMENTAL", "initialPrompt", "autoCompactWindow", "background", "omitClaudeMd"],
  ...["memory", "effort", "observer", "observerMessage", "skills"],
]);

/** @throws TypeError for an option that lets tools run beside the gate, or that is not known. */
export function checkSdkOptions(options: SdkOptions, ungated: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const around = LEADS_AROUND[name];
    if (around !== undefined && !isNothing(value)) throw new TypeError(`${name} cannot be set: ${around}`);
    if (around === undefined && !JUDGED.has(name)) {
      throw new TypeError(`${name} cannot be set: this version of the gate does not know what it allows`);
    }
  }
  const { settingSources, permissionPrompts, skills, agents } = options;
  if (!Array.isArray(settingSources) || settingSources.length > 0) {
    throw new TypeError("settingSources must be []: settings files can disable the gate's hooks, or allow tools");
  }
  if (permissionPrompts !== undefined && permissionPrompts !== "host") {
    throw new TypeError("permissionPrompts must be 'host': the gate answers the program's prompts");
  }
  if (!isNothing(skills) && !ungated.has("Skill")) {
    throw new TypeError("skills lets the tool Skill run, which Signoff decides on: name Skill in ungated");
  }
  refuseAllowed(listOf(options.allowedTools, "allowedTools"), ungated);
  refuseMode(options.permissionMode, "permissionMode");
  for (const [name, agent] of Object.entries(objectOf(agents, "agents"))) refuseAgent(name, agent, ungated);
  refuseHooks(objectOf(options.hooks, "hooks"));
  refuseFlags(objectOf(options.extraArgs, "extraArgs"));
  refuseSandbox(objectOf(options.sandbox, "sandbox"));
  // The SDK starts the program with these variables alone, or with those of this process.
  refuseSwitches(options.env === undefined ? process.env : objectOf(options.env, "env"));
}

/** @throws TypeError for sessions that are not kept: they cannot be resumed. */
export function checkKept({ persistSession, extraArgs }: SdkOptions): void {
  if (persistSession !== false && !Object.hasOwn(objectOf(extraArgs, "extraArgs"), "no-session-persistence")) return;
  throw new TypeError("durable needs sessions that are kept: remove persistSession: false and no-session-persistence");
}

/** The variables of the program, without what switches off its hooks. */
export function environment(options: SdkOptions): Record<string, string | undefined> {
  const given = (options.env ?? process.env) as Record<string, string | undefined>;
  return { ...given, ...switchedOff() };
}

/**
 * Settings that come before those of files, but for those of the machine's administrator.
 *
 * Files set variables too: the program reads `~/.claude.json` even without setting sources. With these settings it asks
 * before every tool. It also asks if there is no hook, if a hook allowed the tool, and for commands in a sandbox.
 */
export function settings(): object {
  return {
    disableAllHooks: false,
    env: switchedOff(),
    permissions: { ask: ["*"] },
    sandbox: { autoAllowBashIfSandboxed: false },
  };
}

function switchedOff(): Record<string, string> {
  return Object.fromEntries(SWITCHES.map((name) => [name, ""]));
}

function refuseAllowed(allowedTools: readonly unknown[], ungated: ReadonlySet<string>): void {
  const sticky = allowedTools.filter((name) => !ungated.has(name as string)).sort();
  if (sticky.length === 0) return;
  throw new TypeError(`allowedTools lets tools run that Signoff decides on: ${sticky.join(", ")}. Remove them`);
}

function refuseMode(mode: unknown, name: string): void {
  if (MODES.includes(mode)) return;
  throw new TypeError(`${name} '${mode}' decides on tools that Signoff decides on: use 'default' or 'plan'`);
}

function refuseAgent(name: string, agent: unknown, ungated: ReadonlySet<string>): void {
  const definition = objectOf(agent, `agents.${name}`);
  const unknown = Object.keys(definition).find((key) => definition[key] !== undefined && !JUDGED_OF_AGENTS.has(key));
  if (unknown !== undefined) {
    throw new TypeError(`${unknown} of the agent ${name} cannot be set: this version of the gate does not know it`);
  }
  refuseMode(definition.permissionMode, `permissionMode of the agent ${name}`);
  if (!isNothing(definition.skills) && !ungated.has("Skill")) {
    throw new TypeError(`skills of the agent ${name} load without being asked about: name Skill in ungated`);
  }
}

function refuseHooks(hooks: SdkOptions): void {
  const deciding = DECIDING_HOOKS.find((event) => !isNothing(hooks[event]));
  if (deciding === undefined) return;
  throw new TypeError(`${deciding} hooks run beside the gate, and could change an approved call: remove them`);
}

function refuseFlags(extraArgs: SdkOptions): void {
  const flags = Object.keys(extraArgs).filter((flag) => !FLAGS.includes(flag));
  if (flags.length === 0) return;
  throw new TypeError(`extraArgs cannot have ${flags.sort().join(", ")}; it can have ${FLAGS.join(", ")}`);
}

function refuseSandbox({ autoAllowBashIfSandboxed }: SdkOptions): void {
  if (autoAllowBashIfSandboxed === undefined || autoAllowBashIfSandboxed === false) return;
  throw new TypeError("sandbox.autoAllowBashIfSandboxed lets commands run that Signoff decides on: remove it");
}

function refuseSwitches(variables: SdkOptions): void {
  for (const [name, value] of Object.entries(variables)) {
    if (![...SWITCHES, ...PRELOADS].includes(name.toUpperCase()) || value === undefined) continue;
    if (OFF.includes(String(value).trim().toLowerCase())) continue;
    throw new TypeError(`${name} is set, which can disable or change the program's hooks and permissions: remove it`);
  }
}

/** Whether an option's value is as if it were not set. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === false || value === "" || isEmpty(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isPlainObject(value) && Object.keys(value).length === 0;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new TypeError(`${name} must be an array`);
}

function objectOf(value: unknown, name: string): SdkOptions {
  if (value === undefined) return {};
  if (typeof value === "object" && value !== null) return value as SdkOptions;
  throw new TypeError(`${name} must be an object`);
}
