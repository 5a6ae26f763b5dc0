// Deciding one approval on its page.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { argumentsOf } from '../harness/api.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { ApprovalPage } from '../pages/approval.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

const POLICY = `
unlisted_tools: { require_approval: {} }
rules:
  - name: payments
    tools: [pay]
    require_approval: {}
    reject_reasons: ["wrong amount", "unknown recipient"]
  - name: two-of-finance
    tools: [wire]
    require_approval: { reviewers: ["group:finance"], quorum: 2 }
  - name: transfers
    tools: [transfer]
    require_approval: { escalate: [{ after: 1s, priority: PRIORITY_URGENT }] }
`;

const start = (t) => Desk.start(t, { policy: POLICY });

async function opened(t, desk, approval, token = desk.tokens.reviewer) {
  const person = await Person.signedIn(t, desk, token);
  return { person, page: await new ApprovalPage(person).open(approval.id) };
}

test('approve: the vote says where it was cast, by whom, and on what', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 12400, to: 'Acme GmbH' }, { reason: 'Invoice 4711 is due.' });
  const { person, page } = await opened(t, desk, approval);
  for (const text of ['pay', '12,400', 'Acme GmbH', 'Invoice 4711 is due.']) await page.says(text);
  await page.approve('looks right');
  await page.says(/approved/i);
  const decided = await desk.agent.decided(approval.id);
  assert.equal(decided.status, 'APPROVAL_STATUS_APPROVED');
  const [vote] = decided.votes;
  assert.deepEqual(
    [vote.comment, vote.surface, vote.assurance, vote.revision_seen],
    ['looks right', 'DECISION_SURFACE_DESK', 'ASSURANCE_SESSION', 1],
  );
  person.guard.check();
});

test('after deciding, the next one is there, and what became of the call is told', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 }, { timeoutMs: 100_000 });
  const next = await desk.agent.ask('send_email', { to: 'bob' }, { timeoutMs: 300_000 });
  const { person, page } = await opened(t, desk, approval);
  await page.approve();
  await page.says(/approved/i);
  const link = page.page.locator(`a[href*="${next.id}"]`).first();
  await link.waitFor();
  await page.open(approval.id);
  await desk.agent.run(await desk.agent.get(approval.id));
  await page.says(/succeeded/i);
  person.guard.check();
});

test('reject with a preset reason', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const { person, page } = await opened(t, desk, approval);
  await page.choosePreset('wrong amount');
  await page.reject();
  await page.says(/rejected/i);
  const { status, decision } = await desk.agent.decided(approval.id);
  assert.deepEqual([status, decision.comment], ['APPROVAL_STATUS_REJECTED', 'wrong amount']);
  person.guard.check();
});

test('reject with free text', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const { person, page } = await opened(t, desk, approval);
  await page.reject('Ask Bob first: “really?” <b>no</b>');
  await page.says(/rejected/i);
  await page.says('Ask Bob first: “really?” <b>no</b>');
  const { status, decision } = await desk.agent.decided(approval.id);
  assert.deepEqual([status, decision.comment], ['APPROVAL_STATUS_REJECTED', 'Ask Bob first: “really?” <b>no</b>']);
  person.guard.check();
});

test('an urgent one is approved by a second tap only, which says what will happen', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('transfer', { amount: 12400, to: 'Acme GmbH' });
  const { person, page } = await opened(t, desk, approval);
  await page.says(/URGENT/);
  await page.open(approval.id);
  await page.approve();
  await page.confirms(/12,400/);
  assert.equal((await desk.agent.get(approval.id)).status, 'APPROVAL_STATUS_PENDING');
  await page.confirm();
  await page.says(/approved/i);
  assert.equal((await desk.agent.decided(approval.id)).status, 'APPROVAL_STATUS_APPROVED');
  person.guard.check();
});

