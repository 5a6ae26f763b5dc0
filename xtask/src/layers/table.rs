//! The table of layers: every top-level module of `src/`, and the modules that it may use.
//!
//! This is the only place. ARCHITECTURE.md's map is made from it by `cargo xtask gen`.

/// Modules at the same height. A module uses modules of its own layer and of those below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) modules: &'static [Row],
}

/// A top-level module of the library, or a program (`main`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it holds, in one sentence of Markdown without its full stop.
    pub(crate) holds: &'static str,
    /// The modules that it may use.
    pub(crate) may_use: &'static [&'static str],
    /// The modules that only its tests may use, besides. They may be in a layer above.
    pub(crate) tests_may_use: &'static [&'static str],
}

/// Modules of one parent that use each other in a circle, and why that is better than breaking it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circle {
    pub(crate) modules: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// A module that computes only, and what it must therefore never name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pure {
    pub(crate) module: &'static str,
    /// Paths; what is inside of them counts as well.
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

/// The modules that are pure.
pub(crate) const PURE: &[Pure] = &[Pure { module: "domain", never: IMPURE }, Pure { module: "policy", never: IMPURE }];

/// The layers, from the top.
pub(crate) const LAYERS: &[Layer] = &[
    Layer {
        name: "programs",
        modules: &[
            Row {
                name: "main",
                holds: "the `signoff` program: its command line, and the runtime",
                may_use: &["cli", "config", "identity", "telemetry"],
                tests_may_use: &[],
            },
            Row {
                name: "cli",
                holds: "the `signoff` command: `serve`, the operator's gRPC client, and `exec`, the gate around a command",
                may_use: &[
                    "bounded_file",
                    "clock",
                    "config",
                    "domain",
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
                    "domain",
                    "grpc",
                    "identity",
                    "policies",
                    "policy",
                    "policy_file",
                    "proto",
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
                holds: "settings parsed once into types: it composes those that stand beside what they configure",
                may_use: &["bounded_file", "connections", "domain", "grpc", "identity", "spelling", "tls", "unicode"],
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
                    "store",
                    "telemetry",
                    "tokens",
                    "wire",
                ],
                tests_may_use: &[],
            },
            Row {
                name: "workers",
                holds: "reconcilers: time out what is due, forget what is old, take the policy and certificates from their files, keep when tokens were last used",
                may_use: &[
                    "approvals",
                    "bounded_file",
                    "clock",
                    "domain",
                    "policies",
                    "policy_file",
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
                holds: "requests, decisions, claims, revocations and reports; followers (streams) and the queue. With the other use-cases the only place where domain, policy, store, identity and clock meet",
                may_use: &["blocking_pool", "clock", "domain", "identity", "ids", "policy", "store"],
                tests_may_use: &["policies", "test_support", "workers"],
            },
            Row {
                name: "policies",
                holds: "the live policy: set it, test it, list its versions",
                may_use: &["blocking_pool", "clock", "domain", "identity", "policy", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "tokens",
                holds: "tokens: create, list, revoke, note their use",
                may_use: &["clock", "domain", "identity", "ids", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "admin",
                holds: "the server as a whole: freeze and thaw calls, tell how it is",
                may_use: &["clock", "domain", "identity", "ids", "store"],
                tests_may_use: &["test_support"],
            },
            Row {
                name: "test_support",
                holds: "what the tests of several use-cases share: callers, and a store whose timing they control. Compiled for tests only",
                may_use: &[],
                tests_may_use: &["domain", "identity", "store"],
            },
        ],
    },
    Layer {
        name: "translation",
        modules: &[
            Row {
                name: "policy_file",
                holds: "policies and test cases as YAML: every mistake by line and column; the way back; their JSON Schema",
                may_use: &["domain", "policy", "proto", "spelling", "unicode", "wire"],
                tests_may_use: &[],
            },
            Row {
                name: "wire",
                holds: "proto ⇄ domain: decodes with every violation at once, encodes; structs, field paths, page tokens",
                may_use: &["domain", "identity", "policy", "proto", "store", "unicode"],
                tests_may_use: &["policy_file"],
            },
        ],
    },
    Layer {
        name: "services",
        modules: &[
            Row {
                name: "store",
                holds: "keeps approvals, versions of the policy, tokens and freezes: traits in the domain's terms; sled (`store/sled/`) and an in-memory model",
                may_use: &["bounded_file", "domain", "private_files"],
                tests_may_use: &[],
            },
            Row {
                name: "policy",
                holds: "rules that are compiled once, and judge a call: approve, reject, or ask people; always with a trace. Pure",
                may_use: &["domain", "spelling", "unicode"],
                tests_may_use: &[],
            },
            Row {
                name: "tls",
                holds: "what new connections get of certificates that are replaced while the server runs",
                may_use: &["bounded_file", "clock", "domain", "identity"],
                tests_may_use: &[],
            },
            Row {
                name: "identity",
                holds: "who is calling: tokens of the server, development tokens, `oidc/`, client certificates; `role_matrix.rs` is the one table of role and call",
                may_use: &["bounded_file", "clock", "domain", "private_files"],
                tests_may_use: &["proto", "telemetry"],
            },
            Row {
                name: "connections",
                holds: "who is connected: places for strangers and callers, and what strangers pay for what they send",
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
                holds: "makes the ids of approvals, claims, tokens and freezes, dated by the injected clock",
                may_use: &["domain"],
                tests_may_use: &[],
            },
            Row {
                name: "clock",
                holds: "the injected time: server time, which never runs backwards, and wall time, by which credentials end",
                may_use: &["bounded_file", "domain"],
                tests_may_use: &[],
            },
            Row {
                name: "blocking_pool",
                holds: "threads for work that keeps a processor busy, shared fairly between callers",
                may_use: &["domain"],
                tests_may_use: &[],
            },
        ],
    },
    Layer {
        name: "domain",
        modules: &[Row {
            name: "domain",
            holds: "what may happen to an approval: a pure state machine. The records, the limits that are facts of the domain, roles and permissions. No I/O, no clock, no runtime",
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
                holds: "who may open the data directory and its files; files that are replaced as a whole",
                may_use: &[],
                tests_may_use: &["bounded_file", "telemetry"],
            },
            Row { name: "bounded_file", holds: "reads files up to a limit", may_use: &[], tests_may_use: &[] },
            Row { name: "spelling", holds: "what a misspelt name was meant to be", may_use: &[], tests_may_use: &[] },
            Row {
                name: "unicode",
                holds: "which characters are invisible, or look like others",
                may_use: &[],
                tests_may_use: &[],
            },
        ],
    },
];

/// The circles that are accepted.
pub(crate) const CIRCLES: &[Circle] = &[
    Circle {
        modules: &["domain::approval", "domain::command", "domain::event"],
        reason: "an approval is the fold of its events, and an event holds parts of an approval",
    },
    Circle {
        modules: &["connections::connection_state", "connections::unauthenticated_calls"],
        reason: "a connection holds the calls without a token that it may drop, and such a call gives its room back to it",
    },
    Circle {
        modules: &["store::sled::migrate", "store::sled::open"],
        reason: "opening migrates a store of the previous version, and a migration opens both",
    },
];
