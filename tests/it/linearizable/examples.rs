//! Histories written by hand: what the checker must accept, and what it must refuse.

use super::{
    checker::{History, Moment},
    spec::{Action, Answer, Call, REVIEWERS, Refusal, Rules, Seen, Status, View, Who},
};

const RULES: Rules = Rules { quorum: 1, threshold: 1 };

fn call(who: Who, key: usize, action: Action) -> Call {
    Call { who, key, action }
}

const fn get() -> Call {
    Call { who: Who::Agent, key: 0, action: Action::Get }
}

const fn request() -> Call {
    Call { who: Who::Agent, key: 0, action: Action::Request(0) }
}

fn claim(key: usize) -> Call {
    call(Who::Agent, key, Action::Claim(0))
}

fn decide(reviewer: usize, key: usize, approve: bool) -> Call {
    let action = Action::Decide { approve, seen: Seen::Digest(0), edit: None };
    call(Who::Reviewer(reviewer), key, action)
}

fn pending() -> View {
    View {
        revision: 1,
        status: Status::Pending,
        arguments: 0,
        votes: [None; REVIEWERS],
        claimed: false,
        succeeded: None,
        revoked: false,
    }
}

/// As decided by the first reviewer.
fn decided(approve: bool) -> View {
    let mut view = View { revision: 2, ..pending() };
    view.status = if approve { Status::Approved } else { Status::Rejected };
    view.votes[0] = Some(approve);
    view
}

fn claimed() -> View {
    View { revision: 3, claimed: true, ..decided(true) }
}

/// Builds a history of a pending approval.
struct Story(History);

impl Story {
    fn new() -> Self {
        let mut story = Self(History::default());
        story.say(request(), pending());
        story
    }

    fn begin(&mut self, call: Call) -> usize {
        self.0.begin(call)
    }

    fn show(&mut self, call: usize, view: View) {
        self.0.answer(call, Answer::Shown(view));
    }

    fn refuse(&mut self, call: usize, refusal: Refusal) {
        self.0.answer(call, Answer::Refused(refusal));
    }

    /// A call that is answered before anything else happens.
    fn say(&mut self, call: Call, view: View) {
        let call = self.begin(call);
        self.show(call, view);
    }

    fn holds(&self) -> bool {
        self.0.check(RULES).is_ok()
    }
}

/// A story with one more answer.
fn ends(mut story: Story, last: Call, view: View) -> bool {
    story.say(last, view);
    story.holds()
}

#[test]
fn a_life_in_order_is_accepted() {
    let mut story = Story::new();
    story.say(get(), pending());
    story.say(decide(0, 1, true), decided(true));
    let late = story.begin(decide(1, 2, false));
    story.refuse(late, Refusal::AlreadyDecided { status: Status::Approved, revision: 2 });
    story.say(claim(3), claimed());
    story.say(claim(3), claimed());
    story.say(decide(0, 1, true), decided(true)); // repeated: as it was then
    let other = story.begin(claim(4));
    story.refuse(other, Refusal::AlreadyClaimed { succeeded: None });
    let report = Action::Report { of_the_claim: true, succeeded: true };
    story.say(call(Who::Agent, 5, report), View { revision: 4, succeeded: Some(true), ..claimed() });
    let again = story.begin(claim(3));
    story.refuse(again, Refusal::AlreadyClaimed { succeeded: Some(true) });
    assert!(story.holds());
}

#[test]
fn a_read_of_a_state_that_is_over_is_refused() {
    let after = || {
        let mut story = Story::new();
        story.say(decide(0, 1, true), decided(true));
        story
    };
    assert!(ends(after(), get(), decided(true)));
    assert!(!ends(after(), get(), pending()));
    assert!(!ends(after(), request(), pending()));
}

#[test]
fn a_read_beside_a_decision_sees_the_state_before_or_after_it() {
    let beside = |seen: &[View]| {
        let mut story = Story::new();
        let deciding = story.begin(decide(0, 1, true));
        seen.iter().for_each(|view| story.say(get(), view.clone()));
        story.show(deciding, decided(true));
        story.holds()
    };
    assert!(beside(&[pending(), pending()]));
    assert!(beside(&[pending(), decided(true)]));
    assert!(!beside(&[decided(true), pending()]), "back in time");
    assert!(!beside(&[decided(false)]), "what nobody decided");
}

#[test]
fn two_decisions_are_refused() {
    let mut story = Story::new();
    let (one, other) = (story.begin(decide(0, 1, true)), story.begin(decide(1, 2, false)));
    story.show(one, decided(true));
    let mut rejected = View { revision: 2, status: Status::Rejected, ..pending() };
    rejected.votes[1] = Some(false);
    story.show(other, rejected);
    assert!(!story.holds());
}

#[test]
fn a_claim_that_is_granted_twice_is_refused() {
    let mut story = Story::new();
    story.say(decide(0, 1, true), decided(true));
    let (one, other) = (story.begin(claim(2)), story.begin(claim(3)));
    story.show(one, claimed());
    story.show(other, claimed());
    assert!(!story.holds());
}

#[test]
fn a_claim_beside_a_revocation_excludes_it() {
    let mut story = Story::new();
    story.say(decide(0, 1, true), decided(true));
    let (claiming, revoking) = (story.begin(claim(2)), story.begin(call(Who::Reviewer(1), 3, Action::Revoke)));
    story.show(claiming, claimed());
    let revoked = View { revision: 3, revoked: true, ..decided(true) };
    story.show(revoking, revoked);
    assert!(!story.holds());
}

#[test]
fn an_unknown_outcome_may_show_late_or_never_but_stays() {
    let seen = |views: &[View]| {
        let mut story = Story::new();
        story.say(decide(0, 1, true), decided(true));
        story.begin(claim(2)); // cut off
        views.iter().for_each(|view| story.say(get(), view.clone()));
        story.holds()
    };
    assert!(seen(&[decided(true), decided(true)]));
    assert!(seen(&[decided(true), claimed()]));
    assert!(!seen(&[claimed(), decided(true)]));
}

#[test]
fn a_deadline_does_not_fire_before_it_is_due() {
    let timed_out = || View { revision: 2, status: Status::TimedOut, ..pending() };
    let deadline = call(Who::Deadline, 0, Action::Expire);
    assert!(!ends(Story::new(), get(), timed_out()), "it is not due");
    let mut story = Story::new();
    story.begin(deadline);
    assert!(ends(story, get(), timed_out()));
    let mut story = Story::new();
    story.begin(deadline);
    story.say(get(), timed_out());
    assert!(!ends(story, decide(0, 1, true), decided(true)), "decided after the deadline");
}

#[test]
fn a_vote_that_is_lost_or_counted_twice_is_refused() {
    let rules = Rules { quorum: 2, threshold: 1 };
    let mut story = Story::new();
    let voted = |reviewers: &[usize], revision| {
        let mut view = View { revision, ..pending() };
        reviewers.iter().for_each(|reviewer| view.votes[*reviewer] = Some(true));
        view
    };
    story.say(decide(0, 1, true), voted(&[0], 2));
    assert!(story.0.check(rules).is_ok());
    let lost = story.begin(decide(1, 2, true));
    story.show(lost, voted(&[1], 2));
    assert!(story.0.check(rules).is_err());
    assert_eq!(story.0.moments.last(), Some(&Moment::Answer(lost)));
}
