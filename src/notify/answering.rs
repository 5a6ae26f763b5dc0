//! What a channel needs to take answers of people, such as clicks on the buttons of its messages.

use std::sync::Arc;

use crate::{
    approvals::Approvals, domain::limits::RequestLimits, grpc::Admission, identity::BlockedSubjects,
    policies::Policies, store::ApprovalStore,
};

/// The use-cases behind answers, and the limits of requests.
#[derive(Clone)]
pub struct Answering {
    /// Decides, as for calls of gRPC.
    pub approvals: Arc<Approvals>,
    /// How approvals are shown.
    pub policies: Arc<Policies>,
    /// Reads the approval of a message, which stays to be updated even if the person who clicked may not read it.
    pub store: Arc<dyn ApprovalStore>,
    /// Who may not decide.
    pub blocked: BlockedSubjects,
    /// Limits the time in which a request must arrive.
    pub admission: Arc<Admission>,
    /// Limits of texts.
    pub limits: RequestLimits,
}
