// Keys without Ctrl or Alt: they move the focus, none decides, and one choice switches them off on all pages.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { ApprovalPage } from '../pages/approval.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

const focused = (page) => page.evaluate(() => document.activeElement?.textContent.trim());

test('keys move through the list and select, and on a request none of them decides', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask('send_email', { to: 'alice@example.org' });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.page.keyboard.press('j');
  assert.match(await focused(queue.page), /send_email/);
  await queue.page.keyboard.press('x');
  assert.equal(await queue.row(approval.id).getByRole('checkbox').isChecked(), true);
  await queue.page.keyboard.press('?');
  await queue.page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await queue.page.keyboard.press('Escape');
  const one = await new ApprovalPage(person).open(approval.id);
  await one.page.keyboard.press('a');
  assert.match(await focused(one.page), /Approve/);
  await one.page.keyboard.press('r');
  assert.match(await focused(one.page), /Reject/);
  assert.equal((await desk.reviewer.get(approval.id)).status, approval.status, 'no key decides');
  person.guard.check();
});

test('keys that are switched off on a list are off on a request, and stay off', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask('send_email');
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.page.getByRole('button', { name: /^Keys/ }).click();
  await queue.page.getByRole('checkbox', { name: /switch off/i }).check();
  await queue.page.keyboard.press('Escape');
  const one = await new ApprovalPage(person).open(approval.id);
  await one.page.keyboard.press('a');
  assert.doesNotMatch(await focused(one.page), /^. ?Approve$|^Approve/);
  await one.page.keyboard.press('?');
  assert.equal(await one.page.getByRole('dialog', { name: 'Keys' }).count(), 0);
  person.guard.check();
});
