//! Counters, gauges and histograms for Prometheus.

mod deliveries;
mod reference;
mod table;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use tonic::Code;

use self::{
    deliveries::Deliveries,
    table::{Table, WhenSet},
};
pub use self::{deliveries::OutboxBacklog, reference::reference_markdown};
use super::{
    bounded_counts::BoundedCounts,
    codes,
    connection_end::ConnectionEnd,
    methods::{METHODS, Shape},
};
use crate::{
    clock::Direction,
    domain::{ActorKind, Approval, Decision, FreezeScope, Freezes, Status, Time},
};

/// Content type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds. WaitApproval responds after minutes.
const CALL_SECONDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Seconds, from 10 ms to 7 days: a policy or a program decides immediately, a person takes time.
const DECISION_SECONDS: [f64; 17] = [
    0.01, 0.1, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
    259_200.0, 604_800.0,
];

/// Who decides, as returned by [`decider`]. Policies and deadlines are separate from people: otherwise their durations
/// would hide how long people take.
const DECIDERS: [&str; 6] = ["person", "service", "agent", "policy", "deadline", "requester"];

/// Kinds of scopes of freezes, as returned by [`kind`].
const SCOPES: [&str; 4] = ["all", "caller", "tool", "agent"];

/// Maximum number of tools counted by name, and of those that the policy does not name.
const TOOLS_MAX: usize = 200;
const UNLISTED_TOOLS_MAX: usize = 100;

/// Maximum number of rules counted by name. A policy may have more, and its versions may have others.
const RULES_MAX: usize = 200;

/// Commands; the writer groups at most 256.
const GROUP_SIZE: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Seconds, from a fast disk to a failing one.
const SYNC_SECONDS: [f64; 13] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// All counters of this server. Clones share them. Methods hold their locks only for a lookup and an addition.
/// `server/observer.rs` provides the counts of commits.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    /// Row `method * codes + code`.
    requests: Table<Counter, 2>,
    methods: Vec<MethodHandles>,
    approvals: Table<Counter, 1>,
    tools: BoundedCounts,
    rules: BoundedCounts,
    pending: Gauge,
    /// Rows in the order of [`SCOPES`].
    freezes: Table<Gauge, 1>,
    oldest_pending: Mutex<Option<Time>>,
    oldest_pending_age: Gauge<f64, AtomicU64>,
    /// Rows in the order of [`DECIDERS`].
    decision_seconds: Table<Histogram, 1>,
    group_size: Histogram,
    sync_seconds: Histogram,
    policy_version: Gauge,
    policy_file_broken: Gauge,
    policy_failures: Counter,
    authentication_failures: Counter,
    tls_handshake_failures: Counter,
    tls_certificate_broken: Gauge,
    tls_certificate_not_after: WhenSet,
    /// Rows in the order of [`Direction`].
    clock_jumps: Table<Counter, 1>,
    clock_ahead: Gauge<f64, AtomicU64>,
    /// Row 0: authenticated. Row 1: unauthenticated.
    connections: Table<Gauge, 1>,
    connections_closed: Table<Counter, 1>,
    deliveries: Deliveries,
}

/// The metrics of one method, besides its count.
#[derive(Clone, Debug)]
struct MethodHandles {
    /// Unary methods only.
    seconds: Option<Histogram>,
    /// Streaming methods only.
    open: Option<Gauge>,
}

