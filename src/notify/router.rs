//! The routes by which channels take answers of people.

use std::sync::Arc;

use axum::Router;

use super::{Answering, Channel};
use crate::domain::ChannelName;

/// The routes of channels.
pub(super) fn router<'a>(
    channels: impl IntoIterator<Item = (&'a ChannelName, &'a Arc<dyn Channel>)>,
    answering: &Answering,
) -> Router {
    let routes = |(name, channel): (&ChannelName, &Arc<dyn Channel>)| Arc::clone(channel).routes(name, answering);
    channels.into_iter().filter_map(routes).fold(Router::new(), Router::merge)
}
