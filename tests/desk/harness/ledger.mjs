// What is on record, to be compared before and after something that must change nothing.

/** `signoff export`, without what reading changes by design: when a token was last used. */
export async function onRecord(desk) {
  const lines = (await desk.export()).trim().split('\n');
  return lines.map((line) => line.replace(/"last_use[a-z_]*":("[^"]*"|null|\d+)/g, '"last_use":…')).sort();
}
