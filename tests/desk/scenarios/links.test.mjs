// One-tap links: those of a real e-mail, and one that the server did not make.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { onRecord } from '../harness/ledger.mjs';
import { Mailbox } from '../harness/mailbox.mjs';

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

/** A desk that sends mail to its reviewer, and the mailbox. */
async function mailing(t) {
  const mailbox = await Mailbox.start(t);
  const config = `
[notify]
default = ["mail"]
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = ${mailbox.port}
tls = "none"
from = "Signoff <signoff@example.org>"
people = { "reviewer@example.org" = "dev/reviewer" }
`;
  return { mailbox, desk: await Desk.start(t, { config, settings: ['log.filter=debug'] }) };
}

/** The paths of a message's one-tap links: to approve, and to reject. */
function oneTap(message, desk) {
  const links = message.links.filter((link) => link.startsWith(`${desk.origin}/links/`));
  assert.equal(links.length, 2, message.links.join(' '));
  return links.map((link) => new URL(link).pathname);
}

test('the link of an e-mail leads through the sign-in to one page with one button, which decides once', async (t) => {
  const { mailbox, desk } = await mailing(t);
  const approval = await desk.agent.ask('pay', { amount: 1 }, { agent: { name: 'billing-bot' } });
  const [approve, reject] = oneTap(await mailbox.next(), desk);

  // What looks at mail has no session: it gets to the sign-in, by every method, and when it runs the page's scripts.
  const scanner = await Person.arrive(t, desk);
  for (const path of [approve, reject]) {
    for (const [method, headers] of [
      ['GET', {}],
      ['HEAD', {}],
      ['GET', { 'sec-purpose': 'prefetch;prerender', purpose: 'prefetch' }],
      ['POST', {}],
    ]) {
      const answer = await scanner.fetch(path, { method, headers });
      assert.equal(answer.status(), 303, `${method} ${path}`);
    }
    await scanner.page.goto(path, { waitUntil: 'load' });
    assert.equal(new URL(scanner.page.url()).pathname, '/sign-in');
  }
  scanner.guard.check();

  // The reviewer opens it, and signs in on the way. Looking at it again and again changes nothing.
  const person = await Person.arrive(t, desk, { viewport: { width: 360, height: 740 } });
  await person.signIn(desk.tokens.reviewer, approve);
  assert.equal(new URL(person.page.url()).pathname, approve);
  await person.page.goto('about:blank'); // `onRecord` restarts the server
  const before = await onRecord(desk);
  for (const path of [approve, reject]) {
    for (const [method, headers] of [['GET', {}], ['HEAD', {}], ['GET', { 'sec-purpose': 'prefetch;prerender' }]]) {
      assert.equal((await person.fetch(path, { method, headers })).status(), 200, `${method} ${path}`);
    }
    await person.page.goto(path, { waitUntil: 'load' });
  }
  await person.page.goto('about:blank');
  assert.deepEqual(await onRecord(desk), before);

  // It is open twice, on the phone and in another tab.
  const main = person.page.getByRole('main');
  await person.page.goto(approve);
  await person.page.getByRole('heading', { name: 'Approve this request?' }).waitFor();
  assert.equal(await main.getByRole('button').count(), 1);
  const other = await person.context.newPage();
  await other.goto(approve);
  await main.getByRole('button', { name: 'Approve', exact: true }).click();
  await person.page.waitForURL((url) => url.pathname === `/approvals/${approval.id}`);
  const decided = await desk.agent.get(approval.id);
  assert.equal(decided.status, 'APPROVAL_STATUS_APPROVED');
  assert.deepEqual(
    decided.votes.map(({ surface, assurance, decided_by: by }) => [surface, assurance, by.subject]),
    [['DECISION_SURFACE_LINK', 'ASSURANCE_SESSION', 'reviewer']],
  );
  person.guard.allow(/status of 409/);
  // The same decision again: nothing is added.
  await other.getByRole('main').getByRole('button').click();
  await other.waitForURL((url) => url.pathname === `/approvals/${approval.id}`);
  for (const [path, heading] of [[approve, 'You have used this link'], [reject, 'This request is decided']]) {
    await person.page.goto(path);
    await person.page.getByRole('heading', { name: heading }).waitFor();
    assert.equal(await main.getByRole('button').count(), 0, path);
  }
  assert.equal((await desk.agent.get(approval.id)).revision, decided.revision, 'one decision');
  for (const path of [approve, reject]) assert(!desk.log.includes(path.slice('/links/'.length)), 'never logged');
  person.guard.check();
});

test('the link of an e-mail decides nothing for another person', async (t) => {
  const { mailbox, desk } = await mailing(t);
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const [approve] = oneTap(await mailbox.next(), desk);
  const other = await desk.person('mallory');
  const person = await Person.arrive(t, desk);
  await person.signIn(other.secret, approve);
  await person.page.getByRole('heading', { name: 'This link is for another person' }).waitFor();
  assert.equal(await person.page.getByRole('main').getByRole('button').count(), 0);
  assert.equal((await desk.agent.get(approval.id)).revision, 1);
  person.guard.allow(/status of 403/).check();
});
