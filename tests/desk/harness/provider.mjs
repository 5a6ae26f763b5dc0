// The real OpenID provider of the tests: tests/oidc-provider.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

const directory = fileURLToPath(new URL('../../oidc-provider', import.meta.url));

/** Starts the provider, until the test ends; its issuer. */
export async function startProvider(test, env = {}) {
  const child = spawn('node', ['--no-warnings', 'provider.mjs'], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It ends with its standard input, also when this process is killed.
  test.after(async () => {
    const exit = once(child, 'exit');
    child.stdin.end();
    await exit;
  });
  const [issuer] = await once(createInterface({ input: child.stdout }), 'line');
  return issuer;
}
