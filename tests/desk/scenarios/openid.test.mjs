// Signing in through the real OpenID provider of the tests, which asks for a name and believes it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { startProvider } from '../harness/provider.mjs';
import { ApprovalPage } from '../pages/approval.mjs';

after(closeBrowser);

const POLICY = `
rules:
  - { name: payments, tools: [pay], require_approval: { reviewers: ["group:finance"] } }
`;

async function start(t) {
  const issuer = await startProvider(t);
  const settings = [`oidc.issuer=${issuer}`, 'oidc.client_id=desk', 'roles.reviewer=finance'];
  return { issuer, desk: await Desk.start(t, { policy: POLICY, settings }) };
}

/** A person at the sign-in page who goes to the provider. */
async function atProvider(t, desk, issuer, path = '/sign-in') {
  const person = await Person.arrive(t, desk);
  person.guard.allow(new RegExp(`^(request to elsewhere: |console on )${issuer}`));
  await person.page.goto(path);
  await person.page.getByRole('link', { name: /^sign in with/i }).click();
  await person.page.waitForURL((url) => url.origin === issuer);
  return person;
}

test('a person of the provider signs in, decides, and is who the provider says', async (t) => {
  const { desk, issuer } = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 5 });
  const person = await atProvider(t, desk, issuer, `/approvals/${approval.id}`);
  await person.page.getByLabel('Name').fill('alice');
  await person.page.getByRole('button', { name: 'Sign in' }).click();
  await person.page.waitForURL(`${desk.origin}/approvals/${approval.id}`);
  await new ApprovalPage(person).approve();
  const { votes } = await desk.agent.decided(approval.id);
  const [{ decided_by: by, assurance }] = votes;
  assert.deepEqual([by.kind, by.issuer, by.subject, assurance], ['ACTOR_KIND_PERSON', issuer, 'alice', 'ASSURANCE_SESSION']);
  person.guard.check();
});

test('who cancels, and who has no role, learns why and has no session', async (t) => {
  const { desk, issuer } = await start(t);
  for (const [name, told] of [
    ['', /cancelled/],
    ['eve', /groups/],
  ]) {
    const person = await atProvider(t, desk, issuer);
    person.guard.allow(/status of 403/);
    if (name) await person.page.getByLabel('Name').fill(name);
    await person.page.getByRole('button', { name: name ? 'Sign in' : 'Cancel' }).click();
    await person.page.getByRole('alert').getByText(told).waitFor();
    assert.equal(await person.session(), undefined);
    person.guard.check();
  }
});

test('a session that somebody planted is replaced here, too', async (t) => {
  const { desk, issuer } = await start(t);
  const planted = await (await Person.signedIn(t, desk, (await desk.person('mallory')).secret)).session();
  const person = await atProvider(t, desk, issuer);
  await person.context.addCookies([planted]);
  await person.page.getByLabel('Name').fill('bob');
  await person.page.getByRole('button', { name: 'Sign in' }).click();
  await person.page.waitForURL(`${desk.origin}/`);
  assert.notEqual((await person.session()).value, planted.value);
  person.guard.check();
});
