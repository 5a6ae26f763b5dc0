use std::sync::{Arc, atomic::AtomicU32};

use super::in_flight::Scope;
use crate::{connections::ConnectionState, identity::PresentedCertificate};

/// What is known of the connection that a call came on.
#[derive(Clone, Debug, Default)]
pub struct ConnectionInfo {
    /// Streaming calls that are open on it.
    pub open_streams: Arc<AtomicU32>,
    /// Bytes of its calls that are in memory.
    pub in_flight: Arc<Scope>,
    /// The client's certificate, verified; `None` when it has shown none.
    pub certificate: Option<Arc<PresentedCertificate>>,
    /// Its place in the registry of connections; `None` in tests only.
    pub link: Option<Arc<ConnectionState>>,
}
