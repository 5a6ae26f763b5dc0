//! One approval as its callers see it, one call at a time: what every history must be explained by.
//!
//! Written by hand from the documentation, without the server's code, so that a mistake in that code shows here. It knows
//! nothing of time: a deadline is a call of its own, which may take effect at any moment after it is due.

/// Reviewers in a history. Any of them may vote.
pub(super) const REVIEWERS: usize = 4;

/// Maximum edits of an approval.
const EDITS: u8 = 8;

/// What the policy asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Approving votes needed. 0: the policy approves by itself.
    pub(super) quorum: usize,
    /// Rejecting votes that reject.
    pub(super) threshold: usize,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// The requester.
    Agent,
    Reviewer(usize),
    /// Time.
    Deadline,
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) who: Who,
    /// The idempotency key.
    pub(super) key: usize,
    pub(super) action: Action,
}

/// What a call does. Arguments are numbers, and so are digests: that of arguments 3 is 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// With these arguments, and always the same idempotency key.
    Request(u8),
    Get,
    Decide {
        approve: bool,
        seen: Seen,
        edit: Option<u8>,
    },
    Cancel,
    /// With this digest.
    Claim(u8),
    Report {
        /// Whether it names the claim that was granted.
        of_the_claim: bool,
        succeeded: bool,
    },
    Revoke,
    /// The deadline passes.
    Expire,
}

/// What the reviewer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    Revision(u64),
    Digest(u8),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Shown(View),
    Refused(Refusal),
}

/// An approval as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) revision: u64,
    pub(super) status: Status,
    pub(super) arguments: u8,
    /// Each reviewer's vote on the current arguments: whether it approves.
    pub(super) votes: [Option<bool>; REVIEWERS],
    pub(super) claimed: bool,
    /// The reported outcome: whether the tool succeeded.
    pub(super) succeeded: Option<bool>,
    pub(super) revoked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Status {
    Pending,
    Approved,
    Rejected,
    TimedOut,
    Cancelled,
    AutoApproved,
}

/// The error of a call, with what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    AlreadyDecided { status: Status, revision: u64 },
    StaleView { revision: u64, arguments: u8 },
    AlreadyVoted,
    TooManyEdits,
    NotApproved(Status),
    DigestMismatch(u8),
    AlreadyClaimed { succeeded: Option<bool> },
    NotClaimed,
    AlreadyReported { succeeded: bool },
    Revoked,
    RequestIdReused,
}

/// What is on record. `None`: nothing was requested yet.
pub(super) type State = Option<Approval>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Approval {
    now: View,
    asked: u8,
    arguments_since: u64,
    edits: u8,
    decided: u64,
    /// Every call that changed it, with what it answered.
    done: Vec<(Call, View)>,
}

/// The effect of a call: the state after it, and its answer. `None`: the call is impossible in this state.
pub(super) fn apply(state: &State, call: &Call, rules: Rules) -> Option<(State, Answer)> {
    let Some(before) = state else {
        let Action::Request(arguments) = call.action else { return None };
        let opened = Approval::open(arguments, rules);
        let answer = Answer::Shown(opened.now.clone());
        return Some((Some(opened), answer));
    };
    let mut after = before.clone();
    let answer = match after.run(call, rules) {
        Ok(view) => Answer::Shown(view),
        Err(refusal) => Answer::Refused(refusal),
    };
    Some((Some(after), answer))
}

impl Approval {
    fn open(arguments: u8, rules: Rules) -> Self {
        let status = if rules.quorum == 0 { Status::AutoApproved } else { Status::Pending };
        let now = View {
            revision: 1,
            status,
            arguments,
            votes: [None; REVIEWERS],
            claimed: false,
            succeeded: None,
            revoked: false,
        };
        Self { now, asked: arguments, arguments_since: 1, edits: 0, decided: 1, done: Vec::new() }
    }

