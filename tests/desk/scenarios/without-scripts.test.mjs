// Scripts switched off: everything that decides still works.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { argumentsOf } from '../harness/api.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { ApprovalPage } from '../pages/approval.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

const plain = (t, desk, token = desk.tokens.reviewer) => Person.signedIn(t, desk, token, { javaScriptEnabled: false });

test('from the queue to a decision and to the next', async (t) => {
  const desk = await Desk.start(t);
  const [first, second] = [await desk.agent.ask('first', { n: 1 }), await desk.agent.ask('second', { n: 2 })];
  const person = await plain(t, desk);
  const queue = await new Queue(person).open();
  await queue.row(first.id).getByRole('link').first().click();
  const page = new ApprovalPage(person);
  await page.approve('without scripts');
  await page.says(/approved/i);
  assert.equal((await desk.agent.get(first.id)).votes[0].comment, 'without scripts');
  await page.open(second.id);
  await page.reject('no');
  await page.says(/rejected/i);
  assert.equal((await desk.agent.get(second.id)).status, 'APPROVAL_STATUS_REJECTED');
  person.guard.check();
});

test('edit as JSON', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask('mail', { to: 'alice' });
  const person = await plain(t, desk);
  const page = await new ApprovalPage(person).open(approval.id);
  await page.edit();
  await page.page.getByRole('textbox', { name: /json|arguments/i }).fill('{"to":"bob"}');
  await page.review();
  await page.confirmEdit();
  const decided = await desk.agent.decided(approval.id);
  assert.deepEqual([decided.status, argumentsOf(decided)], ['APPROVAL_STATUS_APPROVED', { to: 'bob' }]);
  person.guard.check();
});

test('several at once', async (t) => {
  const desk = await Desk.start(t);
  const asked = [await desk.agent.ask('one'), await desk.agent.ask('two')];
  const person = await plain(t, desk);
  const queue = await new Queue(person).open();
  await queue.select(asked.map(({ id }) => id));
  await queue.decideSelected('Reject', 'not now');
  await queue.confirm();
  for (const { id } of asked) assert.equal((await desk.agent.decided(id)).decision.comment, 'not now');
  person.guard.check();
});

test('sign out', async (t) => {
  const desk = await Desk.start(t);
  const person = await plain(t, desk);
  await person.signOut();
  await person.page.waitForURL((url) => url.pathname === '/sign-in');
  assert.equal((await person.fetch('/')).status(), 303);
  person.guard.check();
});
