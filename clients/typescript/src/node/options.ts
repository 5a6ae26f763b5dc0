import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { OnRefusal, RequirableOption } from "../call.js";
import type { Logger } from "../connection.js";
import {
  areOptionNames,
  type Checks,
  checkOptions,
  isDuration,
  isFlag,
  isLogger,
  isOnRefusal,
  isText,
} from "../options.js";

/** The default address. */
const ADDRESS = "http://127.0.0.1:7766";

/** How to reach a server. Missing options come from the environment, where an empty variable counts as unset. */
export interface ConnectOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT`; `http://127.0.0.1:7766` unless set. `SIGNOFF_ADDRESS` */
  readonly address?: string | undefined;
  /** Bearer token; empty: no token, also when the variable is set. `SIGNOFF_TOKEN` */
  readonly token?: string | undefined;
  /** PEM file with the authorities of the server's certificate, in place of Node.js's. `SIGNOFF_CA` */
  readonly ca?: string | undefined;
  /** PEM file with the client certificate; needs `key`. `SIGNOFF_CERTIFICATE` */
  readonly certificate?: string | undefined;
  /** PEM file with that certificate's private key. `SIGNOFF_KEY` */
  readonly key?: string | undefined;
  /**
   * Send the token without TLS to a host that is not loopback; an error otherwise. `SIGNOFF_INSECURE`: `true` or `1`,
   * `false` or `0`
   */
  readonly insecure?: boolean | undefined;
  /** Deadline of unary calls, in milliseconds; 30 s unless set, and 27 h at most. */
  readonly deadlineMs?: number | undefined;
  /** Gets the warnings; `console` unless set. */
  readonly logger?: Logger | undefined;
  /** Required options: a call of this client without them is a TypeError, before anybody is asked. */
  readonly requiredOptions?: readonly RequirableOption[] | undefined;
  /**
   * How wrapped functions without their own setting handle a refusal: it is thrown unless set, or its text for the
   * model is the function's result.
   */
  readonly onRefusal?: OnRefusal | undefined;
}

/** Checks for plain JavaScript. The client checks its own options again. */
const CHECKS: Checks<ConnectOptions> = {
  address: isText,
  token: isText,
  ca: isText,
  certificate: isText,
  key: isText,
  insecure: isFlag,
  deadlineMs: isDuration,
  logger: isLogger,
  requiredOptions: areOptionNames,
  onRefusal: isOnRefusal,
};

/** How to reach a server, read and checked. Contains secrets: never show it. */
export interface Target {
  readonly address: URL;
  readonly token: string;
  /** The TLS context for `https://`; undefined for others. */
  readonly tls: SecureContext | undefined;
}

/**
 * Makes the target from options and environment.
 *
 * @throws TypeError for what makes no sense or would not be safe; the errors of files that cannot be read.
 */
export function targetOf(options: ConnectOptions, environment: NodeJS.ProcessEnv): Target {
  checkOptions(options, CHECKS, "connect");
  const from = (given: string | undefined, variable: string) => given ?? (environment[variable] || undefined);
  const address = parseAddress(from(options.address, "SIGNOFF_ADDRESS") || ADDRESS);
  const token = (from(options.token, "SIGNOFF_TOKEN") ?? "").trim();
  // Its value is not told: it is a secret, if a broken one.
  if (!/^[\x21-\x7e]*$/.test(token)) throw new TypeError("the token must consist of visible ASCII characters");
  const insecure = options.insecure ?? parseInsecure(environment.SIGNOFF_INSECURE);
  if (token !== "" && address.protocol === "http:" && !isLoopback(address) && !insecure) {
    const remedy = "use https://, or set `insecure` on a network that is trusted";
    throw new TypeError(
      `the token would be sent without TLS to ${address.origin}, where others could read it: ${remedy}`,
    );
  }
  const given = options.ca ?? options.certificate ?? options.key;
  if (given !== undefined && address.protocol === "http:") {
    throw new TypeError("ca, certificate and key need an https:// address");
  }
  // Those of the environment may be for the other programs there.
  const files = {
    ca: from(options.ca, "SIGNOFF_CA"),
    certificate: from(options.certificate, "SIGNOFF_CERTIFICATE"),
    key: from(options.key, "SIGNOFF_KEY"),
  };
  return { address, token, tls: address.protocol === "https:" ? readFiles(files) : undefined };
}

function parseInsecure(text: string | undefined): boolean {
  if (!["", "true", "1", "false", "0"].includes(text ?? "")) {
    throw new TypeError("SIGNOFF_INSECURE must be true, 1, false or 0");
  }
  return text === "true" || text === "1";
}

function parseAddress(text: string): URL {
  const problem = (what: string) => new TypeError(`address ${what}: it is https://HOST:PORT or http://HOST:PORT`);
  const url = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(url)) throw problem("cannot be read");
  const address = new URL(url);
  if (!["http:", "https:"].includes(address.protocol)) throw problem(`has the scheme ${address.protocol}`);
  // Not told what it has: a password may be in there.
  const { username, password, pathname, search, hash } = address;
  if (username || password || pathname !== "/" || search || hash) throw problem("has more than host and port");
  return address;
}

function isLoopback({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  const family = isIP(host);
  return family === 0 ? host === "localhost" : loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

/** The parts of a PEM file that OpenSSL takes for certificates. */
const CERTIFICATES = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----.*?-----END \1-----/gs;

function readFiles(files: Record<"ca" | "certificate" | "key", string | undefined>): SecureContext {
  const { ca, certificate, key } = files;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new TypeError("certificate and key must be set together");
  }
  const options = {
    ...(ca !== undefined && { ca: authoritiesOf(ca) }),
    ...(certificate !== undefined && { cert: readFileSync(certificate) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  };
  return usable(`certificate ${certificate} with key ${key}`, () => createSecureContext(options));
}

/** Read here, as a context takes what is no certificate for none at all. */
function authoritiesOf(file: string): string[] {
  const certificates = readFileSync(file, "latin1").match(CERTIFICATES) ?? [];
  if (certificates.length === 0) throw new TypeError(`ca ${file} has no certificate in it`);
  for (const certificate of certificates) usable(`ca ${file}`, () => new X509Certificate(certificate));
  return certificates;
}

/** @throws TypeError that names files; of what is in them it tells nothing. */
function usable<T>(files: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new TypeError(`${files} cannot be used: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
