use super::Changes;

/// How far content can be trusted to be complete: the number of polls during which it must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its writer closed the file, or renamed it into place. Waits half a second for more changes: a script that
    /// appends line by line, or a certificate whose key follows.
    Reported,
    /// A new name, new permissions, or a file that was written to shortly before the server started: a writer may still
    /// have it open. Waits 3 s.
    Young,
    /// It changed without a report. Waits 30 s: within that time Linux, also as a client of a network file system,
    /// begins to write out what a program has written, so a writer that is still working becomes visible.
    Unreported,
}

impl Trust {
    /// Number of polls without a change after which content is settled.
    pub(super) const fn quiet_polls(self) -> u32 {
        match self {
            Self::Reported => 1,
            Self::Young => 6,
            Self::Unreported => 60,
        }
    }
}

/// Debounces changes: decides when content can be used. Counts polls, not time, because a clock can be set forward.
#[derive(Debug)]
pub(super) struct Debounce<T> {
    taken: T,
    seen: Option<T>,
    trust: Trust,
    writing: bool,
    /// Polls since the last sign of a change.
    quiet: u32,
    /// Whether the content is wanted even if it has not changed.
    asked: bool,
    /// Polls since there is content to use.
    waited: u32,
    /// Whether the previous poll had reports. Files are read before reports are, so a change in between is reported one
    /// poll before it is read.
    told: bool,
}

/// Why content is not used yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) polls: u32,
    pub(super) writing: bool,
    pub(super) trust: Trust,
}

impl<T: PartialEq + Clone> Debounce<T> {
    /// Starts with the content in use, and the trust in the content of the first poll.
    pub(super) const fn new(taken: T, trust: Trust) -> Self {
        Self { taken, seen: None, trust, writing: false, quiet: 0, asked: false, waited: 0, told: false }
    }

    /// Adds the content of a poll, and the reports up to now.
    pub(super) fn observe(&mut self, now: T, changes: Changes) {
        let changed = self.seen.as_ref().is_some_and(|seen| *seen != now);
        self.trust = match changes.trust {
            Some(trust) => trust,
            // Reported, but not finished: the writer is still working.
            None if changes.any => self.trust,
            None if changed && !self.told => Trust::Unreported,
            None => self.trust,
        };
        self.quiet = if self.seen.is_none() || changed || changes.any { 0 } else { self.quiet.saturating_add(1) };
        (self.writing, self.told) = (changes.writing, changes.any);
        self.seen = Some(now);
        self.waited = if self.is_wanted() { self.waited.saturating_add(1) } else { 0 };
    }

    /// Requests the content, even if it has not changed.
    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether no program is writing, as far as known.
    pub(super) const fn is_settled(&self) -> bool {
        !self.writing && self.quiet >= self.trust.quiet_polls()
    }

    fn is_wanted(&self) -> bool {
        self.asked || self.seen.as_ref().is_some_and(|seen| *seen != self.taken)
    }

    /// Whether the last content can be used now.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanted() && self.is_settled()
    }

    /// Marks the last content as used.
    pub(super) fn take(&mut self) {
        if let Some(seen) = &self.seen {
            self.taken.clone_from(seen);
        }
        (self.asked, self.waited) = (false, 0);
    }

    /// The reason to wait, if there is content.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let Self { waited: polls, writing, trust, .. } = *self;
        (polls > 0).then_some(Waiting { polls, writing, trust })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer closes the file between the read and the check of reports: the next poll sees the change, but its
    /// report is already consumed.
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

        // An unreported change waits longer.
        let mut debounce = Debounce::new("old", Trust::Reported);
        for now in
            ["old", "old", "new"].into_iter().chain(std::iter::repeat_n("new", Trust::Reported.quiet_polls() as usize))
        {
            debounce.observe(now, quiet);
        }
        assert!(!debounce.is_due(), "{debounce:?}");
    }
}
