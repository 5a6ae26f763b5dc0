// How the pages look, what they cost, and who can use them: screenshots, axe-core, budgets.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fullDesk } from '../fixtures/full.mjs';
import { accessible } from '../harness/axe.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { photograph } from '../harness/screenshots.mjs';
import { weigh } from '../harness/weight.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

/** What the first page may cost. */
const BUDGET = { requests: 5, bytes: 60 << 10 };

/** Looks at a page: pictures of it, and axe-core in both schemes. */
async function look(t, person, name, path) {
  await t.test(name, async () => {
    if (path) assert.equal((await person.page.goto(path)).status(), name === 'no-such-page' ? 404 : 200);
    for (const colorScheme of ['dark', 'light']) {
      await person.page.emulateMedia({ colorScheme });
      await accessible(person.page);
    }
    await photograph(person.page, name);
  });
}

test('every page with all that hurts', async (t) => {
  const { desk, approvals, people } = await fullDesk(t);
  const stranger = await Person.arrive(t, desk);
  await look(t, stranger, 'sign-in', '/sign-in');
  const boss = await Person.signedIn(t, desk, people.boss.secret);
  for (const [name, path] of [
    ['waiting', '/'],
    ['pending', '/pending'],
    ['history', '/history'],
    ['freezes', '/freezes'],
    ['policy', '/policy'],
    ['tokens', '/tokens'],
    ['sessions', '/sessions'],
    ['status', '/status'],
    ['freeze-new', '/freezes/new'],
    ['policy-versions', '/policy/versions'],
    ['policy-try', '/policy/try'],
    ['policy-edit', '/policy/edit'],
    ['token-new', '/tokens/new'],
    ['sessions-all', '/sessions/all'],
    ['no-such-page', '/no-such-page'],
  ]) {
    await look(t, boss, name, path);
  }
  for (const [name, { id }] of Object.entries(approvals)) await look(t, boss, `approval-${name}`, `/approvals/${id}`);
  await look(t, boss, 'edit', `/approvals/${approvals.panels.id}/edit`);
  boss.guard.allow(/no-such-page: .*status of 404/);
  boss.guard.check();
  stranger.guard.check();
});

test('the queue when nothing waits, and when two hundred do', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  await look(t, person, 'waiting-none', '/');
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => desk.agent.ask(`tool_${i}`, { number: i }, { agent: { name: `agent-${i}` } })),
  );
  await look(t, person, 'waiting-200', '/');
  await light(t, desk, person, '/');
  person.guard.check();
});

test('the queue without its server', async (t) => {
  const desk = await Desk.start(t);
  await desk.agent.ask('pay', { amount: 5 });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.live();
  await desk.kill();
  await queue.offline();
  await look(t, person, 'waiting-offline');
});

/** Weighs a page. */
async function light(t, desk, person, path) {
  const { requests, bytes, all } = await weigh(person, path);
  const lines = all.map(({ url, bytes }) => `  ${String(bytes).padStart(7)} ${url.replace(desk.origin, '')}`);
  t.diagnostic(`${path.replace(/[0-9a-f-]{36}/, 'ID')}: ${requests} requests, ${(bytes / 1024).toFixed(1)} KiB`);
  for (const line of lines) t.diagnostic(line);
  assert(requests <= BUDGET.requests, `${path}: ${requests} requests\n${lines.join('\n')}`);
  assert(bytes <= BUDGET.bytes, `${path}: ${bytes} bytes\n${lines.join('\n')}`);
}

test('the first page costs at most 5 requests and 60 KiB', async (t) => {
  const { desk, approvals, people } = await fullDesk(t);
  const stranger = await Person.arrive(t, desk);
  const boss = await Person.signedIn(t, desk, people.boss.secret);
  for (const [person, path] of [
    [stranger, '/sign-in'],
    [boss, '/'],
    [boss, `/approvals/${approvals.panels.id}`],
  ]) {
    await light(t, desk, person, path);
  }
});
