//! Signing in with an OpenID provider.

use crate::identity::oidc::{Denial, SignInError};

pub(in crate::desk) const AGAIN: &str = "Sign in again";
pub(in crate::desk) const OR: &str = "Or with a token of this server:";

const NOT_SIGNED_IN: &str = "You are not signed in";

/// Maximum number of groups that a message names.
const GROUPS: usize = 10;

/// The link to the provider.
pub(in crate::desk) fn sign_in_with(provider: &str) -> String {
    format!("Sign in with {provider}")
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub(in crate::desk) struct Explained {
    /// What happened, in a few words.
    pub(in crate::desk) title: String,
    /// What happened, and what to do.
    pub(in crate::desk) message: String,
    /// What an operator must change.
    pub(in crate::desk) operator: Option<String>,
}

fn explained(message: impl Into<String>, operator: Option<String>) -> Explained {
    Explained { title: NOT_SIGNED_IN.to_owned(), message: message.into(), operator }
}

/// The provider knows the person, but the desk is not for such credentials.
pub(in crate::desk) fn not_for_the_desk(why: &str, provider: &str) -> Explained {
    explained(format!("{provider} signed you in. {why}"), None)
}

/// Why a sign-in failed.
pub(in crate::desk) fn explain(error: &SignInError) -> Explained {
    let operator = |what: &str| Some(format!("For an operator of this server: {what}"));
    match error {
        SignInError::NoAttempt => explained(
            "This sign-in is not open in this browser: it was completed already, or a newer one replaced it, or it \
             began in another browser or under another address.",
            None,
        ),
        SignInError::Expired => explained("The sign-in took longer than 10 minutes.", None),
        SignInError::OtherIssuer => explained(
            "The answer does not come from the identity provider of this server.",
            operator("oidc.issuer must be the provider's issuer, to the character."),
        ),
        SignInError::Denied(denial) => denied(*denial),
        SignInError::NoCode => explained("The identity provider's answer is not complete.", None),
        SignInError::CodeRejected => {
            explained("The identity provider did not accept the sign-in: it was used before, or is too old.", None)
        }
        SignInError::ClientRejected => explained(
            "The identity provider does not accept this server.",
            operator("check oidc.client_id, oidc.client_secret_file, and the redirect URI at the provider."),
        ),
        SignInError::ClientSecret(_) => explained(
            "This server cannot authenticate to the identity provider.",
            operator("the file in oidc.client_secret_file cannot be used; the log says why."),
        ),
        SignInError::Unavailable => explained(
            "The identity provider cannot be reached at present. Try again in a minute.",
            operator("the log says why."),
        ),
        SignInError::NoIdToken => explained(
            "The identity provider did not say who you are.",
            operator("the client must use OpenID Connect: allow the scope openid at the provider."),
        ),
        SignInError::IdToken(rejection) => explained(
            format!("The identity provider's ID token is not valid: {rejection}."),
            operator("compare the settings oidc.… with the provider, and the clocks of both."),
        ),
        SignInError::NotAPerson => {
            explained("This account belongs to a program. Only people sign in here; programs use the API.", None)
        }
        SignInError::NoRole { groups, claim } => no_role(groups, claim),
        SignInError::Busy => explained("Too many people are signing in at present. Try again in a minute.", None),
        SignInError::NoRandom => explained("The server has an internal problem.", operator("the log says which.")),
    }
}

fn denied(denial: Denial) -> Explained {
    let operator = |what: &str| Some(format!("For an operator of this server: {what}"));
    match denial {
        Denial::AccessDenied => explained(
            "The identity provider did not sign you in: you cancelled, or you are not allowed to use this application.",
            operator("assign the person or a group of theirs to the application at the provider."),
        ),
        Denial::Interaction => explained("The identity provider asks you to sign in there first.", None),
        Denial::Scope => explained(
            "The identity provider does not accept what this server asks for.",
            operator("oidc.scopes has a scope that the provider does not know, or does not allow this client."),
        ),
        Denial::Client => explained(
            "The identity provider does not accept this server.",
            operator(
                "check oidc.client_id, the redirect URI, and that the client may use the authorization code flow.",
            ),
        ),
        Denial::Temporary => explained("The identity provider has a problem. Try again in a minute.", None),
        Denial::Other => explained("The identity provider did not sign you in.", None),
    }
}

fn no_role(groups: &[String], claim: &str) -> Explained {
    let settings = "roles.reviewer, roles.auditor or roles.operator";
    if groups.is_empty() {
        return explained(
            "The identity provider knows you, but names no group of yours, and roles come from groups.",
            Some(format!(
                "For an operator of this server: the ID token has no groups in the claim {claim}. Make the provider add \
                 them, or set oidc.groups_claim or oidc.scopes; then name one of the groups in {settings}."
            )),
        );
    }
    let mut named = groups.iter().take(GROUPS).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more) = groups.len().checked_sub(GROUPS).filter(|more| *more > 0) {
        named.push_str(&format!(" and {more} more"));
    }
    explained(
        format!("The identity provider knows you, but none of your groups has a role here. Your groups: {named}."),
        Some(format!("For an operator of this server: name one of these groups in {settings}.")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_without_a_role_learns_what_must_be_set() {
        let groups = |count: usize| (0..count).map(|number| format!("g{number}")).collect();
        let told = |groups: Vec<String>| {
            let Explained { message, operator, .. } = explain(&SignInError::NoRole { groups, claim: "roles".into() });
            format!("{message} {}", operator.unwrap())
        };
        let none = told(Vec::new());
        assert!(none.contains("in the claim roles.") && none.contains("roles.reviewer"), "{none}");
        let some = told(groups(10));
        assert!(
            some.contains("Your groups: g0, ") && some.contains("g9. For") && some.contains("roles.reviewer"),
            "{some}"
        );
        assert!(told(groups(12)).contains("g9 and 2 more. For"));
    }
}
