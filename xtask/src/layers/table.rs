//! The table of layers: every top-level module of `src/`, and the modules that it may use.
//!
//! `cargo xtask gen` generates the map in ARCHITECTURE.md from it.

/// A layer of modules. A module may use modules of its own layer and of the layers below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) modules: &'static [Row],
}

/// A top-level module of the library, or a program (`main`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it contains, in one sentence of Markdown without its full stop.
    pub(crate) holds: &'static str,
    /// The modules that it may use.
    pub(crate) may_use: &'static [&'static str],
    /// Further modules that only its tests may use. They may be in a layer above.
    pub(crate) tests_may_use: &'static [&'static str],
}

/// A cycle of sibling modules, with the reason for accepting it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circle {
    pub(crate) modules: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// A module that only computes, and the paths that it must therefore not use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pure {
    pub(crate) module: &'static str,
    /// Forbidden paths, with everything inside them.
    pub(crate) never: &'static [&'static str],
}

/// I/O, clocks, runtimes, the wire and the disk.
const IMPURE: &[&str] = &[
    "axum",
    "hyper",
    "prost",
    "prost_types",
    "rustix",
    "sled",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tonic",
];

/// The pure modules.
pub(crate) const PURE: &[Pure] = &[Pure { module: "domain", never: IMPURE }, Pure { module: "policy", never: IMPURE }];

