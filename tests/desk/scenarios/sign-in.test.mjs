// Signing in and out: by token, by the link of development mode, and when a session ends.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';

after(closeBrowser);

const atSignIn = (person) => person.page.waitForURL((url) => url.pathname === '/sign-in');

/** An open page is told when its session ends: its stream ends, and what decides is off. */
async function ended(person) {
  await person.page.getByRole('alert').getByText(/session has ended/i).waitFor();
  await person.page.reload();
  await atSignIn(person);
}

test('a page without a session leads to the sign-in and back', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.arrive(t, desk);
  await person.signIn(desk.tokens.reviewer, '/pending?x=y&z');
  assert.equal(person.page.url(), `${desk.origin}/pending?x=y&z`);
  person.guard.check();
});

test('a wrong token is refused in words, and is nowhere in the page, the address or the log', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.arrive(t, desk);
  const wrong = 'signoff_NoSuchTokenNoSuchTokenNoSuchTokenNoSuchTok';
  person.guard.allow(/status of 40[13]/);
  await person.page.goto('/sign-in');
  await person.page.getByLabel('Token').fill(wrong);
  await person.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await person.page.getByRole('alert').waitFor();
  assert.equal(new URL(person.page.url()).pathname, '/sign-in');
  assert(!(await person.page.content()).includes(wrong) && !person.page.url().includes(wrong));
  assert(!desk.log.includes(wrong));
  assert.equal(await person.session(), undefined);
  person.guard.check();
});

test('the address to go back to is never elsewhere', async (t) => {
  const desk = await Desk.start(t);
  for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)', '/%09/evil.example']) {
    const person = await Person.arrive(t, desk);
    person.guard.allow(/status of 404/);
    await person.signIn(desk.tokens.reviewer, `/sign-in?next=${encodeURIComponent(next)}`);
    assert.equal(new URL(person.page.url()).origin, desk.origin, next);
    person.guard.check();
  }
});

test('signing out ends the session, and going back in the history shows nothing', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask('pay', { amount: 5 });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  await person.page.goto(`/approvals/${approval.id}`);
  const session = await person.session();
  await person.signOut();
  await atSignIn(person);
  await person.page.goBack();
  await atSignIn(person);
  // The cookie that somebody kept is worthless, too.
  await person.context.addCookies([session]);
  const answer = await person.fetch('/');
  assert.equal(answer.status(), 303);
  person.guard.check();
});

test('signing out everywhere ends the sessions of the other devices', async (t) => {
  const desk = await Desk.start(t);
  const phone = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const laptop = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const other = await Person.signedIn(t, desk, (await desk.person('alice')).secret);
  await phone.page.goto('/');
  await laptop.signOut('Sign out everywhere');
  await atSignIn(laptop);
  await ended(phone);
  assert.equal((await other.fetch('/')).status(), 200);
  for (const person of [phone, laptop]) person.guard.allow(/status of 401/).check();
});

test('a revoked token ends its sessions, also on an open page', async (t) => {
  const desk = await Desk.start(t);
  const alice = await desk.person('alice');
  const person = await Person.signedIn(t, desk, alice.secret);
  person.guard.allow(/status of 401/);
  await person.page.goto('/');
  await desk.operator.revokeToken(alice.id);
  await ended(person);
  assert.equal((await person.fetch('/')).status(), 303);
  person.guard.check();
});

test('an expired token ends its sessions, also on an open page', async (t) => {
  const desk = await Desk.start(t);
  const alice = await desk.person('alice', { ttlMs: 5_000 });
  const person = await Person.signedIn(t, desk, alice.secret);
  person.guard.allow(/status of 401/);
  await person.page.goto('/');
  await ended(person);
  assert.equal((await person.fetch('/')).status(), 303);
  person.guard.check();
});

test('a session survives a restart of the server', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, (await desk.person('alice')).secret);
  await desk.kill();
  await desk.restart();
  await person.page.goto('/');
  assert.equal(new URL(person.page.url()).pathname, '/');
  person.guard.allow(/ERR_/).check();
});

test('the link of development mode signs in once', async (t) => {
  const desk = await Desk.start(t);
  const [, link] = await desk.line(/^ *(http:\/\/127\.0\.0\.1:\d+\/sign-in\/dev\/\S+)$/);
  const first = await Person.arrive(t, desk);
  // A program that looks at links does not use it up, and neither does a browser that fetches it beforehand.
  assert.equal((await first.fetch(link, { method: 'HEAD' })).status(), 200);
  await first.fetch(link, { headers: { 'sec-purpose': 'prefetch;prerender' } });
  assert.equal(await first.session(), undefined);
  await first.page.goto(link);
  assert.equal(first.page.url(), `${desk.origin}/`);
  assert(await first.session());
  const second = await Person.arrive(t, desk);
  second.guard.allow(/status of 4/);
  await second.page.goto(link);
  await second.page.getByText(/already used/i).first().waitFor();
  assert.equal(await second.session(), undefined);
  assert.equal((await second.fetch('/')).status(), 303);
  const secret = link.split('/').at(-1);
  assert.equal(desk.log.split(secret).length, 2, 'it is written once, and never logged');
  first.guard.check();
  second.guard.check();
});

test('a session that somebody planted is replaced at the sign-in', async (t) => {
  const desk = await Desk.start(t);
  const attacker = await Person.signedIn(t, desk, (await desk.person('mallory')).secret);
  const planted = await attacker.session();
  const victim = await Person.arrive(t, desk);
  await victim.context.addCookies([planted]);
  await victim.signIn((await desk.person('alice')).secret);
  const own = await victim.session();
  assert.notEqual(own.value, planted.value);
  assert(own.httpOnly && own.sameSite !== 'None' && own.path === '/');
  await victim.page.goto('/');
  await victim.page.getByText('alice').first().waitFor({ state: 'attached' });
  // The attacker's browser is not the victim now.
  await attacker.page.goto('/');
  assert.equal(await attacker.page.getByText('alice').count(), 0);
  victim.guard.check();
});
