//! What a page shows around its approval: the other requests that wait, and what was decided before. It costs many
//! reads, so only the page itself has it, and an open page reads it again only when the approval's status changes.

use super::{
    View,
    before::{self, Before, BeforeRow},
    waiting::Waiting,
};
use crate::{
    approvals::Error,
    desk::{Desk, viewer::Viewer},
    domain::{Approval, Status},
};

/// The surroundings of one approval.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The approval's status when they were read.
    status: Status,
    waiting: Waiting,
    before: Before,
}

impl Surroundings {
    /// Reads those of an approval that the viewer may read.
    pub(super) async fn of(desk: &Desk, viewer: &Viewer, approval: &Approval) -> Result<Self, Error> {
        let waiting = Waiting::around(&desk.approvals, &viewer.principal, approval.id).await?;
        let before = before(desk, viewer, approval).await?;
        Ok(Self { status: approval.status, waiting, before })
    }

    /// Whether they still fit the approval: they do not follow what other requests become.
    pub(super) fn fit(&self, approval: &Approval) -> bool {
        self.status == approval.status
    }
}

impl View {
    /// With what only the page itself shows.
    pub(super) fn with_surroundings(self, around: Surroundings) -> Self {
        Self { waiting: around.waiting, before: around.before, ..self }
    }
}

/// What was decided before on calls like this one.
async fn before(desk: &Desk, viewer: &Viewer, approval: &Approval) -> Result<Before, Error> {
    let recent = desk.approvals.recent_of(&viewer.principal, approval, before::SHOWN).await?;
    let mut rows = Vec::new();
    for earlier in before::approvals(&recent) {
        rows.push(BeforeRow::of(earlier, &*desk.policies.display(earlier).await));
    }
    let failure = recent.failure.as_ref().and_then(|failure| rows.pop().map(|row| (row, failure.succeeded_since)));
    Ok(Before { rows, failure })
}
