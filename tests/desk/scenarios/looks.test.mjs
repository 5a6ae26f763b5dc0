// How the pages look, what they cost, and who can use them: screenshots, axe-core, budgets.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fullDesk } from '../fixtures/full.mjs';
import { accessible } from '../harness/axe.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { paper, photograph } from '../harness/screenshots.mjs';
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

test('pages between a form and its effect, and an approval on paper', async (t) => {
  const { desk, approvals, people } = await fullDesk(t);
  const boss = await Person.signedIn(t, desk, people.boss.secret);
  const { page } = boss;
  const press = (name) => page.getByRole('main').getByRole('button', { name, exact: true }).click();
  await page.goto(`/approvals/${approvals.panels.id}`);
  await press('Approve');
  await page.getByRole('heading', { name: 'Approve?' }).waitFor();
  await look(t, boss, 'confirm');
  await page.goto(`/approvals/${approvals.approved.id}`);
  await press('Revoke…');
  await page.getByRole('heading', { name: 'Revoke?' }).waitFor();
  await look(t, boss, 'revoke');
  await page.goto(`/approvals/${approvals.panels.id}/edit`);
  await page.locator('#arguments').fill('{"amount": 1, "to": "Acme GmbH"}');
  await page.getByRole('button', { name: /difference/i }).click();
  await page.locator('section.confirm').waitFor();
  await look(t, boss, 'review');
  await page.goto('/');
  for (const id of [approvals.panels.id, approvals.bare.id, approvals.forty.id]) {
    await page.locator(`[data-approval-id="${id}"]`).getByRole('checkbox').check();
  }
  await page.getByRole('button', { name: 'Approve selected' }).click();
  await page.getByRole('heading', { name: /^Approve \d+ requests?\?$/ }).waitFor();
  await look(t, boss, 'bulk-confirm');
  await page.getByRole('button', { name: /^Approve \d+$/ }).click();
  await page.getByRole('heading', { name: 'Results' }).waitFor();
  await look(t, boss, 'bulk-results');
  await page.goto('/tokens/new');
  await page.locator('#subject').fill('new-bot');
  for (const name of ['kind', 'roles']) await page.locator(`[name=${name}]`).first().check();
  await page.getByRole('main').getByRole('button', { name: /create/i }).click();
  await page.locator('#secret').waitFor();
  await look(t, boss, 'token-created');
  // On paper everything is open, and nothing is a control.
  for (const name of ['panels', 'edited', 'long']) {
    await t.test(`${name} on paper`, async () => {
      await page.goto(`/approvals/${approvals[name].id}`);
      await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
      await page.emulateMedia({ media: 'print' });
      await page.setViewportSize({ width: 794, height: 1123 });
      await page.screenshot({ path: paper(`approval-${name}`), fullPage: true });
      assert.equal(await page.getByRole('button').and(page.locator(':visible')).count(), 0);
      assert.equal(await page.locator('details:not([open])').and(page.locator(':visible')).count(), 0);
      await page.getByText('sha256:').first().waitFor();
      await page.emulateMedia({ media: null });
    });
  }
  boss.guard.check();
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
