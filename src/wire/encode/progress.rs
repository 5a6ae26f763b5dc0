//! The Progress message of a waiting stream, and its sentence for people.

use std::time::Duration;

use super::between;
use crate::{
    domain::{Approval, Panel, Reviewer, Time},
    proto::v1,
};

/// The progress of a pending approval.
#[must_use]
pub fn progress(approval: &Approval, now: Time) -> v1::Progress {
    let requirement = approval.requirement();
    let left = (approval.deadline - now).to_std().unwrap_or_default();
    let mut reviewers: Vec<_> = requirement.panels.iter().flat_map(|panel| approval.reviewers_of(panel)).collect();
    reviewers.sort_unstable();
    reviewers.dedup();
    v1::Progress {
        revision: approval.revision,
        elapsed: Some(between(approval.created_at, now)),
        remaining: Some(between(now, approval.deadline)),
        approvals: approval.approvals(),
        quorum: requirement.quorum(),
        reviewers: reviewers.iter().map(ToString::to_string).collect(),
        message: sentence(approval, left),
    }
}

fn sentence(approval: &Approval, left: Duration) -> String {
    let open = |panel: &&Panel| approval.approvals_for(panel) < panel.quorum;
    let asked: Vec<_> = approval.requirement().panels.iter().filter(open).map(|panel| asked(approval, panel)).collect();
    format!("Waiting for approval from {}, {} left", asked.join(" and from "), rounded_down(left))
}

fn asked(approval: &Approval, panel: &Panel) -> String {
    let names: Vec<String> = approval.reviewers_of(panel).into_iter().map(spoken).collect();
    let who = match names.as_slice() {
        [] => "a reviewer".to_owned(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    };
    if panel.quorum > 1 { format!("{who} ({} of {})", approval.approvals_for(panel), panel.quorum) } else { who }
}

/// A reviewer in a sentence: `group finance`, or the name of a user.
fn spoken(reviewer: &Reviewer) -> String {
    match reviewer {
        Reviewer::Group(name) => format!("group {name}"),
        Reviewer::User(name) => name.clone(),
    }
}

/// Rounds down to the largest unit with at least one, but hours up to two days.
fn rounded_down(left: Duration) -> String {
    const UNITS: [(u64, u64, &str); 3] = [(2 * 86_400, 86_400, "days"), (3_600, 3_600, "h"), (60, 60, "min")];
    let seconds = left.as_secs();
    match UNITS.iter().find(|(from, ..)| seconds >= *from) {
        Some((_, unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Choice, Command, Effect, Requirement, Seen,
        samples::{at, decide, opened, quorum, reviewer, verdict},
        step,
    };

    #[test]
    fn tells_how_things_stand() {
        let approval = opened(quorum(2));
        let vote = Command::Decide(decide(reviewer(1), Choice::Approve, Seen::Revision(1)));
        let approval = step(&approval, &vote, at(10)).approval;
        let progress = progress(&approval, at(60));
        assert_eq!((progress.revision, progress.approvals, progress.quorum), (2, 1, 2));
        assert_eq!(progress.elapsed.unwrap().seconds, 60);
        assert_eq!(progress.remaining.unwrap().seconds, 240);
        assert_eq!(progress.message, "Waiting for approval from a reviewer (1 of 2), 4 min left");
    }

    #[test]
    fn never_goes_below_zero() {
        let approval = opened(quorum(1));
        let late = progress(&approval, at(301));
        assert_eq!((late.remaining.unwrap().seconds, late.remaining.unwrap().nanos), (0, 0));
        assert_eq!(late.message, "Waiting for approval from a reviewer, 0 s left");
        assert_eq!(progress(&approval, at(-5)).elapsed.unwrap().seconds, 0);
    }

    #[test]
    fn names_who_was_asked() {
        let panel = |rule: &str, reviewers: &[&str]| Panel {
            rule: rule.into(),
            reviewers: reviewers.iter().map(|reviewer| reviewer.parse().unwrap()).collect(),
            quorum: 2,
        };
        let asked = |panels| opened(verdict(Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) })));
        let one = progress(&asked(vec![panel("a", &["group:finance"])]), at(270));
        assert_eq!(one.message, "Waiting for approval from group finance (0 of 2), 30 s left");
        assert_eq!(one.reviewers, ["group:finance"]);
        let two = [panel("a", &["group:finance", "user:dev/alice"]), panel("b", &["group:finance", "group:legal"])];
        let two = progress(&asked(two.into()), at(0));
        let expected = "Waiting for approval from group finance or dev/alice (0 of 2) and from group finance or group \
                        legal (0 of 2), 5 min left";
        assert_eq!(two.message, expected);
        assert_eq!(two.reviewers, ["group:finance", "group:legal", "user:dev/alice"]);
    }

    #[test]
    fn time_left_has_one_unit() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rounded_down(Duration::from_secs(seconds)), text);
        }
    }
}
