//! Encodes freezes and the server's status.

use super::{actor, moment};
use crate::{
    domain::{Freeze, FreezeScope, ServerStatus},
    proto::v1,
};

/// Encodes a freeze.
#[must_use]
pub fn freeze(freeze: &Freeze) -> v1::Freeze {
    use v1::freeze_scope::Scope;
    let scope = match &freeze.scope {
        FreezeScope::All => Scope::All(true),
        FreezeScope::Caller(caller) => Scope::Caller(caller.clone()),
        FreezeScope::Tool(glob) => Scope::Tool(glob.to_string()),
        FreezeScope::Agent(agent) => Scope::Agent(agent.clone()),
    };
    v1::Freeze {
        id: freeze.id.to_string(),
        scope: Some(v1::FreezeScope { scope: Some(scope) }),
        reason: freeze.reason.clone(),
        frozen_by: Some(actor(&freeze.actor)),
        freeze_time: Some(moment(freeze.at)),
    }
}

/// Encodes the server's status.
#[must_use]
pub fn server_status(status: &ServerStatus) -> v1::ServerStatus {
    v1::ServerStatus {
        version: status.version.to_owned(),
        server_time: Some(moment(status.now)),
        start_time: Some(moment(status.started)),
        policy_version: status.policy_version,
        pending_count: status.pending,
        oldest_pending_time: status.oldest_pending.map(moment),
        freezes: status.freezes.iter().map(freeze).collect(),
        draining: status.draining,
        notification_problems: status.notification_problems.clone(),
    }
}
