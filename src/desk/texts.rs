//! All texts of the pages, in one place, ready to be translated. The texts of a larger page are in a file of its own
//! under `texts/`.
//!
//! The words are those of the API, the commands and the messages: *Approve*, *Reject*, *Revoke*, *Cancelled*,
//! *Timed out*.

use crate::domain::Status;

pub(super) mod alerts;
pub(super) mod approval;
pub(super) mod deliveries;
pub(super) mod forms;
pub(super) mod freezes;
pub(super) mod history;
pub(super) mod keys;
pub(super) mod links;
pub(super) mod openid;
pub(super) mod policy;
pub(super) mod queue;
pub(super) mod sessions;
pub(super) mod span;
pub(super) mod status;
pub(super) mod tokens;

/// The words of a status, as in messages and commands.
pub(super) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Pending => "Pending",
        Status::Approved => "Approved",
        Status::Rejected => "Rejected",
        Status::TimedOut => "Timed out",
        Status::Cancelled => "Cancelled",
        Status::AutoApproved => "Approved by the policy",
        Status::AutoRejected => "Rejected by the policy",
    }
}

/// The language of the texts, as HTML names it.
pub(super) const LANGUAGE: &str = "en";

/// The product.
pub(super) const SIGNOFF: &str = "Signoff";

/// Instead of the time left, after the deadline.
pub(super) const TIMED_OUT: &str = "timed out";

/// The time left; `{time}` is replaced. Scripts count with the same words.
pub(super) const LEFT: &str = "{time} left";

pub(super) fn left(time: &str) -> String {
    LEFT.replace("{time}", time)
}

/// Names of places.
pub(super) mod nav {
    pub(in crate::desk) const WAITING: &str = "Waiting for you";
    pub(in crate::desk) const PENDING: &str = "All pending";
    pub(in crate::desk) const HISTORY: &str = "History";
    pub(in crate::desk) const POLICY: &str = "Policy";
    pub(in crate::desk) const FREEZES: &str = "Freezes";
    pub(in crate::desk) const TOKENS: &str = "Tokens";
    pub(in crate::desk) const SESSIONS: &str = "Sessions";
    pub(in crate::desk) const DELIVERIES: &str = "Deliveries";
    pub(in crate::desk) const STATUS: &str = "Status";
    pub(in crate::desk) const MENU: &str = "Menu";
    pub(in crate::desk) const SKIP: &str = "Skip to content";
    pub(in crate::desk) const SIGN_OUT: &str = "Sign out";
    pub(in crate::desk) const SIGN_OUT_EVERYWHERE: &str = "Sign out everywhere";
    pub(in crate::desk) const SIGNED_IN_AS: &str = "Signed in as";
}

/// The state of the connection of an open page. Scripts get these texts as attributes of the page.
pub(super) mod live {
    pub(in crate::desk) const LIVE: &str = "live";
    pub(in crate::desk) const CONNECTING: &str = "connecting";
    /// `{time}` is replaced by the time since when.
    pub(in crate::desk) const LOST: &str =
        "Not connected since {time}. Decisions are off until the page is current again.";
    pub(in crate::desk) const SIGNED_OUT: &str = "Your session has ended. Sign in again to decide.";
}

/// The sign-in page.
pub(super) mod sign_in {
    use crate::identity::Unrecognised;

    pub(in crate::desk) const TITLE: &str = "Sign in";
    pub(in crate::desk) const TOKEN: &str = "Token";
    pub(in crate::desk) const TOKEN_HINT: &str = "A token of this server, with the role reviewer, auditor or operator.";
    pub(in crate::desk) const DEV_HINT: &str =
        "Development mode: reviewer.env and operator.env in the data directory contain tokens.";
    pub(in crate::desk) const SUBMIT: &str = "Sign in";
    pub(in crate::desk) const NO_TOKEN: &str = "Enter a token of at most 16 KiB.";
    pub(in crate::desk) const LINK_USED: &str = "This link was already used";
    pub(in crate::desk) const LINK_USED_HINT: &str = "The link of development mode signs in once. Sign in with the token in reviewer.env, or restart the server for \
         another link.";

    /// Why a person with valid credentials cannot sign in.
    pub(in crate::desk) fn not_allowed(error: &crate::sessions::Error) -> String {
        format!("Cannot sign in: {error}.")
    }

    /// Why a token was rejected.
    pub(in crate::desk) fn refused(cause: Unrecognised) -> String {
        match cause {
            Unrecognised::Unknown | Unrecognised::NoBearer | Unrecognised::SeveralCredentials => {
                "This server does not know this token.".to_owned()
            }
            cause => format!("Cannot sign in: {cause}."),
        }
    }
}

/// Error pages.
pub(super) mod errors {
    pub(in crate::desk) const BACK: &str = "Back to the requests";
    pub(in crate::desk) const NOT_FOUND: &str = "Not found";
    pub(in crate::desk) const NOT_FOUND_HINT: &str = "There is no such page, or you may not see it.";
    pub(in crate::desk) const DENIED: &str = "Not allowed";
    pub(in crate::desk) const SIGN_IN: &str = "Sign in first";
    pub(in crate::desk) const SESSION_ENDED: &str = "Your session has ended.";
    pub(in crate::desk) const INVALID: &str = "Invalid input";
    pub(in crate::desk) const NOT_A_FORM: &str = "The form is not complete, or is too large. Nothing was changed.";
    pub(in crate::desk) const CONFLICT: &str = "Not possible any more";
    pub(in crate::desk) const TOO_MANY: &str = "Too many requests";
    pub(in crate::desk) const UNAVAILABLE: &str = "Not available at present";
    pub(in crate::desk) const INTERNAL: &str = "Internal error";
    pub(in crate::desk) const FOREIGN_FORM: &str = "The form is not from this page";
    pub(in crate::desk) const FOREIGN_FORM_HINT: &str =
        "Nothing was changed. Open the page again, and submit the form there.";
    pub(in crate::desk) const OTHER_HOST: &str = "Unknown host name";
    pub(in crate::desk) const OTHER_HOST_HINT: &str =
        "This server does not answer to this name. Set public_url or desk.allowed_hosts in its configuration.";
}
