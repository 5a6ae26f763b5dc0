//! Compression of responses.

use axum::response::Response;

use super::*;
use crate::{desk::assets, test_support::reviewer};

async fn compressed(world: &World, path: &str) -> Response {
    let person = world.sign_in(&reviewer(1)).await;
    let request = person.request("GET", path).header(header::ACCEPT_ENCODING, "gzip, br");
    world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn assets_are_compressed_and_pages_are_not() {
    let world = World::new().await;
    let asset = compressed(&world, &assets::path("style.css")).await;
    assert_eq!(asset.status(), StatusCode::OK);
    assert_eq!(asset.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(asset.headers()[header::VARY], "accept-encoding");
    let size = to_bytes(asset.into_body(), 1 << 20).await.unwrap().len();
    assert!((500..10_000).contains(&size), "{size}");
    let page = compressed(&world, "/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!page.headers().contains_key(header::CONTENT_ENCODING));
}