impl Metrics {
    /// All metrics at zero. `version` is the label of `signoff_build_info`.
    pub fn new(version: &'static str) -> Self {
        let codes = codes::names();
        let requests = Table::new(
            METHODS.iter().flat_map(|method| codes.clone().map(|code| [("method", method.name), ("code", code)])),
            Counter::default,
            |counter| counter.get() > 0,
        );
        let unary = METHODS.iter().filter(|method| method.shape == Shape::Unary);
        let seconds =
            Table::new(unary.map(|method| [("method", method.name)]), || Histogram::new(CALL_SECONDS), |_| true);
        let streaming = METHODS.iter().filter(|method| method.shape == Shape::Streaming);
        let open = Table::new(streaming.map(|method| [("method", method.name)]), Gauge::default, |_| true);
        let methods = METHODS.iter().map(|method| MethodHandles {
            seconds: seconds.find([("method", method.name)]),
            open: open.find([("method", method.name)]),
        });
        let methods = methods.collect();
        let approvals =
            Table::new(Status::ALL.iter().map(|status| [("status", status.name())]), Counter::default, |_| true);
        let tools = BoundedCounts::new("tool", TOOLS_MAX, UNLISTED_TOOLS_MAX);
        let rules = BoundedCounts::new("rule", RULES_MAX, RULES_MAX);
        let (pending, oldest_pending_age) = (Gauge::default(), Gauge::<f64, AtomicU64>::default());
        let freezes = Table::new(SCOPES.iter().map(|scope| [("scope", *scope)]), Gauge::default, |_| true);
        let deciders = DECIDERS.iter().map(|decider| [("decided_by", *decider)]);
        let decision_seconds = Table::new(deciders, || Histogram::new(DECISION_SECONDS), |_| true);
        let group_size = Histogram::new(GROUP_SIZE);
        let sync_seconds = Histogram::new(SYNC_SECONDS);
        let (policy_version, policy_file_broken) = (Gauge::default(), Gauge::default());
        let policy_failures = Counter::default();
        let authentication_failures = Counter::default();
        let (tls_handshake_failures, tls_certificate_broken) = (Counter::default(), Gauge::default());
        // Without TLS there is no series, instead of a certificate that expired in 1970.
        let tls_certificate_not_after = WhenSet::default();

        let directions = ["backward", "forward"].map(|direction| [("direction", direction)]);
        let clock_jumps = Table::new(directions.into_iter(), Counter::default, |_| true);
        let clock_ahead = Gauge::<f64, AtomicU64>::default();
        let states = ["authenticated", "unauthenticated"];
        let connections = Table::new(states.iter().map(|state| [("state", *state)]), Gauge::default, |_| true);
        let ends = ConnectionEnd::ALL.iter().map(|end| [("reason", end.name())]);
        let connections_closed = Table::new(ends, Counter::default, |_| true);

        // The encoder appends `_total`, `_info` and units to names, and a full stop to help texts.
        let mut registry = Registry::with_prefix("signoff");
        registry.register("build", "The running version", Info::new([("version", version)]));
        registry.register("requests", "Finished calls, by method and status code", requests.clone());
        registry.register_with_unit("request", "Duration of unary calls", Unit::Seconds, seconds);
        registry.register("open_streams", "Open streams", open);
        registry.register("approvals", "Approvals that reached a status", approvals.clone());
        registry.register("tool_approvals", "Approvals that reached a status, by tool", tools.clone());
        registry.register("rule_approvals", "Approvals that reached a status, by the rule that decided", rules.clone());
        registry.register("pending_approvals", "Pending approvals", pending.clone());
        registry.register("freezes", "Active freezes, by kind of scope", freezes.clone());
        registry.register_with_unit(
            "oldest_pending_approval_age",
            "Age of the oldest pending approval; 0 if none is pending",
            Unit::Seconds,
            oldest_pending_age.clone(),
        );
        registry.register_with_unit(
            "decision",
            "Time from the creation of an approval to its decision, by who decided",
            Unit::Seconds,
            decision_seconds.clone(),
        );
        registry.register("commit_group_size", "Commands per sync", group_size.clone());
        registry.register_with_unit(
            "commit_sync",
            "Duration of the sync that makes one group durable",
            Unit::Seconds,
            sync_seconds.clone(),
        );
        registry.register("policy_version", "Version of the live policy", policy_version.clone());
        registry.register(
            "policy_file_broken",
            "1 if the policy file is invalid and an older policy is live",
            policy_file_broken.clone(),
        );
        registry.register(
            "policy_rule_failures",
            "Rules whose evaluation failed for a request",
            policy_failures.clone(),
        );
        registry.register(
            "authentication_failures",
            "Calls without valid credentials",
            authentication_failures.clone(),
        );
        registry.register(
            "tls_handshake_failures",
            "Connections that were closed before the TLS handshake was complete",
            tls_handshake_failures.clone(),
        );
        registry.register(
            "tls_certificate_broken",
            "1 if the TLS files are invalid and new connections get an older certificate",
            tls_certificate_broken.clone(),
        );
        registry.register_with_unit(
            "tls_certificate_not_after",
            "Expiry time of the certificate for new connections, since the Unix epoch",
            Unit::Seconds,
            tls_certificate_not_after.clone(),
        );
        registry.register(
            "clock_jumps",
            "Changes of the system clock by a second or more, including starts behind the newest recorded time",
            clock_jumps.clone(),
        );
        registry.register_with_unit(
            "clock_ahead",
            "Lead of server time over the system clock, after the clock was set back",
            Unit::Seconds,
            clock_ahead.clone(),
        );
        registry.register(
            "connections",
            "Open connections, by whether a call on them has been authenticated",
            connections.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections that the server closed before a call on them was authenticated, by reason",
            connections_closed.clone(),
        );
        let deliveries = Deliveries::new(&mut registry);
        Self(Arc::new(Inner {
            registry,
            requests,
            methods,
            approvals,
            tools,
            rules,
            pending,
            freezes,
            oldest_pending: Mutex::default(),
            oldest_pending_age,
            decision_seconds,
            group_size,
            sync_seconds,
            policy_version,
            policy_file_broken,
            policy_failures,
            authentication_failures,
            tls_handshake_failures,
            tls_certificate_broken,
            tls_certificate_not_after,
            clock_jumps,
            clock_ahead,
            connections,
            connections_closed,
            deliveries,
        }))
    }

