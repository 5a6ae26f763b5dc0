// The queue on an open page: what comes, goes, ends and breaks while somebody looks at it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

test('a request appears on an open page without a reload, and is counted in the title', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.page.getByText(/nothing waits for you/i).waitFor();
  await queue.live();
  await queue.page.evaluate(() => (window.sameDocument = true));
  const approval = await desk.agent.ask('send_email', { to: 'alice@example.org' }, { agent: { name: 'sales-bot' } });
  await queue.has(approval.id);
  await queue.counts(1);
  assert.match(await queue.row(approval.id).innerText(), /send_email[\s\S]*alice@example\.org[\s\S]*sales-bot/);
  assert.equal(await queue.page.evaluate(() => window.sameDocument), true);
  person.guard.check();
});

test('an approval that gRPC decides leaves an open page', async (t) => {
  const desk = await Desk.start(t);
  const [first, second] = [await desk.agent.ask('first'), await desk.agent.ask('second')];
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.has(first.id);
  await queue.counts(2);
  await queue.live();
  await desk.reviewer.approve(first);
  await queue.lacks(first.id);
  await queue.counts(1);
  await queue.has(second.id);
  person.guard.check();
});

test('a row is dead when its deadline passes, also without the network', async (t) => {
  const desk = await Desk.start(t);
  for (const network of [true, false]) {
    const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
    const approval = await desk.agent.ask('brief', {}, { timeoutMs: 6_000 });
    const queue = await new Queue(person).open();
    await queue.has(approval.id);
    if (!network) await person.context.setOffline(true);
    await queue.row(approval.id).getByText(/timed out/i).waitFor();
    assert.equal(await queue.row(approval.id).getByRole('button', { name: /approve|reject/i }).count(), 0);
    assert.equal(await queue.row(approval.id).locator('input:enabled').count(), 0, 'nothing to select');
    person.guard.allow(/ERR_INTERNET_DISCONNECTED/).check();
    await person.context.close();
  }
});

test('killed and started again under an open page, it reconnects and is right', async (t) => {
  const desk = await Desk.start(t);
  const [leaves, stays] = [await desk.agent.ask('leaves'), await desk.agent.ask('stays')];
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  person.guard.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  const queue = await new Queue(person).open();
  await queue.live();
  await desk.kill();
  await queue.offline();
  assert.equal(await queue.page.getByRole('button', { name: /^(approve|reject)/i }).and(queue.page.locator(':enabled')).count(), 0);
  await desk.restart();
  await desk.reviewer.approve(leaves);
  const comes = await desk.agent.ask('comes');
  await queue.live();
  await queue.has(comes.id);
  await queue.has(stays.id);
  await queue.lacks(leaves.id);
  await queue.counts(2);
  person.guard.check();
});

test('two hundred wait: all can be reached, and the title counts them', async (t) => {
  const desk = await Desk.start(t);
  const asked = await Promise.all(
    Array.from({ length: 200 }, (_, i) => desk.agent.ask(`tool_${i}`, { number: i }, { agent: { name: `agent-${i}` } })),
  );
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.counts(200);
  const seen = new Set();
  for (;;) {
    for (const id of await queue.rows.evaluateAll((rows) => rows.map((row) => row.dataset.approvalId))) seen.add(id);
    const next = queue.page.getByRole('link', { name: /^(next|older|more)\b/i });
    if (!(await next.count())) break;
    await Promise.all([queue.page.waitForEvent('framenavigated'), next.first().click()]);
  }
  assert.deepEqual([...seen].sort(), asked.map(({ id }) => id).sort());
  person.guard.check();
});

test('urgent ones come first, then the nearest deadline', async (t) => {
  const policy = `
unlisted_tools: { require_approval: {} }
rules:
  - { name: wires, tools: [wire], require_approval: { escalate: [{ after: 1s, priority: PRIORITY_URGENT }] } }
`;
  const desk = await Desk.start(t, { policy });
  const late = await desk.agent.ask('late', {}, { timeoutMs: 500_000 });
  const soon = await desk.agent.ask('soon', {}, { timeoutMs: 200_000 });
  const urgent = await desk.agent.ask('wire', {}, { timeoutMs: 600_000 });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.row(urgent.id).getByText(/URGENT/).first().waitFor();
  await queue.open();
  const order = await queue.rows.evaluateAll((rows) => rows.map((row) => row.dataset.approvalId));
  assert.deepEqual(order, [urgent.id, soon.id, late.id]);
  person.guard.check();
});

test('similar requests of one agent fold into a row that opens', async (t) => {
  const desk = await Desk.start(t);
  const asked = [];
  for (let i = 0; i < 3; i++) asked.push(await desk.agent.ask('delete_record', { id: i }, { agent: { name: 'cleanup-job' } }));
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.page.getByText(/3 × delete_record/).first().waitFor();
  assert.equal(await queue.row(asked[1].id).isVisible(), false);
  await queue.page.getByText(/3 × delete_record/).first().click();
  for (const { id } of asked) await queue.row(id).waitFor({ state: 'visible' });
  person.guard.check();
});

test('new rows wait behind a count while a row is selected', async (t) => {
  const desk = await Desk.start(t);
  const first = await desk.agent.ask('first', {}, { timeoutMs: 500_000 });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.live();
  await queue.row(first.id).getByRole('checkbox').check();
  const before = await queue.row(first.id).boundingBox();
  // Nearer deadlines: they belong above it.
  const above = await desk.agent.ask('above', {}, { timeoutMs: 100_000 });
  const more = queue.page.getByRole('button', { name: /1 new/i });
  await more.waitFor();
  assert.equal((await queue.row(first.id).boundingBox()).y, before.y, 'nothing moved under the finger');
  assert.equal(await queue.row(above.id).count(), 0);
  await more.click();
  await queue.has(above.id);
  assert.equal(await queue.row(first.id).getByRole('checkbox').isChecked(), true);
  person.guard.check();
});

test('a vote elsewhere keeps a selection, and an edit does not', async (t) => {
  const desk = await Desk.start(t, { policy: 'unlisted_tools: { require_approval: { quorum: 3 } }\n' });
  const approval = await desk.agent.ask('pay', { amount: 1 });
  const other = desk.api((await desk.person('bob')).secret);
  const third = desk.api((await desk.person('carol')).secret);
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const queue = await new Queue(person).open();
  await queue.live();
  await queue.select([approval.id]);
  await other.approve(approval);
  await queue.row(approval.id).getByText('1 of 3').waitFor();
  const box = queue.row(approval.id).getByRole('checkbox');
  assert.equal(await box.isChecked(), true);
  await third.approve(await third.get(approval.id), { edited: { amount: 2 } });
  await queue.row(approval.id).getByText('2', { exact: true }).waitFor();
  assert.equal(await box.isChecked(), false);
  person.guard.check();
});
