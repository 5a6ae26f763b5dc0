use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tonic::Request;

use super::error::{Failure, Scope};
use crate::{config::Limits, identity::ShownCertificate};

/// What is known of the connection that a call came on.
#[derive(Clone, Debug, Default)]
pub struct ConnectionInfo {
    /// Streaming calls that are open on it.
    pub open_streams: Arc<AtomicU32>,
    /// The client's certificate, verified; `None` when it has shown none.
    pub certificate: Option<Arc<ShownCertificate>>,
}

/// Counts open streams, per connection and in all.
#[derive(Debug)]
pub(super) struct Streams {
    open: Arc<AtomicU32>,
    limit: u32,
    limit_per_connection: u32,
}

impl Streams {
    pub(super) fn new(limits: &Limits) -> Self {
        let (limit, limit_per_connection) = (limits.streams, limits.streams_per_connection);
        Self { open: Arc::default(), limit, limit_per_connection }
    }

    /// Admits one more stream, until the permit is dropped.
    pub(super) fn open<T>(&self, request: &Request<T>) -> Result<StreamPermit, Failure> {
        let mut permit = StreamPermit(Vec::with_capacity(2));
        if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
            permit.take(&connection.open_streams, Scope::Connection, self.limit_per_connection)?;
        }
        permit.take(&self.open, Scope::Server, self.limit)?;
        Ok(permit)
    }
}

/// Room for one stream.
#[derive(Debug)]
pub(super) struct StreamPermit(Vec<Arc<AtomicU32>>);

impl StreamPermit {
    fn take(&mut self, count: &Arc<AtomicU32>, scope: Scope, limit: u32) -> Result<(), Failure> {
        if count.fetch_add(1, Ordering::Relaxed) >= limit {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::TooManyStreams { scope, limit });
        }
        self.0.push(Arc::clone(count));
        Ok(())
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        for count in &self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