    /// Counts an approval that reached a status, including [`Status::Pending`]. `invented`: the policy does not contain
    /// the tool's name, so a caller may have invented it.
    pub fn approval_reached(&self, approval: &Approval, invented: bool) {
        let Approval { status, request, verdict, .. } = approval;
        self.0.approvals.row(*status as usize).inc();
        self.0.tools.count(&request.tool_name, invented, *status);
        self.0.rules.count(&verdict.rule, false, *status);
        if let Some(decision) = &approval.decision {
            let time = (decision.at - approval.created_at).to_std().unwrap_or_default();
            self.0.decision_seconds.row(decider(decision)).observe(time.as_secs_f64());
        }
    }

    /// Sets the number of pending approvals, and the age of the oldest.
    pub fn pending(&self, count: u64, oldest: Option<Time>) {
        self.0.pending.set(i64::try_from(count).unwrap_or(i64::MAX));
        *self.0.oldest_pending.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    /// Sets the number of active freezes.
    pub fn frozen(&self, freezes: &Freezes) {
        let mut counts = [0; SCOPES.len()];
        freezes.standing().for_each(|freeze| counts[kind(&freeze.scope)] += 1);
        for (row, count) in counts.into_iter().enumerate() {
            self.0.freezes.row(row).set(count);
        }
    }

    /// Counts a group of `commands` whose sync took `sync`.
    pub fn group_committed(&self, commands: usize, sync: Duration) {
        #[allow(clippy::cast_precision_loss)] // a group has hundreds of commands at most
        self.0.group_size.observe(commands as f64);
        self.0.sync_seconds.observe(sync.as_secs_f64());
    }

    /// Sets the version of the live policy, and whether the policy file is invalid.
    pub fn policy(&self, version: u64, file_broken: bool) {
        self.0.policy_version.set(i64::try_from(version).unwrap_or(i64::MAX));
        self.0.policy_file_broken.set(file_broken.into());
    }

    /// Counts rules whose evaluation failed for a request.
    pub fn rules_failed(&self, count: u64) {
        self.0.policy_failures.inc_by(count);
    }

    /// Counts a call without valid credentials.
    pub fn authentication_failed(&self) {
        self.0.authentication_failures.inc();
    }

    /// Counts a failed TLS handshake.
    pub fn tls_handshake_failed(&self) {
        self.0.tls_handshake_failures.inc();
    }

    /// Sets when the certificate in use expires, and whether its files are now invalid.
    pub fn tls_certificate(&self, not_after: Time, broken: bool) {
        self.0.tls_certificate_not_after.set(not_after.timestamp());
        self.0.tls_certificate_broken.set(broken.into());
    }

    /// Counts a jump of the system clock.
    pub fn clock_jumped(&self, direction: Direction) {
        self.0.clock_jumps.row(direction as usize).inc();
    }

    /// Sets the lead of server time over the system clock.
    pub fn clock_ahead(&self, by: Duration) {
        self.0.clock_ahead.set(by.as_secs_f64());
    }

    /// Sets the number of open connections, authenticated and unauthenticated.
    pub fn connections(&self, authenticated: u32, unauthenticated: u32) {
        self.0.connections.row(0).set(authenticated.into());
        self.0.connections.row(1).set(unauthenticated.into());
    }

    /// Counts a connection that the server closed.
    pub fn connection_closed(&self, end: ConnectionEnd) {
        self.0.connections_closed.row(end as usize).inc();
    }

    /// Renders all metrics as OpenMetrics text, with the content type [`CONTENT_TYPE`]. `now` is server time.
    pub fn render(&self, now: Time) -> String {
        let oldest = *self.0.oldest_pending.lock().unwrap_or_else(PoisonError::into_inner);
        let age = oldest.and_then(|oldest| (now - oldest).to_std().ok()).unwrap_or_default();
        self.0.oldest_pending_age.set(age.as_secs_f64());
        self.0.deliveries.refresh(now);
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.0.registry).expect("writing to a string does not fail");
        text
    }

