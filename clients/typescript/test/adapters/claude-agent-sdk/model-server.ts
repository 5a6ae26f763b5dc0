import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** A call of a scripted model. */
export interface Call {
  readonly id: string;
  readonly tool: string;
  readonly input: object;
}

interface Block {
  readonly type: string;
  readonly tool_use_id?: string;
  readonly content?: string | readonly { readonly text?: string }[];
}

interface Body {
  readonly model: string;
  readonly tools?: readonly unknown[];
  readonly messages: readonly { readonly content: string | readonly Block[] }[];
}

const USAGE = { input_tokens: 1, output_tokens: 1 };

/** The model's API with scripted answers, in this process: the SDK's own program talks to it, and to nothing else. */
export class Model {
  readonly #server: Server;
  readonly #turns: (readonly Call[])[];
  /** What the model read as the results of its calls, by their ids. */
  readonly results: Record<string, string> = {};
  /** Everything that it was sent. */
  readonly sent: Body[] = [];

  private constructor(turns: readonly (readonly Call[])[]) {
    this.#turns = [...turns];
    this.#server = createServer(async (request, response) => {
      const body = (await json(request)) as Body;
      const events = this.#answer(body).map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      response.writeHead(200, { "content-type": "text/event-stream" }).end(events.join(""));
    });
  }

  /** Serves a model that makes these calls in turn; a turn without calls, and what follows the last one, is text. */
  static async start(...turns: readonly (readonly Call[])[]): Promise<Model> {
    const model = new Model(turns);
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    return model;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(body: Body): { readonly type: string }[] {
    // The program asks small things on its own, such as titles; those have no tools.
    if (!body.tools?.length) return eventsOf(body.model, []);
    this.sent.push(body);
    for (const { content } of body.messages) {
      for (const block of typeof content === "string" ? [] : content) {
        if (block.type !== "tool_result" || block.tool_use_id === undefined) continue;
        const { content: result = "" } = block;
        this.results[block.tool_use_id] =
          typeof result === "string" ? result : result.map(({ text }) => text ?? "").join("");
      }
    }
    return eventsOf(body.model, this.#turns.shift() ?? []);
  }
}

function eventsOf(model: string, calls: readonly Call[]): { readonly type: string }[] {
  const blocks = calls.map(({ id, tool, input }) => ({
    content_block: { type: "tool_use", id, name: tool, input: {} },
    delta: { type: "input_json_delta", partial_json: JSON.stringify(input) },
  }));
  const text = { content_block: { type: "text", text: "" }, delta: { type: "text_delta", text: "end" } };
  const message = { id: "m", type: "message", role: "assistant", model, content: [], usage: USAGE };
  const stop = { stop_reason: calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null };
  return [
    { type: "message_start", message },
    ...(blocks.length > 0 ? blocks : [text]).flatMap(({ content_block, delta }, index) => [
      { type: "content_block_start", index, content_block },
      { type: "content_block_delta", index, delta },
      { type: "content_block_stop", index },
    ]),
    { type: "message_delta", delta: stop, usage: USAGE },
    { type: "message_stop" },
  ] as { readonly type: string }[];
}