    /// Runs a call. Changes nothing if it is refused.
    fn run(&mut self, call: &Call, rules: Rules) -> Result<View, Refusal> {
        match call.action {
            Action::Get => return Ok(self.now.clone()),
            Action::Request(arguments) if arguments == self.asked => return Ok(self.now.clone()),
            Action::Request(_) => return Err(Refusal::RequestIdReused),
            _ => {}
        }
        // A repetition gets the first answer. Only a claim's is a permission, which ends when the outcome is known.
        if let Some((first, answer)) = self.done.iter().find(|(done, _)| (done.who, done.key) == (call.who, call.key)) {
            return match call.action {
                _ if first != call => Err(Refusal::RequestIdReused),
                Action::Claim(_) if self.now.succeeded.is_some() => Err(self.already_claimed()),
                _ => Ok(answer.clone()),
            };
        }
        match call.action {
            Action::Decide { approve, seen, edit } => self.decide(call.who, approve, seen, edit, rules)?,
            Action::Cancel => {
                self.undecided()?;
                self.end(Status::Cancelled);
            }
            Action::Expire => {
                self.undecided()?;
                self.end(Status::TimedOut);
            }
            Action::Claim(arguments) => {
                self.claimable()?;
                if arguments != self.now.arguments {
                    return Err(Refusal::DigestMismatch(self.now.arguments));
                }
                self.now.claimed = true;
                self.now.revision += 1;
            }
            Action::Report { of_the_claim, succeeded } => {
                if !(of_the_claim && self.now.claimed) {
                    return Err(Refusal::NotClaimed);
                }
                if let Some(succeeded) = self.now.succeeded {
                    return Err(Refusal::AlreadyReported { succeeded });
                }
                self.now.succeeded = Some(succeeded);
                self.now.revision += 1;
            }
            Action::Revoke => {
                self.claimable()?;
                self.now.revoked = true;
                self.now.revision += 1;
            }
            Action::Request(_) | Action::Get => {}
        }
        self.done.push((*call, self.now.clone()));
        Ok(self.now.clone())
    }

    fn decide(&mut self, who: Who, approve: bool, seen: Seen, edit: Option<u8>, rules: Rules) -> Result<(), Refusal> {
        let Who::Reviewer(reviewer) = who else { unreachable!("only reviewers decide") };
        self.undecided()?;
        let current = match seen {
            Seen::Revision(seen) => (self.arguments_since..=self.now.revision).contains(&seen),
            Seen::Digest(seen) => seen == self.now.arguments,
        };
        if !current {
            return Err(Refusal::StaleView { revision: self.now.revision, arguments: self.now.arguments });
        }
        match edit.filter(|arguments| *arguments != self.now.arguments) {
            Some(arguments) => {
                if self.edits == EDITS {
                    return Err(Refusal::TooManyEdits);
                }
                self.edits += 1;
                self.now.revision += 1;
                self.now.arguments = arguments;
                self.now.votes = [None; REVIEWERS];
                self.arguments_since = self.now.revision;
            }
            // Who rejected cannot approve, but who approved can still reject.
            None => match self.now.votes[reviewer] {
                Some(true) if !approve => {}
                Some(_) => return Err(Refusal::AlreadyVoted),
                None => {}
            },
        }
        self.now.votes[reviewer] = Some(approve);
        let count = |choice| self.now.votes.iter().filter(|vote| **vote == Some(choice)).count();
        if approve && count(true) >= rules.quorum {
            self.end(Status::Approved);
        } else if !approve && count(false) >= rules.threshold {
            self.end(Status::Rejected);
        } else {
            self.now.revision += 1;
        }
        Ok(())
    }

    fn end(&mut self, status: Status) {
        self.now.status = status;
        self.now.revision += 1;
        self.decided = self.now.revision;
    }

    fn undecided(&self) -> Result<(), Refusal> {
        let (status, revision) = (self.now.status, self.decided);
        if status == Status::Pending { Ok(()) } else { Err(Refusal::AlreadyDecided { status, revision }) }
    }

    fn claimable(&self) -> Result<(), Refusal> {
        match self.now.status {
            Status::Approved | Status::AutoApproved => {}
            status => return Err(Refusal::NotApproved(status)),
        }
        if self.now.claimed {
            return Err(self.already_claimed());
        }
        if self.now.revoked { Err(Refusal::Revoked) } else { Ok(()) }
    }

    fn already_claimed(&self) -> Refusal {
        Refusal::AlreadyClaimed { succeeded: self.now.succeeded }
    }
}
