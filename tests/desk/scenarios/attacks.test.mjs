// What an agent, another site, a mail scanner or a prefetching browser may try.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DECEPTIVE, hostileRequest, MARKUP, RIGHT_TO_LEFT } from '../fixtures/hurtful.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { crawl } from '../harness/crawl.mjs';
import { Desk } from '../harness/desk.mjs';
import { Elsewhere } from '../harness/elsewhere.mjs';
import { onRecord } from '../harness/ledger.mjs';
import { ApprovalPage } from '../pages/approval.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

/** A desk with an approval of every state, and its operator who is a reviewer and an auditor too. */
async function busy(t) {
  const desk = await Desk.start(t);
  const boss = await desk.person('boss', { roles: ['REVIEWER', 'OPERATOR', 'AUDITOR'] });
  const states = {
    pending: await desk.agent.ask('pay', { amount: 1 }),
    approved: await desk.agent.ask('pay', { amount: 2 }),
    rejected: await desk.agent.ask('pay', { amount: 3 }),
    ran: await desk.agent.ask('pay', { amount: 4 }),
  };
  await desk.reviewer.approve(states.approved);
  await desk.reviewer.reject(states.rejected, 'no');
  await desk.agent.run(await desk.reviewer.approve(states.ran));
  return { desk, boss, states };
}

async function notInjected(page) {
  assert.equal(await page.evaluate(() => window.injected), undefined, page.url());
  assert.equal(await page.locator('[data-injected]').count(), 0, page.url());
}

test('markup in every field of an agent stays text, on every page', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, (await desk.person('boss', { roles: ['REVIEWER', 'OPERATOR', 'AUDITOR'] })).secret);
  const asked = [];
  for (let i = 0; i < MARKUP.length; i++) {
    const { args, options } = hostileRequest(i);
    asked.push(await desk.agent.ask('markup', args, options));
  }
  const [first, second] = asked;
  await desk.reviewer.reject(first, MARKUP.join(' '));
  await desk.agent.run(await desk.reviewer.approve(second, { comment: MARKUP.join(' ') }), 'EXECUTION_RESULT_FAILED', MARKUP.join(' '));
  await desk.operator.freeze({ agent: `${MARKUP[0]}!` }, MARKUP.join(' '));
  const paths = ['/', '/pending', '/history', '/freezes', '/policy', '/tokens', '/status', ...asked.map(({ id }) => `/approvals/${id}`)];
  for (const path of paths) {
    await person.page.goto(path);
    await notInjected(person.page);
    for (const handler of await person.page.locator('body *').evaluateAll((all) => all.filter((it) => [...it.attributes].some(({ name }) => /^on/.test(name))).map((it) => it.outerHTML))) {
      assert.fail(`a handler on ${path}: ${handler}`);
    }
    assert.equal(await person.page.locator('a[href^="javascript:"]').count(), 0, path);
  }
  // What an agent wrote arrives in scripts by the event stream, too.
  const queue = await new Queue(person).open();
  await queue.live();
  const { args, options } = hostileRequest(3);
  const late = await desk.agent.ask('late', args, options);
  await queue.has(late.id);
  await notInjected(person.page);
  person.guard.check();
});

test('an override in a text cannot turn round what the server says', async (t) => {
  const desk = await Desk.start(t);
  const approval = await desk.agent.ask(
    'deceive',
    { ...Object.fromEntries(Object.entries(DECEPTIVE).map(([name, { text }]) => [name, text])), [`${RIGHT_TO_LEFT}key`]: 1 },
    { reason: `for ${RIGHT_TO_LEFT}live.exe` },
  );
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  const page = await new ApprovalPage(person).open(approval.id);
  for (const [name, { names }] of Object.entries(DECEPTIVE)) {
    assert((await page.main.innerText()).includes(names), `${name} is named ${names}`);
  }
  for (const path of ['/', '/pending', `/approvals/${approval.id}`]) {
    await person.page.goto(path);
    // No text node outside of raw JSON holds a character that turns the text around it.
    const found = await person.page.evaluate(() => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const bad = [];
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/.test(node.data)) continue;
        const isolated = node.parentElement.closest('bdi, [dir], pre, code, textarea, script');
        if (!isolated) bad.push(`${node.parentElement.outerHTML.slice(0, 200)}`);
      }
      return bad;
    });
    assert.deepEqual(found, [], path);
  }
  person.guard.check();
});

