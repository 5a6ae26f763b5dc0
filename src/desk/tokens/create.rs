//! The form of a new token, and the only page that shows its secret.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{AgentText, Moment, Shown, words};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        form::{Form, KEY, lines},
        layout::{Layout, Place},
        submitted::Submitted,
        viewer::Viewer,
    },
    domain::{NewToken, limits::RequestLimits},
    identity::Method,
    proto::v1,
    tokens::Error,
    wire::decode,
};

/// Content of a new form.
const DEFAULTS: [(&str, &str); 3] = [("kind", "AGENT"), ("ttl", "90"), ("ttl_unit", "days")];

#[derive(Template)]
#[template(path = "token_new.html")]
struct NewPage {
    layout: Layout,
    form: Form,
}

impl NewPage {
    fn of(viewer: &Viewer, form: Form) -> Response {
        rendered(&Self { layout: Layout::of(viewer, words::NEW_TITLE, Some(Place::Tokens)), form })
    }
}

/// `GET /tokens/new`.
pub(super) async fn new(viewer: Viewer) -> Result<Response, Failed> {
    viewer.sees(Method::CreateToken)?;
    Ok(NewPage::of(&viewer, Form::new(&viewer, &DEFAULTS)))
}

/// The page after the creation. It has no `Debug`, because it has the secret.
#[derive(Template)]
#[template(path = "token_created.html")]
struct CreatedPage {
    layout: Layout,
    shown: Shown,
    secret: String,
}

#[derive(Template)]
#[template(path = "token_already.html")]
struct AlreadyPage {
    layout: Layout,
    id: String,
}

/// `POST /tokens/new`: creates the token, and answers with its secret. There is no redirect, because only this response
/// has the secret; a browser that sends the form again creates no second token.
pub(super) async fn create(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::CreateToken)?;
    let mut form = Form::of(&submitted);
    let Some(new) = decoded(&mut form, submitted.field(KEY), &submitted, &desk.limits) else {
        return Ok((StatusCode::BAD_REQUEST, NewPage::of(viewer, form)).into_response());
    };
    match desk.tokens.create(&viewer.principal, new).await {
        Ok((token, secret)) => Ok(rendered(&CreatedPage {
            layout: Layout::of(viewer, words::CREATED_TITLE, Some(Place::Tokens)).with_script("copy.js"),
            shown: Shown { at: token.created_at, token },
            secret: secret.reveal().to_owned(),
        })),
        Err(Error::AlreadyCreated { id, .. }) => {
            let layout = Layout::of(viewer, words::ALREADY_TITLE, Some(Place::Tokens));
            Ok((StatusCode::CONFLICT, rendered(&AlreadyPage { layout, id: id.to_string() })).into_response())
        }
        Err(Error::RequestIdReused { .. }) => {
            form.refuse("", words::KEY_USED);
            Ok((StatusCode::CONFLICT, NewPage::of(viewer, form)).into_response())
        }
        Err(error) => {
            let status = form.failed(error)?;
            Ok((status, NewPage::of(viewer, form)).into_response())
        }
    }
}

/// The token that a form asks for. Adds problems to the form if it is not valid.
fn decoded(form: &mut Form, key: &str, submitted: &Submitted, limits: &RequestLimits) -> Option<NewToken> {
    let ttl = match ttl(form.value("ttl").trim(), form.value("ttl_unit")) {
        Ok(ttl) => ttl,
        Err(NotATime) => {
            form.refuse("ttl", words::TTL_WRONG);
            None
        }
    };
    let [person, issuer] = ["on_behalf_of_subject", "on_behalf_of_issuer"].map(|name| form.value(name).trim());
    let on_behalf_of = (!person.is_empty() || !issuer.is_empty()).then(|| v1::Person {
        issuer: issuer.to_owned(),
        subject: person.to_owned(),
        groups: Vec::new(),
    });
    let [issuers, groups] = ["decides_for_issuers", "decides_for_groups"].map(|name| lines(form.value(name)));
    let decides_for = (!issuers.is_empty() || !groups.is_empty()).then_some(v1::DecidesFor { issuers, groups });
    let kind = v1::ActorKind::from_str_name(&format!("ACTOR_KIND_{}", form.value("kind"))).unwrap_or_default();
    let role = |name: &str| v1::Role::from_str_name(&format!("ROLE_{name}")).unwrap_or_default().into();
    let permission =
        |name: &str| v1::Permission::from_str_name(&format!("PERMISSION_{name}")).unwrap_or_default().into();
    let message = v1::CreateTokenRequest {
        request_id: key.to_owned(),
        subject: form.value("subject").trim().to_owned(),
        kind: kind.into(),
        roles: submitted.all("roles").map(role).collect(),
        groups: lines(form.value("groups")),
        permissions: submitted.all("permissions").map(permission).collect(),
        ttl,
        comment: form.value("comment").trim().to_owned(),
        on_behalf_of,
        decides_for,
    };
    let decoded = decode::new_token(message, limits).map_err(|violations| form.refuse_all(violations, place)).ok();
    decoded.filter(|_| form.problems().is_empty())
}

