use super::Changes;

/// What is known about how content came to be: for how many polls it must stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its writer closed the file, or renamed it into place. Half a second passes in case more follows: a script that
    /// appends line by line, a certificate whose key comes next.
    Reported,
    /// A new name, new permissions, or a file that was written to shortly before the server started: who writes to it
    /// is not known for sure. 3 s.
    Young,
    /// It changed without a report. 30 s: after that time Linux, as a client of a network file system too, begins to
    /// write out what a program has written, so that a writer which is still at work shows.
    Unreported,
}

impl Trust {
    /// Polls without a change after which content is settled.
    pub(super) const fn quiet_polls(self) -> u32 {
        match self {
            Self::Reported => 1,
            Self::Young => 6,
            Self::Unreported => 60,
        }
    }
}

/// Decides when content may be taken. Counts polls, not time: nobody can set that forward.
#[derive(Debug)]
pub(super) struct Debounce<T> {
    taken: T,
    seen: Option<T>,
    trust: Trust,
    writing: bool,
    /// Polls since the last sign of a change.
    quiet: u32,
    /// Whether the content is wanted even if it is the same.
    asked: bool,
    /// Polls since there is something to take.
    waited: u32,
    /// Whether the poll before came with reports. Files are read before reports are, so a change that happens in
    /// between is reported one poll before it is seen.
    told: bool,
}

/// What keeps content from being taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) polls: u32,
    pub(super) writing: bool,
    pub(super) trust: Trust,
}

impl<T: PartialEq + Clone> Debounce<T> {
    /// Begins with what was taken before, and with what is known about the content that is seen first.
    pub(super) const fn new(taken: T, trust: Trust) -> Self {
        Self { taken, seen: None, trust, writing: false, quiet: 0, asked: false, waited: 0, told: false }
    }

    /// What is seen now, with what was reported up to now.
    pub(super) fn observe(&mut self, now: T, changes: Changes) {
        let changed = self.seen.as_ref().is_some_and(|seen| *seen != now);
        self.trust = match changes.trust {
            Some(trust) => trust,
            // Reported, but not by what it ended with: a writer that is still at it.
            None if changes.any => self.trust,
            None if changed && !self.told => Trust::Unreported,
            None => self.trust,
        };
        self.quiet = if self.seen.is_none() || changed || changes.any { 0 } else { self.quiet.saturating_add(1) };
        (self.writing, self.told) = (changes.writing, changes.any);
        self.seen = Some(now);
        self.waited = if self.is_wanted() { self.waited.saturating_add(1) } else { 0 };
    }

    /// Wants the content, even if it is the same.
    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether nobody is writing, as far as can be known.
    pub(super) const fn is_settled(&self) -> bool {
        !self.writing && self.quiet >= self.trust.quiet_polls()
    }

    fn is_wanted(&self) -> bool {
        self.asked || self.seen.as_ref().is_some_and(|seen| *seen != self.taken)
    }

    /// Whether what was seen last is to be taken.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanted() && self.is_settled()
    }

    /// What was seen last has been taken.
    pub(super) fn take(&mut self) {
        if let Some(seen) = &self.seen {
            self.taken.clone_from(seen);
        }
        (self.asked, self.waited) = (false, 0);
    }

    /// What is waited for, if anything is.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let Self { waited: polls, writing, trust, .. } = *self;
        (polls > 0).then_some(Waiting { polls, writing, trust })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer closes the file between the read and the look at reports: the next poll sees the change, and the report
    /// is known already.
    #[test]
    fn a_change_that_is_seen_a_look_after_its_report_was_reported() {
        let mut debounce = Debounce::new("old", Trust::Reported);
        let closed = Changes { any: true, trust: Some(Trust::Reported), writing: false };
        debounce.observe("old", closed);
        let quiet = Changes { any: false, trust: None, writing: false };
        debounce.observe("new", quiet);
        for _ in 0..Trust::Reported.quiet_polls() {
            debounce.observe("new", quiet);
        }
        assert!(debounce.is_due(), "{debounce:?}");

        // One that nobody reported waits for longer.
        let mut debounce = Debounce::new("old", Trust::Reported);
        for now in
            ["old", "old", "new"].into_iter().chain(std::iter::repeat_n("new", Trust::Reported.quiet_polls() as usize))
        {
            debounce.observe(now, quiet);
        }
        assert!(!debounce.is_due(), "{debounce:?}");
    }
}
