// A real OpenID provider on a free port of loopback. Prints its issuer as the first line; for each line on standard
// input it replaces its signing key, drops the old one, and prints "rotated". Ends with its standard input.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

// The library's notices do not belong among the lines that tests read.
console.info = console.error;

// Clients, and the groups that their tokens say they are in.
const groups = {
  deployer: ['deployers', 'on-call'],
  alice: ['finance'],
  bob: ['finance', 'auditors'],
  eve: [],
};

let keys = 0;

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  keys += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${keys}`, alg: 'RS256', use: 'sig' };
}

function newProvider(issuer) {
  const provider = new Provider(issuer, {
    jwks: { keys: [newKey()] },
    cookies: { keys: ['unused: nobody signs in'] },
    clients: Object.keys(groups).map((name) => ({
      client_id: name,
      client_secret: `${name}-secret`,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    ttl: { ClientCredentials: 600 },
    extraTokenClaims: (ctx, token) => ({ groups: groups[token.clientId] }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // The resource is the audience's name behind the scheme that a resource must have.
        getResourceServerInfo: (ctx, resource) => ({
          audience: resource.replace('urn:', ''),
          scope: '',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  return provider.callback();
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = newProvider(issuer);
  console.log(issuer);
  createInterface({ input: process.stdin })
    .on('line', () => {
      answer = newProvider(issuer);
      console.log('rotated');
    })
    .on('close', () => process.exit());
});
