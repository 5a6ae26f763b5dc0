//! Decodes the calls of AccessService.

use std::{collections::BTreeSet, time::Duration};

use super::{Checker, Violations, scalars};
use crate::{
    domain::{
        DecidesFor, Grant, NewToken, Permission, Role, TokenId,
        limits::{ISSUERS_MAX, PERSON_MAX, RequestLimits},
    },
    proto::v1,
    wire::{enums::Code as _, field_path, page_token},
};

/// Minimum and maximum time to live of a token. The maximum is ten years, with any leap days.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_653 * 86_400));

/// A page of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokensPage {
    /// Only tokens older than this.
    pub before: Option<TokenId>,
    /// Maximum number of tokens.
    pub limit: usize,
    /// Only tokens that are neither expired nor revoked.
    pub active_only: bool,
}

/// Decodes CreateToken.
///
/// # Errors
/// Every rule that it breaks.
pub fn new_token(message: v1::CreateTokenRequest, limits: &RequestLimits) -> Result<NewToken, Violations> {
    let v1::CreateTokenRequest { request_id, subject, kind, roles, groups, permissions, ttl, comment, .. } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    if subject.is_empty() {
        check.refuse("subject", "is required");
    }
    let subject = check.identity("subject", &subject, PERSON_MAX);
    let kind = check.choice("kind", kind, "AGENT, PERSON or SERVICE", scalars::caller_kind);
    if roles.is_empty() {
        check.refuse("roles", "is required: at least one of AGENT, REVIEWER, AUDITOR or OPERATOR");
    }
    let roles = check.each("roles", &roles, "AGENT, REVIEWER, AUDITOR or OPERATOR", Role::from_wire);
    let groups = check.groups("groups", &groups);
    let person = message.on_behalf_of.map(|person| {
        if !person.groups.is_empty() {
            check.refuse("on_behalf_of.groups", "must be empty; groups are only allowed in DecideRequest");
        }
        check.person("on_behalf_of", person).0
    });
    let allowed = "ASK_FOR_OTHERS, DECIDE_FOR_OTHERS or DECIDE_ALONE";
    let permissions = check.each("permissions", &permissions, allowed, Permission::from_wire);
    let decides_for = check.decides_for(message.decides_for, &permissions);
    // Otherwise the person could decide through the agent that acts for them.
    if person.is_some() && (!permissions.is_empty() || roles.contains(&Role::Reviewer)) {
        check.refuse("on_behalf_of", "cannot be combined with the role REVIEWER or with permissions");
    }
    let ttl = ttl.map(|ttl| check.span("ttl", &ttl, TTL.0, TTL.1));
    check.text("comment", &comment, limits.text_bytes);
    check.finish(|| {
        let grant =
            Grant { kind: kind?, subject, roles, groups, on_behalf_of: person, permissions, decides_for, comment };
        Some(NewToken { request_id, grant, ttl: ttl.flatten() })
    })
}

/// Decodes ListTokens.
///
/// # Errors
/// Every rule that it breaks.
pub fn tokens(message: &v1::ListTokensRequest, limits: &RequestLimits) -> Result<TokensPage, Violations> {
    let mut check = Checker::default();
    let active_only = message.active_only;
    let limit = check.page_size(message.page_size, limits);
    let before = match message.page_token.as_str() {
        "" => None,
        token => {
            let decoded = page_token::decode_token(token, active_only);
            decoded.map_err(|error| check.refuse("page_token", error.to_string())).ok()
        }
    };
    check.finish(|| Some(TokensPage { before, limit: limit?, active_only }))
}

/// Decodes the `token_id` of a call without other fields to check.
///
/// # Errors
/// When it is not a UUID.
pub fn token_id(text: &str) -> Result<TokenId, Violations> {
    let mut check = Checker::default();
    let id = check.id("token_id", text);
    check.finish(|| id)
}

impl Checker {
    /// Decodes the people for whom the owner may decide.
    fn decides_for(&mut self, from: Option<v1::DecidesFor>, permissions: &BTreeSet<Permission>) -> DecidesFor {
        if !permissions.contains(&Permission::DecideForOthers) {
            if permissions.contains(&Permission::DecideAlone) {
                self.refuse("permissions", "has DECIDE_ALONE without DECIDE_FOR_OTHERS; set both");
            }
            if from.is_some() {
                self.refuse("decides_for", "is only allowed with the permission DECIDE_FOR_OTHERS");
            }
            return DecidesFor::default();
        }
        let v1::DecidesFor { issuers, groups } = from.unwrap_or_default();
        self.within("decides_for", |check| {
            let issuers = check.issuers(&issuers);
            DecidesFor { issuers, groups: check.groups("groups", &groups) }
        })
    }

    fn issuers(&mut self, issuers: &[String]) -> BTreeSet<String> {
        if issuers.is_empty() || issuers.len() > ISSUERS_MAX {
            let count = issuers.len();
            self.refuse("issuers", format!("has {count} issuers; DECIDE_FOR_OTHERS requires 1 to {ISSUERS_MAX}"));
        }
        let issuers = issuers.iter().enumerate().take(ISSUERS_MAX);
        let named = issuers.map(|(index, issuer)| {
            let at = field_path::at("issuers", index);
            if issuer.is_empty() {
                self.refuse(&at, "must not be empty; the issuer of this server's own tokens is `local`");
            }
            self.identity(&at, issuer, PERSON_MAX)
        });
        named.collect()
    }

    /// Decodes enum values. Order and duplicates do not matter.
    fn each<W: TryFrom<i32>, T: Ord>(
        &mut self,
        field: &str,
        numbers: &[i32],
        allowed: &str,
        known: impl Fn(W) -> Option<T>,
    ) -> BTreeSet<T> {
        let numbers = numbers.iter().enumerate();
        numbers.filter_map(|(n, number)| self.choice(&field_path::at(field, n), *number, allowed, &known)).collect()
    }
}
