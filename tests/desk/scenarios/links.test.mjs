// One-tap links, as far as a server makes none without a channel: what a link that nobody made does. That a link decides
// is in the tests of the pages (`src/desk/tests/links.rs`).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { onRecord } from '../harness/ledger.mjs';

after(closeBrowser);

test('a link leads through the sign-in, says what is wrong with it, and is never logged', async (t) => {
  const desk = await Desk.start(t, { settings: ['log.filter=debug'] });
  await desk.agent.ask('pay', { amount: 1 });
  const before = await onRecord(desk);
  const token = 'AQ'.repeat(79);
  const path = `/links/${token}`;
  const person = await Person.arrive(t, desk);
  for (const method of ['GET', 'HEAD', 'POST']) {
    const answer = await person.fetch(path, { method, headers: { 'sec-purpose': 'prefetch;prerender' } });
    assert.equal(answer.status(), 303, method);
  }
  await person.page.goto(path);
  assert.equal(new URL(person.page.url()).pathname, '/sign-in');
  await person.page.getByLabel('Token').fill(desk.tokens.reviewer);
  await person.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await person.page.getByRole('heading', { name: 'This link is not valid' }).waitFor();
  assert.equal(new URL(person.page.url()).pathname, path);
  assert.equal(await person.page.getByRole('main').getByRole('button').count(), 0);
  const answer = await person.fetch(path);
  assert.equal(answer.status(), 404);
  assert.equal(answer.headers()['cache-control'], 'no-store');
  assert.equal(answer.headers()['referrer-policy'], 'no-referrer');
  assert.deepEqual(await onRecord(desk), before);
  assert(!desk.log.includes(token), 'tokens in addresses are not logged');
  person.guard.allow(/status of 404/).check();
});
