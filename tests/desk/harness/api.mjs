// The gRPC API, as agents, bridges and other reviewers call it beside the pages.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { plain, struct } from './struct.mjs';

const protos = fileURLToPath(new URL('../../../proto', import.meta.url));
const files = ['approval_service', 'access_service', 'admin_service', 'policy_service'];
const definition = loadSync(
  files.map((name) => `signoff/v1/${name}.proto`),
  { includeDirs: [protos], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true },
);
const { v1 } = grpc.loadPackageDefinition(definition).signoff;

/** A call must answer within this time; a test that hangs says where. */
const PATIENCE_MS = 60_000;

/** A duration of milliseconds, as the protocol has it. */
const duration = (ms) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });

/** The API for the owner of a token. */
export class Api {
  #services = {};
  #token;
  #address;
  #streams = new Set();

  constructor(address, token) {
    this.#address = address;
    this.#token = token;
  }

  #service(name) {
    this.#services[name] ??= new v1[name](this.#address, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    return this.#services[name];
  }

  #metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${this.#token}`);
    return metadata;
  }

  /** A unary call: `call('ApprovalService', 'GetApproval', {…})`. */
  call(service, method, request) {
    const client = this.#service(service);
    return promisify(client[method].bind(client))(request, this.#metadata(), { deadline: Date.now() + PATIENCE_MS });
  }

  close() {
    for (const stream of this.#streams) stream.cancel();
    for (const service of Object.values(this.#services)) service.close();
  }

  /** Requests approval of a call and returns it as recorded, without waiting for a decision. */
  async ask(tool, args = {}, { timeoutMs = 600_000, schema, onBehalfOf, ...rest } = {}) {
    const request = {
      request_id: randomUUID(),
      tool_name: tool,
      arguments: struct(args),
      timeout: duration(timeoutMs),
      ...(schema && { arguments_schema: struct(schema) }),
      ...(onBehalfOf && { on_behalf_of: onBehalfOf }),
      ...rest,
    };
    const stream = this.#service('ApprovalService').RequestApproval(request, this.#metadata());
    this.#streams.add(stream);
    try {
      const { update } = await new Promise((resolve, reject) => {
        stream.once('data', resolve);
        stream.once('error', reject);
      });
      return update.approval;
    } finally {
      // The request stays: only `cancel_on_disconnect` would take it along.
      this.#streams.delete(stream);
      stream.on('error', () => {});
      stream.cancel();
    }
  }

  async get(id) {
    return (await this.call('ApprovalService', 'GetApproval', { approval_id: id, include_events: true })).approval;
  }

  /** An approval with its events, the oldest first. */
  history(id) {
    return this.call('ApprovalService', 'GetApproval', { approval_id: id, include_events: true });
  }

  /** Waits until an approval is decided, and returns it. */
  async decided(id) {
    const request = { approval_id: id, timeout: duration(PATIENCE_MS) };
    for (;;) {
      const approval = await this.get(id);
      if (approval.status !== 'APPROVAL_STATUS_PENDING') return approval;
      await this.call('ApprovalService', 'WaitApproval', { ...request, after_revision: approval.revision });
    }
  }

  async #decide(choice, approval, { comment = '', edited } = {}) {
    const request = {
      approval_id: approval.id,
      request_id: randomUUID(),
      choice,
      revision: approval.revision,
      comment,
      ...(edited && { edited_arguments: struct(edited) }),
    };
    return (await this.call('ApprovalService', 'Decide', request)).approval;
  }

  approve(approval, options) {
    return this.#decide('VOTE_CHOICE_APPROVE', approval, options);
  }

  reject(approval, comment = '') {
    return this.#decide('VOTE_CHOICE_REJECT', approval, { comment });
  }

  /** Claims an approved call. */
  async claim({ id, digest }) {
    return this.call('ApprovalService', 'ClaimExecution', { approval_id: id, request_id: randomUUID(), digest });
  }

  /** Claims an approved call and reports how it went. */
  async run(approval, result = 'EXECUTION_RESULT_SUCCEEDED', message = '') {
    const { claim_id } = await this.claim(approval);
    const request = { approval_id: approval.id, request_id: randomUUID(), claim_id, result, message };
    return (await this.call('ApprovalService', 'ReportExecution', request)).approval;
  }

  /** Every approval that its owner may read: its id, status and number of events. */
  async approvals() {
    const all = [];
    let page_token = '';
    do {
      const page = await this.call('ApprovalService', 'ListApprovals', { page_size: 1000, page_token });
      all.push(...page.approvals);
      page_token = page.next_page_token;
    } while (page_token);
    return all;
  }

  async createToken(subject, { kind = 'PERSON', roles = ['REVIEWER'], groups = [], ttlMs, ...rest } = {}) {
    const request = {
      request_id: randomUUID(),
      subject,
      kind: `ACTOR_KIND_${kind}`,
      roles: roles.map((role) => `ROLE_${role}`),
      groups,
      ...(ttlMs && { ttl: duration(ttlMs) }),
      ...rest,
    };
    const { secret, token } = await this.call('AccessService', 'CreateToken', request);
    return { secret, id: token.token_id, subject };
  }

  revokeToken(id) {
    return this.call('AccessService', 'RevokeToken', { token_id: id });
  }

  freeze(scope, reason) {
    return this.call('AdminService', 'Freeze', { request_id: randomUUID(), scope, reason });
  }
}

/** The arguments of an approval. */
export const argumentsOf = (approval) => plain(approval.arguments);