/// The field of the form, and its label, for a field of the message.
fn place(field: &str) -> (&'static str, &'static str) {
    let list = |name: &str| field == name || field.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
    match field {
        "subject" => ("subject", words::SUBJECT),
        "kind" => ("kind", words::KIND),
        "ttl" => ("ttl", words::TTL),
        "comment" => ("comment", words::COMMENT),
        "on_behalf_of.issuer" => ("on_behalf_of_issuer", words::BEHALF_ISSUER),
        "on_behalf_of" | "on_behalf_of.subject" => ("on_behalf_of_subject", words::BEHALF_SUBJECT),
        _ if list("roles") => ("roles", words::ROLES),
        _ if list("groups") => ("groups", words::GROUPS),
        _ if list("permissions") => ("permissions", words::PERMISSIONS),
        _ if list("decides_for.groups") => ("decides_for_groups", words::DECIDES_FOR_GROUPS),
        _ if field.starts_with("decides_for") => ("decides_for_issuers", words::ISSUERS),
        _ => ("", ""),
    }
}

/// The time to live is not a whole number of a unit.
#[derive(Debug, PartialEq, Eq)]
struct NotATime;

/// The time to live of a number and a unit; `None` without a number.
fn ttl(number: &str, unit: &str) -> Result<Option<prost_types::Duration>, NotATime> {
    if number.is_empty() {
        return Ok(None);
    }
    let (_, seconds, _) = words::TTL_UNITS.into_iter().find(|(known, ..)| *known == unit).ok_or(NotATime)?;
    let number: u64 = number.parse().map_err(|_| NotATime)?;
    let seconds = number.checked_mul(seconds).and_then(|seconds| i64::try_from(seconds).ok()).ok_or(NotATime)?;
    Ok(Some(prost_types::Duration { seconds, nanos: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_whole_numbers_of_a_unit() {
        let seconds = |number, unit| ttl(number, unit).map(|ttl| ttl.map(|ttl| ttl.seconds));
        assert_eq!(seconds("", "days"), Ok(None));
        assert_eq!(seconds("90", "days"), Ok(Some(7_776_000)));
        assert_eq!(seconds("5", "minutes"), Ok(Some(300)));
        for (number, unit) in [("x", "days"), ("-1", "days"), ("1.5", "hours"), ("1", "years"), ("1", "")] {
            assert_eq!(seconds(number, unit), Err(NotATime), "{number} {unit}");
        }
        assert_eq!(seconds(&u64::MAX.to_string(), "days"), Err(NotATime));
    }

    #[test]
    fn every_field_of_the_message_has_a_place_in_the_form() {
        for (field, expected) in [
            ("roles", "roles"),
            ("roles[1]", "roles"),
            ("groups[0]", "groups"),
            ("permissions", "permissions"),
            ("decides_for", "decides_for_issuers"),
            ("decides_for.issuers[2]", "decides_for_issuers"),
            ("decides_for.groups[2]", "decides_for_groups"),
            ("on_behalf_of", "on_behalf_of_subject"),
            ("on_behalf_of.issuer", "on_behalf_of_issuer"),
            ("request_id", ""),
        ] {
            assert_eq!(place(field).0, expected, "{field}");
        }
    }
}
