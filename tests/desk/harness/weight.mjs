// What a page costs its reader: requests and bytes, as they cross the network.

/** Loads a path without a cache and counts. An event stream counts as one request, and with the bytes so far. */
export async function weigh(person, path) {
  const page = await person.context.newPage();
  const cdp = await person.context.newCDPSession(page);
  const requests = new Map();
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (!request.url.startsWith('data:')) requests.set(requestId, { url: request.url, bytes: 0 });
  });
  const add = (requestId, bytes) => {
    const found = requests.get(requestId);
    if (found) found.bytes += bytes;
  };
  const set = (requestId, bytes) => {
    const found = requests.get(requestId);
    if (found) found.bytes = bytes;
  };
  cdp.on('Network.dataReceived', ({ requestId, encodedDataLength }) => add(requestId, encodedDataLength));
  cdp.on('Network.responseReceived', ({ requestId, response }) => add(requestId, response.encodedDataLength));
  // With the headers.
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => set(requestId, encodedDataLength));
  await page.goto(path, { waitUntil: 'load' });
  // The stream is opened by a script after that.
  await page.waitForFunction(() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0);
  await page.close();
  const all = [...requests.values()];
  return { requests: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), all };
}
