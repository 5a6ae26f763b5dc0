//! Decodes the calls of AdminService.

use super::{Checker, Violations};
use crate::{
    domain::{
        FreezeId, FreezeScope, ToolGlob,
        limits::{AGENT_NAME_MAX, CALLER_MAX, FREEZE_REASON_BYTES_MAX},
    },
    proto::v1::{self, freeze_scope::Scope},
};

/// A valid Freeze request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The calls to stop.
    pub scope: FreezeScope,
    /// Why.
    pub reason: String,
}

/// A valid Thaw request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThawCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The freeze's id.
    pub id: FreezeId,
}

/// Decodes Freeze.
///
/// # Errors
/// Every rule that it breaks.
pub fn freeze(message: v1::FreezeRequest) -> Result<FreezeCall, Violations> {
    let v1::FreezeRequest { request_id, scope, reason } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let scope = match scope.unwrap_or_default().scope {
        Some(scope) => check.within("scope", |check| check.freeze_scope(scope)),
        None => {
            check.refuse("scope", "is required; set all, caller, tool or agent");
            None
        }
    };
    check.text("reason", &reason, FREEZE_REASON_BYTES_MAX);
    check.finish(|| Some(FreezeCall { request_id, scope: scope?, reason }))
}

/// Decodes Thaw.
///
/// # Errors
/// Every rule that it breaks.
pub fn thaw(message: v1::ThawRequest) -> Result<ThawCall, Violations> {
    let v1::ThawRequest { request_id, freeze_id } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let id = check.id("freeze_id", &freeze_id);
    check.finish(|| Some(ThawCall { request_id, id: id? }))
}

impl Checker {
    fn freeze_scope(&mut self, from: Scope) -> Option<FreezeScope> {
        match from {
            Scope::All(true) => Some(FreezeScope::All),
            Scope::All(false) => {
                self.refuse("all", "is false; set it to true, or set another scope");
                None
            }
            Scope::Caller(caller) => self.frozen_caller(&caller),
            Scope::Tool(tool) => {
                ToolGlob::new(&tool).map_err(|wrong| self.refuse("tool", wrong)).ok().map(FreezeScope::Tool)
            }
            Scope::Agent(agent) => {
                if agent.is_empty() {
                    self.refuse("agent", "must not be empty");
                }
                self.name("agent", &agent, AGENT_NAME_MAX);
                Some(FreezeScope::Agent(agent))
            }
        }
    }

    fn frozen_caller(&mut self, text: &str) -> Option<FreezeScope> {
        let caller = self.identity("caller", text, CALLER_MAX);
        if text.split_once('/').is_none_or(|(issuer, subject)| issuer.is_empty() || subject.is_empty()) {
            self.refuse("caller", "must be `issuer/subject`, for example `local/agent-1`");
        }
        Some(FreezeScope::Caller(caller))
    }
}
