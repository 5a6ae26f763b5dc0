// Signing in through the real OpenID provider of the tests.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, Person } from '../harness/chromium.mjs';
import { Desk } from '../harness/desk.mjs';
import { startProvider } from '../harness/provider.mjs';

after(closeBrowser);

test('a person of the provider signs in, decides, and is who the provider says', { todo: 'waits for the sign-in with OpenID' }, async () => {
  assert.fail('not written yet');
});
