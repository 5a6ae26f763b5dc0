// What the adapters import of LangChain, where it is not installed: the client is built without it.

declare module "@langchain/core/messages" {
  export class ToolMessage {
    constructor(fields: { content: string; name: string; tool_call_id: string; status: "error" | "success" });
    static isInstance(message: unknown): message is ToolMessage & { status?: string; content: unknown };
  }
}

declare module "@langchain/core/singletons" {
  export const AsyncLocalStorageProviderSingleton: { getRunnableConfig(): unknown };
}

declare module "@langchain/core/utils/json_schema" {
  export function toJsonSchema(schema: unknown): Record<string, unknown>;
  export class Validator {
    constructor(schema: object);
    validate(value: unknown): { valid: boolean; errors: { instanceLocation: string; error: string }[] };
  }
}

declare module "@langchain/langgraph" {
  export const END: "__end__";
  export class Send {
    constructor(node: string, args: unknown);
  }
}
