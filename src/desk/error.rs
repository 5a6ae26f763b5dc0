//! Errors of pages: what happened, and what to do next. Causes are logged elsewhere, never shown.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{layout::Layout, texts};
use crate::grpc::error::Failure;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failed {
    /// A page says why.
    Page {
        /// The HTTP status.
        status: StatusCode,
        /// What happened, in a few words.
        title: String,
        /// What happened, or what to do next.
        message: String,
        /// Further problems, such as every invalid field.
        problems: Vec<String>,
    },
    /// The person has to sign in first; the path leads there.
    SignIn(String),
}

impl Failed {
    /// An error page.
    pub(super) fn new(status: StatusCode, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Page { status, title: title.into(), message: message.into(), problems: Vec::new() }
    }

    /// No such page, or nothing that the person may see.
    pub(super) fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, texts::errors::NOT_FOUND, texts::errors::NOT_FOUND_HINT)
    }

    /// The response.
    pub(super) fn into_page(self) -> Response {
        match self {
            Self::SignIn(path) => Redirect::to(&path).into_response(),
            Self::Page { status, title, message, problems } => {
                let page = ErrorPage { layout: Layout::without_viewer(&title), title, message, problems };
                (status, rendered(&page)).into_response()
            }
        }
    }
}

/// A rendered template. Rendering fails only if a part of it cannot be written.
pub(super) fn rendered(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The failures of use-cases, with the messages of the API.
impl<E: Into<Failure>> From<E> for Failed {
    fn from(error: E) -> Self {
        let status = Status::from(error.into());
        let (http, title) = match status.code() {
            Code::InvalidArgument | Code::OutOfRange => (StatusCode::BAD_REQUEST, texts::errors::INVALID),
            Code::NotFound => (StatusCode::NOT_FOUND, texts::errors::NOT_FOUND),
            Code::PermissionDenied => (StatusCode::FORBIDDEN, texts::errors::DENIED),
            Code::Unauthenticated => (StatusCode::UNAUTHORIZED, texts::errors::SIGN_IN),
            Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => {
                (StatusCode::CONFLICT, texts::errors::CONFLICT)
            }
            Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, texts::errors::TOO_MANY),
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, texts::errors::UNAVAILABLE),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, texts::errors::INTERNAL),
        };
        let details = status.get_error_details();
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let problems = violations.iter().map(|one| format!("{}: {}", one.field, one.description)).collect();
        Self::Page { status: http, title: title.to_owned(), message: status.message().to_owned(), problems }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        self.into_page()
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    title: String,
    message: String,
    problems: Vec<String>,
}
