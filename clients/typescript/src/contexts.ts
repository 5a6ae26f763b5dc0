import { isPlainObject } from "./arguments.js";

/** What a framework's context says about a call. */
export interface ContextFacts {
  /** Aborted when the framework no longer wants the call. */
  readonly signal?: AbortSignal | undefined;
  /** The id of the model's tool call. */
  readonly callId?: string | undefined;
}

/**
 * Reads the arguments after the first: contexts that frameworks pass to a tool. They are passed on to the function, and
 * never shown, hashed or stored.
 *
 * @param declared - whether the wrapper's options say that whatever comes is a context.
 * @throws TypeError for what is not known as a context: it would reach the function unseen.
 */
export function factsOf(toolName: string, contexts: readonly unknown[], declared: boolean): ContextFacts {
  let facts: ContextFacts = {};
  contexts.forEach((context, index) => {
    // Says nothing, and hides nothing.
    if (context === undefined || context === null) return;
    const known = recognise(context);
    if (!known && !declared) {
      throw new TypeError(
        `argument ${index + 2} of ${toolName} would not be seen by reviewers: put it into the first argument, ` +
          "or set passContext: true if it is a context",
      );
    }
    facts = { signal: facts.signal ?? known?.signal, callId: facts.callId ?? known?.callId };
  });
  return facts;
}

/** @throws TypeError for a context where the arguments are to be: frameworks pass it first to tools without input. */
export function refuseContext(toolName: string, args: unknown): void {
  if (recognise(args) === undefined) return;
  throw new TypeError(`argument 1 of ${toolName} is a context: call it with its arguments first, {} if it has none`);
}

/**
 * The facts of a context with a known shape, or else undefined. Each shape needs several names, or values that are not
 * JSON, so that no other object matches by accident.
 */
function recognise(context: unknown): ContextFacts | undefined {
  if (isSignal(context)) return { signal: context };
  if (typeof context !== "object" || context === null) return undefined;
  for (const shape of SHAPES) {
    const facts = shape(context as Record<string, unknown>);
    if (facts) return facts;
  }
  return undefined;
}

type ContextShape = (context: Record<string, unknown>) => ContextFacts | undefined;

/** AI SDK: `{ toolCallId, messages, abortSignal, experimental_context }`. */
const ofAiSdk: ContextShape = ({ toolCallId, messages, abortSignal }) => {
  if (typeof toolCallId !== "string" || !Array.isArray(messages)) return undefined;
  return { callId: toolCallId || undefined, signal: signalOf(abortSignal) };
};

/**
 * MCP TypeScript SDK: `{ signal, requestId, sendNotification, sendRequest, … }`. Its request ids begin anew in each
 * session, so they do not name a call.
 */
const ofMcp: ContextShape = ({ signal, sendNotification, sendRequest }) => {
  if (typeof sendNotification !== "function" || typeof sendRequest !== "function") return undefined;
  return { signal: signalOf(signal) };
};

/** LangChain: the config of a tool's call, `{ toolCall, tags, metadata, recursionLimit, signal, … }`. */
const ofLangChain: ContextShape = ({ toolCall, tags, metadata, recursionLimit, signal }) => {
  if (!Array.isArray(tags) || !isPlainObject(metadata) || typeof recursionLimit !== "number") return undefined;
  return { callId: idIn(toolCall, "id"), signal: signalOf(signal) };
};

/** LangChain: what tells of a tool's run, between the input and the config of a DynamicStructuredTool. */
const ofRunManager: ContextShape = ({ getChild, handleToolEnd }) =>
  typeof getChild === "function" && typeof handleToolEnd === "function" ? {} : undefined;

/** OpenAI Agents SDK: its RunContext. */
const ofRunContext: ContextShape = (context) => {
  const { approveTool, rejectTool } = context;
  return typeof approveTool === "function" && typeof rejectTool === "function" ? {} : undefined;
};

/** OpenAI Agents SDK: the details of a tool's call, `{ toolCall, signal, … }`. */
const ofDetails: ContextShape = ({ toolCall, signal }) => {
  const callId = idIn(toolCall, "callId");
  return callId === undefined ? undefined : { callId, signal: signalOf(signal) };
};

/** Options as `fetch` takes them, with nothing but a signal. */
const ofSignal: ContextShape = (context) =>
  isPlainObject(context) && Object.keys(context).length === 1 && isSignal(context.signal)
    ? { signal: context.signal }
    : undefined;

const SHAPES: readonly ContextShape[] = [ofAiSdk, ofMcp, ofLangChain, ofRunManager, ofRunContext, ofDetails, ofSignal];

function idIn(toolCall: unknown, name: string): string | undefined {
  const id =
    typeof toolCall === "object" && toolCall !== null ? (toolCall as Record<string, unknown>)[name] : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}

function signalOf(value: unknown): AbortSignal | undefined {
  return isSignal(value) ? value : undefined;
}

/** Whether it is a signal, of whichever realm. */
export function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  const { aborted, addEventListener } = value as AbortSignal;
  return typeof aborted === "boolean" && typeof addEventListener === "function";
}
