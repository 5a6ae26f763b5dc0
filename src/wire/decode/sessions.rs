//! Decodes the calls of AdminService about sessions and blocked subjects.

use super::{Checker, Violations};
use crate::{
    domain::{
        SessionId, SessionScope, SubjectName,
        limits::{BLOCK_REASON_BYTES_MAX, PERSON_MAX, RequestLimits},
    },
    proto::v1::{self, end_sessions_request::Scope},
    wire::page_token,
};

/// A page of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionsPage {
    /// Only sessions older than this.
    pub before: Option<SessionId>,
    /// Maximum number of sessions.
    pub limit: usize,
    /// Only sessions that the server accepts.
    pub active_only: bool,
}

/// A valid EndSessions request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSessionsCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The sessions.
    pub scope: SessionScope,
}

/// A valid BlockSubject request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Whom to block.
    pub subject: SubjectName,
    /// Why.
    pub reason: String,
}

/// A valid UnblockSubject request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnblockCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Whom to unblock.
    pub subject: SubjectName,
}

/// Decodes ListSessions.
///
/// # Errors
/// Every rule that it breaks.
pub fn sessions(message: &v1::ListSessionsRequest, limits: &RequestLimits) -> Result<SessionsPage, Violations> {
    let mut check = Checker::default();
    let active_only = message.active_only;
    let limit = check.page_size(message.page_size, limits);
    let before = match message.page_token.as_str() {
        "" => None,
        token => {
            let decoded = page_token::decode_session(token, active_only);
            decoded.map_err(|error| check.refuse("page_token", error.to_string())).ok()
        }
    };
    check.finish(|| Some(SessionsPage { before, limit: limit?, active_only }))
}

/// Decodes EndSessions.
///
/// # Errors
/// Every rule that it breaks.
pub fn end_sessions(message: v1::EndSessionsRequest) -> Result<EndSessionsCall, Violations> {
    let v1::EndSessionsRequest { request_id, scope } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let scope = match scope {
        Some(Scope::SessionId(id)) => check.id("session_id", &id).map(SessionScope::One),
        Some(Scope::Person(person)) => Some(SessionScope::Person(check.subject_name("person", Some(person)))),
        Some(Scope::All(true)) => Some(SessionScope::All),
        Some(Scope::All(false)) => {
            check.refuse("all", "is false; set it to true, or set another scope");
            None
        }
        None => {
            check.refuse("scope", "is required; set session_id, person or all");
            None
        }
    };
    check.finish(|| Some(EndSessionsCall { request_id, scope: scope? }))
}

/// Decodes BlockSubject.
///
/// # Errors
/// Every rule that it breaks.
pub fn block(message: v1::BlockSubjectRequest) -> Result<BlockCall, Violations> {
    let v1::BlockSubjectRequest { request_id, subject, reason } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let subject = check.subject_name("subject", subject);
    check.text("reason", &reason, BLOCK_REASON_BYTES_MAX);
    check.finish(|| Some(BlockCall { request_id, subject, reason }))
}

/// Decodes UnblockSubject.
///
/// # Errors
/// Every rule that it breaks.
pub fn unblock(message: v1::UnblockSubjectRequest) -> Result<UnblockCall, Violations> {
    let v1::UnblockSubjectRequest { request_id, subject } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let subject = check.subject_name("subject", subject);
    check.finish(|| Some(UnblockCall { request_id, subject }))
}

