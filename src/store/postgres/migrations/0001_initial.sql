-- Everything that the server stores. Times are microseconds since 1970, UTC. Names are in Unicode NFC, compared by bytes.
-- `record`, `head` and `payload` are MessagePack, as store/records.rs defines; the other columns index them.

CREATE TABLE meta (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    -- Names the store in cursors of the change feed.
    store uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The newest time of what is no longer stored, such as forgotten approvals.
    newest bigint,
    -- Raised with every change of the freezes: servers cache them.
    freezes bigint NOT NULL DEFAULT 0,
    -- Raised with every change of tokens, sessions, blocks and the policy: servers cache them.
    control bigint NOT NULL DEFAULT 0,
    -- The value of `control` at the last change that calls must not miss, such as a revocation.
    restricted bigint NOT NULL DEFAULT 0,
    -- Written to wait for the standbys.
    fence bigint NOT NULL DEFAULT 0
);
INSERT INTO meta DEFAULT VALUES;

CREATE TABLE approvals (
    id uuid PRIMARY KEY,
    revision bigint NOT NULL,
    status smallint NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    -- `issuer/subject`, as lists filter by it.
    caller text COLLATE "C" NOT NULL,
    tool text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    updated bigint NOT NULL,
    -- The next deadline or escalation of a pending approval.
    due bigint,
    decided bigint,
    -- SHA-256 of the JSON Schema.
    schema bytea,
    arguments_revision bigint NOT NULL,
    head bytea NOT NULL
);
CREATE INDEX approvals_by_status ON approvals (status, id);
-- The queue of reviewers, in order.
CREATE INDEX approvals_waiting ON approvals (id) WHERE status = 0;
CREATE INDEX approvals_by_caller ON approvals (caller, id);
CREATE INDEX approvals_by_tool ON approvals (tool, id);
CREATE INDEX approvals_by_agent ON approvals (agent, id);
CREATE INDEX approvals_pending ON approvals (issuer, subject) WHERE status = 0;
CREATE INDEX approvals_due ON approvals (due, id) WHERE due IS NOT NULL;
CREATE INDEX approvals_decided ON approvals (decided, id) WHERE decided IS NOT NULL;
CREATE INDEX approvals_by_schema ON approvals (schema) WHERE schema IS NOT NULL;
CREATE INDEX approvals_updated ON approvals (updated);

CREATE TABLE events (
    approval uuid NOT NULL,
    revision bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (approval, revision)
);

-- Labels of approvals, for lists: a JSON array of key and value.
CREATE TABLE labels (
    label text COLLATE "C" NOT NULL,
    approval uuid NOT NULL,
    PRIMARY KEY (label, approval)
);
CREATE INDEX labels_by_approval ON labels (approval);

CREATE TABLE schemas (
    hash bytea PRIMARY KEY,
    document text NOT NULL
);

-- Idempotency keys of requests: of a stored approval, or of a forgotten one.
CREATE TABLE request_ids (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    approval uuid,
    forgotten bigint,
    PRIMARY KEY (issuer, subject, request_id),
    CHECK ((approval IS NULL) <> (forgotten IS NULL))
);
CREATE INDEX request_ids_by_approval ON request_ids (approval) WHERE approval IS NOT NULL;
CREATE INDEX request_ids_forgotten ON request_ids (forgotten, issuer, subject, request_id)
    WHERE forgotten IS NOT NULL;

-- Remembered rejections: the hash of a call in its run, and until when its rejection answers it.
CREATE TABLE rejections (
    call bytea NOT NULL,
    until bigint NOT NULL,
    approval uuid NOT NULL,
    PRIMARY KEY (call, until, approval)
);
CREATE INDEX rejections_by_approval ON rejections (approval);

-- The change feed. Read it only below `pg_snapshot_xmin(pg_current_snapshot())`: transactions commit out of order.
CREATE TABLE changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    -- The server that made the change.
    origin uuid NOT NULL,
    approval uuid NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (xid, seq)
);
CREATE INDEX changes_by_approval ON changes (approval);

CREATE TABLE lanes (
    approval uuid NOT NULL,
    channel text COLLATE "C" NOT NULL,
    record bytea NOT NULL,
    -- When its head is due; null if nothing waits.
    due bigint,
    -- When its head could first be sent; null if nothing waits.
    since bigint,
    -- Whether it has dead deliveries.
    dead boolean NOT NULL,
    -- Until when a server sends its head; null if none does.
    leased_until bigint,
    PRIMARY KEY (approval, channel)
);
CREATE INDEX lanes_due ON lanes (channel, due, approval) WHERE due IS NOT NULL AND leased_until IS NULL;
CREATE INDEX lanes_leased ON lanes (channel, leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX lanes_dead ON lanes (approval, channel) WHERE dead;

CREATE TABLE policies (
    version bigint PRIMARY KEY,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    request_id text COLLATE "C",
    at bigint NOT NULL,
    -- The head, without the document.
    head bytea NOT NULL,
    record bytea NOT NULL,
    -- `meta.control` of the change.
    control bigint NOT NULL,
    UNIQUE (issuer, subject, request_id)
);

-- Calls of SetPolicy that made no version.
CREATE TABLE unchanged_policies (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (issuer, subject, request_id)
);

-- `control` is `meta.control` of the last change.
CREATE TABLE tokens (id uuid PRIMARY KEY, record bytea NOT NULL, control bigint NOT NULL);
CREATE INDEX tokens_changed ON tokens (control);
CREATE TABLE sessions (id uuid PRIMARY KEY, record bytea NOT NULL, control bigint NOT NULL);
CREATE INDEX sessions_changed ON sessions (control);
CREATE TABLE freezes (id uuid PRIMARY KEY, newest bigint NOT NULL, record bytea NOT NULL);
CREATE TABLE blocks (id uuid PRIMARY KEY, newest bigint NOT NULL, record bytea NOT NULL, control bigint NOT NULL);
CREATE TABLE signing_keys (purpose text PRIMARY KEY, record bytea NOT NULL);