    /// Counts a call of the method with index `method` that ended with `code` after `time`.
    pub(super) fn call_ended(&self, method: usize, code: Code, time: Duration) {
        self.0.requests.row(method * codes::COUNT + codes::index(code)).inc();
        if let Some(seconds) = &self.0.methods[method].seconds {
            seconds.observe(time.as_secs_f64());
        }
    }

    /// Counts a stream of the method with index `method` as open until the guard is dropped. `None` if the method has
    /// no streams.
    pub(super) fn stream_opened(&self, method: usize) -> Option<OpenStream> {
        self.0.methods[method].open.clone().map(|gauge| {
            gauge.inc();
            OpenStream(gauge)
        })
    }
}

/// The row of a decision in [`DECIDERS`].
fn decider(decision: &Decision) -> usize {
    let name = match (decision.status, decision.actor.kind) {
        (Status::AutoApproved | Status::AutoRejected, _) | (_, ActorKind::Policy) => "policy",
        (Status::Cancelled, _) => "requester",
        (Status::TimedOut, _) | (_, ActorKind::Server) => "deadline",
        (_, ActorKind::Person) => "person",
        (_, ActorKind::Service) => "service",
        (_, ActorKind::Agent) => "agent",
    };
    DECIDERS.iter().position(|known| *known == name).expect("every name is in the list")
}

/// An open stream in `signoff_open_streams`, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream(Gauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The row of a freeze's scope in [`SCOPES`].
const fn kind(scope: &FreezeScope) -> usize {
    match scope {
        FreezeScope::All => 0,
        FreezeScope::Caller(_) => 1,
        FreezeScope::Tool(_) => 2,
        FreezeScope::Agent(_) => 3,
    }
}

#[cfg(test)]
mod tests;
