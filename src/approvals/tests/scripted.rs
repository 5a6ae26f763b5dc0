//! A policy that follows instructions in the arguments.

use super::*;
use crate::domain::{Effect, Escalation, MinAssurance, Panel, Priority, Requirement, Reviewer, Verdict, samples};

/// Follows the arguments: `{"effect": "approve" | "reject", "reviewers": "group:a", "quorum": 2, "limit": 60}`, and
/// more, as below.
pub(super) struct Scripted;

impl Judge for Scripted {
    fn judge(&self, call: &Call<'_>, _: Effort) -> Option<Verdict> {
        let asked = call.arguments.to_object();
        let number = |key: &str| asked.get(key).and_then(Value::as_u64);
        let effect = match asked.get("effect").and_then(Value::as_str) {
            Some("approve") => Effect::AutoApprove,
            Some("reject") => Effect::AutoReject,
            _ => {
                let quorum = number("quorum").map_or(1, |quorum| u32::try_from(quorum).unwrap());
                let text = |key: &str| asked.get(key).and_then(Value::as_str);
                let reviewers = |key| text(key).map(|one| one.parse::<Reviewer>().unwrap());
                let rule: Arc<str> = "rule".into();
                let escalation = |seconds| Escalation {
                    rule: Arc::clone(&rule),
                    after: Duration::from_secs(seconds),
                    reviewers: reviewers("escalate_to").into_iter().collect(),
                    priority: Priority::High,
                    notify: Vec::new(),
                };
                let panel =
                    Panel { rule: Arc::clone(&rule), reviewers: reviewers("reviewers").into_iter().collect(), quorum };
                let beside = number("beside").map(|quorum| Panel {
                    rule: "beside".into(),
                    reviewers: Vec::new(),
                    quorum: u32::try_from(quorum).unwrap(),
                });
                Effect::RequireApproval(Requirement {
                    panels: std::iter::once(panel).chain(beside).collect(),
                    reject_threshold: number("rejects").map_or(1, |rejects| u32::try_from(rejects).unwrap()),
                    comment_required: asked.get("comment") == Some(&Value::Bool(true)),
                    allow_edits: asked.get("edits") != Some(&Value::Bool(false)),
                    escalations: number("escalate_after").map(escalation).into_iter().collect(),
                    timeout: number("limit").map(Duration::from_secs),
                    remember_rejection: number("remember").map(Duration::from_secs),
                    min_assurance: match asked.get("chat") {
                        Some(Value::Bool(true)) => MinAssurance::Chat,
                        _ => MinAssurance::default(),
                    },
                })
            }
        };
        Some(Verdict { message: "as scripted".into(), ..Arc::unwrap_or_clone(samples::verdict(effect)) })
    }
}
