//! Texts of the pages of sessions.

pub(in crate::desk) const TITLE: &str = "Sessions";
pub(in crate::desk) const PAGES: &str = "Pages of sessions";
pub(in crate::desk) const MINE: &str = "Yours";
pub(in crate::desk) const EVERYBODY: &str = "Everybody's";
pub(in crate::desk) const MINE_INTRO: &str = "Where you are signed in. End a session that you do not know.";
pub(in crate::desk) const THIS: &str = "This one";
pub(in crate::desk) const ACTIVE: &str = "Active";
pub(in crate::desk) const EXPIRED: &str = "Expired";
pub(in crate::desk) const ENDED: &str = "Ended";
pub(in crate::desk) const SIGNED_IN: &str = "Signed in at";
pub(in crate::desk) const HOW: &str = "Signed in with";
pub(in crate::desk) const BY_TOKEN: &str = "a token of this server";
pub(in crate::desk) const BY_DEV_TOKEN: &str = "the link or a token of development mode";
pub(in crate::desk) const BY_OIDC: &str = "the OpenID provider";
pub(in crate::desk) const LAST_USED: &str = "Last used";
pub(in crate::desk) const EXPIRES: &str = "Ends at the latest";
pub(in crate::desk) const ROLES: &str = "Roles";
pub(in crate::desk) const GROUPS: &str = "Groups";
pub(in crate::desk) const ENDED_BY: &str = "Ended by";
pub(in crate::desk) const ENDED_AT: &str = "Ended at";
pub(in crate::desk) const ID: &str = "Id";
pub(in crate::desk) const END_LINK: &str = "End…";

pub(in crate::desk) const END_TITLE: &str = "End this session?";
pub(in crate::desk) const END_THIS: &str = "This is the session of this page: you are signed out.";
pub(in crate::desk) const END_OTHER: &str =
    "Its cookie is rejected, and its open pages get no more updates. What was done in it is not undone.";
pub(in crate::desk) const END: &str = "End the session";

pub(in crate::desk) const ALL_TITLE: &str = "Everybody's sessions";
pub(in crate::desk) const WHICH: &str = "Which sessions";
pub(in crate::desk) const ALL: &str = "All";
pub(in crate::desk) const NONE_ACTIVE: &str = "No session is active.";
pub(in crate::desk) const NONE: &str = "There are no sessions.";
pub(in crate::desk) const KEPT: &str = "Sessions are kept until they expire, also after they were ended.";
pub(in crate::desk) const PERSON_LINK: &str = "The person…";

pub(in crate::desk) const BLOCKED: &str = "Blocked";
pub(in crate::desk) const NONE_BLOCKED: &str = "Nobody is blocked.";
pub(in crate::desk) const BLOCKED_BY: &str = "Blocked by";
pub(in crate::desk) const SINCE: &str = "Since";
pub(in crate::desk) const REASON: &str = "Reason";
pub(in crate::desk) const NO_REASON: &str = "none given";
pub(in crate::desk) const BLOCK_SOMEBODY: &str = "Find a person or a program";
pub(in crate::desk) const ISSUER: &str = "Issuer";
pub(in crate::desk) const ISSUER_HINT: &str =
    "The issuer of the OpenID provider; local for tokens of this server; certificate for client certificates.";
pub(in crate::desk) const SUBJECT: &str = "Name at the issuer";
pub(in crate::desk) const FIND: &str = "Continue";

pub(in crate::desk) const PERSON_TITLE: &str = "Sessions of one person";
pub(in crate::desk) const NO_SESSION: &str = "No session of this name is active.";
pub(in crate::desk) const IS_BLOCKED: &str = "Blocked: the server rejects every credential of this name.";
pub(in crate::desk) const END_ALL_TITLE: &str = "End all sessions";
pub(in crate::desk) const END_ALL_ITEMS: [&str; 2] = [
    "Every session of this name ends now. What was done in them is not undone.",
    "The person can sign in again. To keep the person out, block the name.",
];
pub(in crate::desk) const END_ALL: &str = "End all sessions";
pub(in crate::desk) const BLOCK_TITLE: &str = "Block";
pub(in crate::desk) const BLOCK_ITEMS: [&str; 3] = [
    "The server rejects every credential of this name: tokens of this server, sign-ins with the OpenID provider, client \
     certificates. Its sessions and open streams end.",
    "Nobody decides for this name through a bridge.",
    "Calls that it claimed before may be running, and continue. Decisions that it made stay.",
];
pub(in crate::desk) const REASON_HINT: &str = "For other operators. At most 1,024 bytes.";
pub(in crate::desk) const BLOCK: &str = "Block";
pub(in crate::desk) const OWN: &str = "This is your own name. Another operator can block it.";
pub(in crate::desk) const UNBLOCK_TITLE: &str = "Unblock";
pub(in crate::desk) const UNBLOCK_HINT: &str =
    "Its credentials are valid again, unless they were revoked or have expired. Its sessions stay ended.";
pub(in crate::desk) const UNBLOCK: &str = "Unblock";

/// What was done, by its code in the address.
pub(in crate::desk) fn done(code: &str) -> Option<&'static str> {
    match code {
        "ended" => Some("Ended. The cookie of the session is rejected."),
        "ended-all" => Some("Ended all sessions of this person."),
        "blocked" => Some("Blocked. Every credential of this name is rejected, and its sessions have ended."),
        "unblocked" => Some("Unblocked. Its credentials are valid again, unless they were revoked or have expired."),
        _ => None,
    }
}
