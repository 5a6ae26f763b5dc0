// Debian's Chromium, driven by playwright-core: people with a browser of their own each.
import { chromium } from 'playwright-core';
import { Guard } from './guard.mjs';

/** How long a page has for something that must happen. Not a measure of how long it takes. */
const PATIENCE_MS = 30_000;

const options = {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: [
    // Chromium's sandbox refuses to run as root, and containers have no user namespaces for it. It protects a machine
    // from hostile pages; these come from the server under test.
    ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
    // Containers often have a /dev/shm of 64 MB, in which a page with 200 rows crashes.
    '--disable-dev-shm-usage',
  ],
};

/** One browser for a file of tests: `test.after` closes it. */
let launched;

function browser() {
  launched ??= chromium.launch(options);
  return launched;
}

/** Ends the browser; each file calls it once, as an `after` hook. */
export async function closeBrowser() {
  await (await launched)?.close();
}

/**
 * A person at a browser: a context with cookies of its own, and one page. What goes wrong on any of its pages fails the
 * test at its end.
 */
export class Person {
  context;
  page;
  guard = new Guard();
  #desk;

  /** Opens a browser at the desk's address without signing in; `options` are those of `browser.newContext`. */
  static async arrive(test, desk, options = {}) {
    const person = new Person();
    person.#desk = desk;
    person.context = await (await browser()).newContext({
      baseURL: desk.origin,
      viewport: { width: 1280, height: 800 },
      timezoneId: 'Europe/Berlin',
      locale: 'en-GB',
      ...options,
    });
    person.context.setDefaultTimeout(PATIENCE_MS);
    person.guard.over(person.context, desk.origin);
    test.after(() => person.context.close());
    person.page = await person.context.newPage();
    return person;
  }

  /** As `arrive`, then signs in with a token, through the form as a person does. */
  static async signedIn(test, desk, token, options) {
    const person = await Person.arrive(test, desk, options);
    await person.signIn(token);
    return person;
  }

  async signIn(token, path = '/sign-in') {
    await this.page.goto(path);
    await this.page.getByLabel('Token').fill(token);
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await this.page.waitForURL((url) => url.pathname !== '/sign-in');
  }

  /** Signs out by the menu of any page. */
  async signOut(button = 'Sign out') {
    await this.page.getByText('Menu', { exact: true }).click();
    await this.page.getByRole('button', { name: button, exact: true }).click();
  }

  /** A request with this person's cookies, outside of any page and of any script. */
  fetch(path, options = {}) {
    return this.context.request.fetch(new URL(path, this.#desk.origin).href, { maxRedirects: 0, ...options });
  }

  /** The session's cookie. */
  async session() {
    const cookies = await this.context.cookies();
    return cookies.find(({ name }) => name === '__Host-signoff' || name.startsWith('signoff_session_'));
  }
}
