//! Checks the files that a configuration names, without starting a server.

use std::path::Path;

use rustix::fs::{Access, access};

use super::channel_secrets;
use crate::{
    config::Config,
    identity::oidc::{self, check_client_secret_file},
    policy_file,
    store::StoreConfig,
    tls::{LiveTls, TlsFiles},
    workers::read_policy_file,
};

/// Problems that would keep a server from starting with this configuration, or from accepting tokens; one per line.
///
/// It does not open the store or wait for writers of the files, as a server does: one may be running.
pub async fn check_files(config: &Config) -> Vec<String> {
    let mut problems = check_data_dir(&config.data_dir);
    if let Some(files) = TlsFiles::of(&config.tls) {
        problems.extend(check_tls(files).await);
    }
    if let Some(path) = config.oidc.keys_file() {
        let unusable = oidc::check_keys_file(&path).await.err();
        problems.extend(unusable.map(|error| format!("oidc.keys: {}: {error}", path.display())));
    }
    if let Some(path) = &config.oidc.client_secret_file {
        let unusable = check_client_secret_file(path).await.err();
        problems.extend(unusable.map(|error| format!("oidc.client_secret_file: {error}")));
    }
    if let (Some(url), Some(_)) = (&config.store, &config.store_password_file) {
        let unusable = StoreConfig::in_postgres(url, config.store_password_file.as_deref()).await.err();
        problems.extend(unusable.map(|error| format!("store_password_file: {error}")));
    }
    problems.extend(channel_secrets::problems(&config.channels).await);
    if let Some(path) = &config.policy {
        match read_policy_file(path).await {
            Ok(content) => {
                let wrong = policy_file::load(path, &content).err().unwrap_or_default();
                problems.extend(wrong.lines().map(|line| format!("policy: {line}")));
            }
            Err(error) => problems.push(format!("policy: {error}")),
        }
    }
    problems
}

/// Checks each file separately: when one is unreadable, others may be wrong too.
async fn check_tls(files: TlsFiles) -> Vec<String> {
    let mut problems = files.unreadable().await;
    if problems.is_empty() {
        match files.contents().await {
            Ok(contents) => problems.extend(LiveTls::start(files, &contents).err().map(|error| error.to_string())),
            Err(error) => problems.push(error),
        }
    }
    problems.into_iter().map(|problem| format!("tls: {problem}")).collect()
}

/// Checks the data directory, or the closest existing parent in which it would be created.
fn check_data_dir(path: &Path) -> Vec<String> {
    let existing = path.ancestors().find(|ancestor| ancestor.as_os_str().is_empty() || ancestor.exists());
    let existing = existing.filter(|ancestor| !ancestor.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let problem = if !existing.is_dir() {
        format!("{} is not a directory", existing.display())
    } else if let Err(error) = access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        format!("cannot write to {}: {}", existing.display(), std::io::Error::from(error))
    } else {
        return Vec::new();
    };
    vec![format!("data_dir: {problem}")]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{config::OidcSettings, notify::ChannelSettings, tls::TlsConfig};

    fn channel(token: &str) -> ChannelSettings {
        let table = format!("kind = 'test'\nurl = 'u'\n{token}");
        ChannelSettings::parse("finance".parse().unwrap(), table.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_server_requires_the_secrets_of_its_channels() {
        let missing = channel_secrets::require(&[channel("token_env = 'SIGNOFF_NO_SUCH_SECRET'")]).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            "cannot read the secrets of channels:\n\
             channels.finance.token_env: the environment variable SIGNOFF_NO_SUCH_SECRET is not set"
        );
        assert!(channel_secrets::require(&[channel("token_env = 'CARGO_PKG_NAME'")]).await.is_ok());
    }

    #[tokio::test]
    async fn every_problem_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "no directory").unwrap();
        fs::write(path("policy.yaml"), "rules:\n  - name: a\n    tols: [x]\n    when: 1 +\n").unwrap();
        fs::write(path("keys.json"), r#"{"keys": []}"#).unwrap();
        let config = Config {
            data_dir: path("file").join("data"),
            store: Some("postgres://u@localhost/d".parse().unwrap()),
            store_password_file: Some(path("password")),
            policy: Some(path("policy.yaml")),
            tls: TlsConfig {
                certificate: Some(path("tls.crt")),
                key: Some(path("tls.key")),
                client_ca: Some(path("file")),
                ..TlsConfig::default()
            },
            oidc: OidcSettings {
                issuer: Some("https://id.example.org".into()),
                keys: Some(path("keys.json").display().to_string()),
                client_secret_file: Some(path("client-secret")),
                ..OidcSettings::default()
            },
            channels: vec![
                channel("token_file = '/nonexistent/token'"),
                channel("token_env = 'SIGNOFF_NO_SUCH_SECRET'"),
            ],
            ..Config::default()
        };
        let problems = check_files(&config).await;
        let told = problems.join("\n").replace(&format!("{}/", directory.path().display()), "");
        for expected in [
            "data_dir: file is not a directory",
            "store_password_file: cannot read the password of the database: password: No such file",
            "tls: tls.crt: No such file",
            "tls: tls.key: No such file",
            "oidc.client_secret_file: client-secret: No such file",
            "channels.finance.token_file: /nonexistent/token: No such file",
            "channels.finance.token_env: the environment variable SIGNOFF_NO_SUCH_SECRET is not set",
            "oidc.keys: keys.json: the key set has no usable key",
            "policy: policy.yaml:3:5: rules[0].tols: is unknown",
            "policy: policy.yaml:4:11: rules[0].when: column 4: unexpected end of the condition",
        ] {
            assert!(told.lines().any(|line| line.starts_with(expected)), "no {expected:?} in\n{told}");
        }
        for (name, content) in [("tls.crt", "none"), ("tls.key", "none")] {
            fs::write(path(name), content).unwrap();
        }
        let told = check_files(&config).await.join("\n");
        assert!(told.contains("tls.crt: contains no PEM certificate"), "{told}");
    }

    #[tokio::test]
    async fn valid_files_and_new_directories_are_not_reported() {
        let directory = tempfile::tempdir().unwrap();
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy.yaml");
        for data_dir in [directory.path().to_owned(), directory.path().join("a/b")] {
            let config = Config { data_dir, policy: Some(policy.clone()), ..Config::default() };
            assert_eq!(check_files(&config).await, [""; 0]);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "creates nothing");
    }
}
