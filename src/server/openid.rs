//! Builds the verifier of an OpenID provider's tokens, and the sign-in with it.

use std::{net::SocketAddr, sync::Arc};

use super::StartError;
use crate::{
    clock::Clock,
    config::Config,
    domain::PublicUrl,
    identity::oidc::{Oidc, SignIn, SignInConfig, check_client_secret_file},
};

/// Where people reach the server: in development mode, if nothing is set, at its own address.
pub(super) fn public_url(config: &Config, scheme: &str, address: SocketAddr) -> Option<PublicUrl> {
    let own = || format!("{scheme}://{address}").parse().ok().filter(|_| config.dev);
    config.public_url.clone().or_else(own)
}

/// The verifier of tokens, if a provider is configured.
pub(super) fn verifier(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Arc<Oidc>>, StartError> {
    Ok(config.oidc.verifier().map(|verifier| Oidc::new(verifier, Arc::clone(clock))).transpose()?)
}

/// The sign-in of people, if the server is a client of the provider.
pub(super) async fn sign_in(
    config: &Config,
    oidc: Option<Arc<Oidc>>,
    public_url: Option<PublicUrl>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<SignIn>>, StartError> {
    let (Some(oidc), Some(client_id), Some(public_url)) = (oidc, config.oidc.client_id.clone(), public_url) else {
        return Ok(None);
    };
    let client_secret_file = config.oidc.client_secret_file.clone();
    let settings = SignInConfig { client_id, client_secret_file, scopes: config.oidc.scopes.clone(), public_url };
    if let Some(file) = &settings.client_secret_file {
        check_client_secret_file(file).await?;
    }
    Ok(Some(Arc::new(SignIn::new(settings, oidc, config.roles.clone(), clock)?)))
}
