//! Whether a history is linearizable: whether each call can be given one moment between its begin and its answer, so that
//! the calls, made at these moments one after the other, answer what they did. (Wing and Gong's search, in Lowe's form:
//! a call is placed only when an answer needs it, and what was placed with what result is remembered.)

use std::{collections::HashSet, fmt, rc::Rc};

use super::spec::{Answer, Call, Rules, State, apply};

/// Maximum calls of a history.
pub(super) const CALLS: usize = 256;

/// The calls of one approval.
#[derive(Debug, Default)]
pub(super) struct History {
    /// `None` for an answer that is unknown: the call may have taken effect at any time after its begin, or not at all.
    pub(super) calls: Vec<(Call, Option<Answer>)>,
    /// In order of time.
    pub(super) moments: Vec<Moment>,
}

/// A moment of a history, with the index of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Begin(usize),
    Answer(usize),
}

/// Why a history is not linearizable.
pub(super) struct Violation<'a> {
    history: &'a History,
    /// The moment of the first answer that nothing explains.
    at: usize,
    /// What the approval could be just before.
    states: Vec<Rc<State>>,
}

/// A set of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Calls([u64; CALLS / 64]);

impl Calls {
    fn has(&self, call: usize) -> bool {
        self.0[call / 64] & (1 << (call % 64)) != 0
    }

    fn add(&mut self, call: usize) {
        self.0[call / 64] |= 1 << (call % 64);
    }

    fn remove(&mut self, call: usize) {
        self.0[call / 64] &= !(1 << (call % 64));
    }
}

/// One way to explain the answers so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Explanation {
    /// Calls without an answer so far that were placed.
    placed: Calls,
    state: Rc<State>,
}

impl History {
    /// Adds a call that begins now; returns its index.
    pub(super) fn begin(&mut self, call: Call) -> usize {
        self.calls.push((call, None));
        self.moments.push(Moment::Begin(self.calls.len() - 1));
        self.calls.len() - 1
    }

    /// Adds an answer that came now.
    pub(super) fn answer(&mut self, call: usize, answer: Answer) {
        self.calls[call].1 = Some(answer);
        self.moments.push(Moment::Answer(call));
    }

    /// Checks it. Returns the largest number of explanations that were possible at one moment.
    pub(super) fn check(&self, rules: Rules) -> Result<usize, Violation<'_>> {
        assert!(self.calls.len() <= CALLS);
        let mut explanations = vec![Explanation { placed: Calls::default(), state: Rc::new(None) }];
        let (mut open, mut most) = (Vec::new(), 1);
        for (at, moment) in self.moments.iter().enumerate() {
            match *moment {
                Moment::Begin(call) => open.push(call),
                Moment::Answer(call) => {
                    let before: Vec<_> = explanations.iter().map(|one| Rc::clone(&one.state)).collect();
                    explanations = self.place(call, &open, explanations, rules);
                    if explanations.is_empty() {
                        return Err(Violation { history: self, at, states: before });
                    }
                    most = most.max(explanations.len());
                    open.retain(|one| *one != call);
                }
            }
        }
        Ok(most)
    }

    /// Every way to place a call, after others if need be.
    fn place(&self, call: usize, open: &[usize], mut left: Vec<Explanation>, rules: Rules) -> Vec<Explanation> {
        let (mut seen, mut found) = (HashSet::new(), HashSet::new());
        while let Some(mut one) = left.pop() {
            let mut others = Vec::new();
            for &next in open.iter().filter(|next| !one.placed.has(**next)).collect::<Vec<_>>() {
                let (what, answered) = &self.calls[next];
                let Some((after, answer)) = apply(&one.state, what, rules) else { continue };
                match answered {
                    Some(answered) if *answered != answer => {}
                    // It changes nothing, so to place it now never hinders another call.
                    Some(_) if after == *one.state => one.placed.add(next),
                    None if after == *one.state => {}
                    _ => others.push((next, after)),
                }
            }
            if !seen.insert(one.clone()) {
                continue;
            }
            if one.placed.has(call) {
                one.placed.remove(call);
                found.insert(one);
                continue;
            }
            for (next, after) in others {
                let mut placed = one.placed;
                placed.add(next);
                left.push(Explanation { placed, state: Rc::new(after) });
            }
        }
        found.into_iter().collect()
    }
}

impl fmt::Display for Violation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the history is not linearizable")?;
        for (at, moment) in self.history.moments[..=self.at].iter().enumerate() {
            match moment {
                Moment::Begin(call) => writeln!(f, "{at:4} begin  {call:3} {:?}", self.history.calls[*call].0)?,
                Moment::Answer(call) => writeln!(f, "{at:4} answer {call:3} {:?}", self.history.calls[*call].1)?,
            }
        }
        writeln!(f, "nothing explains the last answer. Before it, the approval could be:")?;
        self.states.iter().take(4).try_for_each(|state| writeln!(f, "  {state:?}"))
    }
}

impl fmt::Debug for Violation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