test('GET, HEAD and prefetch of every link on every page change nothing', async (t) => {
  const { desk, boss } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  const before = await onRecord(desk);
  const pages = [];
  const visited = await crawl(person, desk.origin, async (path) => {
    for (const [method, headers] of [
      ['GET', {}],
      ['HEAD', {}],
      ['GET', { 'sec-purpose': 'prefetch;prerender', purpose: 'prefetch' }],
    ]) {
      const answer = await person.fetch(path, { method, headers });
      assert(answer.status() < 500, `${method} ${path}: ${answer.status()}`);
      const isPage = answer.ok() && /^text\/html/.test(answer.headers()['content-type']);
      if (isPage && !pages.includes(path)) pages.push(path);
    }
  });
  assert(visited.length > 5, visited.join('\n'));
  t.diagnostic(`${visited.length} addresses: ${visited.join(' ')}`);
  // Pages run their scripts, too.
  for (const path of pages) {
    await person.page.goto(path);
    await person.page.waitForLoadState('load');
  }
  assert.deepEqual(await onRecord(desk), before);
  assert.equal((await person.fetch('/')).status(), 200, 'no link signs out');
});

/** The forms of a page that post: where to, and what they send. */
function forms(page) {
  return page.locator('form').evaluateAll((all) =>
    all
      .filter((form) => form.method === 'post')
      .flatMap((form) => {
        const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
        const buttons = [...form.elements].filter(({ type }) => type === 'submit');
        const named = buttons.filter(({ name }) => name).map(({ name, value }) => [[name, value]]);
        const own = buttons.filter((it) => it.hasAttribute('formaction')).map((it) => it.formAction);
        const actions = [...new Set([form.action, ...own])];
        return actions.flatMap((action) => (named.length ? named : [[]]).map((button) => ({ action, fields: [...fields, ...button] })));
      }),
  );
}

/** The desk's answer to the form of a page elsewhere. */
async function submitted(page, desk) {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  // A field may be called `submit`.
  await page.evaluate(() => HTMLFormElement.prototype.submit.call(document.forms[0]));
  const answer = await answered;
  // An answer without a page is refused by the browser, which then stays where it is.
  await page.waitForURL((url) => url.origin === desk.origin).catch((error) => {
    throw new Error(`${answer.status()} of ${answer.url()} is no page: ${error}`);
  });
  return answer;
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

test('no form of any page can be sent from another origin', async (t) => {
  const { desk, boss, states } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  person.guard.allow(/^request to elsewhere/, /status of 4/, /^console on .*localhost/);
  // An attacker has an account, too, and so a token of its own session.
  const mallory = await Person.signedIn(t, desk, (await desk.person('mallory')).secret);
  await mallory.page.goto(`/approvals/${states.pending.id}`);
  const stolen = await mallory.page.locator('input[name="csrf"]').first().inputValue();
  const all = [];
  for (const path of ['/', `/approvals/${states.pending.id}`, `/approvals/${states.approved.id}`, '/freezes/new', '/tokens/new', '/policy/edit', '/sessions']) {
    await person.page.goto(path);
    all.push(...(await forms(person.page)));
  }
  assert(all.length > 0);
  const before = await onRecord(desk);
  const elsewhere = await Elsewhere.start(t);
  for (const { action, fields } of all) {
    for (const csrf of [undefined, '', stolen]) {
      const sent = fields.filter(([name]) => name !== 'csrf');
      if (csrf !== undefined) sent.push(['csrf', csrf]);
      const inputs = sent.map(([name, value]) => `<input name="${escaped(name)}" value="${escaped(value)}">`).join('');
      elsewhere.page = `<form method="post" action="${escaped(action)}">${inputs}</form>`;
      for (const origin of [elsewhere.sameSite, elsewhere.otherSite]) {
        await person.page.goto(origin);
        const answer = await submitted(person.page, desk);
        const refused = answer.status() >= 400 || new URL(answer.headers().location ?? '', action).pathname === '/sign-in';
        assert(refused, `POST ${action} from ${origin} with csrf ${csrf}: ${answer.status()}`);
      }
    }
  }
  // Even one's own form, with its own token, when its page lies elsewhere.
  const { action, fields } = all[0];
  for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const answer = await person.fetch(action, { method: 'POST', headers, form: Object.fromEntries(fields) });
    assert.equal(answer.status(), 403, JSON.stringify(headers));
  }
  assert.deepEqual(await onRecord(desk), before);
  assert.equal((await person.fetch('/')).status(), 200, 'nor can anybody be signed out');
});

