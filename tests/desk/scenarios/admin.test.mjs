// What operators do at the desk: freeze and thaw, tokens, the policy, the status.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';

after(closeBrowser);

test('freeze a tool, and thaw it', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask('drop_table', { table: 'orders' });
  await desk.reviewer.approve(approval);
  const person = await Person.signedIn(t, desk, desk.tokens.operator);
  const { page } = person;
  await page.goto('/freezes');
  await page.getByRole('link', { name: /^freeze/i }).click();
  await page.getByRole('radio', { name: /tools/i }).check();
  await page.getByLabel(/pattern/i).last().fill('drop_*');
  await page.getByLabel('Reason').fill('The cleanup went wrong.');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Freeze these calls?' }).waitFor();
  assert.equal((await desk.operator.call('AdminService', 'ListFreezes', {})).freezes.length, 0, 'not before it is confirmed');
  await page.getByRole('button', { name: 'Freeze', exact: true }).click();
  await page.getByRole('status').getByText(/^Frozen/).waitFor();
  await page.getByText('The cleanup went wrong.').waitFor();
  await assert.rejects(desk.agent.claim(await desk.agent.get(approval.id)), /frozen/i);
  assert.equal((await desk.agent.ask('drop_table')).status, 'APPROVAL_STATUS_AUTO_REJECTED');
  // A repeated form is not a second freeze.
  await page.reload();
  assert.equal((await desk.operator.call('AdminService', 'ListFreezes', {})).freezes.length, 1);

  await page.getByRole('link', { name: /^thaw/i }).click();
  await page.getByRole('button', { name: 'Thaw', exact: true }).click();
  await page.getByRole('status').getByText(/^Thawed/).waitFor();
  await desk.agent.claim(await desk.agent.get(approval.id));
  person.guard.check();
});

test('what one may not do has no page', async (t) => {
  const desk = await Desk.start(t);
  const reviewer = await Person.signedIn(t, desk, (await desk.person('alice')).secret);
  for (const path of ['/tokens', '/tokens/new', '/freezes/new', '/policy/edit', '/sessions/all']) {
    assert.equal((await reviewer.fetch(path)).status(), 404, path);
  }
  const links = await reviewer.page.locator('a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert(!links.some((link) => /tokens/.test(link)), links.join(' '));
  reviewer.guard.check();
});

test('a token is shown once, works, and is revoked', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, desk.tokens.operator);
  const { page } = person;
  await page.goto('/tokens');
  await page.getByRole('link', { name: /^create a token/i }).click();
  await page.getByLabel('Name of the owner').fill('carol');
  await page.getByRole('radio', { name: 'Person' }).check();
  await page.getByRole('checkbox', { name: /^Reviewer/ }).check();
  await page.getByRole('button', { name: /^create/i }).click();
  const secret = (await page.locator('code').filter({ hasText: /^signoff_/ }).innerText()).trim();
  const { caller } = await desk.api(secret).call('AccessService', 'GetCaller', {});
  assert.deepEqual([caller.actor.subject, caller.roles], ['carol', ['ROLE_REVIEWER']]);
  person.guard.allow(/status of 409/);
  // A repeated form makes no other token, and does not show this one again.
  await page.reload();
  assert(!(await page.content()).includes(secret));
  const listed = async () => (await desk.operator.call('AccessService', 'ListTokens', {})).tokens.filter(({ owner }) => owner.subject === 'carol');
  assert.equal((await listed()).length, 1);
  await page.goto('/tokens');
  assert(!(await page.content()).includes(secret));
  assert(!desk.log.includes(secret));

  const carol = await Person.signedIn(t, desk, secret);
  await page.getByRole('link', { name: /^revoke/i }).first().click();
  await page.getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByRole('status').getByText(/^Revoked/).waitFor();
  assert.equal((await listed())[0].state, 'TOKEN_STATE_REVOKED');
  assert.equal((await carol.fetch('/')).status(), 303);
  person.guard.check();
});

test('the policy is set after its difference was shown, and mistakes have their place', async (t) => {
  const desk = await Desk.start(t, { policy: null });
  const person = await Person.signedIn(t, desk, desk.tokens.operator);
  person.guard.allow(/status of 4(00|22)/);
  const { page } = person;
  await page.goto('/policy/edit');
  const yaml = page.getByRole('textbox', { name: /yaml/i });
  await yaml.fill('rules:\n  - name: a\n    tols: [x]\n    auto_approve: {}\n');
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByRole('alert').getByText(/Line 3/).first().waitFor();
  await yaml.fill('unlisted_tools: { require_approval: {} }\nrules:\n  - name: harmless\n    tools: [ping]\n    auto_approve: {}\n');
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByRole('heading', { name: 'Set this policy?' }).waitFor();
  assert.equal((await desk.agent.ask('ping')).status, 'APPROVAL_STATUS_PENDING', 'not before it is confirmed');
  await page.getByRole('button', { name: 'Set the policy' }).click();
  await page.getByRole('status').getByText(/^Set\./).waitFor();
  assert.equal((await desk.agent.ask('ping')).status, 'APPROVAL_STATUS_AUTO_APPROVED');
  person.guard.check();
});
