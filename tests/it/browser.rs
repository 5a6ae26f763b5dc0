//! A browser: what it sends, and the cookies that it keeps.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request,
    header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use crate::server::soon;

/// What a browser shows.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().expect("a URL"))
    }

    /// The value of a hidden field of a form, without HTML's escapes.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let begin = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&begin).unwrap_or_else(|| panic!("no {name}: {}", self.text));
        rest.split('"').next().expect("a value").to_owned()
    }
}

/// A browser that keeps cookies, and follows a redirect when it is told to. Cookies know no ports.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) async fn send(&mut self, method: Method, url: &str, form: Option<&str>) -> Page {
        let mut request = Request::builder().method(method).uri(url).header(COOKIE, self.cookie_header());
        if form.is_some() {
            let of_the_page = ("sec-fetch-site", "same-origin");
            request =
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(of_the_page.0, of_the_page.1);
        }
        let body = Full::<Bytes>::from(form.unwrap_or_default().to_owned());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = soon("an answer", client.request(request.body(body).expect("a request"))).await.expect("answered");
        let (parts, body) = answer.into_parts();
        let text = soon("the answer ends", body.collect()).await.expect("a body").to_bytes();
        for set in parts.headers.get_all(SET_COOKIE) {
            let cookie = cookie::Cookie::parse(set.to_str().expect("text").to_owned()).expect("a cookie");
            if cookie.max_age().is_some_and(|age| age.is_zero()) || cookie.value().is_empty() {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        let text = String::from_utf8(text.to_vec()).expect("text");
        Page { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.send(Method::GET, url, None).await
    }

    /// Signs in at the desk with a token. Returns the answer to the form.
    pub(crate) async fn sign_in(&mut self, desk: &str, token: &str, next: &str) -> Page {
        let form = format!("next={next}&token={token}");
        self.send(Method::POST, &format!("{desk}/sign-in"), Some(&form)).await
    }

    pub(crate) fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}
