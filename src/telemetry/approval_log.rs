//! The approval log: one line per event, with who asked, decided, claimed and reported.
//!
//! Lines hold ids, names and actors; never arguments, labels, reasons, comments or messages, which may be secret. The
//! store's writer reports durable events, and must not wait for a slow terminal or pipe. So a separate thread writes
//! the lines. If it is more than [`BACKLOG`] lines behind, further lines are dropped and counted.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tracing::Level;

use crate::domain::{Approval, ApprovalId, ClaimId, Event, EventKind, ExecutionResult};

/// Target of the lines, for filters: `info,signoff::approvals=warn` omits them.
const TARGET: &str = "signoff::approvals";

/// Maximum number of lines that wait to be written. Each holds names, some kilobytes at most.
const BACKLOG: usize = 4_096;

/// Maximum time for the last lines at the end of the process.
const FLUSH: Duration = Duration::from_secs(1);

/// Writes lines about approvals.
#[derive(Debug)]
pub struct ApprovalLog {
    jobs: SyncSender<Job>,
    left_out: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    Write(Box<Line>),
    /// Sent back once all earlier lines are written.
    Flush(SyncSender<()>),
}

impl ApprovalLog {
    /// Starts the writing thread, which ends with the log.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let (jobs, received) = sync_channel(BACKLOG);
        let left_out = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&left_out);
        std::thread::Builder::new().name("signoff-log".into()).spawn(move || write(&received, &missing))?;
        Ok(Self { jobs, left_out })
    }

    /// Queues a line about a durable event. `approval` is in the state after the event, or newer.
    pub fn tell(&self, approval: &Approval, event: &Event) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let Some(line) = Line::of(approval, event) else { return };
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Write(Box::new(line))) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all queued lines are written, at most a second.
    pub fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(FLUSH); // do not wait longer for a slow reader
        }
    }
}

fn write(jobs: &Receiver<Job>, left_out: &AtomicU64) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Write(line) => line.write(),
            Job::Flush(done) => drop(done.try_send(())),
        }
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            tracing::warn!(target: TARGET, missing, "dropped lines about approvals: the log is too slow");
        }
    }
}

/// A line, with all its values.
#[derive(Debug)]
struct Line {
    approval_id: ApprovalId,
    tool: String,
    by: String,
    said: Said,
}

/// What happened.
#[derive(Debug)]
enum Said {
    Asked {
        request_id: String,
        on_behalf_of: Option<String>,
        agent: String,
        run_id: String,
        status: &'static str,
        rule: String,
        policy_version: String,
        /// The operator who froze such calls, if a freeze decided.
        frozen_by: Option<String>,
    },
    Voted {
        via: Option<String>,
    },
    Edited {
        rule: String,
    },
    Decided {
        via: Option<String>,
        status: &'static str,
        rule: String,
        waited_s: f64,
    },
    Claimed {
        claim_id: ClaimId,
    },
    Reported {
        result: &'static str,
    },
    Revoked,
}

impl Line {
    /// `None` for an event that has no line.
    fn of(approval: &Approval, event: &Event) -> Option<Self> {
        let via = || event.via.as_ref().map(ToString::to_string);
        let said = match &event.kind {
            EventKind::Requested { request, verdict, .. } => Said::Asked {
                request_id: request.request_id.clone(),
                on_behalf_of: request.on_behalf_of.as_ref().map(ToString::to_string),
                agent: request.agent.name.clone(),
                run_id: request.agent.run_id.clone(),
                status: verdict.effect.status().name(),
                rule: verdict.rule.clone(),
                policy_version: verdict.policy_version.clone(),
                frozen_by: verdict.frozen.as_ref().map(|frozen| frozen.actor.to_string()),
            },
            EventKind::Voted { .. } => Said::Voted { via: via() },
            EventKind::Edited { verdict, .. } => Said::Edited { rule: verdict.rule.clone() },
            EventKind::Decided { status, .. } => Said::Decided {
                via: via(),
                status: status.name(),
                rule: approval.verdict.rule.clone(),
                waited_s: (event.at - approval.created_at).to_std().unwrap_or_default().as_secs_f64(),
            },
            EventKind::Claimed { claim_id, .. } => Said::Claimed { claim_id: *claim_id },
            EventKind::Reported { result, .. } => Said::Reported {
                result: match result {
                    ExecutionResult::Succeeded => "SUCCEEDED",
                    ExecutionResult::Failed => "FAILED",
                },
            },
            EventKind::Revoked { .. } => Said::Revoked,
            EventKind::Escalated(_) => return None, // has no author
        };
        let (approval_id, tool) = (approval.id, approval.request.tool_name.clone());
        Some(Self { approval_id, tool, by: event.actor.to_string(), said })
    }

    fn write(&self) {
        let Self { approval_id, tool, by, said } = self;
        // Strings are fields, which both formats quote, so a name cannot forge another line.
        macro_rules! line {
            ($what:literal $(, $field:ident = $value:expr)*) => {
                tracing::info!(target: TARGET, %approval_id, tool, by $(, $field = $value)*, $what)
            };
        }
        match said {
            Said::Asked { request_id, on_behalf_of, agent, run_id, status, rule, policy_version, frozen_by } => line!(
                "asked",
                on_behalf_of = on_behalf_of.as_deref(),
                status = *status,
                rule = rule.as_str(),
                policy_version = policy_version.as_str(),
                frozen_by = frozen_by.as_deref(),
                agent = named(agent),
                run_id = named(run_id),
                request_id = request_id.as_str()
            ),
            Said::Voted { via } => line!("voted", via = via.as_deref()),
            Said::Edited { rule } => line!("edited", rule = rule.as_str()),
            Said::Decided { via, status, rule, waited_s } => {
                line!("decided", via = via.as_deref(), status = *status, rule = rule.as_str(), waited_s = *waited_s)
            }
            Said::Claimed { claim_id } => line!("claimed", claim_id = tracing::field::display(claim_id)),
            Said::Reported { result } => line!("reported", result = *result),
            Said::Revoked => line!("revoked"),
        }
    }
}

/// A name. `None` if empty.
fn named(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
