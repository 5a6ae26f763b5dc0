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
  for (const path of ['/tokens', '/freezes/new', '/policy/set', '/tokens/new']) {
    assert.equal((await reviewer.fetch(path)).status(), 404, path);
  }
  const links = await reviewer.page.locator('a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert(!links.some((link) => /tokens/.test(link)), links.join(' '));
  reviewer.guard.check();
});