test('two reviewers: each sees the vote of the other on the open page', async (t) => {
  const desk = await start(t);
  const [alice, bob] = [
    await desk.person('alice', { groups: ['finance'] }),
    await desk.person('bob', { groups: ['finance'] }),
  ];
  const approval = await desk.agent.ask('wire', { amount: 5 });
  const first = await opened(t, desk, approval, alice.secret);
  const second = await opened(t, desk, approval, bob.secret);
  await first.page.approve();
  await second.page.says(/1 of 2/);
  await second.page.says(/alice/);
  await second.page.approve();
  await second.page.says(/approved/i);
  await first.page.says(/bob/);
  const { status, votes } = await desk.agent.decided(approval.id);
  assert.deepEqual([status, votes.length], ['APPROVAL_STATUS_APPROVED', 2]);
  for (const { person } of [first, second]) person.guard.check();
});

test('an approval that was decided elsewhere is shown so on an open page, and cannot be decided there', async (t) => {
  const desk = await start(t);
  const alice = await desk.person('alice');
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const { person, page } = await opened(t, desk, approval, alice.secret);
  await page.comment.fill('my comment');
  await desk.reviewer.reject(approval, 'no');
  await page.says(/rejected/i);
  await page.closed();
  person.guard.check();
});

test('a stale page is refused, says what changed, and keeps the comment', async (t) => {
  const desk = await start(t);
  const [alice, bob] = [
    await desk.person('alice', { groups: ['finance'] }),
    await desk.person('bob', { groups: ['finance'] }),
  ];
  const approval = await desk.agent.ask('wire', { amount: 5 });
  // Without scripts nothing tells the page.
  const person = await Person.signedIn(t, desk, alice.secret, { javaScriptEnabled: false });
  const page = await new ApprovalPage(person).open(approval.id);
  await desk.api(bob.secret).approve(approval, { edited: { amount: 50 } });
  await page.approve('fine, five');
  await page.says('Changed while you looked');
  await page.says('50');
  assert.equal(await page.comment.inputValue(), 'fine, five');
  const { status, votes } = await desk.agent.get(approval.id);
  assert.deepEqual([status, votes.length], ['APPROVAL_STATUS_PENDING', 1]);
  person.guard.allow(/status of 409/).check();
});

test('a page that was open when the deadline passed refuses in words', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 }, { timeoutMs: 6_000 });
  const { person, page } = await opened(t, desk, approval);
  const without = await Person.signedIn(t, desk, desk.tokens.reviewer, { javaScriptEnabled: false });
  const plain = await new ApprovalPage(without).open(approval.id);
  await page.says(/timed out/i);
  await page.closed();
  await desk.agent.decided(approval.id);
  await plain.approve();
  await plain.says(/timed out/i);
  assert.equal((await desk.agent.get(approval.id)).status, 'APPROVAL_STATUS_TIMED_OUT');
  person.guard.check();
  without.guard.allow(/status of 409/).check();
});

test('an approved call is revoked on its page until it is claimed', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const { person, page } = await opened(t, desk, approval);
  await page.approve();
  await page.says(/approved/i);
  await page.open(approval.id);
  await page.revoke('wrong account');
  await page.says(/revoked/i);
  const { revocation } = await desk.agent.get(approval.id);
  assert.equal(revocation.reason, 'wrong account');
  await assert.rejects(desk.agent.claim(approval), /revoked/i);
  person.guard.check();
});

test('nothing that approves has the focus or answers to Enter when the page opens', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const { person, page } = await opened(t, desk, approval);
  await page.page.keyboard.press('Enter');
  await page.comment.click();
  await page.comment.pressSequentially('x');
  await page.page.keyboard.press('Enter');
  // The server has answered everything that the page had sent before this.
  await page.page.reload();
  assert.equal((await desk.agent.get(approval.id)).status, 'APPROVAL_STATUS_PENDING');
  person.guard.check();
});

