//! What was decided before on the same tool and agent, and what became of it.

use super::{outcome::status, told::Told};
use crate::{
    approvals::Recent,
    desk::{moment::Moment, texts::approval as texts},
    domain::{Approval, ExecutionResult},
    policy::{Display, RedactedValue},
};

/// Number of earlier decisions to show.
pub(super) const SHOWN: usize = 3;

/// Longest value of an earlier decision, in characters.
const VALUE: usize = 40;

/// One earlier decision.
#[derive(Clone, Debug)]
pub(super) struct BeforeRow {
    pub(super) id: String,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
    /// The arguments that mattered.
    pub(super) summary: Vec<Told>,
    pub(super) at: Option<Moment>,
    /// What became of an approved call; empty otherwise.
    pub(super) became: &'static str,
    /// What the report of a failed call says.
    pub(super) message: Told,
}

/// What was before this request.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) rows: Vec<BeforeRow>,
    /// The last failure of the same caller and tool, and whether a call succeeded since.
    pub(super) failure: Option<(BeforeRow, bool)>,
}

impl BeforeRow {
    /// `display` says how the policy of that time shows its arguments.
    pub(super) fn of(approval: &Approval, display: &Display) -> Self {
        let (sign, word) = status(approval.status);
        let outcome = approval.claim.as_ref().and_then(|claim| claim.outcome.as_ref());
        Self {
            id: approval.id.to_string(),
            sign,
            word,
            summary: display.summary_of(approval).iter().map(|item| short(&item.value)).collect(),
            at: approval.decision.as_ref().map(|decision| Moment(decision.at)),
            became: became(approval),
            message: Told::new(outcome.map(|outcome| outcome.message.as_str()).unwrap_or_default()),
        }
    }
}

/// The approvals of which [`Before`] shows something.
pub(super) fn approvals(recent: &Recent) -> impl Iterator<Item = &Approval> {
    let failed = recent.failure.iter().map(|failure| &*failure.approval);
    recent.decided.iter().map(|approval| &**approval).chain(failed)
}

fn became(approval: &Approval) -> &'static str {
    if !approval.status.is_approved() {
        return "";
    }
    match (&approval.revocation, &approval.claim) {
        (Some(_), _) => texts::BECAME_REVOKED,
        (None, None) => texts::BECAME_UNCLAIMED,
        (None, Some(claim)) => match claim.outcome.as_ref().map(|outcome| outcome.result) {
            Some(ExecutionResult::Succeeded) => texts::BECAME_SUCCEEDED,
            Some(ExecutionResult::Failed) => texts::BECAME_FAILED,
            None => texts::BECAME_CLAIMED,
        },
    }
}

/// A value on one line. What is cut ends with a mark: the row leads to the whole.
fn short(value: &RedactedValue) -> Told {
    let text = match value {
        RedactedValue::Text(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(VALUE).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    Told::new(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    #[test]
    fn long_values_end_with_a_mark() {
        assert_eq!(short(&RedactedValue::Text("x".repeat(41))).text, format!("{}…", "x".repeat(40)));
        assert_eq!(short(&RedactedValue::Bool(true)).text, "true");
        let pending = samples::opened(samples::quorum(1));
        assert!(became(&pending).is_empty());
    }
}
