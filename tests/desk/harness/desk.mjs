// A real server of a test, in a directory of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Api } from './api.mjs';

const POLICY = 'unlisted_tools: { require_approval: {} }\n';

// A test that hangs is ended by this signal; leaving in this way takes the servers along.
process.once('SIGTERM', () => process.exit(1));

export class Desk {
  #directory;
  #settings;
  #policy;
  #config;
  #dev;
  #child;
  #ended = Promise.resolve();
  #log = [];
  #waiting = [];
  #apis = new Map();
  #people = new Map();
  address = '';
  tokens = { agent: '', reviewer: '', operator: '' };

  /**
   * Starts one on a free port, and ends it with the test. Without `dev` there is one token, the operator's; without a
   * `policy` (null) operators set it. `config` is the text of a configuration file.
   */
  static async start(test, { policy = POLICY, settings = [], config, dev = true } = {}) {
    const desk = new Desk();
    desk.#directory = await mkdtemp(join(tmpdir(), 'signoff-desk-'));
    desk.#settings = settings;
    desk.#dev = dev;
    test.after(() => desk.#dispose());
    if (policy !== null) {
      desk.#policy = join(desk.#directory, 'policy.yaml');
      await writeFile(desk.#policy, policy);
      await utimes(desk.#policy, 1e9, 1e9); // A start waits when it was written a moment ago.
    }
    if (config) {
      desk.#config = join(desk.#directory, 'signoff.toml');
      await writeFile(desk.#config, config);
    }
    if (!dev) desk.tokens.operator = await desk.#firstToken();
    await desk.restart();
    return desk;
  }

  get data() {
    return join(this.#directory, 'data');
  }

  /** `http://HOST:PORT`, without a slash. */
  get origin() {
    return `http://${this.address}`;
  }

  /** What it has written so far. */
  get log() {
    return this.#log.join('\n');
  }

  /** The first line that it writes, or has written, that matches; its match. */
  async line(pattern) {
    for (;;) {
      const found = this.#log.map((line) => pattern.exec(line)).find(Boolean);
      if (found) return found;
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Starts it again, on the same address, with more settings. */
  async restart(...settings) {
    this.#settings = [...this.#settings, ...settings];
    const args = ['serve', '--listen', this.address || '127.0.0.1:0', '--data-dir', this.data];
    if (this.#policy) args.push('--policy', this.#policy);
    if (this.#config) args.push('--config', this.#config);
    if (this.#dev) args.push('--dev');
    for (const setting of this.#settings) args.push('--set', setting);
    const child = spawn(program(), args, { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    this.#ended = once(child, 'exit').finally(() => process.off('exit', kill));
    this.#child = child;
    this.#read(child.stderr);
    const lines = this.#read(child.stdout);
    const ended = this.#ended.then(() => Promise.reject(new Error(`the server ended:\n${this.log}`)));
    ended.catch(() => {});
    const [first] = await Promise.race([once(lines, 'line'), ended]);
    this.address = /is listening on (\S+)/.exec(first)?.[1] ?? '';
    if (!this.address) throw new Error(`first line: ${first}`);
    if (this.#dev) this.tokens = JSON.parse(await readFile(join(this.data, 'dev-tokens.json'), 'utf8'));
  }

  #read(stream) {
    return createInterface({ input: stream }).on('line', (line) => {
      this.#log.push(line);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Ends it as `kill -9` does, or with another signal, and waits until it has ended. */
  async kill(signal = 'SIGKILL') {
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Runs the command with arguments; its standard output. */
  async command(...args) {
    const child = spawn(program(), args, { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    const exit = once(child, 'exit');
    const [out, err] = await Promise.all([child.stdout, child.stderr].map((stream) => text(stream)));
    const [code] = await exit;
    if (code !== 0) throw new Error(`signoff ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }

  async #firstToken() {
    const args = ['--subject', 'olga', '--kind', 'person', '--role', 'operator'];
    return (await this.command('token', 'create', '--data-dir', this.data, ...args)).trim().split(/\s+/).at(-1);
  }

  /** The API for the owner of a token. */
  api(token) {
    const key = `${this.address} ${token}`;
    if (!this.#apis.has(key)) this.#apis.set(key, new Api(this.address, token));
    return this.#apis.get(key);
  }

  get agent() {
    return this.api(this.tokens.agent);
  }

  get reviewer() {
    return this.api(this.tokens.reviewer);
  }

  get operator() {
    return this.api(this.tokens.operator);
  }

  /** A new token of a person, or of another owner: see `Api.createToken`. */
  async person(subject, options) {
    const person = await this.operator.createToken(subject, options);
    this.#people.set(subject, person);
    return person;
  }

  /** Everything that is on record, as `signoff export` has it. The server is stopped meanwhile. */
  async export() {
    await this.kill('SIGTERM');
    try {
      return await this.command('export', '--data-dir', this.data);
    } finally {
      await this.restart();
    }
  }

  async #dispose() {
    for (const api of this.#apis.values()) api.close();
    await this.kill();
    await rm(this.#directory, { recursive: true });
  }
}

function program() {
  if (!process.env.SIGNOFF_BIN) throw new Error('SIGNOFF_BIN must be the path of the signoff program');
  return process.env.SIGNOFF_BIN;
}

async function text(stream) {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}
