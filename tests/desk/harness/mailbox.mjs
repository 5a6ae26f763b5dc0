// A real SMTP server with a mailbox: tests/smtp/receiver.py.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export class Mailbox {
  #lines;
  port = 0;

  /** Starts one on a free port, without TLS, until the test ends. */
  static async start(test) {
    const mailbox = new Mailbox();
    const child = spawn('python3', ['tests/smtp/receiver.py', JSON.stringify({ tls: 'none', login: false })], {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONPATH: 'target/tools/wheels' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // It ends with its standard input, also when this process is killed.
    test.after(async () => {
      const exit = once(child, 'exit');
      child.stdin.end();
      await exit;
    });
    mailbox.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    mailbox.port = Number(await mailbox.#line());
    return mailbox;
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the SMTP server ended: `cargo xtask setup` installs aiosmtpd');
    return value;
  }

  /** The next message that it takes, as Python's parsers read it: `links`, `plain`, `headers` and others. */
  async next() {
    return JSON.parse(await this.#line());
  }
}
