use std::sync::{Arc, atomic::AtomicU32};

use super::in_flight::Scope;
use crate::{connections::ConnectionState, identity::PresentedCertificate};

/// Information about the connection of a call.
#[derive(Clone, Debug, Default)]
pub struct ConnectionInfo {
    /// Number of open streaming calls on it.
    pub open_streams: Arc<AtomicU32>,
    /// Bytes of its calls in memory.
    pub in_flight: Arc<Scope>,
    /// The verified client certificate. `None` without one.
    pub certificate: Option<Arc<PresentedCertificate>>,
    /// Its state in the registry of connections. `None` only in tests.
    pub link: Option<Arc<ConnectionState>>,
}
