/** What the adapter reads in the AI SDK's messages. Clients may have made them up: they name calls, and permit nothing. */

/** A part of a message, as far as it is one of those that are looked for. */
interface Part {
  readonly type?: unknown;
  readonly toolCallId?: unknown;
  readonly toolName?: unknown;
  readonly input?: unknown;
  readonly approvalId?: unknown;
  readonly approved?: unknown;
  readonly isAutomatic?: unknown;
  readonly providerExecuted?: unknown;
}

/** What names a call within its run. */
export interface NamedCall {
  readonly toolCallId: string | undefined;
  /** What the model had been sent when it made the call. */
  readonly messages: readonly unknown[];
  /** Whether the messages have the call already: the run goes on after a pause. */
  readonly isResumed: boolean;
}

/**
 * Names a call. Some models count their calls anew in each answer: an id that has a result already is that of another
 * call.
 */
export function nameOf(toolCallId: unknown, messages: unknown): NamedCall {
  if (typeof toolCallId !== "string" || !Array.isArray(messages)) {
    return { toolCallId: undefined, messages: [], isResumed: false };
  }
  const paused = placeOf(toolCallId, messages) ?? answeredPlaceOf(toolCallId, messages);
  const before = paused === undefined ? messages : messages.slice(0, paused);
  const earlier = before.flatMap(partsOf).filter((part) => isResultOf(part, toolCallId)).length;
  return {
    toolCallId: earlier === 0 ? toolCallId : JSON.stringify([toolCallId, earlier]),
    messages: before,
    isResumed: paused !== undefined,
  };
}

/** An answer to a request of the AI SDK. */
export interface Answer {
  type: "tool-approval-response";
  approvalId: string;
  approved: boolean;
  reason?: string;
}

/** A call that the AI SDK's own request for approval stands for, and that has no result. */
export interface PausedCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
  /** The AI SDK's id of its request. */
  readonly approvalId: string;
  /** What somebody told the AI SDK about it: a "no", if there is one. */
  readonly answer: Answer | undefined;
  /** Whether only results and answers follow it, so that the run can go on with it. */
  readonly isLast: boolean;
}

/** The calls that a run paused at, in their order. */
export function pausedCalls(messages: readonly unknown[]): PausedCall[] {
  const answers = messages.flatMap(partsOf).filter(isAnswer);
  const found = new Map<string, PausedCall>();
  for (const { at, type, approvalId, toolCallId, isAutomatic } of placedParts(messages)) {
    if (type !== "tool-approval-request" || isAutomatic === true) continue;
    if (typeof approvalId !== "string" || typeof toolCallId !== "string") continue;
    const place = placeOf(toolCallId, messages);
    // A request before the call is that of another call, which had the same id.
    if (place === undefined || at < place) continue;
    const call = partsOf(messages[place]).find((part) => isCallOf(part, toolCallId));
    if (typeof call?.toolName !== "string") continue;
    const { toolName, input } = call;
    const isLast = messages.slice(place + 1).every((message) => (message as { role?: unknown }).role === "tool");
    const own = answers.filter((answer) => answer.approvalId === approvalId);
    const before = found.get(toolCallId)?.answer;
    const answer = [...own, ...(before ? [before] : [])].find(({ approved }) => !approved) ?? own[0];
    found.set(toolCallId, { toolCallId, toolName, input, approvalId, answer, isLast });
  }
  return [...found.values()];
}

/** The tool of a call that is without a result, of those that come with the paused ones and are not among them. */
export function openBeside(paused: readonly PausedCall[], messages: readonly unknown[]): string | undefined {
  const ids = paused.map(({ toolCallId }) => toolCallId);
  const places = new Set(ids.map((id) => placeOf(id, messages)));
  const isOpen = ({ at, type, toolCallId, providerExecuted }: Part & { readonly at: number }) =>
    type === "tool-call" &&
    providerExecuted !== true &&
    typeof toolCallId === "string" &&
    !ids.includes(toolCallId) &&
    places.has(at) &&
    placeOf(toolCallId, messages) === at;
  const open = placedParts(messages).find(isOpen);
  return open && String(open.toolName);
}

/** The parts of all messages, each with the place of its message. */
function placedParts(messages: readonly unknown[]): (Part & { readonly at: number })[] {
  return messages.flatMap((message, at) => partsOf(message).map((part) => ({ ...part, at })));
}

/** The message that has the newest call of this id, if there is no result of it. */
function placeOf(toolCallId: string, messages: readonly unknown[]): number | undefined {
  for (let place = messages.length - 1; place >= 0; place -= 1) {
    const parts = partsOf(messages[place]);
    if (parts.some((part) => isResultOf(part, toolCallId))) return undefined;
    if (parts.some((part) => isCallOf(part, toolCallId))) return place;
  }
  return undefined;
}

/**
 * The message that has the newest call of this id, if the AI SDK is about to run it because the last message answers its
 * request: also when messages are given once more that have its result.
 */
function answeredPlaceOf(toolCallId: string, messages: readonly unknown[]): number | undefined {
  const last = partsOf(messages.at(-1));
  if (last.some((part) => isResultOf(part, toolCallId))) return undefined;
  const answered = last.filter(({ type }) => type === "tool-approval-response").map(({ approvalId }) => approvalId);
  const isAnswered = messages
    .flatMap(partsOf)
    .some(
      (part) =>
        part.type === "tool-approval-request" && part.toolCallId === toolCallId && answered.includes(part.approvalId),
    );
  const place = messages.findLastIndex((message) => partsOf(message).some((part) => isCallOf(part, toolCallId)));
  return isAnswered && place !== -1 ? place : undefined;
}

function isAnswer(part: Part): part is Answer {
  const { type, approvalId, approved } = part;
  return type === "tool-approval-response" && typeof approvalId === "string" && typeof approved === "boolean";
}

function isCallOf({ type, toolCallId }: Part, id: string): boolean {
  return type === "tool-call" && toolCallId === id;
}

function isResultOf({ type, toolCallId }: Part, id: string): boolean {
  return type === "tool-result" && toolCallId === id;
}

function partsOf(message: unknown): readonly Part[] {
  const content = (message as { content?: unknown } | null | undefined)?.content;
  return Array.isArray(content) ? content.filter((part) => typeof part === "object" && part !== null) : [];
}
