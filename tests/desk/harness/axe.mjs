// axe-core: whether people with other senses and devices can use a page.
import assert from 'node:assert/strict';
import axe from 'axe-core';

/** Fails with every problem of a page that axe-core calls serious or critical. */
export async function accessible(page) {
  // Chromium's debugger runs it, which a Content-Security-Policy does not concern.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  const problems = grave.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  );
  assert.deepEqual(problems, [], `on ${page.url()}`);
}
