//! Signing in with a token.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use futures_util::{StreamExt as _, stream};

use super::World;
use crate::grpc::CallLimits;

fn form(headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let request = Request::post("/sign-in")
        .header(header::HOST, "127.0.0.1:7766")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(body).unwrap()
}

/// There is no session yet, so no token of a session either: only the browser can say where the form came from.
#[tokio::test]
async fn a_form_of_another_or_an_unknown_site_signs_nobody_in() {
    let world = World::new().await;
    for headers in [&[][..], &[("origin", "null")], &[("origin", "https://evil")], &[("sec-fetch-site", "cross-site")]]
    {
        let page = world.send(form(headers, Body::from("token=signoff_x"))).await;
        assert_eq!(
            (page.status, page.body.contains("Nothing was changed")),
            (StatusCode::FORBIDDEN, true),
            "{headers:?}"
        );
    }
    let own = world.send(form(&[("sec-fetch-site", "same-origin")], Body::from("token=signoff_x")));
    let passing = async {
        loop {
            tokio::task::yield_now().await;
            world.clock.advance(Duration::from_secs(1)); // unknown tokens are rejected after a delay
        }
    };
    let page = tokio::select! {
        page = own => page,
        () = passing => unreachable!("it never ends"),
    };
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.body.contains("does not know this token") && !page.body.contains("signoff_x"), "{}", page.body);
}

#[tokio::test]
async fn a_form_that_does_not_arrive_is_given_up() {
    let world = World::new().await;
    let part = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"token="))]);
    let body = Body::from_stream(part.chain(stream::pending()));
    let answer = tokio::spawn({
        let (router, request) = (world.router.clone(), form(&[("sec-fetch-site", "same-origin")], body));
        async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status() }
    });
    while !answer.is_finished() {
        tokio::task::yield_now().await;
        world.clock.advance(CallLimits::default().message_timeout);
    }
    assert_eq!(answer.await.unwrap(), StatusCode::BAD_REQUEST);
}