impl Checker {
    /// A person or program. Both names are required: a default issuer would block somebody else by mistake.
    fn subject_name(&mut self, field: &str, from: Option<v1::Subject>) -> SubjectName {
        let v1::Subject { issuer, subject } = from.unwrap_or_default();
        self.within(field, |check| {
            let mut required = |field: &str, text: &str, example: &str| {
                if text.is_empty() {
                    check.refuse(field, format!("is required; {example}"));
                }
                check.identity(field, text, PERSON_MAX)
            };
            let issuer = required("issuer", &issuer, "for tokens of this server it is `local`");
            let subject = required("subject", &subject, "it is the name that `signoff whoami` shows");
            SubjectName { issuer, subject }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c5a0-0000-7000-8000-000000000001";

    fn subject(issuer: &str, subject: &str) -> Option<v1::Subject> {
        Some(v1::Subject { issuer: issuer.into(), subject: subject.into() })
    }

    fn named(issuer: &str, subject: &str) -> SubjectName {
        SubjectName { issuer: issuer.into(), subject: subject.into() }
    }

    fn fields<T: std::fmt::Debug>(result: Result<T, Violations>) -> Vec<String> {
        result.unwrap_err().0.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_scope_is_required_and_checked() {
        let call = |scope| end_sessions(v1::EndSessionsRequest { request_id: "r".into(), scope });
        let scope = |scope| call(Some(scope)).unwrap().scope;
        assert_eq!(scope(Scope::SessionId(ID.into())), SessionScope::One(ID.parse().unwrap()));
        let person = subject("local", "Jose\u{301}").unwrap();
        assert_eq!(scope(Scope::Person(person)), SessionScope::Person(named("local", "Jos\u{e9}")));
        assert_eq!(scope(Scope::All(true)), SessionScope::All);
        assert_eq!(call(Some(Scope::All(true))).unwrap().request_id.as_deref(), Some("r"));
        assert_eq!(fields(call(None)), ["scope"]);
        assert_eq!(fields(call(Some(Scope::All(false)))), ["all"]);
        assert_eq!(fields(call(Some(Scope::SessionId("x".into())))), ["session_id"]);
        assert_eq!(fields(call(Some(Scope::Person(v1::Subject::default())))), ["person.issuer", "person.subject"]);
    }

    #[test]
    fn both_names_of_a_subject_are_required() {
        let call = |subject, reason: &str| {
            block(v1::BlockSubjectRequest { request_id: String::new(), subject, reason: reason.into() })
        };
        let blocked = call(subject("https://idp", "mallory"), "left").unwrap();
        assert_eq!((blocked.subject, blocked.reason.as_str()), (named("https://idp", "mallory"), "left"));
        assert_eq!(fields(call(None, "")), ["subject.issuer", "subject.subject"]);
        let long = "s".repeat(257);
        assert_eq!(fields(call(subject("\u{200b}", &long), "")), ["subject.issuer", "subject.subject"]);
        assert!(call(subject("i", &long[..256]), &"r".repeat(1_024)).is_ok());
        assert_eq!(fields(call(subject("i", "s"), &"r".repeat(1_025))), ["reason"]);
        let unblocked = unblock(v1::UnblockSubjectRequest { request_id: String::new(), subject: subject("i", "s") });
        assert_eq!(unblocked.unwrap().subject, named("i", "s"));
        let request_id = "r".repeat(129);
        assert_eq!(
            fields(unblock(v1::UnblockSubjectRequest { request_id, subject: None })),
            ["request_id", "subject.issuer", "subject.subject"]
        );
    }

    #[test]
    fn pages_of_sessions_continue_with_the_same_filter() {
        let limits = RequestLimits::default();
        let id: SessionId = ID.parse().unwrap();
        let page = |page_token: &str, active_only| {
            let message = v1::ListSessionsRequest { page_size: 3, page_token: page_token.into(), active_only };
            sessions(&message, &limits)
        };
        assert_eq!(page("", false).unwrap(), SessionsPage { before: None, limit: 3, active_only: false });
        let token = page_token::encode_session(id, true);
        assert_eq!(page(&token, true).unwrap().before, Some(id));
        assert_eq!(fields(page(&token, false)), ["page_token"]);
        let of_a_token = page_token::encode_token(crate::domain::TokenId::new(id.uuid()), true);
        assert_eq!(fields(page(&of_a_token, true)), ["page_token"]);
    }
}
