// Watches the pages of a person for what no page of the desk may ever do.
import assert from 'node:assert/strict';

export class Guard {
  #problems = [];
  #allowed = [];

  /** Watches every page of a context. */
  over(context, origin) {
    const note = (what) => this.#problems.push(what);
    context.on('page', (page) => {
      page.on('pageerror', (error) => note(`script error on ${page.url()}: ${error.stack ?? error}`));
      page.on('dialog', async (dialog) => {
        note(`dialog on ${page.url()}: ${dialog.message()}`);
        await dialog.dismiss();
      });
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) note(`console on ${page.url()}: ${message.text()}`);
      });
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) note(`request to elsewhere: ${url}`);
      });
      page.on('response', (response) => {
        if (response.status() >= 500) note(`${response.status()} of ${response.request().method()} ${response.url()}`);
      });
    });
  }

  /** Expects problems that match, such as a refused connection while the server is down. */
  allow(...patterns) {
    this.#allowed.push(...patterns);
    return this;
  }

  /** Everything that was noticed so far, allowed or not. */
  get noted() {
    return this.#problems;
  }

  /** What went wrong so far and was not allowed. */
  get problems() {
    return this.#problems.filter((problem) => !this.#allowed.some((pattern) => pattern.test(problem)));
  }

  /** Fails with everything that went wrong. */
  check() {
    assert.deepEqual(this.problems, []);
  }
}