test('bulk: two are stale, the others are decided, each has its result', async (t) => {
  const desk = await start(t);
  const asked = [];
  for (const tool of ['one', 'two', 'three', 'four']) asked.push(await desk.agent.ask(tool, { n: tool }));
  const untouched = await desk.agent.ask('five');
  const [one, two, three, four] = asked;
  // Without scripts the page does not learn that some are decided meanwhile.
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer, { javaScriptEnabled: false });
  const queue = await new Queue(person).open();
  await queue.select(asked.map(({ id }) => id));
  await desk.reviewer.reject(two, 'no');
  await queue.decideSelected('Approve', 'all fine');
  await queue.result(two.id, /rejected/i);
  await desk.reviewer.reject(four, 'no');
  await queue.confirm();
  await queue.result(one.id, /approved/i);
  await queue.result(three.id, /approved/i);
  await queue.result(four.id, /rejected|not recorded|already/i);
  const statuses = await Promise.all([...asked, untouched].map(async ({ id }) => (await desk.agent.get(id)).status));
  assert.deepEqual(
    statuses.map((status) => status.replace('APPROVAL_STATUS_', '')),
    ['APPROVED', 'REJECTED', 'APPROVED', 'REJECTED', 'PENDING'],
  );
  assert.equal((await desk.agent.get(one.id)).votes[0].comment, 'all fine');
  person.guard.check();
});

test('bulk on a live page: what is decided elsewhere leaves the selection', async (t) => {
  const desk = await start(t);
  const [one, two] = [await desk.agent.ask('one'), await desk.agent.ask('two')];
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.live();
  await queue.select([one.id, two.id]);
  await desk.reviewer.reject(two, 'no');
  await queue.lacks(two.id);
  await queue.decideSelected('Approve', '');
  await queue.page.getByRole('heading', { name: 'Approve 1 request?' }).waitFor();
  await queue.confirm();
  await queue.result(one.id, /approved/i);
  assert.equal((await desk.agent.get(one.id)).status, 'APPROVAL_STATUS_APPROVED');
  person.guard.check();
});

test('edit by form: the difference is shown and confirmed before it counts', async (t) => {
  const desk = await start(t);
  const schema = {
    type: 'object',
    properties: { amount: { type: 'number' }, to: { type: 'string' }, urgent: { type: 'boolean' } },
    required: ['amount', 'to'],
    additionalProperties: false,
  };
  const approval = await desk.agent.ask('pay', { amount: 12400, to: 'Acme', urgent: false }, { schema });
  const { person, page } = await opened(t, desk, approval);
  await page.edit();
  await page.page.getByLabel('amount').fill('1240');
  await page.review();
  await page.says(/12,?400/);
  await page.says(/1,?240\b/);
  assert.equal((await desk.agent.get(approval.id)).status, 'APPROVAL_STATUS_PENDING');
  await page.confirmEdit();
  const decided = await desk.agent.decided(approval.id);
  assert.deepEqual(
    [decided.status, argumentsOf(decided)],
    ['APPROVAL_STATUS_APPROVED', { amount: 1240, to: 'Acme', urgent: false }],
  );
  person.guard.check();
});

test('edit as JSON: a mistake is shown at its place, and what was typed is kept', async (t) => {
  const desk = await start(t);
  const approval = await desk.agent.ask('mail', { to: 'alice', cc: ['bob'] });
  const { person, page } = await opened(t, desk, approval);
  person.guard.allow(/status of 4(00|22)/);
  await page.edit();
  const json = page.page.getByRole('textbox', { name: /json|arguments/i });
  await json.fill('{\n  "to": "alice",\n  "cc": [bob]\n}');
  await page.review();
  await page.says(/line 3/i);
  assert.match(await json.inputValue(), /\[bob\]/);
  await json.fill('{ "to": "alice", "cc": [] }');
  await page.review();
  await page.confirmEdit();
  assert.deepEqual(argumentsOf(await desk.agent.decided(approval.id)), { to: 'alice', cc: [] });
  person.guard.check();
});
