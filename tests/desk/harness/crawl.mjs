// Every address that a page of the desk leads to.

/** Addresses that look alike, such as `/approvals/ID`, are followed this often each. */
const ALIKE = 3;

/**
 * Follows every link of the desk from `/` on, as the signed-in person, with GET; calls `visit` with each path and what
 * it answered. Forms that are sent by GET are links, too.
 */
export async function crawl(person, origin, visit, from = ['/']) {
  const known = new Set(from);
  const kinds = new Map();
  const queue = [...known];
  while (queue.length > 0) {
    const path = queue.shift();
    // A stream of events has no end to wait for; the pages that open it do.
    if (isStream(path)) continue;
    await visit(path);
    const answer = await person.fetch(path);
    const found = [];
    if (answer.headers().location) found.push(answer.headers().location);
    if (/^text\/html/.test(answer.headers()['content-type'] ?? '')) found.push(...links(await answer.text()));
    for (const link of found) {
      const url = new URL(link, `${origin}${path}`);
      const next = url.pathname + url.search;
      if (url.origin !== origin || known.has(next)) continue;
      const kind = next.replace(/[0-9a-f]{8}-[0-9a-f-]+/g, 'ID').replace(/=[^&]*/g, '=');
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kinds.get(kind) > ALIKE) continue;
      known.add(next);
      queue.push(next);
    }
  }
  return [...known];
}

const isStream = (path) => /\/events(\?|$)/.test(path);

/** Every address in a page: of links, assets, and forms. */
export function links(html) {
  const unescaped = (text) => text.replace(/&(amp|#38);/g, '&').replace(/&(quot|#34);/g, '"').replace(/&#(39|x27);/g, "'");
  return [...html.matchAll(/\b(?:href|src|action|formaction|data-[a-z-]*(?:url|href|src|stream|events))="([^"]*)"/g)].map(
    ([, link]) => unescaped(link),
  );
}
