// The connection of an open page: how it ends, comes back, and what can be decided meanwhile.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { ApprovalPage } from '../pages/approval.mjs';

after(closeBrowser);

const isStream = (request) => request.method() === 'GET' && request.url().includes('/events?');

/** One page of an approval, whose clock the test moves. */
async function opened(t, policy) {
  const desk = await Desk.start(t, { policy });
  const approval = await desk.agent.ask('pay', { amount: 1 }, { timeoutMs: 500_000 });
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  await person.page.clock.install();
  const page = await new ApprovalPage(person).open(approval.id);
  await live(page);
  return { desk, approval, person, page };
}

const live = (page) => page.page.locator('body:not([data-lost]) [data-live=yes]').waitFor();
const acts = (page, state) => page.page.locator(`#bar .acts:${state}`).waitFor();

/** As browsers say it to the page. */
function turn(page, hidden) {
  return page.page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

test('a connection that is silent is opened again, and only what is current can be decided', async (t) => {
  const { person, page } = await opened(t);
  await page.page.evaluate(() => {
    const bar = document.querySelector('#bar .acts');
    window.seen = [];
    new MutationObserver(() => window.seen.push(bar.disabled)).observe(bar, { attributes: true });
  });
  const again = page.page.waitForRequest(isStream);
  await page.page.clock.fastForward(31_000);
  await again;
  await live(page);
  await acts(page, 'enabled');
  assert.deepEqual(await page.page.evaluate(() => window.seen), [true, false]);
  person.guard.check();
});

test('after a sleep the countdown is right, and the page connects again', async (t) => {
  const { person, page } = await opened(t);
  const minutes = async () => Number((await page.page.locator('#left').innerText()).split(':')[0]);
  const before = await minutes();
  const again = page.page.waitForRequest(isStream);
  await page.page.clock.setSystemTime((await page.page.evaluate(() => Date.now())) + 120_000);
  await again;
  await live(page);
  const left = await minutes();
  assert.ok(left === before - 2 || left === before - 3, `${left} of ${before}`);
  person.guard.check();
});

test('a hidden page has no connection, and is right once it is visible', async (t) => {
  const { desk, approval, person, page } = await opened(t);
  await turn(page, true);
  await acts(page, 'disabled');
  await page.page.clock.fastForward(60_000);
  assert.equal(await page.page.getByRole('alert').count(), 0, 'nothing is wrong');
  await desk.reviewer.reject(approval, 'no');
  const again = page.page.waitForRequest(isStream);
  await turn(page, false);
  await again;
  await page.says(/rejected/i);
  await page.closed();
  person.guard.check();
});

test('a page whose session ended says so, and stops', async (t) => {
  const { person, page } = await opened(t);
  person.guard.allow(/status of 401/);
  await person.context.clearCookies();
  await page.page.clock.fastForward(31_000);
  await page.page.getByRole('alert').getByText(/signed out|sign in/i).waitFor();
  const streams = [];
  page.page.on('request', (request) => streams.push(request.url()));
  await page.page.clock.fastForward(120_000);
  await page.page.clock.runFor(5_000);
  assert.deepEqual(streams, []);
  await acts(page, 'disabled');
  person.guard.check();
});

test('a page that answered a form, and may show nothing any more, does not send the form again', async (t) => {
  const policy = 'unlisted_tools: { require_approval: { comment_required: true } }\n';
  const { approval, person, page } = await opened(t, policy);
  person.guard.allow(/status of 40[04]/);
  await page.reject();
  await page.says(/comment/i);
  assert.match(page.page.url(), /\/decide$/);
  await live(page);
  const sent = [];
  page.page.on('request', (request) => sent.push(request.method()));
  await page.page.route(/\/events\?/, (route) => route.fulfill({ status: 404 }), { times: 2 });
  await page.page.clock.fastForward(31_000);
  await page.page.waitForURL((url) => url.pathname === `/approvals/${approval.id}`);
  assert.ok(!sent.includes('POST'), sent.join());
  person.guard.check();
});
