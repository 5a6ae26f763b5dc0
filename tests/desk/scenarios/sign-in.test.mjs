// Signing in and out: by token, by the link of development mode, and when a session ends.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';

after(closeBrowser);

test('a page without a session leads to the sign-in and back', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.arrive(t, desk);
  await person.page.goto('/history?tool=pay');
  assert.equal(new URL(person.page.url()).pathname, '/sign-in');
  await person.page.getByLabel('Token').fill(desk.tokens.reviewer);
  await person.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await person.page.waitForURL('/history?tool=pay');
  person.guard.check();
});
