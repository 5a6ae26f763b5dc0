//! Encodes freezes, the server's status and backups.

use super::{actor, moment};
use crate::{
    domain::{Freeze, FreezeScope, ServerStatus},
    export_file::{Counts, Summary},
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

/// Encodes bytes of a backup.
#[must_use]
pub const fn backup_data(data: Vec<u8>) -> v1::BackupResponse {
    v1::BackupResponse { part: Some(v1::backup_response::Part::Data(data)) }
}

/// Encodes the end of a backup.
#[must_use]
pub fn backup_complete(Summary { counts, bytes, sha256 }: &Summary) -> v1::BackupResponse {
    let Counts { approvals, policies, unchanged_policies, tokens, freezes, blocks, forgotten, lanes } = *counts;
    let complete = v1::BackupComplete {
        size_bytes: *bytes,
        sha256: sha256.clone(),
        approval_count: approvals as u64,
        policy_version_count: policies as u64,
        token_count: tokens as u64,
        freeze_count: freezes as u64,
        block_count: blocks as u64,
        delivery_queue_count: lanes as u64,
        request_id_count: (unchanged_policies + forgotten) as u64,
    };
    v1::BackupResponse { part: Some(v1::backup_response::Part::Complete(complete)) }
}
