// A second origin: the page of somebody else, on another port of this machine.
import { once } from 'node:events';
import { createServer } from 'node:http';

export class Elsewhere {
  #server;
  #page = '';

  /** Serves one page on a free port, until the test ends. */
  static async start(test) {
    const elsewhere = new Elsewhere();
    elsewhere.#server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(elsewhere.#page);
    });
    elsewhere.#server.listen(0, '127.0.0.1');
    await once(elsewhere.#server, 'listening');
    test.after(() => elsewhere.#server.close());
    return elsewhere;
  }

  /** What it serves from now on. */
  set page(html) {
    this.#page = `<!doctype html><meta charset="utf-8"><title>elsewhere</title>${html}`;
  }

  /** Of another origin, but the same site: a browser sends it cookies that are `SameSite`. */
  get sameSite() {
    return `http://127.0.0.1:${this.#server.address().port}/`;
  }

  /** Of another site. */
  get otherSite() {
    return `http://localhost:${this.#server.address().port}/`;
  }
}
