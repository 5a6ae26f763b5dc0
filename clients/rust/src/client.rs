//! A connection, and the calls of the API over it.

use std::{sync::Arc, time::Duration};

use tonic::{Request, service::interceptor::InterceptedService, transport::Channel};

use crate::{
    bearer::Bearer,
    options::{ConnectError, Options},
    v1::{
        access_service_client::AccessServiceClient, admin_service_client::AdminServiceClient,
        approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
    },
};

/// A page of 200 approvals of the maximum size fits.
const MESSAGE_BYTES: usize = 64 << 20;

/// The channel under every call: HTTP/2, with the token on it.
pub type Transport = InterceptedService<Channel, Bearer>;

/// A connection to a server. Clones are cheap, and share it; it reconnects by itself.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    bearer: Bearer,
    deadline: Duration,
    address: Arc<str>,
}

impl Client {
    /// A client that connects with its first call. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// For invalid options; the server is not contacted.
    pub fn new(options: &Options) -> Result<Self, ConnectError> {
        let (endpoint, bearer) = options.resolve()?;
        let address = options.shown_address().into();
        Ok(Self { channel: endpoint.connect_lazy(), bearer, deadline: options.deadline, address })
    }

    /// As [`new`](Self::new), with options from the environment: see [`Options::from_env`].
    ///
    /// # Errors
    ///
    /// For invalid options.
    pub fn from_env() -> Result<Self, ConnectError> {
        Self::new(&Options::from_env()?)
    }

    /// A connected client: fails now if the server is unreachable.
    ///
    /// # Errors
    ///
    /// For invalid options, and [`ConnectError::Transport`] when the server is not reached within 10 s.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        let (endpoint, bearer) = options.resolve()?;
        let unreachable = |error| ConnectError::Transport { address: options.shown_address().to_owned(), error };
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { channel, bearer, deadline: options.deadline, address: options.shown_address().into() })
    }

    /// Every call of `signoff.v1.ApprovalService`.
    #[must_use]
    pub fn approvals(&self) -> ApprovalServiceClient<Transport> {
        ApprovalServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Every call of `signoff.v1.PolicyService`.
    #[must_use]
    pub fn policies(&self) -> PolicyServiceClient<Transport> {
        PolicyServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Every call of `signoff.v1.AccessService`.
    #[must_use]
    pub fn access(&self) -> AccessServiceClient<Transport> {
        AccessServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Every call of `signoff.v1.AdminService`.
    #[must_use]
    pub fn admin(&self) -> AdminServiceClient<Transport> {
        AdminServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
    }

    /// The channel and the token, for services that are not Signoff's own, such as `grpc.health.v1.Health`.
    #[must_use]
    pub fn transport(&self) -> Transport {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    /// A request with the deadline of unary calls.
    pub fn unary<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The server's address, as given.
    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }
}
