// A real OpenID provider on a free port of loopback. Prints its issuer as the first line; for each line on standard
// input it replaces its signing key, drops the old one, and prints "rotated". Ends with its standard input.
//
// Programs get tokens for themselves. People sign in at the clients `desk` (public) and `desk-with-secret`: a page asks
// for a name, and believes it. Both are native clients, which may listen on any port of loopback.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider, interactionPolicy } from 'oidc-provider';

// The library's notices do not belong among the lines that tests read.
console.info = console.error;

// Clients and people, and the groups that their tokens say they are in.
const groups = {
  deployer: ['deployers', 'on-call'],
  alice: ['finance'],
  bob: ['finance', 'auditors'],
  eve: [],
};

const desk = {
  application_type: 'native',
  grant_types: ['authorization_code'],
  redirect_uris: ['http://127.0.0.1/sign-in/openid/callback'],
  response_types: ['code'],
};

let keys = 0;

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  keys += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${keys}`, alg: 'RS256', use: 'sig' };
}

// Native clients would ask for consent each time: another program could have taken their place.
function withoutConsent() {
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return policy;
}

function newProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: [newKey()] },
    cookies: { keys: ['signed with a key that everybody knows'] },
    clients: [
      ...Object.keys(groups).map((name) => ({
        client_id: name,
        client_secret: `${name}-secret`,
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      { ...desk, client_id: 'desk', token_endpoint_auth_method: 'none' },
      { ...desk, client_id: 'desk-with-secret', client_secret: 'a secret: 100%', token_endpoint_auth_method: 'client_secret_basic' },
    ],
    pkce: { required: () => true },
    scopes: ['openid'],
    claims: { openid: ['sub', 'groups'] },
    // So that the ID token of a code has the claims of the scopes.
    conformIdTokenClaims: false,
    findAccount: (ctx, name) => (name in groups ? { accountId: name, claims: () => ({ sub: name, groups: groups[name] }) } : undefined),
    interactions: { policy: withoutConsent(), url: (ctx, interaction) => `/people/${interaction.uid}` },
    // People need not agree to what clients learn.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    ttl: { ClientCredentials: 600, AuthorizationCode: 60, Grant: 600, IdToken: 300, Interaction: 600, Session: 600 },
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
}

const page = `<!doctype html>
<html lang="en"><title>Test provider</title>
<form method="post">
<label>Name <input name="name" autofocus required></label>
<button name="action" value="sign-in">Sign in</button>
<button name="action" value="cancel" formnovalidate>Cancel</button>
</form></html>`;

// The page on which a person says who they are.
async function people(provider, request, response) {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page);
    return;
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  const result = form.get('action') === 'cancel'
    ? { error: 'access_denied', error_description: '<b>the person cancelled</b>' }
    : { login: { accountId: form.get('name') } };
  await provider.interactionFinished(request, response, result);
}

let provider;
const server = createServer((request, response) => {
  if (request.url.startsWith('/people/')) {
    people(provider, request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else {
    provider.callback()(request, response);
  }
});
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = newProvider(issuer);
  console.log(issuer);
  createInterface({ input: process.stdin })
    .on('line', () => {
      provider = newProvider(issuer);
      console.log('rotated');
    })
    .on('close', () => process.exit());
});
