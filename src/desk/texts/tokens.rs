//! Texts of the pages of tokens.

pub(in crate::desk) const TITLE: &str = "Tokens";
pub(in crate::desk) const NEW_LINK: &str = "Create a token…";
pub(in crate::desk) const REVOKE_LINK: &str = "Revoke…";
pub(in crate::desk) const ACTIVE_ONLY: &str = "Active";
pub(in crate::desk) const ALL: &str = "All";
pub(in crate::desk) const WHICH: &str = "Which tokens";
pub(in crate::desk) const NONE_ACTIVE: &str = "No token is active.";
pub(in crate::desk) const NONE: &str = "There are no tokens.";

pub(in crate::desk) const ACTIVE: &str = "Active";
pub(in crate::desk) const EXPIRED: &str = "Expired";
pub(in crate::desk) const REVOKED: &str = "Revoked";

pub(in crate::desk) const KIND: &str = "Kind of owner";
pub(in crate::desk) const ROLES: &str = "Roles";
pub(in crate::desk) const GROUPS: &str = "Groups";
pub(in crate::desk) const PERMISSIONS: &str = "Permissions";
pub(in crate::desk) const ISSUERS: &str = "Decides for people of these issuers";
pub(in crate::desk) const DECIDES_FOR_GROUPS: &str = "and may name these groups of them";
pub(in crate::desk) const ON_BEHALF_OF: &str = "Requests on behalf of";
pub(in crate::desk) const CREATOR: &str = "Created by";
pub(in crate::desk) const CREATED: &str = "Created at";
pub(in crate::desk) const LAST_USED: &str = "Last used";
pub(in crate::desk) const NEVER_USED: &str = "never";
pub(in crate::desk) const EXPIRES: &str = "Expires";
pub(in crate::desk) const NEVER_EXPIRES: &str = "when it is revoked";
pub(in crate::desk) const REVOKED_BY: &str = "Revoked by";
pub(in crate::desk) const REVOKED_AT: &str = "Revoked at";
pub(in crate::desk) const COMMENT: &str = "Comment";
pub(in crate::desk) const ID: &str = "Id";
pub(in crate::desk) const NOBODY: &str = "nobody: the token is of an older version";

pub(in crate::desk) const NEW_TITLE: &str = "Create a token";
pub(in crate::desk) const SUBJECT: &str = "Name of the owner";
pub(in crate::desk) const SUBJECT_HINT: &str =
    "Tokens with the same name have the same owner, who cannot approve their own requests.";
/// Kinds of owners: value, label, hint.
pub(in crate::desk) const KINDS: [(&str, &str, &str); 3] = [
    ("AGENT", "Agent", "an AI agent, or the program that runs it"),
    ("PERSON", "Person", ""),
    ("SERVICE", "Service", "another program"),
];
/// Roles: value, label, hint.
pub(in crate::desk) const ROLE_CHOICES: [(&str, &str, &str); 4] = [
    ("AGENT", "Agent", "requests approvals; reads, cancels, claims and reports its own"),
    ("REVIEWER", "Reviewer", "reads and decides the approvals that the policy asks it about"),
    ("AUDITOR", "Auditor", "reads everything"),
    ("OPERATOR", "Operator", "sets the policy, manages tokens, revokes approvals, freezes calls"),
];
pub(in crate::desk) const GROUPS_HINT: &str = "One per line. A policy can name groups as reviewers.";
pub(in crate::desk) const BEHALF_TITLE: &str = "On behalf of a person (optional)";
pub(in crate::desk) const BEHALF_HINT: &str =
    "Every request with the token is made on behalf of this person, who cannot decide it.";
pub(in crate::desk) const BEHALF_SUBJECT: &str = "Name of the person";
pub(in crate::desk) const BEHALF_ISSUER: &str = "Issuer of the person";
pub(in crate::desk) const BEHALF_ISSUER_HINT: &str =
    "Such as the OpenID provider. Empty: local, the issuer of this server's tokens.";
pub(in crate::desk) const PERMISSIONS_TITLE: &str = "Permissions to act for other people (optional)";
/// Permissions: value, label, hint.
pub(in crate::desk) const PERMISSION_CHOICES: [(&str, &str, &str); 3] = [
    ("ASK_FOR_OTHERS", "Ask for others", "name the person on whose behalf it asks"),
    (
        "DECIDE_FOR_OTHERS",
        "Decide for others",
        "name the person who decides, as a chat bridge does; its votes count at most once for each rule, and never alone",
    ),
    (
        "DECIDE_ALONE",
        "Decide alone",
        "its votes alone can approve: the holder can approve as any person below; needs Decide for others",
    ),
];
pub(in crate::desk) const ISSUERS_HINT: &str =
    "One per line. Required for Decide for others. The issuer of this server's own tokens is local.";
pub(in crate::desk) const DECIDES_FOR_GROUPS_HINT: &str = "One per line.";
pub(in crate::desk) const TTL: &str = "Expires after";
pub(in crate::desk) const TTL_UNIT: &str = "Unit";
pub(in crate::desk) const TTL_HINT: &str = "Empty: it is valid until it is revoked.";
pub(in crate::desk) const TTL_WRONG: &str =
    "Expires after: enter a whole number of days, hours or minutes, or nothing.";
/// Units of the time to live: value, seconds, name.
pub(in crate::desk) const TTL_UNITS: [(&str, u64, &str); 3] =
    [("days", 86_400, "days"), ("hours", 3_600, "hours"), ("minutes", 60, "minutes")];
pub(in crate::desk) const COMMENT_HINT: &str = "What the token is for. Operators and auditors see it.";
pub(in crate::desk) const CREATE: &str = "Create the token";

pub(in crate::desk) const CREATED_TITLE: &str = "Token created";
pub(in crate::desk) const SECRET: &str = "Secret";
pub(in crate::desk) const SECRET_HINT: &str =
    "Copy it now. It is shown once, here: the server keeps only a hash, and nobody can read it again.";
pub(in crate::desk) const TO_LIST: &str = "To the tokens";

pub(in crate::desk) const ALREADY_TITLE: &str = "This token was created before";
pub(in crate::desk) const ALREADY: &str = "The form was sent twice. No second token was created, and the secret is shown only once. If you do not have it, revoke \
     the token, and create another one.";
pub(in crate::desk) const SEE_TOKEN: &str = "See the token";
pub(in crate::desk) const KEY_USED: &str =
    "This form created another token before. No token was created now. Send it again to create one with this content.";

pub(in crate::desk) const REVOKE_TITLE: &str = "Revoke this token?";
pub(in crate::desk) const REVOKE_ITEMS: [&str; 3] = [
    "Every call with it is rejected, its open streams end, and so do the sessions that were signed in with it.",
    "Calls that it claimed before may be running, and continue.",
    "A revoked token cannot be made valid again.",
];
pub(in crate::desk) const REVOKE_OWN: &str =
    "You signed in as the owner of this token. If you used it to sign in, your session ends, too.";
pub(in crate::desk) const REVOKE: &str = "Revoke";
pub(in crate::desk) const REVOKED_BEFORE: &str = "This token was revoked before.";

/// What was done, by its code in the address.
pub(in crate::desk) fn done(code: &str) -> Option<&'static str> {
    match code {
        "revoked" => Some("Revoked. Every call with this token is rejected."),
        _ => None,
    }
}