test('nobody can be signed in as somebody else from another origin', async (t) => {
  const desk = await Desk.start(t);
  const mallory = await desk.person('mallory');
  const victim = await Person.arrive(t, desk);
  victim.guard.allow(/^request to elsewhere/, /status of 403/);
  const elsewhere = await Elsewhere.start(t);
  elsewhere.page = `<form method="post" action="${desk.origin}/sign-in"><input name="token" value="${mallory.secret}"><input name="next" value="/"></form>`;
  for (const origin of [elsewhere.sameSite, elsewhere.otherSite]) {
    await victim.page.goto(origin);
    assert.equal((await submitted(victim.page, desk)).status(), 403, origin);
  }
  assert.equal(await victim.session(), undefined);
  victim.guard.check();
});

test('nobody else can read a page by a script', async (t) => {
  const { desk, boss } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  person.guard.allow(/^request to elsewhere/, /^console on .*(localhost|127)/);
  const elsewhere = await Elsewhere.start(t);
  elsewhere.page = '<p>reads</p>';
  await person.page.goto(elsewhere.sameSite);
  const read = await person.page.evaluate(async (url) => {
    try {
      return await (await fetch(url, { credentials: 'include' })).text();
    } catch (error) {
      return String(error);
    }
  }, `${desk.origin}/`);
  assert.match(read, /Failed to fetch/);
});

test('no page can be framed', async (t) => {
  const { desk, boss, states } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  person.guard.allow(/^request to elsewhere/, /frame/i);
  const elsewhere = await Elsewhere.start(t);
  for (const path of ['/', '/sign-in', `/approvals/${states.pending.id}`]) {
    elsewhere.page = `<iframe src="${desk.origin}${path}"></iframe>`;
    for (const origin of [elsewhere.sameSite, elsewhere.otherSite]) {
      await person.page.goto(origin, { waitUntil: 'load' });
      const [frame] = person.page.mainFrame().childFrames();
      assert(!frame.url().startsWith(desk.origin), `${path} is shown in a frame: ${frame.url()}`);
    }
  }
  assert(person.guard.noted.some((problem) => /frame-ancestors/.test(problem)));
  person.guard.check();
});

test('a scanner without a session, which runs every script and presses every button, decides nothing', async (t) => {
  const { desk, states } = await busy(t);
  const before = await onRecord(desk);
  const scanner = await Person.arrive(t, desk);
  scanner.guard.allow(/status of 4/);
  for (const path of ['/', '/sign-in', `/approvals/${states.pending.id}`, `/approvals/${states.pending.id}/edit`]) {
    await scanner.page.goto(path, { waitUntil: 'load' });
    const buttons = await scanner.page.getByRole('button').count();
    for (let i = 0; i < buttons; i++) {
      await scanner.page.goto(path, { waitUntil: 'load' });
      await scanner.page.getByRole('button').nth(i).click();
      await scanner.page.waitForLoadState();
    }
  }
  assert.equal(await scanner.session(), undefined);
  assert.deepEqual(await onRecord(desk), before);
  scanner.guard.check();
});

test('every answer with data carries the headers that keep it private', async (t) => {
  const { desk, boss, states } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  for (const path of ['/', '/pending', '/history', `/approvals/${states.pending.id}`, '/sign-in', '/no-such-page', '/freezes', '/tokens', '/policy', '/status']) {
    const headers = (await person.fetch(path)).headers();
    const policy = headers['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]) {
      assert(policy.includes(part), `${path}: ${part} in ${policy}`);
    }
    assert(!policy.includes('unsafe'), path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
    assert.match(headers['cache-control'] ?? '', /no-store/, path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['access-control-allow-origin'], undefined, path);
  }
});

test('the cookie is nothing to gRPC and gRPC-Web', async (t) => {
  const { desk, boss } = await busy(t);
  const person = await Person.signedIn(t, desk, boss.secret);
  const answer = await person.fetch('/signoff.v1.ApprovalService/ListPending', {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    data: Buffer.from([0, 0, 0, 0, 0]),
  });
  assert.equal(answer.headers()['grpc-status'] ?? /grpc-status:\s*(\d+)/.exec(await answer.text())?.[1], '16');
});
