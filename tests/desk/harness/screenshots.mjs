// Screenshots of a page as people have it: light and dark, on a phone and on a desk.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../../target/desk-screenshots/', import.meta.url));

const SIZES = { 360: { width: 360, height: 740 }, 1280: { width: 1280, height: 800 } };

/**
 * Writes `target/desk-screenshots/NAME-SCHEME-WIDTH.png`, the whole page; on a phone also what is on the screen at first.
 * No page may be wider than its screen.
 */
export async function photograph(page, name) {
  await mkdir(directory, { recursive: true });
  const before = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const [width, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size);
      const file = `${directory}${name}-${colorScheme}-${width}`;
      await page.screenshot({ path: `${file}.png`, fullPage: true });
      if (width === '360') await page.screenshot({ path: `${file}-screen.png` });
      assert.equal(await overflow(page), '', `${name} at ${width} px is wider than its screen`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

/** The file of a picture of a page as it is printed. */
export const paper = (name) => `${directory}${name}-print.png`;

/** The elements that make the page wider than its screen, if it is. */
function overflow(page) {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return '';
    const wide = [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > clientWidth);
    return `${scrollWidth} px: ${wide.slice(0, 5).map((it) => it.outerHTML.slice(0, 120)).join('\n')}`;
  });
}
