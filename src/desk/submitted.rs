//! Forms that a signed-in person submitted.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
};

use super::{
    Desk,
    csrf::{self, Source},
    error::Failed,
    hosts, texts,
    viewer::Viewer,
};

/// The fields of a form that the viewer's own page submitted. A handler that takes it answers no other site's form.
#[derive(Debug)]
pub(super) struct Submitted {
    /// The person.
    pub(super) viewer: Viewer,
    fields: Vec<(String, String)>,
}

impl Submitted {
    /// The value of a field; empty if it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// The values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in the form's order.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }
}

impl FromRequest<Arc<Desk>> for Submitted {
    type Rejection = Failed;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Failed> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, desk).await?;
        let request = Request::from_parts(parts, body);
        refuse_foreign(&request)?;
        let fields = fields(request).await?;
        let submitted = Self { viewer, fields };
        if submitted.viewer.csrf.accepts(submitted.field(csrf::FIELD)) {
            Ok(submitted)
        } else {
            Err(Failed::new(StatusCode::FORBIDDEN, texts::errors::FOREIGN_FORM, texts::errors::FOREIGN_FORM_HINT))
        }
    }
}

/// As [`refuse_foreign`], and rejects a form of which the browser does not say where it came from: the sign-in has no
/// token of a session that would tell.
pub(super) fn require_own(request: &Request) -> Result<(), Failed> {
    match csrf::source(request.headers(), hosts::host(request).unwrap_or_default()) {
        Source::Own => Ok(()),
        Source::Unknown | Source::Foreign => {
            Err(Failed::new(StatusCode::FORBIDDEN, texts::errors::FOREIGN_FORM, texts::errors::FOREIGN_FORM_HINT))
        }
    }
}

/// Rejects a form of another site.
pub(super) fn refuse_foreign(request: &Request) -> Result<(), Failed> {
    let foreign = || Failed::new(StatusCode::FORBIDDEN, texts::errors::FOREIGN_FORM, texts::errors::FOREIGN_FORM_HINT);
    match csrf::source(request.headers(), hosts::host(request).unwrap_or_default()) {
        Source::Own | Source::Unknown => Ok(()),
        Source::Foreign => Err(foreign()),
    }
}

/// The fields of a form. Browsers send line breaks as CR LF, and a script may send a lone CR; here each is LF.
pub(super) async fn fields(request: Request) -> Result<Vec<(String, String)>, Failed> {
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    let plain = |(name, value): (String, String)| (name, value.replace("\r\n", "\n").replace('\r', "\n"));
    form.map(|Form(fields)| fields.into_iter().map(plain).collect())
        .map_err(|rejection| Failed::new(rejection.status(), texts::errors::INVALID, texts::errors::NOT_A_FORM))
}