/// The layers, from the top.
pub(crate) const LAYERS: &[Layer] = &[
    Layer {
        name: "programs",
        modules: &[
            Row { name: "main", holds: "the `signoff` program: its allocator", may_use: &["cli"], tests_may_use: &[] },
            Row {
                name: "cli",
                holds: "the `signoff` command: `serve`, the operator's gRPC client, and `exec`, the gate around a command",
                may_use: &[
                    "bounded_file",
                    "clock",
                    "config",
                    "control",
                    "domain",
                    "export_file",
                    "grpc",
                    "identity",
                    "policy",
                    "policy_file",
                    "private_files",
                    "proto",
                    "server",
                    "store",
                    "telemetry",
                    "tokens",
                    "unicode",
                    "wire",
                ],
                tests_may_use: &[],
            },
        ],
    },
    Layer {
        name: "server",
        modules: &[
            Row {
                name: "server",
                holds: "the composition root, and the drain",
                may_use: &[
                    "admin",
                    "approvals",
                    "clock",
                    "config",
                    "connections",
                    "control",
                    "desk",
                    "domain",
                    "grpc",
                    "identity",
                    "links",
                    "notify",
                    "policies",
                    "policy",
                    "policy_file",
                    "private_files",
                    "proto",
                    "sessions",
                    "store",
                    "telemetry",
                    "tls",
                    "tokens",
                    "workers",
                ],
                tests_may_use: &[],
            },
            Row {
                name: "config",
                holds: "settings, parsed once into types; combines the settings types that other modules define beside their code",
                may_use: &[
                    "bounded_file",
                    "connections",
                    "domain",
                    "grpc",
                    "identity",
                    "notify",
                    "spelling",
                    "store",
                    "tls",
                    "unicode",
                ],
                tests_may_use: &[],
            },
        ],
    },
    Layer {
        name: "edges",
        modules: &[
            Row {
                name: "grpc",
                holds: "the services: decodes with `wire`, calls the use-cases, maps every error in one place",
                may_use: &[
                    "admin",
                    "approvals",
                    "blocking_pool",
                    "clock",
                    "connections",
                    "domain",
                    "identity",
                    "policies",
                    "proto",
                    "sessions",
                    "store",
                    "telemetry",
                    "tokens",
                    "wire",
                ],
                tests_may_use: &[],
            },
            Row {
                name: "desk",
                holds: "the pages for people: translates forms and use-cases; templates, styles and scripts lie in it",
                may_use: &[
                    "admin",
                    "approvals",
                    "clock",
                    "domain",
                    "grpc",
                    "identity",
                    "links",
                    "policies",
                    "policy",
                    "policy_file",
                    "proto",
                    "sessions",
                    "store",
                    "tokens",
                    "unicode",
                    "wire",
                ],
                tests_may_use: &["control", "telemetry", "test_support"],
            },
            Row {
                name: "notify",
                holds: "messages about approvals: the dispatcher of the outbox, and its channels",
                may_use: &[
                    "admin",
                    "approvals",
                    "bounded_file",
                    "clock",
                    "domain",
                    "grpc",
                    "identity",
                    "policies",
                    "policy",
                    "store",
                    "spelling",
                    "telemetry",
                    "unicode",
                ],
                tests_may_use: &["control", "test_support"],
            },
            Row {
                name: "workers",
                holds: "reconcilers: time out and escalate approvals, forget old ones, reload the policy and certificate files, save the last use of tokens and sessions, forget expired sessions",
                may_use: &[
                    "approvals",
                    "bounded_file",
                    "clock",
                    "domain",
                    "policies",
                    "policy_file",
                    "sessions",
                    "store",
                    "tls",
                    "tokens",
                ],
                tests_may_use: &[],
            },
        ],
    },
    Layer {
        name: "use-cases",
        modules: &[
            Row {
                name: "approvals",
                holds: "requests, decisions, claims, revocations and reports; followers (streams) and the queue. Only the use-cases combine domain, policy, store, identity and clock",
                may_use: &["blocking_pool", "clock", "control", "domain", "identity", "ids", "policy", "store"],
                tests_may_use: &["policies", "test_support", "workers"],
            },
            Row {
                name: "policies",
                holds: "the live policy: set it, test it, list its versions",
                may_use: &["blocking_pool", "clock", "control", "domain", "identity", "policy", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "control",
                holds: "tokens, sessions, blocks and the policy in memory, equal to the store's while other servers change them",
                may_use: &["identity", "store"],
                tests_may_use: &[],
            },
            Row {
                name: "links",
                holds: "one-tap links in messages: make them, open them, decide by them",
                may_use: &["approvals", "domain", "identity", "policies", "policy", "store", "unicode"],
                tests_may_use: &["clock", "control", "test_support"],
            },
            Row {
                name: "tokens",
                holds: "tokens: create, list, revoke, record their use",
                may_use: &["clock", "control", "domain", "identity", "ids", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "sessions",
                holds: "sessions of people who signed in at the desk: start, recognise, list, end; blocks of subjects",
                may_use: &["clock", "control", "domain", "identity", "ids", "store"],
                tests_may_use: &["test_support", "tokens"],
            },
            Row {
                name: "admin",
                holds: "the server as a whole: freeze and thaw calls, report the status, back up the store, list and retry deliveries of notifications",
                may_use: &["clock", "control", "domain", "export_file", "identity", "ids", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "test_support",
                holds: "helpers for the tests of the use-cases: callers, and a store with controlled timing. Compiled for tests only",
                may_use: &[],
                tests_may_use: &["admin", "domain", "identity", "store"],
            },
        ],
    },
    Layer {
        name: "translation",
        modules: &[
            Row {
                name: "policy_file",
                holds: "policies and test cases as YAML: reads them, reports every mistake by line and column, and writes them; their JSON Schema",
                may_use: &["domain", "policy", "proto", "spelling", "unicode", "wire"],
                tests_may_use: &[],
            },
            Row {
                name: "export_file",
                holds: "the file of exports and backups, as JSON Lines: writes a snapshot, and reads lines with a limit, counts and a hash",
                may_use: &["bounded_file", "domain", "store"],
                tests_may_use: &[],
            },
            Row {
                name: "wire",
                holds: "proto ⇄ domain: decodes and reports all violations together, encodes; structs, field paths, page tokens",
                may_use: &["domain", "export_file", "identity", "policy", "proto", "store", "unicode"],
                tests_may_use: &["policy_file"],
            },
        ],
    },
    Layer {
        name: "services",
        modules: &[
            Row {
                name: "store",
                holds: "stores approvals, versions of the policy, tokens, sessions, freezes, blocks and signing keys: traits in the domain's terms; sled (`store/sled/`), PostgreSQL (`store/postgres/`) and an in-memory model",
                may_use: &["bounded_file", "clock", "domain", "private_files"],
                tests_may_use: &[],
            },
            Row {
                name: "policy",
                holds: "rules, compiled once, that judge a call: approve, reject, or require approval; always with a trace. Pure",
                may_use: &["domain", "spelling", "unicode"],
                tests_may_use: &[],
            },
            Row {
                name: "tls",
                holds: "the TLS configuration for new connections; reloads certificates while the server runs",
                may_use: &["bounded_file", "clock", "domain", "identity"],
                tests_may_use: &[],
            },
            Row {
                name: "identity",
                holds: "authentication: tokens of the server, development tokens, `oidc/`, client certificates, sessions; who is blocked; `role_matrix.rs` is the table of roles and calls",
                may_use: &["bounded_file", "clock", "domain", "private_files"],
                tests_may_use: &["proto", "telemetry"],
            },
            Row {
                name: "connections",
                holds: "the registry of connections: limits for authenticated and unauthenticated ones, and rate limits for unauthenticated ones",
                may_use: &["telemetry"],
                tests_may_use: &[],
            },
            Row {
                name: "telemetry",
                holds: "logs, metrics, traces",
                may_use: &["clock", "domain"],
                tests_may_use: &["proto"],
            },
            Row {
                name: "ids",
                holds: "generates the ids of approvals, claims, tokens, sessions, freezes and blocks, with the time of the injected clock",
                may_use: &["domain"],
                tests_may_use: &[],
            },
            Row {
                name: "clock",
                holds: "the injected time: server time, which never runs backwards, and wall time, by which credentials expire",
                may_use: &["bounded_file", "domain"],
                tests_may_use: &[],
            },
            Row {
                name: "blocking_pool",
                holds: "threads for CPU-bound work, shared fairly between callers",
                may_use: &["domain"],
                tests_may_use: &[],
            },
        ],
    },
    Layer {
        name: "domain",
        modules: &[Row {
            name: "domain",
            holds: "the state machine of an approval, pure. The records, fixed limits, roles and permissions. No I/O, no clock, no runtime",
            may_use: &["unicode"],
            tests_may_use: &[],
        }],
    },
    Layer {
        name: "foundations",
        modules: &[
            Row {
                name: "proto",
                holds: "the code generated from `proto/`, and its descriptors",
                may_use: &[],
                tests_may_use: &[],
            },
            Row {
                name: "private_files",
                holds: "permissions of the data directory and its files; atomic replacement of files",
                may_use: &[],
                tests_may_use: &["bounded_file", "telemetry"],
            },
            Row { name: "bounded_file", holds: "reads files up to a limit", may_use: &[], tests_may_use: &[] },
            Row { name: "spelling", holds: "suggestions for misspelled names", may_use: &[], tests_may_use: &[] },
            Row { name: "unicode", holds: "invisible and confusable characters", may_use: &[], tests_may_use: &[] },
        ],
    },
];

/// The accepted cycles.
pub(crate) const CIRCLES: &[Circle] = &[
    Circle {
        modules: &["domain::approval", "domain::command", "domain::event"],
        reason: "an approval is the fold of its events, and an event contains parts of an approval",
    },
    Circle {
        modules: &["connections::connection_state", "connections::unauthenticated_calls"],
        reason: "a connection holds the unauthenticated calls that it may drop, and such a call releases its room in the connection",
    },
    Circle {
        modules: &["notify::slack::channel", "notify::slack::endpoint"],
        reason: "the channel offers the route of its buttons, and the route answers with the channel",
    },
    Circle {
        modules: &["store::sled::migrate", "store::sled::open"],
        reason: "opening migrates a store of the previous version, and a migration opens both",
    },
];
