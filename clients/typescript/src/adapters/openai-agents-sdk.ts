/** What the adapter looks at in the OpenAI Agents SDK, whose own types it does not import. */

/** The context of a run. */
export interface RunContextLike {
  /** What `run` was given as its context. It never leaves the process. */
  // biome-ignore lint/suspicious/noExplicitAny: the user's own.
  readonly context: any;
  /** The one object that all contexts of a run share. */
  readonly usage: object;
  isToolApproved(approval: { toolName: string; callId: string }): boolean | undefined;
}

/** What the SDK says of a call besides its arguments. */
export interface Details {
  readonly toolCall?: { readonly callId?: unknown } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly parameters: unknown;
  invoke(context: RunContextLike, input: string, details?: Details): Promise<unknown>;
  needsApproval(context: RunContextLike, input: unknown, callId?: string): Promise<boolean>;
  readonly timeoutMs?: number | undefined;
  readonly outputSchema?: unknown;
}

export interface HandoffLike {
  readonly agent: AgentLike;
  onInvokeHandoff(context: RunContextLike, input: string): Promise<AgentLike> | AgentLike;
}

export interface AgentLike {
  readonly name: string;
  tools: unknown[];
  handoffs: unknown[];
  readonly toolUseBehavior: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as the SDK's versions have them.
  getAllTools(context: any, ...more: any[]): Promise<unknown[]>;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  getEnabledHandoffs(context: any): Promise<unknown[]>;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  clone(config: any): any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  asTool(options: any): any;
}

export function isAgent(value: unknown): value is AgentLike {
  if (typeof value !== "object" || value === null) return false;
  const { name, tools, getAllTools, getEnabledHandoffs, clone, asTool } = value as Partial<AgentLike>;
  const methods = [getAllTools, getEnabledHandoffs, clone, asTool];
  return typeof name === "string" && Array.isArray(tools) && methods.every((method) => typeof method === "function");
}

export function isHandoff(value: unknown): value is HandoffLike {
  return typeof (value as Partial<HandoffLike> | null)?.onInvokeHandoff === "function";
}

export function isFunctionTool(value: unknown): value is FunctionTool {
  const { type, name, invoke } = (value ?? {}) as Partial<FunctionTool>;
  return type === "function" && typeof name === "string" && typeof invoke === "function";
}

/** Whether it is what `asTool` of an agent makes: an agent's events can be heard with it. */
export function isAgentTool(tool: FunctionTool): boolean {
  return typeof (tool as { on?: unknown }).on === "function";
}

/** The tool's name with its namespace, if it has one. */
export function qualifiedName(tool: FunctionTool): string {
  const namespace = symbolOf(tool, "functionToolNamespace");
  return typeof namespace === "string" && namespace !== "" ? `${namespace}.${tool.name}` : tool.name;
}

/** What an object has under a symbol of the SDK, which exports none of them. */
export function symbolOf(object: object, description: string): unknown {
  const key = Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
  return key && (object as Record<symbol, unknown>)[key];
}

/** A copy of an object with other properties, which keeps what is not enumerable, inherited or has a symbol as its name. */
export function replaced<T extends object>(object: T, by: Partial<T>, without?: string): T {
  const properties = { ...Object.getOwnPropertyDescriptors(object), ...Object.getOwnPropertyDescriptors(by) };
  for (const key of Object.getOwnPropertySymbols(properties)) {
    if (key.description === without) delete (properties as Record<symbol, unknown>)[key];
  }
  return Object.create(Object.getPrototypeOf(object), properties);
}
