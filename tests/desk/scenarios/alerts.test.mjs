// Notifications of the browser and the sound: off until somebody switches them on, and only while the page is hidden.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible } from '../harness/axe.mjs';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { photograph } from '../harness/screenshots.mjs';
import { Queue } from '../pages/queue.mjs';

after(closeBrowser);

/** Records what a page would show and play; no notification leaves the browser of a test. */
async function recorded(person, permission) {
  await person.context.addInitScript((permission) => {
    window.shown = [];
    window.gone = [];
    window.asked = 0;
    window.played = 0;
    document.addEventListener('desk:sound', () => window.played++);
    window.Notification = class extends EventTarget {
      static permission = 'default';
      static async requestPermission() {
        window.asked++;
        return (this.permission = permission);
      }
      constructor(title, { body, tag }) {
        super();
        this.tag = tag;
        window.shown.push({ title, body, tag });
      }
      close() {
        window.gone.push(this.tag);
      }
    };
    if (localStorage.getItem('signoff.alerts')) window.Notification.permission = permission;
    let hidden = false;
    Object.defineProperty(document, 'hidden', { get: () => hidden });
    window.hide = (on) => (hidden = on);
  }, permission);
}

const read = (page) => page.evaluate(() => ({ shown: window.shown, closed: window.gone, asked: window.asked, played: window.played }));
const hide = (page, on) => page.evaluate((on) => window.hide(on), on);
const loaded = (page) => page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/alerts.js')));

test('a hidden page says the tool and the agent, and no argument', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  await recorded(person, 'granted');
  const queue = await new Queue(person).open();
  await queue.live();
  const { page } = queue;
  assert.equal(await loaded(page), false, 'the first page does not load the module');
  await page.getByRole('button', { name: 'Notifications' }).click();
  const dialog = page.getByRole('dialog', { name: 'Notifications' });
  await dialog.waitFor();
  for (const box of await dialog.getByRole('checkbox').all()) assert.equal(await box.isChecked(), false);
  assert.equal((await read(page)).asked, 0, 'the browser asks only when it is switched on');
  await accessible(page);
  await photograph(page, 'alerts');
  await dialog.getByRole('checkbox', { name: /notification/ }).check();
  await dialog.getByRole('checkbox', { name: /sound/ }).check();
  assert.deepEqual(await read(page), { shown: [], closed: [], asked: 1, played: 1 });
  await page.keyboard.press('Escape');

  const seen = await desk.agent.ask('seen', { secret: 'visible' }, { agent: { name: 'a-bot' } });
  await queue.has(seen.id);
  assert.deepEqual((await read(page)).shown, [], 'the page is visible');
  await hide(page, true);
  const first = await desk.agent.ask('send_email', { to: 'alice@example.org' }, { agent: { name: 'sales-bot' }, reason: 'private' });
  await page.waitForFunction(() => window.shown.length === 1);
  const { shown, played } = await read(page);
  assert.deepEqual(shown, [{ title: 'send_email', body: 'sales-bot', tag: first.id }]);
  assert.equal(played, 2);
  // A vote or another change is nothing new.
  await desk.reviewer.approve(first);
  await page.waitForFunction(() => window.gone.length === 1);
  assert.deepEqual((await read(page)).closed, [first.id]);

  // The choice stays, also after a reload.
  await page.reload();
  await queue.live();
  await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/alerts.js')));
  await hide(page, true);
  const second = await desk.agent.ask('pay', { amount: 1 });
  await page.waitForFunction(() => window.shown.length === 1);
  assert.equal((await read(page)).shown[0].tag, second.id);
  // Not for what one cannot decide.
  await hide(page, false);
  await page.getByRole('button', { name: 'Notifications' }).click();
  await dialog.waitFor();
  for (const box of await dialog.getByRole('checkbox').all()) {
    assert.equal(await box.isChecked(), true);
    await box.uncheck();
  }
  assert.equal(await page.evaluate(() => localStorage.getItem('signoff.alerts')), null);
  assert.deepEqual((await read(page)).closed, [second.id], 'switched off, they go');
  person.guard.check();
});

test('a browser that does not allow notifications is told', async (t) => {
  const desk = await Desk.start(t);
  const person = await Person.signedIn(t, desk, desk.tokens.reviewer);
  await recorded(person, 'denied');
  const queue = await new Queue(person).open();
  await queue.page.getByRole('button', { name: 'Notifications' }).click();
  const box = queue.page.getByRole('checkbox', { name: /notification/ });
  await box.click();
  await queue.page.getByRole('alert').getByText('does not allow notifications').waitFor();
  assert.equal(await box.isChecked(), false);
  assert.equal(await queue.page.evaluate(() => localStorage.getItem('signoff.alerts')), null);
  person.guard.check();
});
